//! A browser's end of a WebSocket (RFC 6455), frame by frame.

use std::io::{Read, Write};

use super::line::Line;

/// What every client's frame is masked with; any will do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Kinds of frames.
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A client.
pub struct WebSocket<S> {
    stream: S,
    heard: Vec<u8>,
}

/// The request that opens one, with further header lines.
pub fn request(more: &str) -> String {
    format!(
        "GET /sip HTTP/1.1\r\nHost: sip.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

impl<S: Read + Write> WebSocket<S> {
    /// Asks for one; the whole answer if it is no.
    pub fn open(mut stream: S, more: &str) -> Result<Self, String> {
        stream.write_all(request(&format!("Sec-WebSocket-Protocol: sip\r\n{more}")).as_bytes()).unwrap();
        let mut socket = Self { stream, heard: Vec::new() };
        let head = socket.until(|heard| Some(heard.windows(4).position(|four| four == b"\r\n\r\n")? + 4));
        let head = String::from_utf8(head.unwrap_or_default()).unwrap();
        // The accept value is that of RFC 6455 §1.3 for the key.
        let opened = head.starts_with("HTTP/1.1 101 ")
            && head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")
            && head.contains("Sec-WebSocket-Protocol: sip\r\n");
        if opened { Ok(socket) } else { Err(head) }
    }

    /// Reads on until `end` tells how many bytes belong together; none when it is closed before.
    fn until(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> Option<Vec<u8>> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(end) = end(&self.heard).filter(|end| *end <= self.heard.len()) {
                let rest = self.heard.split_off(end);
                return Some(std::mem::replace(&mut self.heard, rest));
            }
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Sends one frame; `is_last` of its message.
    pub fn frame(&mut self, kind: u8, is_last: bool, bytes: &[u8]) {
        let mut frame = vec![kind | if is_last { 0x80 } else { 0 }];
        match bytes.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            long @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(long as u16).to_be_bytes());
            }
            huge => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(huge as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(bytes.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        // The switch may have closed; then nothing is heard.
        let _ = self.stream.write_all(&frame).and_then(|()| self.stream.flush());
    }

    /// The next frame, unmasked and whole, as servers send them.
    pub fn hear_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let frame = self.until(|heard| {
            let (head, length) = match heard.get(1)? {
                126 => (4, usize::from(u16::from_be_bytes([*heard.get(2)?, *heard.get(3)?]))),
                short => (2, usize::from(*short)),
            };
            Some(head + length)
        })?;
        let head = if frame[1] == 126 { 4 } else { 2 };
        Some((frame[0] & 0x0f, frame[head..].to_vec()))
    }
}

impl<S: Read + Write> Line for WebSocket<S> {
    fn send(&mut self, message: &str) {
        self.frame(TEXT, true, message.as_bytes());
    }

    fn hear(&mut self) -> Option<String> {
        loop {
            match self.hear_frame()? {
                (TEXT, bytes) => return Some(String::from_utf8(bytes).unwrap()),
                (CLOSE, _) => return None,
                _ => {}
            }
        }
    }
}
