//! Calls that were billed, priced anew by another deck or version: what each account, destination and carrier would have paid more or less.
//!
//! A call is priced at the instant of its answer and converted at the rate of its begin, as it was then. What free minutes paid stays free.

use std::collections::BTreeMap;

use units::{Currency, Exchanges, Money, Name, Number};

use crate::{Cdr, Deck, Price};

/// By what the calls are priced.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// The price in each record: what comes out is the record's amount, or the record is wrong.
    Record,
    /// A deck, converted to each call's currency.
    Deck(&'a Deck, &'a Exchanges),
}

/// Calls of one account, destination or carrier. Sums in 10⁻⁵ units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// How many.
    pub calls: u64,
    /// What they cost.
    pub old: i64,
    /// What they would.
    pub new: i64,
}

/// Sums by a name and a currency.
pub type Differences = BTreeMap<(Name, Currency), Difference>;

/// All calls of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// By account.
    pub accounts: Differences,
    /// By destination of the new price.
    pub destinations: Differences,
    /// By carrier; an empty name for calls without one.
    pub carriers: Differences,
    /// Per currency.
    pub total: BTreeMap<Currency, Difference>,
    /// Answered calls without a new price, in no other sum, by reason and currency; `new` is 0.
    pub unpriced: BTreeMap<(&'static str, Currency), Difference>,
}

/// What a billed call costs by a price.
fn amount(cdr: &Cdr, price: &Price) -> i64 {
    let billed = price.billed_seconds(cdr.duration_ms);
    if cdr.parts.is_empty() {
        return price.cost(billed);
    }
    if cdr.parts.iter().map(|part| part.seconds).sum::<u64>() != billed {
        let free: u64 = cdr.parts.iter().filter(|part| part.currency == Currency::SEC).map(|part| part.seconds).sum();
        return price.cost_between(free.min(billed), billed, true);
    }
    // Each balance pays its own seconds, and each amount is rounded once; the fee is due with the first that is money.
    let (mut from, mut sum, mut with_fee) = (0, 0_i64, true);
    for part in &cdr.parts {
        let until = from + part.seconds;
        if part.currency != Currency::SEC {
            sum = sum.saturating_add(price.cost_between(from, until, with_fee));
            with_fee = false;
        }
        from = until;
    }
    sum
}

// === impl By ===

impl By<'_> {
    fn price(self, cdr: &Cdr) -> Result<Price, &'static str> {
        let (deck, exchanges) = match self {
            Self::Record => return cdr.price().ok_or("the record has no whole price"),
            Self::Deck(deck, exchanges) => (deck, exchanges),
        };
        let number: Number = cdr.called_e164.parse().map_err(|_| "the number is not 1 to 15 digits")?;
        let price = cdr.answered_at.and_then(|at| deck.price(&number, at)).ok_or("no price")?;
        if price.currency == cdr.currency {
            return Ok(price);
        }
        let exchange = exchanges.rate(price.currency, cdr.currency, cdr.started_at).ok_or("no conversion rate")?;
        Ok(price.exchanged(Some(exchange)))
    }
}

// === impl Comparison ===

impl Comparison {
    /// Prices one call anew. Calls that were not answered cost nothing either way and are not counted.
    pub fn add(&mut self, cdr: &Cdr, by: By<'_>) {
        if cdr.answered_at.is_none() {
            return;
        }
        let price = match by.price(cdr) {
            Ok(price) => price,
            Err(reason) => return self.unpriced.entry((reason, cdr.currency)).or_default().add(cdr.amount, 0),
        };
        let (old, new) = (cdr.amount, amount(cdr, &price));
        let carrier = cdr.carrier.clone().unwrap_or_else(|| Name::from(""));
        self.accounts.entry((cdr.account.clone(), cdr.currency)).or_default().add(old, new);
        self.destinations.entry((price.destination.clone(), cdr.currency)).or_default().add(old, new);
        self.carriers.entry((carrier, cdr.currency)).or_default().add(old, new);
        self.total.entry(cdr.currency).or_default().add(old, new);
    }

    /// What each account is owed (above zero) or owes (below), without those that nothing changes for.
    pub fn corrections(&self) -> impl Iterator<Item = (&Name, Money, &Difference)> {
        let owed = self.accounts.iter().filter(|(_, sum)| sum.more() != 0);
        owed.map(|((account, currency), sum)| (account, Money::of(sum.more().saturating_neg(), *currency), sum))
    }
}

// === impl Difference ===

impl Difference {
    /// What the new price is above the old one.
    pub const fn more(&self) -> i64 {
        self.new.saturating_sub(self.old)
    }

    fn add(&mut self, old: i64, new: i64) {
        self.calls += 1;
        self.old = self.old.saturating_add(old);
        self.new = self.new.saturating_add(new);
    }
}

#[cfg(test)]
mod tests {
    use ledger::CallId;
    use units::{Exchange, Wall};

    use super::*;
    use crate::cdr::Part;

    fn deck(currency: Currency, rows: &str) -> Deck {
        let csv = format!("prefix,destination,rate,initial,increment,connect_fee\n{rows}");
        Deck::load("new", currency, csv.as_bytes()).expect("a good deck").0
    }

    /// A call of so many seconds, billed by `deck`.
    fn call(deck: &Deck, account: &str, number: &str, seconds: u64) -> Cdr {
        let at = Wall(1_780_000_000_000);
        let price = deck.price(&number.parse().expect("a number"), at).expect("a price");
        let mut cdr = Cdr::new(CallId(7), &"sw1".into(), &account.into(), &"pbx".into(), deck.currency(), at);
        let charge = price.charge(seconds * 1_000);
        cdr.set_billed(&price, charge.billed_seconds);
        let carrier = Some(Name::from("alpha"));
        let called_e164 = number.to_owned();
        Cdr { answered_at: Some(at), duration_ms: seconds * 1_000, amount: charge.amount.amount, carrier, called_e164, ..cdr }
    }

    fn sums(differences: &Differences) -> Vec<String> {
        let line = |((name, currency), d): (&(Name, Currency), &Difference)| format!("{name} {currency} {} {} {}", d.calls, d.old, d.new);
        differences.iter().map(line).collect()
    }

    #[test]
    fn yesterdays_calls_at_tomorrows_prices() {
        let (old, new) = (deck(Currency::EUR, "34,Spain,0.12345,30,6\n49,Germany,0.1,1,1\n"), deck(Currency::EUR, "3,Europe,0.2,60,60\n"));
        let calls = [
            call(&old, "acme", "34911", 31),
            call(&old, "acme", "34912", 61),
            call(&old, "bolt", "34913", 0),
            call(&old, "bolt", "4930", 60),
        ];
        let mut comparison = Comparison::default();
        for call in &calls {
            comparison.add(call, By::Deck(&new, &Exchanges::default()));
        }
        // 0.07407 + 0.13580 against 0.2 + 0.4; Germany has no price.
        assert_eq!(sums(&comparison.accounts), ["acme EUR 2 20987 60000", "bolt EUR 1 0 0"]);
        assert_eq!(sums(&comparison.destinations), ["Europe EUR 3 20987 60000"]);
        assert_eq!(sums(&comparison.carriers), ["alpha EUR 3 20987 60000"]);
        assert_eq!(comparison.unpriced[&("no price", Currency::EUR)], Difference { calls: 1, old: 10_000, new: 0 });
        let corrections: Vec<_> = comparison.corrections().map(|(name, money, _)| format!("{name} {money}")).collect();
        assert_eq!(corrections, ["acme -0.39013"]);
        let mut same = Comparison::default();
        for call in &calls {
            same.add(call, By::Record);
        }
        assert_eq!((same.corrections().count(), same.total[&Currency::EUR].calls), (0, 4));
    }

    #[test]
    fn converted_at_the_rate_of_the_begin_or_not_at_all() {
        let (euros, dollars) = (deck(Currency::EUR, "34,Spain,0.1,60,60\n"), deck(Currency::USD, "34,Spain,0.1,60,60\n"));
        let call = call(&euros, "acme", "34911", 60);
        let mut comparison = Comparison::default();
        comparison.add(&call, By::Deck(&dollars, &Exchanges::default()));
        assert_eq!(comparison.unpriced.keys().map(|(reason, _)| *reason).collect::<Vec<_>>(), ["no conversion rate"]);
        let rate = |text: &str, at| Exchange { from: Currency::USD, to: Currency::EUR, rate: text.parse().expect("a rate"), at: Wall(at) };
        let exchanges = Exchanges::new([rate("0.9", 0), rate("0.5", call.started_at.0 + 1)]);
        comparison.add(&call, By::Deck(&dollars, &exchanges));
        assert_eq!(sums(&comparison.accounts), ["acme EUR 1 10000 9000"]);
    }

    /// RULES X7: 2 free minutes, 0.10 a minute 60/60, 181 s are 120 s free and 120 s billed.
    #[test]
    fn free_seconds_stay_free() {
        let deck = deck(Currency::EUR, "39,Italy,0.10,60,60,0.01\n");
        let part = |seconds, currency| Part { pocket: None, seconds, amount: 0, currency };
        let mut call = call(&deck, "acme", "3902", 181);
        call.parts = vec![part(120, Currency::SEC), part(120, Currency::EUR)];
        let price = call.price().expect("a price");
        assert_eq!(amount(&call, &price), 21_000);
        call.parts = vec![part(60, Currency::EUR), part(120, Currency::SEC), part(60, Currency::EUR)];
        assert_eq!(amount(&call, &price), 21_000);
        // By the second 61 s less are billed; what was free stays so.
        let fine = self::deck(Currency::EUR, "39,Italy,0.10,1,1\n").price(&"3902".parse().expect("a number"), Wall(0)).expect("a price");
        assert_eq!(amount(&call, &fine), 10_167);
    }
}
