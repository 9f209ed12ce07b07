//! Handshakes of many sides at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls};
use media::relay::{DtlsRole, PeerKeys};
use units::Tick;
use units::wheel::{TimerId, Wheel};

use crate::association::{Association, Failure, Step};
use crate::certificate::Certificate;

/// A flight is sent again after so long, and then after twice as long (RFC 6347 §4.2.4.1 allows less than
/// its second where delays are small, as they must be for voice).
const FIRST_REPEAT: Duration = Duration::from_millis(400);
const REPEATS: usize = 6;
/// From the first ClientHello to the keys.
const HANDSHAKE_MAX: Duration = Duration::from_secs(20);
/// So long after the keys the last flight is sent again to a side that did not get it, in microseconds.
const LINGER_US: u64 = 30_000_000;
/// Datagrams of one side that are looked at: a handshake with every flight repeated has less than half.
const DATAGRAMS_MAX: u16 = 256;
/// A deadline further away is none.
const FAR_US: u64 = 86_400_000_000;

/// What a handshake is begun with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begin {
    /// Ours.
    pub role: DtlsRole,
    /// SHA-256 of the other side's certificate, as its SDP has it.
    pub fingerprint: [u8; 32],
    /// The other side's address passed a check of ICE. Without, a server lets the client show that it is
    /// there (RFC 6347 §4.2.1) before it keeps anything or answers with more than it was sent.
    pub is_checked: bool,
}

/// What handshakes make.
#[derive(Debug)]
pub enum Handshaken {
    /// To be sent to the side.
    Datagram(Vec<u8>),
    /// The side is who its SDP says, and these are the keys of its media.
    Secured(PeerKeys),
    /// There will be no keys.
    Failed(Failure),
}

/// Handshakes by their sides' names, for as long as the sides are there.
pub struct Handshakes<K> {
    certificate: Certificate,
    with_cookie: Arc<Config>,
    without_cookie: Arc<Config>,
    /// Of [`Tick`] 0.
    epoch: Instant,
    sides: BTreeMap<K, Side>,
    /// Associations in memory, and at most.
    alive: usize,
    alive_max: usize,
    /// Those with keys, by when they are forgotten: they give way to others.
    done: BTreeSet<(Tick, K)>,
    timers: Wheel<K>,
    made: VecDeque<(K, Handshaken)>,
}

struct Side {
    begin: Begin,
    state: State,
    /// Datagrams that were looked at.
    taken: u16,
    timer: TimerId,
    /// Its place among those that are done.
    forgotten_at: Option<Tick>,
}

enum State {
    /// A server whose client said nothing yet.
    Waiting,
    /// On its way, or done a short while ago.
    Alive(Box<Association>),
    /// Nothing more is made of it.
    Over,
}

/// The settings of the library cannot be used, which is a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("handshakes of DTLS cannot be set up: {0}")]
pub struct NotSetUp(#[from] dimpl::Error);

/// Whether a datagram is the beginning of a handshake: nothing is kept for any other.
fn is_client_hello(datagram: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    const RECORD_HEAD: usize = 13;
    datagram.first() == Some(&HANDSHAKE) && datagram.get(RECORD_HEAD) == Some(&CLIENT_HELLO)
}

// === impl Handshakes ===

impl<K: Copy + Ord> Handshakes<K> {
    /// With our certificate, and as many at once at most. `epoch` is any instant: that of [`Tick`] 0.
    pub fn new(certificate: Certificate, epoch: Instant, alive_max: usize) -> Result<Self, NotSetUp> {
        let config = |cookie| {
            let builder = Config::builder()
                .use_server_cookie(cookie)
                .flight_start_rto(FIRST_REPEAT)
                .flight_retries(REPEATS)
                .handshake_timeout(HANDSHAKE_MAX);
            builder.build().map(Arc::new)
        };
        Ok(Self {
            certificate,
            with_cookie: config(true)?,
            without_cookie: config(false)?,
            epoch,
            sides: BTreeMap::new(),
            alive: 0,
            alive_max,
            done: BTreeSet::new(),
            timers: Wheel::new(),
            made: VecDeque::new(),
        })
    }

    /// A side with whom a handshake is to be made; in place of one of before. A client begins at once.
    pub fn begin(&mut self, now: Tick, side: K, begin: Begin) {
        self.end(side);
        let new = Side { begin, state: State::Waiting, taken: 0, timer: TimerId::NONE, forgotten_at: None };
        self.sides.insert(side, new);
        if begin.role == DtlsRole::Client {
            self.make(now, side);
            self.step(now, side, None);
        }
    }

    /// A datagram of a side, whose address is known to be its own.
    pub fn handle(&mut self, now: Tick, side: K, datagram: &[u8]) {
        let Some(found) = self.sides.get_mut(&side).filter(|side| side.taken < DATAGRAMS_MAX) else { return };
        found.taken += 1;
        if matches!(found.state, State::Waiting) && is_client_hello(datagram) && self.has_room() {
            self.make(now, side);
        }
        self.step(now, side, Some(datagram));
    }

    /// The side is there no more.
    pub fn end(&mut self, side: K) {
        self.drop_association(side);
        self.sides.remove(&side);
    }

    /// When to call [`Self::tick`] next.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.timers.next_deadline()
    }

    /// Repeats what was not answered, and ends what is over.
    pub fn tick(&mut self, now: Tick) {
        while let Some((_, side)) = self.timers.pop(now) {
            let Some(found) = self.sides.get_mut(&side) else { continue };
            found.timer = TimerId::NONE;
            match &found.state {
                // Whoever did not get the last flight has asked for it by now.
                State::Alive(association) if association.is_secured() => self.drop_association(side),
                State::Alive(_) => self.step(now, side, None),
                State::Waiting | State::Over => {}
            }
        }
    }

    /// What was made, in order. Taken after each call until there is nothing.
    pub fn poll(&mut self) -> Option<(K, Handshaken)> {
        self.made.pop_front()
    }

    /// Sides, whatever became of their handshakes.
    pub fn len(&self) -> usize {
        self.sides.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sides.is_empty()
    }

    /// Handshakes that are in memory.
    pub const fn alive(&self) -> usize {
        self.alive
    }

    fn instant(&self, now: Tick) -> Instant {
        self.epoch.checked_add(Duration::from_micros(now.0)).unwrap_or(self.epoch)
    }

    /// Whether there may be one more. Those that are done give way first, the oldest first: it is the least
    /// likely to be asked for its last flight.
    fn has_room(&mut self) -> bool {
        while self.alive >= self.alive_max
            && let Some(&(_, oldest)) = self.done.first()
        {
            self.drop_association(oldest);
        }
        self.alive < self.alive_max
    }

    fn make(&mut self, now: Tick, side: K) {
        let (at, has_room) = (self.instant(now), self.has_room());
        let Some(found) = self.sides.get_mut(&side) else { return };
        if !has_room {
            found.state = State::Over;
            self.made.push_back((side, Handshaken::Failed(Failure::TooMany)));
            return;
        }
        let config = if found.begin.is_checked { &self.without_cookie } else { &self.with_cookie };
        let dtls = Dtls::new_auto(Arc::clone(config), self.certificate.with_key.clone(), at);
        let association = Association::new(dtls, found.begin.role, found.begin.fingerprint);
        found.state = State::Alive(Box::new(association));
        self.alive += 1;
    }

    fn step(&mut self, now: Tick, side: K, datagram: Option<&[u8]>) {
        let at = self.instant(now);
        let Some(Side { state: State::Alive(association), timer, forgotten_at, .. }) =
            self.sides.get_mut(&side)
        else {
            return;
        };
        let was_secured = association.is_secured();
        let (Step { datagrams, keys, due }, result) = association.step(at, datagram);
        let made = datagrams.into_iter().map(Handshaken::Datagram).chain(keys.map(Handshaken::Secured));
        self.made.extend(made.map(|made| (side, made)));
        // What goes wrong with the keys there, such as an alert, takes them from nobody.
        match result {
            Err(failure) if !was_secured => self.made.push_back((side, Handshaken::Failed(failure))),
            Err(_) | Ok(()) => {}
        }
        if result.is_err() {
            return self.drop_association(side);
        }
        if was_secured {
            return;
        }
        let due = if association.is_secured() {
            let at = Tick(now.0.saturating_add(LINGER_US));
            self.done.insert((at, side));
            *forgotten_at = Some(at);
            Some(at)
        } else {
            due.and_then(|due| tick_of(self.epoch, due, now))
        };
        self.timers.cancel(*timer);
        *timer = due.map_or(TimerId::NONE, |due| self.timers.insert(due, side));
    }

    fn drop_association(&mut self, side: K) {
        let Some(found) = self.sides.get_mut(&side) else { return };
        self.timers.cancel(found.timer);
        found.timer = TimerId::NONE;
        if let Some(at) = found.forgotten_at.take() {
            self.done.remove(&(at, side));
        }
        self.alive -= usize::from(matches!(found.state, State::Alive(_)));
        found.state = State::Over;
    }
}

/// A deadline of the library's, not before it can be told from now; none if it is far away.
fn tick_of(epoch: Instant, at: Instant, now: Tick) -> Option<Tick> {
    let micros = u64::try_from(at.saturating_duration_since(epoch).as_micros()).ok()?;
    // Ticks are whole: a deadline between two is the later one.
    (micros < now.0.saturating_add(FAR_US)).then(|| Tick(micros.max(now.0).saturating_add(1)))
}

impl<K> std::fmt::Debug for Handshakes<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshakes").field("sides", &self.sides.len()).finish_non_exhaustive()
    }
}
