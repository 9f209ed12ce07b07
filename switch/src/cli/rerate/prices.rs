//! By what records are priced anew, as it was asked for.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rating::rerate::Repricing;
use rating::{Deck, price};

use super::ask::Ask;
use crate::cli::deck_file;

/// Other prices, and their names for people.
pub(super) struct Prices {
    pub by: Repricing,
    /// The deck and its version, if it is one.
    pub deck: Option<(String, String)>,
}

// === impl Prices ===

impl Prices {
    /// Nothing was asked: every record by its own prices.
    pub(super) fn of(ask: &Ask) -> anyhow::Result<Self> {
        let exchanges = deck_file::price_rules(ask.reach.config())?.exchanges;
        let deck = ask.kept.deck(ask.deck.as_deref(), &ask.how, ask.reach.config())?.map(Arc::new);
        let named =
            |deck: &Arc<Deck>| (deck.name().to_string(), price::version_text(deck.version()).to_string());
        let shown = deck.as_ref().map(named);
        let mut by = match (deck, &ask.billed_by) {
            (Some(deck), Some(name)) => Repricing::named(name.as_str().into(), deck, exchanges),
            (Some(deck), None) => Repricing::callers(deck, exchanges),
            (None, _) if ask.decks => Repricing::all(configured(ask)?, exchanges),
            (None, _) => Repricing::again(),
        };
        if ask.decks {
            carriers(ask, &mut by)?;
        }
        for asked in &ask.carrier_deck {
            let (name, file) = asked
                .split_once('=')
                .with_context(|| format!("--carrier-deck {asked:?}: write NAME=FILE"))?;
            by.with_carrier(name.into(), Arc::new(ask.how.load(Path::new(file), ask.reach.config())?));
        }
        Ok(Self { by, deck: shown })
    }
}

/// Every deck of the configuration.
fn configured(ask: &Ask) -> anyhow::Result<Vec<Arc<Deck>>> {
    let Some(config) = ask.reach.config() else {
        bail!("name the configuration whose decks are meant with --config")
    };
    let load = |source: config::DeckSource| {
        let said = deck_file::Said { name: Some(&source.name), ..deck_file::Said::default() };
        deck_file::load(&source.path, said, Some(config)).map(Arc::new)
    };
    deck_file::sources(config)?.into_iter().map(load).collect()
}

/// Every carrier of the configuration that has a deck there.
fn carriers(ask: &Ask, by: &mut Repricing) -> anyhow::Result<()> {
    let Some(config) = ask.reach.config() else { return Ok(()) };
    for (carrier, deck) in deck_file::carrier_decks(config)? {
        if let Some(deck) = by.deck(&deck).cloned() {
            by.with_carrier(carrier, deck);
        }
    }
    Ok(())
}
