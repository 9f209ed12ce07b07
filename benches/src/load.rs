//! Calls in lock step: all INVITEs, then all 180s, and so on, so that only the switch's part of each step is
//! measured.

use std::time::Duration;

use ledger::Record;
use node::{Input, Output};
use sip::{Message, Method};

use crate::clock::cpu_of;
use crate::wire::{self, Caller};
use crate::world::{Arrival, SWITCH, World, gate_address};

/// The steps of a call, in order.
pub const STEPS: [Step; 7] =
    [Step::Invite, Step::Trying, Step::Ringing, Step::Answer, Step::Ack, Step::Bye, Step::ByeAnswered];
/// Steps until a call is up.
pub const UP: usize = 5;
/// Simulated time that a step takes for all calls.
const STEP_US: u64 = 125_000;

/// What comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The caller's INVITE.
    Invite,
    /// The carrier's 100.
    Trying,
    /// The carrier's 180.
    Ringing,
    /// The carrier's 200 with SDP.
    Answer,
    /// The caller's ACK.
    Ack,
    /// The caller's BYE.
    Bye,
    /// The carrier's 200 to ours.
    ByeAnswered,
}

/// A call in progress, as its two peers know it.
#[derive(Debug, Default)]
struct Placed {
    number: String,
    /// What the carrier got last: INVITE, later BYE.
    asked: Option<Message>,
    carrier: Option<std::net::SocketAddr>,
    /// What the caller got last: 100, 180, 200.
    told: Option<Message>,
}

/// Calls that go step by step together.
#[derive(Debug)]
pub struct Calls {
    first: usize,
    placed: Vec<Placed>,
    /// Records that the switch wrote, in order.
    pub records: Vec<Record>,
}

impl Step {
    /// For the figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Trying => "100 from the carrier",
            Self::Ringing => "180 from the carrier",
            Self::Answer => "200 from the carrier",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::ByeAnswered => "200 to BYE",
        }
    }
}

impl Calls {
    /// `count` calls, of which the first is number `first` of all calls of this world.
    pub fn new(world: &World, first: usize, count: usize) -> Self {
        let number = |call: usize| world.numbers[call % world.numbers.len()].as_str().to_owned();
        let placed =
            (first..first + count).map(|call| Placed { number: number(call), ..Placed::default() }).collect();
        Self { first, placed, records: Vec::new() }
    }

    /// Takes all calls through one step; the CPU time of the switch for all of them.
    pub fn step(&mut self, world: &mut World, step: Step) -> Duration {
        self.step_under(world, step, |deliver| cpu_of(deliver).0)
    }

    /// The same under another meter, which has to call what it is given once.
    pub fn step_under<R>(
        &mut self,
        world: &mut World,
        step: Step,
        meter: impl FnOnce(&mut dyn FnMut()) -> R,
    ) -> R {
        let mut arrivals: Vec<Arrival> = (0..self.placed.len()).map(|at| self.arrival(at, step)).collect();
        let spacing_us = STEP_US / self.placed.len().max(1) as u64;
        let mut outputs = Vec::with_capacity(arrivals.len() * 3);
        let measured = meter(&mut || world.deliver(std::mem::take(&mut arrivals), spacing_us, &mut outputs));
        self.hear(outputs);
        measured
    }

    /// Hands everything that was written back as durable; the CPU time.
    pub fn publish(&self, world: &mut World) -> Duration {
        let mut outputs = Vec::with_capacity(self.placed.len());
        let written = world.written;
        cpu_of(|| world.give(Input::Durable(written), &mut outputs)).0
    }

    /// Calls that reached the last step: the caller has its 200 and the carrier its BYE.
    pub fn ended(&self) -> usize {
        self.placed
            .iter()
            .filter(|call| call.asked.as_ref().is_some_and(|asked| asked.method() == Method::Bye))
            .count()
    }

    /// Calls that the caller knows as answered.
    pub fn answered(&self) -> usize {
        self.placed.iter().filter(|call| call.told.as_ref().is_some_and(|told| told.status() == 200)).count()
    }

    fn arrival(&self, at: usize, step: Step) -> Arrival {
        let call = &self.placed[at];
        let from = gate_address(self.first + at);
        let caller = Caller { call: self.first + at, from, to: SWITCH, number: &call.number };
        let asked = || call.asked.as_ref().expect("the carrier was asked");
        let told = || call.told.as_ref().expect("the caller was told");
        let carrier = || call.carrier.expect("a carrier was tried");
        let (peer, bytes) = match step {
            Step::Invite => (from, caller.invite(true)),
            Step::Trying => (carrier(), wire::response(asked(), 100, "Trying")),
            Step::Ringing => (carrier(), wire::response(asked(), 180, "Ringing")),
            Step::Answer | Step::ByeAnswered => (carrier(), wire::response(asked(), 200, "OK")),
            Step::Ack => (from, caller.ack(told())),
            Step::Bye => (from, caller.bye(told())),
        };
        Arrival { peer, bytes }
    }

    /// What the peers got.
    fn hear(&mut self, outputs: Vec<(usize, Output)>) {
        for (at, output) in outputs {
            match output {
                Output::Send { flow, bytes } => {
                    let message = Message::parse(bytes).expect("the switch writes SIP");
                    let call = &mut self.placed[at];
                    if !message.is_request() {
                        call.told = Some(message);
                    } else if message.method() != Method::Ack {
                        call.carrier = Some(flow.peer);
                        call.asked = Some(message);
                    }
                }
                Output::Journal { record, .. } => self.records.push(record),
                Output::KeepOpen { .. }
                | Output::FetchCertificate(_)
                | Output::Registered(_)
                | Output::LockedOut(_)
                | Output::Media(_)
                | Output::Gateway(_)
                | Output::Publish(_)
                | Output::Reply { .. }
                | Output::QuotaRequest { .. }
                | Output::Probed { .. } => {}
            }
        }
    }
}
