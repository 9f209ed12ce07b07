//! What is known of the signature of a caller's number.

use codecs::CodecSet;
use stir::{Attestation, Passport, Verstat};
use units::{Number, Tick};

/// What is known of it.
#[derive(Debug)]
pub(crate) struct Examination {
    pub verstat: Verstat,
    /// The signer's word on the number, once its signature is verified.
    pub attestation: Option<Attestation>,
    /// The call waits for its signer's certificate.
    pub waits: Option<Waiting>,
}

/// A call that was not admitted yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub passport: Passport,
    /// What it is to be admitted with.
    pub number: Number,
    pub codecs: CodecSet,
    /// When it waits no longer.
    pub until: Tick,
}

// === impl Examination ===

impl Examination {
    /// When the call waits no longer.
    pub(crate) fn deadline(&self) -> Tick {
        self.waits.as_ref().map_or(Tick::NEVER, |waiting| waiting.until)
    }
}
