//! Grants: promotional and test credit, and minutes, given to an account's buckets.
//!
//! A grant is idempotent by its key, as a top-up is. Its memo names kind, order, destinations and end, so
//! that other terms under a used key are an error.

use std::fmt::Write as _;

use ledger::{
    AccountState, Balance, BucketGranted, BucketKind, BucketTerms, Key, MAX_BUCKETS, Party, Posted, Purpose,
    Record, RecordBody, Refused, SystemAccount, Transfer, check_bucket_name,
};
use units::{Money, Name, Now, Wall};

use super::Engine;
use super::lease::SECOND;
use super::refused::AccountRefused;
use super::views::BucketView;
use crate::payment::check_words;

/// Most prefixes that a bucket serves.
const MAX_PREFIXES: usize = 64;

/// Something given to an account.
#[derive(Debug, Clone)]
pub struct GrantRequest<'a> {
    /// The account that gets it.
    pub account: &'a str,
    /// Into which bucket; a new one is opened, another grant adds to it and replaces its terms.
    pub bucket: &'a str,
    /// How much, above zero: in the account's currency, or whole seconds of
    /// [`Currency::SEC`](units::Currency::SEC).
    pub amount: Money,
    /// What the bucket serves.
    pub terms: BucketTerms,
    /// Why it is given; part of the memo.
    pub reference: &'a str,
    /// Idempotency key, unique within the account.
    pub key: &'a str,
}

/// A grant booked, now or before.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The amount as it was asked for.
    pub amount: Money,
    /// Posted in the bucket right after it was booked.
    pub left: Money,
    /// The same was booked before: nothing changed now.
    pub replayed: bool,
    /// For the journal; none if replayed.
    pub record: Option<Record>,
}

// === impl Engine ===

impl Engine {
    /// Books a grant once per key. Calls that waited for money may go on.
    pub fn grant(&mut self, now: Now, ask: &GrantRequest<'_>) -> Result<Granted, AccountRefused> {
        check_words(ask.key, ask.reference)?;
        check_bucket_name(ask.bucket)?;
        let id = self.books.id(ask.account).ok_or(Refused::UnknownAccount)?;
        let currency =
            self.books.balance(id).map(|balance| balance.currency).ok_or(Refused::UnknownAccount)?;
        let kind = ask.terms.kind;
        if ask.amount.currency != kind.currency(currency) {
            return Err(Refused::CurrencyMismatch.into());
        }
        if ask.amount.amount <= 0 {
            return Err(Refused::AmountNotPositive.into());
        }
        self.refuse_closed(id, ask.key)?;
        let name = Name::from(ask.account);
        let system_account =
            if kind == BucketKind::Minutes { SystemAccount::Minutes } else { SystemAccount::Promotions };
        let transfer = Transfer {
            key: Key::Given(ask.key.into()),
            purpose: Purpose::Grant,
            debit: Party::SystemAccount(system_account),
            credit: Party::Bucket { account: name.clone(), bucket: ask.bucket.into() },
            amount: ask.amount,
            memo: Some(memo(&ask.terms, ask.reference).into()),
        };
        if !self.books.knows(id, &transfer.key) {
            self.check_bucket(id, ask, now.wall)?;
        }
        let granted = BucketGranted { bucket: ask.bucket.into(), terms: ask.terms.clone(), transfer };
        let state = self.states.get_mut(&id).ok_or(Refused::UnknownAccount)?;
        let money = |amount| Money::of(amount, ask.amount.currency);
        match state.grant(&mut self.books, id, &granted, now.wall)? {
            Posted::Before { balance_after } => {
                Ok(Granted { amount: ask.amount, left: money(balance_after), replayed: true, record: None })
            }
            Posted::Now => {
                let left = self
                    .books
                    .bucket(id, &granted.bucket)
                    .and_then(|bucket| self.books.balance(bucket))
                    .map_or(0, Balance::posted);
                self.wake(id);
                let record = Record::new(now.wall, name, RecordBody::BucketGranted(granted));
                Ok(Granted { amount: ask.amount, left: money(left), replayed: false, record: Some(record) })
            }
        }
    }

    fn check_bucket(
        &self,
        id: ledger::AccountId,
        ask: &GrantRequest<'_>,
        at: Wall,
    ) -> Result<(), AccountRefused> {
        let BucketTerms { kind, prefixes, valid_from, expires_at, .. } = &ask.terms;
        let state = self.states.get(&id).ok_or(Refused::UnknownAccount)?;
        let holds = |id| self.books.balance(id).is_some_and(|balance| balance.posted() > 0);
        let others =
            state.buckets.iter().filter(|bucket| &*bucket.name != ask.bucket && holds(bucket.id)).count();
        let refuse = |reason| Err(AccountRefused::Bucket(reason));
        if state.bucket(ask.bucket).is_some_and(|bucket| bucket.terms.kind != *kind && holds(bucket.id)) {
            return refuse("the pocket holds another kind: use another name");
        }
        if *kind == BucketKind::Minutes && ask.amount.amount % SECOND != 0 {
            return refuse("minutes are given in whole seconds");
        }
        if *kind == BucketKind::Test && !prefixes.is_empty() {
            return refuse("test credit serves every listed destination: leave the prefixes out");
        }
        if prefixes.len() > MAX_PREFIXES {
            return refuse("a pocket serves at most 64 prefixes");
        }
        if expires_at.is_some_and(|end| end <= at || valid_from.is_some_and(|from| end <= from)) {
            return refuse("it would be expired before it could be used");
        }
        if others >= MAX_BUCKETS {
            return refuse("the account has 64 pockets that are not used up");
        }
        Ok(())
    }

    /// Buckets in their order; those that ended with nothing left are not shown.
    pub(super) fn bucket_views(&self, state: &AccountState) -> Vec<BucketView> {
        let view = |bucket: &ledger::Bucket| {
            let balance = self
                .books
                .balance(bucket.id)
                .filter(|balance| balance.posted() > 0 || bucket.expiries == 0)?;
            let money = |amount| Money::of(amount, balance.currency);
            let BucketTerms { kind, priority, ref prefixes, valid_from, expires_at } = bucket.terms;
            Some(BucketView {
                name: bucket.name.clone(),
                kind,
                priority,
                left: money(balance.posted()),
                leased: money(balance.reserved),
                prefixes: prefixes.clone(),
                valid_from,
                expires_at,
            })
        };
        state.buckets.iter().filter_map(view).collect()
    }
}

/// `promo, priority 1, for 34 351, until 2027-01-01T00:00:00.000Z: welcome`.
fn memo(terms: &BucketTerms, reference: &str) -> String {
    let mut text = terms.kind.word().to_owned();
    // Writing to a string cannot fail.
    if terms.priority > 0 {
        let _ = write!(text, ", priority {}", terms.priority);
    }
    for (at, prefix) in terms.prefixes.iter().enumerate() {
        let _ = write!(text, "{} {prefix}", if at == 0 { ", for" } else { "" });
    }
    for (label, at) in [("from", terms.valid_from), ("until", terms.expires_at)] {
        if let Some(at) = at {
            let _ = write!(text, ", {label} {}", at.rfc3339());
        }
    }
    if !reference.is_empty() {
        let _ = write!(text, ": {reference}");
    }
    text
}
