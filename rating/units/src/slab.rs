//! Entries by slot and generation: slots count their uses, and stand in chunks that never move, so that
//! growth copies nothing.
//! Invariant: an id of a slot that was freed finds nothing, even when the slot is used again.

/// What is kept of a generation: its lowest 20 bits, as many as our tokens carry.
pub const GENERATION_BITS: u32 = 20;
/// The highest generation; the next one is 0 again.
pub const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

const CHUNK: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub struct Slab<T> {
    chunks: Vec<Vec<Slot<T>>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    entry: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    /// Without entries, and without room for any yet.
    pub const fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// Entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Puts an entry in and gives its slot and generation, which is at most `GENERATION_MASK`.
    pub fn insert(&mut self, entry: T) -> (u32, u32) {
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

    /// Whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry in a slot, whatever its generation.
    pub fn at(&self, slot: u32) -> Option<&T> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.entry.as_ref()
    }

    /// The same, to be changed.
    pub fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.place_mut(slot)?.entry.as_mut()
    }

    /// The generation of the slot's present or next use.
    pub fn generation(&self, slot: u32) -> Option<u32> {
        Some(self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.generation)
    }

    /// Whether the slot still holds the entry it was given under this generation.
    pub fn holds(&self, slot: u32, generation: u32) -> bool {
        self.generation(slot) == Some(generation) && self.at(slot).is_some()
    }

    /// Takes an entry out; its slot counts one use more.
    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let place = self.place_mut(slot)?;
        let entry = place.entry.take()?;
        place.generation = place.generation.wrapping_add(1) & GENERATION_MASK;
        self.free.push(slot);
        self.len -= 1;
        Some(entry)
    }

    /// Entries with their slots, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0_u32..)
            .zip(self.chunks.iter().flatten())
            .filter_map(|(slot, place)| Some((slot, place.entry.as_ref()?)))
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
        let mut slots = Slab::new();
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
        let mut slots = Slab::new();
        for i in 0..3_000u32 {
            assert_eq!(slots.insert(i), (i, 0));
        }
        assert!((0..3_000u32).all(|i| slots.at(i) == Some(&i)));
    }
}
