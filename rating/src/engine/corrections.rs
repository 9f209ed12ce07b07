//! What an operator moves by hand beside payments: corrections, and the way back of what was booked. Each says why, once per key.

use ledger::{AccountId, CallId, Corrected, House, Key, Outcome, Party, Purpose, RecordBody, Refused, Reversed, Transfer};
use units::{Currency, Money, Now};

use super::payments::Moved;
use super::{AccountRefused, Engine};
use crate::payment::{NextWord, Payment, part, reason};

// === impl Engine ===

impl Engine {
    /// Moves money between an account and what corrects it, see [`House::corrects`]: to the account if `amount` is above zero.
    pub fn correct(&mut self, now: Now, account: &str, amount: Money, why: &str, key: &str) -> Result<Moved, AccountRefused> {
        let owner = self.owner(account, key)?;
        let (house, customer) = (Party::House(House::corrects(account)), Party::Customer(account.into()));
        let (debit, credit) = if amount.amount < 0 { (customer, house) } else { (house, customer) };
        let size = Money::of(amount.amount.checked_abs().ok_or(Refused::Overflow)?, amount.currency);
        let (key, memo) = (Key::Given(key.into()), Some(reason(why)?));
        let transfer = Transfer { key, purpose: Purpose::Correction, debit, credit, amount: size, memo };
        let posted = self.request(owner, std::slice::from_ref(&transfer), None)?;
        Ok(self.moved(now, owner, amount, posted, RecordBody::Corrected(Corrected { transfer })))
    }

    /// Undoes a movement with a given key; of a payment what was booked, while the bank keeps its fee. It may lead into debt.
    pub fn reverse(&mut self, now: Now, word: NextWord<'_>, cause: &str) -> Result<Moved, AccountRefused> {
        let owner = self.owner(word.account, word.key)?;
        let named = Key::Given(word.of.into());
        let of = match self.books.outcome(owner, &named) {
            Some(Outcome::Booked(by)) => Key::Given(by.clone()),
            Some(Outcome::Rejected(_)) => return self.reject_payment(now, word, cause),
            Some(Outcome::Reversed(_)) | None => named,
        };
        let earlier = self.books.given(owner, &of).ok_or(Refused::NoMovement)?;
        if earlier.purpose == Purpose::Announced {
            return self.reject_payment(now, word, cause);
        }
        let back = Payment::reversal(earlier, word.key, cause)?;
        self.undo(now, owner, of, vec![back], word.key)
    }

    /// Undoes a call's usage, of all tiers and pockets. `usage` is what the journal says was posted for the call.
    pub fn reverse_call(
        &mut self,
        now: Now,
        account: &str,
        (call, usage): (CallId, &[Transfer]),
        cause: &str,
        key: &str,
    ) -> Result<Moved, AccountRefused> {
        let owner = self.owner(account, key)?;
        let cause = reason(cause)?;
        let charged = usage.iter().filter(|transfer| transfer.purpose == Purpose::Usage);
        let back: Vec<Transfer> = charged.zip(0..=u8::MAX).map(|(transfer, n)| transfer.reversed(part(key, n), cause.clone())).collect();
        if back.is_empty() {
            return Err(AccountRefused::NoUsage);
        }
        self.undo(now, owner, Key::usage(call, 0, 0), back, key)
    }

    fn undo(&mut self, now: Now, owner: AccountId, of: Key, back: Vec<Transfer>, key: &str) -> Result<Moved, AccountRefused> {
        let posted = self.request(owner, &back, Some((&of, Outcome::Reversed(key.into()))))?;
        let currency = self.books.balance(owner).map_or(Currency::EUR, |balance| balance.currency);
        let name = self.books.name(owner).cloned();
        let theirs = |party: &Party| matches!(party, Party::Customer(customer) if Some(customer) == name.as_ref());
        let amount = back.iter().fold(0_i64, |sum, transfer| match (theirs(&transfer.debit), theirs(&transfer.credit)) {
            (true, _) => sum.saturating_sub(transfer.amount.amount),
            (false, true) => sum.saturating_add(transfer.amount.amount),
            (false, false) => sum,
        });
        Ok(self.moved(now, owner, Money::of(amount, currency), posted, RecordBody::Reversed(Reversed { of, transfers: back })))
    }
}
