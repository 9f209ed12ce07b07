//! A leg: one party's end of a call, whatever protocol it speaks. The call commands it by verbs, and it tells events.
//!
//! Events are queued: a leg finishes its own work first, then [`Node::hear`](crate::node::Node) gives them to the call. A leg knows neither
//! money nor routes nor the call's other leg; what of that concerns it is handed to it when it is made.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use call::{Attempt, Branch, Callee, LegId, Loss, NumberCallee, OfferRefusal, Origin, Progress, Refusal, ReleaseReason};
use media::Session;
use rating::cdr::Protocol;
use route::{AttemptEnd, Carrier, Gate, SessionTimer};
use serde_json::value::RawValue;
use units::{Cause, Name, Now, Number, Tick, Transport};

use crate::peers::Names;
use crate::slot::CallRef;
use crate::{Counters, Tables};

mod sip;

pub use sip::{Arrival, Dispatch, Flow, Received};
pub(crate) use sip::{Crossing, Endpoint, GENERATION_MASK, RecordedLeg, SipLeg};

/// A leg, by its protocol.
#[derive(Debug)]
pub(crate) enum Leg {
    /// RFC 3261.
    Sip(SipLeg),
}

/// Whose leg it is, as it was when the leg was made, whatever is reloaded later.
#[derive(Debug, Clone)]
pub(crate) enum Party {
    /// A customer's gate.
    Gate(Arc<Gate>),
    /// A carrier.
    Carrier(Arc<Carrier>),
    /// What a number of ours rings.
    Number(Arc<NumberCallee>),
}

/// What an attempt is made with.
#[derive(Debug)]
pub(crate) struct Dialling {
    /// The place of the attempt.
    pub attempt: Attempt,
    /// Whom.
    pub callee: Callee,
    /// The number that is called.
    pub number: Number,
    /// Where, best first; never empty.
    pub addresses: Vec<SocketAddr>,
    /// The offer; without one the callee is asked for its own.
    pub session: Option<Arc<Session>>,
    /// What the caller's leg hands over, if both speak the same protocol.
    pub crossing: Option<Crossing>,
}

/// What a leg works with. All of it is lent for one piece of work.
pub(crate) struct Context<'a> {
    pub now: Now,
    pub call: CallFacts<'a>,
    pub tables: &'a Tables,
    pub names: &'a Names,
    /// Our end of all SIP legs.
    pub endpoint: &'a mut Endpoint,
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
}

/// What legs had to tell, oldest first, each with the leg.
pub(crate) type LegEvents = VecDeque<(LegId, LegEvent)>;

/// What happened on a leg.
#[derive(Debug)]
pub(crate) enum LegEvent {
    /// A called party says something before it answers.
    Progress { branch: Branch, progress: Progress, session: Option<Arc<Session>> },
    /// A called party answered, and its leg stands.
    Answered { branch: Branch, session: Option<Arc<Session>> },
    /// A called party answered in vain: it will charge for it.
    AnsweredInVain,
    /// An attempt ended without an answered leg.
    Ended {
        end: AttemptEnd,
        /// Q.850 cause, if the peer gave one.
        cause: Option<Cause>,
        /// Seconds for which the peer asks not to be called.
        pause_secs: Option<u32>,
    },
    /// The caller gave up before the answer.
    Cancelled,
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
    /// The peer is gone without a word.
    Lost { loss: Loss },
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
}

// === impl Party ===

impl Party {
    pub(crate) fn of_origin(origin: &Origin) -> Self {
        match origin {
            Origin::Gate(gate) => Self::Gate(Arc::clone(gate)),
            Origin::Carrier(carrier, _) => Self::Carrier(Arc::clone(carrier)),
        }
    }

    pub(crate) fn of_callee(callee: &Callee) -> Self {
        match callee {
            Callee::Carrier(carrier) => Self::Carrier(Arc::clone(carrier)),
            Callee::Number(number) => Self::Number(Arc::clone(number)),
        }
    }

    /// The carrier, if it is one.
    pub(crate) const fn carrier(&self) -> Option<&Arc<Carrier>> {
        match self {
            Self::Carrier(carrier) => Some(carrier),
            Self::Gate(_) | Self::Number(_) => None,
        }
    }

    /// As the party of an attempt; a gate that calls is none.
    pub(crate) fn callee(&self) -> Option<Callee> {
        match self {
            Self::Gate(_) => None,
            Self::Carrier(carrier) => Some(Callee::Carrier(Arc::clone(carrier))),
            Self::Number(number) => Some(Callee::Number(Arc::clone(number))),
        }
    }

    /// Session timer toward it; of a foreign URI that of a switch by default.
    pub(crate) fn session(&self) -> SessionTimer {
        match self {
            Self::Gate(gate) => gate.session,
            Self::Carrier(carrier) => carrier.session,
            Self::Number(callee) => callee.gate.as_ref().map_or_else(SessionTimer::default, |gate| gate.session),
        }
    }

    /// Whether it sends from `ip`, by the present configuration, by that of when the leg was made, or by what a name resolves to.
    pub(crate) fn is_at(&self, ip: IpAddr, tables: &Tables, names: &Names) -> bool {
        match self {
            Self::Gate(gate) => is_of_gate(gate, ip, tables),
            Self::Carrier(carrier) => {
                let listed = |carrier: &Carrier| carrier.sources().any(|block| block.contains(ip));
                let now = tables.carriers.by_name(&carrier.name);
                listed(carrier) || now.is_some_and(|now| listed(now)) || names.is_at(&carrier.name, ip)
            }
            Self::Number(callee) => {
                let at_gate = callee.gate.as_ref().is_some_and(|gate| is_of_gate(gate, ip, tables));
                at_gate || names.is_at(&callee.number.target.to_string(), ip)
            }
        }
    }
}

/// Whether an address is a gate's by the present configuration; where that knows nobody there, as it was when the leg was made. A gate
/// inside the block of another is a stranger to it.
fn is_of_gate(gate: &Gate, ip: IpAddr, tables: &Tables) -> bool {
    match tables.gates.by_source(ip) {
        Some(now) => now.id == gate.id,
        None => gate.source.iter().any(|block| block.contains(ip)),
    }
}

// === impl Context ===

impl Context<'_> {
    pub(crate) fn tell(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }
}

// === impl Leg: verbs ===

impl Leg {
    /// Calls a party; none if nothing of ours reaches any of its addresses.
    pub(crate) fn dial(cx: &mut Context<'_>, dialling: Dialling) -> Option<Self> {
        match dialling.callee.target().transport {
            Transport::Udp | Transport::Tcp | Transport::Tls => SipLeg::dial(cx, dialling).map(Self::Sip),
        }
    }

    /// Tells the caller how its call goes on.
    pub(crate) fn ring(&mut self, cx: &mut Context<'_>, of: (Attempt, Branch), progress: Progress, session: Option<&Session>) {
        match self {
            Self::Sip(leg) => leg.ring(cx, of, progress, session),
        }
    }

    /// Tells the caller that it is answered.
    pub(crate) fn accept(&mut self, cx: &mut Context<'_>, of: (Attempt, Branch), session: &Session) {
        match self {
            Self::Sip(leg) => leg.accept(cx, of, session),
        }
    }

    /// Tells the caller that its call failed.
    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, refusal: &Refusal) {
        match self {
            Self::Sip(leg) => leg.reject(cx, refusal),
        }
    }

    /// Offers a changed session, or asks for an offer; false if another exchange is open.
    pub(crate) fn offer(&mut self, cx: &mut Context<'_>, session: Option<&Session>) -> bool {
        match self {
            Self::Sip(leg) => leg.offer(cx, session),
        }
    }

    /// Takes back an offer that is not answered yet.
    pub(crate) fn withdraw_offer(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Sip(leg) => leg.withdraw_offer(cx),
        }
    }

    /// Offers again what was agreed before the last offer, of which nothing came.
    pub(crate) fn restore_session(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Sip(leg) => leg.restore_session(cx),
        }
    }

    /// Nothing can undo the last offer any more.
    pub(crate) fn forget_before(&mut self) {
        match self {
            Self::Sip(leg) => leg.before = None,
        }
    }

    /// Answers the peer's offer, or makes the one that it asked for.
    pub(crate) fn answer(&mut self, cx: &mut Context<'_>, session: &Session) {
        match self {
            Self::Sip(leg) => leg.answer(cx, session),
        }
    }

    /// Refuses the peer's offer: the session stays as it was.
    pub(crate) fn refuse_offer(&mut self, cx: &mut Context<'_>, why: OfferRefusal) {
        match self {
            Self::Sip(leg) => leg.refuse_offer(cx, why),
        }
    }

    /// Acknowledges the peer's late offer with the answer; without one what was agreed before holds.
    pub(crate) fn acknowledge(&mut self, cx: &mut Context<'_>, session: Option<&Session>) {
        match self {
            Self::Sip(leg) => leg.acknowledge(cx, session),
        }
    }

    /// Ends the leg, whatever its state. `crossing` is what the other leg hands over.
    pub(crate) fn release(&mut self, cx: &mut Context<'_>, why: ReleaseReason, crossing: Option<Crossing>) {
        match self {
            Self::Sip(leg) => leg.release(cx, why, crossing),
        }
    }

    /// A deadline of [`Leg::deadline`] has come.
    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Sip(leg) => leg.timeout(cx),
        }
    }

    /// Its call is over and nothing is to come: it lets go of what it kept.
    pub(crate) fn close(&mut self, endpoint: &mut Endpoint) {
        match self {
            Self::Sip(leg) => leg.close(endpoint),
        }
    }
}

// === impl Leg: what is known of it ===

impl Leg {
    pub(crate) const fn id(&self) -> LegId {
        match self {
            Self::Sip(leg) => leg.id,
        }
    }

    pub(crate) const fn party(&self) -> &Party {
        match self {
            Self::Sip(leg) => &leg.party,
        }
    }

    /// It was called and has given no final answer.
    pub(crate) const fn is_calling(&self) -> bool {
        match self {
            Self::Sip(leg) => leg.is_calling(),
        }
    }

    /// Nothing will happen on it any more.
    pub(crate) const fn is_gone(&self) -> bool {
        match self {
            Self::Sip(leg) => leg.is_gone(),
        }
    }

    /// When [`Leg::timeout`] is wanted; `Tick::NEVER` if never.
    pub(crate) fn deadline(&self) -> Tick {
        match self {
            Self::Sip(leg) => leg.deadline(),
        }
    }

    /// What of it the other leg may need at dialling and at its end.
    pub(crate) fn crossing(&self) -> Option<Crossing> {
        match self {
            Self::Sip(leg) => leg.crossing(),
        }
    }

    /// What the call's record says of it.
    pub(crate) fn facts(&self) -> LegFacts {
        match self {
            Self::Sip(leg) => leg.facts(),
        }
    }

    /// What a restart needs to end it, with its protocol; none before it stands.
    pub(crate) fn recorded(&self) -> Option<Box<RawValue>> {
        match self {
            Self::Sip(leg) => leg.recorded(),
        }
    }
}
