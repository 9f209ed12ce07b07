//! Ringback of every country, by every codec, in noise and from any moment on; and what is none.

use codecs::Codec;

use super::*;
use crate::dtmf::TonePair;
use crate::lpc::White;
use crate::sounds::vowels;
use crate::tones::{Cadence, Tone, ToneMaker, cadence, countries};
use crate::{Encoded, EncoderSettings, FRAME_SAMPLES_MAX, frames};

/// What a tone of a country sounds like for so long.
fn tone(cadence: Cadence, secs: usize) -> Vec<i16> {
    let mut sound = vec![0; secs * 8000];
    ToneMaker::new(cadence).fill(&mut sound);
    sound
}

fn rings(country: &str) -> Vec<i16> {
    tone(cadence(country, Tone::Ringback).expect("known"), 22)
}

/// Noise of so many dBm0 beside a sound.
fn with_noise(mut sound: Vec<i16>, level: f32) -> Vec<i16> {
    let (mut white, rms) = (White::new(9), AMPLITUDE_0_DBM0 / 2f32.sqrt() * 10f32.powf(level / 20.0));
    for sample in &mut sound {
        *sample = sample.saturating_add((white.next() * rms) as i16);
    }
    sound
}

/// What is left of a sound by a codec; one frame of so many is lost, 0: none.
fn coded(codec: Codec, sound: &[i16], lost: usize) -> Vec<i16> {
    let mut encoder = crate::encoder(EncoderSettings::new(codec)).expect("there is one");
    let mut decoder = crate::decoder(codec).expect("and its decoder");
    let mut decoded = Vec::new();
    for (n, frame) in sound.chunks_exact(encoder.frame_samples()).enumerate() {
        let (mut octets, mut samples) = ([0; 500], [0; FRAME_SAMPLES_MAX]);
        let Encoded::Speech(bytes) = encoder.encode(frame, &mut octets) else { continue };
        for frame in frames(codec, &octets[..bytes]).expect("a payload") {
            let some = &mut samples[..frame.samples];
            if lost > 0 && n % lost == lost / 2 {
                decoder.conceal(some);
            } else {
                decoder.decode(frame, some);
            }
            decoded.extend_from_slice(some);
        }
    }
    decoded
}

/// What the first sound is, and after how many milliseconds that was known.
fn heard(sound: &[i16]) -> (Option<FirstSound>, usize) {
    let mut detector = RingbackDetector::new();
    for (n, packet) in sound.chunks(160).enumerate() {
        if let Some(told) = detector.hear(packet) {
            return (Some(told), (n + 1) * 20);
        }
    }
    (None, sound.len() / 8)
}

#[track_caller]
fn is_ringback(sound: &[i16], what: &str) {
    let (told, after_ms) = heard(sound);
    assert_eq!(told, Some(FirstSound::Ringback), "{what}, after {after_ms} ms");
    assert!(after_ms <= 15_000, "{what}: {after_ms} ms");
}

#[track_caller]
fn is_other(sound: &[i16], within_ms: usize, what: &str) {
    let (told, after_ms) = heard(sound);
    assert_eq!(told, Some(FirstSound::Other), "{what}, after {after_ms} ms");
    assert!(after_ms <= within_ms, "{what}: {after_ms} ms");
}

#[test]
fn every_country_rings_whenever_it_is_answered() {
    assert_eq!(countries().count(), 19);
    for country in countries() {
        let rings = rings(country);
        // The answer comes at any moment of the cadence.
        for from_ms in (0..6_000).step_by(130) {
            is_ringback(&rings[from_ms * 8..], &format!("{country}, answered after {from_ms} ms"));
        }
    }
}

#[test]
fn every_country_rings_by_every_codec() {
    for country in countries() {
        // Some 13 s: the answer comes in the midst of a ring, or soon after it.
        let rings = &rings(country)[4_321..][..8_000 * 13];
        for codec in [Codec::Pcma, Codec::Pcmu, Codec::G729] {
            is_ringback(&coded(codec, rings, 0), &format!("{country} by {codec:?}"));
        }
        // G.729 needs longer than a ring to find a tone again that lost a frame.
        is_ringback(&coded(Codec::Pcma, rings, 50), &format!("{country} by A-law, 2 % lost"));
        if ["de", "gb", "us"].contains(&country) {
            for codec in [Codec::G723, Codec::Opus] {
                is_ringback(&coded(codec, rings, 0), &format!("{country} by {codec:?}"));
            }
        }
    }
}

#[test]
fn every_country_rings_in_noise_and_faintly() {
    for country in countries() {
        let rings = rings(country);
        for level in [-50.0, -30.0, -26.0] {
            let noisy = with_noise(rings.clone(), level);
            is_ringback(&noisy, &format!("{country}, noise of {level} dBm0"));
        }
        let by = coded(Codec::G729, &with_noise(rings[..8_000 * 13].to_vec(), -30.0), 0);
        is_ringback(&by, &format!("{country} in noise by G.729"));
        // 20 dB less than E.180 has it.
        let faint: Vec<i16> = rings.iter().map(|sample| sample / 10).collect();
        is_ringback(&coded(Codec::Pcma, &faint, 0), country);
    }
}

#[test]
fn other_tones_of_countries_are_none() {
    for country in countries() {
        for kind in [Tone::Busy, Tone::Congestion] {
            for from_ms in [0, 90, 333] {
                let sound = &tone(cadence(country, kind).expect("known"), 20)[from_ms * 8..];
                is_other(sound, 4_000, &format!("{country} {kind:?} from {from_ms} ms"));
            }
        }
    }
}

#[test]
fn vowels_and_syllables_are_none() {
    for voice in 0..40 {
        let sound = vowels(voice, 20);
        is_other(&sound, 15_000, &format!("voice {voice}"));
        let mut syllables = vec![0; 4_000 * voice as usize % 20_000];
        syllables.extend(sound.iter().enumerate().map(|(n, s)| if n / 1_600 % 3 == 2 { 0 } else { *s }));
        is_other(&syllables, 15_000, &format!("syllables of voice {voice}"));
        if voice % 8 == 0 {
            let by = coded(Codec::G729, &syllables[..8_000 * 15 + 200], 0);
            is_other(&by, 15_000, &format!("syllables of voice {voice} by G.729"));
        }
        // Two calls of a second with three seconds between.
        let cries: Vec<i16> =
            sound.iter().enumerate().map(|(n, s)| if n / 8_000 % 4 == 1 { *s } else { 0 }).collect();
        is_other(&cries, 15_000, &format!("cries of voice {voice}"));
    }
}

#[test]
fn a_beep_a_dial_tone_fax_digits_noise_and_silence_are_none() {
    let single = |hz: f32, on_ms: usize| {
        let mut sound = vec![0; 8_000 * 20];
        TonePair::new([hz, 0.0], [-10.0, 0.0]).fill(&mut sound[8_000..][..on_ms * 8], true);
        sound
    };
    for hz in [400.0, 425.0, 440.0, 480.0] {
        is_other(&single(hz, 1_000), 15_000, "a voicemail's beep");
        is_other(&single(hz, 15_000), 5_000, "a dial tone");
    }
    for (hz, what) in [(1_000.0, "beep"), (1_100.0, "CNG"), (2_100.0, "CED"), (350.0, "low"), (520.0, "high")]
    {
        for on_ms in [500, 3_000] {
            let mut sound = single(hz, on_ms);
            TonePair::new([hz, 0.0], [-10.0, 0.0]).fill(&mut sound[8_000 * 8..][..on_ms * 8], true);
            is_other(&sound, 1_500, what);
        }
    }
    let mut keys = vec![0; 8_000 * 20];
    for n in [1, 4, 7] {
        TonePair::new([697.0, 1_209.0], [-10.0; 2]).fill(&mut keys[8_000 * n..][..4_000], true);
    }
    is_other(&keys, 1_500, "digits");
    is_other(&vec![0; 8_000 * 20], 15_000, "silence");
    is_other(&with_noise(vec![0; 8_000 * 20], -25.0), 15_000, "noise");
}

/// Notes of a scale, and one and the same note at different lengths.
#[test]
fn music_is_none() {
    let mut music = vec![0; 8_000 * 20];
    for (n, hz) in [392.0, 440.0, 494.0, 440.0, 392.0, 440.0].into_iter().enumerate() {
        let at = 8_000 + n * 24_000;
        TonePair::new([hz, hz * 2.0], [-12.0, -14.0]).fill(&mut music[at..at + 8_000], true);
    }
    is_other(&music, 3_000, "notes with overtones");
    let mut pure = vec![0; 8_000 * 20];
    for (n, hz) in [392.0, 440.0, 392.0, 440.0].into_iter().enumerate() {
        TonePair::new([hz, 0.0], [-12.0, 0.0]).fill(&mut pure[8_000 + n * 24_000..][..8_000], true);
    }
    is_other(&pure, 6_000, "pure notes of different height");
    let mut lengths = vec![0; 8_000 * 20];
    for (n, ms) in [1_000, 1_500, 700].into_iter().enumerate() {
        TonePair::new([440.0, 0.0], [-12.0, 0.0]).fill(&mut lengths[8_000 + n * 32_000..][..ms * 8], true);
    }
    is_other(&lengths, 8_000, "notes of different length");
}

#[test]
fn who_speaks_after_one_ring_did_answer() {
    let mut sound = rings("de")[..8_000 * 3].to_vec();
    sound.extend(vowels(7, 15));
    is_other(&sound, 8_000, "a ring, then a voice");
}

/// Whatever comes, it ends.
#[test]
fn samples_at_their_limits_are_heard_to_the_end() {
    for extreme in [[i16::MIN; 160], [i16::MAX; 160]] {
        let sound: Vec<i16> = std::iter::repeat_n(extreme, 1_000).flatten().collect();
        is_other(&sound, 15_000, "a constant");
        let square: Vec<i16> =
            (0..160_000).map(|n| if n / 9 % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
        assert_eq!(heard(&square).0, Some(FirstSound::Other));
    }
}
