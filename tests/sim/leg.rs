//! One answered dialog of a model peer: BYE, re-INVITE, UPDATE, INFO and their answers, whichever side it is
//! on.

use std::collections::BTreeMap;

use bytes::Bytes;
use sip::{Message, Method};
use tests::dialogue::{Dialogue, reply};
use tests::rng::Rng;
use tests::sdp;

use crate::repeat::{Out, Owner, Purpose, Repeats};

pub struct Leg {
    pub call: usize,
    pub index: usize,
    pub dialog: Dialogue,
    pub tag: String,
    reliable: bool,
    /// Since when, µs.
    pub answered: u64,
    /// BYE was sent or received, or the dialog was found dead.
    pub over: Option<u64>,
    /// It got the ACK that it waited for, or sent its own.
    pub acked: bool,
    /// Our re-INVITE or UPDATE under way, by CSeq.
    pub offering: Option<u32>,
    offered_at: u64,
    /// How long the slowest of our offers waited for its answer, µs.
    pub offer_lag: u64,
    /// Their re-INVITE was answered and waits for its ACK.
    accepted: bool,
    /// CSeq of the INVITE that made the dialog, if it was theirs.
    pub invite_cseq: u32,
    /// Our answers by branch and method, for repeats.
    answers: BTreeMap<String, Bytes>,
    /// ACKs that we sent, by CSeq, to be repeated.
    acks: BTreeMap<u32, Bytes>,
    pub payloads: Vec<u8>,
    version: u32,
    /// It agreed to a session timer (RFC 4028).
    pub timer: bool,
    /// What a good switch on a good network never does to it.
    pub faults: Vec<&'static str>,
}

/// What a peer with session timers says of them.
pub const TIMER: &str = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";

impl Leg {
    pub fn new(
        call: usize,
        index: usize,
        dialog: Dialogue,
        tag: &str,
        reliable: bool,
        answered: u64,
    ) -> Self {
        Self {
            call,
            index,
            dialog,
            tag: tag.to_owned(),
            reliable,
            answered,
            over: None,
            acked: false,
            offering: None,
            offered_at: 0,
            offer_lag: 0,
            accepted: false,
            invite_cseq: 0,
            answers: BTreeMap::new(),
            acks: BTreeMap::new(),
            payloads: vec![8],
            version: 10,
            timer: false,
            faults: Vec::new(),
        }
    }

    const fn owner(&self, purpose: Purpose) -> Owner {
        Owner { call: self.call, leg: self.index, purpose }
    }

    /// Acknowledges a 2xx, now and whenever it comes again.
    pub fn ack(&mut self, cseq: u32, sdp: Option<&str>, out: &mut Out) {
        self.acked = true;
        let bytes = match self.acks.get(&cseq) {
            Some(bytes) => bytes.clone(),
            None => self.dialog.ack(cseq, sdp),
        };
        self.acks.insert(cseq, bytes.clone());
        out.sends.push(bytes);
    }

    pub fn bye(&mut self, now: u64, repeats: &mut Repeats, out: &mut Out) {
        if self.over.is_some() {
            return;
        }
        self.over = Some(now);
        let bytes = self.dialog.request("BYE", "", None);
        repeats.start(self.owner(Purpose::Bye), bytes, self.reliable, out);
        repeats.stop(self.owner(Purpose::Final));
        repeats.stop(self.owner(Purpose::Accept));
    }

    /// A re-INVITE with a changed direction.
    pub fn offer(&mut self, now: u64, direction: &str, repeats: &mut Repeats, out: &mut Out) {
        if self.over.is_some() || self.offering.is_some() || self.accepted {
            return;
        }
        self.version += 1;
        let sdp = sdp::write(
            self.dialog.me.ip(),
            &sdp::Media { payloads: &self.payloads, direction, version: self.version },
        );
        let bytes = self.dialog.request("INVITE", "", Some(&sdp));
        self.offering = Some(self.dialog.cseq);
        self.offered_at = now;
        repeats.start(self.owner(Purpose::Offer), bytes, self.reliable, out);
    }

    /// A refresh by UPDATE: nothing changes but the time.
    /// False if it must wait for an exchange under way.
    pub fn refresh(&mut self, now: u64, repeats: &mut Repeats, out: &mut Out) -> bool {
        if self.offering.is_some() || self.accepted {
            return false;
        }
        let bytes = self.dialog.request("UPDATE", TIMER, None);
        self.offering = Some(self.dialog.cseq);
        self.offered_at = now;
        repeats.start(self.owner(Purpose::Offer), bytes, self.reliable, out);
        true
    }

    /// A digit, which goes to the other side.
    pub fn info(&mut self, out: &mut Out) {
        if self.over.is_none() {
            out.sends.push(self.dialog.request("INFO", "", None));
        }
    }

    /// A request of the switch in this dialog.
    pub fn request(&mut self, now: u64, msg: &Message, rng: &mut Rng, repeats: &mut Repeats, out: &mut Out) {
        if msg.method() == Method::Ack {
            return self.acknowledged(msg, repeats);
        }
        let branch = msg.top_via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let key = format!("{branch} {}", msg.method_text());
        if let Some(bytes) = self.answers.get(&key) {
            return out.sends.push(bytes.clone());
        }
        let (status, sdp) = self.decide(now, msg, rng, repeats);
        let extra = if self.timer && status == 200 && matches!(msg.method(), Method::Invite | Method::Update)
        {
            TIMER
        } else {
            ""
        };
        let bytes = reply(msg, status, &self.tag, self.dialog.me, extra, sdp.as_deref());
        self.answers.insert(key, bytes.clone());
        if msg.method() == Method::Invite && status == 200 {
            self.accepted = true;
            repeats.start(self.owner(Purpose::Accept), bytes, self.reliable, out);
        } else {
            out.sends.push(bytes);
        }
    }

    fn acknowledged(&mut self, ack: &Message, repeats: &mut Repeats) {
        self.acked = true;
        if ack.cseq().0 == self.invite_cseq {
            repeats.stop(self.owner(Purpose::Final));
        } else if self.accepted {
            repeats.stop(self.owner(Purpose::Accept));
            self.accepted = false;
        }
    }

    fn decide(
        &mut self,
        now: u64,
        msg: &Message,
        rng: &mut Rng,
        repeats: &mut Repeats,
    ) -> (u16, Option<String>) {
        match msg.method() {
            Method::Bye => {
                let status = if self.over.is_some() && rng.percent(50) { 481 } else { 200 };
                self.over.get_or_insert(now);
                for purpose in [Purpose::Final, Purpose::Accept, Purpose::Offer] {
                    repeats.stop(self.owner(purpose));
                }
                self.acked = true;
                (status, None)
            }
            _ if self.over.is_some() => (481, None),
            Method::Invite | Method::Update if self.offering.is_some() || self.accepted => (491, None),
            Method::Invite if !self.timer && rng.percent(15) => (488, None),
            Method::Update if msg.body().is_empty() => (200, None),
            Method::Invite | Method::Update => {
                self.version += 1;
                let me = self.dialog.me.ip();
                let own =
                    sdp::Media { payloads: &self.payloads, direction: "sendrecv", version: self.version };
                let sdp = if msg.body().is_empty() {
                    sdp::write(me, &own)
                } else {
                    sdp::answer(&msg.body(), me, self.version)
                };
                (200, Some(sdp))
            }
            _ => (200, None),
        }
    }

    /// A response to a request of ours in this dialog.
    pub fn response(&mut self, now: u64, msg: &Message, repeats: &mut Repeats, out: &mut Out) {
        let (cseq, method) = msg.cseq();
        let status = msg.status();
        if status >= 200 && method != Method::Bye && self.offering == Some(cseq) && self.over.is_none() {
            self.offer_lag = self.offer_lag.max(now - self.offered_at);
        }
        match method {
            Method::Bye if status >= 200 => repeats.stop(self.owner(Purpose::Bye)),
            Method::Invite if status < 200 => repeats.stop(self.owner(Purpose::Offer)),
            Method::Invite if status < 300 => {
                if self.offering == Some(cseq) {
                    self.offering = None;
                    repeats.stop(self.owner(Purpose::Offer));
                    self.ack(cseq, None, out);
                } else if self.acks.contains_key(&cseq) {
                    self.ack(cseq, None, out);
                }
            }
            Method::Update if (200..300).contains(&status) && self.offering == Some(cseq) => {
                self.offering = None;
                repeats.stop(self.owner(Purpose::Offer));
            }
            Method::Invite | Method::Update if status >= 300 && self.offering == Some(cseq) => {
                self.offering = None;
                repeats.stop(self.owner(Purpose::Offer));
                if matches!(status, 481 | 408) {
                    self.over.get_or_insert(now);
                }
            }
            _ => {}
        }
    }

    /// Something that we repeated was never answered.
    pub fn expired(&mut self, now: u64, purpose: Purpose, repeats: &mut Repeats, out: &mut Out) {
        if self.over.is_none() || purpose == Purpose::Bye {
            self.faults.push(match purpose {
                Purpose::Final => "a 2xx to INVITE was never acknowledged",
                Purpose::Accept => "a 2xx to re-INVITE was never acknowledged",
                Purpose::Offer => "an offer was never answered",
                Purpose::Bye => "a BYE was never answered",
                Purpose::Invite | Purpose::Cancel => "a request was never answered",
            });
        }
        match purpose {
            // No ACK (§13.3.1.4), no answer to our offer: the other is gone.
            Purpose::Final | Purpose::Accept | Purpose::Offer => {
                self.accepted = false;
                self.bye(now, repeats, out);
            }
            Purpose::Bye | Purpose::Invite | Purpose::Cancel => {}
        }
    }
}
