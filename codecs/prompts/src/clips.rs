//! Sounds, and what of them was encoded already.

use std::sync::{Arc, OnceLock};

use codecs::Codec;
use units::Language;
use voice::EncoderSettings;
use voice::dtmf::{Digit, TonePair};
use voice::playback::Clip;
use voice::tones::{Cadence, Tone, ToneMaker, cadence};
use voice::wav::{Prompt as Wav, WavError};

use crate::built_in;
use crate::prompt::Prompt;

const LANGUAGES: usize = Language::ALL.len();
const PROMPTS: usize = Prompt::ALL.len();
const CODECS: usize = Codec::ALL.len();
const TONES: usize = 3;
/// A tone's clip is whole turns of its cadence and whole packets: of at most so many turns. Each is a
/// multiple of a millisecond, and a packet of 20 or 30 of them.
const TURNS_MAX: usize = 60;
/// The longest packet that every codec's clip is whole packets of, in samples: 60 ms.
const PACKET_SAMPLES: usize = 480;
/// Where the cadence never fits into whole packets, a clip that is cut after so many samples: 60 s.
const TONE_SAMPLES_MAX: usize = 480_000;

const DIGITS: usize = 16;
/// A keyed digit as tones, and the silence behind it, in samples: 120 ms each. Q.24 wants 40 of either.
const DIGIT_SAMPLES: usize = 960;

/// A beep, and whole packets of every codec: 240 ms of sound and as much silence.
const BEEP: Cadence = Cadence { frequencies: [1_400, 0], on_off_ms: &[(240, 240)] };
const BEEP_SAMPLES: usize = 3_840;

/// One encoding of one sound, made when it is first played. No more than one for each codec is ever made.
type Encodings = [OnceLock<Option<Arc<Clip>>>; CODECS];

/// The prompts and tones of a configuration.
#[derive(Debug)]
pub struct Prompts {
    sounds: [[Sound; PROMPTS]; LANGUAGES],
    country: &'static str,
    tones: [Encodings; TONES],
    recording: Encodings,
    digits: [Encodings; DIGITS],
}

#[derive(Debug, Default)]
struct Sound {
    /// In place of the one that is built in.
    own: Option<Box<[i16]>>,
    encodings: Encodings,
}

// === impl Prompts ===

impl Default for Prompts {
    fn default() -> Self {
        Self {
            sounds: Default::default(),
            country: "es",
            tones: Default::default(),
            recording: Encodings::default(),
            digits: Default::default(),
        }
    }
}

impl PartialEq for Prompts {
    fn eq(&self, other: &Self) -> bool {
        let own = |prompts: &'_ Self| -> Vec<Option<Box<[i16]>>> {
            prompts.sounds.iter().flatten().map(|sound| sound.own.clone()).collect()
        };
        self.country == other.country && own(self) == own(other)
    }
}

impl Eq for Prompts {}

impl Prompts {
    /// Those built in, with tones of this country, by its code of ISO 3166 in any letter case; none of a
    /// country whose tones are not known.
    pub fn of_country(code: &str) -> Option<Self> {
        let country = voice::tones::countries().find(|known| known.eq_ignore_ascii_case(code))?;
        Some(Self { country, ..Self::default() })
    }

    /// The countries whose tones are known.
    pub fn countries() -> impl Iterator<Item = &'static str> {
        voice::tones::countries()
    }

    /// Takes a WAV file in the place of a prompt that is built in.
    ///
    /// # Errors
    /// [`WavError`] if it is not linear, of 16 bits, 8,000 a second, one channel.
    pub fn replace(&mut self, language: Language, prompt: Prompt, file: &[u8]) -> Result<(), WavError> {
        let own = Wav::parse(file)?.samples().collect();
        let sound = &mut self.sounds[language as usize][prompt as usize];
        *sound = Sound { own: Some(own), encodings: Encodings::default() };
        Ok(())
    }

    /// A prompt in a codec, in packets of 20 ms (G.723.1: 30). The first call of each encodes it, which takes
    /// up to a fiftieth of its duration; none of a codec that is not available.
    pub fn prompt(&self, language: Language, prompt: Prompt, codec: Codec) -> Option<Arc<Clip>> {
        let sound = &self.sounds[language as usize][prompt as usize];
        let encode = || match &sound.own {
            Some(own) => Clip::encode(own.iter().copied(), EncoderSettings::new(codec)),
            None => {
                let wav = Wav::parse(built_in::file(language, prompt)).ok()?;
                Clip::encode(wav.samples(), EncoderSettings::new(codec))
            }
        };
        encoded(&sound.encodings, codec, encode)
    }

    /// A tone of the country in a codec, to be played over and over.
    pub fn tone(&self, tone: Tone, codec: Codec) -> Option<Arc<Clip>> {
        let cadence = cadence(self.country, tone)?;
        let encode = || {
            let turn: usize =
                cadence.on_off_ms.iter().map(|&(on, off)| (usize::from(on) + usize::from(off)) * 8).sum();
            let mut turns = 1..=TURNS_MAX;
            let whole = turns.find(|turns| (turn * turns).is_multiple_of(PACKET_SAMPLES));
            let count = (turn * whole.unwrap_or(TURNS_MAX)).min(TONE_SAMPLES_MAX);
            let mut samples = vec![0; count];
            ToneMaker::new(cadence).fill(&mut samples);
            Clip::encode(samples, EncoderSettings::new(codec))
        };
        encoded(&self.tones[tone as usize], codec, encode)
    }

    /// A keyed digit as its tones, in a codec, and a silence as long.
    pub fn digit(&self, digit: Digit, codec: Codec) -> Option<Arc<Clip>> {
        let encode = || {
            let (mut samples, mut tones) = (vec![0; 2 * DIGIT_SAMPLES], TonePair::of(digit));
            let (sound, silence) = samples.split_at_mut(DIGIT_SAMPLES);
            tones.fill(sound, true);
            tones.fill(silence, false);
            Clip::encode(samples, EncoderSettings::new(codec))
        };
        encoded(self.digits.get(usize::from(digit.code()))?, codec, encode)
    }

    /// What says to both sides that they are recorded, in a codec: the beep of 1,400 Hz that is known for it
    /// (47 CFR § 64.501).
    pub fn recording_tone(&self, codec: Codec) -> Option<Arc<Clip>> {
        let encode = || {
            let mut samples = vec![0; BEEP_SAMPLES];
            ToneMaker::new(BEEP).fill(&mut samples);
            Clip::encode(samples, EncoderSettings::new(codec))
        };
        encoded(&self.recording, codec, encode)
    }
}

fn encoded(encodings: &Encodings, codec: Codec, encode: impl FnOnce() -> Option<Clip>) -> Option<Arc<Clip>> {
    let place = Codec::ALL.into_iter().position(|known| known == codec)?;
    encodings[place].get_or_init(|| encode().map(Arc::new)).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use voice::wav::header;

    /// Milliseconds.
    fn lasts(clip: &Clip) -> u128 {
        clip.duration().as_millis()
    }

    #[test]
    fn every_prompt_is_there_in_every_language_and_short() {
        let prompts = Prompts::default();
        let mut bytes = 0;
        for language in Language::ALL {
            for prompt in Prompt::ALL {
                let file = built_in::file(language, prompt);
                bytes += file.len();
                let samples: Vec<i16> = Wav::parse(file).expect("a prompt").samples().collect();
                let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
                assert!((8_000..28_000).contains(&peak), "{language:?} {prompt:?}: {peak}");
                let clip = prompts.prompt(language, prompt, Codec::Pcma).expect("A-law");
                assert!((1_500..6_000).contains(&lasts(&clip)), "{language:?} {prompt:?}");
            }
        }
        assert!(bytes < 1_500_000, "{bytes}");
    }

    #[test]
    fn a_prompt_is_encoded_once_for_every_codec() {
        let prompts = Prompts::default();
        for codec in Codec::ALL {
            let clip = |prompts: &Prompts| prompts.prompt(Language::Nl, Prompt::NoCredit, codec);
            let first = clip(&prompts).expect("there is an encoder");
            assert_eq!(first.codec(), codec);
            assert!(Arc::ptr_eq(&first, &clip(&prompts).expect("the same")));
        }
    }

    #[test]
    fn a_file_stands_in_for_one_prompt_of_one_language() {
        let mut prompts = Prompts::default();
        let file = [&header(1, 3_200)[..], &[0; 3_200]].concat();
        prompts.replace(Language::Es, Prompt::LowBalance, &file).expect("200 ms");
        let lasts = |language, prompt| lasts(&prompts.prompt(language, prompt, Codec::Pcmu).expect("µ-law"));
        assert_eq!(lasts(Language::Es, Prompt::LowBalance), 200);
        assert!(lasts(Language::En, Prompt::LowBalance) > 1_000);
        assert!(lasts(Language::Es, Prompt::NoCredit) > 1_000);
        assert_ne!(prompts, Prompts::default());
        let stereo = [&header(2, 3_200)[..], &[0; 3_200]].concat();
        assert_eq!(prompts.replace(Language::Es, Prompt::LowBalance, &stereo), Err(WavError::Channels(2)));
    }

    #[test]
    fn a_tone_is_whole_turns_so_that_it_repeats_without_a_seam() {
        let mut whole = 0;
        for code in voice::tones::countries() {
            let prompts = Prompts::of_country(code).expect("a known one");
            for tone in [Tone::Ringback, Tone::Busy, Tone::Congestion] {
                let turn: u128 = cadence(code, tone)
                    .expect("a known one")
                    .on_off_ms
                    .iter()
                    .map(|&(on, off)| u128::from(on) + u128::from(off))
                    .sum();
                let lasts = lasts(&prompts.tone(tone, Codec::Pcma).expect("A-law"));
                // 60 ms are whole packets of every codec.
                whole += usize::from(lasts.is_multiple_of(turn) && lasts.is_multiple_of(60));
            }
        }
        assert_eq!(whole, voice::tones::countries().count() * 3);
        assert_eq!(Prompts::of_country("xx"), None);
        assert_eq!(Prompts::of_country("GB").map(|prompts| prompts.country), Some("gb"));
    }

    #[test]
    fn the_beep_of_a_recording_is_short_and_of_every_codec() {
        let prompts = Prompts::default();
        for codec in Codec::ALL {
            assert_eq!(lasts(&prompts.recording_tone(codec).expect("there is an encoder")), 480);
        }
    }

    #[test]
    fn languages_are_those_of_accounts() {
        let codes = Language::ALL.map(Language::code);
        assert_eq!(codes, ["en", "es", "ru", "vi", "it", "nl"]);
        assert_eq!(Language::of(Some("vi")), Language::Vi);
        assert_eq!(Language::of(Some("fr")), Language::En);
        assert_eq!(Language::of(None), Language::En);
    }
}
