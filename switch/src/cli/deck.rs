//! `tollgate deck`: price lists as an operator handles them: what a new version changes, and a deck as a file
//! again.

mod compare;
mod export;
mod rules;
mod source;
mod workbook;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rating::deck::Draft;
use units::{Currency, Wall};

use super::client::Reach;
use super::deck_file::{self, Said};
use super::{instant, plain, print_json, stdout};
use crate::deck_archive::{DeckArchive, Kept};
use compare::{Comparison, Known, Shown};

pub(crate) use source::KeptVersion;

/// What can be done with decks.
#[derive(clap::Subcommand)]
pub(crate) enum Ask {
    /// What a new version changes: rows, prices in per cent, and from when on; exit 1 if it would not load
    Diff(DiffAsk),
    /// What the decks of a configuration would change in the running node; exit 1 if one would not load
    Preview {
        #[command(flatten)]
        reach: Reach,
        /// Only the deck of this name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// When they would be loaded, RFC 3339; now if absent
        #[arg(long, value_name = "RFC3339")]
        at: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Every version that a node ever had in force, with the time at which it came
    Versions {
        /// The node's data folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// A deck as a file that loads to the same version
    Export(export::Ask),
}

/// Arguments of `deck diff`.
#[derive(clap::Args)]
pub(crate) struct DiffAsk {
    /// The version before, CSV or .xlsx; with --data also 16 hex digits of a version that the node kept
    old: PathBuf,
    /// The new one
    new: PathBuf,
    /// Sheet of the new one, if it is an .xlsx; as --config says, else its first
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Sheet of the version before
    #[arg(long, value_name = "NAME")]
    old_sheet: Option<String>,
    /// Currency of both; as --config says, else EUR
    #[arg(long, value_name = "CODE", value_parser = super::currency)]
    currency: Option<Currency>,
    /// When the new version would be loaded, RFC 3339; now if absent
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// Configuration, for its [[period]]s and for currency and rounding of the deck
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Its deck that both are versions of; that of the file or of its name if absent
    #[arg(long, value_name = "NAME", requires = "config")]
    name: Option<String>,
    /// Data folder of the node that kept versions
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    shown: Shown,
}

/// Does what was asked.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match ask {
        Ask::Diff(ask) => diff(ask),
        Ask::Preview { reach, name, at, shown } => {
            preview(reach, name.as_deref(), instant(at.as_deref())?, shown)
        }
        Ask::Versions { data, json } => versions(data, *json),
        Ask::Export(ask) => export::run(ask),
    }
}

fn diff(ask: &DiffAsk) -> anyhow::Result<ExitCode> {
    let (old, new) = (ask.old.as_path(), ask.new.as_path());
    let before = side(ask, old, ask.old_sheet.as_deref())?;
    if !before.errors.is_empty() {
        deck_file::tell(old, "", &before.errors);
        bail!("{} has {} wrong row(s): there is nothing to compare with", old.display(), before.errors.len());
    }
    let after = side(ask, new, ask.sheet.as_deref())?;
    let comparison = Comparison::of(
        Known { deck: &before.deck, lines: &before.lines },
        &after,
        new,
        instant(ask.at.as_deref())?,
    );
    compare::print(&[comparison], &ask.shown)
}

/// A file, or a version that was kept.
fn side(ask: &DiffAsk, path: &Path, sheet: Option<&str>) -> anyhow::Result<Draft> {
    let version = path
        .to_str()
        .filter(|text| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()) && !path.exists());
    if let (Some(data), Some(version)) = (&ask.data, version) {
        return Ok(Draft::whole(DeckArchive::in_data(data).find(version)?));
    }
    let said = Said { sheet, currency: ask.currency, name: ask.name.as_deref(), ..Said::default() };
    deck_file::draft(path, said, ask.config.as_ref())
}

fn preview(reach: &Reach, only: Option<&str>, at: Wall, shown: &Shown) -> anyhow::Result<ExitCode> {
    let Some(config) = reach.config() else { bail!("name the configuration to preview with --config") };
    let sources = deck_file::sources(config)?;
    let client = reach.client()?;
    let mut comparisons = Vec::new();
    for source in sources.iter().filter(|source| only.is_none_or(|only| only == &*source.name)) {
        let draft = config::draft_deck(
            &source.name,
            source.currency,
            &source.rules,
            &source.path,
            source.sheet.as_deref(),
        );
        let draft = draft.with_context(|| format!("cannot read the deck {}", source.path.display()))?;
        // A deck that the node does not have is all new.
        let before = match source::loaded(&client, &source.name)? {
            Some(deck) => deck,
            None => Draft::read(&source.name, source.currency, &source.rules, &b""[..]).deck,
        };
        comparisons.push(Comparison::of(Known { deck: &before, lines: &[] }, &draft, &source.path, at));
    }
    if comparisons.is_empty() {
        bail!("{} has no such deck", config.display());
    }
    compare::print(&comparisons, shown)
}

fn versions(data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    if !data.is_dir() {
        bail!("no data folder {}", data.display());
    }
    let deck_archive = DeckArchive::in_data(data);
    let mut all = Vec::new();
    for name in deck_archive.names()? {
        all.extend(deck_archive.history(&name)?.into_iter().map(|kept| (name.clone(), kept)));
    }
    if json {
        let document = |(name, kept): &(String, Kept)| {
            serde_json::json!({
                "deck": name, "version": kept.version, "since": kept.at.rfc3339(), "currency": kept.currency.as_str(), "rows": kept.rows,
            })
        };
        print_json(&all.iter().map(document).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = stdout();
    for (name, kept) in &all {
        writeln!(
            out,
            "{}  {}  {}  {} rows  {}",
            kept.at.rfc3339(),
            kept.version,
            kept.currency,
            kept.rows,
            plain(name)
        )?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
