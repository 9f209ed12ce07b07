//! Any octets as payloads of every codec: split into frames, decoded, concealed, restored from, and what came
//! out encoded by every codec.
#![no_main]

use codecs::Codec;
use libfuzzer_sys::fuzz_target;
use voice::{Encoded, EncoderSettings, FRAME_OCTETS_MAX, FRAME_SAMPLES_MAX, PACKET_SAMPLES_MAX};

fuzz_target!(|input: &[u8]| {
    let [choice, payloads @ ..] = input else { return };
    let codecs: Vec<Codec> = Codec::ALL.into_iter().filter(|&codec| voice::available(codec)).collect();
    let codec = codecs[usize::from(choice & 15) % codecs.len()];
    let to = codecs[usize::from(choice >> 4) % codecs.len()];
    let mut decoder = voice::decoder(codec).expect("available");
    let dtx = choice & 128 != 0;
    let mut encoder = voice::encoder(EncoderSettings { dtx, fec: !dtx, ..EncoderSettings::new(to) }).expect("available");
    let (mut sound, mut samples, mut octets) = (Vec::new(), [0; FRAME_SAMPLES_MAX], [0; FRAME_OCTETS_MAX]);
    // Payloads of a length that their first octet says, at most 16: Opus and G.723.1 are slow here.
    let mut rest = payloads;
    for _ in 0..16 {
        let Some((&length, behind)) = rest.split_first() else { break };
        let (payload, behind) = behind.split_at(usize::from(length).min(behind.len()));
        rest = behind;
        let Ok(frames) = voice::frames(codec, payload) else {
            let mut lost = vec![0; decoder.frame_samples()];
            if length & 1 == 0 { decoder.conceal(&mut lost) } else { decoder.pause(&mut lost) }
            decoder.describe_pause(payload);
            sound.extend_from_slice(&lost);
            continue;
        };
        let mut total = 0;
        for frame in frames {
            let restored = decoder.recover(frame, &mut samples);
            assert!(restored <= frame.samples);
            let count = decoder.decode(frame, &mut samples);
            assert!(count == frame.samples, "{codec}: {count} of {} samples", frame.samples);
            total += count;
            sound.extend_from_slice(&samples[..count]);
        }
        assert!((1..=PACKET_SAMPLES_MAX).contains(&total));
    }
    for frame in sound.chunks_exact(encoder.frame_samples()).take(32) {
        if let Encoded::Speech(length) = encoder.encode(frame, &mut octets) {
            let made: usize = voice::frames(to, &octets[..length]).expect("what was encoded").map(|f| f.samples).sum();
            assert_eq!(made, frame.len());
        }
    }
});
