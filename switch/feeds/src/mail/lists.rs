//! The lists that notices of new prices name: of those that came by lately, else from the journal.

use std::collections::VecDeque;
use std::path::PathBuf;

use ledger::{Notice, NoticeEvent, RatesChange};
use store::Reader;

/// Lists kept: a list is told to all customers of a deck one after the other, and reloads bring some decks at
/// once.
const KEPT: usize = 16;

/// See the module.
#[derive(Default)]
pub(super) struct Lists {
    /// Folder of the journal, if it may be asked.
    journal: Option<PathBuf>,
    /// The newest last.
    kept: VecDeque<RatesChange>,
}

// === impl Lists ===

impl Lists {
    /// Of a journal in `folder`.
    pub(super) const fn in_journal(folder: PathBuf) -> Self {
        Self { journal: Some(folder), kept: VecDeque::new() }
    }

    /// A list came by.
    pub(super) fn keep(&mut self, list: &RatesChange) {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(list.clone());
    }

    /// The list that a notice with entry number `seq` names; the reference itself if there is none, which
    /// tells how long it is.
    pub(super) async fn named_by(
        &mut self,
        reference: &RatesChange,
        seq: u64,
    ) -> Result<RatesChange, String> {
        if let Some(list) = self.kept.iter().rev().find(|list| is_named(list, reference)) {
            return Ok(list.clone());
        }
        let Some(folder) = self.journal.clone() else { return Ok(reference.clone()) };
        let wanted = reference.clone();
        let read = tokio::task::spawn_blocking(move || {
            let list = |notice: &Notice| match &notice.event {
                NoticeEvent::RatesChange(list) if is_named(list, &wanted) => Some((**list).clone()),
                _ => None,
            };
            Reader::open(&folder)?.notice_of_node(seq, list)
        });
        let found = read.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        match found {
            Some(list) => {
                self.keep(&list);
                Ok(list)
            }
            None => {
                tracing::warn!(
                    deck = &*reference.deck,
                    version = &*reference.version,
                    "the list of new prices is not in the journal"
                );
                Ok(reference.clone())
            }
        }
    }
}

fn is_named(list: &RatesChange, reference: &RatesChange) -> bool {
    !list.shared && list.deck == reference.deck && list.version == reference.version
}
