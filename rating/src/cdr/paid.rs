//! Who paid for a call, and by which price: the balances of an account, and the accounts above it.

use std::sync::Arc;

use ledger::{PriceRow, Segment, Tariff};
use serde::{Deserialize, Serialize};
use units::{Currency, Exchange, ExchangeRate, Name, Rate, Rounding, Wall};

use super::text::{time_opt, units_text};
use crate::Price;
use crate::engine::{PaidPart, PaidTier};

/// What one balance paid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Which bucket; the account's own money if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "pocket")]
    pub bucket: Option<Name>,
    /// Billed seconds that this balance paid.
    pub seconds: u64,
    /// Money; the same seconds with five places where `currency` is `SEC`.
    #[serde(with = "units_text")]
    pub amount: i64,
    /// Of the amount.
    pub currency: Currency,
}

/// What an account above paid for the same call, by its own price list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tier {
    /// The account's name.
    pub account: Name,
    /// The name of the deck that it is billed by.
    pub deck: Name,
    /// Its content hash, 16 hex digits.
    pub deck_version: String,
    /// Digits of the row.
    pub prefix: String,
    /// The name of the deck's row, as `Spain`.
    #[serde(default)]
    pub destination: Name,
    /// Per minute at the answer, in the deck's currency.
    pub rate: Rate,
    /// Seconds of the first block; 0 in a record that does not tell.
    #[serde(default)]
    pub initial: u32,
    /// Seconds of each next block.
    #[serde(default)]
    pub increment: u32,
    /// Once per answered call, in the deck's currency.
    #[serde(default, skip_serializing_if = "Rate::is_zero")]
    pub connect_fee: Rate,
    /// Seconds billed by its own increments.
    pub billed_seconds: u64,
    /// What it paid in money, 10⁻⁵ units of its currency.
    #[serde(with = "units_text")]
    pub amount: i64,
    /// Of the amount.
    pub currency: Currency,
    /// Of rate and fee, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deck_currency: Option<Currency>,
    /// How many of `currency` one of `deck_currency` is, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange_rate: Option<ExchangeRate>,
    /// Since when that rate counts.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time_opt")]
    pub exchange_at: Option<Wall>,
    /// What was billed at which rate, where one rate and its increments do not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
    /// How the amount was rounded.
    #[serde(default, skip_serializing_if = "Rounding::is_half_up")]
    pub rounding: Rounding,
    /// Which balances paid which seconds; absent where the account's own money paid all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// What a price has beside its row.
pub(super) struct Beside<'a> {
    /// That of the amount, if it is not said.
    pub deck_currency: Option<Currency>,
    pub exchange: (Option<ExchangeRate>, Option<Wall>),
    pub segments: &'a [Segment],
    pub rounding: Rounding,
}

// === impl Part ===

impl Part {
    pub(super) fn of(paid: &PaidPart) -> Self {
        let PaidPart { bucket, seconds, amount } = paid;
        Self { bucket: bucket.clone(), seconds: *seconds, amount: amount.amount, currency: amount.currency }
    }
}

// === impl Tier ===

impl Tier {
    pub(crate) fn of(paid: &PaidTier) -> Self {
        let PaidTier { account, price, billed_seconds, amount, parts } = paid;
        let exchange = price.exchange();
        let has_bucket = parts.iter().any(|part| part.bucket.is_some());
        Self {
            account: account.clone(),
            deck: price.deck.clone(),
            deck_version: crate::price::version_text(price.deck_version).to_string(),
            prefix: price.prefix.to_string(),
            destination: price.destination.clone(),
            rate: price.rate,
            initial: price.increments.initial(),
            increment: price.increments.increment(),
            connect_fee: price.connect_fee,
            billed_seconds: *billed_seconds,
            amount: amount.amount,
            currency: amount.currency,
            deck_currency: exchange.map(|exchange| exchange.from),
            exchange_rate: exchange.map(|exchange| exchange.rate),
            exchange_at: exchange.map(|exchange| exchange.at),
            segments: price
                .segments()
                .iter()
                .take_while(|segment| segment.from < *billed_seconds)
                .cloned()
                .collect(),
            rounding: price.rounding(),
            parts: if has_bucket { parts.iter().map(Part::of).collect() } else { Vec::new() },
        }
    }

    /// The price that it was billed by, from the record alone; none if its fields do not make one.
    pub fn price(&self) -> Option<Price> {
        let row = PriceRow {
            prefix: self.prefix.parse().ok()?,
            destination: self.destination.clone(),
            rate: self.rate,
            initial: self.initial,
            increment: self.increment,
            connect_fee: self.connect_fee,
            currency: self.currency,
            deck: self.deck.clone(),
            deck_version: self.deck_version.as_str().into(),
            tariff: None,
        };
        let exchange = (self.exchange_rate, self.exchange_at);
        Beside {
            deck_currency: self.deck_currency,
            exchange,
            segments: &self.segments,
            rounding: self.rounding,
        }
        .price(row)
    }
}

// === impl Beside ===

impl Beside<'_> {
    /// The whole price; none if the parts do not fit.
    pub(super) fn price(self, row: PriceRow) -> Option<Price> {
        let deck_currency = self.deck_currency.unwrap_or(row.currency);
        let exchange = match self.exchange {
            (Some(rate), Some(at)) => Some(Exchange { from: deck_currency, to: row.currency, rate, at }),
            _ if deck_currency == row.currency => None,
            _ => return None,
        };
        let tariff = Tariff { segments: self.segments.to_vec(), exchange, rounding: self.rounding };
        Price::from_row(&PriceRow { tariff: (!tariff.is_plain()).then(|| Arc::new(tariff)), ..row }).ok()
    }
}
