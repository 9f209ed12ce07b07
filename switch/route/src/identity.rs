//! What is believed of a peer that names callers, and what it is told of them (RFC 3323, RFC 3325).

/// Trust and privacy of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdentityPolicy {
    /// It belongs to our trust domain (RFC 3325 §2.3): its identity headers are believed, and it is told
    /// withheld numbers.
    pub trust: bool,
    /// How it is told who calls. `None`: as [`IdentityForm::Asserted`] if it is trusted, else by From alone.
    pub form: Option<IdentityForm>,
    /// What becomes of its wish that a caller stays unknown.
    pub privacy: PrivacyPolicy,
    /// Whether the signatures of its callers' numbers are verified.
    pub verify: Verification,
}

/// What becomes of the signature of a caller's number (RFC 8224 §6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// Nobody looks at it.
    #[default]
    Off,
    /// It is verified, and the record says what came of it.
    Log,
    /// A call without a good one is refused.
    Reject,
}

/// The header that says who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityForm {
    /// P-Asserted-Identity (RFC 3325).
    Asserted,
    /// Remote-Party-ID, which older equipment reads.
    RemoteParty,
    /// From alone.
    From,
}

/// What becomes of the wish that a caller stays unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrivacyPolicy {
    /// It is fulfilled here: From is anonymous on the other side (RFC 3323 §5).
    #[default]
    Honour,
    /// It is handed on to a trusted side with From as it came; toward any other it is fulfilled here.
    Pass,
    /// The number is shown.
    Ignore,
}

impl IdentityPolicy {
    /// How it is told who calls; `None`: not beside From.
    pub const fn told_by(self) -> Option<IdentityForm> {
        match (self.form, self.trust) {
            (Some(form), _) => Some(form),
            (None, true) => Some(IdentityForm::Asserted),
            (None, false) => None,
        }
    }
}
