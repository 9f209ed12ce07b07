//! What a call costs: a function of its billed seconds alone, exact as a fraction, rounded once to five
//! places of the account's currency.
//!
//! Periods of the day and conversion are fixed at the answer, so nothing here asks the time. Leases use the
//! same rounded function, so what is posted never exceeds what was reserved.

mod steps;

use std::sync::Arc;

use ledger::{PriceRow, Segment, Tariff};
use units::{
    Currency, Exchange, ExchangeRate, Increments, IncrementsError, Money, Name, Prefix, Rate, Rounding,
};

pub use steps::Step;

/// One deck row as applied to one call. Cheap to clone, independent of the deck's life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Price {
    /// Digits of the row.
    pub prefix: Prefix,
    /// Its name, as `Spain`.
    pub destination: Name,
    /// Per minute, in the deck's currency, at the answer.
    pub rate: Rate,
    /// Billing steps at the answer, s.
    pub increments: Increments,
    /// Once per answered call, in the deck's currency.
    pub connect_fee: Rate,
    /// Of amounts: the account's.
    pub currency: Currency,
    /// The deck's name.
    pub deck: Name,
    /// The deck's content hash.
    pub deck_version: u64,
    /// What rate and increments do not say; mostly nothing.
    pub tariff: Option<Arc<Tariff>>,
}

/// A call's price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Seconds after increments.
    pub billed_seconds: u64,
    /// The amount, rounded once.
    pub amount: Money,
}

/// A price in the journal that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceRowError {
    /// Of 0 s or above a day.
    #[error(transparent)]
    Increments(#[from] IncrementsError),
    /// Segments that do not follow each other.
    #[error("the segments of a price are not whole blocks from 0 s on")]
    Segments,
}

/// Seconds in the unit of rates.
const MINUTE: u64 = 60;
/// Sixtieths of a rate's last place in 10⁻⁵ units of money.
const SIXTIETHS: u64 = MINUTE * Rate::PER_UNIT.unsigned_abs();

/// `connect_fee + rate · seconds / 60` in 10⁻⁵ units, half-up; nothing for 0 s. Saturates at the largest
/// amount.
///
/// Neither rate nor fee may be negative.
pub fn cost(rate: Rate, connect_fee: Rate, seconds: u64) -> i64 {
    if seconds == 0 {
        return 0;
    }
    let (rate, fee) = (rate.magnitude(), connect_fee.magnitude());
    // Almost always in 64 bits; the wide division is an order slower.
    let usage = rate.checked_mul(seconds).and_then(|usage| usage.checked_add(SIXTIETHS / 2));
    let narrow = fee.checked_mul(MINUTE).zip(usage).and_then(|(fee, usage)| usage.checked_add(fee));
    match narrow {
        Some(sixtieths) => (sixtieths / SIXTIETHS).cast_signed(),
        None => {
            let sixtieths = u128::from(rate) * u128::from(seconds) + u128::from(fee) * u128::from(MINUTE);
            i64::try_from((sixtieths + u128::from(SIXTIETHS / 2)) / u128::from(SIXTIETHS)).unwrap_or(i64::MAX)
        }
    }
}

// === impl Price ===

impl Price {
    /// The price of a call of `duration_ms`; 0 ms cost nothing, no connect fee either.
    pub fn charge(&self, duration_ms: u64) -> Charge {
        let billed_seconds = self.billed_seconds(duration_ms);
        Charge { billed_seconds, amount: Money::of(self.cost(billed_seconds), self.currency) }
    }

    /// The same; none if the amount is beyond what a balance can hold (about 9.2e13): such a price is
    /// refused, never cut.
    pub fn checked_charge(&self, duration_ms: u64) -> Option<Charge> {
        Some(self.charge(duration_ms)).filter(|charge| charge.amount.amount < i64::MAX)
    }

    /// Seconds billed for `duration_ms`: each begun second counts, and the block that it falls in is billed
    /// whole.
    pub fn billed_seconds(&self, duration_ms: u64) -> u64 {
        match self.segments() {
            [] => self.increments.billed_seconds(duration_ms),
            segments => block_end(segments, duration_ms.div_ceil(1_000)),
        }
    }

    /// The end of the block that begins at or holds the second after `from_secs`: where a call may be cut or
    /// change balances next.
    pub fn next_boundary(&self, from_secs: u64) -> u64 {
        match self.segments() {
            [] => {
                let (initial, increment) =
                    (u64::from(self.increments.initial()), u64::from(self.increments.increment()));
                let begun = from_secs.checked_sub(initial).map_or(0, |more| more / increment + 1);
                initial.saturating_add(begun.saturating_mul(increment))
            }
            segments => block_end(segments, from_secs.saturating_add(1)),
        }
    }

    /// The cost of so many billed seconds from the answer, 10⁻⁵ units. Saturates at the largest amount.
    pub fn cost(&self, billed_seconds: u64) -> i64 {
        match &self.tariff {
            None => cost(self.rate, self.connect_fee, billed_seconds),
            Some(_) => self.cost_between(0, billed_seconds, true),
        }
    }

    /// The cost of the seconds from `from_secs` until `to_secs`, both boundaries, rounded once by itself: for
    /// a part of a call that another balance pays. The connect fee is due once, with the first part that is
    /// paid in money. Nothing for no second.
    pub fn cost_between(&self, from_secs: u64, to_secs: u64, with_fee: bool) -> i64 {
        if to_secs <= from_secs {
            return 0;
        }
        let fee = if with_fee { self.sixtieths_of_fee() } else { 0 };
        let usage = self.sixtieths(to_secs).saturating_sub(self.sixtieths(from_secs));
        self.rounded(usage.saturating_add(fee))
    }

    /// What a call of one minute costs, fee and increments included, to the last place of a rate: for
    /// comparing prices that differ below the smallest amount of money. Half-up; saturates at the largest
    /// rate.
    pub fn minute(&self) -> Rate {
        let sixtieths = self.sixtieths(self.billed_seconds(60_000)).saturating_add(self.sixtieths_of_fee());
        let (minute, one) = (u128::from(MINUTE), u128::from(ExchangeRate::SCALE));
        let count = match self.exchange() {
            None => Some(Rounding::HalfUp.divide(sixtieths, minute)),
            Some(exchange) => {
                let converted = sixtieths.checked_mul(u128::from(exchange.rate.count()));
                converted.map(|exact| Rounding::HalfUp.divide(exact, minute * one))
            }
        };
        Rate::new(count.and_then(|count| i64::try_from(count).ok()).unwrap_or(i64::MAX))
    }

    /// The latest boundary up to `to_secs` until which the seconds from `from_secs` on cost at most `budget`,
    /// by differences of [`Price::cost`]; `from_secs` if not one block does.
    pub fn affordable(&self, from_secs: u64, to_secs: u64, budget: i64) -> u64 {
        let spent = self.cost(from_secs);
        let fits = |secs: u64| self.cost(secs).saturating_sub(spent) <= budget;
        let (mut fit, mut over) = (from_secs, self.last_boundary(to_secs));
        if over <= fit || fits(over) {
            return over.max(fit);
        }
        // Cost never falls with time: bisect over boundaries between what fits and what does not.
        loop {
            let mut middle = self.last_boundary(fit + (over - fit) / 2);
            if middle <= fit {
                middle = self.next_boundary(fit);
            }
            if middle >= over {
                return fit;
            }
            if fits(middle) {
                fit = middle;
            } else {
                over = middle;
            }
        }
    }

    /// The latest boundary at or before a second; 0 before the end of the first block.
    pub fn last_boundary(&self, secs: u64) -> u64 {
        let whole = |from: u64, block: u64| from + (secs - from) / block * block;
        match self.segments() {
            [] => {
                let initial = u64::from(self.increments.initial());
                if secs < initial { 0 } else { whole(initial, u64::from(self.increments.increment())) }
            }
            segments => {
                let begun = segments.partition_point(|segment| segment.from <= secs);
                segments
                    .get(begun.saturating_sub(1))
                    .map_or(0, |segment| whole(segment.from, u64::from(segment.block.max(1))))
            }
        }
    }

    /// Segments of the call; none if rate and increments say all.
    pub fn segments(&self) -> &[Segment] {
        self.tariff.as_deref().map_or(&[], |tariff| &tariff.segments)
    }

    /// From the deck's currency to the account's, if they differ.
    pub fn exchange(&self) -> Option<&Exchange> {
        self.tariff.as_deref()?.exchange.as_ref()
    }

    /// Of rate and connect fee.
    pub fn deck_currency(&self) -> Currency {
        self.exchange().map_or(self.currency, |exchange| exchange.from)
    }

    /// Which way the amount is rounded.
    pub fn rounding(&self) -> Rounding {
        self.tariff.as_deref().map(|tariff| tariff.rounding).unwrap_or_default()
    }

    /// The same in the currency that `exchange` leads to; as it is if there is none.
    #[must_use]
    pub fn exchanged(mut self, exchange: Option<Exchange>) -> Self {
        if let Some(exchange) = exchange {
            let mut tariff = self.tariff.as_deref().cloned().unwrap_or_default();
            tariff.exchange = Some(exchange);
            self.currency = exchange.to;
            self.tariff = Some(Arc::new(tariff));
        }
        self
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
            tariff: self.tariff.clone(),
        }
    }

    /// From the journal.
    pub fn from_row(row: &PriceRow) -> Result<Self, PriceRowError> {
        if row.tariff.as_deref().is_some_and(|tariff| !tariff.is_whole()) {
            return Err(PriceRowError::Segments);
        }
        Ok(Self {
            prefix: row.prefix,
            destination: row.destination.clone(),
            rate: row.rate,
            increments: Increments::new(row.initial, row.increment)?,
            connect_fee: row.connect_fee,
            currency: row.currency,
            deck: row.deck.clone(),
            deck_version: u64::from_str_radix(&row.deck_version, 16).unwrap_or_default(),
            tariff: row.tariff.clone(),
        })
    }

    /// Usage of so many seconds, without the fee, exact: sixtieths of 10⁻¹⁰ units of the deck's currency.
    fn sixtieths(&self, secs: u64) -> u128 {
        let of = |rate: Rate, secs: u64| u128::from(rate.magnitude()) * u128::from(secs);
        match self.segments() {
            [] => of(self.rate, secs),
            segments => used(segments, secs)
                .fold(0, |sum, (segment, secs)| sum.saturating_add(of(segment.rate, secs))),
        }
    }

    fn sixtieths_of_fee(&self) -> u128 {
        u128::from(self.connect_fee.magnitude()) * u128::from(MINUTE)
    }

    /// The one rounding: sixtieths of 10⁻¹⁰ of the deck's currency to 10⁻⁵ units of the account's.
    fn rounded(&self, sixtieths: u128) -> i64 {
        let (unit, one) = (u128::from(SIXTIETHS), u128::from(ExchangeRate::SCALE));
        let amount = match self.exchange() {
            None => Some(self.rounding().divide(sixtieths, unit)),
            Some(exchange) => {
                let converted = sixtieths.checked_mul(u128::from(exchange.rate.count()));
                converted.map(|exact| self.rounding().divide(exact, unit * one))
            }
        };
        amount.and_then(|amount| i64::try_from(amount).ok()).unwrap_or(i64::MAX)
    }
}

/// The segments that `secs` seconds reach into, each with its seconds.
fn used(segments: &[Segment], secs: u64) -> impl Iterator<Item = (&Segment, u64)> {
    let ends = segments.iter().skip(1).map(|next| next.from).chain(std::iter::once(u64::MAX));
    let begun = segments.iter().zip(ends).take_while(move |(segment, _)| segment.from < secs);
    begun.map(move |(segment, end)| (segment, end.min(secs) - segment.from))
}

/// The end of the block that the `secs`th second is in; 0 for none.
fn block_end(segments: &[Segment], secs: u64) -> u64 {
    let begun = segments.partition_point(|segment| segment.from < secs);
    let Some(segment) = begun.checked_sub(1).and_then(|last| segments.get(last)) else { return 0 };
    let block = u64::from(segment.block.max(1));
    segment.from.saturating_add((secs - segment.from).div_ceil(block).saturating_mul(block))
}

/// A deck's version as printed: 16 hex digits.
pub fn version_text(version: u64) -> Arc<str> {
    let mut digits = [0; 16];
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(version >> (4 * place)) as usize & 15];
    }
    std::str::from_utf8(&digits).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn price(rate: i32, initial: u32, increment: u32, connect_fee: i32) -> Price {
        Price {
            prefix: "34".parse().expect("digits"),
            destination: "Spain".into(),
            rate: Rate::of_units(rate),
            increments: Increments::new(initial, increment).expect("valid"),
            connect_fee: Rate::of_units(connect_fee),
            currency: Currency::EUR,
            deck: "retail".into(),
            deck_version: 7,
            tariff: None,
        }
    }

    #[test]
    fn wide_amounts_saturate_and_never_wrap() {
        let most = Rate::new(i64::MAX);
        // (2^63 − 1) · 10⁻¹⁰, and as much a minute: 2 · 92233720368547.75807 units, rounded.
        assert_eq!(cost(most, most, 60), 184_467_440_737_096);
        assert_eq!(cost(most, Rate::ZERO, u64::MAX), i64::MAX);
        // 2^62 · 7200 / 60 = 2^62 · 120 of 10⁻¹⁰, beyond 64 bits on the way: 4611686018427387904 · 120 /
        // 100000.
        assert_eq!(cost(Rate::new(1 << 62), Rate::of_units(5), 7_200), 5_534_023_222_112_865 + 5);
        assert_eq!(cost(Rate::of_units(12_345), Rate::of_units(99), 0), 0);
    }

    pub(super) fn segment(from: u64, block: u32, rate: i32, period: &str) -> Segment {
        let period = (!period.is_empty()).then(|| period.into());
        Segment { from, block, rate: Rate::of_units(rate), period }
    }

    pub(super) fn with(price: Price, tariff: Tariff) -> Price {
        Price { tariff: Some(Arc::new(tariff)), ..price }
    }

    /// 30 s at 0.12345, then two blocks of 6 s at 0.06, then minutes at 0.3.
    fn three_rates() -> Price {
        let segments =
            vec![segment(0, 30, 12_345, ""), segment(30, 6, 6_000, ""), segment(42, 60, 30_000, "peak")];
        with(price(12_345, 30, 6, 5_000), Tariff { segments, ..Tariff::default() })
    }

    fn usd(rate: &str) -> Exchange {
        Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: rate.parse().expect("a rate"),
            at: units::Wall(0),
        }
    }

    #[test]
    fn the_journal_keeps_the_row_whole() {
        for price in [price(12_345, 30, 6, 1), three_rates().exchanged(Some(usd("0.9")))] {
            let text = serde_json::to_string(&price.row()).expect("JSON");
            assert_eq!(Price::from_row(&serde_json::from_str(&text).expect("a row")), Ok(price));
        }
        let broken =
            with(price(1, 1, 1, 0), Tariff { segments: vec![segment(5, 1, 1, "")], ..Tariff::default() });
        assert_eq!(Price::from_row(&broken.row()), Err(PriceRowError::Segments));
    }

    /// Seconds, boundaries and amounts of both kinds of price: fee 0.05 + 0.061725, then 0.006 a block, then
    /// 0.3 a minute.
    #[test]
    fn a_block_is_priced_where_it_starts() {
        let price = three_rates();
        for (talked, billed, amount) in [
            (0, 0, 0),
            (1, 30, 11_173),
            (30, 30, 11_173),
            (31, 36, 11_773),
            (42, 42, 12_373),
            (43, 102, 42_373),
            (103, 162, 72_373),
        ] {
            let charge = price.charge(talked * 1_000);
            assert_eq!((charge.billed_seconds, charge.amount.amount), (billed, amount), "{talked} s");
        }
        for (price, boundaries) in
            [(price, [30, 36, 42, 102, 162]), (self::price(1, 30, 6, 0), [30, 36, 42, 48, 54])]
        {
            let mut at = 0;
            for boundary in boundaries {
                assert!((at..boundary).all(
                    |second| price.next_boundary(second) == boundary && price.last_boundary(second) == at
                ));
                assert_eq!(price.billed_seconds(boundary * 1_000), boundary);
                at = boundary;
            }
        }
    }

    #[test]
    fn a_part_of_a_call_is_rounded_by_itself() {
        let price = three_rates();
        assert_eq!(price.cost_between(0, 30, true), 11_173);
        assert_eq!(price.cost_between(30, 102, false), 31_200);
        assert_eq!(price.cost_between(30, 102, true), 36_200);
        assert_eq!((price.cost_between(102, 102, true), price.cost_between(102, 30, true)), (0, 0));
        let plain = self::price(12_345, 30, 6, 5_000);
        assert_eq!(plain.cost_between(0, 66, true), plain.cost(66));
        // 0.02469 · 36/60, not the difference of two rounded amounts.
        assert_eq!(self::price(12_345, 30, 6, 0).cost_between(30, 66, false), 7_407);
    }

    #[test]
    fn converted_and_rounded_once() {
        let plain = self::price(12_345, 1, 1, 0);
        // One second is 0.0020575: RULES L12.
        for (rounding, amount) in [(Rounding::HalfUp, 206), (Rounding::Up, 206), (Rounding::Down, 205)] {
            assert_eq!(with(plain.clone(), Tariff { rounding, ..Tariff::default() }).cost(1), amount);
        }
        // 0.0020575 · 0.9215 = 0.00189598625; 60 s: 0.113759175.
        let euros = plain.clone().exchanged(Some(usd("0.9215")));
        assert_eq!(
            (euros.cost(1), euros.cost(60), euros.currency, euros.deck_currency()),
            (190, 11_376, Currency::EUR, Currency::USD)
        );
        // The fee is converted too, and all of it rounded once: (0.00001 + 0.00001) · 0.25 = 0.000005.
        let fee = self::price(1, 60, 60, 1).exchanged(Some(usd("0.25")));
        assert_eq!(fee.cost(60), 1);
        let most = Price { rate: Rate::new(1_000_000 * Rate::SCALE), ..self::price(0, 1, 1, 0) };
        let most = most.exchanged(Some(usd("100")));
        assert_eq!((most.cost(u64::MAX), most.cost(31_622_400)), (i64::MAX, 5_270_400_000_000_000_000));
    }

    #[test]
    fn affordable_is_the_last_boundary_within_the_budget() {
        for price in
            [three_rates(), self::price(12_345, 30, 6, 5_000), three_rates().exchanged(Some(usd("0.9215")))]
        {
            for (from, to) in [(0, 200), (30, 162), (36, 100), (42, 42), (102, 40)] {
                for budget in (-1..80_000).step_by(997) {
                    let mut expected = from;
                    let mut next = price.next_boundary(from);
                    while next <= to && price.cost(next) - price.cost(from) <= budget {
                        expected = next;
                        next = price.next_boundary(next);
                    }
                    assert_eq!(price.affordable(from, to, budget), expected, "{from}..{to} for {budget}");
                }
            }
        }
    }
}
