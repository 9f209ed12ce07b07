//! Who is in the books: accounts, their buckets and the system accounts, by name and by place.

use std::collections::BTreeMap;
use std::ops::Bound;

use units::{Currency, Money, Name};

use super::{AccountId, Balance, Books, RANGE, Refused, UNMARKED};
use crate::{Party, SystemAccount};

impl Books {
    /// Opens a customer's account with nothing in it.
    pub fn open(&mut self, name: &Name, currency: Currency, limit: i64) -> Result<AccountId, Refused> {
        if self.customers.contains_key(name) {
            return Err(Refused::AccountExists);
        }
        if !(-RANGE..=RANGE).contains(&limit) {
            return Err(Refused::Overflow);
        }
        let id = self.add(Party::Customer(name.clone()), Balance::empty(currency, limit));
        self.customers.insert(name.clone(), id);
        Ok(id)
    }

    /// Opens a bucket of a customer's account with nothing in it; it has no credit.
    pub fn open_bucket(
        &mut self,
        account: AccountId,
        bucket: &Name,
        currency: Currency,
    ) -> Result<AccountId, Refused> {
        let name = self.name(account).cloned().ok_or(Refused::UnknownAccount)?;
        if self.buckets.contains_key(&(account, bucket.clone())) {
            return Err(Refused::AccountExists);
        }
        let id =
            self.add(Party::Bucket { account: name, bucket: bucket.clone() }, Balance::empty(currency, 0));
        self.buckets.insert((account, bucket.clone()), id);
        Ok(id)
    }

    /// A bucket of a customer's account by name.
    pub fn bucket(&self, account: AccountId, bucket: &Name) -> Option<AccountId> {
        self.buckets.get(&(account, bucket.clone())).copied()
    }

    /// An account's or bucket's name as a side of transfers.
    pub fn party(&self, id: AccountId) -> Option<&Party> {
        self.names.get(id.0 as usize)
    }

    /// A customer's account by name.
    pub fn id(&self, name: &str) -> Option<AccountId> {
        self.customers.get(name).copied()
    }

    /// A customer's name by account.
    pub fn name(&self, id: AccountId) -> Option<&Name> {
        match self.names.get(id.0 as usize) {
            Some(Party::Customer(name)) => Some(name),
            Some(Party::SystemAccount(_) | Party::Bucket { .. }) | None => None,
        }
    }

    /// Customers in the order of their names.
    pub fn customers(&self) -> impl Iterator<Item = (&Name, AccountId)> {
        self.customers.iter().map(|(name, id)| (name, *id))
    }

    /// Customers from a name on, in the order of their names.
    pub fn customers_from(&self, from: Bound<&str>) -> impl Iterator<Item = (&Name, AccountId)> {
        self.customers.range::<str, _>((from, Bound::Unbounded)).map(|(name, id)| (name, *id))
    }

    /// One balance.
    pub fn balance(&self, id: AccountId) -> Option<&Balance> {
        self.balances.get(id.0 as usize)
    }

    /// A system account's posted balance, 10⁻⁵ units.
    pub fn system_account(&self, system_account: SystemAccount, currency: Currency) -> i64 {
        self.system_accounts
            .get(&(currency, system_account))
            .and_then(|id| self.balance(*id))
            .map_or(0, Balance::posted)
    }

    /// Per currency the sum of all posted balances: zero, or the books are broken.
    pub fn sums(&self) -> BTreeMap<Currency, i128> {
        let mut sums = BTreeMap::new();
        for balance in &self.balances {
            *sums.entry(balance.currency).or_insert(0) +=
                i128::from(balance.credits) - i128::from(balance.debits);
        }
        sums
    }

    pub(super) fn resolve(&mut self, party: &Party, currency: Currency) -> Result<AccountId, Refused> {
        match party {
            Party::Customer(name) => self.id(name).ok_or(Refused::UnknownAccount),
            Party::Bucket { account, bucket } => {
                let account = self.id(account).ok_or(Refused::UnknownAccount)?;
                self.bucket(account, bucket).ok_or(Refused::UnknownAccount)
            }
            Party::SystemAccount(system_account) => {
                Ok(match self.system_accounts.get(&(currency, *system_account)) {
                    Some(id) => *id,
                    None => {
                        let id = self.add(party.clone(), Balance::empty(currency, i64::MIN));
                        self.system_accounts.insert((currency, *system_account), id);
                        id
                    }
                })
            }
        }
    }

    fn add(&mut self, party: Party, balance: Balance) -> AccountId {
        let id = AccountId(u32::try_from(self.balances.len()).expect("fewer than 2³² balances"));
        self.balances.push(balance);
        self.marks.push(UNMARKED);
        self.names.push(party);
        id
    }

    /// Per currency what customers and buckets have, reservations included, 10⁻⁵ units: what the system
    /// accounts lack.
    pub fn customers_have(&self) -> BTreeMap<Currency, i64> {
        let mut sums = BTreeMap::new();
        for ((currency, _), id) in &self.system_accounts {
            let sum: &mut i64 = sums.entry(*currency).or_default();
            let posted = self.balance(*id).map_or(0, Balance::posted);
            *sum = sum.checked_sub(posted).expect("customers' money is in range");
        }
        sums
    }

    /// The sums as money, for printing; out of range is clamped, and never zero.
    pub fn sums_as_money(&self) -> Vec<Money> {
        let clamp = |sum: i128| i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX });
        self.sums().into_iter().map(|(currency, sum)| Money::of(clamp(sum), currency)).collect()
    }
}
