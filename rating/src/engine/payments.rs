//! Payments: announced, booked, rejected. What a method takes and what goes where is in [`crate::payment`].
//!
//! Each is a request with an idempotency key: the same again changes nothing, other content under a used key
//! is an error. Nothing is ever changed or deleted; a payment goes from announced to booked or rejected, and
//! whatever was booked can be undone once.

use ledger::{
    AccountId, Key, Outcome, Posted, Record, RecordBody, Refused, Rejected, Request, Settles, Transfer,
    note_all,
};
use smallvec::{SmallVec, smallvec};
use units::{Money, Now, Wall};

use super::{AccountRefused, Engine};
use crate::payment::{FollowUp, Payment, PaymentMethod, PaymentOrder, TopUpRequest, check_key};

/// A request carried out, now or before.
#[derive(Debug, Clone)]
pub struct Moved {
    /// What the account got; negative if it paid.
    pub amount: Money,
    /// Posted balance right afterwards.
    pub balance: Money,
    /// The same was done before: nothing changed now.
    pub replayed: bool,
    /// After this an announced payment is late.
    pub due: Option<Wall>,
    /// For the journal; none if replayed.
    pub record: Option<Record>,
}

// === impl Engine ===

impl Engine {
    /// Books a payment once per key, by no method.
    pub fn top_up(&mut self, now: Now, ask: TopUpRequest<'_>) -> Result<Moved, AccountRefused> {
        self.take_payment(now, &PaymentOrder { top_up: ask, method: None, fee: 0, pending: false }, &[])
    }

    /// Books or announces a payment once per key, if the method's rules allow it.
    pub fn take_payment(
        &mut self,
        now: Now,
        order: &PaymentOrder<'_>,
        methods: &[PaymentMethod],
    ) -> Result<Moved, AccountRefused> {
        let owner = self.owner(order.top_up.account, order.top_up.key)?;
        self.refuse_closed(owner, order.top_up.key)?;
        let currency = self.books.balance(owner).ok_or(Refused::UnknownAccount)?.currency;
        let is_known = self.books.knows(owner, &Key::Given(order.top_up.key.into()));
        let payment = Payment::of(order, currency, methods, is_known, now.wall)?;
        self.enter(now, owner, payment, None)
    }

    /// An announced payment came in; the bank kept `fee` of it, 10⁻⁵ units.
    pub fn book_payment(
        &mut self,
        now: Now,
        follow_up: FollowUp<'_>,
        fee: i64,
    ) -> Result<Moved, AccountRefused> {
        let owner = self.owner(follow_up.account, follow_up.key)?;
        let of = Key::Given(follow_up.of.into());
        let announced = self.books.given(owner, &of).ok_or(Refused::NoMovement)?;
        let payment = Payment::booking(announced, follow_up, fee)?;
        self.enter(now, owner, payment, Some(of))
    }

    /// An announced payment will not come.
    pub fn reject_payment(
        &mut self,
        now: Now,
        follow_up: FollowUp<'_>,
        cause: &str,
    ) -> Result<Moved, AccountRefused> {
        let owner = self.owner(follow_up.account, follow_up.key)?;
        let of = Key::Given(follow_up.of.into());
        let announced = self.books.given(owner, &of).ok_or(Refused::NoMovement)?;
        let transfer = Payment::rejection(announced, follow_up.key, cause)?;
        let nothing = Money::zero(transfer.amount.currency);
        let posted = self.request(
            owner,
            std::slice::from_ref(&transfer),
            Some((&of, Outcome::Rejected(follow_up.key.into()))),
        )?;
        Ok(self.moved(now, owner, nothing, posted, RecordBody::Rejected(Rejected { of, transfer })))
    }

    /// Posts a payment, by which the announcement `of` is booked if there is one.
    fn enter(
        &mut self,
        now: Now,
        owner: AccountId,
        payment: Payment,
        of: Option<Key>,
    ) -> Result<Moved, AccountRefused> {
        let outcome = match &payment.transfer.key {
            Key::Given(name) => Outcome::Booked(name.clone()),
            Key::Opening | Key::Call(..) | Key::Expired(..) | Key::Part(..) => {
                return Err(AccountRefused::Key);
            }
        };
        let settles = of.as_ref().map(|of| Settles { of, outcome: &outcome });
        let (transfers, net) = (payment.transfers(), payment.net());
        let posted = self.books.book_request(&Request {
            owner,
            transfers: &transfers,
            method: payment.method.as_ref(),
            settles,
        })?;
        let key = payment.transfer.key.clone();
        let moved = self.moved(now, owner, net, posted, payment.into_record(of));
        let announced = self.states.get(&owner).and_then(|state| state.announced.get(&key));
        Ok(Moved { due: announced.and_then(|announced| announced.due), ..moved })
    }

    /// Posts what is no payment, and settles or undoes an earlier movement if that is named.
    pub(super) fn request(
        &mut self,
        owner: AccountId,
        transfers: &[Transfer],
        settles: Option<(&Key, Outcome)>,
    ) -> Result<Posted, Refused> {
        let settles = settles.as_ref().map(|(of, outcome)| Settles { of, outcome });
        self.books.book_request(&Request { owner, transfers, method: None, settles })
    }

    /// The account of a request whose key is fit.
    pub(super) fn owner(&self, account: &str, key: &str) -> Result<AccountId, AccountRefused> {
        check_key(key)?;
        Ok(self.books.id(account).ok_or(Refused::UnknownAccount)?)
    }

    /// What was posted, as it is answered and journaled.
    pub(super) fn moved(
        &mut self,
        now: Now,
        owner: AccountId,
        amount: Money,
        posted: Posted,
        body: RecordBody,
    ) -> Moved {
        let money = |after| Money::of(after, amount.currency);
        if let Posted::Before { balance_after } = posted {
            return Moved { amount, balance: money(balance_after), replayed: true, due: None, record: None };
        }
        let account = self.books.name(owner).cloned().unwrap_or_default();
        let record = Record::new(self.date(now.wall), account, body);
        note_all(&self.books, &mut self.states, record.transfers(), record.at);
        self.note_request(owner, &record);
        let mut concerned: SmallVec<[AccountId; 4]> = smallvec![owner];
        let others =
            record.transfers().into_iter().filter_map(|transfer| self.books.id(transfer.customer()?));
        concerned.extend(others);
        concerned.sort_unstable();
        concerned.dedup();
        for account in concerned {
            self.notify_low_balance(account, now);
            self.wake(account);
        }
        let after = self.books.balance(owner).map_or(0, |balance| balance.posted());
        Moved { amount, balance: money(after), replayed: false, due: None, record: Some(record) }
    }
}
