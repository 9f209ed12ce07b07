//! The trial balance: per currency every system account and the sums of customers, buckets and leases. It
//! sums to zero.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Currency, Money};

use crate::{Party, SystemAccount, Transfer};

/// One line of a trial balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialLine {
    /// A system account.
    SystemAccount(SystemAccount),
    /// Free money of all customers.
    Customers,
    /// Free credit in all buckets.
    Buckets,
    /// What running calls hold of either.
    Leases,
}

/// All balances that are not zero, by currency and line, 10⁻⁵ units; above zero is a credit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrialBalance {
    lines: BTreeMap<(Currency, TrialLine), i128>,
}

/// A line as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRow {
    /// Of the balance.
    pub currency: Currency,
    /// A system account, `customers`, `buckets` or `leases`.
    pub account: TrialLine,
    /// What is in it; negative where more left it than came.
    pub balance: String,
}

// === impl TrialBalance ===

impl TrialBalance {
    /// Adds to a line.
    pub fn add(&mut self, currency: Currency, line: TrialLine, amount: i128) {
        let sum = self.lines.entry((currency, line)).or_default();
        *sum += amount;
        if *sum == 0 {
            self.lines.remove(&(currency, line));
        }
    }

    /// From rows as they were written; one whose balance is none counts as zero.
    pub fn of_rows(rows: &[TrialRow]) -> Self {
        let mut trial = Self::default();
        for row in rows {
            let amount = Money::parse(&row.balance, row.currency).map_or(0, |money| money.amount);
            trial.add(row.currency, row.account, i128::from(amount));
        }
        trial
    }

    /// Adds another shard's lines.
    pub fn merge(&mut self, other: &Self) {
        for ((currency, line), amount) in &other.lines {
            self.add(*currency, *line, *amount);
        }
    }

    /// As if a transfer had not been made.
    pub fn take_back(&mut self, transfer: &Transfer) {
        let amount = i128::from(transfer.amount.amount);
        self.add(transfer.amount.currency, TrialLine::of(&transfer.debit), amount);
        self.add(transfer.amount.currency, TrialLine::of(&transfer.credit), -amount);
    }

    /// The lines, currency by currency.
    pub fn lines(&self) -> impl Iterator<Item = (Currency, TrialLine, i128)> {
        self.lines.iter().map(|((currency, line), amount)| (*currency, *line, *amount))
    }

    /// Every line of each currency as written, also those that are zero.
    pub fn rows(&self) -> Vec<TrialRow> {
        let currencies: BTreeSet<Currency> = self.lines.keys().map(|(currency, _)| *currency).collect();
        let all = || {
            SystemAccount::ALL.map(TrialLine::SystemAccount).into_iter().chain([
                TrialLine::Customers,
                TrialLine::Buckets,
                TrialLine::Leases,
            ])
        };
        let row = |currency, account| {
            let amount = self.lines.get(&(currency, account)).copied().unwrap_or_default();
            TrialRow { currency, account, balance: text(amount) }
        };
        currencies.into_iter().flat_map(|currency| all().map(move |account| row(currency, account))).collect()
    }

    /// Per currency the sum over all lines as written; `0.00000`, or the books are broken.
    pub fn sums(&self) -> Vec<(Currency, String)> {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for (currency, _, amount) in self.lines() {
            *sums.entry(currency).or_default() += amount;
        }
        sums.into_iter().map(|(currency, sum)| (currency, text(sum))).collect()
    }
}

/// As money; a sum beyond what one balance can hold is shown by its nearest.
fn text(amount: i128) -> String {
    let nearest = i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX });
    Money::of(nearest, Currency::EUR).to_string()
}

// === impl TrialLine ===

impl TrialLine {
    /// Where a party's money is shown, if no call holds it.
    pub(crate) const fn of(party: &Party) -> Self {
        match party {
            Party::SystemAccount(system_account) => Self::SystemAccount(*system_account),
            Party::Customer(_) => Self::Customers,
            Party::Bucket { .. } => Self::Buckets,
        }
    }
}

impl fmt::Display for TrialLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SystemAccount(system_account) => system_account.name(),
            Self::Customers => "customers",
            Self::Buckets => "pockets",
            Self::Leases => "leases",
        })
    }
}

impl Serialize for TrialLine {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TrialLine {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        match &*text {
            "customers" => Ok(Self::Customers),
            "pockets" => Ok(Self::Buckets),
            "leases" => Ok(Self::Leases),
            system_account => match serde_json::from_value(system_account.into()) {
                Ok(Party::SystemAccount(system_account)) => Ok(Self::SystemAccount(system_account)),
                Ok(Party::Customer(_) | Party::Bucket { .. }) | Err(_) => {
                    Err(D::Error::custom(format_args!("no line of a trial balance: {system_account}")))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_for_people_and_sum() {
        let mut trial = TrialBalance::default();
        for (line, amount) in [
            (TrialLine::SystemAccount(SystemAccount::Payments), -1_000_000),
            (TrialLine::Customers, 900_000),
            (TrialLine::Leases, 100_000),
        ] {
            trial.add(Currency::EUR, line, amount);
        }
        assert_eq!(trial.rows().len(), SystemAccount::ALL.len() + 3);
        let rows: Vec<TrialRow> = trial.rows().into_iter().filter(|row| row.balance != "0.00000").collect();
        let text = serde_json::to_string(&rows).expect("serialises");
        assert_eq!(
            text,
            r#"[{"currency":"EUR","account":"@payments","balance":"-10.00000"},{"currency":"EUR","account":"customers","balance":"9.00000"},{"currency":"EUR","account":"leases","balance":"1.00000"}]"#
        );
        assert_eq!(serde_json::from_str::<Vec<TrialRow>>(&text).expect("reads"), rows);
        assert!(serde_json::from_str::<TrialLine>(r#""acme""#).is_err());
        assert_eq!(trial.sums(), [(Currency::EUR, "0.00000".to_owned())]);
    }
}
