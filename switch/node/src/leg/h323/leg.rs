//! One H.323 leg of a call.

use std::net::{IpAddr, SocketAddr};

use call::LegId;
use codecs::DtmfForm;
use h323::call::{Call, CallIds, DtmfForm as H323Digits, Settings};
use media::{Channel, Direction};
use rating::cdr::Protocol;
use route::{H323Dtmf, H323Terms};
use serde_json::value::RawValue;
use units::{Name, Tick};

use super::calling::Calling;
use crate::gateways::Whose;
use crate::leg::{Context, LegFacts, Party};

/// A leg, from its Setup to its Release Complete.
#[derive(Debug)]
pub(crate) struct H323Leg {
    pub id: LegId,
    pub party: Party,
    /// Where its peer's signalling comes from.
    pub source: IpAddr,
    pub state: State,
    /// The machine; none until the connection stands that its Setup goes by.
    pub call: Option<Box<Call>>,
    /// What is called, until then.
    pub calling: Option<Box<Calling>>,
    pub ids: CallIds,
    /// The connection of its signalling.
    pub signalling: u64,
    /// Our end of it.
    pub local: Option<SocketAddr>,
    /// The connection of its H.245, or the listener for it.
    pub control: Option<u64>,
    /// What the peer said of its media last, as the call was told it.
    pub theirs: Option<Channel>,
    /// The peer answered; it may be that its media is not known yet.
    pub is_answered: bool,
    /// It said something since it was called.
    pub is_heard: bool,
    /// The caller wishes to stay unknown.
    pub is_withheld: bool,
    /// The direction that its side offered, which waits for the other side's answer.
    pub offering: Option<Direction>,
    /// The peer was told to send nothing.
    pub is_held: bool,
    /// Whether it was before the last offer of the other side, while that may fail.
    pub before: Option<bool>,
    /// What its peer calls itself.
    pub user_agent: Option<Name>,
}

/// Where a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The caller has no final answer.
    Incoming,
    /// Our Setup has none.
    Calling,
    /// Answered.
    Confirmed,
    /// Nothing more will happen.
    Gone,
}

// === impl H323Leg ===

impl H323Leg {
    /// By what the machine is told how to speak with a party.
    pub(super) fn settings(terms: H323Terms) -> Settings {
        Settings {
            fast_start: terms.fast_start,
            tunnelling: terms.tunnelling,
            early_h245: terms.early_h245,
            dtmf: match terms.dtmf {
                H323Dtmf::Auto => H323Digits::Auto,
                H323Dtmf::Rfc4733 => H323Digits::Rfc4733,
                H323Dtmf::Signal => H323Digits::Signal,
                H323Dtmf::Alphanumeric => H323Digits::Alphanumeric,
                H323Dtmf::Keypad => H323Digits::Keypad,
            },
            ..Settings::default()
        }
    }

    /// Its name among connections.
    pub(super) const fn whose(&self, cx: &Context<'_>) -> Whose {
        (cx.call.at, self.id)
    }

    pub(crate) const fn is_calling(&self) -> bool {
        matches!(self.state, State::Calling)
    }

    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    pub(crate) fn deadline(&self) -> Tick {
        let machine = self.call.as_ref().filter(|_| !self.is_gone());
        machine.and_then(|call| call.next_deadline()).unwrap_or(Tick::NEVER)
    }

    /// How its peer is told digits, and tells them: by events among its packets where it has them, else by
    /// signalling.
    pub(crate) fn digit_form(&self) -> DtmfForm {
        let form = self.call.as_ref().map(|call| call.digit_form());
        if form == Some(H323Digits::Rfc4733) { DtmfForm::Rfc4733 } else { DtmfForm::Info }
    }

    pub(crate) fn facts(&self) -> LegFacts {
        let CallIds { call_id, conference_id, .. } = self.ids;
        LegFacts {
            call_id: format!("{:032x}", u128::from_be_bytes(call_id)),
            protocol: Protocol::H323,
            transport: "tcp",
            source: self.source,
            user_agent: self.user_agent.clone(),
            attested: None,
            h323_ids: Some((call_id, conference_id)),
        }
    }

    /// A restart has nothing to end: the connection ends with the process, and the call with it.
    pub(crate) fn recorded(&self) -> Option<Box<RawValue>> {
        let id = u128::from_be_bytes(self.ids.call_id);
        RawValue::from_string(format!("{{\"protocol\":\"h323\",\"call_id\":\"{id:032x}\"}}")).ok()
    }
}
