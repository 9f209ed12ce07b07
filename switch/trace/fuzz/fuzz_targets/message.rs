//! Any bytes as a message: masked without another length and the same twice, kept, written as pcap and HEP3,
//! drawn.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trace::{Direction, Envelope, Ring, Step, hep, ladder, masked, pcap};
use units::{Transport, Wall};

fuzz_target!(|message: &[u8]| {
    let once = masked(message);
    assert_eq!(once.len(), message.len());
    assert_eq!(masked(&once).len(), once.len());
    let envelope = Envelope {
        at: Wall(message.len() as i64),
        direction: if message.len() % 2 == 0 { Direction::In } else { Direction::Out },
        transport: Transport::Tls,
        local: ([192, 0, 2, 1], 5060).into(),
        peer: ([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1], 9).into(),
    };
    let file = pcap([(&envelope, message)]);
    assert_eq!(file.len(), 24 + 16 + 48 + message.len().min(65_487));
    let packet = hep::packet(&envelope, message, 1, "node", trace::call_id(message).unwrap_or_default());
    assert!(packet.len() <= hep::PACKET_BYTES_MAX);
    let mut ring = Ring::new(0);
    ring.push(&envelope, message);
    let mut found = Vec::new();
    ring.read(&mut ring.oldest(), 2, |_| true, |kept| found.push(kept.bytes));
    assert_eq!(found.first().map(Vec::as_slice), Some(&message[..message.len().min(trace::MESSAGE_BYTES_MAX)]));
    let text = String::from_utf8_lossy(&once);
    let steps = [0, 1, 7].map(|leg| Step {
        at: envelope.at,
        direction: envelope.direction,
        leg,
        transport: "tls",
        peer: "192.0.2.1:5060",
        text: &text,
    });
    let drawn = ladder(&["caller".to_owned(), "alpha".to_owned()], &steps);
    assert!(!drawn.contains('\u{1b}'));
});
