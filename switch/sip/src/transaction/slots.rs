//! A slab whose slots count their uses, in chunks that never move: growth copies nothing.
//! Invariant: an id of a slot that was freed finds nothing, even when the slot is used again.

use crate::token::GENERATION_MASK;

const CHUNK: usize = 1_024;

/// Entries by slot and generation.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    chunks: Vec<Vec<Slot<T>>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    entry: Option<T>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Puts an entry in and gives its slot and generation, which is at most `GENERATION_MASK`.
    pub(crate) fn insert(&mut self, entry: T) -> (u32, u32) {
        self.len += 1;
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.place_mut(slot)
        {
            place.entry = Some(entry);
            return (slot, place.generation);
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let Some(chunk) = self.chunks.last_mut() else { return (u32::MAX, 0) };
        let slot = before + chunk.len();
        chunk.push(Slot { generation: 0, entry: Some(entry) });
        (slot as u32, 0)
    }

    pub(crate) fn at(&self, slot: u32) -> Option<&T> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.entry.as_ref()
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.place_mut(slot)?.entry.as_mut()
    }

    /// The generation of the slot's present or next use.
    pub(crate) fn generation(&self, slot: u32) -> Option<u32> {
        Some(self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.generation)
    }

    /// Whether the slot still holds the entry it was given under this generation.
    pub(crate) fn holds(&self, slot: u32, generation: u32) -> bool {
        self.generation(slot) == Some(generation) && self.at(slot).is_some()
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let place = self.place_mut(slot)?;
        let entry = place.entry.take()?;
        place.generation = place.generation.wrapping_add(1) & GENERATION_MASK;
        self.free.push(slot);
        self.len -= 1;
        Some(entry)
    }

    fn place_mut(&mut self, slot: u32) -> Option<&mut Slot<T>> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_slot_is_another() {
        let mut slots = Slots::new();
        let (slot, generation) = slots.insert("a");
        assert!(slots.holds(slot, generation));
        assert_eq!(slots.remove(slot), Some("a"));
        assert_eq!(slots.remove(slot), None);
        assert!(!slots.holds(slot, generation));
        assert_eq!(slots.insert("b"), (slot, generation + 1));
        assert!(!slots.holds(slot, generation));
        assert_eq!((slots.at(slot), slots.len()), (Some(&"b"), 1));
        assert_eq!(slots.at(7_000_000), None);
    }

    #[test]
    fn grows_over_chunks() {
        let mut slots = Slots::new();
        for i in 0..3_000u32 {
            assert_eq!(slots.insert(i), (i, 0));
        }
        assert!((0..3_000u32).all(|i| slots.at(i) == Some(&i)));
    }
}
