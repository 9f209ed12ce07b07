//! Where a call goes: to carriers, or to a number of ours and what that rings; and the party that leg B is
//! dialled at.

use std::sync::Arc;

use codecs::CodecSet;
use rating::cdr::PartyKind;
use route::{AttemptEnd, Carrier, Gate, Next, NumberTarget, OurNumber, Target};
use units::{Name, Number};

use crate::origin::MAX_CALL_SECS;

/// Milliseconds to wait for any response of a number's target, as of a carrier by default.
const FIRST_RESPONSE_MS: u32 = 4_000;
/// Seconds to wait for an answer of a number's target after its last provisional response, as of a carrier by
/// default.
const NO_ANSWER_SECS: u32 = 180;

/// Where a call goes.
#[derive(Debug, Clone)]
pub enum Destination {
    /// Out, by the route of the called number.
    Carriers,
    /// A number of ours.
    Number(Arc<OurNumber>),
}

/// What a number of ours rings, as it was when the call was admitted.
#[derive(Debug)]
pub struct NumberCallee {
    /// The number.
    pub number: Arc<OurNumber>,
    /// The gate that is called, if its target is one.
    pub gate: Option<Arc<Gate>>,
    /// Host, port and transport.
    pub target: Target,
}

/// Whom leg B is dialled at.
#[derive(Debug, Clone)]
pub enum Callee {
    /// A carrier of the route.
    Carrier(Arc<Carrier>),
    /// The target of a number of ours.
    Number(Arc<NumberCallee>),
}

// === impl Destination ===

impl Destination {
    /// The CDR's `destination_kind`.
    pub fn kind(&self) -> PartyKind {
        match self {
            Self::Carriers => PartyKind::Carrier,
            Self::Number(number) => match number.target {
                NumberTarget::Gate(_) => PartyKind::Gate,
                NumberTarget::Uri(_) => PartyKind::Uri,
            },
        }
    }

    /// The number of ours, if it is one.
    pub const fn number(&self) -> Option<&Arc<OurNumber>> {
        match self {
            Self::Carriers => None,
            Self::Number(number) => Some(number),
        }
    }
}

// === impl Callee ===

impl Callee {
    /// What an attempt at it is called in the CDR: the carrier's name, else the number's target as
    /// configured.
    pub fn name(&self) -> Name {
        match self {
            Self::Carrier(carrier) => carrier.name.clone(),
            Self::Number(callee) => callee.number.target.to_string().into(),
        }
    }

    /// The carrier, if it is one.
    pub const fn carrier(&self) -> Option<&Arc<Carrier>> {
        match self {
            Self::Carrier(carrier) => Some(carrier),
            Self::Number(_) => None,
        }
    }

    /// Codecs that it takes.
    pub fn codecs(&self) -> CodecSet {
        match self {
            Self::Carrier(carrier) => carrier.codecs,
            Self::Number(callee) => callee.gate.as_ref().map_or(CodecSet::ALL, |gate| gate.codecs),
        }
    }

    /// Where its INVITE goes.
    pub fn target(&self) -> &Target {
        match self {
            Self::Carrier(carrier) => &carrier.target,
            Self::Number(callee) => &callee.target,
        }
    }

    /// The user part that is dialled there for a called number: the carrier's spelling, a gate's E.164
    /// digits, or the URI's own.
    pub fn user(&self, number: &Number) -> String {
        match self {
            Self::Carrier(carrier) => carrier.dialled(number),
            Self::Number(callee) => match &callee.number.target {
                NumberTarget::Gate(_) => number.as_str().to_owned(),
                NumberTarget::Uri(uri) => uri.user.to_string(),
            },
        }
    }

    /// Milliseconds to wait for its first response.
    pub(crate) fn first_response_ms(&self) -> u32 {
        match self {
            Self::Carrier(carrier) => carrier.first_response_ms,
            Self::Number(_) => FIRST_RESPONSE_MS,
        }
    }

    /// Seconds to wait for its answer.
    pub(crate) fn no_answer_secs(&self) -> u32 {
        match self {
            Self::Carrier(carrier) => carrier.no_answer_secs,
            Self::Number(_) => NO_ANSWER_SECS,
        }
    }

    /// Longest call to it from an origin without a limit of its own, seconds.
    pub(crate) fn max_call_secs(&self) -> u32 {
        match self {
            Self::Carrier(_) => MAX_CALL_SECS,
            Self::Number(callee) => callee.gate.as_ref().map_or(MAX_CALL_SECS, |gate| gate.max_call_secs),
        }
    }

    /// What follows an attempt at it that failed: a number rings one target.
    pub(crate) fn next(&self, end: AttemptEnd, early_media: bool) -> Next {
        match self {
            Self::Carrier(carrier) => end.next(carrier, early_media),
            Self::Number(_) => Next::Stop,
        }
    }
}
