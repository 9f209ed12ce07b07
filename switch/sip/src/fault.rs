//! What can be wrong with a message, which status answers it (RFC 3261 §8.2, §21.4) and how it is counted.
//! Invariant: a malformed response or ACK is never answered; labels are a fixed small set.

use crate::Name;

/// A fault of a message, found by [`crate::Message::parse`] or [`crate::Message::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing but line ends: a keep-alive.
    #[error("nothing but line ends: a keep-alive, ignore it")]
    Empty,
    /// Longer than [`crate::MAX_MESSAGE`] bytes, or a head longer than a stream allows.
    #[error("message larger than this switch takes")]
    TooLarge,
    /// The first line is neither a request line nor a status line.
    #[error("first line is neither a SIP request line nor a status line")]
    NotSip,
    /// The request line's parts or blanks are wrong.
    #[error("request line must be METHOD SP URI SP SIP/2.0")]
    RequestLine,
    /// A version other than SIP/2.0.
    #[error("SIP version is not 2.0")]
    Version,
    /// A status code outside 100–699.
    #[error("status code outside 100 to 699")]
    StatusCode,
    /// The Request-URI is malformed (headers in it count as malformed, RFC 3261 §19.1.1).
    #[error("Request-URI is malformed")]
    Uri,
    /// The Request-URI's scheme is not supported.
    #[error("Request-URI's scheme is not supported")]
    Scheme,
    /// A line ends without CR LF.
    #[error("a header line does not end with CR LF")]
    LineEnd,
    /// The blank line after the headers is missing.
    #[error("the blank line after the headers is missing")]
    Unterminated,
    /// A header line without a proper name and colon.
    #[error("a header line has no valid name followed by a colon")]
    HeaderLine,
    /// More than [`crate::MAX_HEADERS`] headers.
    #[error("too many headers")]
    TooManyHeaders,
    /// A control byte outside a quoted pair.
    #[error("control byte in a header")]
    Control,
    /// Content-Length is not a number, stands twice, or is missing on a stream.
    #[error("Content-Length is missing, repeated or not a number")]
    ContentLength,
    /// Content-Length is larger than the datagram.
    #[error("body shorter than Content-Length")]
    BodyShort,
    /// A mandatory header is missing.
    #[error("header {0} is missing")]
    Missing(Name),
    /// A header that may stand once stands twice.
    #[error("header {0} stands more than once")]
    Repeated(Name),
    /// A header's value breaks its grammar or its bounds.
    #[error("header {0} is malformed")]
    Header(Name),
    /// CSeq names another method than the request line.
    #[error("CSeq names another method than the request line")]
    CSeqMethod,
}

impl Fault {
    /// The status that answers a request with this fault.
    pub fn status(self) -> u16 {
        match self {
            Fault::Version => 505,
            Fault::Scheme => 416,
            Fault::TooLarge => 513,
            _ => 400,
        }
    }

    /// The reason phrase sent with [`Fault::status`]: says what is wrong without quoting the peer.
    pub fn reason(self) -> &'static str {
        match self {
            Fault::Version => "Version Not Supported",
            Fault::Scheme => "Unsupported URI Scheme",
            Fault::TooLarge => "Message Too Large",
            Fault::RequestLine | Fault::NotSip | Fault::Empty | Fault::StatusCode => "Bad Request Line",
            Fault::Uri => "Bad URI",
            Fault::LineEnd => "Bad Line End",
            Fault::Unterminated => "Headers Not Terminated",
            Fault::HeaderLine => "Bad Header Line",
            Fault::TooManyHeaders => "Too Many Headers",
            Fault::Control => "Control Byte In Header",
            Fault::ContentLength => "Bad Content-Length",
            Fault::BodyShort => "Body Shorter Than Content-Length",
            Fault::CSeqMethod => "CSeq Method Mismatch",
            Fault::Missing(_) => "Missing Header",
            Fault::Repeated(_) => "Repeated Header",
            Fault::Header(_) => "Malformed Header",
        }
    }

    /// A label for counters, of the fixed set [`Fault::LABELS`].
    pub fn label(self) -> &'static str {
        match self {
            Fault::Empty => "empty",
            Fault::TooLarge => "too_large",
            Fault::NotSip => "not_sip",
            Fault::RequestLine => "request_line",
            Fault::Version => "version",
            Fault::StatusCode => "status_code",
            Fault::Uri => "request_uri",
            Fault::Scheme => "scheme",
            Fault::LineEnd => "line_end",
            Fault::Unterminated => "unterminated",
            Fault::HeaderLine => "header_line",
            Fault::TooManyHeaders => "too_many_headers",
            Fault::Control => "control_byte",
            Fault::ContentLength => "content_length",
            Fault::BodyShort => "body_short",
            Fault::Missing(_) => "missing_header",
            Fault::Repeated(_) => "repeated_header",
            Fault::Header(_) => "malformed_header",
            Fault::CSeqMethod => "cseq_method",
        }
    }

    /// All labels that [`Fault::label`] can give.
    pub const LABELS: [&'static str; 19] = [
        "empty",
        "too_large",
        "not_sip",
        "request_line",
        "version",
        "status_code",
        "request_uri",
        "scheme",
        "line_end",
        "unterminated",
        "header_line",
        "too_many_headers",
        "control_byte",
        "content_length",
        "body_short",
        "missing_header",
        "repeated_header",
        "malformed_header",
        "cseq_method",
    ];
}
