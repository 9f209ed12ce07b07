//! A deck given on the command line, CSV or workbook. Every wrong row is said with its place; then nothing is
//! done.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use config::{DeckSource, Diagnostic, PriceRules};
use rating::deck::{Draft, Rules};
use rating::{Deck, DeckError};
use units::{Currency, Name, Rounding};

/// Wrong rows that are printed; a wholly wrong file has as many as lines.
const ERRORS_SHOWN: usize = 1_000;

/// How to read a deck.
#[derive(clap::Args)]
pub(super) struct DeckAsk {
    /// Sheet of an .xlsx; as --config says, else its first
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Currency of the deck; as --config says of this file, else EUR
    #[arg(long, value_name = "CODE", value_parser = super::currency)]
    currency: Option<Currency>,
    /// Currency of the account, if it is another: converted by an [[exchange]] of --config
    #[arg(long, value_name = "CODE", value_parser = super::currency)]
    account_currency: Option<Currency>,
    /// How amounts are rounded: half-up, up, down; as --config says of this file, else half-up
    #[arg(long, value_name = "WORD", value_parser = rounding)]
    rounding: Option<Rounding>,
    /// Decimal places that rates keep, 5 to 10; as --config says of this file, else 5
    #[arg(long, value_name = "PLACES", value_parser = clap::value_parser!(u32).range(5..=10))]
    rate_places: Option<u32>,
}

/// What was said of a deck's file. What was not is as the configuration says of this file, or of the deck of
/// the file's name.
#[derive(Clone, Copy, Default)]
pub(super) struct Said<'a> {
    pub sheet: Option<&'a str>,
    pub currency: Option<Currency>,
    pub rounding: Option<Rounding>,
    pub rate_places: Option<u32>,
    /// The deck of the configuration that it is a version of.
    pub name: Option<&'a str>,
}

// === impl DeckAsk ===

impl DeckAsk {
    /// Of amounts by `deck`.
    pub(super) fn amounts(&self, deck: &Deck) -> Currency {
        self.account_currency.unwrap_or(deck.currency())
    }

    /// Loads all of `path`.
    pub(super) fn load(&self, path: &Path, config: Option<&PathBuf>) -> anyhow::Result<Deck> {
        let Self { currency, rounding, rate_places, .. } = *self;
        load(path, Said { sheet: self.sheet.as_deref(), currency, rounding, rate_places, name: None }, config)
    }
}

/// Periods and conversion rates of a configuration; none without one.
pub(super) fn price_rules(path: Option<&PathBuf>) -> anyhow::Result<PriceRules> {
    let Some(path) = path else { return Ok(PriceRules::default()) };
    config::load_price_rules(path).or_else(|findings| refused(path, &findings))
}

/// The decks of a configuration, their files unread.
pub(super) fn sources(path: &Path) -> anyhow::Result<Vec<DeckSource>> {
    config::deck_sources(path).or_else(|findings| refused(path, &findings))
}

/// The carriers of a configuration that have a deck, with its name.
pub(super) fn carrier_decks(path: &Path) -> anyhow::Result<Vec<(Name, Name)>> {
    config::carrier_decks(path).or_else(|findings| refused(path, &findings))
}

fn refused<T>(path: &Path, findings: &[Diagnostic]) -> anyhow::Result<T> {
    for finding in findings {
        eprintln!("{finding}");
    }
    bail!("{} error(s) in {}", findings.len(), path.display())
}

fn rounding(word: &str) -> Result<Rounding, String> {
    let all = [Rounding::HalfUp, Rounding::Up, Rounding::Down];
    all.into_iter()
        .find(|rounding| rounding.word() == word)
        .ok_or_else(|| "write half-up, up or down".to_owned())
}

/// Loads `path`, all rows or none. The deck has the name that the configuration gives it, else the file's
/// without its extension.
pub(super) fn load(path: &Path, said: Said<'_>, config: Option<&PathBuf>) -> anyhow::Result<Deck> {
    match draft(path, said, config)?.finish() {
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
pub(super) fn draft(path: &Path, said: Said<'_>, config: Option<&PathBuf>) -> anyhow::Result<Draft> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let known = match config {
        Some(config) => source(path, said.name.unwrap_or(&stem), said.name.is_some(), config)?,
        None => None,
    };
    let periods = price_rules(config)?.periods;
    let configured = known.as_ref().map(|known| known.rules.clone()).unwrap_or_default();
    let rules = Rules {
        rounding: said.rounding.unwrap_or(configured.rounding),
        rate_places: said.rate_places.unwrap_or(configured.rate_places),
        periods,
        ..configured
    };
    let currency = said.currency.or(known.as_ref().map(|known| known.currency)).unwrap_or(Currency::EUR);
    let sheet = said.sheet.or(known.as_ref().and_then(|known| known.sheet.as_deref()));
    let name = known.as_ref().map_or(stem.as_str(), |known| &*known.name);
    config::draft_deck(name, currency, &rules, path, sheet)
        .with_context(|| format!("cannot read the deck {}", path.display()))
}

/// The deck of the configuration that a file is, or is another version of.
fn source(path: &Path, name: &str, must_be: bool, config: &Path) -> anyhow::Result<Option<DeckSource>> {
    let all = sources(config)?;
    let whole = path.canonicalize().ok();
    let is_file =
        |source: &&DeckSource| !must_be && whole.is_some() && source.path.canonicalize().ok() == whole;
    let known = all.iter().find(is_file).or_else(|| all.iter().find(|source| &*source.name == name));
    if must_be && known.is_none() {
        bail!("{} has no deck {name:?}", config.display());
    }
    Ok(known.cloned())
}

pub(super) fn tell(path: &Path, kind: &str, findings: &[DeckError]) {
    for found in findings.iter().take(ERRORS_SHOWN) {
        eprintln!(
            "{}:{}:{}: {kind}{}",
            path.display(),
            found.line,
            found.column,
            super::plain(&found.message)
        );
    }
}
