//! What one leg said of DTLS and ICE, and how far its association is.

use std::sync::Arc;

use media::DtlsTerms;
use media::relay::DtlsRole;

/// What a leg with DTLS keeps.
#[derive(Debug)]
pub(crate) struct DtlsLeg {
    /// UDP/TLS/RTP/SAVPF is what it says and is told.
    pub(super) is_feedback: bool,
    /// Its address is checked.
    pub(super) has_ice: bool,
    /// How often it asked for other credentials (RFC 8839 §4.4.1.1.1).
    pub(super) restarts: u8,
    /// What it said last.
    theirs: Option<Arc<DtlsTerms>>,
    pub(super) role: Option<DtlsRole>,
}

// === impl DtlsLeg ===

impl DtlsLeg {
    /// One that is offered what browsers take.
    pub(super) const fn offered() -> Self {
        Self { is_feedback: true, has_ice: true, restarts: 0, theirs: None, role: None }
    }

    /// Its side said this. An association goes on with who has the certificate that it had, in the roles
    /// that they had (RFC 8842 §5.5).
    pub(super) fn hear(&mut self, terms: &Arc<DtlsTerms>, is_answer: bool) {
        let before = self.theirs.replace(Arc::clone(terms));
        let is_same = before.as_ref().is_some_and(|before| before.fingerprint == terms.fingerprint);
        self.role = Some(terms.setup.our_role(self.role.filter(|_| is_same)));
        let restarts = |before: Arc<DtlsTerms>| !is_answer && before.ice != terms.ice;
        self.restarts = self.restarts.wrapping_add(u8::from(before.is_some_and(restarts)));
        (self.is_feedback, self.has_ice) = (terms.is_feedback, terms.ice.is_some());
    }
}
