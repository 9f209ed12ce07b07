//! Master and slave determination (H.245 C.2): the higher terminal type is master; among equals the numbers
//! decide.

use crate::asn1::h245::{
    MasterSlaveDetermination, MasterSlaveDeterminationAck, MasterSlaveDeterminationAckDecision as Decision,
    MasterSlaveDeterminationReject, MasterSlaveDeterminationRejectCause, RequestMessage, ResponseMessage,
};

/// A gateway without MC (H.323 table 1).
pub const TERMINAL_TYPE: u8 = 60;
/// Times that a number is drawn.
const TRIES: u8 = 3;
const MODULUS_MASK: u32 = 0xff_ffff;

/// One side's machine.
#[derive(Debug)]
pub struct Determination {
    state: State,
    number: u32,
    /// Draws the next number.
    seed: u64,
    tries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// Our number is sent.
    Outgoing,
    /// We have decided and wait for the peer's acknowledgement.
    Incoming {
        is_master: bool,
    },
    Done {
        is_master: bool,
    },
    Failed,
}

/// What follows from a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing.
    None,
    /// Send a request.
    Request(RequestMessage),
    /// Send a response.
    Response(ResponseMessage),
    /// The numbers, or the decisions, never agree.
    Failed,
}

// === impl Determination ===

impl Determination {
    /// `seed` is drawn at random for each call.
    pub const fn new(seed: u64) -> Self {
        Self { state: State::Idle, number: 0, seed, tries: 0 }
    }

    /// Whether this side is master, once that is decided.
    pub const fn is_master(&self) -> Option<bool> {
        match self.state {
            State::Done { is_master } => Some(is_master),
            _ => None,
        }
    }

    /// Whether an answer of the peer is awaited.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Outgoing | State::Incoming { .. })
    }

    /// Sends our number, unless determination runs or is done.
    pub fn start(&mut self) -> Outcome {
        if self.state != State::Idle {
            return Outcome::None;
        }
        self.draw();
        self.request()
    }

    /// The peer's number.
    pub fn on_request(&mut self, request: &MasterSlaveDetermination) -> Outcome {
        if self.tries == 0 {
            self.draw();
        }
        let Some(is_master) = self.decide(request) else {
            if self.state != State::Outgoing {
                return Outcome::Response(ResponseMessage::MasterSlaveDeterminationReject(
                    MasterSlaveDeterminationReject {
                        cause: MasterSlaveDeterminationRejectCause::IdenticalNumbers,
                    },
                ));
            }
            return self.again();
        };
        self.state = State::Incoming { is_master };
        acknowledge(is_master)
    }

    /// The peer's decision: `master` means that we are it.
    pub fn on_ack(&mut self, ack: &MasterSlaveDeterminationAck) -> Outcome {
        let is_master = ack.decision == Decision::Master;
        match self.state {
            State::Outgoing => {
                self.state = State::Done { is_master };
                acknowledge(is_master)
            }
            State::Incoming { is_master: ours } if ours == is_master => {
                self.state = State::Done { is_master };
                Outcome::None
            }
            State::Incoming { .. } => self.fail(),
            State::Idle | State::Done { .. } | State::Failed => Outcome::None,
        }
    }

    /// The peer saw equal numbers.
    pub fn on_reject(&mut self) -> Outcome {
        match self.state {
            State::Outgoing => self.again(),
            _ => Outcome::None,
        }
    }

    fn decide(&self, request: &MasterSlaveDetermination) -> Option<bool> {
        if request.terminal_type != TERMINAL_TYPE {
            return Some(request.terminal_type < TERMINAL_TYPE);
        }
        match request.status_determination_number.wrapping_sub(self.number) & MODULUS_MASK {
            0 | 0x80_0000 => None,
            difference => Some(difference < 0x80_0000),
        }
    }

    fn again(&mut self) -> Outcome {
        if self.tries >= TRIES {
            return self.fail();
        }
        self.draw();
        self.request()
    }

    const fn fail(&mut self) -> Outcome {
        self.state = State::Failed;
        Outcome::Failed
    }

    fn request(&mut self) -> Outcome {
        self.state = State::Outgoing;
        Outcome::Request(RequestMessage::MasterSlaveDetermination(MasterSlaveDetermination {
            terminal_type: TERMINAL_TYPE,
            status_determination_number: self.number,
        }))
    }

    const fn draw(&mut self) {
        // one step of SplitMix64
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.number = (z >> 31) as u32 & MODULUS_MASK;
        self.tries += 1;
    }
}

/// The decision as the peer sees it.
const fn acknowledge(is_master: bool) -> Outcome {
    let decision = if is_master { Decision::Slave } else { Decision::Master };
    Outcome::Response(ResponseMessage::MasterSlaveDeterminationAck(MasterSlaveDeterminationAck { decision }))
}
