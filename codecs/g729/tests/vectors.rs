//! Frames of another implementation, of a signal of our own, and what that implementation's decoder makes
//! of them: speech, hiss, silence descriptors and untransmitted frames.
#![forbid(unsafe_code)]

mod signal;

use g729::{Decoder, Encoder};

const FRAMES: &[u8] = include_bytes!("vectors/speech_and_silence.g729");
const HEARD: &[u8] = include_bytes!("vectors/speech_and_silence.pcm");

/// Each frame after a byte with its length.
fn frames() -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (FRAMES, Vec::new());
    while let Some((&length, after)) = rest.split_first() {
        let (frame, next) = after.split_at(length.into());
        frames.push(frame.to_vec());
        rest = next;
    }
    frames
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect()
}

fn heard() -> Vec<i16> {
    samples(HEARD)
}

#[test]
fn frames_of_another_encoder_sound_as_its_own_decoder_has_them() {
    let frames = frames();
    let count = |length: usize| frames.iter().filter(|frame| frame.len() == length).count();
    assert_eq!([count(10), count(2), count(0)], [133, 3, 74]);
    let (expected, heard) = (heard(), signal::decode(&mut Decoder::new(), &frames));
    let snr = signal::snr_db(&expected, &heard);
    // The other one computes in 16 bits; rounding is all that differs.
    assert!(snr > 35.0, "{snr:.1} dB");
}

#[test]
fn comfort_noise_draws_the_numbers_of_the_recommendation() {
    let frames = frames();
    let (expected, heard) = (heard(), signal::decode(&mut Decoder::new(), &frames));
    let in_silence = |pcm: &[i16]| -> Vec<i16> {
        let silent = frames.iter().zip(pcm.chunks_exact(80)).filter(|(frame, _)| frame.len() < 10);
        silent.flat_map(|(_, pcm)| pcm.iter().copied()).collect()
    };
    let (expected, heard) = (in_silence(&expected), in_silence(&heard));
    // Samples of ten units, which the other one rounds to whole ones on its way: noise of other numbers
    // would give -3 dB.
    let snr = signal::snr_db(&expected, &heard);
    assert!(expected.len() == 77 * 80 && snr > 5.0, "{snr:.1} dB");
}

#[test]
fn the_encoder_keeps_as_much_of_the_waveform_as_another() {
    // The other implementation's own encoder and decoder keep 3.59 dB of this signal.
    let said = samples(include_bytes!("vectors/said.pcm"));
    let frames = signal::encode(&mut Encoder::new(false), &said);
    let heard = signal::decode(&mut Decoder::new(), &frames);
    let length = said.len() - 40;
    let snr = signal::segmental_snr_db(&said[..length], &heard[40..]);
    assert!(snr > 3.4, "{snr:.2} dB");
}
