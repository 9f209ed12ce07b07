//! SDP (RFC 8866).

/// Why a body is not an SDP that the switch accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SdpError {
    /// There is no body.
    #[error("empty SDP")]
    Empty,
}
