//! The neutral words between a call and its legs: what both SIP and H.323 can say.

use std::sync::Arc;

use codecs::CodecSet;
use media::{SdpError, Session};
use rating::engine::{Extension, LeaseTiming, Settlement};
use rating::{Cdr, Price};
use route::{AttemptEnd, Carrier, Carriers, Gate, Plan};
use units::{Cause, Money, Number, Tick};

use crate::{Callee, EarlyAction, EarlyEvent, NumberCallee, OfferRefusal, Origin, Refusal, SipAccountCallee};

/// Place of a carrier tried, from 0; below [`ATTEMPTS_MAX`].
pub type Attempt = u8;

/// Most carriers tried for one call: every one of a route, whose places are counted in as many bits.
pub const ATTEMPTS_MAX: usize = 255;

/// One of the two ends of an answered call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The gate's end, leg A.
    Caller,
    /// The carrier's end, leg B.
    Carrier,
}

/// A leg: the caller's, or that of one carrier tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LegId {
    /// Leg A.
    Caller,
    /// Leg B of that attempt.
    Carrier(Attempt),
}

/// A call that wants to be made.
#[derive(Debug)]
pub struct Setup {
    /// Identity of the call, in the CDR's `id`.
    pub id: u128,
    /// Who sends it; kept as it was at this instant, whatever is reloaded later.
    pub origin: Origin,
    /// The caller as the gate named it.
    pub caller: Box<str>,
    /// The called number as the gate wrote it.
    pub called: Box<str>,
    /// The SIP account of the caller's own customer that it names, if it does.
    pub sip_account: Option<Arc<Gate>>,
    /// The offer; `None` is a late one, an error one that cannot be read.
    pub offer: Result<Option<Arc<Session>>, SdpError>,
    /// Answered milliseconds between two checkpoints.
    pub checkpoint_ms: u32,
}

/// One of several phones that a carrier makes ring for one attempt (RFC 3261 §12.1): counted from 0 in the
/// order of their first word.
pub type Branch = u8;

/// What a side that is called says before it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The call arrived.
    Trying,
    /// It rings.
    Ringing,
    /// The call goes on to somewhere else.
    Forwarded,
    /// It waits in a queue.
    Queued,
    /// Something else goes on, as an announcement.
    InProgress,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// Answer to [`Action::Admit`]: priced, routed, leased.
    Admitted(Box<Admission>),
    /// Answer to [`Action::Admit`]: not to be made.
    Refused {
        /// The answer to the caller: status, cause and reason.
        refusal: Refusal,
        /// What it would have cost, if that was known by then.
        price: Option<Box<Price>>,
    },
    /// Answer to [`Action::StartBilling`]; an error is a lease that no longer fits the price.
    Billing(Result<LeaseTiming, Refusal>),
    /// Answer to [`Action::Extend`].
    Extended(Extension),
    /// Answer to [`Action::Warn`]: when to warn again, if ever.
    Warned(LeaseTiming),
    /// Answer to [`Action::Settle`].
    Settled(Settled),
    /// A carrier rings or sends early media.
    Progress {
        /// The place of the attempt, from 0.
        attempt: Attempt,
        /// Which of the phones that it makes ring.
        branch: Branch,
        /// What it says.
        progress: Progress,
        /// Early answer, if any.
        session: Option<Arc<Session>>,
    },
    /// A side speaks of the session in the early dialog with the phone of an attempt.
    Early(Side, (Attempt, Branch), EarlyEvent),
    /// A carrier answered.
    Answer {
        /// The place of the attempt, from 0.
        attempt: Attempt,
        /// Which of the phones that it made ring, or one that did not.
        branch: Branch,
        /// The answer; the offer where the caller made none.
        session: Option<Arc<Session>>,
    },
    /// An attempt ended without an answered call.
    AttemptEnded {
        /// The place of the attempt, from 0.
        attempt: Attempt,
        /// How the attempt ended.
        end: AttemptEnd,
        /// Q.850 cause, if the carrier gave one.
        cause: Option<Cause>,
    },
    /// The caller gave up before the answer.
    Cancelled,
    /// Answer to [`Action::Accept`] where the caller cannot be told yet: it has to acknowledge something
    /// first.
    AnswerHeld,
    /// The caller is told now.
    AnswerTold,
    /// A side hung up.
    Released {
        /// The side of the call.
        side: Side,
        /// Q.850 cause, if it gave one.
        cause: Option<Cause>,
    },
    /// A side offers a changed session in mid-call; `None` asks the other side for its offer.
    Offer {
        /// Who offers.
        side: Side,
        /// The offer.
        session: Option<Arc<Session>>,
    },
    /// A side takes back the offer that it made, before it was answered.
    OfferWithdrawn {
        /// Who offered.
        side: Side,
    },
    /// The other side answered what [`Action::SendOffer`] asked.
    OfferAnswered {
        /// Who answers.
        side: Side,
        /// The answer; the offer where none was sent; or why there is none.
        session: Result<Option<Arc<Session>>, OfferRefusal>,
    },
    /// The answer to an offer that we sent late came.
    LateAnswer {
        /// Who answers.
        side: Side,
        /// The answer; `None` is a fault of the peer.
        session: Option<Arc<Session>>,
    },
    /// A leg is gone without a word.
    Lost {
        /// The side of the call.
        side: Side,
        /// How that was noticed.
        loss: Loss,
    },
    /// Media of the answered call ended; the time after this moment is not billed.
    MediaEnded {
        /// Between the answer and now.
        billed_until: Tick,
    },
    /// The media that the call needs cannot be had.
    NoMedia,
    /// The media of one attempt's leg cannot be had.
    NoMediaOf {
        /// The attempt whose leg it was.
        attempt: Attempt,
    },
    /// An operator, or the end of the process, ends the call.
    Kill(HangupBy),
    /// Money came to the account: a refused extension may be tried again.
    FundsReturned,
    /// A deadline of [`Call::deadline`](crate::Call::deadline) has come.
    Timeout,
}

/// The account after a call.
#[derive(Debug)]
pub enum Settled {
    /// A lease was settled, billed or not.
    Lease(Box<Settlement>),
    /// There was none: the balance stands as it did.
    Untouched(Money),
}

/// How the loss of a leg was noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// No ACK to our 2xx within 64·T1.
    NoAck,
    /// No PRACK to a reliable provisional response within 64·T1 (RFC 3262 §3).
    NoPrack,
    /// The session timer ran out (RFC 4028 §10).
    SessionExpired,
    /// An in-dialog request was answered 481 or 408, or not at all.
    DialogGone,
}

/// Why we end a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReleaseReason {
    /// The Q.850 cause.
    pub cause: Cause,
    /// The SIP status by which the call ended, if it was one: that of a refusal, or another phone's. The peer
    /// is told that instead of the cause.
    pub status: Option<u16>,
}

impl ReleaseReason {
    /// A cause alone.
    pub const fn cause(cause: Cause) -> Self {
        Self { cause, status: None }
    }

    /// The call ended by a refusal, after it was answered.
    pub const fn refused(refusal: &Refusal) -> Self {
        Self { cause: refusal.cause, status: Some(refusal.status) }
    }

    /// Another phone of the callee ended it for all, by its 2xx or 6xx (RFC 3326 §2).
    pub const fn elsewhere(status: u16) -> Self {
        Self { cause: Cause::NORMAL, status: Some(status) }
    }

    /// The final status for a caller that was not told of the answer yet.
    pub fn status_before_answer(self) -> u16 {
        self.status.unwrap_or(match self.cause {
            Cause::TIMER => 504,
            Cause::NO_CIRCUIT => 503,
            _ => 480,
        })
    }
}

/// Who ended the call, as the CDR's `hangup_by`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HangupBy {
    /// Leg A.
    Caller,
    /// Leg B.
    Carrier,
    /// Tollgate: refusal, credit, timers.
    Switch,
    /// `calls --kill`, `DELETE /calls/{id}`.
    Operator,
    /// The process stops.
    Shutdown,
}

/// Everything that a call needs to be made; its lease stays with the node.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "its event carries it in a box")]
pub enum Admission {
    /// Out, over carriers.
    Carriers {
        /// Carriers in order.
        plan: Plan,
        /// The table that the plan's ids mean.
        carriers: Arc<Carriers>,
    },
    /// To a number of ours.
    Number(Arc<NumberCallee>),
    /// To a SIP account, where it is registered.
    SipAccount(Arc<SipAccountCallee>),
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Price, route and lease the call; answer with [`Event::Admitted`] or [`Event::Refused`].
    Admit {
        /// Normalised called number; none of a call to a SIP account by its name.
        number: Option<Number>,
        /// What the offer and the gate have in common; all of the gate's where there is no offer.
        codecs: CodecSet,
    },
    /// Start the lease's clock at this instant; answer with [`Event::Billing`].
    StartBilling,
    /// Make the lease longer; answer with [`Event::Extended`].
    Extend {
        /// Answered time so far.
        elapsed_ms: u64,
    },
    /// Tell the owner that the money ends, if it does; answer with [`Event::Warned`].
    Warn {
        /// Answered time so far.
        elapsed_ms: u64,
    },
    /// Post what was used and release the rest; answer with [`Event::Settled`].
    Settle {
        /// Answered time; 0 if never answered.
        answered_ms: u64,
        /// How much of it is billed.
        duration_ms: u64,
        /// The carrier whose cost is booked, if it answered.
        carrier: Option<Arc<Carrier>>,
        /// Time that the carrier's leg was answered, for its cost.
        carrier_ms: u64,
    },
    /// A carrier answered in vain and will charge for it: book that.
    BookCost {
        /// Place of the attempt.
        attempt: Attempt,
    },
    /// Call a carrier, or what a number of ours rings.
    Dial {
        /// Place of the attempt.
        attempt: Attempt,
        /// The party that is called.
        callee: Callee,
        /// What is offered to it.
        session: Option<Arc<Session>>,
        /// It charges more than the call brings, and the account's guard only warns.
        is_loss: bool,
    },
    /// Tell the caller that it rings.
    Progress {
        /// At which carrier.
        attempt: Attempt,
        /// Which of its phones: those with sessions of their own must be told apart.
        branch: Branch,
        /// What is told.
        progress: Progress,
        /// Early answer.
        session: Option<Arc<Session>>,
    },
    /// Speak to a side of the session in the early dialog with the phone of an attempt.
    Early(Side, (Attempt, Branch), EarlyAction),
    /// Tell the caller that it is answered; [`Event::AnswerHeld`] if that has to wait.
    Accept {
        /// By which carrier.
        attempt: Attempt,
        /// By which of its phones.
        branch: Branch,
        /// Answer, or the offer where the caller made none.
        session: Arc<Session>,
    },
    /// Tell the caller that it failed.
    Reject(Refusal),
    /// End a leg, whatever its state, answered or not.
    Release {
        /// The leg to be ended.
        leg: LegId,
        /// What its peer is told.
        why: ReleaseReason,
    },
    /// Send an offer in mid-call; answer with [`Event::OfferAnswered`].
    SendOffer {
        /// To whom.
        side: Side,
        /// The offer; `None` asks for one.
        session: Option<Arc<Session>>,
    },
    /// Take back the offer that was sent to a side and is not answered.
    WithdrawOffer {
        /// Whose answer is not wanted any more.
        side: Side,
    },
    /// A side took an offer of which nothing came: tell it that what was agreed before holds.
    RestoreSession {
        /// The side of the call.
        side: Side,
    },
    /// Answer the offer of a side.
    AnswerOffer {
        /// The side of the call.
        side: Side,
        /// The answer, or our offer where it asked for one.
        session: Arc<Session>,
    },
    /// Refuse the offer of a side; the session stays as it was.
    RejectOffer {
        /// The side of the call.
        side: Side,
        /// The reason of the refusal.
        why: OfferRefusal,
    },
    /// Acknowledge the late offer of a side.
    AckOffer {
        /// The side of the call.
        side: Side,
        /// The answer; `None`: the offer was of no use, and what was agreed before holds.
        session: Option<Arc<Session>>,
    },
    /// Write the `open` record: the call is answered.
    RecordOpen,
    /// Write a checkpoint.
    RecordCheckpoint {
        /// Answered time so far.
        elapsed_ms: u64,
    },
    /// Write the CDR. The call is over.
    RecordEnd(Box<Cdr>),
}
