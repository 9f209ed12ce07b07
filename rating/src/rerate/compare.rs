//! Calls that were billed, priced anew: what every account, destination and carrier would have paid more or
//! less, in every tier.
//!
//! Invariant: accounts, destinations, carriers and the total are the same sum, cut in four ways.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use units::{Currency, Money, Name};

use super::reprice::{Anew, Billed, Repricing};
use crate::Cdr;
use crate::cdr::Part;

/// Calls of one account, destination or carrier. Sums in 10⁻⁵ units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// How many calls, each counted once.
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
    /// By account: callers, and the accounts above that paid for the same calls.
    pub accounts: Differences,
    /// By account, bucket (an empty name for the account's own money) and currency, where buckets paid;
    /// minutes in [`Currency::SEC`].
    pub balances: BTreeMap<(Name, Name, Currency), Difference>,
    /// By destination of the new price.
    pub destinations: Differences,
    /// By carrier; an empty name for calls without one.
    pub carriers: Differences,
    /// Per currency what all accounts paid.
    pub total: BTreeMap<Currency, Difference>,
    /// Per currency what the operator is paid: by the topmost account of each call.
    pub revenue: BTreeMap<Currency, Difference>,
    /// By carrier what it charges, where that is known.
    pub costs: Differences,
    /// What an answered call cost without a new price, in no other sum, by reason and currency; `new` is 0.
    pub unpriced: BTreeMap<(&'static str, Currency), Difference>,
    /// Whose amounts count; all if none.
    only: Option<Name>,
}

// === impl Comparison ===

impl Comparison {
    /// Of what one account paid, for its own calls and for those below it.
    pub fn of_account(account: Name) -> Self {
        Self { only: Some(account), ..Self::default() }
    }

    /// Prices one call anew, in every tier. Calls that were not answered cost nothing either way and are not
    /// counted.
    pub fn add(&mut self, cdr: &Cdr, by: &Repricing) {
        if cdr.answered_at.is_none() {
            return;
        }
        let only = self.only.clone();
        let mut seen = Seen::default();
        for billed in Billed::of(cdr).filter(|billed| only.as_ref().is_none_or(|only| only == billed.account))
        {
            match by.anew(cdr, &billed) {
                Err(reason) => {
                    self.unpriced.entry((reason, billed.currency)).or_default().add(true, billed.amount, 0)
                }
                Ok(anew) => self.add_tier(cdr, &billed, &anew, &mut seen),
            }
        }
        if self.only.is_none() {
            self.add_cost(cdr, by);
        }
    }

    fn add_tier(&mut self, cdr: &Cdr, billed: &Billed<'_>, anew: &Anew, seen: &mut Seen) {
        let (old, new, currency) = (billed.amount, anew.amount, billed.currency);
        self.accounts.entry((billed.account.clone(), currency)).or_default().add(true, old, new);
        if !billed.parts.is_empty() {
            self.add_parts(billed, &anew.parts);
        }
        // A call counts once, however many accounts paid for it.
        let destination = (anew.destination.clone(), currency);
        self.destinations.entry(destination.clone()).or_default().add(
            !seen.destinations.contains(&destination),
            old,
            new,
        );
        let is_first = !seen.currencies.contains(&currency);
        self.carriers.entry((carrier(cdr), currency)).or_default().add(is_first, old, new);
        self.total.entry(currency).or_default().add(is_first, old, new);
        if billed.is_top {
            self.revenue.entry(currency).or_default().add(true, old, new);
        }
        seen.destinations.push(destination);
        seen.currencies.push(currency);
    }

    fn add_parts(&mut self, billed: &Billed<'_>, anew: &[Part]) {
        let mut sums: BTreeMap<(Name, Currency), (i64, i64)> = BTreeMap::new();
        let key = |part: &Part| (part.bucket.clone().unwrap_or_default(), part.currency);
        for part in billed.parts {
            let (old, _) = sums.entry(key(part)).or_default();
            *old = old.saturating_add(part.amount);
        }
        for part in anew {
            let (_, new) = sums.entry(key(part)).or_default();
            *new = new.saturating_add(part.amount);
        }
        for ((bucket, currency), (old, new)) in sums {
            self.balances.entry((billed.account.clone(), bucket, currency)).or_default().add(true, old, new);
        }
    }

    fn add_cost(&mut self, cdr: &Cdr, by: &Repricing) {
        let old = cdr.cost.zip(cdr.cost_currency).map(|(amount, currency)| Money::of(amount, currency));
        match by.cost(cdr) {
            None => {}
            Some(Ok(new)) => {
                let old = old.unwrap_or(Money::zero(new.currency));
                if old.currency == new.currency {
                    self.costs
                        .entry((carrier(cdr), new.currency))
                        .or_default()
                        .add(true, old.amount, new.amount);
                    return;
                }
                // Two currencies are two sums.
                self.costs.entry((carrier(cdr), old.currency)).or_default().add(true, old.amount, 0);
                self.costs.entry((carrier(cdr), new.currency)).or_default().add(true, 0, new.amount);
            }
            Some(Err(_)) => {
                let old = old.unwrap_or(Money::zero(cdr.currency));
                self.unpriced
                    .entry(("the carrier's deck has no price", old.currency))
                    .or_default()
                    .add(true, old.amount, 0);
            }
        }
    }

    /// What each account is owed (above zero) or owes (below), without those that nothing changes for.
    pub fn corrections(&self) -> impl Iterator<Item = (&Name, Money, &Difference)> {
        let owed = self.accounts.iter().filter(|(_, sum)| sum.more() != 0);
        owed.map(|((account, currency), sum)| {
            (account, Money::of(sum.more().saturating_neg(), *currency), sum)
        })
    }
}

/// What one call was counted under so far.
#[derive(Default)]
struct Seen {
    destinations: SmallVec<[(Name, Currency); 2]>,
    currencies: SmallVec<[Currency; 2]>,
}

fn carrier(cdr: &Cdr) -> Name {
    cdr.carrier.clone().unwrap_or_default()
}

// === impl Difference ===

impl Difference {
    /// What the new price is above the old one.
    pub const fn more(&self) -> i64 {
        self.new.saturating_sub(self.old)
    }

    fn add(&mut self, counts: bool, old: i64, new: i64) {
        self.calls += u64::from(counts);
        self.old = self.old.saturating_add(old);
        self.new = self.new.saturating_add(new);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ledger::CallId;
    use units::{Exchange, Exchanges, Wall};

    use super::*;
    use crate::Deck;
    use crate::cdr::Tier;
    use crate::engine::PaidTier;

    fn deck(name: &str, currency: Currency, rows: &str) -> Arc<Deck> {
        let csv = format!("prefix,destination,rate,initial,increment,connect_fee\n{rows}");
        Arc::new(Deck::load(name, currency, csv.as_bytes()).expect("a good deck").0)
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
        Cdr {
            answered_at: Some(at),
            duration_ms: seconds * 1_000,
            amount: charge.amount.amount,
            carrier,
            called_e164,
            ..cdr
        }
    }

    /// The same call paid by an account above.
    fn above(mut cdr: Cdr, deck: &Deck, account: &str) -> Cdr {
        let price = deck.price(&cdr.called_e164.parse().expect("a number"), cdr.started_at).expect("a price");
        let charge = price.charge(cdr.duration_ms);
        let paid = PaidTier {
            account: account.into(),
            billed_seconds: charge.billed_seconds,
            amount: charge.amount,
            price,
            parts: SmallVec::new(),
        };
        cdr.tiers.push(Tier::of(&paid));
        cdr
    }

    fn sums(differences: &Differences) -> Vec<String> {
        let line = |((name, currency), d): (&(Name, Currency), &Difference)| {
            format!("{name} {currency} {} {} {}", d.calls, d.old, d.new)
        };
        differences.iter().map(line).collect()
    }

    fn compare(calls: &[Cdr], by: &Repricing) -> Comparison {
        let mut comparison = Comparison::default();
        calls.iter().for_each(|call| comparison.add(call, by));
        comparison
    }

    fn owed(comparison: &Comparison) -> Vec<String> {
        comparison.corrections().map(|(name, money, _)| format!("{name} {money}")).collect()
    }

    #[test]
    fn yesterdays_calls_at_tomorrows_prices() {
        let old = deck("old", Currency::EUR, "34,Spain,0.12345,30,6\n49,Germany,0.1,1,1\n");
        let new = deck("new", Currency::EUR, "3,Europe,0.2,60,60\n");
        let calls = [
            call(&old, "acme", "34911", 31),
            call(&old, "acme", "34912", 61),
            call(&old, "bolt", "34913", 0),
            call(&old, "bolt", "4930", 60),
        ];
        let comparison = compare(&calls, &Repricing::callers(new, Arc::default()));
        // 0.07407 + 0.13580 against 0.2 + 0.4; Germany has no price.
        assert_eq!(sums(&comparison.accounts), ["acme EUR 2 20987 60000", "bolt EUR 1 0 0"]);
        assert_eq!(sums(&comparison.destinations), ["Europe EUR 3 20987 60000"]);
        assert_eq!(sums(&comparison.carriers), ["alpha EUR 3 20987 60000"]);
        assert_eq!(
            comparison.unpriced[&("no price", Currency::EUR)],
            Difference { calls: 1, old: 10_000, new: 0 }
        );
        assert_eq!(owed(&comparison), ["acme -0.39013"]);
        let same = compare(&calls, &Repricing::again());
        assert_eq!((same.corrections().count(), same.total[&Currency::EUR].calls), (0, 4));
    }

    #[test]
    fn converted_at_the_rate_of_the_begin_or_not_at_all() {
        let (euros, dollars) = (
            deck("old", Currency::EUR, "34,Spain,0.1,60,60\n"),
            deck("new", Currency::USD, "34,Spain,0.1,60,60\n"),
        );
        let call = call(&euros, "acme", "34911", 60);
        let none =
            compare(std::slice::from_ref(&call), &Repricing::callers(Arc::clone(&dollars), Arc::default()));
        assert_eq!(
            none.unpriced.keys().map(|(reason, _)| *reason).collect::<Vec<_>>(),
            ["no conversion rate"]
        );
        let rate = |text: &str, at| Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: text.parse().expect("a rate"),
            at: Wall(at),
        };
        let exchanges = Exchanges::new([rate("0.9", 0), rate("0.5", call.started_at.0 + 1)]);
        let some = compare(&[call], &Repricing::callers(dollars, Arc::new(exchanges)));
        assert_eq!(sums(&some.accounts), ["acme EUR 1 10000 9000"]);
    }

    /// A reseller pays 0.06 a minute by the second and sells at 0.10 by the minute; what it pays becomes
    /// 0.05, or what it sells 0.12.
    #[test]
    fn every_tier_is_compared_by_the_deck_that_billed_it() {
        let retail = deck("retail", Currency::EUR, "34,Spain,0.10,60,60\n");
        let wholesale = deck("wholesale", Currency::EUR, "34,Spain mobile,0.06,1,1\n");
        let calls = [
            above(call(&retail, "res:shop", "34911", 90), &wholesale, "res"),
            above(call(&retail, "res:till", "34912", 30), &wholesale, "res"),
            call(&wholesale, "res", "34913", 60),
        ];
        let again = compare(&calls, &Repricing::again());
        assert_eq!(
            sums(&again.accounts),
            ["res EUR 3 18000 18000", "res:shop EUR 1 20000 20000", "res:till EUR 1 10000 10000"]
        );
        assert_eq!(again.total[&Currency::EUR], Difference { calls: 3, old: 48_000, new: 48_000 });
        assert_eq!(again.revenue[&Currency::EUR], Difference { calls: 3, old: 18_000, new: 18_000 });

        let cheaper = deck("next", Currency::EUR, "34,Spain,0.05,1,1\n");
        let named =
            compare(&calls, &Repricing::named("wholesale".into(), Arc::clone(&cheaper), Arc::default()));
        assert_eq!(owed(&named), ["res 0.03000"], "the customers keep what they paid");
        assert_eq!(named.revenue[&Currency::EUR].more(), -3_000);
        assert_eq!(sums(&named.destinations), ["Spain EUR 3 48000 45000"]);
        let dearer = deck("retail", Currency::EUR, "34,Spain,0.12,60,60\n");
        let callers = compare(&calls[..2], &Repricing::callers(Arc::clone(&dearer), Arc::default()));
        assert_eq!(owed(&callers), ["res:shop -0.04000", "res:till -0.02000"]);
        assert_eq!(callers.revenue[&Currency::EUR].more(), 0, "the reseller's business");

        let cheaper = deck("wholesale", Currency::EUR, "34,Spain,0.05,1,1\n");
        let by = Repricing::all([dearer, cheaper], Arc::default());
        assert_eq!(owed(&compare(&calls, &by)), ["res 0.03000", "res:shop -0.04000", "res:till -0.02000"]);
        let mut one = Comparison::of_account("res".into());
        calls.iter().for_each(|call| one.add(call, &by));
        assert_eq!((owed(&one), one.total[&Currency::EUR].calls), (vec!["res 0.03000".to_owned()], 3));
        let gone = compare(&calls, &Repricing::all([retail], Arc::default()));
        assert_eq!(gone.unpriced[&("its deck is not there any more", Currency::EUR)].old, 18_000);
    }

    #[test]
    fn a_carrier_by_another_deck() {
        let retail = deck("retail", Currency::EUR, "34,Spain,0.10,1,1\n");
        let of = |account: &str, carrier: &str, cost| {
            let carrier = Some(Name::from(carrier));
            // A second of tear-down is the carrier's, too.
            Cdr {
                carrier,
                cost,
                cost_currency: cost.and(Some(Currency::EUR)),
                teardown_ms: 1_000,
                ..call(&retail, account, "34911", 59)
            }
        };
        let calls =
            [of("acme", "alpha", Some(3_000)), of("acme", "beta", Some(2_000)), of("acme", "gamma", None)];
        let mut by = Repricing::again();
        by.with_carrier("alpha".into(), deck("alpha", Currency::EUR, "34,Spain,0.04,60,60\n"));
        let found = compare(&calls, &by);
        assert_eq!(sums(&found.costs), ["alpha EUR 1 3000 4000", "beta EUR 1 2000 2000"]);
        assert_eq!((found.corrections().count(), by.corrects()), (0, false));
        by.with_carrier("beta".into(), deck("beta", Currency::USD, "34,Spain,0.01,1,1\n"));
        by.with_carrier("gamma".into(), deck("gamma", Currency::EUR, "35,Portugal,0.01,1,1\n"));
        let found = compare(&calls, &by);
        assert_eq!(sums(&found.costs), ["alpha EUR 1 3000 4000", "beta EUR 1 2000 0", "beta USD 1 0 1000"]);
        assert_eq!(found.unpriced[&("the carrier's deck has no price", Currency::EUR)].calls, 1);
    }

    /// RULES X7: 2 free minutes, 0.10 a minute 60/60, 181 s are 120 s free and 120 s billed.
    #[test]
    fn free_seconds_stay_free() {
        let list = deck("retail", Currency::EUR, "39,Italy,0.10,60,60,0.01\n");
        let part = |bucket: Option<&str>, seconds, amount| Part {
            bucket: bucket.map(Name::from),
            seconds,
            amount,
            currency: if bucket.is_some() { Currency::SEC } else { Currency::EUR },
        };
        let mut call = call(&list, "acme", "3902", 181);
        call.amount = 21_000;
        call.parts = vec![part(Some("free"), 120, 12_000_000), part(None, 120, 21_000)];
        let same = compare(std::slice::from_ref(&call), &Repricing::again());
        assert_eq!(sums(&same.accounts), ["acme EUR 1 21000 21000"]);
        // By the second 59 s less are billed; what was free stays so.
        let fine = compare(
            &[call],
            &Repricing::callers(deck("fine", Currency::EUR, "39,Italy,0.10,1,1\n"), Arc::default()),
        );
        assert_eq!(sums(&fine.accounts), ["acme EUR 1 21000 10167"]);
        let balances: Vec<_> = fine
            .balances
            .iter()
            .map(|((_, bucket, _), sum)| format!("{bucket} {} {}", sum.old, sum.new))
            .collect();
        assert_eq!(balances, [" 21000 10167", "free 12000000 12000000"]);
    }
}
