//! What an operator moves by hand beside payments: corrections, and the way back of what was booked. Each
//! says why, once per key.

use std::collections::BTreeMap;

use ledger::{
    AccountId, CallChange, CallId, Corrected, Key, Outcome, Party, Purpose, RecordBody, Refused, Rerated,
    Reversed, SystemAccount, Transfer,
};
use units::{Currency, Money, Name, Now};

use super::payments::Moved;
use super::{AccountRefused, Engine};
use crate::payment::{FollowUp, Payment, part, reason};
use crate::rerate::{CallChanges, CallCost};

/// Most movements that one request makes: their keys count them in a byte.
const MAX_MOVEMENTS: usize = 256;

// === impl Engine ===

impl Engine {
    /// Moves money between an account and what corrects it, see [`SystemAccount::corrects`]: to the account
    /// if `amount` is above zero.
    pub fn correct(
        &mut self,
        now: Now,
        account: &str,
        amount: Money,
        why: &str,
        key: &str,
    ) -> Result<Moved, AccountRefused> {
        let owner = self.owner(account, key)?;
        let (system_account, customer) =
            (Party::SystemAccount(SystemAccount::corrects(account)), Party::Customer(account.into()));
        let (debit, credit) =
            if amount.amount < 0 { (customer, system_account) } else { (system_account, customer) };
        let size = Money::of(amount.amount.checked_abs().ok_or(Refused::Overflow)?, amount.currency);
        let (key, memo) = (Key::Given(key.into()), Some(reason(why)?));
        let transfer = Transfer { key, purpose: Purpose::Correction, debit, credit, amount: size, memo };
        let posted = self.request(owner, std::slice::from_ref(&transfer), None)?;
        Ok(self.moved(now, owner, amount, posted, RecordBody::Corrected(Corrected { transfer })))
    }

    /// Gives back or takes the difference between what calls cost the account now and what they are to cost:
    /// what is given in one movement, what is taken in another. A call that was reversed stays so. Nothing is
    /// written where nothing differs.
    pub fn rerate(
        &mut self,
        now: Now,
        account: &str,
        (calls, changes): (&[CallCost], &CallChanges),
        why: &str,
        key: &str,
    ) -> Result<Moved, AccountRefused> {
        let owner = self.owner(account, key)?;
        let balance = *self.books.balance(owner).ok_or(Refused::UnknownAccount)?;
        let (currency, memo) = (balance.currency, reason(why)?);
        let given = Key::Given(key.into());
        if self.books.knows(owner, &given) {
            return self.rerated_before(now, owner, account, &given, &memo);
        }
        let mut owed = BTreeMap::new();
        for call in calls {
            let amount = call.owed(changes).ok_or(Refused::Overflow)?;
            if owed.insert(call.call, amount).is_some() {
                return Err(AccountRefused::CallTwice(call.call));
            }
        }
        owed.retain(|_, amount| *amount != 0);
        let sum = |sign: i64| {
            let mut of_sign = owed.values().filter(|amount| amount.signum() == sign);
            of_sign
                .try_fold(0_i64, |sum, amount| sum.checked_add(amount.checked_abs()?))
                .ok_or(Refused::Overflow)
        };
        let (given, taken) = (sum(1)?, sum(-1)?);
        let (system_account, customer) =
            (Party::SystemAccount(SystemAccount::corrects(account)), Party::Customer(account.into()));
        let sides = [(system_account.clone(), customer.clone(), given), (customer, system_account, taken)];
        let moving = sides.into_iter().filter(|(_, _, amount)| *amount > 0).zip(0..);
        let transfer = |((debit, credit, amount), n)| {
            let (key, memo) = (part(key, n), Some(memo.clone()));
            Transfer {
                key,
                purpose: Purpose::Correction,
                debit,
                credit,
                amount: Money::of(amount, currency),
                memo,
            }
        };
        let transfers: Vec<Transfer> = moving.map(transfer).collect();
        let amount = Money::of(given.checked_sub(taken).ok_or(Refused::Overflow)?, currency);
        if transfers.is_empty() {
            return Ok(Moved {
                amount,
                balance: Money::of(balance.posted(), currency),
                replayed: false,
                due: None,
                record: None,
            });
        }
        let posted = self.request(owner, &transfers, None)?;
        let calls = owed.into_iter().map(|(call, amount)| CallChange { call, amount }).collect();
        Ok(self.moved(now, owner, amount, posted, RecordBody::Rerated(Rerated { transfers, calls })))
    }

    /// A repeat is answered with what was done, whatever calls cost by now.
    fn rerated_before(
        &mut self,
        now: Now,
        owner: AccountId,
        account: &str,
        given: &Key,
        memo: &Name,
    ) -> Result<Moved, AccountRefused> {
        let before: Vec<Transfer> = self.books.request_of(owner, given).into_iter().cloned().collect();
        let is_same = before
            .iter()
            .all(|transfer| transfer.purpose == Purpose::Correction && transfer.memo.as_ref() == Some(memo));
        let posted = self.request(owner, &before, None).ok().filter(|_| is_same).ok_or(Refused::KeyReused)?;
        let currency = self.books.balance(owner).ok_or(Refused::UnknownAccount)?.currency;
        let amount = Money::of(before.iter().map(|transfer| gets(account, transfer)).sum(), currency);
        Ok(self.moved(
            now,
            owner,
            amount,
            posted,
            RecordBody::Rerated(Rerated { transfers: before, calls: Vec::new() }),
        ))
    }

    /// Undoes all movements of the request with a given key; of a payment what was booked, while the bank
    /// keeps its fee. It may lead into debt. What expired is undone by the key of its expiry
    /// (`expired/1/promo`); `expired` is that movement, from the journal.
    pub fn reverse(
        &mut self,
        now: Now,
        follow_up: FollowUp<'_>,
        expired: Option<&Transfer>,
        cause: &str,
    ) -> Result<Moved, AccountRefused> {
        let owner = self.owner(follow_up.account, follow_up.key)?;
        let named = Key::Given(follow_up.of.into());
        let of = match self.books.outcome(owner, &named) {
            Some(Outcome::Booked(by)) => Key::Given(by.clone()),
            Some(Outcome::Rejected(_)) => return self.reject_payment(now, follow_up, cause),
            Some(Outcome::Reversed(_)) | None => named,
        };
        let (of, earlier) = match (self.books.request_of(owner, &of), expired) {
            (earlier, _) if !earlier.is_empty() => (of, earlier),
            (_, Some(expired))
                if matches!(expired.key, Key::Expired(..))
                    && expired.customer() == self.books.name(owner) =>
            {
                (expired.key.clone(), vec![expired])
            }
            (_, _) => return Err(Refused::NoMovement.into()),
        };
        if earlier.iter().any(|transfer| transfer.purpose == Purpose::Announced) {
            return self.reject_payment(now, follow_up, cause);
        }
        let undone = earlier.into_iter().filter(|transfer| transfer.purpose != Purpose::Fee);
        let back = undone
            .zip(0..=u8::MAX)
            .map(|(transfer, n)| Payment::reversal(transfer, part(follow_up.key, n), cause));
        let back = back.collect::<Result<Vec<_>, _>>()?;
        self.undo(now, owner, of, back, follow_up.key)
    }

    /// Undoes a call's usage, of all tiers and buckets. `usage` is what the journal says was posted for the
    /// call, and what re-rating corrected of it since.
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
        let charged: Vec<&Transfer> = usage.iter().filter(|transfer| is_charge(transfer)).collect();
        if !charged.iter().any(|transfer| transfer.purpose == Purpose::Usage) {
            return Err(AccountRefused::NoUsage);
        }
        if charged.len() > MAX_MOVEMENTS {
            return Err(AccountRefused::TooManyMovements);
        }
        let back = charged
            .iter()
            .zip(0..=u8::MAX)
            .map(|(transfer, n)| transfer.reversed(part(key, n), cause.clone()))
            .collect();
        self.undo(now, owner, Key::usage(call, 0, 0), back, key)
    }

    fn undo(
        &mut self,
        now: Now,
        owner: AccountId,
        of: Key,
        back: Vec<Transfer>,
        key: &str,
    ) -> Result<Moved, AccountRefused> {
        let posted = self.request(owner, &back, Some((&of, Outcome::Reversed(key.into()))))?;
        let currency = self.books.balance(owner).map_or(Currency::EUR, |balance| balance.currency);
        let name = self.books.name(owner).cloned().unwrap_or_default();
        let amount = back.iter().map(|transfer| gets(&name, transfer)).sum();
        Ok(self.moved(
            now,
            owner,
            Money::of(amount, currency),
            posted,
            RecordBody::Reversed(Reversed { of, transfers: back }),
        ))
    }
}

/// What re-rating gave back to an account for a call (above zero) or took, as one movement: it is undone with
/// the call's usage.
pub fn rerated(account: &Name, call: CallId, changes: &CallChanges, currency: Currency) -> Option<Transfer> {
    let amount = changes.rerated(call);
    let (system_account, customer) =
        (Party::SystemAccount(SystemAccount::corrects(account)), Party::Customer(account.clone()));
    let (debit, credit) = if amount < 0 { (customer, system_account) } else { (system_account, customer) };
    let amount = Money::of(amount.checked_abs()?, currency);
    let key = Key::usage(call, 0, 0);
    (amount.amount > 0).then_some(Transfer {
        key,
        purpose: Purpose::Correction,
        debit,
        credit,
        amount,
        memo: None,
    })
}

/// A call's record holds what its carrier charges, too.
const fn is_charge(transfer: &Transfer) -> bool {
    matches!(transfer.purpose, Purpose::Usage | Purpose::Correction)
}

/// What a transfer gives to an account's own money; negative if it takes.
fn gets(account: &str, transfer: &Transfer) -> i64 {
    let is_theirs = |party: &Party| matches!(party, Party::Customer(customer) if **customer == *account);
    match (is_theirs(&transfer.debit), is_theirs(&transfer.credit)) {
        (true, _) => -transfer.amount.amount,
        (false, true) => transfer.amount.amount,
        (false, false) => 0,
    }
}
