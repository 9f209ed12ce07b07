//! Writes SDP line by line into one buffer, every line ended by CRLF (RFC 8866 §5).
//! Invariant: the buffer never passes `SDP_WRITTEN_MAX`; what would is not written, and `finish` says so.

use std::io::Write as _;
use std::net::IpAddr;

use super::fault::{SDP_WRITTEN_MAX, SdpError};

/// An SDP being written. Values must hold no line end: whatever was parsed holds none.
#[derive(Debug)]
pub struct Writer {
    buffer: Vec<u8>,
    overflow: bool,
}

impl Writer {
    /// A writer that expects about `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buffer: Vec::with_capacity(bytes.min(SDP_WRITTEN_MAX)), overflow: false }
    }

    /// One whole line.
    pub fn line(&mut self, kind: u8, value: &[u8]) {
        if self.room(value.len() + 4) {
            self.buffer.reserve(value.len() + 4);
            self.buffer.extend_from_slice(&[kind, b'=']);
            self.buffer.extend_from_slice(value);
            self.buffer.extend_from_slice(b"\r\n");
        }
    }

    /// The `o=` line of a session of ours.
    pub fn origin(&mut self, id: u64, version: u64, address: IpAddr) {
        self.begin(b'o');
        self.text(b"- ");
        self.number(id);
        self.text(b" ");
        self.number(version);
        self.text(b" ");
        self.address(address);
        self.end();
    }

    /// A `c=` line with an address of ours.
    pub fn connection(&mut self, address: IpAddr) {
        self.begin(b'c');
        self.address(address);
        self.end();
    }

    /// `IN IP4 ADDRESS` or `IN IP6 ADDRESS`.
    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                self.text(b"IN IP4");
                for (index, octet) in v4.octets().into_iter().enumerate() {
                    self.text(if index == 0 { b" " } else { b"." });
                    self.number(u64::from(octet));
                }
            }
            IpAddr::V6(v6) => {
                self.text(b"IN IP6 ");
                if self.room(40) {
                    // Writing to a vector cannot fail.
                    let _ = write!(self.buffer, "{v6}");
                }
            }
        }
    }

    /// Begins a line: `kind=`.
    pub fn begin(&mut self, kind: u8) {
        self.text(&[kind, b'=']);
    }

    /// Ends a line.
    pub fn end(&mut self) {
        self.text(b"\r\n");
    }

    /// Appends to a begun line.
    pub fn text(&mut self, text: &[u8]) {
        if self.room(text.len()) {
            self.buffer.extend_from_slice(text);
        }
    }

    /// Appends a decimal number to a begun line.
    pub fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            start -= 1;
            if number == 0 {
                break;
            }
        }
        self.text(digits.get(start..).unwrap_or(&[]));
    }

    /// The bytes, or [`SdpError::TooLong`] if they passed the limit.
    pub fn finish(self) -> Result<Vec<u8>, SdpError> {
        if self.overflow { Err(SdpError::TooLong) } else { Ok(self.buffer) }
    }

    fn room(&mut self, bytes: usize) -> bool {
        self.overflow |= self.buffer.len() + bytes > SDP_WRITTEN_MAX;
        !self.overflow
    }
}
