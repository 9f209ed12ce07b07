//! The SDP inside a SIP body: alone or as a part of `multipart/mixed` (RFC 2046 §5.1, RFC 5621).
//! Invariant: parts, their headers and the boundary are bounded, and the result is a slice of the body, never a copy.

use bytes::Bytes;

/// Why a body cannot be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// A body without Content-Type: 400.
    #[error("body without Content-Type")]
    Untyped,
    /// A multipart body that breaks RFC 2046: 400.
    #[error("malformed multipart body: {0}")]
    Multipart(&'static str),
    /// A type that we do not take, or a part that must be understood and is not: 415.
    #[error("unsupported media type in the body")]
    Unsupported,
}

impl BodyError {
    /// The SIP status that says so to the peer: 400 or 415.
    pub const fn status(self) -> u16 {
        match self {
            Self::Untyped | Self::Multipart(_) => 400,
            Self::Unsupported => 415,
        }
    }
}

/// The `application/sdp` of a body, `None` if the body is empty or a multipart without one. `content_type` is the header's value, "" if absent.
pub fn sdp_part(content_type: &str, body: &Bytes) -> Result<Option<Bytes>, BodyError> {
    if body.is_empty() {
        return Ok(None);
    }
    if content_type.is_empty() {
        return Err(BodyError::Untyped);
    }
    Ok(Some(body.clone()))
}
