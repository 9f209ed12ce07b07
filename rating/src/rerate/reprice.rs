//! By what billed calls are priced anew, tier by tier: a deck in the place of another, all decks of a
//! configuration, or nothing but their own prices again; and by what their carriers would charge.
//!
//! A call is priced at the instant of its answer and converted at the rate of its begin, as it was then. What
//! free minutes paid stays free.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use units::{Currency, Exchanges, Money, Name, Number};

use super::{CallCost, OUT_OF_RANGE};
use crate::cdr::Part;
use crate::price::version_text;
use crate::{Cdr, Deck, Price};

/// Another price for calls that were billed.
#[derive(Clone, Debug, Default)]
pub struct Repricing {
    /// For the tier of the caller, whatever billed it.
    callers: Option<Arc<Deck>>,
    /// For tiers that were billed by the deck of this name.
    named: BTreeMap<Name, Arc<Deck>>,
    others: Others,
    carriers: BTreeMap<Name, Arc<Deck>>,
    exchanges: Arc<Exchanges>,
}

/// What is done with tiers that no deck is given for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Others {
    /// By the price in their record: what comes out is the record's amount, or the record is wrong.
    #[default]
    Again,
    /// They keep their amounts.
    Keep,
    /// All decks are given: theirs is gone.
    Gone,
}

/// What one account was billed for a call.
#[derive(Clone, Debug)]
pub(super) struct Billed<'a> {
    pub account: &'a Name,
    pub destination: &'a Name,
    pub amount: i64,
    pub currency: Currency,
    pub parts: &'a [Part],
    /// Nobody above pays for the call: this is what the operator is paid.
    pub is_top: bool,
    deck: &'a Name,
    /// From the caller's account up.
    nth: usize,
}

/// What it would be billed.
pub(super) struct Anew {
    pub destination: Name,
    pub amount: i64,
    /// Which balances would pay; none where the account's own money pays all.
    pub parts: Vec<Part>,
    /// It keeps its amount: no other price is given for it.
    pub is_kept: bool,
}

// === impl Repricing ===

impl Repricing {
    /// Every tier by the price in its record.
    pub fn again() -> Self {
        Self::default()
    }

    /// The tier of each caller by `deck`; the tiers above keep their amounts.
    pub fn callers(deck: Arc<Deck>, exchanges: Arc<Exchanges>) -> Self {
        Self { callers: Some(deck), others: Others::Keep, exchanges, ..Self::default() }
    }

    /// The tiers that were billed by the deck `name` by `deck`; the others keep their amounts.
    pub fn named(name: Name, deck: Arc<Deck>, exchanges: Arc<Exchanges>) -> Self {
        Self { named: [(name, deck)].into(), others: Others::Keep, exchanges, ..Self::default() }
    }

    /// Every tier by the deck that has the name of the one that billed it.
    pub fn all(decks: impl IntoIterator<Item = Arc<Deck>>, exchanges: Arc<Exchanges>) -> Self {
        let named = decks.into_iter().map(|deck| (deck.name().clone(), deck)).collect();
        Self { named, others: Others::Gone, exchanges, ..Self::default() }
    }

    /// What the carrier `name` charges, by `deck`.
    pub fn with_carrier(&mut self, name: Name, deck: Arc<Deck>) {
        if self.others == Others::Again {
            self.others = Others::Keep;
        }
        self.carriers.insert(name, deck);
    }

    /// The deck that stands for the one of this name.
    pub fn deck(&self, name: &str) -> Option<&Arc<Deck>> {
        self.named.get(name)
    }

    /// The prices in 16 hex digits: the deck's version if there is but one for callers, else a hash of which
    /// decks stand for what. Carriers are not in it: what customers owe does not depend on them.
    pub fn version(&self) -> Name {
        if let (Some(deck), true) = (&self.callers, self.named.is_empty()) {
            return version_text(deck.version());
        }
        let mut hasher = Sha256::new();
        for (name, deck) in &self.named {
            hasher.update(format!("{name}\n{}\n", version_text(deck.version())));
        }
        let hash: [u8; 32] = hasher.finalize().into();
        version_text(hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
    }

    /// Whether it may ask for other amounts than were billed.
    pub fn corrects(&self) -> bool {
        self.callers.is_some() || !self.named.is_empty()
    }

    /// What an account would be billed for a call.
    pub(super) fn anew(&self, cdr: &Cdr, billed: &Billed<'_>) -> Result<Anew, &'static str> {
        let kept = || {
            let (destination, parts) = (billed.destination.clone(), billed.parts.to_vec());
            Anew { destination, amount: billed.amount, parts, is_kept: true }
        };
        if cdr.is_free() {
            return Ok(kept());
        }
        let deck = self.named.get(billed.deck).or(self.callers.as_ref().filter(|_| billed.nth == 0));
        let price = match (deck, self.others) {
            (Some(deck), _) => self.price(cdr, deck, billed.currency)?,
            (None, Others::Again) => billed.price(cdr).ok_or("the record has no whole price")?,
            (None, Others::Keep) => return Ok(kept()),
            (None, Others::Gone) => return Err("its deck is not there any more"),
        };
        price.checked_charge(cdr.duration_ms).ok_or(OUT_OF_RANGE)?;
        let parts = repriced(billed.parts, &price, price.billed_seconds(cdr.duration_ms));
        let amount = match billed.parts {
            [] => price.cost(price.billed_seconds(cdr.duration_ms)),
            _ => parts
                .iter()
                .filter(|part| part.currency != Currency::SEC)
                .fold(0_i64, |sum, part| sum.saturating_add(part.amount)),
        };
        Ok(Anew { destination: price.destination.clone(), amount, parts, is_kept: false })
    }

    /// What a call was billed and is to cost, for every account that it is priced anew for.
    pub fn costs<'a>(&'a self, cdr: &'a Cdr) -> impl Iterator<Item = (&'a Name, Currency, CallCost)> {
        let call = cdr.id.parse().ok().filter(|_| cdr.answered_at.is_some());
        let billed = call.into_iter().flat_map(|call| Billed::of(cdr).map(move |billed| (call, billed)));
        billed.filter_map(|(call, billed)| {
            let anew = self.anew(cdr, &billed).ok().filter(|anew| !anew.is_kept)?;
            Some((
                billed.account,
                billed.currency,
                CallCost { call, billed: billed.amount, cost: anew.amount },
            ))
        })
    }

    /// What the carrier would charge; the cost in the record if no deck of it is given, nothing if that is
    /// not known.
    pub(super) fn cost(&self, cdr: &Cdr) -> Option<Result<Money, &'static str>> {
        let old = cdr.cost.zip(cdr.cost_currency).map(|(amount, currency)| Money::of(amount, currency));
        let Some(deck) = cdr.carrier.as_ref().and_then(|carrier| self.carriers.get(carrier)) else {
            return old.map(Ok);
        };
        // Its leg lasts until it is torn down.
        let leg_ms = cdr.duration_ms.saturating_add(cdr.teardown_ms);
        let price = find(cdr, deck);
        Some(price.and_then(|price| Ok(price.checked_charge(leg_ms).ok_or(OUT_OF_RANGE)?.amount)))
    }

    fn price(&self, cdr: &Cdr, deck: &Deck, currency: Currency) -> Result<Price, &'static str> {
        let price = find(cdr, deck)?;
        if price.currency == currency {
            return Ok(price);
        }
        let exchange =
            self.exchanges.rate(price.currency, currency, cdr.started_at).ok_or("no conversion rate")?;
        Ok(price.exchanged(Some(exchange)))
    }
}

fn find(cdr: &Cdr, deck: &Deck) -> Result<Price, &'static str> {
    let number: Number = cdr.called_e164.parse().map_err(|_| "the number is not 1 to 15 digits")?;
    cdr.answered_at.and_then(|at| deck.price(&number, at)).ok_or("no price")
}

/// `parts` at another price: each balance keeps its seconds, in their order, until the call is over; seconds
/// that nobody paid yet are the account's own money's. Each amount is rounded once, and the fee is due with
/// the first that is money.
fn repriced(parts: &[Part], price: &Price, billed: u64) -> Vec<Part> {
    if parts.is_empty() {
        return Vec::new();
    }
    let (mut from, mut with_fee) = (0, true);
    let mut anew: Vec<Part> = Vec::with_capacity(parts.len() + 1);
    let mut pay = |bucket: Option<Name>, currency: Currency, until: u64| {
        let seconds = until.saturating_sub(from);
        let amount = if currency == Currency::SEC {
            i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(units::SCALE)
        } else {
            let amount = price.cost_between(from, until, with_fee);
            with_fee &= seconds == 0;
            amount
        };
        from = until.max(from);
        anew.push(Part { bucket, seconds, amount, currency });
    };
    let mut end = 0_u64;
    for (nth, part) in parts.iter().enumerate() {
        let is_last_money = nth + 1 == parts.len() && part.bucket.is_none();
        end = if is_last_money { billed } else { end.saturating_add(part.seconds).min(billed) };
        pay(part.bucket.clone(), part.currency, end);
    }
    if end < billed {
        pay(None, price.currency, billed);
    }
    anew
}

// === impl Billed ===

impl<'a> Billed<'a> {
    /// Every account that paid for a call, from the caller's up.
    pub(super) fn of(cdr: &'a Cdr) -> impl Iterator<Item = Self> {
        let own = Self {
            account: &cdr.account,
            destination: &cdr.destination,
            amount: cdr.amount,
            currency: cdr.currency,
            parts: &cdr.parts,
            is_top: cdr.tiers.is_empty(),
            deck: &cdr.deck,
            nth: 0,
        };
        let above = cdr.tiers.iter().zip(1..).map(|(tier, nth)| Self {
            account: &tier.account,
            destination: &tier.destination,
            amount: tier.amount,
            currency: tier.currency,
            parts: &tier.parts,
            is_top: nth == cdr.tiers.len(),
            deck: &tier.deck,
            nth,
        });
        std::iter::once(own).chain(above)
    }

    /// That of the record.
    fn price(&self, cdr: &Cdr) -> Option<Price> {
        match self.nth.checked_sub(1) {
            None => cdr.price(),
            Some(above) => cdr.tiers.get(above)?.price(),
        }
    }
}

#[cfg(test)]
mod tests {
    use units::Wall;

    use super::*;

    fn price(rows: &str) -> Price {
        let csv = format!("prefix,destination,rate,initial,increment,connect_fee\n{rows}");
        let (deck, _) = Deck::load("new", Currency::EUR, csv.as_bytes()).expect("a good deck");
        deck.price(&"3902".parse().expect("a number"), Wall(0)).expect("a price")
    }

    /// `free 120, promo 60, - 60`: bucket and seconds; buckets named `free` are minutes.
    fn parts(text: &str) -> Vec<Part> {
        let one = |part: &str| {
            let (bucket, seconds) = part.split_once(' ').expect("a pocket and seconds");
            let currency = if bucket == "free" { Currency::SEC } else { Currency::EUR };
            Part {
                bucket: (bucket != "-").then(|| bucket.into()),
                seconds: seconds.parse().expect("seconds"),
                amount: 0,
                currency,
            }
        };
        text.split(", ").map(one).collect()
    }

    /// RULES X7 and what follows from it: what was free stays free, what is more is money, what is less is
    /// not paid from the end.
    #[test]
    fn each_balance_keeps_its_seconds() {
        #[rustfmt::skip]
        let table = [
            // paid then                     billed now   paid now
            ("free 120, - 120",              240,         "free 120 120.00000, - 120 0.21000"),
            ("- 60, free 120, - 60",         240,         "- 60 0.11000, free 120 120.00000, - 60 0.10000"),
            ("free 120, - 120",              181,         "free 120 120.00000, - 61 0.11167"),
            ("free 120, - 120",              300,         "free 120 120.00000, - 180 0.31000"),
            ("free 120, - 120",              60,          "free 60 60.00000, - 0 0.00000"),
            ("free 120",                     180,         "free 120 120.00000, - 60 0.11000"),
            ("promo 60, free 60",            180,         "promo 60 0.11000, free 60 60.00000, - 60 0.10000"),
            ("promo 60",                     30,          "promo 30 0.06000"),
            ("promo 60, - 60",               0,           "promo 0 0.00000, - 0 0.00000"),
        ];
        let price = price("39,Italy,0.10,1,1,0.01\n");
        for (then, billed, now) in table {
            let money = |part: &Part| format!("{} {}", part.seconds, Money::of(part.amount, part.currency));
            let line = |part: &Part| format!("{} {}", part.bucket.as_deref().unwrap_or("-"), money(part));
            let found: Vec<_> = repriced(&parts(then), &price, billed).iter().map(line).collect();
            assert_eq!(found.join(", "), now, "{then}, {billed} s");
        }
    }
}
