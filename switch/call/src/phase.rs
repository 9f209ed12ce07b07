//! Where a call is; each phase holds exactly its data.

use std::sync::Arc;

use codecs::{Codec, CodecSet};
use media::{Negotiated, SdpError, Session};
use route::{AttemptEnd, Carrier};
use units::{Cause, Now, Tick, Wall};

use crate::both_codecs::BothCodecs;
use crate::destination::Callee;
use crate::event::{Admission, Attempt, Branch, HangupBy, Side};

/// Where the call is; each phase holds exactly its data.
#[derive(Debug)]
pub(crate) enum Phase {
    Admitting { offer: Result<Option<Arc<Session>>, SdpError> },
    Hunting(Box<Hunt>),
    Talking(Box<Talk>),
    Settling(Box<End>),
    Over,
}

/// Carriers are tried in order; contacts of one preference together.
#[derive(Debug)]
pub(crate) struct Hunt {
    pub offer: Option<Arc<Session>>,
    pub codecs: CodecSet,
    pub way: Admission,
    /// Whom to dial next, by the order of `way`.
    pub place: usize,
    /// The first of the attempts that were dialled together last.
    pub together: usize,
    /// What those were offered.
    pub offered: Option<Arc<Session>>,
    pub ringing: bool,
    /// The caller heard some, whoever it was from.
    pub early_media: bool,
    /// Whose early media the caller hears.
    pub heard: Option<Attempt>,
    /// What each phone said first, as the caller is told it: its answer, if its final word holds none (RFC
    /// 3261 §13.2.1).
    pub early: Vec<((Attempt, Branch), Agreed)>,
    /// An offer that changes what was agreed with one of them.
    pub exchange: Option<EarlyExchange>,
    /// What phones offered that were called without an offer, as the caller was told it, until it answers.
    pub first_offers: Vec<((Attempt, Branch), Arc<Session>)>,
    /// The lease starts now: somebody answered with this.
    pub answer: Option<Answered>,
}

/// An offer/answer exchange under way before the answer.
#[derive(Debug)]
pub(crate) struct EarlyExchange {
    /// With which phone of which attempt.
    pub of: (Attempt, Branch),
    /// Who offers.
    pub from: Side,
    /// What the other side is offered.
    pub offered: Arc<Session>,
}

/// An answer of the carrier as the caller is told it.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    pub session: Arc<Session>,
    pub codecs: AgreedCodecs,
}

/// Codecs of a session that both sides took; none where it is fax, or not known yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AgreedCodecs {
    pub caller: Option<Codec>,
    pub called: Option<Codec>,
}

/// The answer that ends the hunt.
#[derive(Debug)]
pub(crate) struct Answered {
    pub attempt: Attempt,
    pub branch: Branch,
    pub agreed: Agreed,
    /// It is the carrier's offer: the caller's answer is still to come.
    pub is_offer: bool,
}

/// One carrier tried.
#[derive(Debug)]
pub(crate) struct Tried {
    pub callee: Callee,
    pub started_at: Wall,
    pub dialled: Tick,
    /// When it said last that it goes on; `NEVER` before its first response.
    pub heard_at: Tick,
    /// Until it rang.
    pub pdd_ms: Option<u64>,
    pub end: TriedEnd,
    pub cause: Cause,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TriedEnd {
    UnderWay,
    Answered,
    /// Hung up by us before any answer.
    Abandoned,
    /// Answered with an SDP that was no answer to our offer.
    BadAnswer,
    Failed(AttemptEnd),
}

/// Answered.
#[derive(Debug)]
pub(crate) struct Talk {
    pub answered: Now,
    pub attempt: Attempt,
    pub callee: Callee,
    pub codecs: BothCodecs,
    pub renegotiation: Renegotiation,
    /// The caller was told of the answer: before that it owes nothing.
    pub is_told: bool,
    /// Time after this is not billed.
    pub billed_until: Tick,
}

/// Ended; waits for the settlement.
#[derive(Debug)]
pub(crate) struct End {
    pub at: Now,
    pub answered: Option<Now>,
    /// Time after this is not billed.
    pub billed_until: Tick,
    pub carrier: Option<Arc<Carrier>>,
    pub by: HangupBy,
    pub status: u16,
    pub cause: Cause,
    pub reason: &'static str,
}

/// An offer/answer exchange under way (RFC 3264); glare between sides is the legs' business.
#[derive(Debug)]
pub(crate) enum Renegotiation {
    /// None.
    Idle,
    /// `from` offered; the other side is asked.
    Offered { from: Side, offered: Arc<Session> },
    /// `from` asked for an offer; the other side is asked to make it.
    Asked { from: Side },
    /// `from` made an offer late, the other side has it, and its ACK brings the answer.
    Late { from: Side, offered: Arc<Session> },
    /// `from` took its offer back; the other side may have taken it already.
    Withdrawn { from: Side },
}

// === impl AgreedCodecs ===

impl AgreedCodecs {
    /// Of an answer to an offer of this side.
    pub(crate) const fn of(offerer: Side, negotiated: &Negotiated) -> Self {
        let (own, other) = (negotiated.codec, negotiated.codec_of_answerer);
        match offerer {
            Side::Caller => Self { caller: own, called: other },
            Side::Carrier => Self { caller: other, called: own },
        }
    }

    /// These, or where there are none, those of before.
    #[must_use]
    pub(crate) fn or(self, before: Self) -> Self {
        if self.caller.is_some() { self } else { before }
    }
}
