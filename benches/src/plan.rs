//! A made-up numbering plan of any size: prefixes nested as real ones are, numbers below them, decks and
//! routes over all of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use rating::Deck;
use route::{CarrierOrder, Carriers, Origin, RouteTable, RouteTableBuilder};
use units::{Currency, Number, Prefix, Wall};

use crate::dice::Dice;

/// Rows of the large tables, as in the targets.
pub const ROWS: usize = 500_000;
/// When all benchmarked calls take place: 2026-11-22T12:00:00Z.
pub const NOON: Wall = Wall(1_795_348_800_000);

/// `count` different prefixes, sorted: two-digit countries, below them five to nine digits.
pub fn prefixes(count: usize) -> Vec<String> {
    let mut dice = Dice::new(1);
    let mut found: BTreeSet<String> = (20..100).map(|country| country.to_string()).take(count).collect();
    while found.len() < count {
        let mut prefix = (20 + dice.below(80)).to_string();
        // Most destinations are told apart by their sixth to eighth digit.
        let more = *dice.pick(&[3, 4, 4, 5, 5, 5, 6, 6, 7]);
        dice.digits(&mut prefix, more);
        found.insert(prefix);
    }
    found.into_iter().collect()
}

/// `count` numbers of 12 digits below random prefixes.
pub fn numbers(prefixes: &[String], count: usize, seed: u64) -> Vec<Number> {
    let mut dice = Dice::new(seed);
    let number = |_| {
        let mut digits = dice.pick(prefixes).clone();
        let more = 12 - digits.len();
        dice.digits(&mut digits, more);
        Number::new(digits.as_bytes()).expect("12 digits")
    };
    (0..count).map(number).collect()
}

/// A price list over `prefixes` as CSV: 2,000 destinations, four kinds of increments, a few connect fees and
/// dated rows.
pub fn deck_csv(prefixes: &[String], seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut csv = String::with_capacity(prefixes.len() * 48);
    csv.push_str("prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n");
    for prefix in prefixes {
        let destination = dice.below(2_000);
        let rate = 100 + dice.below(30_000);
        let (initial, increment) = *dice.pick(&[(1, 1), (1, 1), (60, 60), (30, 6), (6, 6)]);
        let fee = if dice.below(20) == 0 { "0.05" } else { "" };
        let from = if dice.below(50) == 0 { "2026-01-01T00:00:00Z" } else { "" };
        writeln!(csv, "{prefix},Destination {destination},0.{rate:05},{initial},{increment},{fee},{from},")
            .expect("memory");
    }
    csv
}

/// The same, loaded.
pub fn deck(name: &str, prefixes: &[String], seed: u64) -> Arc<Deck> {
    let (deck, _) =
        Deck::load(name, Currency::EUR, deck_csv(prefixes, seed).as_bytes()).expect("a good deck");
    Arc::new(deck)
}

/// A route for each prefix, all carriers in one of three orders.
pub fn routes(prefixes: &[String], carriers: &Carriers) -> RouteTable {
    let mut builder = RouteTableBuilder::default();
    let mut names: Vec<&str> = carriers.iter().map(|carrier| &*carrier.name).collect();
    let mut lists = Vec::new();
    for _ in 0..3 {
        lists.push(builder.list(carriers, &names, CarrierOrder::Listed).expect("known carriers"));
        names.rotate_left(1);
    }
    for (line, prefix) in prefixes.iter().enumerate() {
        let prefix = Prefix::new(prefix.as_bytes()).expect("digits");
        builder.add(prefix, lists[line % lists.len()], Origin::default()).expect("room");
    }
    builder.build().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_price() {
        let prefixes = prefixes(3_000);
        assert_eq!(prefixes.len(), 3_000);
        let deck = deck("retail", &prefixes, 2);
        assert_eq!(deck.len(), 3_000);
        assert!(numbers(&prefixes, 1_000, 3).iter().all(|number| deck.price(number, NOON).is_some()));
    }
}
