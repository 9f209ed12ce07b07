//! Notices to an account's owner that follow from a movement: a low balance, few minutes. Each once, until
//! the balance was above its mark again.

use ledger::{AccountId, Balance, BucketKind, Notice, NoticeEvent, Record, RecordBody, Transfer};
use units::{Currency, Now};

use super::lease::SECOND;
use super::{Engine, PaidPart};
use crate::Price;

/// Fewer seconds than this in a bucket of minutes are few.
const FEW_SECS: i64 = 300;

// === impl Engine ===

impl Engine {
    /// A record to be journaled after the caller's own; drain after each call of the engine.
    pub fn poll_notice(&mut self) -> Option<Record> {
        self.notices.pop_front()
    }

    /// The record of a notice to an account's owner, in the language and to the address of its terms; none
    /// without that account.
    pub fn notice_to(&self, now: Now, account: &str, event: NoticeEvent) -> Option<Record> {
        self.notice(now, self.books.id(account)?, event)
    }

    /// The notice of a deck's new prices, if the account calls by the deck and its last such notice was of
    /// another version. The record is the caller's.
    pub fn notify_rates(&mut self, now: Now, account: &str, event: &NoticeEvent) -> Option<Record> {
        let NoticeEvent::RatesChange(change) = event else { return None };
        let account = self.books.id(account)?;
        let state = self.states.get(&account)?;
        if !state.terms.decks.contains(&change.deck)
            || state.rates_told.get(&change.deck) == Some(&change.version)
        {
            return None;
        }
        let record = self.notice(now, account, event.clone())?;
        self.states.get_mut(&account)?.note_notice(event, now.wall);
        Some(record)
    }

    pub(super) fn notice(&self, now: Now, account: AccountId, event: NoticeEvent) -> Option<Record> {
        let terms = &self.states.get(&account)?.terms;
        let notice = Notice { to: terms.email.clone(), language: terms.language.clone(), event, id: None };
        Some(Record::new(now.wall, self.books.name(account)?.clone(), RecordBody::Notice(notice)))
    }

    /// Queues a notice for the journal, and keeps in the account's state that it was given.
    pub(super) fn notify(&mut self, now: Now, account: AccountId, event: NoticeEvent) {
        if let Some(record) = self.notice(now, account, event.clone()) {
            if let Some(state) = self.states.get_mut(&account) {
                state.note_notice(&event, now.wall);
            }
            self.notices.push_back(record);
        }
    }

    /// A movement of this account was posted.
    pub(super) fn note_posted(&mut self, account: AccountId, transfer: &Transfer, now: Now) {
        let posted = self.books.balance(account).map_or(0, Balance::posted);
        if let Some(state) = self.states.get_mut(&account) {
            state.note_posted(transfer, now.wall, posted);
        }
    }

    /// The account's low mark is that of its terms.
    pub(super) fn mark_low(&mut self, account: AccountId) {
        self.books.set_low_mark(account, self.states.get(&account).and_then(|state| state.terms.low_balance));
    }

    /// Accounts that have less than their low mark for calls. A balance that is lent is not all that there
    /// is: none of those counts.
    pub fn low_accounts(&self) -> usize {
        if self.books.lent().is_some() { 0 } else { self.books.low() }
    }

    /// After usage: a balance that fell below its mark.
    pub(super) fn notify_low_balance(&mut self, account: AccountId, now: Now) {
        let Some(balance) = self.books.balance(account).copied() else { return };
        let due = self.states.get(&account).and_then(|state| state.low_balance_due(balance.posted()));
        if let Some(threshold) = due {
            let event =
                NoticeEvent::LowBalance { balance: balance.posted(), threshold, currency: balance.currency };
            self.notify(now, account, event);
        }
    }

    /// After usage: minutes nearly gone, and no money for a first block of such a call afterwards.
    pub(super) fn notify_low_minutes(
        &mut self,
        account: AccountId,
        paid: &[PaidPart],
        price: &Price,
        now: Now,
    ) {
        // What a slice has left says nothing of the bucket.
        let whole = self.books.lent().is_none();
        for part in paid.iter().filter(|_| whole).filter(|part| part.amount.currency == Currency::SEC) {
            let Some((state, name)) = self.states.get(&account).zip(part.bucket.as_ref()) else { return };
            let Some(bucket) = state.bucket(name).filter(|bucket| bucket.low_armed) else { continue };
            let left = self.books.balance(bucket.id).map_or(0, Balance::posted) / SECOND;
            let money = state
                .buckets
                .iter()
                .filter(|bucket| bucket.terms.kind != BucketKind::Minutes && bucket.terms.is_open(now.wall));
            let free = |id| self.books.balance(id).map_or(0, |balance| balance.available().max(0));
            let most = money.map(|bucket| free(bucket.id)).chain([free(account)]).max().unwrap_or(0);
            if left <= FEW_SECS && most < price.cost(price.next_boundary(0)) {
                let event = NoticeEvent::LowMinutes { bucket: name.clone(), seconds: left.unsigned_abs() };
                self.notify(now, account, event);
            }
        }
    }
}
