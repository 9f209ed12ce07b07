//! The decks of a configuration are kept before it comes into force.

use config::Settings;

use crate::deck_archive::DeckArchive;
use crate::run::clock::Clock;

/// Decks are proof of what calls are billed by: none comes into force before it is on the disk.
pub(crate) fn keep(deck_archive: &DeckArchive, settings: &Settings, clock: &Clock) -> anyhow::Result<()> {
    settings.decks.iter().try_for_each(|deck| deck_archive.keep(deck, clock.now().wall))
}

pub(crate) fn not_kept(path: &std::path::Path, error: &anyhow::Error) -> config::Diagnostic {
    let message = format!("{error:#}: a deck that cannot be kept does not come into force");
    config::Diagnostic {
        file: path.to_string_lossy().into(),
        line: 1,
        column: 1,
        severity: config::Severity::Error,
        message,
    }
}
