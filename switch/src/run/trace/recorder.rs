//! The thread that writes calls to files and sends messages to Homer. It takes copies from one bounded queue;
//! a slow disk or a deaf Homer costs copies, never calls.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::RecvTimeoutError;
use node::ConfigSnapshot;
use trace::{Direction, Envelope, hep};
use units::Wall;

use super::choice::{hash, is_in_share};
use super::folder::Folder;
use super::homer::Homer;
use super::{Copied, TraceSettings};
use crate::run::router::Router;

/// Calls followed, and called legs whose caller is remembered.
const CALLS_MAX: usize = 4_096;
const LEGS_MAX: usize = 65_536;
/// How long after its end a call's last repeats are still written: RFC 3261 64·T1 at 500 ms.
const LINGER_MS: i64 = 32_000;
/// A call that never seems to end is given up.
const CALL_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Between two lines of the log about the disk.
const SAID_EVERY_MS: i64 = 60_000;

/// See the module.
pub(crate) struct Recorder {
    router: Arc<Router>,
    node: String,
    /// This node's number at Homer.
    agent: u32,
    settings: Arc<TraceSettings>,
    folder: Option<Folder>,
    homer: Homer,
    /// By the caller's Call-ID, calls that are written.
    calls: HashMap<String, Followed>,
    /// Callers' Call-IDs by those of called legs: a leg's last messages come when its call is gone.
    callers: HashMap<String, String>,
    legs: VecDeque<String>,
    said_at: i64,
}

/// A call that is written.
struct Followed {
    file: String,
    since: Wall,
    /// From then on only a BYE ends it: a re-INVITE may be refused.
    answered: bool,
    ended: Option<Wall>,
}

// === impl Recorder ===

impl Recorder {
    pub(crate) fn start(router: &Arc<Router>, node: &str) -> anyhow::Result<JoinHandle<()>> {
        let mut recorder = Self {
            router: Arc::clone(router),
            node: node.to_owned(),
            agent: hash(node) as u32,
            settings: router.trace.settings(),
            folder: None,
            homer: Homer::default(),
            calls: HashMap::new(),
            callers: HashMap::new(),
            legs: VecDeque::new(),
            said_at: i64::MIN,
        };
        recorder.open();
        let run = move || recorder.run();
        std::thread::Builder::new()
            .name("trace".to_owned())
            .spawn(run)
            .context("cannot start the trace thread")
    }

    fn run(mut self) {
        let received = self.router.trace.received.clone();
        let mut swept = Instant::now();
        loop {
            if swept.elapsed() >= SWEEP_EVERY {
                self.sweep();
                swept = Instant::now();
            }
            match received.recv_timeout(SWEEP_EVERY) {
                Ok(Copied::Message { envelope, bytes, caller }) => self.message(&envelope, &bytes, caller),
                Ok(Copied::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Opens what the settings name. What cannot be opened is told and left out.
    fn open(&mut self) {
        self.folder = self.settings.dir.as_ref().and_then(|dir| match Folder::open(dir) {
            Ok(folder) => Some(folder),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "no call is written: make [trace] dir a folder that this user may write to");
                None
            }
        });
        self.homer = Homer::new(self.settings.hep.clone());
    }

    fn message(&mut self, envelope: &Envelope, bytes: &[u8], caller: Option<String>) {
        let settings = self.router.trace.settings();
        if settings != self.settings {
            self.settings = settings;
            self.open();
        }
        let Some(id) = trace::call_id(bytes).and_then(|id| std::str::from_utf8(id).ok()) else { return };
        let caller = self.caller_of(id, caller);
        self.send(envelope, bytes, &caller);
        self.write(envelope, bytes, id, &caller);
    }

    /// The Call-ID of the call that a message belongs to: its caller's.
    fn caller_of(&mut self, id: &str, caller: Option<String>) -> String {
        match caller {
            Some(caller) => {
                if !self.callers.contains_key(id) {
                    if self.legs.len() >= LEGS_MAX
                        && let Some(oldest) = self.legs.pop_front()
                    {
                        self.callers.remove(&oldest);
                    }
                    self.legs.push_back(id.to_owned());
                    self.callers.insert(id.to_owned(), caller.clone());
                }
                caller
            }
            None => self.callers.get(id).map_or_else(|| id.to_owned(), Clone::clone),
        }
    }

    fn send(&mut self, envelope: &Envelope, bytes: &[u8], caller: &str) {
        if !self.homer.is_wanted() {
            return;
        }
        let counts = &self.router.trace.counts;
        let packet = hep::packet(envelope, bytes, self.agent, &self.node, caller.as_bytes());
        let count = if self.homer.send(&packet) { &counts.sent } else { &counts.lost_to_hep };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn write(&mut self, envelope: &Envelope, bytes: &[u8], id: &str, caller: &str) {
        if self.folder.is_none() {
            return;
        }
        let begins = id == caller && envelope.direction == Direction::In && trace::is_new_invite(bytes);
        if begins && !self.calls.contains_key(caller) && self.is_chosen(envelope, bytes, caller) {
            if self.calls.len() >= CALLS_MAX {
                self.calls.retain(|_, call| call.ended.is_none());
            }
            if self.calls.len() < CALLS_MAX {
                let file = Folder::name(envelope.at, caller);
                let call = Followed { file, since: envelope.at, answered: false, ended: None };
                self.calls.insert(caller.to_owned(), call);
            }
        }
        let (Some(call), Some(folder)) = (self.calls.get_mut(caller), self.folder.as_mut()) else { return };
        if id == caller {
            let step = step(bytes);
            call.answered |= step == Some(End::Answer);
            if step == Some(End::Bye) || (step == Some(End::Refusal) && !call.answered) {
                call.ended.get_or_insert(envelope.at);
            }
        }
        let counts = &self.router.trace.counts;
        match folder.append(&call.file, envelope, bytes) {
            Ok(()) => _ = counts.written.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                counts.lost_on_disk.fetch_add(1, Ordering::Relaxed);
                if envelope.at.0 >= self.said_at.saturating_add(SAID_EVERY_MS) {
                    self.said_at = envelope.at.0;
                    tracing::warn!(dir = %folder.dir().display(), %error, "a message was not written to a trace");
                }
            }
        }
    }

    fn is_chosen(&self, envelope: &Envelope, invite: &[u8], call_id: &str) -> bool {
        let waited = !self.router.trace.next.is_empty() && {
            let config = self.router.config.load();
            let gate = self.gate_of(&config, envelope.peer.ip(), invite);
            self.router.trace.next.take(gate, invite, envelope.at)
        };
        waited || is_in_share(call_id, self.settings.share)
    }

    /// The gate that a call comes by: of its address, or of the SIP account that it names.
    fn gate_of<'c>(&self, config: &'c ConfigSnapshot, ip: IpAddr, invite: &[u8]) -> Option<&'c str> {
        let of_address = config.gates.by_source(ip.to_canonical());
        let of_account = || {
            let given = trace::header(invite, &["authorization", "proxy-authorization"])?;
            let given = String::from_utf8_lossy(given);
            let username = given.split("username=\"").nth(1)?.split('"').next()?;
            config.gates.by_username(username)
        };
        of_address.or_else(of_account).map(|gate| &*gate.name)
    }

    fn sweep(&mut self) {
        let now = self.router.clock.now().wall;
        let is_over = |call: &Followed| {
            call.ended.is_some_and(|at| now.0 - at.0 > LINGER_MS) || now.0 - call.since.0 > CALL_MS_MAX
        };
        self.calls.retain(|_, call| !is_over(call));
        self.homer.look();
        self.router.trace.ask_whether_wanted(self.calls.len());
    }
}

/// What a caller's message does to its call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// It is answered, or a re-INVITE is.
    Answer,
    /// It is refused, or a re-INVITE is. A challenge is followed by the same call again.
    Refusal,
    Bye,
}

fn step(message: &[u8]) -> Option<End> {
    let line = trace::first_line(message);
    let Some(status) = line.strip_prefix(b"SIP/2.0 ") else {
        return line.starts_with(b"BYE ").then_some(End::Bye);
    };
    let is_of_invite = trace::cseq(message).is_some_and(|cseq| cseq.ends_with(b"INVITE"));
    let is_challenge = status.starts_with(b"401") || status.starts_with(b"407");
    match status.first() {
        Some(b'2') if is_of_invite => Some(End::Answer),
        Some(b'3'..=b'6') if is_of_invite && !is_challenge => Some(End::Refusal),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_seen() {
        let response = |status: &str, method: &str| format!("SIP/2.0 {status}\r\nCSeq: 1 {method}\r\n\r\n");
        assert_eq!(step(b"BYE sip:x SIP/2.0\r\n\r\n"), Some(End::Bye));
        assert_eq!(step(response("486 Busy", "INVITE").as_bytes()), Some(End::Refusal));
        assert_eq!(step(response("200 OK", "INVITE").as_bytes()), Some(End::Answer));
        for (status, method) in
            [("200 OK", "OPTIONS"), ("401 Unauthorized", "INVITE"), ("180 Ringing", "INVITE")]
        {
            assert_eq!(step(response(status, method).as_bytes()), None);
        }
        assert_eq!(step(b""), None);
    }
}
