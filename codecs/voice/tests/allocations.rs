//! No memory is taken for a packet, but by the two libraries, and by those within bounds.
#![forbid(unsafe_code)]

use std::time::Duration;

use codecs::Codec;
use voice::transcoder::{Incoming, Outgoing, Transcoder, TranscoderSettings};
use voice::{Encoded, EncoderSettings, FRAME_OCTETS_MAX, Packet};

const MS: Duration = Duration::from_millis(1);

/// Two seconds of a buzz with a loss now and then: allocations of the second one.
fn allocations(from: Codec, to: Codec) -> u64 {
    let outgoing = Outgoing::new(EncoderSettings { packet_ms: 30, ..EncoderSettings::new(to) }, 96);
    let settings = TranscoderSettings::new(Incoming::new(from, 97), outgoing);
    let mut transcoder = Transcoder::new(settings).expect("available");
    let mut encoder = voice::encoder(EncoderSettings::new(from)).expect("available");
    let samples = encoder.frame_samples();
    let ms = samples as u32 / 8;
    let (mut sent, mut allocations) = (0, 0);
    let mut second = |transcoder: &mut Transcoder, from_ms: u32| {
        for n in from_ms / ms..(from_ms + 1000) / ms {
            let frame: Vec<i16> =
                (0..samples).map(|i| ((n as usize * samples + i) % 73 * 97) as i16).collect();
            let mut octets = [0; FRAME_OCTETS_MAX];
            let Encoded::Speech(length) = encoder.encode(&frame, &mut octets) else { continue };
            let packet = Packet {
                payload_type: 97,
                marker: false,
                sequence: n as u16,
                timestamp: n * samples as u32 * (from.clock_hz() / 8000),
                ssrc: 1,
                payload: &octets[..length],
            };
            let counted = allocation_counter::measure(|| {
                if n % 19 != 7 {
                    transcoder.push(&packet, MS * n * ms);
                }
                while transcoder.poll(MS * n * ms).is_some() {
                    sent += 1;
                }
            });
            if from_ms > 0 {
                allocations += counted.count_total;
            }
        }
    };
    second(&mut transcoder, 0);
    second(&mut transcoder, 1000);
    assert!(sent > 50, "{from} to {to}: {sent} packets");
    allocations
}

#[test]
fn our_own_codecs_take_no_memory_for_a_packet() {
    let own = [Codec::Pcma, Codec::Pcmu, Codec::G729];
    for from in own {
        for to in own {
            assert_eq!(allocations(from, to), 0, "{from} to {to}");
        }
    }
}

#[test]
fn the_libraries_take_little_and_give_it_back() {
    for (from, to, packets, each) in [
        (Codec::Opus, Codec::Pcma, 50, 4),
        (Codec::Pcma, Codec::Opus, 50, 40),
        (Codec::G723, Codec::Pcma, 33, 8),
        (Codec::Pcma, Codec::G723, 33, 400),
    ] {
        let counted = allocations(from, to);
        assert!(counted <= packets * each, "{from} to {to}: {counted} for {packets} packets");
    }
}

#[test]
fn a_transcoder_has_bounded_memory() {
    for from in Codec::ALL {
        for to in Codec::ALL {
            let outgoing = Outgoing::new(EncoderSettings::new(to), 96);
            let settings = TranscoderSettings::new(Incoming::new(from, 97), outgoing);
            let mut kept = None;
            let counted = allocation_counter::measure(|| kept = Transcoder::new(settings).map(Box::new));
            // Tables that are made at first use count too.
            let most =
                96 + if from == Codec::Opus { 168 } else { 0 } + if to == Codec::Opus { 168 } else { 0 };
            let kib = counted.bytes_current / 1024;
            assert!(kept.is_some() && kib <= most, "{from} to {to}: {kib} KiB");
        }
    }
}
