//! The movements of one balance or two: reserve, void, post. Each checks first; after the line "must succeed"
//! nothing fails.

use units::Name;

use super::{AccountId, Balance, Books, Given, Posted, RANGE, Refused, SLICES_MAX};
use crate::{Key, Party, Purpose, Transfer};

impl Books {
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
        self.change(id, |balance| {
            balance.reserved = balance.reserved.checked_add(amount).expect("both are within what is posted")
        });
        Ok(())
    }

    /// Gives back what was held; never more than is held.
    pub fn void(&mut self, id: AccountId, amount: i64) -> Result<(), Refused> {
        let balance = self.balance(id).ok_or(Refused::UnknownAccount)?;
        if amount < 0 {
            return Err(Refused::AmountNotPositive);
        }
        if amount > balance.reserved {
            return Err(Refused::ExceedsReserved);
        }
        // Must succeed.
        self.change(id, |balance| balance.reserved -= amount);
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
        if transfer.purpose == Purpose::Usage
            && self.balance(debit).is_some_and(|balance| amount > balance.available())
        {
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

    pub(super) fn check(&mut self, transfer: &Transfer) -> Result<(AccountId, AccountId), Refused> {
        // A service may be free; its key is kept all the same.
        if transfer.amount.amount < 0 || (transfer.amount.amount == 0 && transfer.purpose != Purpose::Charge)
        {
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

    pub(super) fn check_range(
        &self,
        debit: AccountId,
        credit: AccountId,
        amount: i64,
    ) -> Result<(), Refused> {
        let fits = |id, side: fn(&mut Balance) -> &mut i64| {
            let Some(mut after) = self.balance(id).copied() else { return false };
            let Some(sum) = side(&mut after).checked_add(amount) else { return false };
            *side(&mut after) = sum;
            // System accounts have no limit, and sum up what all customers did.
            matches!(self.party(id), Some(Party::SystemAccount(_)))
                || (-RANGE..=RANGE).contains(&after.posted())
        };
        if fits(debit, |balance| &mut balance.debits) && fits(credit, |balance| &mut balance.credits) {
            Ok(())
        } else {
            Err(Refused::Overflow)
        }
    }

    fn apply(&mut self, debit: AccountId, credit: AccountId, transfer: &Transfer) {
        self.shift(debit, credit, transfer.amount.amount);
        if let (Key::Opening | Key::Given(_) | Key::Part(..), Some(owner)) =
            (&transfer.key, transfer.customer().and_then(|name| self.id(name)))
        {
            let theirs = if transfer.debit.account().is_some() { debit } else { credit };
            let balance_after = self.balance(theirs).map_or(0, Balance::posted);
            self.keep(owner, transfer, None, balance_after);
            if transfer.purpose == Purpose::Slice {
                self.forget_slices(owner, transfer.key.clone());
            }
        }
    }

    /// The central ledger tells a grant again only until the journal has shown it.
    fn forget_slices(&mut self, owner: AccountId, key: Key) {
        let keys = self.slices.entry(owner).or_default();
        keys.push_back(key);
        if keys.len() > SLICES_MAX
            && let Some(oldest) = keys.pop_front()
        {
            self.given.remove(&(owner, oldest));
        }
    }

    pub(super) fn shift(&mut self, debit: AccountId, credit: AccountId, amount: i64) {
        self.change(debit, |balance| balance.debits += amount);
        self.change(credit, |balance| balance.credits += amount);
    }

    pub(super) fn keep(
        &mut self,
        owner: AccountId,
        transfer: &Transfer,
        method: Option<&Name>,
        balance_after: i64,
    ) {
        let given = Given { transfer: transfer.clone(), method: method.cloned(), balance_after };
        self.given.insert((owner, transfer.key.clone()), given);
    }
}
