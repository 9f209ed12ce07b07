//! The list of what a new version of a deck changes, as customers are told of it: all that changes what they
//! pay, the first rows of it.

use ledger::{PeriodTimes, RateChange, RateTerms, RatesChange, RoundingChange, Times};
use rating::deck::{Paid, PriceChange, RuleChanges, price_changes};
use rating::{Deck, price};
use units::{Name, Period, Wall};

/// Changes listed; the rest are counted. The whole list follows from the two versions, which are kept.
const CHANGES_MAX: usize = 500;

/// What to tell of a new version; nothing if calls are priced as before.
pub(super) fn of(old: &Deck, new: &Deck, since: Wall) -> Option<RatesChange> {
    let (all, rules) = (price_changes(old, new, since), RuleChanges::of(old, new));
    if all.is_empty() && rules.is_empty() {
        return None;
    }
    let more = all.len().saturating_sub(CHANGES_MAX) as u64;
    let changes: Vec<RateChange> = all.into_iter().take(CHANGES_MAX).map(change).collect();
    Some(RatesChange {
        deck: new.name().clone(),
        version: price::version_text(new.version()),
        periods: periods(old, new, &changes, &rules),
        changes,
        more,
        currency: new.currency(),
        old_currency: Some(old.currency()).filter(|currency| *currency != new.currency()),
        rounding: rules.rounding.map(|(old, new)| RoundingChange { old, new }),
        order: rules.order,
        shared: false,
    })
}

fn change(change: PriceChange) -> RateChange {
    let PriceChange { prefix, destination, period, old, new, from } = change;
    let (rate, terms) =
        (|paid: Option<Paid>| paid.map(|paid| paid.rate), |paid: Option<Paid>| paid.map(terms));
    RateChange {
        prefix,
        destination,
        period,
        old: rate(old),
        new: rate(new),
        old_terms: terms(old),
        new_terms: terms(new),
        from,
    }
}

fn terms(paid: Paid) -> RateTerms {
    RateTerms {
        initial: paid.steps.0,
        increment: paid.steps.1,
        next_rate: (paid.next_rate != paid.rate).then_some(paid.next_rate),
        connect_fee: (!paid.connect_fee.is_zero()).then_some(paid.connect_fee),
    }
}

/// Of the periods in the list, and of those that are at other times; of a period that is gone the times that
/// it had.
fn periods(old: &Deck, new: &Deck, changes: &[RateChange], rules: &RuleChanges) -> Vec<PeriodTimes> {
    let (before, now) = (old.named_periods(), new.named_periods());
    let listed = |name: &Name| changes.iter().any(|change| change.period.as_ref() == Some(name));
    let other = |name: &Name| rules.periods.iter().find(|change| change.new.name() == name);
    let gone = before.iter().filter(|period| !now.iter().any(|kept| kept.name() == period.name()));
    let all = now.iter().chain(gone).map(|period| (period.name(), period, other(period.name())));
    let told = all.filter(|(name, _, other)| other.is_some() || listed(name));
    told.map(|(name, period, other)| PeriodTimes {
        period: name.clone(),
        old: other.map(|change| times(&change.old)),
        new: times(period),
    })
    .collect()
}

fn times(period: &Period) -> Times {
    Times {
        days: period.days(),
        from: period.from(),
        until: period.until(),
        zone: period.zone().name().clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rating::deck::Rules;
    use units::{Currency, Rounding};

    use super::*;

    const SINCE: Wall = Wall(7);

    fn deck(rows: impl IntoIterator<Item = String>) -> Deck {
        by(&Rules::default(), Currency::EUR, &rows.into_iter().collect::<String>())
    }

    fn by(rules: &Rules, currency: Currency, rows: &str) -> Deck {
        let csv = format!(
            "prefix,destination,rate,initial,increment,connect_fee,next_rate,period,effective_from,effective_until\n{rows}"
        );
        Deck::load_by("retail", currency, rules, csv.as_bytes()).expect("a good deck").0
    }

    fn peak(from: u32) -> Rules {
        let period = Period::new("peak", Arc::new(units::Zone::utc()), 0b001_1111, from * 3_600, 20 * 3_600)
            .expect("a period");
        Rules { periods: vec![period].into(), ..Rules::default() }
    }

    fn cents(units: i32) -> Option<units::Rate> {
        Some(units::Rate::of_units(units))
    }

    #[test]
    fn it_lists_old_new_and_date_and_counts_what_it_does_not_list() {
        let row = |rate: &'static str| move |n: i32| format!("{n},D{n},{rate},1,1,,,,,\n");
        let old = deck((100..800).map(row("0.02")));
        assert_eq!(of(&old, &deck((100..800).map(row("0.020"))), SINCE), None);
        let list = of(&old, &deck((100..800).map(row("0.03"))), SINCE).expect("prices changed");
        assert_eq!((list.changes.len(), list.more, list.count(), list.version.len()), (500, 200, 700, 16));
        let first = &list.changes[0];
        assert_eq!(
            (first.prefix.to_string().as_str(), first.old, first.new, first.from),
            ("100", cents(2_000), cents(3_000), SINCE)
        );
        let later =
            "55,Brazil,0.02,1,1,,,,,2026-04-01T00:00:00Z\n55,Brazil,0.03,1,1,,,,2026-04-01T00:00:00Z,\n";
        let list = of(&deck(["55,Brazil,0.02,1,1,,,,,\n".to_owned()]), &deck([later.to_owned()]), SINCE)
            .expect("prices change");
        assert_eq!(Some(list.changes[0].from), Wall::parse("2026-04-01T00:00:00Z"));
    }

    /// Whatever changes what a customer pays is told, also if the rate stays.
    #[test]
    fn everything_that_is_paid_is_in_it() {
        let plain = "55,Brazil,0.02,30,6,,,,,\n";
        for (row, terms) in [
            (
                "55,Brazil,0.02,60,6,,,,,\n",
                RateTerms { initial: 60, increment: 6, next_rate: None, connect_fee: None },
            ),
            (
                "55,Brazil,0.02,30,6,0.05,,,,\n",
                RateTerms { initial: 30, increment: 6, next_rate: None, connect_fee: cents(5_000) },
            ),
            (
                "55,Brazil,0.02,30,6,,0.01,,,\n",
                RateTerms { initial: 30, increment: 6, next_rate: cents(1_000), connect_fee: None },
            ),
        ] {
            let list = of(&deck([plain.to_owned()]), &deck([row.to_owned()]), SINCE).expect("it is told");
            let change = &list.changes[0];
            assert_eq!(
                (change.old, change.new, change.new_terms),
                (cents(2_000), cents(2_000), Some(terms)),
                "{row}"
            );
        }
        let rows = "55,Brazil,0.02,1,1,,,,,\n55,Brazil,0.04,1,1,,,peak,,\n";
        let hours =
            of(&by(&peak(8), Currency::EUR, rows), &by(&peak(9), Currency::EUR, rows), SINCE).expect("hours");
        let times =
            |hour: u32| Times { days: 0b001_1111, from: hour * 3_600, until: 72_000, zone: "UTC".into() };
        assert_eq!(
            hours.periods,
            [PeriodTimes { period: "peak".into(), old: Some(times(8)), new: times(9) }]
        );
        assert!(hours.changes.is_empty());
        // A row with a period is told with its times, one that goes, too.
        for (old, new) in [(plain, rows), (rows, plain)] {
            let list = of(&by(&peak(8), Currency::EUR, old), &by(&peak(8), Currency::EUR, new), SINCE)
                .expect("prices");
            assert_eq!(
                list.periods,
                [PeriodTimes { period: "peak".into(), old: None, new: times(8) }],
                "{new}"
            );
        }
        let up = Rules { rounding: Rounding::Up, ..Rules::default() };
        let rounding =
            of(&deck([plain.to_owned()]), &by(&up, Currency::EUR, plain), SINCE).expect("rounding").rounding;
        assert_eq!(rounding, Some(RoundingChange { old: Rounding::HalfUp, new: Rounding::Up }));
        let dollars = of(&deck([plain.to_owned()]), &by(&Rules::default(), Currency::USD, plain), SINCE)
            .expect("a currency");
        assert_eq!(
            (dollars.old_currency, dollars.currency, dollars.changes.len()),
            (Some(Currency::EUR), Currency::USD, 1)
        );
    }
}
