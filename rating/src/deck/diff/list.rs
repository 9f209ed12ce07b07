//! All changes of price as CSV, one line for each: what a customer downloads beside the whole list.

use std::io;

use units::Wall;

use super::{Paid, PriceChange};

/// The header.
const COLUMNS: [&str; 14] = [
    "prefix",
    "destination",
    "period",
    "effective_from",
    "old_rate",
    "old_next_rate",
    "old_initial",
    "old_increment",
    "old_connect_fee",
    "new_rate",
    "new_next_rate",
    "new_initial",
    "new_increment",
    "new_connect_fee",
];

// === impl PriceChange ===

impl PriceChange {
    /// Writes them with a header; a side without a price is empty.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write_csv(changes: &[Self], out: impl io::Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(COLUMNS)?;
        for change in changes {
            let period = change.period.as_deref().unwrap_or_default().to_owned();
            let row = [
                change.prefix.to_string(),
                change.destination.to_string(),
                period,
                Wall::rfc3339(change.from),
            ];
            writer.write_record(row.into_iter().chain(side(change.old)).chain(side(change.new)))?;
        }
        writer.flush()
    }
}

fn side(paid: Option<Paid>) -> [String; 5] {
    let Some(Paid { rate, next_rate, connect_fee, steps }) = paid else { return Default::default() };
    let next = if next_rate == rate { String::new() } else { next_rate.to_string() };
    [rate.to_string(), next, steps.0.to_string(), steps.1.to_string(), connect_fee.to_string()]
}

#[cfg(test)]
mod tests {
    use units::Rate;

    use super::*;

    #[test]
    fn a_line_for_each_change() {
        let of = Rate::of_units;
        let paid = |rate, next| {
            Some(Paid { rate: of(rate), next_rate: of(next), connect_fee: of(100), steps: (30, 6) })
        };
        let change = |destination: &str, period: Option<&str>, old, new| PriceChange {
            prefix: "55".parse().expect("digits"),
            destination: destination.into(),
            period: period.map(Into::into),
            old,
            new,
            from: Wall(0),
        };
        let changes = [
            change("Brazil, all", None, paid(2_000, 2_000), paid(3_000, 1_000)),
            change("Brazil", Some("peak"), None, paid(1, 1)),
            change("Brazil", None, paid(1, 1), None),
        ];
        let mut text = Vec::new();
        PriceChange::write_csv(&changes, &mut text).expect("memory takes all");
        let expected = [
            "55,\"Brazil, all\",,1970-01-01T00:00:00.000Z,0.02000,,30,6,0.00100,0.03000,0.01000,30,6,0.00100",
            "55,Brazil,peak,1970-01-01T00:00:00.000Z,,,,,,0.00001,,30,6,0.00100",
            "55,Brazil,,1970-01-01T00:00:00.000Z,0.00001,,30,6,0.00100,,,,,",
        ];
        assert_eq!(String::from_utf8(text).expect("text").lines().skip(1).collect::<Vec<_>>(), expected);
    }
}
