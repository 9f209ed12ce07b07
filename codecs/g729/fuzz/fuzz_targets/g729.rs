//! Any bytes as frames, and as samples: no panic, only lengths that exist, and a decoder that still plays
//! speech.
#![no_main]

use g729::{Decoder, Encoder, FRAME_BYTES, FRAME_SAMPLES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let (mut decoder, mut pcm) = (Decoder::new(), [0; FRAME_SAMPLES]);
    let mut rest = bytes;
    while let Some((&length, after)) = rest.split_first() {
        let (frame, next) = after.split_at(usize::from(length % 16).min(after.len()));
        let is_frame = [0, 2, FRAME_BYTES].contains(&frame.len());
        assert_eq!(decoder.decode(frame, &mut pcm).is_ok(), is_frame);
        if !is_frame {
            decoder.conceal(&mut pcm);
        }
        rest = next;
    }
    let mut encoder = Encoder::new(kind & 1 == 1);
    let mut out = [0; FRAME_BYTES];
    for samples in bytes.chunks(2 * FRAME_SAMPLES) {
        let mut said = [0; FRAME_SAMPLES];
        for (said, sample) in said.iter_mut().zip(samples.chunks_exact(2)) {
            *said = i16::from_le_bytes([sample[0], sample[1]]);
        }
        let length = encoder.encode(&said, &mut out);
        assert!([0, 2, FRAME_BYTES].contains(&length));
        assert!(decoder.decode(&out[..length], &mut pcm).is_ok());
    }
});
