//! How a peer tells and takes keypad digits.

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtmfForm {
    /// As events among its packets (RFC 4733).
    #[default]
    Rfc4733,
    /// By INFO in its signalling.
    Info,
    /// As tones in its sound.
    Inband,
}
