//! Whose leg it is, and whether an address is theirs.

use std::net::IpAddr;
use std::sync::Arc;

use call::{Callee, NumberCallee, Origin, SipAccountCallee};
use route::{Carrier, Gate, H323Terms, IdentityPolicy, SessionTimer};
use units::TlsId;

use crate::ConfigSnapshot;
use crate::peers::Names;

/// Whose leg it is, as it was when the leg was made, whatever is reloaded later.
#[derive(Debug, Clone)]
pub(crate) enum Party {
    /// A customer's gate.
    Gate(Arc<Gate>),
    /// A carrier.
    Carrier(Arc<Carrier>),
    /// What a number of ours rings.
    Number(Arc<NumberCallee>),
    /// The contact of a SIP account at this place among its contacts.
    Contact(Arc<SipAccountCallee>, usize),
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
            Callee::Contact(callee, place) => Self::Contact(Arc::clone(callee), *place),
        }
    }

    /// The carrier, if it is one.
    pub(crate) const fn carrier(&self) -> Option<&Arc<Carrier>> {
        match self {
            Self::Carrier(carrier) => Some(carrier),
            Self::Gate(_) | Self::Number(_) | Self::Contact(..) => None,
        }
    }

    /// As the party of an attempt; a gate that calls is none.
    pub(crate) fn callee(&self) -> Option<Callee> {
        match self {
            Self::Gate(_) => None,
            Self::Carrier(carrier) => Some(Callee::Carrier(Arc::clone(carrier))),
            Self::Number(number) => Some(Callee::Number(Arc::clone(number))),
            Self::Contact(callee, place) => Some(Callee::Contact(Arc::clone(callee), *place)),
        }
    }

    /// Whether it is a SIP account, whose calls come and go by one flow.
    pub(crate) fn is_sip_account(&self) -> bool {
        match self {
            Self::Gate(gate) => gate.is_sip_account(),
            Self::Contact(..) => true,
            Self::Carrier(_) | Self::Number(_) => false,
        }
    }

    /// What a TLS connection that we open to it is verified for.
    pub(crate) fn tls(&self) -> TlsId {
        match self {
            Self::Gate(gate) => gate.address.as_ref().map_or(TlsId::NONE, |target| target.tls),
            Self::Carrier(carrier) => carrier.target.tls,
            Self::Number(callee) => callee.target.tls,
            // Nothing is opened to it.
            Self::Contact(..) => TlsId::NONE,
        }
    }

    /// Whether its word on callers is believed, and what it is told of them; of a foreign URI that of a
    /// stranger.
    pub(crate) fn identity(&self) -> IdentityPolicy {
        match self {
            Self::Gate(gate) => gate.identity,
            Self::Carrier(carrier) => carrier.identity,
            Self::Number(callee) => {
                callee.gate.as_ref().map_or_else(IdentityPolicy::default, |gate| gate.identity)
            }
            Self::Contact(callee, _) => callee.account.identity,
        }
    }

    /// How H.323 is spoken with it.
    pub(crate) fn h323_terms(&self) -> H323Terms {
        match self {
            Self::Gate(gate) => gate.h323,
            Self::Carrier(carrier) => carrier.h323,
            Self::Number(callee) => callee.gate.as_ref().map_or_else(H323Terms::default, |gate| gate.h323),
            Self::Contact(..) => H323Terms::default(),
        }
    }

    /// Whether provisional responses may be acknowledged there.
    pub(crate) fn is_reliable(&self) -> bool {
        match self {
            Self::Gate(gate) => gate.reliable,
            Self::Carrier(carrier) => carrier.reliable,
            Self::Number(callee) => callee.gate.as_ref().is_none_or(|gate| gate.reliable),
            Self::Contact(callee, _) => callee.account.reliable,
        }
    }

    /// By what name of ours a caller's side is told apart in signatures.
    pub(crate) fn origid_name(&self) -> String {
        match self {
            Self::Gate(gate) => format!("gate {}", gate.name),
            Self::Carrier(carrier) => format!("carrier {}", carrier.name),
            Self::Number(number) => format!("number {}", number.number.e164),
            Self::Contact(callee, _) => format!("gate {}", callee.account.name),
        }
    }

    /// The gate, of a caller.
    pub(crate) const fn gate(&self) -> Option<&Arc<Gate>> {
        match self {
            Self::Gate(gate) => Some(gate),
            Self::Carrier(_) | Self::Number(_) | Self::Contact(..) => None,
        }
    }

    /// Session timer toward it; of a foreign URI that of a switch by default.
    pub(crate) fn session(&self) -> SessionTimer {
        match self {
            Self::Gate(gate) => gate.session,
            Self::Carrier(carrier) => carrier.session,
            Self::Number(callee) => {
                callee.gate.as_ref().map_or_else(SessionTimer::default, |gate| gate.session)
            }
            Self::Contact(callee, _) => callee.account.session,
        }
    }

    /// Whether it sends from `ip`, by the present configuration, by that of when the leg was made, or by what
    /// a name resolves to.
    pub(crate) fn is_at(&self, ip: IpAddr, config: &ConfigSnapshot, names: &Names) -> bool {
        match self {
            Self::Gate(gate) => is_of_gate(gate, ip, config),
            Self::Carrier(carrier) => is_of_carrier(carrier, ip, config, names),
            Self::Number(callee) => {
                let at_gate = callee.gate.as_ref().is_some_and(|gate| is_of_gate(gate, ip, config));
                at_gate || names.is_at(&callee.number.target.to_string(), ip)
            }
            // It has no address but that by which it was heard.
            Self::Contact(..) => false,
        }
    }
}

/// Whether an address is a carrier's by the present configuration, by that of when it was called, or by what
/// its name resolves to.
pub(crate) fn is_of_carrier(carrier: &Carrier, ip: IpAddr, config: &ConfigSnapshot, names: &Names) -> bool {
    let listed = |carrier: &Carrier| carrier.sources().any(|block| block.contains(ip));
    let now = config.carriers.by_name(&carrier.name);
    listed(carrier) || now.is_some_and(|now| listed(now)) || names.is_at(&carrier.name, ip)
}

/// Whether an address is a gate's by the present configuration; where that knows nobody there, as it was when
/// the leg was made. A gate inside the block of another is a stranger to it.
fn is_of_gate(gate: &Gate, ip: IpAddr, config: &ConfigSnapshot) -> bool {
    match config.gates.by_source(ip) {
        Some(now) => now.id == gate.id,
        None => gate.source.iter().any(|block| block.contains(ip)),
    }
}
