//! Handshakes of DTLS and checks of ICE, leg by leg (RFC 5763, RFC 8839): what a side is offered, what its
//! offer is answered, and what the relay is told of both. A side offers DTLS itself, or is called over a
//! WebSocket, as browsers are, which take nothing else.

use codecs::SrtpPolicy;
use media::relay::{DtlsPeer, EndpointId, IceCredentials, IcePeer, Secured};
use media::{Described, DtlsTerms, Setup};

use super::dtls_leg::DtlsLeg;
use super::shard_media::ShardMedia;
use super::sides::LegMedia;

// === impl LegMedia ===

impl LegMedia {
    /// Its side said this of DTLS; what says nothing of it is no side with DTLS any more.
    pub(super) fn hear_dtls(&mut self, said: Option<&Described>, is_answer: bool) {
        let Some(said) = said.filter(|_| self.srtp != SrtpPolicy::Off) else { return };
        match &said.dtls {
            Some(terms) => {
                let leg = self.dtls.get_or_insert_with(|| Box::new(DtlsLeg::offered()));
                leg.hear(terms, is_answer);
            }
            None => self.dtls = None,
        }
    }
}

// === impl ShardMedia ===

impl ShardMedia {
    /// What an offer to a leg says; none where it has no DTLS.
    pub(super) fn dtls_to_offer(&self, side: &LegMedia) -> Option<DtlsTerms> {
        self.terms(side, Setup::ActPass)
    }

    /// What the answer to a leg's offer says.
    pub(super) fn dtls_to_answer(&self, side: &LegMedia, offer: Option<&Described>) -> Option<DtlsTerms> {
        offer?.dtls.as_ref()?;
        self.terms(side, Setup::of(side.dtls.as_deref()?.role?))
    }

    fn terms(&self, side: &LegMedia, setup: Setup) -> Option<DtlsTerms> {
        let (leg, endpoint) = (side.dtls.as_deref()?, side.endpoint?);
        let ice = if leg.has_ice { Some(self.credentials(endpoint, leg.restarts)?) } else { None };
        Some(DtlsTerms { fingerprint: self.fingerprint, setup, ice, is_feedback: leg.is_feedback })
    }

    /// What the relay is told of a leg whose side said this.
    pub(super) fn secured(&self, side: &LegMedia, said: Option<&Described>) -> Option<Box<Secured>> {
        let terms = said?.dtls.as_deref()?;
        let (leg, endpoint) = (side.dtls.as_deref()?, side.endpoint?);
        let dtls = DtlsPeer { fingerprint: terms.fingerprint, role: leg.role? };
        let ice = match &terms.ice {
            Some(theirs) => {
                Some(IcePeer { ours: self.credentials(endpoint, leg.restarts)?, theirs: theirs.clone() })
            }
            None => None,
        };
        Some(Box::new(Secured { ice, dtls: Some(dtls) }))
    }

    /// Our credentials toward a leg: the same until it restarts.
    fn credentials(&self, endpoint: EndpointId, restarts: u8) -> Option<IceCredentials> {
        let EndpointId { shard, call, leg } = endpoint;
        let mut purpose = [0; 12];
        let (of_shard, rest) = purpose.split_first_chunk_mut::<2>()?;
        *of_shard = shard.to_be_bytes();
        let (of_call, of_leg) = rest.split_first_chunk_mut::<8>()?;
        *of_call = call.to_be_bytes();
        of_leg.copy_from_slice(&[leg, restarts]);
        IceCredentials::derive(&self.secret, &purpose)
    }
}
