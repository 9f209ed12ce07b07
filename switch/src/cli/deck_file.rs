//! A deck given on the command line. Every wrong row is said with its place; then nothing is done.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, bail};
use rating::Deck;
use units::Currency;

/// Wrong rows that are printed; a wholly wrong file has as many as lines.
const ERRORS_SHOWN: usize = 1_000;

/// Loads `path`; its name is the file's without the extension.
pub(super) fn load(path: &Path, currency: Currency) -> anyhow::Result<Deck> {
    let file = File::open(path).with_context(|| format!("cannot read the deck {}", path.display()))?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    match Deck::load(&name, currency, BufReader::new(file)) {
        Ok((deck, warnings)) => {
            for warning in warnings.iter().take(ERRORS_SHOWN) {
                eprintln!("{}:{}:{}: warning: {}", path.display(), warning.line, warning.column, warning.message);
            }
            Ok(deck)
        }
        Err(errors) => {
            for error in errors.iter().take(ERRORS_SHOWN) {
                eprintln!("{}:{error}", path.display());
            }
            bail!("{} wrong row(s) in {}: nothing was loaded", errors.len(), path.display());
        }
    }
}
