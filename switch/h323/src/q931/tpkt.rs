//! TPKT: frames on a TCP connection (RFC 1006 §6, used by H.225.0 and H.245).
//! Invariant: the buffer never grows beyond one frame and one read; after an error nothing more comes out.

/// Octets of the longest frame that is taken, header included.
pub const MAX_FRAME: usize = 16 * 1024;
/// Octets held at most.
const MAX_BUFFER: usize = 4 * MAX_FRAME;
const HEADER: usize = 4;

/// A frame without content: it keeps a connection alive.
pub const KEEP_ALIVE: [u8; 4] = [3, 0, 0, 4];

/// What came out of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The content of a frame.
    Message(Vec<u8>),
    /// A frame without content.
    KeepAlive,
}

/// Why a connection can no longer be cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TpktError {
    /// The version is not 3.
    #[error("no TPKT frame: version {0}")]
    Version(u8),
    /// A length below that of the header, or beyond [`MAX_FRAME`].
    #[error("a TPKT frame of {0} octets")]
    Length(u16),
    /// More was pushed than is held.
    #[error("too many bytes at once")]
    Overflow,
}

/// The reading side of one connection.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Octets at the front that have come out.
    used: usize,
    fault: Option<TpktError>,
    is_closed: bool,
}

// === impl Framer ===

impl Framer {
    /// An empty one.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), used: 0, fault: None, is_closed: false }
    }

    /// Takes what was read; drain [`Framer::next`] after every call.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.is_closed {
            return;
        }
        self.buffer.drain(..self.used);
        self.used = 0;
        if self.buffer.len() + bytes.len() > MAX_BUFFER {
            self.fault = Some(TpktError::Overflow);
            return;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a frame has begun and not ended: its sender owes bytes.
    pub const fn is_partial(&self) -> bool {
        self.buffer.len() > self.used
    }

    /// The next frame; none if more bytes are needed, or after an error.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Frame, TpktError>> {
        if self.is_closed {
            return None;
        }
        match self.fault.map_or_else(|| self.cut(), Err) {
            Ok(frame) => {
                if frame.is_none() && self.used == self.buffer.len() {
                    // nothing is held for a connection at rest
                    self.buffer = Vec::new();
                    self.used = 0;
                }
                frame.map(Ok)
            }
            Err(fault) => {
                *self = Self { is_closed: true, ..Self::new() };
                Some(Err(fault))
            }
        }
    }

    fn cut(&mut self) -> Result<Option<Frame>, TpktError> {
        let rest = &self.buffer[self.used..];
        if let Some(&version) = rest.first().filter(|&&version| version != 3) {
            return Err(TpktError::Version(version));
        }
        let &[_, _, high, low, ..] = rest else { return Ok(None) };
        let len = u16::from_be_bytes([high, low]);
        if usize::from(len) < HEADER || usize::from(len) > MAX_FRAME {
            return Err(TpktError::Length(len));
        }
        let Some(frame) = rest.get(HEADER..usize::from(len)) else { return Ok(None) };
        let frame = if frame.is_empty() { Frame::KeepAlive } else { Frame::Message(frame.to_vec()) };
        self.used += usize::from(len);
        Ok(Some(frame))
    }
}

/// Appends a frame that holds `content`; false and nothing if it is too long.
pub fn write_frame(out: &mut Vec<u8>, content: &[u8]) -> bool {
    let len = content.len() + HEADER;
    if len > MAX_FRAME {
        return false;
    }
    let [high, low] = (len as u16).to_be_bytes();
    out.extend([3, 0, high, low]);
    out.extend_from_slice(content);
    true
}
