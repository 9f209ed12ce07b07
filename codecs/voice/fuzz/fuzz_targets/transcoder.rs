//! Any RTP of a peer through a transcoder: no panic, no endless output, numbers in order.
#![no_main]

use std::time::Duration;

use codecs::Codec;
use libfuzzer_sys::fuzz_target;
use voice::dtmf::Digit;
use voice::transcoder::{EventPayload, Incoming, Outgoing, Transcoder, TranscoderSettings};
use voice::{EncoderSettings, HEADER, Packet};

fuzz_target!(|input: &[u8]| {
    let [choice, more, packets @ ..] = input else { return };
    let codecs: Vec<Codec> = Codec::ALL.into_iter().filter(|&codec| voice::available(codec)).collect();
    let from = codecs[usize::from(choice & 15) % codecs.len()];
    let to = codecs[usize::from(choice >> 4) % codecs.len()];
    let event = Some(EventPayload { payload: 101, clock_hz: 8000 });
    let encoder = EncoderSettings { dtx: more & 1 == 1, packet_ms: more >> 1, ..EncoderSettings::new(to) };
    let outgoing = Outgoing { event: event.filter(|_| more & 2 == 0), noise: Some(13), ..Outgoing::new(encoder, 96) };
    let incoming = Incoming { event, noise: Some(13), ..Incoming::new(from, 97) };
    let settings = TranscoderSettings { detect_digits: true, digits_as_events: more & 4 == 0, ..TranscoderSettings::new(incoming, outgoing) };
    let mut transcoder = Transcoder::new(settings).expect("both are available");
    let (mut now, mut sequence, mut timestamp, mut sent) = (Duration::ZERO, 0u16, 0u32, None::<u16>);
    let mut rest = packets;
    for _ in 0..64 {
        let Some((&[what, wait, length], behind)) = rest.split_first_chunk::<3>() else { break };
        let (payload, behind) = behind.split_at(usize::from(length).min(behind.len()));
        rest = behind;
        now += Duration::from_millis(u64::from(wait & 63));
        sequence = sequence.wrapping_add(1 + u16::from(what >> 6));
        timestamp = timestamp.wrapping_add(if what & 8 == 0 { 160 } else { u32::from(wait) << (what >> 4) });
        let payload_type = [97, 97, 97, 97, 101, 13, 8, 97][usize::from(what & 7)];
        let packet = Packet { payload_type, marker: false, sequence, timestamp, ssrc: 1, payload };
        let mut octets = [0; 400];
        let length = packet.write(&mut octets).expect("it fits");
        assert_eq!(length, HEADER + payload.len());
        transcoder.push(&Packet::read(&octets[..length]).expect("it was written"), now);
        if what == 0xFF {
            transcoder.send_digit(Digit::from_code(wait & 15).expect("a key"), Duration::from_millis(100), now);
        }
        let mut count = 0;
        while let Some(packet) = transcoder.poll(now) {
            assert!(sent.is_none_or(|before| packet.sequence == before.wrapping_add(1)));
            assert!(!packet.payload.is_empty() && packet.payload_type < 128);
            sent = Some(packet.sequence);
            count += 1;
            assert!(count < 64, "no end of packets");
        }
        assert!(transcoder.deadline().is_none_or(|deadline| deadline > now));
    }
});
