//! Any packets at any times: what is popped is bounded, and every packet is played at most once.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use voice::Packet;
use voice::jitter::{JitterBuffer, JitterSettings, Kind, Popped, Pushed};

fuzz_target!(|input: &[u8]| {
    let delay = (Duration::from_millis(20), Duration::from_millis(200));
    let ends_after = Duration::from_millis(200);
    let mut buffer = JitterBuffer::new(JitterSettings { clock_hz: 8000, frame_samples: 80, delay, ends_after });
    let (mut now, mut held, mut played) = (Duration::ZERO, 0u64, 0u64);
    let (mut sequence, mut timestamp) = (65_000u16, u32::MAX - 3000);
    for chunk in input.as_chunks::<4>().0 {
        let &[what, a, b, c] = chunk;
        now += Duration::from_millis(u64::from(a & 63));
        if what & 1 == 0 {
            // Mostly the next packet, sometimes one that jumps.
            let jump = i32::from(b as i8);
            sequence = sequence.wrapping_add(if what & 2 == 0 { 1 } else { jump as u16 });
            timestamp = timestamp.wrapping_add(if what & 4 == 0 { 160 } else { (jump * 977) as u32 });
            let kind = match what >> 3 & 3 {
                0 | 1 => Kind::Sound(160),
                2 => Kind::Noise(0),
                _ => Kind::Other,
            };
            let ssrc = u32::from(what >> 7);
            let packet = Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc, payload: &[c] };
            if buffer.push(&packet, kind, now) == Pushed::Held {
                held += 1;
            }
        } else {
            match buffer.pop(now) {
                Popped::Nothing => {}
                Popped::Packet { payload, .. } => {
                    assert_eq!(payload.len(), 1);
                    played += 1;
                }
                Popped::Lost { samples, .. } | Popped::Pause { samples } => {
                    assert!(samples > 0 && samples <= 8000 && samples % 80 == 0, "{samples}");
                }
            }
        }
        assert!(played <= held);
        assert!(buffer.delay() >= delay.0 && buffer.delay() <= delay.1);
        let counters = buffer.counters();
        assert_eq!(counters.received, held);
    }
});
