//! A test carrier: a user agent server (RFC 3261 §13.3, §15) that does with each number what its script says.
//! Its times are the proof's upper bound: it answers before the switch learns of it and hears the BYE after
//! it was sent.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use sip::{Builder, Message, Method, Name};

use super::line::{self, Line};
use super::voice::Voice;

/// How often it looks whether it should end.
const LOOK: Duration = Duration::from_millis(100);
/// Most calls and numbers remembered; more are refused or forgotten.
const CALLS_MAX: usize = 1_024;
/// Ringing before an answer.
const RING: Duration = Duration::from_millis(300);

/// What it does with a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Conduct {
    /// Rings and answers; hangs up so long after, if ever.
    Answer(Option<Duration>),
    /// Rings for ever.
    RingOnly,
    /// Says no.
    Refuse(u16, &'static str),
}

/// Conduct by called number; a number that is not listed is answered.
pub(super) type Script = &'static [(&'static str, Conduct)];

/// What it saw of the last call to a number.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub answered: Option<Instant>,
    pub said_bye: Option<Instant>,
    pub heard_bye: Option<Instant>,
    pub cancelled: bool,
    /// RTP packets that came.
    pub packets: u64,
    /// The Reason header of the switch's BYE or CANCEL.
    pub reason: String,
}

/// By called number.
type Notes = Arc<Mutex<BTreeMap<String, Seen>>>;

/// A carrier at work in a thread of its own.
pub(super) struct Carrier {
    pub address: SocketAddr,
    seen: Notes,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    /// Starts one on a free port of this address.
    pub(super) fn start(ip: Ipv4Addr, script: Script) -> anyhow::Result<Self> {
        let line = Line::bind(ip)?;
        let address = line.address();
        let (seen, stop) = (Notes::default(), Arc::new(AtomicBool::new(false)));
        let desk = Desk {
            ip,
            line,
            script,
            calls: BTreeMap::new(),
            seen: Arc::clone(&seen),
            stop: Arc::clone(&stop),
        };
        let work = move || {
            if let Err(error) = desk.work() {
                tracing::error!("a test carrier ended: {error:#}");
            }
        };
        let thread = std::thread::Builder::new()
            .name("test-carrier".to_owned())
            .spawn(work)
            .context("cannot start a test carrier")?;
        Ok(Self { address, seen, stop, thread: Some(thread) })
    }

    /// What it saw of this number, digits only.
    pub(super) fn seen(&self, number: &str) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned()
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A carrier that panicked has been seen by the calls it left.
            let _ = thread.join();
        }
    }
}

/// One call at the carrier.
struct Visit {
    invite: Message,
    peer: SocketAddr,
    tag: String,
    number: String,
    conduct: Conduct,
    answered: bool,
    /// From the answer on.
    voice: Option<Voice>,
    /// Sent again when the INVITE comes again.
    last: Bytes,
    due: Option<Instant>,
}

impl Visit {
    fn heard(&self) -> u64 {
        self.voice.as_ref().map_or(0, Voice::heard)
    }
}

struct Desk {
    ip: Ipv4Addr,
    line: Line,
    script: Script,
    calls: BTreeMap<String, Visit>,
    seen: Notes,
    stop: Arc<AtomicBool>,
}

impl Desk {
    fn work(mut self) -> anyhow::Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let next =
                self.calls.values().filter_map(|visit| visit.due).fold(Instant::now() + LOOK, Instant::min);
            match self.line.receive(next)? {
                Some((message, peer)) if message.is_request() => self.request(&message, peer)?,
                // The answer to our BYE: the call is over.
                Some((message, _)) if message.method() == Method::Bye => {
                    drop(self.calls.remove(message.call_id()))
                }
                Some(_) => {}
                None => {}
            }
            self.act()?;
        }
        Ok(())
    }

    fn request(&mut self, message: &Message, peer: SocketAddr) -> anyhow::Result<()> {
        let known = self.calls.contains_key(message.call_id());
        match message.method() {
            Method::Invite if known => {
                let visit = self.calls.get(message.call_id());
                visit.map_or(Ok(()), |visit| self.line.send(peer, &visit.last))
            }
            Method::Invite => self.invited(message, peer),
            Method::Ack => {
                if self
                    .calls
                    .get(message.call_id())
                    .is_some_and(|visit| matches!(visit.conduct, Conduct::Refuse(..)))
                {
                    self.calls.remove(message.call_id());
                }
                Ok(())
            }
            Method::Cancel => self.cancelled(message, peer),
            Method::Bye => {
                if let Some(visit) = self.calls.remove(message.call_id()) {
                    note(&self.seen, &visit.number, |seen| {
                        seen.heard_bye = Some(Instant::now());
                        seen.packets = visit.heard();
                        seen.reason = message.header(Name::Reason).unwrap_or_default().to_owned();
                    });
                }
                let (status, phrase) =
                    if known { (200, "OK") } else { (481, "Call/Transaction Does Not Exist") };
                self.line.send(peer, &Builder::response(message, status, phrase).build())
            }
            _ => self.line.send(peer, &Builder::response(message, 200, "OK").to_tag(&line::unique()).build()),
        }
    }

    fn invited(&mut self, message: &Message, peer: SocketAddr) -> anyhow::Result<()> {
        let number = message.uri().map(|uri| uri.user_base().into_owned()).unwrap_or_default();
        let listed = self.script.iter().find(|(listed, _)| *listed == number);
        let conduct = match listed {
            _ if self.calls.len() >= CALLS_MAX => Conduct::Refuse(503, "Service Unavailable"),
            Some((_, conduct)) => *conduct,
            None => Conduct::Answer(None),
        };
        let tag = line::unique();
        let (status, phrase) = match conduct {
            Conduct::Refuse(status, phrase) => (status, phrase),
            Conduct::Answer(_) | Conduct::RingOnly => (180, "Ringing"),
        };
        let last = Builder::response(message, status, phrase)
            .to_tag(&tag)
            .header(Name::Contact, &self.contact())
            .build();
        self.line.send(peer, &last)?;
        let due = matches!(conduct, Conduct::Answer(_)).then(|| Instant::now() + RING);
        note(&self.seen, &number, |seen| *seen = Seen::default());
        let visit = Visit {
            invite: message.clone(),
            peer,
            tag,
            number,
            conduct,
            answered: false,
            voice: None,
            last,
            due,
        };
        self.calls.insert(message.call_id().to_owned(), visit);
        Ok(())
    }

    fn cancelled(&mut self, message: &Message, peer: SocketAddr) -> anyhow::Result<()> {
        self.line.send(peer, &Builder::response(message, 200, "OK").to_tag(&line::unique()).build())?;
        let Some(visit) = self.calls.get_mut(message.call_id()).filter(|visit| !visit.answered) else {
            return Ok(());
        };
        visit.conduct = Conduct::Refuse(487, "Request Terminated");
        visit.due = None;
        visit.last = Builder::response(&visit.invite, 487, "Request Terminated").to_tag(&visit.tag).build();
        self.line.send(peer, &visit.last)?;
        let number = visit.number.clone();
        note(&self.seen, &number, |seen| {
            seen.cancelled = true;
            seen.reason = message.header(Name::Reason).unwrap_or_default().to_owned();
        });
        Ok(())
    }

    /// Answers and hangs up what is due.
    fn act(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let contact = self.contact();
        for visit in self.calls.values_mut().filter(|visit| visit.due.is_some_and(|due| due <= now)) {
            visit.due = None;
            if visit.answered {
                note(&self.seen, &visit.number, |seen| {
                    seen.said_bye = Some(Instant::now());
                    seen.packets = visit.heard();
                });
                self.line.send(visit.peer, &bye(visit, self.line.address()))?;
                continue;
            }
            let body = visit.invite.body();
            let offer = std::str::from_utf8(&body).unwrap_or_default();
            let mut response = Builder::response(&visit.invite, 200, "OK")
                .to_tag(&visit.tag)
                .header(Name::Contact, &contact);
            let voice = Voice::start(self.ip)?;
            if let Some(sdp) = line::answer(voice.address(), offer) {
                voice.talk_to(&body);
                visit.voice = Some(voice);
                response = response.body("application/sdp", sdp.as_bytes());
            }
            visit.last = response.build();
            visit.answered = true;
            if let Conduct::Answer(Some(talk)) = visit.conduct {
                visit.due = Some(now + talk);
            }
            note(&self.seen, &visit.number, |seen| seen.answered = Some(Instant::now()));
            self.line.send(visit.peer, &visit.last)?;
        }
        Ok(())
    }

    fn contact(&self) -> String {
        format!("<sip:{}>", self.line.address())
    }
}

fn note(seen: &Notes, number: &str, write: impl FnOnce(&mut Seen)) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.len() >= CALLS_MAX && !seen.contains_key(number) {
        seen.clear();
    }
    write(seen.entry(number.to_owned()).or_default());
}

/// The BYE from the callee's side: From and To change places (RFC 3261 §12.2.1.1).
fn bye(visit: &Visit, from: SocketAddr) -> Bytes {
    let target = visit.invite.contact().map(|contact| contact.uri).unwrap_or_default();
    let local = format!("{};tag={}", visit.invite.header(Name::To).unwrap_or_default(), visit.tag);
    Builder::request(Method::Bye, target)
        .header(Name::Via, &format!("SIP/2.0/UDP {from};branch=z9hG4bK{};rport", line::unique()))
        .header(Name::MaxForwards, "70")
        .header(Name::From, &local)
        .header(Name::To, visit.invite.header(Name::From).unwrap_or_default())
        .header(Name::CallId, visit.invite.call_id())
        .cseq(1, Method::Bye)
        .build()
}
