//! Which codecs the two sides of a call may use, and what of an offer goes from one to the other.

use std::sync::Arc;

use media::Session;
use media::offer::OfferRefused;
use route::CodecTerms;

use crate::event::Side;

/// The codecs of both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BothCodecs {
    pub caller: CodecTerms,
    pub called: CodecTerms,
}

// === impl BothCodecs ===

impl BothCodecs {
    /// What an offer of one side comes to for the other.
    pub(crate) fn offer(&self, from: Side, offer: &Session) -> Result<Arc<Session>, OfferRefused> {
        let (own, other) = match from {
            Side::Caller => (self.caller, self.called),
            Side::Carrier => (self.called, self.caller),
        };
        let may_transcode = own.transcode.with(other.transcode);
        offer.offer_to(own.codecs, other.codecs, may_transcode).map(Arc::new)
    }
}
