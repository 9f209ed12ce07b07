//! Phones that ring together and do what they like, in any order: one call or none, one record, and nothing
//! is left of it. The seed is the order; a bad one is kept here for ever.

use sip::Message;
use tests::dialogue::{ack_failure, kind, reply};
use tests::plan::{Plan, SIP_DOMAIN, number, sip_account};
use tests::rng::Rng;
use tests::sdp;

use crate::handset::Handset;
use crate::numbers::calling;
use crate::phone::Phone;
use crate::stage::{ALPHA, PBX, Stage, addr};

const NUMBER: &str = "34911000001";
const SEEDS: u64 = 400;
/// Things that happen before the end is brought about.
const STEPS: u64 = 24;

/// One phone of alice's.
struct Ringing {
    at: std::net::SocketAddr,
    invite: Option<Message>,
    /// Its final answer.
    said: Option<u16>,
    /// It was told to hang up.
    byes: u32,
    acks: u32,
}

struct Race {
    stage: Stage,
    rng: Rng,
    caller: Phone,
    phones: Vec<Ringing>,
    /// The caller's final answer.
    outcome: Option<u16>,
    caller_byes: u32,
}

impl Race {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::standard();
        plan.gates.push(sip_account("alice", "acme"));
        plan.domains = vec![SIP_DOMAIN];
        plan.numbers = vec![number(NUMBER, "acme", "sip_account:alice")];
        let mut stage = Stage::new(plan);
        let count = rng.range(1, 4);
        let mut phones = Vec::new();
        for place in 0..count {
            let at = format!("203.0.113.{}:{}", 7 + place, 5_062 + place);
            let q = ["1", "0.5"][rng.range(0, 1) as usize];
            let call_id = format!("r{place}");
            let contact = format!("Contact: <sip:alice@{at}>;q={q}\r\n");
            assert_eq!(Handset::at("alice", &at, &call_id).register(&mut stage, &contact).status(), 200);
            phones.push(Ringing { at: addr(&at), invite: None, said: None, byes: 0, acks: 0 });
        }
        let from = [ALPHA, PBX][rng.range(0, 1) as usize];
        let mut caller = calling(from, NUMBER);
        caller.invite(&mut stage);
        Self { stage, rng, caller, phones, outcome: None, caller_byes: 0 }
    }

    /// Everybody reads what came, and answers what has to be answered.
    fn read(&mut self) {
        for phone in &mut self.phones {
            for message in self.stage.inbox(phone.at) {
                let answer = |status| reply(&message, status, "t", phone.at, "", None);
                match &*kind(&message) {
                    "INVITE" if phone.invite.is_none() => phone.invite = Some(message),
                    "INVITE" => {}
                    "ACK" => phone.acks += 1,
                    "CANCEL" => {
                        self.stage.send(phone.at, &answer(200));
                        if phone.said.is_none() {
                            phone.said = Some(487);
                            let invite = phone.invite.as_ref().expect("it rang");
                            self.stage.send(phone.at, &reply(invite, 487, "t", phone.at, "", None));
                        }
                    }
                    "BYE" => {
                        phone.byes += 1;
                        self.stage.send(phone.at, &answer(200));
                    }
                    other => panic!("{other}"),
                }
            }
        }
        for message in self.stage.inbox(self.caller.at) {
            let status = message.status();
            match &*kind(&message) {
                "BYE" => {
                    self.caller_byes += 1;
                    self.stage.send(self.caller.at, &reply(&message, 200, "", self.caller.at, "", None));
                }
                "200 INVITE" => {
                    self.outcome = Some(200);
                    self.caller.dialog.learn(&message);
                    self.caller.ack(&mut self.stage, None);
                }
                other if other.ends_with("INVITE") && status >= 300 => {
                    self.outcome = Some(status);
                    let invite = self.caller.invite.as_ref().expect("it called");
                    self.stage.send(self.caller.at, &ack_failure(invite, &message));
                }
                _ => {}
            }
        }
    }

    /// Something happens.
    fn step(&mut self) {
        let at = self.rng.range(0, self.phones.len() as u64) as usize;
        let Some(phone) = self.phones.get_mut(at) else {
            return match self.rng.range(0, 7) {
                0 if self.outcome.is_none() => self.caller.cancel(&mut self.stage),
                _ => {
                    let ms = self.rng.range(0, 5_000);
                    self.stage.advance(ms);
                }
            };
        };
        let Some(invite) = phone.invite.clone().filter(|_| phone.said.is_none()) else { return };
        let session = sdp::answer(&invite.body(), phone.at.ip(), 1);
        let (status, session) = match self.rng.range(0, 9) {
            0..=2 => (180, None),
            3 => (183, Some(&*session)),
            4 | 5 => (200, Some(&*session)),
            6 => (200, None),
            7 => (486, None),
            8 => (603, None),
            _ => (302, None),
        };
        if status >= 200 {
            phone.said = Some(status);
        }
        self.stage.send(phone.at, &reply(&invite, status, "t", phone.at, "", session));
    }

    fn end(mut self, seed: u64) {
        if self.outcome.is_none() {
            self.caller.cancel(&mut self.stage);
        }
        // Silent phones are given up, whatever comes late is answered.
        for _ in 0..80 {
            self.read();
            self.stage.advance(500);
        }
        if self.outcome == Some(200) && self.caller_byes == 0 {
            let talking: Vec<_> =
                self.phones.iter().filter(|phone| phone.said == Some(200) && phone.byes == 0).collect();
            assert_eq!((talking.len(), self.stage.talking()), (1, 1), "seed {seed}");
            self.caller.bye(&mut self.stage);
        }
        for _ in 0..80 {
            self.read();
            self.stage.advance(500);
        }
        for phone in self.phones.iter().filter(|phone| phone.said == Some(200)) {
            assert!(phone.acks >= 1 && phone.byes >= 1, "seed {seed}: {} was left alone", phone.at);
        }
        let cdr = self.stage.cdr();
        let answered = cdr.attempts.iter().filter(|attempt| attempt.reason == "answered").count();
        assert_eq!(answered, usize::from(self.outcome == Some(200)), "seed {seed}: {cdr:?}");
        assert_eq!(Some(cdr.sip_status), self.outcome, "seed {seed}: {cdr:?}");
        // Contacts last longer than the call: nothing else may be left.
        self.stage.over();
    }
}

#[test]
fn any_race_of_phones_is_one_call_or_none() {
    let mut outcomes = std::collections::BTreeMap::new();
    for seed in 0..SEEDS {
        let mut race = Race::new(seed);
        for _ in 0..STEPS {
            race.read();
            race.step();
        }
        race.read();
        *outcomes.entry(race.outcome).or_insert(0) += 1;
        race.end(seed);
    }
    // The seeds have seen it all: answered, cancelled, declined, busy, absent.
    for outcome in [200, 487, 603, 486, 480].map(Some) {
        assert!(outcomes.get(&outcome).is_some_and(|count| *count >= 5), "{outcomes:?}");
    }
}
