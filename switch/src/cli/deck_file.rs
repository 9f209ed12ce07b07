//! A deck given on the command line, CSV or workbook. Every wrong row is said with its place; then nothing is done.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rating::deck::{Draft, Rules};
use rating::{Deck, DeckError};
use units::Currency;

/// Wrong rows that are printed; a wholly wrong file has as many as lines.
const ERRORS_SHOWN: usize = 1_000;

/// Which deck.
#[derive(clap::Args)]
pub(crate) struct DeckFile {
    /// Deck: CSV with a header, or .xlsx
    #[arg(long = "deck", value_name = "FILE")]
    pub path: PathBuf,
    /// Sheet of an .xlsx; its first if absent
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// Currency of the deck
    #[arg(long, value_name = "CODE", default_value = "EUR")]
    pub currency: Currency,
}

// === impl DeckFile ===

impl DeckFile {
    /// Loads it all; its name is the file's without the extension.
    pub(super) fn load(&self) -> anyhow::Result<Deck> {
        load(&self.path, self.currency, self.sheet.as_deref())
    }
}

/// Loads `path`, all rows or none.
pub(super) fn load(path: &Path, currency: Currency, sheet: Option<&str>) -> anyhow::Result<Deck> {
    match draft(path, currency, sheet)?.finish() {
        Ok((deck, warnings)) => {
            tell(path, "warning: ", &warnings);
            Ok(deck)
        }
        Err(errors) => {
            tell(path, "", &errors);
            bail!("{} wrong row(s) in {}: nothing was loaded", errors.len(), path.display());
        }
    }
}

/// Reads `path` as far as it is right.
pub(super) fn draft(path: &Path, currency: Currency, sheet: Option<&str>) -> anyhow::Result<Draft> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    config::draft_deck(&name, currency, &Rules::default(), path, sheet).with_context(|| format!("cannot read the deck {}", path.display()))
}

pub(super) fn tell(path: &Path, kind: &str, findings: &[DeckError]) {
    for found in findings.iter().take(ERRORS_SHOWN) {
        eprintln!("{}:{}:{}: {kind}{}", path.display(), found.line, found.column, super::plain(&found.message));
    }
}
