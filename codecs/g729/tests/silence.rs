//! Annex B: silences are found, described, left out, and heard as noise of the same level.
#![forbid(unsafe_code)]

mod signal;

use g729::{Decoder, Encoder};
use signal::{decode, encode, energy, noise, speech};

/// Speech of two seconds, the same noise under and behind it.
fn conversation(amplitude: f32) -> Vec<i16> {
    let talk = [speech(2.0, 120.0, 12_000.0), vec![0; 24_000], speech(2.0, 190.0, 12_000.0)].concat();
    let noise = noise(talk.len() as f32 / 8000.0 + 0.1, amplitude);
    talk.iter().zip(noise).map(|(x, noise)| x.saturating_add(noise)).collect()
}

fn mean_square(pcm: &[i16]) -> f64 {
    energy(pcm) / pcm.len() as f64
}

#[test]
fn pauses_cost_next_to_nothing_and_sound_like_the_line() {
    for amplitude in [30.0, 100.0, 300.0] {
        let said = conversation(amplitude);
        let frames = encode(&mut Encoder::new(true), &said);
        let pause = &frames[230..490];
        let speech = pause.iter().filter(|frame| frame.len() == 10).count();
        let described = pause.iter().filter(|frame| frame.len() == 2).count();
        assert!(speech < 20, "{amplitude}: {speech} frames of speech in the pause");
        assert!((1..60).contains(&described), "{amplitude}: {described} descriptors");
        let talk = frames[..200].iter().chain(&frames[510..]).filter(|frame| frame.len() == 10).count();
        assert!(talk > 300, "{amplitude}: {talk} of 390 frames are speech");

        let heard = decode(&mut Decoder::new(), &frames);
        let level = 10.0 * (mean_square(&heard[20_000..38_000]) / mean_square(&said[20_000..38_000])).log10();
        assert!((-10.0..3.0).contains(&level), "{amplitude}: the noise is heard {level:.1} dB louder");
    }
}

#[test]
fn descriptors_are_three_frames_apart_at_least() {
    let frames = encode(&mut Encoder::new(true), &conversation(300.0));
    let mut since_descriptor = 3;
    for frame in &frames {
        match frame.len() {
            2 => {
                assert!(since_descriptor >= 3, "{since_descriptor}");
                since_descriptor = 1;
            }
            0 => since_descriptor += 1,
            _ => since_descriptor = 3,
        }
    }
}

#[test]
fn a_silence_begins_with_a_descriptor() {
    let frames = encode(&mut Encoder::new(true), &conversation(60.0));
    let mut before = 10;
    let mut silences = 0;
    for frame in &frames {
        if before == 10 && frame.len() != 10 {
            assert_eq!(frame.len(), 2);
            silences += 1;
        }
        before = frame.len();
    }
    assert!(silences >= 1);
}

#[test]
fn noise_that_grows_is_described_anew() {
    let said = [noise(3.0, 60.0), noise(3.0, 240.0)].concat();
    let frames = encode(&mut Encoder::new(true), &said);
    let heard = decode(&mut Decoder::new(), &frames);
    let ratio = mean_square(&heard[40_000..]) / mean_square(&heard[16_000..24_000]);
    // Four times the amplitude: 12 dB.
    assert!((5.0..40.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_decoder_without_any_frame_yet_plays_nothing_loud() {
    let mut decoder = Decoder::new();
    let heard = decode(&mut decoder, &vec![Vec::new(); 100]);
    assert!(heard.iter().all(|x| x.abs() < 20), "{:?}", heard.iter().max());
}

#[test]
fn both_ends_agree_when_speech_begins_again() {
    // The decoder's past is what the encoder believes, or the first syllable after a silence would suffer.
    let said = conversation(30.0);
    let frames = encode(&mut Encoder::new(true), &said);
    let heard = decode(&mut Decoder::new(), &frames);
    let plain = decode(&mut Decoder::new(), &encode(&mut Encoder::new(false), &said));
    let (from, to) = (40_400, 55_000);
    let snr = |heard: &[i16]| signal::segmental_snr_db(&said[from..to], &heard[from + 40..to + 40]);
    assert!(snr(&heard) > snr(&plain) - 1.0, "{:.1} {:.1}", snr(&heard), snr(&plain));
}
