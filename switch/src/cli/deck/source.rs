//! Where a deck comes from: a file, the running node, or a version that a node had once.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use rating::{Deck, price};
use units::Currency;
use web::DeckDoc;

use crate::cli::client::{Client, segment};
use crate::cli::deck_file::DeckAsk;
use crate::deck_archive::{DeckArchive, rules};

/// A version that a node had in force, from its data folder; the node need not run.
#[derive(clap::Args)]
#[group(id = "kept", requires_all = ["deck_version", "data"])]
pub(crate) struct KeptVersion {
    /// Version that a node had in force once, 16 hex digits
    #[arg(long, value_name = "HASH", requires = "data")]
    deck_version: Option<String>,
    /// The node's data folder
    #[arg(long, value_name = "DIR", requires = "deck_version")]
    data: Option<PathBuf>,
}

// === impl KeptVersion ===

impl KeptVersion {
    /// The deck, if one was asked for.
    pub(crate) fn load(&self) -> anyhow::Result<Option<Deck>> {
        let (Some(version), Some(data)) = (&self.deck_version, &self.data) else { return Ok(None) };
        if !data.is_dir() {
            bail!("no data folder {}", data.display());
        }
        DeckArchive::in_data(data).find(version).map(Some)
    }

    /// The deck that was asked for, kept or in a file; none if neither was.
    pub(in crate::cli) fn deck(
        &self,
        file: Option<&Path>,
        how: &DeckAsk,
        config: Option<&PathBuf>,
    ) -> anyhow::Result<Option<Deck>> {
        match file {
            Some(file) => how.load(file, config).map(Some),
            None => self.load(),
        }
    }
}

/// The deck that the node has loaded under a name, with its own periods and rounding.
pub(super) fn loaded(client: &Client, name: &str) -> anyhow::Result<Option<Deck>> {
    let all: Vec<DeckDoc> = client.read_all("/decks")?;
    let Some(document) = all.into_iter().find(|deck| deck.name == name) else { return Ok(None) };
    let csv = client.read_bytes(&format!("/decks/{}", segment(name)))?;
    let currency: Currency =
        document.currency.parse().context("the node answers with an unknown currency")?;
    let rules = rules(document.rounding, &document.periods)?;
    let loaded = Deck::load_by(name, currency, &rules, &csv[..]);
    let (deck, _) = loaded.map_err(|errors| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        anyhow!("the deck {name} of the node does not load here: {first}")
    })?;
    if *price::version_text(deck.version()) != *document.version {
        bail!(
            "the deck {name} of the node came otherwise than it is there: try again, it may have been reloaded"
        );
    }
    Ok(Some(deck))
}
