//! The bounds of an SDP, and what can be wrong with one.

/// Longest SDP in bytes that is read.
pub const SDP_BYTES_MAX: usize = 16 * 1024;
/// Longest SDP in bytes that is written: what was read, with an `o=` line, payload numbers and parameters of
/// ours.
pub const SDP_WRITTEN_MAX: usize = SDP_BYTES_MAX + 4 * 1024;
/// Longest line in bytes, its end not counted.
pub const LINE_BYTES_MAX: usize = 1024;
/// Most m-lines.
pub const MEDIA_MAX: usize = 16;
/// Most formats of one m-line.
pub const FORMATS_MAX: usize = 64;
/// Most attributes of an audio m-line, and of the session. Of another stream those beyond are not read.
pub const ATTRIBUTES_MAX: usize = 128;
/// Most lines of one m-line, and of the session, that are no attributes; the session's first `s=` and `t=` do
/// not count, so that adding those that are missing never passes the limit.
pub const OTHER_LINES_MAX: usize = 32;
/// Longest media type, transport, address or attribute name in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Why a body is not an SDP that the switch accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SdpError {
    /// There is no body.
    #[error("empty SDP")]
    Empty,
    /// More than [`SDP_BYTES_MAX`].
    #[error("SDP over {SDP_BYTES_MAX} bytes")]
    TooLong,
    /// One of the lines that an SDP must have is missing.
    #[error("SDP without {0}= line")]
    Missing(char),
    /// A line is wrong.
    #[error("SDP line {line}: {fault}")]
    Line {
        /// Counted from 1.
        line: u16,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// More than [`LINE_BYTES_MAX`].
    #[error("over {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// A NUL or another control byte, or a carriage return that ends no line.
    #[error("control byte {0:#04x}")]
    Control(u8),
    /// Not a letter, `=` and a value.
    #[error("not of the form letter=value")]
    Form,
    /// The first line is not `v=0`.
    #[error("v=0 expected")]
    Version,
    /// A second line of a kind that may stand once.
    #[error("a second {0}= line")]
    Repeated(char),
    /// More lines, m-lines or formats than their limit.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// An `o=` line without its six fields.
    #[error("malformed o=")]
    Origin,
    /// A `c=` line that is not of the Internet, or without an address.
    #[error("malformed c=")]
    Connection,
    /// An `m=` line without its four fields, or with a port outside 0 to 65535.
    #[error("malformed m=")]
    Media,
    /// A payload number outside 0 to 127.
    #[error("payload number outside 0 to 127")]
    Payload,
    /// An attribute without a name, or with a malformed value.
    #[error("malformed attribute")]
    Attribute,
    /// A packet time that is no number above 0.
    #[error("ptime must be above 0")]
    Ptime,
}
