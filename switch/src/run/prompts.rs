//! What calls are going to hear is encoded beside them, before the first of them needs it.

use std::sync::Arc;
use std::thread::Builder;

use codecs::CodecSet;
use config::Settings;
use prompts::{Language, Prompt, Tone};

/// Behind all threads of ordinary priority.
const NICE: i32 = 10;

/// Encodes on a thread of its own: for the codecs of gates and carriers, in the languages of the file's
/// accounts. What else is played is encoded by the first call that needs it.
pub(crate) fn encode_ahead(settings: &Settings) {
    let media = &settings.media;
    let mut wanted = Vec::new();
    if settings.relays() && media.warning_secs > 0 {
        wanted.push(Prompt::LowBalance);
    }
    if media.announcements {
        wanted.extend([Prompt::NoCredit, Prompt::NotInService]);
    }
    let mut tones = Vec::new();
    if media.announcements {
        tones.extend([Tone::Busy, Tone::Congestion]);
    }
    // Else only who rings several contacts of a SIP account needs it, hardly ever.
    if settings.relays() && settings.carriers.iter().any(|carrier| carrier.hunt_after_early_media) {
        tones.push(Tone::Ringback);
    }
    if wanted.is_empty() && tones.is_empty() {
        return;
    }
    let gates = settings.gates.iter().map(|gate| gate.codecs);
    let carriers = settings.carriers.iter().map(|carrier| carrier.codecs);
    let codecs = gates.chain(carriers).fold(CodecSet::EMPTY, |all, codecs| all | codecs);
    let of = |account: &config::AccountSettings| Language::of(account.terms.language.as_deref());
    let languages: Vec<Language> = settings.accounts.iter().map(of).collect();
    let prompts = Arc::clone(&media.prompts);
    let spawned = Builder::new().name("prompts".to_owned()).spawn(move || {
        // Without it the calls are only a little slower.
        let _is_lower = net::nice_thread(NICE);
        for codec in codecs.iter() {
            for language in Language::ALL.into_iter().filter(|language| languages.contains(language)) {
                for prompt in &wanted {
                    prompts.prompt(language, *prompt, codec);
                }
            }
            for tone in &tones {
                prompts.tone(*tone, codec);
            }
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "prompts are encoded by the calls that need them first");
    }
}
