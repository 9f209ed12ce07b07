//! Money that comes in, and what the operator moves by hand: top-ups with their methods, corrections, reversals.
//!
//! Each is a request with an idempotency key: the same again changes nothing, other content under a used key is an error. Nothing is ever
//! changed or deleted; a payment goes from announced to booked or rejected, and whatever was booked can be undone once.

use ledger::{
    AccountId, Announced, CallId, Corrected, House, Key, Outcome, Party, Posted, Purpose, Record, RecordBody, Refused, Rejected, Request,
    Reversed, Settles, TopUpBooked, Transfer, note_all,
};
use units::{Currency, Money, Name, Now, Wall};

use super::{AccountRefused, Engine};

/// Longest idempotency key, in bytes.
pub(super) const MAX_KEY: usize = 255;
/// Longest reference, reason or cause, in bytes.
pub(super) const MAX_REFERENCE: usize = 500;
/// A day, ms.
const DAY_MS: i64 = 86_400_000;
/// 1970-01-01 was a Thursday: days to add so that Monday is 0.
const EPOCH_WEEKDAY: i64 = 3;

/// A way to pay, in one currency. A name may stand for several currencies with rules of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentMethod {
    /// As in requests, `bank`.
    pub name: Name,
    /// Of its amounts and of the accounts that may use it.
    pub currency: Currency,
    /// The least gross amount, 10⁻⁵ units.
    pub minimum: i64,
    /// The only gross amounts, 10⁻⁵ units; any if empty.
    pub amounts: Vec<i64>,
    /// Business days after which an announced payment is late; never if 0.
    pub pending_days: u32,
}

/// Money received.
#[derive(Debug, Clone, Copy)]
pub struct TopUpRequest<'a> {
    /// For whom.
    pub account: &'a str,
    /// Gross amount, above zero, in the account's currency.
    pub amount: Money,
    /// The payment in the payer's or operator's words.
    pub reference: &'a str,
    /// Idempotency key, unique within the account.
    pub key: &'a str,
}

/// Money received or announced by a method.
#[derive(Debug, Clone, Copy)]
pub struct PaymentOrder<'a> {
    /// Who, how much, and why.
    pub top_up: TopUpRequest<'a>,
    /// By which method; without one no rule applies.
    pub method: Option<&'a str>,
    /// What the bank kept of the amount, 10⁻⁵ units.
    pub fee: i64,
    /// It is only announced.
    pub pending: bool,
}

/// A word on an earlier movement of an account.
#[derive(Debug, Clone, Copy)]
pub struct NextWord<'a> {
    /// Whose.
    pub account: &'a str,
    /// The key of the earlier movement.
    pub of: &'a str,
    /// Idempotency key of this word, unique within the account.
    pub key: &'a str,
}

/// A request carried out, now or before.
#[derive(Debug, Clone)]
pub struct Moved {
    /// What the account got; negative if it paid.
    pub amount: Money,
    /// Posted balance right afterwards.
    pub balance: Money,
    /// The same was done before: nothing changed now.
    pub replayed: bool,
    /// For the journal; none if replayed.
    pub record: Option<Record>,
}

// === impl PaymentMethod ===

impl PaymentMethod {
    /// Whether the method takes this gross amount.
    fn check(&self, amount: Money) -> Result<(), AccountRefused> {
        let money = |amount| Money::of(amount, self.currency);
        if !self.amounts.is_empty() && !self.amounts.contains(&amount.amount) {
            let amounts: Vec<String> = self.amounts.iter().map(|amount| format!("{} {}", money(*amount), self.currency)).collect();
            return Err(AccountRefused::NotAnAmount { method: self.name.clone(), amounts: amounts.join(", ") });
        }
        if amount.amount < self.minimum {
            return Err(AccountRefused::BelowMinimum { method: self.name.clone(), minimum: money(self.minimum) });
        }
        Ok(())
    }

    /// The end of its last business day in transit; Saturdays and Sundays do not count.
    fn due(&self, from: Wall) -> Option<Wall> {
        let mut day = from.0.div_euclid(DAY_MS);
        let mut left = self.pending_days;
        while left > 0 {
            day = day.saturating_add(1);
            left -= u32::from((day + EPOCH_WEEKDAY).rem_euclid(7) < 5);
        }
        (self.pending_days > 0).then_some(Wall(day.saturating_add(1).saturating_mul(DAY_MS)))
    }
}

// === impl Engine ===

impl Engine {
    /// Books a payment once per key, by no method.
    pub fn top_up(&mut self, now: Now, ask: TopUpRequest<'_>) -> Result<Moved, AccountRefused> {
        self.take_payment(now, &PaymentOrder { top_up: ask, method: None, fee: 0, pending: false }, &[])
    }

    /// Books or announces a payment once per key, if the method's rules allow it.
    pub fn take_payment(&mut self, now: Now, order: &PaymentOrder<'_>, methods: &[PaymentMethod]) -> Result<Moved, AccountRefused> {
        let ask = order.top_up;
        let owner = self.owner(ask.account, ask.key)?;
        if ask.reference.len() > MAX_REFERENCE || !is_printable(ask.reference) {
            return Err(AccountRefused::Reference);
        }
        self.check_currency(owner, ask.amount.currency)?;
        let key = Key::Given(ask.key.into());
        // A repeat is told what was done, whatever the rules are by now.
        let is_new = self.books.given(owner, &key).is_none();
        let method = order.method.filter(|_| is_new).map(|name| offered(methods, name, ask.amount)).transpose()?;
        let memo = (!ask.reference.is_empty()).then(|| Name::from(ask.reference));
        let (house, customer) = (Party::House(House::Payments), Party::Customer(ask.account.into()));
        let method_name = order.method.map(Name::from);
        if order.pending {
            if order.fee != 0 {
                return Err(AccountRefused::FeeTooEarly);
            }
            let (debit, credit) = (house, Party::House(House::Transit));
            let transfer = Transfer { key, purpose: Purpose::Announced, debit, credit, amount: ask.amount, memo };
            let request = Request { owner, transfers: std::slice::from_ref(&transfer), method: method_name.as_ref(), settles: None };
            let posted = self.books.carry_out(&request)?;
            let due = method.and_then(|method| method.due(now.wall));
            let body = RecordBody::Announced(Announced { transfer, method: method_name, due });
            return Ok(self.moved(now, owner, Money::zero(ask.amount.currency), posted, body));
        }
        let (transfer, fee) = split(key, ask.key, &house, customer, ask.amount, order.fee, memo)?;
        let transfers: Vec<Transfer> = std::iter::once(transfer.clone()).chain(fee.clone()).collect();
        let posted = self.books.carry_out(&Request { owner, transfers: &transfers, method: method_name.as_ref(), settles: None })?;
        let amount = transfer.amount;
        let booked = TopUpBooked { transfer, fee, method: method_name, of: None };
        Ok(self.moved(now, owner, amount, posted, RecordBody::TopUp(Box::new(booked))))
    }

    /// An announced payment came in; the bank kept `fee` of it, 10⁻⁵ units.
    pub fn book_payment(&mut self, now: Now, word: NextWord<'_>, fee: i64) -> Result<Moved, AccountRefused> {
        let owner = self.owner(word.account, word.key)?;
        let of = Key::Given(word.of.into());
        let announced = self.books.given(owner, &of).ok_or(Refused::NoMovement)?.clone();
        let (transit, customer) = (Party::House(House::Transit), Party::Customer(word.account.into()));
        let key = Key::Given(word.key.into());
        let (transfer, fee) = split(key, word.key, &transit, customer, announced.amount, fee, announced.memo)?;
        let transfers: Vec<Transfer> = std::iter::once(transfer.clone()).chain(fee.clone()).collect();
        let outcome = Outcome::Booked(word.key.into());
        let settles = Some(Settles { of: &of, outcome: &outcome });
        let posted = self.books.carry_out(&Request { owner, transfers: &transfers, method: None, settles })?;
        let amount = transfer.amount;
        let booked = TopUpBooked { transfer, fee, method: None, of: Some(of) };
        Ok(self.moved(now, owner, amount, posted, RecordBody::TopUp(Box::new(booked))))
    }

    /// An announced payment will not come.
    pub fn reject_payment(&mut self, now: Now, word: NextWord<'_>, cause: &str) -> Result<Moved, AccountRefused> {
        let owner = self.owner(word.account, word.key)?;
        let cause = reason(cause)?;
        let of = Key::Given(word.of.into());
        let announced = self.books.given(owner, &of).ok_or(Refused::NoMovement)?;
        let transfer = announced.reversed(Key::Given(word.key.into()), cause);
        let outcome = Outcome::Rejected(word.key.into());
        let settles = Some(Settles { of: &of, outcome: &outcome });
        let request = Request { owner, transfers: std::slice::from_ref(&transfer), method: None, settles };
        let posted = self.books.carry_out(&request)?;
        let nothing = Money::zero(transfer.amount.currency);
        Ok(self.moved(now, owner, nothing, posted, RecordBody::Rejected(Rejected { of, transfer })))
    }

    /// Moves money between an account and what corrects it, see [`House::corrects`]: to the account if `amount` is above zero.
    pub fn correct(&mut self, now: Now, account: &str, amount: Money, why: &str, key: &str) -> Result<Moved, AccountRefused> {
        let owner = self.owner(account, key)?;
        let (house, customer) = (Party::House(House::corrects(account)), Party::Customer(account.into()));
        let (debit, credit) = if amount.amount < 0 { (customer, house) } else { (house, customer) };
        let size = Money::of(amount.amount.checked_abs().ok_or(Refused::Overflow)?, amount.currency);
        let (key, memo) = (Key::Given(key.into()), Some(reason(why)?));
        let transfer = Transfer { key, purpose: Purpose::Correction, debit, credit, amount: size, memo };
        let request = Request { owner, transfers: std::slice::from_ref(&transfer), method: None, settles: None };
        let posted = self.books.carry_out(&request)?;
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
        let mut back = earlier.reversed(Key::Given(word.key.into()), reason(cause)?);
        if back.credit == Party::House(House::Transit) {
            // What was booked is in transit no more: it goes back to the payer.
            back.credit = Party::House(House::Payments);
        }
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
        let outcome = Outcome::Reversed(key.into());
        let settles = Some(Settles { of: &of, outcome: &outcome });
        let posted = self.books.carry_out(&Request { owner, transfers: &back, method: None, settles })?;
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

    /// The account of a request whose key is fit.
    fn owner(&self, account: &str, key: &str) -> Result<AccountId, AccountRefused> {
        if !(1..=MAX_KEY).contains(&key.len()) || !is_printable(key) {
            return Err(AccountRefused::Key);
        }
        Ok(self.books.id(account).ok_or(Refused::UnknownAccount)?)
    }

    fn check_currency(&self, owner: AccountId, currency: Currency) -> Result<(), Refused> {
        let same = self.books.balance(owner).is_some_and(|balance| balance.currency == currency);
        if same { Ok(()) } else { Err(Refused::CurrencyMismatch) }
    }

    fn moved(&mut self, now: Now, owner: AccountId, amount: Money, posted: Posted, body: RecordBody) -> Moved {
        let money = |after| Money::of(after, amount.currency);
        if let Posted::Before { balance_after } = posted {
            return Moved { amount, balance: money(balance_after), replayed: true, record: None };
        }
        let account = self.books.name(owner).cloned().unwrap_or_default();
        let record = Record::new(self.date(now.wall), account, body);
        note_all(&self.books, &mut self.states, record.transfers(), record.at);
        if amount.amount < 0 {
            self.tell_low_balance(owner, now);
        }
        self.wake(owner);
        let after = self.books.balance(owner).map_or(0, |balance| balance.posted());
        Moved { amount, balance: money(after), replayed: false, record: Some(record) }
    }
}

/// What the customer gets and what the bank kept, both from `from`.
fn split(
    key: Key,
    name: &str,
    from: &Party,
    customer: Party,
    gross: Money,
    fee: i64,
    memo: Option<Name>,
) -> Result<(Transfer, Option<Transfer>), AccountRefused> {
    if gross.amount > 0 && !(0..gross.amount).contains(&fee) {
        return Err(AccountRefused::Fee);
    }
    let kept = (fee > 0).then(|| Transfer {
        key: part(name, 1),
        purpose: Purpose::Fee,
        debit: from.clone(),
        credit: Party::House(House::Fees),
        amount: Money::of(fee, gross.currency),
        memo: memo.clone(),
    });
    let net = Money::of(gross.amount.saturating_sub(fee), gross.currency);
    Ok((Transfer { key, purpose: Purpose::TopUp, debit: from.clone(), credit: customer, amount: net, memo }, kept))
}

/// The key of the `n`th movement of a request, from 0.
fn part(key: &str, n: u8) -> Key {
    if n == 0 { Key::Given(key.into()) } else { Key::Part(key.into(), n) }
}

/// The method of this name in the amount's currency, if it takes the amount.
fn offered<'a>(methods: &'a [PaymentMethod], name: &str, amount: Money) -> Result<&'a PaymentMethod, AccountRefused> {
    let found = methods.iter().find(|method| &*method.name == name && method.currency == amount.currency);
    let method = found.ok_or_else(|| AccountRefused::Method(name.to_owned(), amount.currency))?;
    method.check(amount)?;
    Ok(method)
}

fn reason(text: &str) -> Result<Name, AccountRefused> {
    let fits = !text.trim().is_empty() && text.len() <= MAX_REFERENCE && is_printable(text);
    if fits { Ok(Name::from(text)) } else { Err(AccountRefused::Reason) }
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
