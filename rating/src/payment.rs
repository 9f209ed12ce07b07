//! The rules of a payment without any books: what a method takes, what of the amount goes where, and when it
//! is late.
//!
//! Whoever keeps balances (a shard's engine, the central ledger) asks here and posts the transfers that come
//! out, all or none. The same request gives the same transfers always, so that a repeat is recognised by
//! comparing them.

use ledger::{Announced, Key, Party, Purpose, RecordBody, Refused, SystemAccount, TopUpBooked, Transfer};
use units::{Calendar, Currency, Money, Name, Wall};

use crate::engine::AccountRefused;
use crate::engine::{MAX_KEY, MAX_REFERENCE};

/// A minute, ms.
const MINUTE_MS: i64 = 60_000;

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
    /// How long an announced payment may be on its way; for ever if absent.
    pub term: Option<Term>,
}

/// How long a payment may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// So many minutes, whatever day it is.
    Minutes(u32),
    /// Until so many business days are over, not counting the day of the announcement.
    BusinessDays(u32, Calendar),
}

/// A payment that was received, by no method.
#[derive(Debug, Clone, Copy)]
pub struct TopUpRequest<'a> {
    /// The account that the payment is for.
    pub account: &'a str,
    /// Gross amount, above zero, in the account's currency.
    pub amount: Money,
    /// What the payer or operator says of the payment.
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

/// A request that settles or undoes an earlier movement of an account.
#[derive(Debug, Clone, Copy)]
pub struct FollowUp<'a> {
    /// The account that the movement belongs to.
    pub account: &'a str,
    /// The key of the earlier movement.
    pub of: &'a str,
    /// Idempotency key of this request, unique within the account.
    pub key: &'a str,
}

/// A payment as it goes to the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Announced: from payments to transit, gross. Booked: to the customer, net.
    pub transfer: Transfer,
    /// What the bank kept, from where the net amount comes from.
    pub fee: Option<Transfer>,
    /// How the customer paid, if that was said.
    pub method: Option<Name>,
    /// Whether it is here.
    pub stage: Stage,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// On its way.
    Announced {
        /// After this moment it is late; never if absent.
        due: Option<Wall>,
    },
    /// The payment was received.
    Booked,
}

// === impl Term ===

impl Term {
    /// The last moment at which a payment announced at `from` is not late.
    pub fn due(&self, from: Wall) -> Wall {
        match self {
            Self::Minutes(minutes) => from.plus_ms(i64::from(*minutes) * MINUTE_MS),
            Self::BusinessDays(days, calendar) => calendar.end_of_business_day(from, *days),
        }
    }
}

// === impl PaymentMethod ===

impl PaymentMethod {
    /// The method of this name in the amount's currency, if it takes the amount.
    fn offered<'a>(methods: &'a [Self], name: &str, amount: Money) -> Result<&'a Self, AccountRefused> {
        let found = methods.iter().find(|method| &*method.name == name && method.currency == amount.currency);
        let method = found.ok_or_else(|| AccountRefused::Method(name.to_owned(), amount.currency))?;
        method.check(amount)?;
        Ok(method)
    }

    /// Whether it takes this gross amount.
    fn check(&self, amount: Money) -> Result<(), AccountRefused> {
        let money = |amount| Money::of(amount, self.currency);
        if !self.amounts.is_empty() && !self.amounts.contains(&amount.amount) {
            let amounts: Vec<String> =
                self.amounts.iter().map(|amount| format!("{} {}", money(*amount), self.currency)).collect();
            return Err(AccountRefused::NotAnAmount {
                method: self.name.clone(),
                amounts: amounts.join(", "),
            });
        }
        if amount.amount < self.minimum {
            return Err(AccountRefused::BelowMinimum {
                method: self.name.clone(),
                minimum: money(self.minimum),
            });
        }
        Ok(())
    }
}

// === impl Payment ===

impl Payment {
    /// What a request puts into the books of an account in `currency`, if everything about it is right. Of a
    /// request whose key `is_known` the method's rules are not asked: a repeat is answered with what was
    /// done, whatever they are by now.
    ///
    /// # Errors
    /// In this order: key, reference, currency, method and its amounts, a fee that comes too early or is too
    /// much, an amount of zero.
    pub fn of(
        order: &PaymentOrder<'_>,
        currency: Currency,
        methods: &[PaymentMethod],
        is_known: bool,
        at: Wall,
    ) -> Result<Self, AccountRefused> {
        let TopUpRequest { account, amount, reference, key } = order.top_up;
        check_words(key, reference)?;
        if amount.currency != currency {
            return Err(Refused::CurrencyMismatch.into());
        }
        let rules = order
            .method
            .filter(|_| !is_known)
            .map(|name| PaymentMethod::offered(methods, name, amount))
            .transpose()?;
        if order.pending && order.fee != 0 {
            return Err(AccountRefused::FeeTooEarly);
        }
        let memo = (!reference.is_empty()).then(|| Name::from(reference));
        let (credit, purpose, stage) = if order.pending {
            let due = rules.and_then(|method| method.term.as_ref()).map(|term| term.due(at));
            (Party::SystemAccount(SystemAccount::Transit), Purpose::Announced, Stage::Announced { due })
        } else {
            (Party::Customer(account.into()), Purpose::TopUp, Stage::Booked)
        };
        let gross = Transfer {
            key: Key::Given(key.into()),
            purpose,
            debit: Party::SystemAccount(SystemAccount::Payments),
            credit,
            amount,
            memo,
        };
        let (transfer, fee) = less_fee(gross, key, order.fee)?;
        Ok(Self { transfer, fee, method: order.method.map(Name::from), stage })
    }

    /// An announced payment came in; the bank kept `fee` of it, 10⁻⁵ units.
    ///
    /// # Errors
    /// The key, or the fee.
    pub fn booking(announced: &Transfer, follow_up: FollowUp<'_>, fee: i64) -> Result<Self, AccountRefused> {
        check_key(follow_up.key)?;
        let gross = Transfer {
            key: Key::Given(follow_up.key.into()),
            purpose: Purpose::TopUp,
            debit: Party::SystemAccount(SystemAccount::Transit),
            credit: Party::Customer(follow_up.account.into()),
            amount: announced.amount,
            memo: announced.memo.clone(),
        };
        let (transfer, fee) = less_fee(gross, follow_up.key, fee)?;
        Ok(Self { transfer, fee, method: None, stage: Stage::Booked })
    }

    /// An announced payment will not come.
    ///
    /// # Errors
    /// The key, or no cause.
    pub fn rejection(announced: &Transfer, key: &str, cause: &str) -> Result<Transfer, AccountRefused> {
        check_key(key)?;
        Ok(announced.reversed(Key::Given(key.into()), reason(cause)?))
    }

    /// The way back of a movement. What was booked from transit is there no more: it goes back to the payer,
    /// less what the bank kept.
    ///
    /// # Errors
    /// The key, or no cause.
    pub fn reversal(earlier: &Transfer, key: Key, cause: &str) -> Result<Transfer, AccountRefused> {
        if let Key::Given(name) = &key {
            check_key(name)?;
        }
        let mut back = earlier.reversed(key, reason(cause)?);
        if earlier.purpose != Purpose::Announced
            && back.credit == Party::SystemAccount(SystemAccount::Transit)
        {
            back.credit = Party::SystemAccount(SystemAccount::Payments);
        }
        Ok(back)
    }

    /// All its movements: they are made together or not at all.
    pub fn transfers(&self) -> Vec<Transfer> {
        std::iter::once(&self.transfer).chain(&self.fee).cloned().collect()
    }

    /// What the account gets by it: nothing yet if it is only announced.
    pub const fn net(&self) -> Money {
        match self.stage {
            Stage::Announced { .. } => Money::zero(self.transfer.amount.currency),
            Stage::Booked => self.transfer.amount,
        }
    }

    /// For the journal; `of` is the announcement that it books.
    pub fn into_record(self, of: Option<Key>) -> RecordBody {
        let Self { transfer, fee, method, stage } = self;
        match stage {
            Stage::Announced { due } => RecordBody::Announced(Announced { transfer, method, due }),
            Stage::Booked => RecordBody::TopUp(Box::new(TopUpBooked { transfer, fee, method, of })),
        }
    }
}

/// The net amount, and what the bank kept, from the same.
fn less_fee(gross: Transfer, key: &str, fee: i64) -> Result<(Transfer, Option<Transfer>), AccountRefused> {
    let Money { amount, currency } = gross.amount;
    if amount <= 0 {
        return Err(Refused::AmountNotPositive.into());
    }
    if !(0..amount).contains(&fee) {
        return Err(AccountRefused::Fee);
    }
    let kept = (fee > 0).then(|| Transfer {
        key: part(key, 1),
        purpose: Purpose::Fee,
        credit: Party::SystemAccount(SystemAccount::Fees),
        amount: Money::of(fee, currency),
        ..gross.clone()
    });
    Ok((Transfer { amount: Money::of(amount - fee, currency), ..gross }, kept))
}

/// The key of the `n`th movement of a request, from 0.
pub(crate) fn part(key: &str, n: u8) -> Key {
    if n == 0 { Key::Given(key.into()) } else { Key::Part(key.into(), n) }
}

/// A key and a reference as people may give them.
pub(crate) fn check_words(key: &str, reference: &str) -> Result<(), AccountRefused> {
    check_key(key)?;
    if reference.len() <= MAX_REFERENCE && is_printable(reference) {
        Ok(())
    } else {
        Err(AccountRefused::Reference)
    }
}

pub(crate) fn check_key(key: &str) -> Result<(), AccountRefused> {
    if (1..=MAX_KEY).contains(&key.len()) && is_printable(key) { Ok(()) } else { Err(AccountRefused::Key) }
}

/// A sentence that says why.
pub(crate) fn reason(text: &str) -> Result<Name, AccountRefused> {
    let fits = !text.trim().is_empty() && text.len() <= MAX_REFERENCE && is_printable(text);
    if fits { Ok(Name::from(text)) } else { Err(AccountRefused::Reason) }
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
