//! Timers: nine levels of 64 slots over milliseconds, each timer a node in a doubly linked list.
//! Insert and cancel are O(1), expiry is amortised O(1) (a timer moves down at most eight times).
//! Invariant: timers pop by deadline, then by insertion; never early; the order depends on nothing but the
//! calls.

use crate::Tick;

const LEVELS: usize = 9;
/// 64^9 ms, 571,000 years: later deadlines count as this one.
const LAST_MS: u64 = (1 << 54) - 1;
const SLOTS: usize = 64;
const SLOT_BITS: u32 = 6;
const NIL: u32 = u32::MAX;
const FREE: u16 = u16::MAX;

/// Names one timer for `cancel`. Once the timer has popped or was cancelled, the id names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

/// A timer wheel that gives `K` back when its time has come. 24 bytes a timer besides `K`.
#[derive(Debug)]
pub struct Wheel<K> {
    /// Everything before this millisecond has popped.
    elapsed: u64,
    /// Per level, which slots hold timers.
    occupied: [u64; LEVELS],
    lists: [[List; SLOTS]; LEVELS],
    nodes: Vec<Node<K>>,
    free: u32,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node<K> {
    key: K,
    /// Milliseconds, rounded up.
    deadline: u64,
    previous: u32,
    next: u32,
    generation: u32,
    /// `level * 64 + slot` of the list that holds it, or `FREE`.
    place: u16,
}

// === impl TimerId ===

impl TimerId {
    /// Names no timer.
    pub const NONE: Self = Self { index: NIL, generation: 0 };
}

impl Default for TimerId {
    fn default() -> Self {
        Self::NONE
    }
}

// === impl Wheel ===

impl<K: Copy> Default for Wheel<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy> Wheel<K> {
    /// An empty wheel whose time is 0.
    pub const fn new() -> Self {
        Self {
            elapsed: 0,
            occupied: [0; LEVELS],
            lists: [[List { head: NIL, tail: NIL }; SLOTS]; LEVELS],
            nodes: Vec::new(),
            free: NIL,
            len: 0,
        }
    }

    /// Timers that wait.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Starts a timer. One whose deadline has passed pops at the next `pop`, behind those already due at that
    /// millisecond.
    pub fn insert(&mut self, deadline: Tick, key: K) -> TimerId {
        let deadline = deadline.0.div_ceil(1_000).min(LAST_MS).max(self.elapsed);
        let index = self.free;
        let index = if index == NIL {
            let index = u32::try_from(self.nodes.len()).unwrap_or(NIL);
            assert!(
                index != NIL,
                "a wheel holds fewer than 2^32 timers: the tables whose entries own them are bounded far below"
            );
            self.nodes.push(Node { key, deadline, previous: NIL, next: NIL, generation: 0, place: FREE });
            index
        } else {
            let node = &mut self.nodes[index as usize];
            self.free = node.next;
            node.key = key;
            node.deadline = deadline;
            index
        };
        self.len += 1;
        self.link(index);
        TimerId { index, generation: self.nodes[index as usize].generation }
    }

    /// Stops a timer and gives its key; nothing if it popped or was cancelled before.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        let node = self.nodes.get(id.index as usize)?;
        if node.generation != id.generation || node.place == FREE {
            return None;
        }
        self.unlink(id.index);
        Some(self.release(id.index))
    }

    /// The next timer whose deadline is at or before `now`, with that deadline. Call until it gives nothing.
    pub fn pop(&mut self, now: Tick) -> Option<(Tick, K)> {
        let now = (now.0 / 1_000).min(LAST_MS);
        while let Some((level, slot, start)) = self.first() {
            if start > now {
                break;
            }
            self.elapsed = self.elapsed.max(start);
            if level == 0 {
                let index = self.lists[0][slot].head;
                let deadline = self.nodes[index as usize].deadline;
                self.unlink(index);
                return Some((Tick(deadline.saturating_mul(1_000)), self.release(index)));
            }
            self.cascade(level, slot);
        }
        self.elapsed = self.elapsed.max(now);
        None
    }

    /// When to call `pop` next: never after the earliest deadline, possibly before it (then `pop` gives
    /// nothing, and the next answer is later; at most eight times for one timer).
    pub fn next_deadline(&self) -> Option<Tick> {
        self.first().map(|(_, _, start)| Tick(start.saturating_mul(1_000)))
    }

    /// The first occupied slot and the millisecond at which it begins. Lower levels end before higher ones
    /// begin.
    fn first(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        let slot = self.occupied[level].trailing_zeros();
        let shift = SLOT_BITS * level as u32;
        let above = self.elapsed >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        Some((level, slot as usize, above | u64::from(slot) << shift))
    }

    /// Spreads a slot that has begun over the levels below, keeping its order.
    fn cascade(&mut self, level: usize, slot: usize) {
        let mut index = self.lists[level][slot].head;
        self.lists[level][slot] = List { head: NIL, tail: NIL };
        self.occupied[level] &= !(1 << slot);
        while index != NIL {
            let next = self.nodes[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// Appends a node to the list of its deadline: the level is that of the highest digit in which it differs
    /// from `elapsed`.
    fn link(&mut self, index: u32) {
        let deadline = self.nodes[index as usize].deadline;
        let level = (63 - ((deadline ^ self.elapsed) | 1).leading_zeros()) / SLOT_BITS;
        let slot = (deadline >> (SLOT_BITS * level)) as usize % SLOTS;
        let level = level as usize;
        let tail = self.lists[level][slot].tail;
        let node = &mut self.nodes[index as usize];
        node.previous = tail;
        node.next = NIL;
        node.place = (level * SLOTS + slot) as u16;
        match tail {
            NIL => self.lists[level][slot].head = index,
            tail => self.nodes[tail as usize].next = index,
        }
        self.lists[level][slot].tail = index;
        self.occupied[level] |= 1 << slot;
    }

    fn unlink(&mut self, index: u32) {
        let Node { previous, next, place, .. } = self.nodes[index as usize];
        let (level, slot) = (place as usize / SLOTS, place as usize % SLOTS);
        match previous {
            NIL => self.lists[level][slot].head = next,
            previous => self.nodes[previous as usize].next = next,
        }
        match next {
            NIL => self.lists[level][slot].tail = previous,
            next => self.nodes[next as usize].previous = previous,
        }
        if self.lists[level][slot].head == NIL {
            self.occupied[level] &= !(1 << slot);
        }
    }

    fn release(&mut self, index: u32) -> K {
        let free = self.free;
        let node = &mut self.nodes[index as usize];
        node.place = FREE;
        node.generation = node.generation.wrapping_add(1);
        node.next = free;
        self.free = index;
        self.len -= 1;
        node.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn drain(wheel: &mut Wheel<u64>, now: Tick) -> Vec<(Tick, u64)> {
        std::iter::from_fn(|| wheel.pop(now)).collect()
    }

    #[test]
    fn a_node_is_small() {
        assert!(size_of::<Node<u64>>() <= 32);
        assert!(size_of::<Node<u32>>() <= 32);
    }

    #[test]
    fn never_early_and_rounded_up() {
        let mut wheel = Wheel::new();
        wheel.insert(Tick(1_500), 1);
        assert_eq!(wheel.pop(Tick(1_999)), None);
        assert_eq!(wheel.next_deadline(), Some(Tick(2_000)));
        assert_eq!(wheel.pop(Tick(2_000)), Some((Tick(2_000), 1)));
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn the_past_pops_at_once() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.pop(Tick(10_000_000)), None);
        wheel.insert(Tick(5), 7);
        assert_eq!(wheel.next_deadline(), Some(Tick(10_000_000)));
        assert_eq!(wheel.pop(Tick(10_000_000)), Some((Tick(10_000_000), 7)));
    }

    #[test]
    fn a_used_id_names_nothing() {
        let mut wheel = Wheel::new();
        let a = wheel.insert(Tick(1_000), 1);
        assert_eq!(wheel.cancel(a), Some(1));
        assert_eq!(wheel.cancel(a), None);
        let b = wheel.insert(Tick(2_000), 2);
        assert_eq!(wheel.cancel(a), None, "the slot is used again");
        assert_eq!(wheel.pop(Tick(2_000)), Some((Tick(2_000), 2)));
        assert_eq!(wheel.cancel(b), None);
        assert_eq!(wheel.cancel(TimerId::NONE), None);
        assert!(wheel.is_empty());
    }

    #[test]
    fn the_end_of_time_fits() {
        let mut wheel = Wheel::new();
        wheel.insert(Tick::NEVER, 1);
        wheel.insert(Tick(u64::MAX - 5_000_000), 2);
        wheel.insert(Tick(1 << 60), 3);
        assert_eq!(drain(&mut wheel, Tick(1 << 59)), []);
        let keys: Vec<u64> = drain(&mut wheel, Tick::NEVER).into_iter().map(|(_, key)| key).collect();
        assert_eq!(keys, [3, 1, 2]);
    }

    /// Against a sorted map, with times from a linear congruential sequence.
    #[test]
    fn pops_as_a_sorted_map_does() {
        for seed in 0..50u64 {
            let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut roll = move |n: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) % n
            };
            let (mut wheel, mut model, mut ids) = (Wheel::new(), BTreeMap::new(), Vec::new());
            let (mut now, mut serial) = (0u64, 0u64);
            for _ in 0..2_000 {
                match roll(8) {
                    0..5 => {
                        let spread = [3, 70, 5_000, 300_000, 20_000_000][roll(5) as usize];
                        let at = now + roll(spread);
                        ids.push((wheel.insert(Tick(at * 1_000), serial), at, serial));
                        model.insert((at, serial), serial);
                        serial += 1;
                    }
                    5 if !ids.is_empty() => {
                        let (id, at, key) = ids[roll(ids.len() as u64) as usize];
                        assert_eq!(wheel.cancel(id), model.remove(&(at, key)));
                    }
                    _ => {
                        now += [0, 1, 64, 900, 100_000][roll(5) as usize];
                        let popped = drain(&mut wheel, Tick(now * 1_000 + 999));
                        let mut expected = Vec::new();
                        while let Some(entry) = model.first_entry().filter(|e| e.key().0 <= now) {
                            let ((at, _), key) = entry.remove_entry();
                            expected.push((Tick(at * 1_000), key));
                        }
                        assert_eq!(popped, expected, "seed {seed}");
                        let next = model.keys().next().map(|(at, _)| Tick(at * 1_000));
                        assert!(
                            wheel.next_deadline() <= next
                                && wheel.next_deadline().is_some() == next.is_some()
                        );
                    }
                }
                assert_eq!(wheel.len(), model.len());
            }
        }
    }
}
