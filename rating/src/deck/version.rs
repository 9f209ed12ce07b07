//! A deck's version: a hash of its content.

use sha2::{Digest, Sha256};

use units::Rate;

use super::{Deck, Terms};

/// The first five places of a rate, which were all that there once were.
const fn in_units(rate: Rate) -> i64 {
    rate.count() / Rate::PER_UNIT
}

/// The five places after them; none of [`Terms::SAME`].
const fn finer_places(rate: Rate) -> i64 {
    if rate.count() < 0 { 0 } else { rate.count() % Rate::PER_UNIT }
}

/// A hash of what the rows say, in the order of their prefixes: layout of the file and order of its rows do
/// not matter. What a row does not use is not in it, so that a deck keeps its version when columns are added
/// that it does not have.
pub(super) fn version(deck: &Deck) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(deck.currency.as_str());
    if !deck.rounding.is_half_up() {
        hasher.update(deck.rounding.word());
    }
    for row in &deck.rows {
        let terms = deck.terms(row);
        let Terms { increments, connect_fee, from, until, next_rate, .. } = terms;
        let mut bytes = [0; 56];
        let (initial, increment) = (i64::from(increments.initial()), i64::from(increments.increment()));
        let (rate, fee) = (in_units(row.rate), in_units(connect_fee));
        let numbers = [row.prefix.packed().cast_signed(), rate, fee, from, until, initial, increment];
        for (slot, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_be_bytes());
        }
        hasher.update(bytes);
        hasher.update(
            deck.destinations.get(row.destination as usize).map(|name| name.as_bytes()).unwrap_or_default(),
        );
        if next_rate != Terms::SAME {
            hasher.update([1]);
            hasher.update(in_units(next_rate).to_be_bytes());
        }
        let finer = [row.rate, connect_fee, next_rate].map(finer_places);
        if finer != [0; 3] {
            hasher.update([3]);
            for rest in finer {
                hasher.update(rest.to_be_bytes());
            }
        }
        if let Some(period) = deck.period(terms) {
            hasher.update([2]);
            hasher.update(format!(
                "{} {} {} {} {}",
                period.name(),
                period.zone().name(),
                period.days(),
                period.from(),
                period.until()
            ));
        }
        hasher.update([0]);
    }
    let hash: [u8; 32] = hasher.finalize().into();
    hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}
