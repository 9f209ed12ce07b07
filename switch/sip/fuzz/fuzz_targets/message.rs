//! One datagram through parser, checks and writer; the same bytes through the framer. Seeds: the torture
//! messages.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sip::{Builder, Framer, Message};

fuzz_target!(|wire: &[u8]| {
    let source = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
    let mut framer = Framer::new();
    framer.push(wire);
    while framer.next().is_some() {}
    let mut message = match Message::parse(Bytes::copy_from_slice(wire)) {
        Ok(message) => message,
        Err(error) => {
            if let Some(answer) = error.response(source) {
                Message::parse(answer).expect("our own answer parses");
            }
            return;
        }
    };
    for (_, name, value) in message.all_headers() {
        assert!(!name.is_empty() && !value.contains(['\r', '\n']));
    }
    message.set_source(source);
    if message.check().is_ok() && message.is_request() {
        let answer = Message::parse(Builder::response(&message, 200, "OK").to_tag("t").build()).expect("our own answer parses");
        answer.check().expect("the answer to a good request is good");
        assert_eq!(answer.call_id(), message.call_id());
    }
});
