//! Price lists: immutable once loaded, found by longest prefix in force at an instant.
//!
//! A row out of force gives way to the next shorter prefix. The version is a hash of the content, not of the
//! file's layout.

mod diff;
mod draft;
mod field;
mod load;
mod periods;
mod version;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::Tariff;
use units::{
    Currency, Exchange, Exchanges, Increments, Name, Number, Period, Prefix, PrefixMap, Rate, Rounding, Wall,
};

use crate::Price;

pub use diff::{Direction, Effect, Paid, PeriodChange, PriceChange, RowChange, RuleChanges, price_changes};
pub use draft::Draft;
pub use write::Cells;

/// A price list of one currency.
#[derive(Clone)]
pub struct Deck {
    name: Name,
    currency: Currency,
    version: u64,
    rounding: Rounding,
    /// As configured; rows name them by their place.
    periods: Arc<[Period]>,
    /// Whether any row has one.
    has_periods: bool,
    /// Sorted by prefix, then by period, then by start; rows of one prefix and period never overlap in time.
    rows: Vec<Stored>,
    /// Where the rows of each prefix are.
    index: PrefixMap<Place>,
    destinations: Vec<Name>,
    terms: Vec<Terms>,
}

/// One row, as in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its digits.
    pub prefix: Prefix,
    /// Its name.
    pub destination: Name,
    /// Per minute.
    pub rate: Rate,
    /// The same after the first block; none if it is the same.
    pub next_rate: Option<Rate>,
    /// Billing steps, s.
    pub increments: Increments,
    /// Per answered call.
    pub connect_fee: Rate,
    /// At these times of the week only; at all times that no other row of the prefix claims if none.
    pub period: Option<Name>,
    /// In force from here, inclusive; always if none.
    pub effective_from: Option<Wall>,
    /// In force until here, exclusive; for ever if none.
    pub effective_until: Option<Wall>,
}

/// A place in a deck's file and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct DeckError {
    /// From 1.
    pub line: u64,
    /// In bytes, from 1.
    pub column: u64,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A deck in another currency, and no rate to convert it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no conversion rate from {from} to {to} at that time")]
pub struct NoExchange {
    /// The deck's.
    pub from: Currency,
    /// The account's.
    pub to: Currency,
}

/// Something that was put right while loading: the same shape as an error.
pub type Warning = DeckError;

/// What a deck's file does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Decimal places that rates and fees keep, from 5 to 10; what has more is rounded half-up.
    pub rate_places: u32,
    /// Whether a deck may have no rows.
    pub allow_empty: bool,
    /// Whether this version was in force once, so that what is refused of a new one is taken as it is.
    pub archived: bool,
    /// Which way amounts are rounded.
    pub rounding: Rounding,
    /// Parts of the week that rows may name; where two overlap the first counts.
    pub periods: Arc<[Period]>,
}

/// All decks in force, by name, and what converts between their currencies. Immutable: a reload makes a new
/// one.
#[derive(Debug, Clone, Default)]
pub struct Decks {
    by_name: BTreeMap<Name, Arc<Deck>>,
    exchanges: Arc<Exchanges>,
}

/// A row as kept: 24 bytes, with its text and its terms elsewhere, since few differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stored {
    prefix: Prefix,
    rate: Rate,
    destination: u32,
    terms: u32,
}

/// What many rows share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Terms {
    increments: Increments,
    connect_fee: Rate,
    /// In force from here, inclusive, ms since the epoch.
    from: i64,
    /// Until here, exclusive.
    until: i64,
    /// Per minute after the first block, or [`Terms::SAME`].
    next_rate: Rate,
    /// Index of a period, or [`Terms::ALWAYS`].
    period: u16,
}

/// A row seen in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowLine<'a> {
    pub prefix: Prefix,
    pub destination: &'a str,
    pub rate: Rate,
    pub connect_fee: Rate,
    pub increments: Increments,
    /// Rate and increments say all.
    pub plain: bool,
}

/// Where a prefix's rows begin, and in the highest bit whether there are several.
#[derive(Clone, Copy, Debug)]
struct Place(u32);

// === impl Deck ===

impl Deck {
    /// As configured.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Of every rate and fee.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The first eight bytes of the content's SHA-256.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Which way amounts are rounded.
    pub const fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it prices nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows by prefix, then by period, then by start.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.rows.iter().map(|row| self.expand(row))
    }

    /// The price of a call to `number` answered at `at`, in the deck's currency: longest prefix in force
    /// then.
    pub fn price(&self, number: &Number, at: Wall) -> Option<Price> {
        self.row_at(self.find(number.digits(), at)?, at)
    }

    /// The index of the row for a call, for [`Deck::row_at`].
    pub(crate) fn find(&self, digits: &[u8], at: Wall) -> Option<u32> {
        self.index.matches(digits).find_map(|(prefix, place)| self.in_force(prefix, *place, at))
    }

    /// What re-rating needs of a row, without cloning its text.
    pub(crate) fn line_at(&self, at: u32) -> Option<RowLine<'_>> {
        let row = self.rows.get(at as usize)?;
        let (terms, destination) = (self.terms(row), self.destinations.get(row.destination as usize)?);
        let Terms { increments, connect_fee, next_rate, .. } = terms;
        let plain = next_rate == Terms::SAME && self.rounding.is_half_up() && !self.is_timed(at);
        Some(RowLine { prefix: row.prefix, destination, rate: row.rate, connect_fee, increments, plain })
    }

    /// A row as the price of a call answered at `at`.
    pub(crate) fn row_at(&self, at_row: u32, at: Wall) -> Option<Price> {
        let row = self.rows.get(at_row as usize)?;
        let terms = self.terms(row);
        let plain = terms.next_rate == Terms::SAME && self.rounding.is_half_up() && !self.has_periods;
        let tariff = (!plain).then(|| Tariff {
            segments: self.segments(at_row, at),
            exchange: None,
            rounding: self.rounding,
        });
        Some(Price {
            prefix: row.prefix,
            destination: self.destination(row),
            rate: row.rate,
            increments: terms.increments,
            connect_fee: terms.connect_fee,
            currency: self.currency,
            deck: self.name.clone(),
            deck_version: self.version,
            tariff: tariff.filter(|tariff| !tariff.is_plain()).map(Arc::new),
        })
    }

    /// The row of a prefix that counts at `at`: of each period the last that has begun, unless it is over;
    /// the first such period that holds then.
    fn in_force(&self, prefix: Prefix, place: Place, at: Wall) -> Option<u32> {
        if !place.has_several() {
            return self.holds(self.rows.get(place.first() as usize)?, at).then_some(place.first());
        }
        let mut first = place.first();
        loop {
            let rows = self.rows.get(first as usize..)?;
            let period = self.terms(rows.first().filter(|row| row.prefix == prefix)?).period;
            let same = |row: &Stored| row.prefix == prefix && self.terms(row).period == period;
            let begun = rows.partition_point(|row| same(row) && self.terms(row).from <= at.0);
            if let Some(last) = begun.checked_sub(1)
                && self.holds(rows.get(last)?, at)
            {
                return Some(first + u32::try_from(last).ok()?);
            }
            first += u32::try_from(rows.partition_point(same)).ok()?;
        }
    }

    fn holds(&self, row: &Stored, at: Wall) -> bool {
        let terms = self.terms(row);
        (terms.from..terms.until).contains(&at.0)
            && self.period(terms).is_none_or(|period| period.contains(at))
    }

    fn terms(&self, row: &Stored) -> Terms {
        self.terms.get(row.terms as usize).copied().unwrap_or(Terms::NEVER)
    }

    fn destination(&self, row: &Stored) -> Name {
        self.destinations.get(row.destination as usize).cloned().unwrap_or_else(|| Name::from(""))
    }

    fn expand(&self, row: &Stored) -> Row {
        let terms = self.terms(row);
        let Terms { increments, connect_fee, from, until, next_rate, .. } = terms;
        Row {
            prefix: row.prefix,
            destination: self.destination(row),
            rate: row.rate,
            next_rate: (next_rate != Terms::SAME).then_some(next_rate),
            increments,
            connect_fee,
            period: self.period(terms).map(|period| period.name().clone()),
            effective_from: (from != i64::MIN).then_some(Wall(from)),
            effective_until: (until != i64::MAX).then_some(Wall(until)),
        }
    }
}

impl std::fmt::Debug for Deck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deck({} {} v{:016x}, {} rows)", self.name, self.currency, self.version, self.rows.len())
    }
}

// === impl Rules ===

impl Rules {
    /// Of a version that was in force once: its rates are kept to their last digit, and what would be refused
    /// of a new version is not.
    pub const fn archived(rounding: Rounding, periods: Arc<[Period]>) -> Self {
        Self { rate_places: Rate::PLACES, allow_empty: true, archived: true, rounding, periods }
    }
}

impl Default for Rules {
    fn default() -> Self {
        let periods = Arc::default();
        Self {
            rate_places: units::PLACES,
            allow_empty: false,
            archived: false,
            rounding: Rounding::default(),
            periods,
        }
    }
}

// === impl Terms ===

impl Terms {
    /// In force at no instant.
    const NEVER: Self = Self {
        increments: Increments::PER_SECOND,
        connect_fee: Rate::ZERO,
        from: i64::MAX,
        until: i64::MIN,
        next_rate: Self::SAME,
        period: Self::ALWAYS,
    };
    /// No other rate after the first block.
    const SAME: Rate = Rate::new(-1);
    /// No period; the highest, so that such rows stand last.
    const ALWAYS: u16 = u16::MAX;
}

// === impl Place ===

impl Place {
    const SEVERAL: u32 = 1 << 31;

    const fn of(first: u32, several: bool) -> Self {
        Self(if several { first | Self::SEVERAL } else { first })
    }

    const fn first(self) -> u32 {
        self.0 & !Self::SEVERAL
    }

    const fn has_several(self) -> bool {
        self.0 & Self::SEVERAL != 0
    }
}

// === impl Decks ===

impl Decks {
    /// By their names; of two with one name the later wins (the configuration refuses such).
    pub fn new(decks: impl IntoIterator<Item = Arc<Deck>>) -> Self {
        Self { by_name: decks.into_iter().map(|deck| (deck.name.clone(), deck)).collect(), ..Self::default() }
    }

    /// The same with conversion rates.
    #[must_use]
    pub fn with_exchanges(mut self, exchanges: Arc<Exchanges>) -> Self {
        self.exchanges = exchanges;
        self
    }

    /// Every conversion rate.
    pub const fn exchanges(&self) -> &Arc<Exchanges> {
        &self.exchanges
    }

    /// What makes a deck's price one of `currency`, authorized at `at`: nothing if it is the deck's own, else
    /// the rate of that instant. `Err` if there is none: never silently one to one.
    pub fn exchange(
        &self,
        deck: &Deck,
        currency: Currency,
        at: Wall,
    ) -> Result<Option<Exchange>, NoExchange> {
        if deck.currency == currency {
            return Ok(None);
        }
        self.exchanges
            .rate(deck.currency, currency, at)
            .map(Some)
            .ok_or(NoExchange { from: deck.currency, to: currency })
    }

    /// One deck.
    pub fn named(&self, name: &str) -> Option<&Arc<Deck>> {
        self.by_name.get(name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Deck>> {
        self.by_name.values()
    }
}

#[cfg(test)]
mod tests;
