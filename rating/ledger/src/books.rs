//! The books of one shard: every account's balance, and the four movements: reserve, post, void, and posting without a reservation.
//!
//! Each movement checks in a fixed order, each check with a named result; after the line "must succeed" nothing fails.
//! Invariant: posted balances sum to zero per currency; usage never takes a balance below its limit.

mod request;
mod state;

use std::collections::BTreeMap;
use std::ops::Bound;

use units::{Currency, Money, Name};

use crate::lent::{Lending, Lent};
use crate::{House, Key, Party, Purpose, Transfer};

pub use request::{Outcome, Request, Settles};
pub use state::{AccountImage, BalanceImage, GivenImage};

/// An account's place in these books.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountId(u32);

/// One account's money, in 10⁻⁵ units of its currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Balance {
    /// What the amounts count.
    pub currency: Currency,
    /// Sum of all credits ever posted.
    pub credits: i64,
    /// Sum of all debits ever posted.
    pub debits: i64,
    /// Held for calls in progress.
    pub reserved: i64,
    /// Usage may take the balance down to here: 0, or below zero where credit is given.
    pub limit: i64,
}

/// What a posting did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Posted {
    /// It moved money.
    Now,
    /// The same transfer was posted before: nothing changed.
    Before {
        /// The posted balance of the customer's account or pocket right after the first time, 10⁻⁵ units.
        balance_after: i64,
    },
}

/// Why a movement was not made. In the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key was used for another transfer.
    #[error("the idempotency key was used before with other content: use a new key")]
    KeyReused,
    /// Zero or negative.
    #[error("the amount must be above zero")]
    AmountNotPositive,
    /// From an account to itself.
    #[error("debit and credit are the same account")]
    SameParty,
    /// No such customer here.
    #[error("unknown account")]
    UnknownAccount,
    /// The account is there already.
    #[error("the account exists already")]
    AccountExists,
    /// The account holds another currency.
    #[error("the account is in another currency: convert at a dated rate first")]
    CurrencyMismatch,
    /// More than is free.
    #[error("not enough money in the account")]
    ExceedsAvailable,
    /// More than was reserved for it.
    #[error("more than was reserved")]
    ExceedsReserved,
    /// More than a balance can hold.
    #[error("the balance would be out of range")]
    Overflow,
    /// Nothing has this key.
    #[error("no movement has this key")]
    NoMovement,
    /// Booked, rejected, or never announced.
    #[error("the payment is not pending")]
    NotPending,
    /// Undone before, under another key.
    #[error("it was reversed before")]
    Reversed,
    /// What the central ledger lent is used up or its time is over, and it does not answer.
    #[error("this node's part of the balance has ended and the central ledger does not answer")]
    SliceEnded,
}

/// All accounts of a shard.
#[derive(Debug, Clone, Default)]
pub struct Books {
    balances: Vec<Balance>,
    names: Vec<Party>,
    customers: BTreeMap<Name, AccountId>,
    houses: BTreeMap<(Currency, House), AccountId>,
    pockets: BTreeMap<(AccountId, Name), AccountId>,
    lending: Lending,
    /// Transfers whose key came from outside: small and kept for ever.
    given: BTreeMap<(AccountId, Key), Given>,
    /// What became of movements that were not the last word, under the key of the movement.
    outcomes: BTreeMap<(AccountId, Key), Outcome>,
}

/// A transfer whose key came from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    transfer: Transfer,
    /// How the customer paid, if that was said.
    method: Option<Name>,
    /// The customer's posted balance right after it, 10⁻⁵ units.
    balance_after: i64,
}

// === impl Balance ===

impl Balance {
    const fn empty(currency: Currency, limit: i64) -> Self {
        Self { currency, credits: 0, debits: 0, reserved: 0, limit }
    }

    /// The posted balance.
    pub const fn posted(&self) -> i64 {
        self.credits.saturating_sub(self.debits)
    }

    /// What usage may still take: posted − reserved − limit; negative in debt.
    pub const fn available(&self) -> i64 {
        self.posted().saturating_sub(self.reserved).saturating_sub(self.limit)
    }
}

// === impl Books ===

impl Books {
    /// Opens a customer's account with nothing in it.
    pub fn open(&mut self, name: &Name, currency: Currency, limit: i64) -> Result<AccountId, Refused> {
        if self.customers.contains_key(name) {
            return Err(Refused::AccountExists);
        }
        let id = self.add(Party::Customer(name.clone()), Balance::empty(currency, limit));
        self.customers.insert(name.clone(), id);
        Ok(id)
    }

    /// Opens a pocket of a customer's account with nothing in it; it has no credit.
    pub fn open_pocket(&mut self, account: AccountId, pocket: &Name, currency: Currency) -> Result<AccountId, Refused> {
        let name = self.name(account).cloned().ok_or(Refused::UnknownAccount)?;
        if self.pockets.contains_key(&(account, pocket.clone())) {
            return Err(Refused::AccountExists);
        }
        let id = self.add(Party::Pocket { account: name, pocket: pocket.clone() }, Balance::empty(currency, 0));
        self.pockets.insert((account, pocket.clone()), id);
        Ok(id)
    }

    /// A pocket of a customer's account by name.
    pub fn pocket(&self, account: AccountId, pocket: &Name) -> Option<AccountId> {
        self.pockets.get(&(account, pocket.clone())).copied()
    }

    /// An account's or pocket's name as a side of transfers.
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
            Some(Party::House(_) | Party::Pocket { .. }) | None => None,
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

    /// A house account's posted balance, 10⁻⁵ units.
    pub fn house(&self, house: House, currency: Currency) -> i64 {
        self.houses.get(&(currency, house)).and_then(|id| self.balance(*id)).map_or(0, Balance::posted)
    }

    /// Per currency the sum of all posted balances: zero, or the books are broken.
    pub fn sums(&self) -> BTreeMap<Currency, i128> {
        let mut sums = BTreeMap::new();
        for balance in &self.balances {
            *sums.entry(balance.currency).or_insert(0) += i128::from(balance.credits) - i128::from(balance.debits);
        }
        sums
    }

    /// Changes how far usage may go.
    pub fn set_limit(&mut self, id: AccountId, limit: i64) -> Result<(), Refused> {
        self.balance_mut(id)?.limit = limit;
        Ok(())
    }

    /// Holds `amount` for usage to come. Nothing is always free.
    pub fn reserve(&mut self, id: AccountId, amount: i64) -> Result<(), Refused> {
        let balance = self.balance(id).ok_or(Refused::UnknownAccount)?;
        match amount {
            0 => return Ok(()),
            ..0 => return Err(Refused::AmountNotPositive),
            1.. => {}
        }
        let available = balance.available();
        self.lending.judge(id, amount, available)?;
        // Must succeed: amount + reserved cannot exceed what is posted.
        let balance = self.balance_mut(id)?;
        balance.reserved = balance.reserved.saturating_add(amount);
        Ok(())
    }

    /// The balances are lent by a central ledger from now on, and may be trusted so far.
    pub const fn set_lent(&mut self, lent: Lent) {
        self.lending.lent = Some(lent);
    }

    /// How far lent balances may be trusted; none if the balances are the books' own.
    pub const fn lent(&self) -> Option<Lent> {
        self.lending.lent
    }

    /// An account was found short by so much, 10⁻⁵ units. Noted only where balances are lent.
    pub fn wish(&mut self, id: AccountId, short: i64) {
        self.lending.wish(id, short);
    }

    /// An account or pocket that a reservation found short by so much (10⁻⁵ units), or, with 0, left little in.
    pub fn pop_wish(&mut self) -> Option<(AccountId, i64)> {
        self.lending.pop_wish()
    }

    /// Gives back what was held; never more than is held.
    pub fn void(&mut self, id: AccountId, amount: i64) -> Result<(), Refused> {
        let balance = self.balance_mut(id)?;
        if amount < 0 {
            return Err(Refused::AmountNotPositive);
        }
        if amount > balance.reserved {
            return Err(Refused::ExceedsReserved);
        }
        // Must succeed.
        balance.reserved -= amount;
        Ok(())
    }

    /// Posts usage of at most `reserved`, all of which is given back.
    pub fn post_reserved(&mut self, transfer: &Transfer, reserved: i64) -> Result<Posted, Refused> {
        let (debit, credit) = self.check(transfer)?;
        if transfer.amount.amount > reserved {
            return Err(Refused::ExceedsReserved);
        }
        self.check_range(debit, credit, transfer.amount.amount)?;
        self.void(debit, reserved)?;
        // Must succeed: the range was checked and the reservation is released.
        self.apply(debit, credit, transfer);
        Ok(Posted::Now)
    }

    /// Posts what was not reserved. Usage must fit into what is available; other purposes may lead into debt.
    pub fn post(&mut self, transfer: &Transfer) -> Result<Posted, Refused> {
        if let Some(before) = self.posted_before(transfer)? {
            return Ok(before);
        }
        let (debit, credit) = self.check(transfer)?;
        let amount = transfer.amount.amount;
        if transfer.purpose == Purpose::Usage && self.balance(debit).is_some_and(|balance| amount > balance.available()) {
            return Err(Refused::ExceedsAvailable);
        }
        self.check_range(debit, credit, amount)?;
        // Must succeed.
        self.apply(debit, credit, transfer);
        Ok(Posted::Now)
    }

    /// Posts what the journal says was posted: all checks but those of what was free at that time.
    pub fn repost(&mut self, transfer: &Transfer) -> Result<(), Refused> {
        if self.posted_before(transfer)?.is_some() {
            return Err(Refused::KeyReused);
        }
        let (debit, credit) = self.check(transfer)?;
        self.check_range(debit, credit, transfer.amount.amount)?;
        // Must succeed.
        self.apply(debit, credit, transfer);
        Ok(())
    }

    /// Whether a movement of this account has this key from outside.
    pub fn knows(&self, account: AccountId, key: &Key) -> bool {
        self.given.contains_key(&(account, key.clone()))
    }

    fn posted_before(&self, transfer: &Transfer) -> Result<Option<Posted>, Refused> {
        let Some(customer) = transfer.customer().and_then(|name| self.id(name)) else {
            return Ok(None);
        };
        match self.given.get(&(customer, transfer.key.clone())) {
            None => Ok(None),
            Some(first) if first.transfer == *transfer && first.method.is_none() => {
                Ok(Some(Posted::Before { balance_after: first.balance_after }))
            }
            Some(_) => Err(Refused::KeyReused),
        }
    }

    fn check(&mut self, transfer: &Transfer) -> Result<(AccountId, AccountId), Refused> {
        if transfer.amount.amount <= 0 {
            return Err(Refused::AmountNotPositive);
        }
        if transfer.debit == transfer.credit {
            return Err(Refused::SameParty);
        }
        let currency = transfer.amount.currency;
        let debit = self.resolve(&transfer.debit, currency)?;
        let credit = self.resolve(&transfer.credit, currency)?;
        for id in [debit, credit] {
            if self.balance(id).is_none_or(|balance| balance.currency != currency) {
                return Err(Refused::CurrencyMismatch);
            }
        }
        Ok((debit, credit))
    }

    fn check_range(&self, debit: AccountId, credit: AccountId, amount: i64) -> Result<(), Refused> {
        let fits = |id, side: fn(&Balance) -> i64| self.balance(id).and_then(|balance| side(balance).checked_add(amount)).is_some();
        if fits(debit, |balance| balance.debits) && fits(credit, |balance| balance.credits) { Ok(()) } else { Err(Refused::Overflow) }
    }

    fn apply(&mut self, debit: AccountId, credit: AccountId, transfer: &Transfer) {
        self.shift(debit, credit, transfer.amount.amount);
        if let (Key::Opening | Key::Given(_) | Key::Part(..), Some(owner)) =
            (&transfer.key, transfer.customer().and_then(|name| self.id(name)))
        {
            let theirs = if transfer.debit.account().is_some() { debit } else { credit };
            let balance_after = self.balance(theirs).map_or(0, Balance::posted);
            self.keep(owner, transfer, None, balance_after);
        }
    }

    fn shift(&mut self, debit: AccountId, credit: AccountId, amount: i64) {
        if let Some(balance) = self.balances.get_mut(debit.0 as usize) {
            balance.debits += amount;
        }
        if let Some(balance) = self.balances.get_mut(credit.0 as usize) {
            balance.credits += amount;
        }
    }

    fn keep(&mut self, owner: AccountId, transfer: &Transfer, method: Option<&Name>, balance_after: i64) {
        let given = Given { transfer: transfer.clone(), method: method.cloned(), balance_after };
        self.given.insert((owner, transfer.key.clone()), given);
    }

    fn resolve(&mut self, party: &Party, currency: Currency) -> Result<AccountId, Refused> {
        match party {
            Party::Customer(name) => self.id(name).ok_or(Refused::UnknownAccount),
            Party::Pocket { account, pocket } => {
                let account = self.id(account).ok_or(Refused::UnknownAccount)?;
                self.pocket(account, pocket).ok_or(Refused::UnknownAccount)
            }
            Party::House(house) => Ok(match self.houses.get(&(currency, *house)) {
                Some(id) => *id,
                None => {
                    let id = self.add(party.clone(), Balance::empty(currency, i64::MIN));
                    self.houses.insert((currency, *house), id);
                    id
                }
            }),
        }
    }

    fn add(&mut self, party: Party, balance: Balance) -> AccountId {
        let id = AccountId(u32::try_from(self.balances.len()).unwrap_or(u32::MAX));
        self.balances.push(balance);
        self.names.push(party);
        id
    }

    fn balance_mut(&mut self, id: AccountId) -> Result<&mut Balance, Refused> {
        self.balances.get_mut(id.0 as usize).ok_or(Refused::UnknownAccount)
    }

    /// The sums as money, for printing; out of range is clamped, and never zero.
    pub fn sums_as_money(&self) -> Vec<Money> {
        let clamp = |sum: i128| i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX });
        self.sums().into_iter().map(|(currency, sum)| Money::of(clamp(sum), currency)).collect()
    }
}

#[cfg(test)]
mod tests;
