//! Whether a side's media is encrypted: what is configured of it.

/// SRTP with keys from SDP (RFC 4568).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SrtpPolicy {
    /// Never: offers over RTP/SAVP are refused, keys are not read.
    #[default]
    Off,
    /// Where its side can.
    Optional,
    /// Always: offers and answers without keys are refused.
    Required,
}
