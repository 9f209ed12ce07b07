//! A deck given on the command line, CSV or workbook. Every wrong row is said with its place; then nothing is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use config::PriceRules;
use rating::deck::{Draft, Rules};
use rating::{Deck, DeckError};
use units::{Currency, Rounding};

/// Wrong rows that are printed; a wholly wrong file has as many as lines.
const ERRORS_SHOWN: usize = 1_000;

/// How to read a deck.
#[derive(clap::Args)]
pub(super) struct DeckAsk {
    /// Sheet of an .xlsx; its first if absent
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Currency of the deck
    #[arg(long, value_name = "CODE", default_value = "EUR")]
    pub(super) currency: Currency,
    /// Currency of the account, if it is another: converted by an [[exchange]] of --config
    #[arg(long, value_name = "CODE")]
    account_currency: Option<Currency>,
    /// How amounts are rounded: half-up, up, down
    #[arg(long, value_name = "WORD", default_value = "half-up", value_parser = rounding)]
    rounding: Rounding,
}

// === impl DeckAsk ===

impl DeckAsk {
    /// Of amounts.
    pub(super) fn amounts(&self) -> Currency {
        self.account_currency.unwrap_or(self.currency)
    }

    /// Loads all of `path`; its name is the file's without the extension.
    pub(super) fn load(&self, path: &Path, rules: &PriceRules) -> anyhow::Result<Deck> {
        let rules = Rules { rounding: self.rounding, periods: Arc::clone(&rules.periods) };
        load(path, self.currency, &rules, self.sheet.as_deref())
    }
}

/// Periods and conversion rates of a configuration; none without one.
pub(super) fn price_rules(path: Option<&PathBuf>) -> anyhow::Result<PriceRules> {
    let Some(path) = path else { return Ok(PriceRules::default()) };
    config::load_price_rules(path).or_else(|findings| {
        for finding in &findings {
            eprintln!("{finding}");
        }
        bail!("{} error(s) in {}", findings.len(), path.display())
    })
}

fn rounding(word: &str) -> Result<Rounding, String> {
    let all = [Rounding::HalfUp, Rounding::Up, Rounding::Down];
    all.into_iter().find(|rounding| rounding.word() == word).ok_or_else(|| "write half-up, up or down".to_owned())
}

/// Loads `path`, all rows or none.
pub(super) fn load(path: &Path, currency: Currency, rules: &Rules, sheet: Option<&str>) -> anyhow::Result<Deck> {
    match draft(path, currency, rules, sheet)?.finish() {
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
pub(super) fn draft(path: &Path, currency: Currency, rules: &Rules, sheet: Option<&str>) -> anyhow::Result<Draft> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    config::draft_deck(&name, currency, rules, path, sheet).with_context(|| format!("cannot read the deck {}", path.display()))
}

/// The parts of the week that a configuration defines; none without one.
pub(super) fn rules(config: Option<&PathBuf>) -> anyhow::Result<Rules> {
    Ok(Rules { periods: price_rules(config)?.periods, ..Rules::default() })
}

pub(super) fn tell(path: &Path, kind: &str, findings: &[DeckError]) {
    for found in findings.iter().take(ERRORS_SHOWN) {
        eprintln!("{}:{}:{}: {kind}{}", path.display(), found.line, found.column, super::plain(&found.message));
    }
}
