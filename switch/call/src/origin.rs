//! Who calls: a customer's gate or SIP account, or a carrier toward a number of ours.

use std::sync::Arc;

use codecs::CodecSet;
use rating::cdr::PartyKind;
use route::{Carrier, CodecTerms, Gate, MediaTerms, OurNumber, SessionTimer};
use units::Name;

/// Longest call from a carrier to a number whose target sets no limit of its own, seconds: that of a gate by
/// default.
pub(crate) const MAX_CALL_SECS: u32 = 14_400;

/// Where a call comes from, as it was when the call began, whatever is reloaded later.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A customer's gate or SIP account.
    Gate(Arc<Gate>),
    /// A carrier, toward a number of ours: nothing else is for it.
    Carrier(Arc<Carrier>, Arc<OurNumber>),
}

// === impl Origin ===

impl Origin {
    /// The CDR's `origin`: a name among its kind.
    pub fn name(&self) -> &Name {
        match self {
            Self::Gate(gate) => &gate.name,
            Self::Carrier(carrier, _) => &carrier.name,
        }
    }

    /// The CDR's `origin_kind`.
    pub fn kind(&self) -> PartyKind {
        match self {
            Self::Gate(gate) if gate.is_sip_account() => PartyKind::SipAccount,
            Self::Gate(_) => PartyKind::Gate,
            Self::Carrier(..) => PartyKind::Carrier,
        }
    }

    /// The gate, if it is one.
    pub const fn gate(&self) -> Option<&Arc<Gate>> {
        match self {
            Self::Gate(gate) => Some(gate),
            Self::Carrier(..) => None,
        }
    }

    /// The account that its calls' records name: the gate's, or that of the number which a carrier calls.
    pub fn account(&self) -> &Name {
        match self {
            Self::Gate(gate) => &gate.account,
            Self::Carrier(_, number) => &number.account,
        }
    }

    /// Codecs that it may use.
    pub fn codecs(&self) -> CodecSet {
        match self {
            Self::Gate(gate) => gate.codecs,
            Self::Carrier(carrier, _) => carrier.codecs,
        }
    }

    /// Its codecs, and what is said of transcoding.
    pub fn codec_terms(&self) -> CodecTerms {
        CodecTerms { codecs: self.codecs(), transcode: self.media().transcode }
    }

    /// How its media travels.
    pub fn media(&self) -> MediaTerms {
        match self {
            Self::Gate(gate) => gate.media,
            Self::Carrier(carrier, _) => carrier.media,
        }
    }

    /// Session timer toward it.
    pub fn session(&self) -> SessionTimer {
        match self {
            Self::Gate(gate) => gate.session,
            Self::Carrier(carrier, _) => carrier.session,
        }
    }
}
