//! A deck as text again. Invariant: what is written loads to the same rows and so to the same version.

use std::io::{self, Write};
use std::sync::Arc;

use super::load::COLUMNS;
use super::{Deck, Row, Rules};

/// A row's cells in the order of [`Deck::COLUMNS`], as a file would hold them.
pub type Cells = [String; COLUMNS.len()];

// === impl Deck ===

impl Deck {
    /// The columns of a written deck; a file that is read may order them as it likes.
    pub const COLUMNS: [&'static str; COLUMNS.len()] = COLUMNS;

    /// What its file does not say and its rows refer to.
    pub fn rules(&self) -> Rules {
        Rules::archived(self.rounding, Arc::clone(&self.periods))
    }

    /// Writes it as CSV with a header, by prefix and then by start, rates with five places or as many more as
    /// they have, times in UTC.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write_csv(&self, out: impl Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(Self::COLUMNS)?;
        for row in self.rows() {
            writer.write_record(row.cells())?;
        }
        writer.flush()
    }
}

// === impl Row ===

impl Row {
    /// As written in a file. Every place is filled that says something, the increments always.
    pub fn cells(&self) -> Cells {
        [
            self.prefix.to_string(),
            self.destination.to_string(),
            self.rate.to_string(),
            self.increments.initial().to_string(),
            self.increments.increment().to_string(),
            self.connect_fee.to_string(),
            self.effective_from.map(units::Wall::rfc3339).unwrap_or_default(),
            self.effective_until.map(units::Wall::rfc3339).unwrap_or_default(),
            self.next_rate.map(|rate| rate.to_string()).unwrap_or_default(),
            self.period.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::{Currency, Money};

    use super::*;

    fn reloaded(deck: &Deck) -> Deck {
        let mut csv = Vec::new();
        deck.write_csv(&mut csv).expect("memory takes all");
        let (again, warnings) =
            Deck::load("again", deck.currency(), &csv[..]).expect("its own text is right");
        assert!(warnings.is_empty(), "{warnings:?}");
        again
    }

    #[test]
    fn the_text_is_plain() {
        let csv = "increment,initial,rate,destination,prefix,effective_from\n6,30,0.1,\"Brazil, mobile\", +5511 ,2026-02-01T01:00:00+01:00\n";
        let (deck, _) = Deck::load("retail", Currency::EUR, csv.as_bytes()).expect("a good deck");
        let mut text = Vec::new();
        deck.write_csv(&mut text).expect("memory takes all");
        let expected = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until,next_rate,period\n\
                        5511,\"Brazil, mobile\",0.10000,30,6,0.00000,2026-02-01T00:00:00.000Z,,,\n";
        assert_eq!(String::from_utf8(text).expect("text"), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_loads_to_the_same_version(
            rows in proptest::collection::btree_map("[1-9][0-9]{0,5}", (
                "[a-zA-Zñ=+@,\" '-]{1,12}", 0_i64..=100_000_000_000, 1_u32..=90, 1_u32..=60, 0_i64..50_000, -1_000_i64..4_000_000_000_000, 0_u8..4
            ), 1..30),
        ) {
            let mut csv = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n".to_owned();
            for (prefix, (name, rate, initial, increment, fee, at, shape)) in rows {
                let name = if name.trim().is_empty() { "x".to_owned() } else { name.replace('"', "\"\"") };
                let money = |amount| Money::of(amount, Currency::EUR).to_string();
                let at = units::Wall(at).rfc3339();
                let periods: &[(&str, &str)] = match shape {
                    0 => &[("", "")],
                    1 => &[(&at, "")],
                    2 => &[("", &at)],
                    _ => &[("", &at), (&at, "")],
                };
                for (nth, (from, until)) in periods.iter().enumerate() {
                    let (rate, fee) = (money(rate >> nth), money(fee));
                    csv.push_str(&format!("{prefix},\"{name}\",{rate},{initial},{increment},{fee},{from},{until}\n"));
                }
            }
            let (deck, _) = Deck::load("retail", Currency::EUR, csv.as_bytes()).expect("a good deck");
            let again = reloaded(&deck);
            prop_assert_eq!(again.version(), deck.version());
            prop_assert!(again.rows().eq(deck.rows()));
        }
    }
}
