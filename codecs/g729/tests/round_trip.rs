//! Encoder and decoder together: how near what is heard is to what was said.
#![forbid(unsafe_code)]

mod signal;

use g729::{Decoder, Encoder, FRAME_BYTES, FRAME_SAMPLES};
use signal::{decode, encode, energy, noise, segmental_snr_db, speech};

/// Samples that the encoder looks ahead.
const DELAY: usize = 40;

fn through(pcm: &[i16], vad: bool) -> Vec<i16> {
    decode(&mut Decoder::new(), &encode(&mut Encoder::new(vad), pcm))
}

/// What was said and what was heard of it, brought to the same time.
fn aligned<'a>(said: &'a [i16], heard: &'a [i16]) -> (&'a [i16], &'a [i16]) {
    let length = heard.len() - DELAY;
    (&said[..length], &heard[DELAY..])
}

#[test]
fn voices_keep_their_waveform() {
    let mut sum = 0.0;
    for pitch_hz in [80.0, 120.0, 180.0, 250.0] {
        for loudness in [1000.0, 8000.0, 30_000.0] {
            let said = speech(2.0, pitch_hz, loudness);
            let heard = through(&said, false);
            let (said, heard) = aligned(&said, &heard);
            let snr = segmental_snr_db(said, heard);
            assert!(snr > 1.0, "{pitch_hz} Hz at {loudness}: {snr:.1} dB");
            sum += snr / 12.0;
            let level = energy(heard) / energy(said);
            assert!((0.6..1.4).contains(&level), "{pitch_hz} Hz at {loudness}: {level:.2} of the energy");
        }
    }
    assert!(sum > 2.8, "{sum:.2} dB on the mean");
}

#[test]
fn spectra_are_kept() {
    // Energies of four bands, by the squares of a signal through resonators.
    let band = |pcm: &[i16], frequency: f32| -> f64 {
        let cosine = (2.0 * std::f32::consts::PI * frequency / 8000.0).cos();
        let (mut memory, mut sum) = ([0.0_f32; 2], 0.0);
        for &x in pcm {
            let y = f32::from(x) + 1.8 * cosine * memory[0] - 0.81 * memory[1];
            memory = [y, memory[0]];
            sum += f64::from(y * y);
        }
        10.0 * sum.log10()
    };
    // White noise loses 5 dB everywhere, as in other implementations: four pulses do not make it.
    for (said, lost_db) in [(speech(2.0, 110.0, 12_000.0), 0.5), (noise(1.0, 5000.0), 5.0)] {
        let heard = through(&said, false);
        let (said, heard) = aligned(&said, &heard);
        for frequency in [400.0, 1000.0, 1800.0, 2600.0, 3400.0] {
            let difference = band(heard, frequency) - band(said, frequency) + lost_db;
            assert!(difference.abs() < 2.0, "{frequency} Hz: {difference:.1} dB");
        }
    }
}

#[test]
fn digital_silence_stays_silent() {
    for vad in [false, true] {
        let heard = through(&[0; 80 * 100], vad);
        assert!(heard.iter().all(|x| x.abs() <= 2), "{:?}", heard.iter().max());
    }
}

#[test]
fn clipped_and_extreme_samples_stay_bounded_and_audible() {
    let square: Vec<i16> = (0..16_000).map(|n| if n / 37 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let alternating: Vec<i16> = (0..8000).map(|n| if n % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let clipped: Vec<i16> = speech(1.0, 140.0, 30_000.0).iter().map(|x| x.saturating_mul(6)).collect();
    for said in [square, alternating, vec![i16::MIN; 8000], clipped] {
        for vad in [false, true] {
            assert_eq!(through(&said, vad).len(), said.len());
        }
    }
    let said: Vec<i16> = speech(1.0, 140.0, 30_000.0).iter().map(|x| x.saturating_mul(2)).collect();
    let heard = through(&said, false);
    let (said, heard) = aligned(&said, &heard);
    let snr = segmental_snr_db(said, heard);
    assert!(snr > 2.5, "{snr:.1} dB");
}

#[test]
fn tones_neither_swell_nor_vanish() {
    for frequency in [350.0_f32, 425.0, 697.0, 1000.0, 1633.0, 2100.0, 3000.0] {
        let tone =
            |n: usize| (10_000.0 * (n as f32 * frequency * std::f32::consts::TAU / 8000.0).sin()) as i16;
        let said: Vec<i16> = (0..24_000).map(tone).collect();
        let heard = through(&said, false);
        for (second, (said, heard)) in said.chunks(8000).zip(heard.chunks(8000)).enumerate() {
            let level = energy(heard) / energy(said);
            assert!((0.3..2.0).contains(&level), "{frequency} Hz, second {second}: {level:.2} of the energy");
        }
    }
}

#[test]
fn the_same_sound_gives_the_same_frames() {
    let said = speech(1.0, 130.0, 9000.0);
    let (one, other) = (encode(&mut Encoder::new(true), &said), encode(&mut Encoder::new(true), &said));
    assert_eq!(one, other);
    assert_eq!(decode(&mut Decoder::new(), &one), decode(&mut Decoder::default(), &other));
}

#[test]
fn an_encoder_can_be_cloned_in_mid_call() {
    let said = speech(1.0, 130.0, 9000.0);
    let mut encoder = Encoder::new(true);
    encode(&mut encoder, &said[..4000]);
    let mut clone = encoder.clone();
    assert_eq!(encode(&mut encoder, &said[4000..]), encode(&mut clone, &said[4000..]));
}

#[test]
fn without_annex_b_every_frame_is_speech() {
    let mut encoder = Encoder::new(false);
    let mut bytes = [0; FRAME_BYTES];
    for _ in 0..200 {
        assert_eq!(encoder.encode(&[0; FRAME_SAMPLES], &mut bytes), FRAME_BYTES);
    }
}
