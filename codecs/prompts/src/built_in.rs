//! The sounds that are built in, as `make.sh` made them.

use units::Language;

use crate::prompt::Prompt;

/// The WAV file of a prompt.
pub(crate) const fn file(language: Language, prompt: Prompt) -> &'static [u8] {
    match language {
        Language::En => match prompt {
            Prompt::LowBalance => include_bytes!("../sounds/en/low-balance.wav"),
            Prompt::NoCredit => include_bytes!("../sounds/en/no-credit.wav"),
            Prompt::NotInService => include_bytes!("../sounds/en/not-in-service.wav"),
            Prompt::TestCall => include_bytes!("../sounds/en/test-call.wav"),
        },
        Language::Es => match prompt {
            Prompt::LowBalance => include_bytes!("../sounds/es/low-balance.wav"),
            Prompt::NoCredit => include_bytes!("../sounds/es/no-credit.wav"),
            Prompt::NotInService => include_bytes!("../sounds/es/not-in-service.wav"),
            Prompt::TestCall => include_bytes!("../sounds/es/test-call.wav"),
        },
        Language::Ru => match prompt {
            Prompt::LowBalance => include_bytes!("../sounds/ru/low-balance.wav"),
            Prompt::NoCredit => include_bytes!("../sounds/ru/no-credit.wav"),
            Prompt::NotInService => include_bytes!("../sounds/ru/not-in-service.wav"),
            Prompt::TestCall => include_bytes!("../sounds/ru/test-call.wav"),
        },
        Language::Vi => match prompt {
            Prompt::LowBalance => include_bytes!("../sounds/vi/low-balance.wav"),
            Prompt::NoCredit => include_bytes!("../sounds/vi/no-credit.wav"),
            Prompt::NotInService => include_bytes!("../sounds/vi/not-in-service.wav"),
            Prompt::TestCall => include_bytes!("../sounds/vi/test-call.wav"),
        },
        Language::It => match prompt {
            Prompt::LowBalance => include_bytes!("../sounds/it/low-balance.wav"),
            Prompt::NoCredit => include_bytes!("../sounds/it/no-credit.wav"),
            Prompt::NotInService => include_bytes!("../sounds/it/not-in-service.wav"),
            Prompt::TestCall => include_bytes!("../sounds/it/test-call.wav"),
        },
        Language::Nl => match prompt {
            Prompt::LowBalance => include_bytes!("../sounds/nl/low-balance.wav"),
            Prompt::NoCredit => include_bytes!("../sounds/nl/no-credit.wav"),
            Prompt::NotInService => include_bytes!("../sounds/nl/not-in-service.wav"),
            Prompt::TestCall => include_bytes!("../sounds/nl/test-call.wav"),
        },
    }
}

#[cfg(test)]
mod tests {
    use voice::{FirstSound, RingbackDetector};

    use super::*;

    #[test]
    fn nothing_that_is_said_is_taken_for_ringback() {
        for (language, prompt) in Language::ALL.into_iter().flat_map(|l| Prompt::ALL.map(|p| (l, p))) {
            let said = voice::wav::Prompt::parse(file(language, prompt)).expect("a WAV");
            let samples: Vec<i16> = said.samples().collect();
            // Said from the start, or from the midst of a word.
            for from in [0, 3_000, 7_000] {
                let mut detector = RingbackDetector::new();
                let over_and_over = samples.iter().copied().cycle().skip(from).take(8_000 * 15);
                let heard = detector.hear(&over_and_over.collect::<Vec<_>>());
                assert_eq!(heard, Some(FirstSound::Other), "{language:?} {prompt:?}");
            }
        }
    }
}
