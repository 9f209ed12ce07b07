//! What a leg works with, what it tells, and what is known of it: the same for all protocols.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use call::{Attempt, Branch, Callee, EarlyEvent, LegId, Loss, OfferRefusal, Progress};
use media::Session;
use rating::cdr::Protocol;
use route::AttemptEnd;
use sip::overload::LoadReport;
use units::{Cause, Name, Now, Number};
use voice::dtmf::Info;

use super::{Crossing, Endpoint, Flow};
use crate::gateways::GatewayTable;
use crate::ids::CallRef;
use crate::peers::Names;
use crate::{ConfigSnapshot, Counters};

/// What an attempt is made with.
#[derive(Debug)]
pub(crate) struct Dialling {
    /// The place of the attempt.
    pub attempt: Attempt,
    /// The party that is called.
    pub callee: Callee,
    /// The number that is called, if it is one.
    pub number: Option<Number>,
    /// Addresses, or the connection of a contact, at which it is reached.
    pub at: Reached,
    /// The offer; without one the callee is asked for its own.
    pub session: Option<Arc<Session>>,
    /// What the caller's leg hands over, if both speak the same protocol.
    pub crossing: Option<Crossing>,
}

/// Where a party is reached.
#[derive(Debug)]
pub(crate) enum Reached {
    /// At these addresses, best first; never empty.
    Addresses(Vec<SocketAddr>),
    /// By the way on which it registered.
    Contact(Box<ContactWay>),
}

/// How a registered contact is reached.
#[derive(Debug)]
pub(crate) struct ContactWay {
    /// The way by which it registered.
    pub flow: Flow,
    /// The Request-URI for it.
    pub uri: Box<str>,
    /// The proxies between it and us, the nearest first (RFC 3327 §5.3).
    pub path: Box<[Box<str>]>,
}

/// What a leg works with. All of it is lent for one piece of work.
pub(crate) struct Context<'a> {
    pub now: Now,
    pub call: CallFacts<'a>,
    pub config: &'a ConfigSnapshot,
    pub names: &'a Names,
    /// Our end of all SIP legs.
    pub endpoint: &'a mut Endpoint,
    /// Connections of all H.323 legs.
    pub gateways: &'a mut GatewayTable,
    pub counters: &'a mut Counters,
    pub events: &'a mut LegEvents,
}

/// What a leg may know of its call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallFacts<'a> {
    /// Its place here.
    pub at: CallRef,
    /// As in its record.
    pub id: u128,
    /// The caller, as it named itself.
    pub caller: &'a str,
    /// The caller wishes to stay unknown, by another word than SIP's.
    pub is_withheld: bool,
}

/// What legs had to tell, oldest first, each with the leg.
pub(crate) type LegEvents = VecDeque<(LegId, LegEvent)>;

/// What happened on a leg.
#[derive(Debug)]
pub(crate) enum LegEvent {
    /// A called party says something before it answers.
    Progress { branch: Branch, progress: Progress, session: Option<Arc<Session>> },
    /// A side speaks of the session in the early dialog with a phone of an attempt.
    Early { of: (Attempt, Branch), event: EarlyEvent },
    /// A called party answered, and its leg stands.
    Answered { branch: Branch, session: Option<Arc<Session>> },
    /// A called party answered in vain: it will charge for it.
    AnsweredInVain,
    /// An attempt ended without an answered leg.
    Ended {
        end: AttemptEnd,
        /// Q.850 cause, if the peer gave one.
        cause: Option<Cause>,
    },
    /// An address asks not to be called for so many seconds.
    PauseAsked { at: SocketAddr, secs: u32 },
    /// An address says what part of our calls it has no room for.
    LoadTold { at: SocketAddr, report: LoadReport },
    /// The caller gave up before the answer.
    Cancelled,
    /// The caller is told of the answer, which had to wait.
    AnswerTold,
    /// The peer hung up.
    Released { cause: Option<Cause> },
    /// The peer offers a changed session; `None` asks for our offer.
    Offer { session: Option<Arc<Session>> },
    /// The peer takes its offer back.
    OfferWithdrawn,
    /// The peer answered our offer, made one where we asked for it, or refused.
    OfferAnswered { session: Result<Option<Arc<Session>>, OfferRefusal> },
    /// The answer to an offer that we made late; `None` is a fault of the peer.
    LateAnswer { session: Option<Arc<Session>> },
    /// The peer's media comes from, and goes, elsewhere than it said first; nothing else changed.
    Moved { session: Arc<Session> },
    /// The peer tells a digit by signalling.
    Digit(Info),
    /// The peer is gone without a word.
    Lost { loss: Loss },
}

// === impl CallFacts ===

impl<'a> CallFacts<'a> {
    /// The caller, and whether it wishes to stay unknown.
    pub(crate) const fn shown(self) -> (&'a str, bool) {
        (self.caller, self.is_withheld)
    }
}

// === impl LegEvent ===

impl LegEvent {
    /// The session that it brings.
    pub(crate) fn session(&self) -> Option<&Session> {
        match self {
            Self::Progress { session, .. }
            | Self::Answered { session, .. }
            | Self::Offer { session }
            | Self::OfferAnswered { session: Ok(session) }
            | Self::LateAnswer { session }
            | Self::Early { event: EarlyEvent::Answer(session), .. } => session.as_deref(),
            Self::Early { event: EarlyEvent::Offer(session), .. } | Self::Moved { session } => Some(session),
            Self::OfferAnswered { session: Err(_) }
            | Self::AnsweredInVain
            | Self::Ended { .. }
            | Self::PauseAsked { .. }
            | Self::LoadTold { .. }
            | Self::Cancelled
            | Self::AnswerTold
            | Self::Released { .. }
            | Self::OfferWithdrawn
            | Self::Digit(_)
            | Self::Lost { .. } => None,
        }
    }
}

/// What a call's record says of a leg.
#[derive(Debug, Clone)]
pub(crate) struct LegFacts {
    /// By the protocol's own name for the leg.
    pub call_id: String,
    pub protocol: Protocol,
    pub transport: &'static str,
    pub source: IpAddr,
    pub user_agent: Option<Name>,
    /// What we said of the caller's number there, if we signed it.
    pub attested: Option<stir::Attestation>,
    /// Of H.323: `callIdentifier` and `conferenceID`.
    pub h323_ids: Option<([u8; 16], [u8; 16])>,
}

// === impl Context ===

impl Context<'_> {
    pub(crate) fn emit(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }
}
