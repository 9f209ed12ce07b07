//! A customer's PBX: calls by scripts, and what it noticed of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sip::{Message, Method, Name};
use tests::dialogue::{Dialogue, ack_failure, cancel, parse, reply};
use tests::rng::Rng;
use tests::sdp;

use crate::leg::Leg;
use crate::repeat::{Alarm, Out, Owner, Purpose, Repeats, Step};

/// How a caller behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Hangs up so long after the answer.
    Talk(u64),
    /// Gives up so long after the INVITE, whatever comes.
    Cancel(u64),
    /// Never says BYE.
    Endless,
    /// Holds, resumes, hangs up, each after so long.
    Hold(u64),
    /// INVITE without SDP.
    Late(u64),
    /// Never acknowledges.
    NoAck,
    /// Sends its INVITE three times at once.
    Thrice(u64),
    /// BYE instead of CANCEL.
    EarlyBye(u64),
    /// Speaks only what nobody takes.
    G722,
    /// Its power fails so long after the answer.
    Vanish(u64),
}

pub struct Call {
    pub script: Script,
    pub id: String,
    pub begun: bool,
    pub invite: Option<Message>,
    dialog: Dialogue,
    /// The one final answer.
    pub status: Option<u16>,
    tag: String,
    pub retry_after: bool,
    /// Nothing came at all, or no final after CANCEL.
    pub gave_up: bool,
    cancelled: bool,
    /// When its CANCEL was confirmed, and when the final answer came, µs.
    pub cancel_confirmed: Option<u64>,
    pub final_at: Option<u64>,
    early: bool,
    pub vanished: bool,
    /// Who is to refresh the session, if it has a timer; `lazy` never does.
    timer: Option<&'static str>,
    lazy: bool,
    /// It should have refreshed the session and did not.
    pub neglects: bool,
    pub leg: Option<Leg>,
    /// What it must never see.
    pub faults: Vec<String>,
}

pub struct Pbx {
    pub at: SocketAddr,
    pub reliable: bool,
    pub calls: Vec<Call>,
    by_id: BTreeMap<String, usize>,
    repeats: Repeats,
    rng: Rng,
}

impl Pbx {
    pub fn new(at: SocketAddr, reliable: bool, rng: Rng) -> Self {
        Self { at, reliable, calls: Vec::new(), by_id: BTreeMap::new(), repeats: Repeats::default(), rng }
    }

    /// A call that will begin when its `Step::Begin` comes; its place.
    pub fn plan(&mut self, id: String, number: &str, script: Script) -> usize {
        let transport = if self.reliable { "TCP" } else { "UDP" };
        let dialog = Dialogue::caller(self.at, &id, "+34600000001", number).over(transport);
        self.by_id.insert(id.clone(), self.calls.len());
        self.calls.push(Call {
            script,
            id,
            begun: false,
            invite: None,
            dialog,
            status: None,
            tag: String::new(),
            retry_after: false,
            gave_up: false,
            cancelled: false,
            cancel_confirmed: None,
            final_at: None,
            early: false,
            vanished: false,
            timer: [None, None, None, Some("uac"), Some("uas")][self.rng.range(0, 4) as usize],
            neglects: false,
            lazy: self.rng.percent(20),
            leg: None,
            faults: Vec::new(),
        });
        self.calls.len() - 1
    }

    pub fn alarm(&mut self, now: u64, alarm: Alarm, out: &mut Out) {
        match alarm {
            Alarm::Repeat(id) => {
                if let Some(owner) = self.repeats.alarm(id, out) {
                    self.expired(now, owner, out);
                }
            }
            Alarm::Step { call, step } => self.step(now, call, step, out),
        }
    }

    fn expired(&mut self, now: u64, owner: Owner, out: &mut Out) {
        let call = &mut self.calls[owner.call];
        match owner.purpose {
            Purpose::Invite | Purpose::Cancel => call.gave_up |= call.status.is_none(),
            purpose => {
                if let Some(leg) = &mut call.leg {
                    leg.expired(now, purpose, &mut self.repeats, out);
                }
            }
        }
    }

    fn step(&mut self, now: u64, at: usize, step: Step, out: &mut Out) {
        let owner = |purpose| Owner { call: at, leg: 0, purpose };
        let call = &mut self.calls[at];
        if call.vanished {
            return;
        }
        match step {
            Step::Begin => {
                let payloads: &[u8] = if call.script == Script::G722 { &[9] } else { &[8, 0, 18, 101] };
                let media = sdp::Media { payloads, direction: "sendrecv", version: 1 };
                let offer =
                    (!matches!(call.script, Script::Late(_))).then(|| sdp::write(self.at.ip(), &media));
                let timer = call
                    .timer
                    .map(|who| format!("Supported: timer\r\nAllow: INVITE, BYE, UPDATE\r\nSession-Expires: 90;refresher={who}\r\n"));
                let bytes = call.dialog.request("INVITE", &timer.unwrap_or_default(), offer.as_deref());
                call.begun = true;
                call.invite = Some(parse(&bytes));
                if let Script::Cancel(after_ms) = call.script {
                    out.alarms.push((after_ms, Alarm::Step { call: at, step: Step::Cancel }));
                }
                if matches!(call.script, Script::Thrice(_)) {
                    out.sends.extend([bytes.clone(), bytes.clone()]);
                }
                self.repeats.start(owner(Purpose::Invite), bytes, self.reliable, out);
            }
            Step::Cancel => {
                // Before a final answer and, as RFC 3261 §9.1 asks, not before a provisional one.
                if call.status.is_some() || call.gave_up {
                    return;
                }
                if !call.early {
                    return out.alarms.push((200, Alarm::Step { call: at, step: Step::Cancel }));
                }
                call.cancelled = true;
                let bytes = cancel(call.invite.as_ref().expect("begun"));
                self.repeats.start(owner(Purpose::Cancel), bytes, self.reliable, out);
            }
            Step::Bye => {
                if let Some(leg) = &mut call.leg {
                    leg.bye(now, &mut self.repeats, out);
                } else if call.status.is_none() {
                    // BYE on the early dialog (§15).
                    let bytes = call.dialog.request("BYE", "", None);
                    self.repeats.start(owner(Purpose::Bye), bytes, self.reliable, out);
                }
            }
            Step::Hold | Step::Resume => {
                let direction = if step == Step::Hold { "sendonly" } else { "sendrecv" };
                if let Some(leg) = &mut call.leg {
                    leg.offer(now, direction, &mut self.repeats, out);
                }
            }
            Step::Vanish => {
                call.vanished = true;
                self.repeats.stop_call(at);
            }
            Step::Refresh => {
                if let Some(leg) = call.leg.as_mut().filter(|leg| leg.over.is_none()) {
                    let wait_ms = if leg.refresh(now, &mut self.repeats, out) { 40_000 } else { 500 };
                    out.alarms.push((wait_ms, Alarm::Step { call: at, step: Step::Refresh }));
                }
            }
            Step::Info => {
                if let Some(leg) = &mut call.leg {
                    leg.info(out);
                }
            }
            Step::Ring | Step::Media | Step::Decide | Step::Fork => {}
        }
    }

    pub fn handle(&mut self, now: u64, msg: &Message, out: &mut Out) {
        let Some(&at) = self.by_id.get(msg.call_id()) else {
            if msg.is_request() && msg.method() != Method::Ack {
                out.sends.push(reply(msg, 481, "stray", self.at, "", None));
            }
            return;
        };
        let call = &mut self.calls[at];
        if call.vanished {
            return;
        }
        if msg.is_request() {
            match &mut call.leg {
                Some(leg) => leg.request(now, msg, &mut self.rng, &mut self.repeats, out),
                None if msg.method() == Method::Ack => {}
                None => out.sends.push(reply(msg, 481, "stray", self.at, "", None)),
            }
            return;
        }
        let (cseq, method) = msg.cseq();
        match method {
            Method::Cancel => {
                if msg.status() == 200 {
                    call.cancel_confirmed.get_or_insert(now);
                }
                self.repeats.stop(Owner { call: at, leg: 0, purpose: Purpose::Cancel });
            }
            Method::Invite if cseq == 1 => self.answered(now, at, msg, out),
            Method::Bye if call.leg.is_none() && msg.status() >= 200 => {
                self.repeats.stop(Owner { call: at, leg: 0, purpose: Purpose::Bye });
            }
            _ => {
                if let Some(leg) = &mut call.leg {
                    leg.response(now, msg, &mut self.repeats, out);
                }
            }
        }
    }

    fn answered(&mut self, now: u64, at: usize, msg: &Message, out: &mut Out) {
        let owner = |purpose| Owner { call: at, leg: 0, purpose };
        let call = &mut self.calls[at];
        let status = msg.status();
        self.repeats.stop(owner(Purpose::Invite));
        if status < 200 {
            let first = !call.early;
            call.early = true;
            if call.status.is_some() {
                return;
            }
            if status > 100 {
                call.dialog.learn(msg);
                if let (Script::EarlyBye(after_ms), true) = (call.script, call.tag.is_empty()) {
                    call.tag = msg.to_tag().to_owned();
                    out.alarms.push((after_ms, Alarm::Step { call: at, step: Step::Bye }));
                }
            }
            let _ = first;
            return;
        }
        let again = call.status == Some(status) && call.tag == msg.to_tag();
        match call.status {
            Some(before) if !again => call.faults.push(format!("final {status} after final {before}")),
            Some(_) | None => {}
        }
        if status >= 300 {
            let ack = ack_failure(call.invite.as_ref().expect("begun"), msg);
            out.sends.push(ack);
        }
        if again {
            if let Some(leg) = call.leg.as_mut().filter(|_| status < 300 && call.script != Script::NoAck) {
                leg.ack(1, None, out);
            }
            return;
        }
        if call.status.is_some() {
            return;
        }
        call.status = Some(status);
        call.final_at = Some(now);
        call.gave_up = false;
        call.tag = msg.to_tag().to_owned();
        call.retry_after = msg.header(Name::RetryAfter).is_some();
        self.repeats.stop(owner(Purpose::Cancel));
        if status < 300 {
            self.up(now, at, msg, out);
        }
    }

    fn up(&mut self, now: u64, at: usize, ok: &Message, out: &mut Out) {
        let call = &mut self.calls[at];
        call.dialog.learn(ok);
        let tag = call.dialog.local.rsplit("tag=").next().unwrap_or_default().to_owned();
        let mut leg = Leg::new(at, 0, call.dialog.clone(), &tag, self.reliable, now);
        let late = matches!(call.script, Script::Late(_));
        let answer = late.then(|| sdp::answer(&ok.body(), self.at.ip(), 2));
        if sdp::payloads(&ok.body()).is_empty() {
            call.faults.push("200 without a codec".to_owned());
        }
        if call.script != Script::NoAck {
            leg.ack(1, answer.as_deref(), out);
        }
        let after = |ms, step| (ms, Alarm::Step { call: at, step });
        leg.timer = call.timer.is_some();
        let mine = ok.header(Name::SessionExpires).is_some_and(|value| value.contains("refresher=uac"));
        if mine && !call.lazy {
            out.alarms.push(after(40_000, Step::Refresh));
        }
        call.neglects = mine && call.lazy;
        if self.rng.percent(10) {
            out.alarms.push(after(self.rng.range(1, 20_000), Step::Info));
        }
        if call.cancelled {
            // The 2xx crossed our CANCEL: it stands, so it is ended (§9.1).
            leg.bye(now, &mut self.repeats, out);
        } else {
            match call.script {
                Script::Talk(ms) | Script::Late(ms) | Script::Thrice(ms) | Script::Cancel(ms) => {
                    out.alarms.push(after(ms, Step::Bye))
                }
                Script::EarlyBye(_) => out.alarms.push(after(1_000, Step::Bye)),
                Script::Hold(ms) => {
                    let steps = [(ms, Step::Hold), (ms * 2, Step::Resume), (ms * 3, Step::Bye)];
                    out.alarms.extend(steps.map(|(ms, step)| after(ms, step)));
                }
                Script::Vanish(ms) => out.alarms.push(after(ms, Step::Vanish)),
                Script::Endless | Script::NoAck | Script::G722 => {}
            }
        }
        call.leg = Some(leg);
    }
}
