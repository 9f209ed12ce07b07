//! What a call costs: connect fee + rate · billed seconds / 60, exact as a fraction, rounded once, half-up, to five places.
//!
//! Leases use the same rounded function of time, so what is posted never exceeds what was reserved.

use std::sync::Arc;

use ledger::PriceRow;
use units::{Currency, Increments, IncrementsError, Money, Name, Prefix};

/// One deck row as applied to one call. Cheap to clone, independent of the deck's life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Price {
    /// Digits of the row.
    pub prefix: Prefix,
    /// Its name, as `Spain`.
    pub destination: Name,
    /// 10⁻⁵ units per minute.
    pub rate: i64,
    /// Billing steps, s.
    pub increments: Increments,
    /// 10⁻⁵ units once per answered call.
    pub connect_fee: i64,
    /// Of rate, fee and amount.
    pub currency: Currency,
    /// The deck's name.
    pub deck: Name,
    /// The deck's content hash.
    pub deck_version: u64,
}

/// A call's price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Seconds after increments.
    pub billed_seconds: u64,
    /// Rounded once.
    pub amount: Money,
}

/// One line of an explanation.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Step {
    /// What is counted, as `30 s at 0.12345/min`.
    pub text: String,
    /// Exact, `0.0041133(3)` where the last digit repeats for ever.
    pub amount: String,
}

/// Seconds in the unit of rates.
const MINUTE: u64 = 60;

/// `connect_fee + rate · seconds / 60` in 10⁻⁵ units, half-up; nothing for 0 s. Saturates at the largest amount.
///
/// Neither rate nor fee may be negative.
pub fn cost(rate: i64, connect_fee: i64, seconds: u64) -> i64 {
    if seconds == 0 {
        return 0;
    }
    let (rate, fee) = (rate.max(0).unsigned_abs(), connect_fee.max(0).unsigned_abs());
    // Almost always in 64 bits; the wide division is an order slower.
    let narrow = rate.checked_mul(seconds).and_then(|sixtieths| sixtieths.checked_add(MINUTE / 2)).map(|sixtieths| sixtieths / MINUTE);
    let usage = narrow.map_or_else(|| (u128::from(rate) * u128::from(seconds) + 30) / 60, u128::from);
    i64::try_from(usage.saturating_add(u128::from(fee))).unwrap_or(i64::MAX)
}

// === impl Price ===

impl Price {
    /// The price of a call of `duration_ms`; 0 ms cost nothing, no connect fee either.
    pub fn charge(&self, duration_ms: u64) -> Charge {
        let billed_seconds = self.increments.billed_seconds(duration_ms);
        Charge { billed_seconds, amount: Money::of(self.cost(billed_seconds), self.currency) }
    }

    /// The cost of so many billed seconds, 10⁻⁵ units.
    pub fn cost(&self, billed_seconds: u64) -> i64 {
        cost(self.rate, self.connect_fee, billed_seconds)
    }

    /// How [`Price::charge`] comes about, line by line: fee, first block, further blocks, exact sum, rounded amount.
    pub fn steps(&self, duration_ms: u64) -> Vec<Step> {
        let charge = self.charge(duration_ms);
        let total = Step { text: "rounded once, half-up".to_owned(), amount: charge.amount.to_string() };
        if charge.billed_seconds == 0 {
            return vec![Step { text: "not answered: nothing is billed".to_owned(), amount: exact(0, 0) }, total];
        }
        let mut steps = Vec::with_capacity(5);
        if self.connect_fee != 0 {
            steps.push(Step { text: "connect fee".to_owned(), amount: exact(self.connect_fee, 0) });
        }
        let rate = Money::of(self.rate, self.currency);
        let (initial, increment) = (u64::from(self.increments.initial()), u64::from(self.increments.increment()));
        steps.push(Step { text: format!("first {initial} s at {rate}/min"), amount: exact(0, sixtieths(self.rate, initial)) });
        let more = charge.billed_seconds.saturating_sub(initial);
        if more > 0 {
            let text = format!("{} x {increment} s at {rate}/min", more / increment);
            steps.push(Step { text, amount: exact(0, sixtieths(self.rate, more)) });
        }
        let sum = exact(self.connect_fee, sixtieths(self.rate, charge.billed_seconds));
        steps.push(Step { text: format!("exact sum for {} s", charge.billed_seconds), amount: sum });
        steps.push(total);
        steps
    }

    /// As kept in the journal.
    pub fn row(&self) -> PriceRow {
        PriceRow {
            prefix: self.prefix,
            destination: self.destination.clone(),
            rate: self.rate,
            initial: self.increments.initial(),
            increment: self.increments.increment(),
            connect_fee: self.connect_fee,
            currency: self.currency,
            deck: self.deck.clone(),
            deck_version: version_text(self.deck_version),
        }
    }

    /// From the journal.
    pub fn from_row(row: &PriceRow) -> Result<Self, IncrementsError> {
        Ok(Self {
            prefix: row.prefix,
            destination: row.destination.clone(),
            rate: row.rate,
            increments: Increments::new(row.initial, row.increment)?,
            connect_fee: row.connect_fee,
            currency: row.currency,
            deck: row.deck.clone(),
            deck_version: u64::from_str_radix(&row.deck_version, 16).unwrap_or_default(),
        })
    }
}

/// A deck's version as printed: 16 hex digits.
pub fn version_text(version: u64) -> Arc<str> {
    format!("{version:016x}").into()
}

fn sixtieths(rate: i64, seconds: u64) -> i128 {
    i128::from(rate) * i128::from(seconds)
}

/// `units + sixtieths / 60` of 10⁻⁵, exactly: 1/60 of a unit is five thirds of 10⁻⁷, so a third may be left, which repeats.
fn exact(units: i64, sixtieths: i128) -> String {
    let thirds = (i128::from(units) * 60 + sixtieths) * 5;
    let (whole, rest) = (thirds / 3, thirds % 3);
    let text = format!("{}.{:07}", whole / 10_000_000, whole % 10_000_000);
    match rest {
        0 => {
            let cut = text.bytes().rev().take(2).take_while(|b| *b == b'0').count();
            text[..text.len() - cut].to_owned()
        }
        _ => format!("{text}({})", rest * 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(rate: i64, initial: u32, increment: u32, connect_fee: i64) -> Price {
        Price {
            prefix: "34".parse().expect("digits"),
            destination: "Spain".into(),
            rate,
            increments: Increments::new(initial, increment).expect("valid"),
            connect_fee,
            currency: Currency::EUR,
            deck: "retail".into(),
            deck_version: 7,
        }
    }

    #[test]
    fn wide_amounts_saturate_and_never_wrap() {
        assert_eq!(cost(i64::MAX, i64::MAX, 1), i64::MAX);
        assert_eq!(cost(i64::MAX, 0, 60), i64::MAX);
        assert_eq!(cost(i64::MAX, 0, u64::MAX), i64::MAX);
        // 2^62 · 30 / 60 = 2^61, beyond 64 bits on the way.
        assert_eq!(cost(1 << 62, 5, 30), (1 << 61) + 5);
        assert_eq!(cost(12_345, 99, 0), 0);
    }

    #[test]
    fn explains_to_the_last_digit() {
        let steps: Vec<_> =
            price(12_345, 30, 6, 0).steps(61_000).into_iter().map(|step| format!("{} = {}", step.text, step.amount)).collect();
        assert_eq!(
            steps,
            [
                "first 30 s at 0.12345/min = 0.061725",
                "6 x 6 s at 0.12345/min = 0.07407",
                "exact sum for 66 s = 0.135795",
                "rounded once, half-up = 0.13580",
            ]
        );
        // 0.1 / 60 = 0.001666…; with the fee of 0.05.
        let amounts: Vec<_> = price(10_000, 1, 1, 5_000).steps(1).into_iter().map(|step| step.amount).collect();
        assert_eq!(amounts, ["0.05000", "0.0016666(6)", "0.0516666(6)", "0.05167"]);
        assert_eq!(price(10_000, 1, 1, 5_000).steps(0).len(), 2);
    }

    #[test]
    fn the_journal_keeps_the_row_whole() {
        let price = price(12_345, 30, 6, 1);
        assert_eq!(Price::from_row(&price.row()), Ok(price));
    }
}
