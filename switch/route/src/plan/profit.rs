//! What carriers charge beside what the call brings, also where the two are in different currencies: the one
//! place where they are compared.

use rating::ProfitGuard;
use units::{Currency, Exchange, Rate, Rounding, Wall};

use super::terms::{Cost, Costs, Network, Sale, Step};

/// A carrier's cost beside what the call brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Profit {
    /// It costs no more than it brings, or nobody looks, or nobody knows what it costs.
    Fine,
    /// It costs more.
    Loss,
    /// Cost and price are in two currencies between which no rate leads.
    Unknown,
}

// === impl Network ===

impl Network<'_> {
    pub(super) fn profit(&self, cost: Option<Cost>, at: Wall) -> Profit {
        let guarded = self.sale.filter(|sale| sale.guard != ProfitGuard::Off);
        let Some((sale, cost)) = guarded.zip(cost) else { return Profit::Fine };
        match self.loses(&sale, &cost, at) {
            Some(true) => Profit::Loss,
            Some(false) => Profit::Fine,
            None => Profit::Unknown,
        }
    }

    /// Exact: the side that is converted is rounded away from a false verdict. Whichever way a rate leads is
    /// taken, that of the cost first.
    fn loses(&self, sale: &Sale, cost: &Cost, at: Wall) -> Option<bool> {
        if cost.currency == sale.currency {
            return Some(cost.minute > sale.minute);
        }
        if let Some(exchange) = self.costs.exchange(cost.currency, sale.currency, at) {
            return Some(converted(&exchange, cost.minute, Rounding::Up) > sale.minute);
        }
        let exchange = self.costs.exchange(sale.currency, cost.currency, at)?;
        Some(cost.minute > converted(&exchange, sale.minute, Rounding::Down))
    }

    /// Puts the cheapest first; those whose cost is not known, or cannot be compared, stay last in their
    /// order.
    pub(super) fn by_cost(&self, steps: &mut [Step], at: Wall) {
        let Some(currency) = self.common(steps) else { return };
        let key = |step: &Step| {
            let minute = step.cost.and_then(|cost| match cost.currency == currency {
                true => Some(cost.minute),
                false => {
                    let exchange = self.costs.exchange(cost.currency, currency, at);
                    exchange.map(|exchange| converted(&exchange, cost.minute, Rounding::HalfUp))
                }
            });
            minute.unwrap_or(Rate::new(i64::MAX))
        };
        steps.sort_by_key(key);
    }

    /// The currency in which costs are compared: theirs if they have one, else the price's, else that of the
    /// first.
    fn common(&self, steps: &[Step]) -> Option<Currency> {
        let mut currencies = steps.iter().filter_map(|step| step.cost).map(|cost| cost.currency);
        let first = currencies.next()?;
        if currencies.all(|currency| currency == first) {
            Some(first)
        } else {
            Some(self.sale.map_or(first, |sale| sale.currency))
        }
    }
}

/// Conversion to the last place of a rate.
fn converted(exchange: &Exchange, rate: Rate, rounding: Rounding) -> Rate {
    Rate::new(exchange.converted(rate.count(), rounding))
}

/// The decks of the configuration: one minute is priced as any call is.
impl Costs for rating::Decks {
    fn cost(&self, deck: &str, number: &units::Number, at: Wall) -> Option<Cost> {
        let price = self.named(deck)?.price(number, at)?;
        Some(Cost { rate: price.rate, minute: price.minute(), currency: price.currency })
    }

    fn exchange(&self, from: Currency, to: Currency, at: Wall) -> Option<units::Exchange> {
        self.exchanges().rate(from, to, at)
    }
}
