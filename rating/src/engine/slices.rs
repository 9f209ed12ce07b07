//! Balances lent by a central ledger: booked here as any other money, and given back when another node wants them.

use ledger::{AccountId, Lent, Posted, Record, RecordBody, Refused, SliceMoved};
use units::{Currency, Money, Name, Now};

use super::lease::Tier;
use super::{Engine, Refusal};
use crate::slices::{Grant, grant_transfer, return_transfer, spare};

// === impl Engine ===

impl Engine {
    /// The balances are lent, and may be trusted so far. Calls that waited for that may try again.
    pub fn set_lent(&mut self, lent: Lent) {
        let was_open = self.books.lent().is_none_or(|lent| lent.open);
        self.books.set_lent(lent);
        if lent.open && !was_open {
            let waiting: Vec<AccountId> = self.waiting.keys().copied().collect();
            waiting.into_iter().for_each(|account| self.freed(account));
        }
    }

    /// An account whose calls found it short by so much (10⁻⁵ units), or, with 0, left little in it.
    pub fn poll_wish(&mut self) -> Option<(Name, i64)> {
        loop {
            let (id, short) = self.books.pop_wish()?;
            // Pockets are not lent.
            if let Some(name) = self.books.name(id) {
                return Some((name.clone(), short));
            }
        }
    }

    /// One more block does not fit into a tier: noted for the central ledger, if there is one, and why the call is refused.
    pub(super) fn found_short(&mut self, tier: &Tier) -> Refusal {
        self.books.wish(tier.account, self.short_by(tier));
        match self.books.lent() {
            Some(lent) if !(lent.open && lent.reachable) => Refusal::LedgerAway,
            Some(_) | None => Refusal::NoCredit,
        }
    }

    /// What is lacking in a tier's account for one more increment, 10⁻⁵ units.
    pub(super) fn short_by(&self, tier: &Tier) -> i64 {
        let (price, from) = (&tier.price, tier.leased_secs());
        let more = price.cost(price.next_boundary(from)).saturating_sub(price.cost(from));
        more.saturating_sub(self.books.balance(tier.account).map_or(0, |balance| balance.available()))
    }

    /// Books a grant once: the record for the journal; none if it is booked already. The account has to be open.
    pub fn book_slice(&mut self, now: Now, grant: &Grant, currency: Currency) -> Result<Option<Record>, Refused> {
        let id = self.books.id(&grant.account).ok_or(Refused::UnknownAccount)?;
        let transfer = grant_transfer(grant, currency);
        match self.books.post(&transfer)? {
            Posted::Before { .. } => Ok(None),
            Posted::Now => {
                self.wake(id);
                Ok(Some(Record::new(now.wall, grant.account.clone(), RecordBody::Slice(SliceMoved { transfer }))))
            }
        }
    }

    /// Gives back what is [`spare`] of an account, under a name that is used once: the record for the journal, none if nothing is.
    pub fn return_slice(&mut self, now: Now, account: &Name, name: &str) -> Option<Record> {
        let balance = self.books.id(account).and_then(|id| self.books.balance(id)).copied()?;
        let amount = spare(balance.available(), balance.reserved);
        if amount == 0 {
            return None;
        }
        let transfer = return_transfer(account, Money::of(amount, balance.currency), name);
        // It is free and the name is new.
        self.books.post(&transfer).ok().filter(|posted| *posted == Posted::Now)?;
        Some(Record::new(now.wall, account.clone(), RecordBody::Slice(SliceMoved { transfer })))
    }
}
