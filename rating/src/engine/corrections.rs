//! What an operator moves by hand beside payments: corrections, and the way back of what was booked. Each says why, once per key.

use ledger::{AccountId, CallId, Corrected, House, Key, Outcome, Party, Purpose, RecordBody, Refused, Reversed, Transfer};
use units::{Currency, Money, Now};

use super::payments::Moved;
use super::{AccountRefused, Engine};
use crate::payment::{NextWord, Payment, part, reason};

/// Most movements that one request makes: their keys count them in a byte.
const MAX_MOVEMENTS: usize = 256;

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

    /// Undoes all movements of the request with a given key; of a payment what was booked, while the bank keeps its fee. It may lead into
    /// debt. What expired is undone by the key of its expiry (`expired/1/promo`); `expired` is that movement, from the journal.
    pub fn reverse(&mut self, now: Now, word: NextWord<'_>, expired: Option<&Transfer>, cause: &str) -> Result<Moved, AccountRefused> {
        let owner = self.owner(word.account, word.key)?;
        let named = Key::Given(word.of.into());
        let of = match self.books.outcome(owner, &named) {
            Some(Outcome::Booked(by)) => Key::Given(by.clone()),
            Some(Outcome::Rejected(_)) => return self.reject_payment(now, word, cause),
            Some(Outcome::Reversed(_)) | None => named,
        };
        let (of, earlier) = match (self.books.request_of(owner, &of), expired) {
            (earlier, _) if !earlier.is_empty() => (of, earlier),
            (_, Some(expired)) if matches!(expired.key, Key::Expired(..)) && expired.customer() == self.books.name(owner) => {
                (expired.key.clone(), vec![expired])
            }
            (_, _) => return Err(Refused::NoMovement.into()),
        };
        if earlier.iter().any(|transfer| transfer.purpose == Purpose::Announced) {
            return self.reject_payment(now, word, cause);
        }
        let undone = earlier.into_iter().filter(|transfer| transfer.purpose != Purpose::Fee);
        let back = undone.zip(0..=u8::MAX).map(|(transfer, n)| Payment::reversal(transfer, part(word.key, n), cause));
        let back = back.collect::<Result<Vec<_>, _>>()?;
        self.undo(now, owner, of, back, word.key)
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
        let charged: Vec<&Transfer> = usage.iter().filter(|transfer| transfer.purpose == Purpose::Usage).collect();
        if charged.is_empty() {
            return Err(AccountRefused::NoUsage);
        }
        if charged.len() > MAX_MOVEMENTS {
            return Err(AccountRefused::TooManyMovements);
        }
        let back = charged.iter().zip(0..=u8::MAX).map(|(transfer, n)| transfer.reversed(part(key, n), cause.clone())).collect();
        self.undo(now, owner, Key::usage(call, 0, 0), back, key)
    }

    fn undo(&mut self, now: Now, owner: AccountId, of: Key, back: Vec<Transfer>, key: &str) -> Result<Moved, AccountRefused> {
        let posted = self.request(owner, &back, Some((&of, Outcome::Reversed(key.into()))))?;
        let currency = self.books.balance(owner).map_or(Currency::EUR, |balance| balance.currency);
        let name = self.books.name(owner).cloned();
        let theirs = |party: &Party| matches!(party, Party::Customer(customer) if Some(customer) == name.as_ref());
        let amount: i64 = back
            .iter()
            .map(|transfer| match (theirs(&transfer.debit), theirs(&transfer.credit)) {
                (true, _) => -transfer.amount.amount,
                (false, true) => transfer.amount.amount,
                (false, false) => 0,
            })
            .sum();
        Ok(self.moved(now, owner, Money::of(amount, currency), posted, RecordBody::Reversed(Reversed { of, transfers: back })))
    }
}
