//! Services paid by the piece: a voicemail, the pages of a fax, a month of a number. The whole of it or
//! nothing, never below the limit.

use ledger::{Charged, Key, Party, Purpose, RecordBody, Refused, SystemAccount, Transfer};
use units::{Money, Now};

use super::{AccountRefused, Engine, Moved};
use crate::payment::reason;

/// Something that a service did for an account.
#[derive(Debug, Clone, Copy)]
pub struct ChargeRequest<'a> {
    /// The account that pays.
    pub account: &'a str,
    /// How many; at least one.
    pub pieces: u32,
    /// Of each: zero or more, in the account's currency.
    pub price: Money,
    /// What the charge is for, as the statement shows it.
    pub cause: &'a str,
    /// Idempotency key, unique within the account.
    pub key: &'a str,
}

// === impl Engine ===

impl Engine {
    /// Takes `pieces` times `price` from the account's money once per key, exactly; if it is not there,
    /// nothing. What costs nothing is written too, so that its key is known. Buckets do not pay: they are for
    /// calls.
    pub fn charge(&mut self, now: Now, ask: &ChargeRequest<'_>) -> Result<Moved, AccountRefused> {
        let owner = self.owner(ask.account, ask.key)?;
        self.refuse_closed(owner, ask.key)?;
        // Part of the content: three at 0.08 are not two at 0.12.
        let memo = Some(format!("{}: {} x {}", reason(ask.cause)?, ask.pieces, ask.price).into());
        if ask.pieces == 0 || ask.price.amount < 0 {
            return Err(AccountRefused::Pieces);
        }
        let sum = i64::from(ask.pieces).checked_mul(ask.price.amount).ok_or(Refused::Overflow)?;
        let (amount, key) = (Money::of(sum, ask.price.currency), Key::Given(ask.key.into()));
        let balance = self.books.balance(owner).ok_or(Refused::UnknownAccount)?;
        if balance.currency != amount.currency {
            return Err(Refused::CurrencyMismatch.into());
        }
        // A repeat is answered with what was done, whatever is there by now.
        if self.books.given(owner, &key).is_none() && sum > balance.available().max(0) {
            return Err(AccountRefused::NoMoney);
        }
        let system_account = if ledger::parent(ask.account).is_some() {
            SystemAccount::ResellerRevenue
        } else {
            SystemAccount::Revenue
        };
        let (debit, credit) = (Party::Customer(ask.account.into()), Party::SystemAccount(system_account));
        let transfer = Transfer { key, purpose: Purpose::Charge, debit, credit, amount, memo };
        let posted = self.request(owner, std::slice::from_ref(&transfer), None)?;
        let body = RecordBody::Charged(Charged { pieces: ask.pieces, price: ask.price.amount, transfer });
        Ok(self.moved(now, owner, Money::of(-sum, amount.currency), posted, body))
    }
}
