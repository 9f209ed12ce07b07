//! Callers, carriers, switch, ledger and disk on one thread with a seed. One thing happens at a time, and
//! after each the books are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use media::relay::MediaEvent;
use node::{AdminReply, ConfigSnapshot, Dispatch, Input, Node, Output};
use rating::Cdr;
use sip::Message;
use sip::flow::{Flow, Transport};
use tests::dialogue::SWITCH;
use tests::disk::Disk;
use tests::relay::{TestRelay, endpoint_of};
use tests::rng::Rng;
use tests::slots::Places;
use units::{Now, Tick, Wall};

use crate::caller::Pbx;
use crate::carrier::Trunk;
use crate::profile::{ACCOUNTS, Chaos, DEAD, PBXS, Profile, TRUNKS, Weather, number, script};
use crate::repeat::{Alarm, Out, Step};
use crate::tap::Tap;
use crate::trace::Trace;

mod mishaps;

/// 2026-01-05T10:00:00Z.
const MORNING: i64 = 1_767_607_200_000;
/// All time has run out by then.
const END_US: u64 = 3_600_000_000;
/// Those who talk send a packet so often.
const TALK_US: u64 = 2_000_000;
/// By then nobody talks any more.
const TALK_END_US: u64 = 600_000_000;
/// The relay's word takes so long.
const RELAY_US: u64 = 300;
/// Things that happen at most: a loop that never ends is a bug too.
const STEPS_MAX: u64 = 400_000;

/// Something that will happen.
enum What {
    /// A packet for the switch.
    In {
        from: SocketAddr,
        bytes: Bytes,
    },
    /// A packet of the switch.
    Out {
        to: SocketAddr,
        bytes: Bytes,
    },
    Pbx(usize, Alarm),
    Trunk(usize, Alarm),
    Unreachable {
        shard: usize,
        flow: Flow,
    },
    /// The relay tells something to the process that it belongs to.
    Relay {
        boots: u32,
        event: MediaEvent,
    },
    /// Those who talk send RTP.
    Talk,
    Commit,
    Chaos(Chaos),
    Restart,
}

pub struct World {
    pub profile: Profile,
    pub now: Now,
    pub nodes: Vec<Node>,
    pub disk: Disk,
    pub places: Arc<Places>,
    pub relay: TestRelay,
    pub pbxs: Vec<Pbx>,
    pub trunks: Vec<Trunk>,
    pub tap: Tap,
    pub trace: Trace,
    pub published: Vec<Arc<Cdr>>,
    /// Top-ups asked for: key and amount, by account; those confirmed.
    pub top_ups: Vec<(usize, String, i64)>,
    pub confirmed: BTreeSet<u64>,
    pub crashes: Vec<u64>,
    /// Stopped, drained or failed: new calls are refused.
    pub closed: bool,
    pub failed: bool,
    pub restored: BTreeMap<String, u64>,
    config: Arc<ConfigSnapshot>,
    dispatch: Dispatch,
    rng: Rng,
    queue: BTreeMap<(u64, u64), What>,
    seq: u64,
    committing: bool,
    crash_in: Option<u64>,
    boots: u32,
}

impl World {
    pub fn new(seed: u64, weather: Weather, loud: bool) -> Self {
        let mut rng = Rng::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ weather as u64);
        let mut profile = Profile::new(weather, &mut rng);
        profile.relay(seed);
        let config = profile.plan.config_snapshot(None);
        let pbxs =
            PBXS.iter().map(|(at, tcp)| Pbx::new(at.parse().expect("address"), *tcp, rng.fork())).collect();
        let trunks = TRUNKS.iter().zip(&profile.moods);
        let trunks = trunks.map(|((_, at, tcp), moods)| {
            Trunk::new(at.parse().expect("address"), *tcp, rng.fork(), moods.clone())
        });
        let trunks = trunks.collect();
        let mut world = Self {
            dispatch: Dispatch::new(mishaps::key(0), profile.shards),
            now: Now { tick: Tick(1_000_000), wall: Wall(MORNING) },
            nodes: Vec::new(),
            disk: Disk::default(),
            places: Arc::new(Places::default()),
            relay: TestRelay::default(),
            pbxs,
            trunks,
            tap: Tap::default(),
            trace: Trace::new(loud),
            published: Vec::new(),
            top_ups: Vec::new(),
            confirmed: BTreeSet::new(),
            crashes: Vec::new(),
            closed: false,
            failed: false,
            restored: BTreeMap::new(),
            config,
            rng,
            queue: BTreeMap::new(),
            seq: 0,
            committing: false,
            crash_in: None,
            boots: 0,
            profile,
        };
        world.schedule();
        world
    }

    fn schedule(&mut self) {
        for call in 0..self.profile.calls {
            let pbx = self.rng.range(0, 3) as usize;
            let (number, script) = (number(&mut self.rng), script(&mut self.rng));
            let at = self.pbxs[pbx].plan(format!("s{call}"), number, script);
            let after = self.rng.range(0, self.profile.span_ms);
            self.after(after * 1_000, What::Pbx(pbx, Alarm::Step { call: at, step: Step::Begin }));
        }
        for (at, chaos) in self.profile.chaos.clone() {
            self.after(at * 1_000, What::Chaos(chaos));
        }
        if self.profile.plan.media.relay.is_some() {
            self.after(TALK_US, What::Talk);
        }
        self.after(0, What::Restart);
    }

    fn after(&mut self, us: u64, what: What) {
        self.seq += 1;
        self.queue.insert((self.now.tick.0 + us, self.seq), what);
    }

    /// Runs until nothing will happen any more.
    pub fn run(&mut self) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            let queued = self.queue.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
            let due = self.nodes.iter().map(|node| node.deadline().0).min().unwrap_or(u64::MAX);
            let due = due.min(self.relay.deadline().0);
            let at = queued.min(due);
            if at == u64::MAX {
                return Ok(());
            }
            if at > END_US {
                return Err(format!(
                    "something is still going on after an hour: {:?}",
                    self.nodes.iter().map(Node::held).collect::<Vec<_>>()
                ));
            }
            // A deadline in the past would never end; the wheel may round down by less than a millisecond.
            let at = if at <= self.now.tick.0 && due < queued {
                self.now.tick.0 + 1_000
            } else {
                at.max(self.now.tick.0)
            };
            let passed = (at / 1_000) as i64 - (self.now.tick.0 / 1_000) as i64;
            self.now = Now { tick: Tick(at), wall: self.now.wall.plus_ms(passed) };
            if queued <= due {
                let Some((_, what)) = self.queue.pop_first() else { continue };
                self.happen(what)?;
            } else {
                self.relay.tick(self.now.tick);
                self.hear_relay();
                for shard in 0..self.nodes.len() {
                    if self.nodes.get(shard).is_some_and(|node| node.deadline().0 <= at) {
                        self.give(shard, Input::Tick)?;
                    }
                }
            }
        }
        Err("it never ends".to_owned())
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        match what {
            What::In { from, bytes } => self.arrive(from, &bytes)?,
            What::Out { to, bytes } => self.deliver(to, &bytes),
            What::Pbx(at, alarm) => self.pbx(at, |pbx, now, out| pbx.alarm(now, alarm, out)),
            What::Trunk(at, alarm) => self.trunk(at, |trunk, now, out| trunk.alarm(now, alarm, out)),
            What::Unreachable { shard, flow } => self.give(shard, Input::Unreachable(flow))?,
            What::Relay { boots, event } if boots == self.boots => {
                let shard = endpoint_of(&event).shard;
                self.give(usize::from(shard), Input::Media(event))?;
            }
            What::Relay { .. } => {}
            What::Talk => {
                let (relay, rng) = (&mut self.relay, &mut self.rng);
                relay.chatter(self.now.tick, || rng.percent(95));
                if self.now.tick.0 < TALK_END_US {
                    self.after(TALK_US, What::Talk);
                }
            }
            What::Commit => self.commit()?,
            What::Chaos(chaos) => self.chaos(chaos)?,
            What::Restart => self.restart()?,
        }
        Ok(())
    }

    // --- network ---

    fn stream(at: SocketAddr) -> bool {
        PBXS.iter().any(|(of, tcp)| *tcp && of.parse() == Ok(at))
            || TRUNKS.iter().any(|(_, of, tcp)| *tcp && of.parse() == Ok(at))
    }

    /// Puts a packet on the wire: lost, doubled, late; a stream only takes its time.
    fn wire(&mut self, peer: SocketAddr, make: impl Fn() -> What) {
        if Self::stream(peer) {
            return self.after(5_000, make());
        }
        if self.rng.percent(self.profile.loss) {
            return;
        }
        let (low, high) = self.profile.delay_us;
        let copies = 1 + u64::from(self.rng.percent(self.profile.duplicate));
        for _ in 0..copies {
            let delay = self.rng.range(low, high);
            self.after(delay, make());
        }
    }

    /// What an attacker makes of a packet on its way to the switch: bent, cut, kept for later, or under
    /// another name.
    fn tamper(&mut self, from: SocketAddr, bytes: &Bytes) -> Option<(SocketAddr, Bytes)> {
        if self.profile.weather != Weather::Hostile {
            return Some((from, bytes.clone()));
        }
        let mut bent = bytes.to_vec();
        match self.rng.range(0, 99) {
            0..=3 => {
                for _ in 0..self.rng.range(1, 3) {
                    let at = self.rng.range(0, bent.len() as u64 - 1) as usize;
                    bent[at] = self.rng.next() as u8;
                }
            }
            4 => bent.truncate(self.rng.range(0, bent.len() as u64) as usize),
            5..=7 => {
                let (later, again) = (self.rng.range(1_000, 90_000_000), bytes.clone());
                self.after(later, What::In { from, bytes: again });
            }
            8 => {
                return Some((
                    PBXS[self.rng.range(0, 3) as usize].0.parse().expect("address"),
                    bytes.clone(),
                ));
            }
            9 => {
                return Some((
                    TRUNKS[self.rng.range(0, 2) as usize].1.parse().expect("address"),
                    bytes.clone(),
                ));
            }
            10 => return Some(("203.0.113.66:5060".parse().expect("address"), bytes.clone())),
            11 => return None,
            _ => {}
        }
        Some((from, Bytes::from(bent)))
    }

    fn arrive(&mut self, from: SocketAddr, bytes: &Bytes) -> Result<(), String> {
        let Some((from, bytes)) = self.tamper(from, bytes) else { return Ok(()) };
        let bytes = &bytes;
        self.trace.packet(self.now.tick.0, true, from, bytes);
        if self.nodes.is_empty() {
            return Ok(());
        }
        let message = Message::parse(bytes.clone());
        let local: SocketAddr = SWITCH.parse().expect("address");
        let flow = if Self::stream(from) {
            Flow::stream(Transport::Tcp, local, from, 1)
        } else {
            Flow::udp(local, from)
        };
        if let Err(fault) = &message
            && self.profile.weather != Weather::Hostile
        {
            return Err(format!("a model peer wrote nonsense: {fault:?}"));
        }
        let arrival = self.dispatch.find(&self.config, flow, message);
        match arrival.shard {
            Some(shard) => self.give(usize::from(shard), Input::Sip(arrival)),
            None => Ok(()),
        }
    }

    fn deliver(&mut self, to: SocketAddr, bytes: &Bytes) {
        let message = tests::dialogue::parse(bytes);
        if message.header(sip::Name::To).is_none() {
            // A 400 to what had none.
            return;
        }
        if let Some(at) = self.pbxs.iter().position(|pbx| pbx.at == to) {
            self.pbx(at, |pbx, now, out| pbx.handle(now, &message, out));
        } else if let Some(at) = self.trunks.iter().position(|trunk| trunk.at == to) {
            self.trunk(at, |trunk, now, out| trunk.handle(now, &message, out));
        }
    }

    fn pbx(&mut self, at: usize, act: impl FnOnce(&mut Pbx, u64, &mut Out)) {
        let mut out = Out::default();
        act(&mut self.pbxs[at], self.now.tick.0, &mut out);
        let from = self.pbxs[at].at;
        self.carry(from, out, |alarm| What::Pbx(at, alarm));
    }

    fn trunk(&mut self, at: usize, act: impl FnOnce(&mut Trunk, u64, &mut Out)) {
        let mut out = Out::default();
        act(&mut self.trunks[at], self.now.tick.0, &mut out);
        let from = self.trunks[at].at;
        self.carry(from, out, |alarm| What::Trunk(at, alarm));
    }

    fn carry(&mut self, from: SocketAddr, out: Out, wake: impl Fn(Alarm) -> What) {
        for bytes in out.sends {
            self.wire(from, || What::In { from, bytes: bytes.clone() });
        }
        for (ms, alarm) in out.alarms {
            self.after(ms * 1_000, wake(alarm));
        }
    }

    // --- switch ---

    fn give(&mut self, shard: usize, input: Input) -> Result<(), String> {
        if let Some(node) = self.nodes.get_mut(shard) {
            node.handle(self.now, input);
        }
        self.drain(shard)
    }

    fn drain(&mut self, shard: usize) -> Result<(), String> {
        while let Some(output) = self.nodes.get_mut(shard).and_then(Node::poll) {
            if let Some(left) = &mut self.crash_in {
                if *left == 0 {
                    self.crash();
                    return Ok(());
                }
                *left -= 1;
            }
            self.output(shard, output)?;
        }
        crate::checks::step(self, shard)
    }

    fn output(&mut self, shard: usize, output: Output) -> Result<(), String> {
        match output {
            Output::Send { flow, bytes } => {
                self.trace.packet(self.now.tick.0, false, flow.peer, &bytes);
                self.tap.sent(self.now.tick.0, &bytes);
                if flow.peer == DEAD.parse().expect("address") {
                    self.after(5_000, What::Unreachable { shard, flow });
                } else {
                    self.wire(flow.peer, || What::Out { to: flow.peer, bytes: bytes.clone() });
                }
            }
            Output::Media(command) => {
                self.relay.command(self.now.tick, command)?;
                self.hear_relay();
            }
            Output::Journal { record, .. } => {
                self.trace.record(self.now.tick.0, &record.encode().map_err(|e| e.to_string())?);
                self.disk.queue(shard as u8, &record);
                if !self.committing && !self.failed {
                    self.committing = true;
                    let (low, high) = self.profile.commit_ms;
                    let delay = self.rng.range(low, high);
                    self.after(delay * 1_000, What::Commit);
                }
            }
            Output::KeepOpen { .. }
            | Output::Engine { .. }
            | Output::FetchCertificate(_)
            | Output::Registered(_)
            | Output::LockedOut(_) => {}
            Output::Publish(cdr) => {
                self.trace.note(
                    self.now.tick.0,
                    format!("published {} {} {} ms {}", cdr.id, cdr.call_id_a, cdr.duration_ms, cdr.reason),
                );
                if !self.disk.has_cdr(&cdr.id) {
                    return Err(format!("CDR {} published before it was durable", cdr.id));
                }
                self.published.push(cdr);
            }
            Output::Reply { ticket, reply } => self.replied(ticket, &reply)?,
            Output::Probed { carrier, status, pause_secs } => {
                for other in (0..self.nodes.len()).filter(|other| *other != shard) {
                    self.give(other, Input::Probed { carrier: carrier.clone(), status, pause_secs })?;
                }
            }
            Output::QuotaRequest { account, .. } => {
                return Err(format!("a wish for {account} without a central ledger"));
            }
        }
        Ok(())
    }

    fn hear_relay(&mut self) {
        while let Some(event) = self.relay.poll_event() {
            self.after(RELAY_US, What::Relay { boots: self.boots, event });
        }
    }

    fn replied(&mut self, ticket: u64, reply: &AdminReply) -> Result<(), String> {
        if let AdminReply::Moved { .. } = reply {
            let (account, key, _) = &self.top_ups[ticket as usize];
            if !self.disk.has_top_up(ACCOUNTS[*account], key) {
                return Err(format!("top-up {key} confirmed before it was durable"));
            }
            self.confirmed.insert(ticket);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), String> {
        self.committing = false;
        if self.failed {
            return Ok(());
        }
        for (shard, upto) in self.disk.commit(usize::MAX) {
            self.give(usize::from(shard), Input::Durable(upto))?;
        }
        Ok(())
    }
}
