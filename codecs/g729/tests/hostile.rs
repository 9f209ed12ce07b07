//! Lost frames, and frames that no encoder made.
#![forbid(unsafe_code)]

mod signal;

use g729::{BadFrame, Decoder, Encoder, FRAME_SAMPLES};
use signal::{Dice, encode, energy, segmental_snr_db, speech};

/// Decodes; frames for whose number `is_lost` are concealed.
fn heard_with_losses(frames: &[Vec<u8>], is_lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let (mut decoder, mut pcm, mut out) = (Decoder::new(), [0; FRAME_SAMPLES], Vec::new());
    for (index, frame) in frames.iter().enumerate() {
        if is_lost(index) {
            decoder.conceal(&mut pcm);
        } else {
            decoder.decode(frame, &mut pcm).expect("a frame");
        }
        out.extend_from_slice(&pcm);
    }
    out
}

#[test]
fn single_losses_are_bridged() {
    let said = speech(3.0, 120.0, 12_000.0);
    let frames = encode(&mut Encoder::new(false), &said);
    let whole = heard_with_losses(&frames, |_| false);
    let bridged = heard_with_losses(&frames, |index| index % 20 == 13);
    let level = energy(&bridged) / energy(&whole);
    assert!((0.5..1.6).contains(&level), "{level}");
    assert!(segmental_snr_db(&whole, &bridged) > 8.0);
}

#[test]
fn a_long_loss_fades_and_speech_recovers() {
    let said = speech(4.0, 120.0, 12_000.0);
    let frames = encode(&mut Encoder::new(false), &said);
    let heard = heard_with_losses(&frames, |index| (100..200).contains(&index));
    let loudest = |from: usize, to: usize| energy(&heard[from * 80..to * 80]) / (to - from) as f64;
    assert!(loudest(160, 200) < 0.05 * loudest(60, 100), "{} {}", loudest(160, 200), loudest(60, 100));
    let whole = heard_with_losses(&frames, |_| false);
    assert!(segmental_snr_db(&whole[230 * 80..], &heard[230 * 80..]) > 8.0);
}

#[test]
fn a_wrong_parity_is_only_a_wrong_delay() {
    let said = speech(2.0, 120.0, 12_000.0);
    let mut frames = encode(&mut Encoder::new(false), &said);
    let whole = heard_with_losses(&frames, |_| false);
    for frame in frames.iter_mut().step_by(10) {
        frame[3] ^= 0x20; // P0 is bit 26 of the frame
    }
    let heard = heard_with_losses(&frames, |_| false);
    assert_ne!(heard, whole);
    let level = energy(&heard) / energy(&whole);
    assert!((0.3..2.0).contains(&level), "{level}");
}

#[test]
fn lost_silence_descriptors_leave_noise_not_a_roar() {
    let said = [speech(2.0, 120.0, 12_000.0), signal::noise(3.0, 60.0)].concat();
    let frames = encode(&mut Encoder::new(true), &said);
    let whole = heard_with_losses(&frames, |_| false);
    let heard = heard_with_losses(&frames, |index| frames[index].len() == 2);
    assert!(energy(&heard[24_000..]) < 30.0 * energy(&whole[24_000..]) + 1e9);
}

#[test]
fn any_bytes_are_decoded_within_bounds() {
    let mut dice = Dice(1);
    for run in 0..60 {
        let (mut decoder, mut pcm) = (Decoder::new(), [0; FRAME_SAMPLES]);
        for _ in 0..500 {
            let kind = dice.bits() % 16;
            let frame: [u8; 10] = std::array::from_fn(|_| dice.bits() as u8);
            match (run % 3, kind) {
                (1, 0..4) | (2, 0..8) => decoder.conceal(&mut pcm),
                (1, 4..6) | (2, 8..10) => decoder.decode(&frame[..2], &mut pcm).expect("a frame"),
                (1, 6) | (2, 10) => decoder.decode(&[], &mut pcm).expect("a frame"),
                _ => decoder.decode(&frame, &mut pcm).expect("a frame"),
            }
        }
        // Whatever it was fed with, it is no worse for speech.
        let frames = encode(&mut Encoder::new(false), &speech(1.0, 120.0, 12_000.0));
        let mut last = Vec::new();
        for frame in &frames {
            decoder.decode(frame, &mut pcm).expect("a frame");
            last.extend_from_slice(&pcm);
        }
        let fresh = heard_with_losses(&frames, |_| false);
        let level = energy(&last[4000..]) / energy(&fresh[4000..]);
        assert!((0.1..10.0).contains(&level), "run {run}: {level}");
    }
}

#[test]
fn one_frame_for_ever_stays_within_bounds() {
    let mut dice = Dice(99);
    for _ in 0..200 {
        let frame: [u8; 10] = std::array::from_fn(|_| dice.bits() as u8);
        let (mut decoder, mut pcm) = (Decoder::new(), [0; FRAME_SAMPLES]);
        for _ in 0..300 {
            decoder.decode(&frame, &mut pcm).expect("a frame");
        }
        // A NaN would be silence for ever.
        decoder.conceal(&mut pcm);
    }
}

#[test]
fn any_samples_are_encoded() {
    let mut dice = Dice(5);
    for run in 0..40 {
        let mut encoder = Encoder::new(run % 2 == 0);
        let said: Vec<i16> = (0..80 * 120)
            .map(|n| match run % 4 {
                0 => dice.bits() as i16,
                1 if n / 800 % 2 == 0 => dice.bits() as i16,
                2 => [i16::MIN, i16::MAX, 0, 1][usize::from(dice.bits() % 4)],
                _ => (dice.bits() as i16) >> (n / 960),
            })
            .collect();
        for frame in encode(&mut encoder, &said) {
            assert!([0, 2, 10].contains(&frame.len()));
        }
    }
}

#[test]
fn other_lengths_are_refused_and_change_nothing() {
    let frames = encode(&mut Encoder::new(false), &speech(0.5, 120.0, 12_000.0));
    let (mut one, mut other) = (Decoder::new(), Decoder::new());
    let (mut heard, mut expected) = ([0; FRAME_SAMPLES], [0; FRAME_SAMPLES]);
    for frame in &frames {
        assert_eq!(one.decode(&frame[..9], &mut heard), Err(BadFrame { length: 9 }));
        assert_eq!(one.decode(&[0; 11], &mut heard), Err(BadFrame { length: 11 }));
        one.decode(frame, &mut heard).expect("a frame");
        other.decode(frame, &mut expected).expect("a frame");
        assert_eq!(heard, expected);
    }
}

#[test]
fn a_call_that_hears_nothing_for_ever_falls_silent() {
    let frames = encode(&mut Encoder::new(false), &speech(1.0, 120.0, 12_000.0));
    let (mut decoder, mut pcm) = (Decoder::new(), [0; FRAME_SAMPLES]);
    for frame in &frames {
        decoder.decode(frame, &mut pcm).expect("a frame");
    }
    for _ in 0..3000 {
        decoder.conceal(&mut pcm);
    }
    assert_eq!(pcm, [0; FRAME_SAMPLES]);
}

#[test]
fn a_direction_takes_less_than_four_kilobytes() {
    assert!(size_of::<Encoder>() < 4096 && size_of::<Decoder>() < 4096);
}
