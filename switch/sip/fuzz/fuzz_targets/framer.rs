//! A stream in pieces of any length gives the same messages as in one piece. The first byte says the length of
//! the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{Frame, Framer};

/// What the framer makes of the pieces, up to the first fault that ends the stream.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next() {
            match frame {
                Ok(Frame::Message(message)) => {
                    found.push(String::from_utf8_lossy(message.as_bytes()).into_owned());
                }
                Ok(Frame::Ping) => found.push("ping".to_owned()),
                Err(fault) => {
                    found.push(fault.error.label().to_owned());
                    if fault.close {
                        return found;
                    }
                }
            }
        }
    }
    found
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, wire)) = input.split_first() else { return };
    let length = usize::from(first) + 1;
    assert_eq!(frames(wire.chunks(length)), frames(std::iter::once(wire)));
});
