//! A carrier: answers by scripts, and what it saw of each call, for its own bill.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use sip::{Message, Method, Name};
use tests::dialogue::{Dialogue, reply};
use tests::rng::Rng;
use tests::sdp;

use crate::leg::Leg;
use crate::repeat::{Alarm, Out, Owner, Purpose, Repeats, Step};

/// How a carrier behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Answers; rings first unless 0.
    Answer { ring_ms: u64, answer_ms: u64 },
    /// Sends early media, then answers.
    Media { answer_ms: u64 },
    /// Refuses.
    Refuse { status: u16, after_ms: u64 },
    /// Says nothing at all.
    Silent,
    /// Says 100 and no more.
    Trying,
    /// Rings for ever.
    Ringing,
    /// Answers the CANCEL and then the call.
    AnswersCancel,
    /// Two phones answer.
    Forks { apart_ms: u64 },
    /// Answers and hangs up.
    HangsUp { talk_ms: u64 },
    /// Answers and is never heard again.
    Vanish { after_ms: u64 },
    /// Wants longer sessions first.
    SmallSession,
    /// Answers with a codec that was not offered.
    BadAnswer,
    /// Answers late and without a word before.
    Slow { answer_ms: u64 },
    /// Answers, then changes the session itself.
    Reinvites { after_ms: u64 },
}

pub struct Call {
    pub script: Script,
    pub invite: Message,
    last: Option<Bytes>,
    pub status: Option<u16>,
    pub vanished: bool,
    /// It should refresh the session and does not.
    pub neglects: bool,
    pub legs: Vec<Leg>,
    pub begun: u64,
}

pub struct Trunk {
    pub at: SocketAddr,
    pub reliable: bool,
    pub calls: Vec<Call>,
    by_branch: BTreeMap<String, usize>,
    repeats: Repeats,
    rng: Rng,
    /// What it does, weighted by repetition.
    pub moods: Vec<Script>,
}

impl Trunk {
    pub fn new(at: SocketAddr, reliable: bool, rng: Rng, moods: Vec<Script>) -> Self {
        Self {
            at,
            reliable,
            calls: Vec::new(),
            by_branch: BTreeMap::new(),
            repeats: Repeats::default(),
            rng,
            moods,
        }
    }

    pub fn alarm(&mut self, now: u64, alarm: Alarm, out: &mut Out) {
        match alarm {
            Alarm::Repeat(id) => {
                if let Some(owner) = self.repeats.alarm(id, out)
                    && let Some(leg) = self.calls[owner.call].legs.get_mut(owner.leg)
                {
                    leg.expired(now, owner.purpose, &mut self.repeats, out);
                }
            }
            Alarm::Step { call, step } => self.step(now, call, step, out),
        }
    }

    pub fn handle(&mut self, now: u64, msg: &Message, out: &mut Out) {
        if !msg.is_request() {
            let found = self.find(msg.call_id(), msg.from_tag());
            if let Some((call, leg)) = found.filter(|(call, _)| !self.calls[*call].vanished) {
                self.calls[call].legs[leg].response(now, msg, &mut self.repeats, out);
            }
            return;
        }
        let branch = msg.top_via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let known = self.by_branch.get(&branch).copied();
        match (msg.method(), known) {
            (Method::Invite, Some(at)) if !self.calls[at].vanished => {
                out.sends.extend(self.calls[at].last.clone())
            }
            (Method::Cancel, Some(at)) => self.cancelled(at, msg, out),
            (Method::Ack, Some(at)) => self.repeats.stop(Owner { call: at, leg: 0, purpose: Purpose::Final }),
            (Method::Invite, None) if msg.to_tag().is_empty() => self.invited(now, msg, branch, out),
            (Method::Cancel, None) => out.sends.push(reply(msg, 481, "x", self.at, "", None)),
            (Method::Options, _) => out.sends.push(reply(msg, 200, "x", self.at, "", None)),
            _ => self.in_dialog(now, msg, out),
        }
    }

    fn find(&self, call_id: &str, tag: &str) -> Option<(usize, usize)> {
        self.calls.iter().enumerate().rev().filter(|(_, call)| call.invite.call_id() == call_id).find_map(
            |(at, call)| {
                let leg = call.legs.iter().position(|leg| leg.tag == tag)?;
                Some((at, leg))
            },
        )
    }

    fn in_dialog(&mut self, now: u64, msg: &Message, out: &mut Out) {
        match self.find(msg.call_id(), msg.to_tag()) {
            Some((call, _)) if self.calls[call].vanished => {}
            Some((call, leg)) => {
                self.calls[call].legs[leg].request(now, msg, &mut self.rng, &mut self.repeats, out)
            }
            None if msg.method() == Method::Ack => {}
            None => out.sends.push(reply(msg, 481, "x", self.at, "", None)),
        }
    }

    fn invited(&mut self, now: u64, msg: &Message, branch: String, out: &mut Out) {
        let at = self.calls.len();
        let retried = msg.cseq().0 > 1;
        let script = match *self.rng.pick(&self.moods) {
            // It has what it asked for.
            Script::SmallSession if retried => Script::Answer { ring_ms: 100, answer_ms: 300 },
            script => script,
        };
        self.by_branch.insert(branch, at);
        self.calls.push(Call {
            script,
            invite: msg.clone(),
            last: None,
            status: None,
            vanished: false,
            neglects: false,
            legs: Vec::new(),
            begun: now,
        });
        let after = |ms, step| (ms, Alarm::Step { call: at, step });
        if script == Script::Silent {
            return;
        }
        if !matches!(script, Script::Slow { .. }) && !self.rng.percent(30) {
            self.say(at, 100, "", None, out);
        }
        match script {
            Script::Answer { ring_ms, answer_ms } => {
                if ring_ms > 0 {
                    out.alarms.push(after(ring_ms, Step::Ring));
                }
                out.alarms.push(after(ring_ms + answer_ms, Step::Decide));
            }
            Script::Media { answer_ms } => {
                out.alarms.extend([after(200, Step::Media), after(200 + answer_ms, Step::Decide)])
            }
            Script::Refuse { after_ms, .. } => out.alarms.push(after(after_ms, Step::Decide)),
            Script::Silent => {}
            Script::Slow { answer_ms } => out.alarms.push(after(answer_ms, Step::Decide)),
            Script::Trying => self.say(at, 100, "", None, out),
            Script::Ringing | Script::AnswersCancel => out.alarms.push(after(50, Step::Ring)),
            Script::Forks { .. }
            | Script::HangsUp { .. }
            | Script::Vanish { .. }
            | Script::Reinvites { .. } => {
                out.alarms.extend([after(100, Step::Ring), after(800, Step::Decide)]);
            }
            Script::SmallSession | Script::BadAnswer => out.alarms.push(after(100, Step::Decide)),
        }
    }

    /// A response to the INVITE outside any leg.
    fn say(&mut self, at: usize, status: u16, extra: &str, sdp: Option<&str>, out: &mut Out) {
        let tag = if status == 100 { String::new() } else { self.tag(at, 0) };
        let call = &mut self.calls[at];
        let bytes = reply(&call.invite, status, &tag, self.at, extra, sdp);
        call.last = Some(bytes.clone());
        if status >= 200 {
            call.status = Some(status);
            self.repeats.start(
                Owner { call: at, leg: 0, purpose: Purpose::Final },
                bytes,
                self.reliable,
                out,
            );
        } else {
            out.sends.push(bytes);
        }
    }

    fn tag(&self, at: usize, leg: usize) -> String {
        format!("t{}p{}l{leg}", at, self.at.port())
    }

    fn step(&mut self, now: u64, at: usize, step: Step, out: &mut Out) {
        let open = self.calls[at].status.is_none();
        if self.calls[at].vanished {
            return;
        }
        let after = |ms, step| (ms, Alarm::Step { call: at, step });
        match (step, self.calls[at].script) {
            (Step::Ring, _) if open => self.say(at, 180, "", None, out),
            (Step::Media, _) if open => {
                let sdp = self.answer_sdp(at);
                self.say(at, 183, "", Some(&sdp), out);
            }
            (Step::Decide, Script::Refuse { status, .. }) if open => {
                let extra = if status == 302 { "Reason: Q.850;cause=23\r\n" } else { "" };
                self.say(at, status, extra, None, out);
            }
            (Step::Decide, Script::SmallSession) if open => self.say(at, 422, "Min-SE: 1800\r\n", None, out),
            (Step::Decide, Script::BadAnswer) if open => {
                let media = sdp::Media { payloads: &[9], direction: "sendrecv", version: 1 };
                let sdp = sdp::write(self.at.ip(), &media);
                self.answer(now, at, 0, &sdp, out);
            }
            (Step::Decide, script) if open => {
                let sdp = self.answer_sdp(at);
                self.answer(now, at, 0, &sdp, out);
                match script {
                    Script::Forks { apart_ms } => out.alarms.push(after(apart_ms, Step::Fork)),
                    Script::HangsUp { talk_ms } => out.alarms.push(after(talk_ms, Step::Bye)),
                    Script::Vanish { after_ms } => out.alarms.push(after(after_ms, Step::Vanish)),
                    Script::Reinvites { after_ms } => {
                        out.alarms.extend([after(after_ms, Step::Hold), after(after_ms * 2, Step::Resume)])
                    }
                    _ => {}
                }
            }
            (Step::Fork, _) => {
                let sdp = self.answer_sdp(at);
                self.answer(now, at, 1, &sdp, out);
            }
            (Step::Bye, _) => {
                // A callee waits for the ACK before its BYE (§15).
                let Some(leg) = self.calls[at].legs.first_mut() else { return };
                if leg.acked {
                    leg.bye(now, &mut self.repeats, out);
                } else if leg.over.is_none() {
                    out.alarms.push(after(500, Step::Bye));
                }
            }
            (Step::Hold | Step::Resume, _) => {
                let direction = if step == Step::Hold { "sendonly" } else { "sendrecv" };
                if let Some(leg) = self.calls[at].legs.first_mut().filter(|leg| leg.acked) {
                    leg.offer(now, direction, &mut self.repeats, out);
                }
            }
            (Step::Refresh, _) => {
                if let Some(leg) = self.calls[at].legs.first_mut().filter(|leg| leg.over.is_none()) {
                    let wait_ms = if leg.refresh(now, &mut self.repeats, out) { 40_000 } else { 500 };
                    out.alarms.push(after(wait_ms, Step::Refresh));
                }
            }
            (Step::Vanish, _) => {
                self.calls[at].vanished = true;
                self.repeats.stop_call(at);
            }
            _ => {}
        }
    }

    fn answer_sdp(&self, at: usize) -> String {
        let offer = self.calls[at].invite.body();
        if offer.is_empty() {
            return sdp::write(
                self.at.ip(),
                &sdp::Media { payloads: &[8, 0, 101], direction: "sendrecv", version: 1 },
            );
        }
        sdp::answer(&offer, self.at.ip(), 1)
    }

    fn answer(&mut self, now: u64, at: usize, leg: usize, sdp: &str, out: &mut Out) {
        let tag = self.tag(at, leg);
        let call = &mut self.calls[at];
        // It may agree to the session timer that the switch asks for, and then keep it up or not.
        let agrees = call.invite.header(Name::SessionExpires).is_some() && self.rng.percent(60);
        let extra = match self.rng.range(0, 2) {
            _ if !agrees => "",
            0 => "Require: timer\r\nAllow: INVITE, BYE, UPDATE\r\nSession-Expires: 90;refresher=uac\r\n",
            1 => "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n",
            _ => "Require: timer\r\nSession-Expires: 90;refresher=uas\r\n",
        };
        if extra.contains("=uas") {
            call.neglects = self.rng.percent(30);
            if !call.neglects {
                out.alarms.push((40_000, Alarm::Step { call: at, step: Step::Refresh }));
            }
        }
        let bytes = reply(&call.invite, 200, &tag, self.at, extra, Some(sdp));
        call.status = Some(200);
        call.last = Some(bytes.clone());
        let transport = if self.reliable { "TCP" } else { "UDP" };
        let dialog = Dialogue::callee(self.at, &call.invite, &tag).over(transport);
        let mut made = Leg::new(at, leg, dialog, &tag, self.reliable, now);
        made.timer = agrees;
        made.invite_cseq = call.invite.cseq().0;
        call.legs.push(made);
        self.repeats.start(Owner { call: at, leg, purpose: Purpose::Final }, bytes, self.reliable, out);
    }

    fn cancelled(&mut self, at: usize, msg: &Message, out: &mut Out) {
        if self.calls[at].vanished {
            return;
        }
        let tag = self.tag(at, 0);
        out.sends.push(reply(msg, 200, &tag, self.at, "", None));
        if self.calls[at].status.is_some() {
            return;
        }
        match self.calls[at].script {
            Script::AnswersCancel => out.alarms.push((10, Alarm::Step { call: at, step: Step::Decide })),
            _ => self.say(at, 487, "", None, out),
        }
    }
}
