//! The test PBX: places one call per line as a user agent client (RFC 3261 §13.2, §15), and remembers what it
//! heard. Its times are the proof's lower bound: it learns of the answer after the switch and hangs up before
//! it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use sip::{Builder, Message, Method, Name};

use super::line::{self, Line, Payloads};
use super::voice::Voice;

/// Repeats of a request begin after this (T1).
const REPEAT: Duration = Duration::from_millis(500);
/// A call that is not over by then failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the caller does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Hangs up so long after the answer.
    HangUpAfter(Duration),
    /// Talks until the other side ends it.
    Listen,
    /// Gives up so long after it began to ring.
    CancelAfter(Duration),
}

/// A call to place.
#[derive(Clone, Copy)]
pub(super) struct Dial {
    /// The caller's own number.
    pub caller: &'static str,
    /// As dialled.
    pub called: &'static str,
    /// Codecs offered.
    pub payloads: Payloads,
    pub manner: Manner,
}

/// What the caller heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub call_id: String,
    pub rang: bool,
    /// Final status.
    pub status: u16,
    /// The Reason header of a refusal, or of the BYE that ended the call.
    pub reason: String,
    pub answered: Option<Instant>,
    pub said_bye: Option<Instant>,
    pub heard_bye: Option<Instant>,
    /// RTP packets that came.
    pub packets: u64,
}

/// One call of the caller.
struct Phone<'a> {
    line: Line,
    switch: SocketAddr,
    dial: &'a Dial,
    tag: String,
    branch: String,
    heard: Heard,
    voice: Voice,
    give_up: Instant,
}

/// Places a call on this line and comes back when it is over.
pub(super) fn place(line: Line, switch: SocketAddr, dial: &Dial) -> anyhow::Result<Heard> {
    let call_id = format!("{}@{}", line::unique(), line.address().ip());
    let IpAddr::V4(ip) = line.address().ip() else { bail!("the demo's ends are of IPv4") };
    let mut phone = Phone {
        voice: Voice::start(ip)?,
        line,
        switch,
        dial,
        tag: line::unique(),
        branch: line::unique(),
        heard: Heard { call_id, ..Heard::default() },
        give_up: Instant::now() + PATIENCE,
    };
    if let Some(answer) = phone.ring()? {
        phone.voice.talk_to(&answer.body());
        phone.talk(&answer)?;
        phone.heard.packets = phone.voice.heard();
    }
    Ok(phone.heard)
}

impl Phone<'_> {
    /// Until the final response; the message if it is an answer.
    fn ring(&mut self) -> anyhow::Result<Option<Message>> {
        let to = self.callee();
        let offer = line::offer(self.voice.address(), self.dial.payloads);
        let invite = self.request(Method::Invite, &self.target(), &to, 1, &self.branch);
        let invite =
            invite.header(Name::Contact, &self.contact()).body("application/sdp", offer.as_bytes()).build();
        let mut repeat = Repeat::of(invite);
        let mut cancel_at = None;
        loop {
            if cancel_at.is_some_and(|at| at <= Instant::now()) {
                cancel_at = None;
                self.line.send(
                    self.switch,
                    &self.request(Method::Cancel, &self.target(), &to, 1, &self.branch).build(),
                )?;
            }
            let Some(response) = self.response(&mut repeat, cancel_at, Method::Invite)? else { continue };
            repeat.stop();
            match response.status() {
                100 => {}
                101..=199 => {
                    if let (false, Manner::CancelAfter(wait)) = (self.heard.rang, self.dial.manner) {
                        cancel_at = Some(Instant::now() + wait);
                    }
                    self.heard.rang = true;
                }
                200..=299 => {
                    self.heard.status = response.status();
                    return Ok(Some(response));
                }
                status => {
                    let to = response.header(Name::To).unwrap_or_default().to_owned();
                    self.line.send(
                        self.switch,
                        &self.request(Method::Ack, &self.target(), &to, 1, &self.branch).build(),
                    )?;
                    self.heard.status = status;
                    self.heard.reason = response.header(Name::Reason).unwrap_or_default().to_owned();
                    return Ok(None);
                }
            }
        }
    }

    /// From the answer to the end.
    fn talk(&mut self, answer: &Message) -> anyhow::Result<()> {
        let began = Instant::now();
        self.heard.answered = Some(began);
        let target = answer.contact().map(|contact| contact.uri.to_owned()).unwrap_or_else(|_| self.target());
        let to = answer.header(Name::To).unwrap_or_default().to_owned();
        let ack = self.request(Method::Ack, &target, &to, 1, &line::unique()).build();
        self.line.send(self.switch, &ack)?;
        let hang_up_at = match self.dial.manner {
            Manner::HangUpAfter(talk) => began + talk,
            Manner::Listen | Manner::CancelAfter(_) => self.give_up,
        };
        while Instant::now() < hang_up_at {
            let Some((message, peer)) = self.line.receive(hang_up_at)? else { continue };
            if message.is_request() && message.method() == Method::Bye {
                self.heard.heard_bye = Some(Instant::now());
                self.heard.reason = message.header(Name::Reason).unwrap_or_default().to_owned();
                return self.line.send(peer, &Builder::response(&message, 200, "OK").build());
            }
            if message.status() / 100 == 2 && message.cseq() == (1, Method::Invite) {
                self.line.send(self.switch, &ack)?;
            }
        }
        if hang_up_at == self.give_up {
            bail!("{} was not hung up within {} s", self.dial.called, PATIENCE.as_secs());
        }
        self.heard.said_bye = Some(Instant::now());
        let mut bye = Repeat::of(self.request(Method::Bye, &target, &to, 2, &line::unique()).build());
        while self.response(&mut bye, None, Method::Bye)?.is_none() {}
        Ok(())
    }

    /// The next response to this method, if one comes before something else is due.
    fn response(
        &self,
        repeat: &mut Repeat,
        wake_at: Option<Instant>,
        method: Method,
    ) -> anyhow::Result<Option<Message>> {
        let now = Instant::now();
        if now >= self.give_up {
            bail!("{} is not over after {} s", self.dial.called, PATIENCE.as_secs());
        }
        repeat.send(&self.line, self.switch, now)?;
        let until = [repeat.at, wake_at].into_iter().flatten().fold(self.give_up, Instant::min);
        let received = self.line.receive(until)?;
        Ok(received
            .map(|(message, _)| message)
            .filter(|message| !message.is_request() && message.cseq().1 == method))
    }

    fn request(&self, method: Method, uri: &str, to: &str, cseq: u32, branch: &str) -> Builder {
        let from = format!("<sip:{}@{}>;tag={}", self.dial.caller, self.line.address().ip(), self.tag);
        Builder::request(method, uri)
            .header(Name::Via, &format!("SIP/2.0/UDP {};branch=z9hG4bK{branch};rport", self.line.address()))
            .header(Name::MaxForwards, "70")
            .header(Name::From, &from)
            .header(Name::To, to)
            .header(Name::CallId, &self.heard.call_id)
            .cseq(cseq, method)
    }

    fn target(&self) -> String {
        format!("sip:{}@{}", self.dial.called, self.switch)
    }

    fn callee(&self) -> String {
        format!("<{}>", self.target())
    }

    fn contact(&self) -> String {
        format!("<sip:pbx@{}>", self.line.address())
    }
}

/// A request that is sent again until it is answered.
struct Repeat {
    bytes: Bytes,
    at: Option<Instant>,
    wait: Duration,
}

impl Repeat {
    fn of(bytes: Bytes) -> Self {
        Self { bytes, at: Some(Instant::now()), wait: REPEAT }
    }

    fn send(&mut self, line: &Line, to: SocketAddr, now: Instant) -> anyhow::Result<()> {
        if self.at.is_some_and(|at| at <= now) {
            line.send(to, &self.bytes)?;
            self.at = Some(now + self.wait);
            self.wait *= 2;
        }
        Ok(())
    }

    const fn stop(&mut self) {
        self.at = None;
    }
}
