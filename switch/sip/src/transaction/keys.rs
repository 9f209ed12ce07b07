//! Finds server transactions by their keys. The table holds slots only, the keys stand in the transactions:
//! five bytes a key. Invariant: a key is in the table exactly as long as its transaction is in the slab.

use hashbrown::HashTable;

use super::matching::{Key, NO_KEY};
use super::server_state::Server;
use units::slab::Slab;

/// Server transactions by transaction key and by merge key.
#[derive(Debug, Default)]
pub(super) struct Keys(HashTable<Entry>);

/// A slot, and which of its transaction's two keys leads to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry(u32);

// === impl Entry ===

impl Entry {
    const fn of_key(slot: u32) -> Self {
        Self(slot << 1)
    }

    const fn of_merge(slot: u32) -> Self {
        Self(slot << 1 | 1)
    }

    const fn slot(self) -> u32 {
        self.0 >> 1
    }

    fn key(self, servers: &Slab<Server>) -> Key {
        servers
            .at(self.slot())
            .map_or(NO_KEY, |server| if self.0 & 1 == 0 { server.key } else { server.merge })
    }
}

// === impl Keys ===

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The slot that a key leads to.
    pub(super) fn slot(&self, key: Key, servers: &Slab<Server>) -> Option<u32> {
        self.0.find(key.hash(), |entry| entry.key(servers) == key).map(|entry| entry.slot())
    }

    /// Enters the keys of the transaction in a slot, one or two.
    pub(super) fn enter(&mut self, slot: u32, servers: &Slab<Server>) {
        for entry in [Entry::of_key(slot), Entry::of_merge(slot)] {
            let key = entry.key(servers);
            if key != NO_KEY {
                self.0.insert_unique(key.hash(), entry, |entry| entry.key(servers).hash());
            }
        }
    }

    /// Strikes the keys of the transaction in a slot, which is still there.
    pub(super) fn strike(&mut self, slot: u32, servers: &Slab<Server>) {
        for entry in [Entry::of_key(slot), Entry::of_merge(slot)] {
            if let Ok(found) = self.0.find_entry(entry.key(servers).hash(), |other| *other == entry) {
                found.remove();
            }
        }
    }
}
