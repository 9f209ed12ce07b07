//! Where a call goes: to carriers, or to a number of ours and what that rings; and the party that leg B is
//! dialled at.

use std::sync::Arc;

use codecs::CodecSet;
use rating::cdr::PartyKind;
use route::{
    AttemptEnd, Carrier, CodecTerms, Gate, MediaPath, MediaTerms, Next, NumberTarget, OurNumber, Target,
    Transport,
};
use units::{Name, Number};

use crate::origin::MAX_CALL_SECS;

/// Milliseconds to wait for any response of a number's target, as of a carrier by default.
const FIRST_RESPONSE_MS: u32 = 4_000;
/// Seconds to wait for an answer of a number's target after its last provisional response, as of a carrier by
/// default.
const NO_ANSWER_SECS: u32 = 180;
/// The same of a contact where others ring after it.
const NO_ANSWER_HERE_SECS: u32 = 30;

/// Where a call goes.
#[derive(Debug, Clone)]
pub enum Destination {
    /// Out, by the route of the called number.
    Carriers,
    /// A number of ours.
    Number(Arc<OurNumber>),
    /// A SIP account of the caller's own customer, dialled by its name.
    SipAccount(Arc<Gate>),
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

/// A SIP account that is called, and where it was when the call was admitted.
#[derive(Debug)]
pub struct SipAccountCallee {
    /// The account.
    pub account: Arc<Gate>,
    /// The number of ours that rings it; none if it was dialled by its name.
    pub number: Option<Arc<OurNumber>>,
    /// Its contacts that could be reached, the preferred first; never empty.
    pub contacts: Vec<ContactCallee>,
}

/// One contact of a SIP account that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactCallee {
    /// By which the node finds it again.
    pub id: u64,
    /// Preference, thousandths: contacts of one preference ring together.
    pub q: u16,
}

/// Whom leg B is dialled at.
#[derive(Debug, Clone)]
pub enum Callee {
    /// A carrier of the route.
    Carrier(Arc<Carrier>),
    /// The target of a number of ours.
    Number(Arc<NumberCallee>),
    /// The contact of a SIP account at this place among its contacts.
    Contact(Arc<SipAccountCallee>, usize),
}

// === impl Destination ===

impl Destination {
    /// The CDR's `destination_kind`.
    pub fn kind(&self) -> PartyKind {
        match self {
            Self::Carriers => PartyKind::Carrier,
            Self::Number(number) => match number.target {
                NumberTarget::Gate(_) => PartyKind::Gate,
                NumberTarget::SipAccount(_) => PartyKind::SipAccount,
                NumberTarget::Uri(_) | NumberTarget::H323(_) => PartyKind::Uri,
            },
            Self::SipAccount(_) => PartyKind::SipAccount,
        }
    }

    /// The number of ours, if it is one.
    pub const fn number(&self) -> Option<&Arc<OurNumber>> {
        match self {
            Self::Carriers | Self::SipAccount(_) => None,
            Self::Number(number) => Some(number),
        }
    }

    /// The name of the SIP account that rings, if one does.
    pub fn sip_account(&self) -> Option<&Name> {
        match self {
            Self::Carriers => None,
            Self::Number(number) => match &number.target {
                NumberTarget::SipAccount(name) => Some(name),
                NumberTarget::Gate(_) | NumberTarget::Uri(_) | NumberTarget::H323(_) => None,
            },
            Self::SipAccount(account) => Some(&account.name),
        }
    }
}

// === impl Callee ===

impl Callee {
    /// How its media travels; none of a SIP URI that is nobody's here. What is called by H.323 is relayed.
    pub fn media(&self) -> Option<MediaTerms> {
        match self {
            Self::Carrier(carrier) => Some(carrier.media),
            Self::Number(callee) => {
                let of_gate = callee.gate.as_ref().map(|gate| gate.media);
                if callee.target.transport != Transport::H323 {
                    return of_gate;
                }
                Some(MediaTerms { path: MediaPath::Relay, ..of_gate.unwrap_or_default() })
            }
            Self::Contact(callee, _) => Some(callee.account.media),
        }
    }

    /// What an attempt at it is called in the CDR: the carrier's name, else the number's target as
    /// configured.
    pub fn name(&self) -> Name {
        match self {
            Self::Carrier(carrier) => carrier.name.clone(),
            Self::Number(callee) => callee.number.target.to_string().into(),
            Self::Contact(callee, _) => {
                NumberTarget::SipAccount(callee.account.name.clone()).to_string().into()
            }
        }
    }

    /// The carrier, if it is one.
    pub const fn carrier(&self) -> Option<&Arc<Carrier>> {
        match self {
            Self::Carrier(carrier) => Some(carrier),
            Self::Number(_) | Self::Contact(..) => None,
        }
    }

    /// Codecs that it takes.
    pub fn codecs(&self) -> CodecSet {
        match self {
            Self::Carrier(carrier) => carrier.codecs,
            Self::Number(callee) => callee.gate.as_ref().map_or(CodecSet::DEFAULT, |gate| gate.codecs),
            Self::Contact(callee, _) => callee.account.codecs,
        }
    }

    /// Its codecs, and what is said of transcoding.
    pub fn codec_terms(&self) -> CodecTerms {
        CodecTerms { codecs: self.codecs(), transcode: self.media().unwrap_or_default().transcode }
    }

    /// Where its INVITE goes; none of a contact, which is reached by the way on which it registered.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Carrier(carrier) => Some(&carrier.target),
            Self::Number(callee) => Some(&callee.target),
            Self::Contact(..) => None,
        }
    }

    /// The user part that is dialled there for a called number: the carrier's spelling, a gate's or SIP
    /// account's E.164 digits, or the URI's own; a SIP account's user name where there is no number.
    pub fn user(&self, number: Option<&Number>) -> String {
        let digits = number.map(|number| number.as_str().to_owned());
        match self {
            Self::Carrier(carrier) => number.map(|number| carrier.dialled(number)).unwrap_or_default(),
            Self::Number(callee) => match &callee.number.target {
                NumberTarget::Uri(uri) => uri.user.to_string(),
                NumberTarget::Gate(_) | NumberTarget::SipAccount(_) | NumberTarget::H323(_) => {
                    digits.unwrap_or_default()
                }
            },
            Self::Contact(callee, _) => digits.unwrap_or_else(|| {
                let login = callee.account.login.as_ref();
                login.map_or_else(|| callee.account.name.to_string(), |login| login.username.to_string())
            }),
        }
    }

    /// Milliseconds to wait for its first response.
    pub fn first_response_ms(&self) -> u32 {
        match self {
            Self::Carrier(carrier) => carrier.first_response_ms,
            Self::Number(_) | Self::Contact(..) => FIRST_RESPONSE_MS,
        }
    }

    /// Seconds to wait for its answer.
    pub(crate) fn no_answer_secs(&self) -> u32 {
        match self {
            Self::Carrier(carrier) => carrier.no_answer_secs,
            Self::Contact(callee, place) if callee.has_less_preferred(*place) => NO_ANSWER_HERE_SECS,
            Self::Number(_) | Self::Contact(..) => NO_ANSWER_SECS,
        }
    }

    /// Longest call to it from an origin without a limit of its own, seconds.
    pub(crate) fn max_call_secs(&self) -> u32 {
        match self {
            Self::Carrier(_) => MAX_CALL_SECS,
            Self::Number(callee) => callee.gate.as_ref().map_or(MAX_CALL_SECS, |gate| gate.max_call_secs),
            Self::Contact(callee, _) => callee.account.max_call_secs,
        }
    }

    /// What follows an attempt at it that failed: a number rings one target; of a SIP account's contacts one
    /// speaks for all of them by a 6xx only (RFC 3261 §16.7 step 5).
    pub(crate) fn next(&self, end: AttemptEnd, early_media: bool) -> Next {
        match self {
            Self::Carrier(carrier) => end.next(carrier, early_media),
            Self::Number(_) => Next::Stop,
            Self::Contact(..) => match end {
                AttemptEnd::Status(600..) => Next::Stop,
                _ => Next::Hunt,
            },
        }
    }
}

// === impl SipAccountCallee ===

impl SipAccountCallee {
    /// Whether the contact at a place rings together with the one before it.
    pub(crate) fn rings_with_previous(&self, place: usize) -> bool {
        let q = |place: usize| self.contacts.get(place).map(|contact| contact.q);
        place > 0 && q(place).is_some() && q(place) == q(place - 1)
    }

    /// Whether others ring after the contact at this place.
    fn has_less_preferred(&self, place: usize) -> bool {
        let last = self.contacts.last().map(|contact| contact.q);
        self.contacts.get(place).map(|contact| contact.q) > last
    }
}
