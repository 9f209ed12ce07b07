//! Grants: promotional and test credit, and minutes, given to an account's pockets.
//!
//! A grant is idempotent by its key, as a top-up is. Its memo names kind, order, destinations and end, so that other terms under a used key are an error.

use std::fmt::Write as _;

use ledger::{
    AccountState, Balance, House, Key, MAX_POCKETS, Party, PocketGranted, PocketKind, PocketTerms, Posted, Purpose, Record, RecordBody,
    Refused, Transfer, check_pocket_name,
};
use units::{Money, Name, Now, Wall};

use super::Engine;
use super::lease::SECOND;
use super::refused::AccountRefused;
use super::views::PocketView;
use crate::payment::check_words;

/// Most prefixes that a pocket serves.
const MAX_PREFIXES: usize = 64;

/// Something given to an account.
#[derive(Debug, Clone)]
pub struct GrantRequest<'a> {
    /// The account that gets it.
    pub account: &'a str,
    /// Into which pocket; a new one is opened, another grant adds to it and replaces its terms.
    pub pocket: &'a str,
    /// How much, above zero: in the account's currency, or whole seconds of [`Currency::SEC`](units::Currency::SEC).
    pub amount: Money,
    /// What the pocket serves.
    pub terms: PocketTerms,
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
    /// Posted in the pocket right after it was booked.
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
        check_pocket_name(ask.pocket)?;
        let id = self.books.id(ask.account).ok_or(Refused::UnknownAccount)?;
        let currency = self.books.balance(id).map(|balance| balance.currency).ok_or(Refused::UnknownAccount)?;
        let kind = ask.terms.kind;
        if ask.amount.currency != kind.currency(currency) {
            return Err(Refused::CurrencyMismatch.into());
        }
        if ask.amount.amount <= 0 {
            return Err(Refused::AmountNotPositive.into());
        }
        self.refuse_closed(id, ask.key)?;
        let name = Name::from(ask.account);
        let house = if kind == PocketKind::Minutes { House::Minutes } else { House::Promotions };
        let transfer = Transfer {
            key: Key::Given(ask.key.into()),
            purpose: Purpose::Grant,
            debit: Party::House(house),
            credit: Party::Pocket { account: name.clone(), pocket: ask.pocket.into() },
            amount: ask.amount,
            memo: Some(memo(&ask.terms, ask.reference).into()),
        };
        if !self.books.knows(id, &transfer.key) {
            self.check_pocket(id, ask, now.wall)?;
        }
        let granted = PocketGranted { pocket: ask.pocket.into(), terms: ask.terms.clone(), transfer };
        let state = self.states.get_mut(&id).ok_or(Refused::UnknownAccount)?;
        let money = |amount| Money::of(amount, ask.amount.currency);
        match state.grant(&mut self.books, id, &granted, now.wall)? {
            Posted::Before { balance_after } => {
                Ok(Granted { amount: ask.amount, left: money(balance_after), replayed: true, record: None })
            }
            Posted::Now => {
                let left = self.books.pocket(id, &granted.pocket).and_then(|pocket| self.books.balance(pocket)).map_or(0, Balance::posted);
                self.wake(id);
                let record = Record::new(now.wall, name, RecordBody::PocketGranted(granted));
                Ok(Granted { amount: ask.amount, left: money(left), replayed: false, record: Some(record) })
            }
        }
    }

    fn check_pocket(&self, id: ledger::AccountId, ask: &GrantRequest<'_>, at: Wall) -> Result<(), AccountRefused> {
        let PocketTerms { kind, prefixes, valid_from, expires_at, .. } = &ask.terms;
        let state = self.states.get(&id).ok_or(Refused::UnknownAccount)?;
        let holds = |id| self.books.balance(id).is_some_and(|balance| balance.posted() > 0);
        let others = state.pockets.iter().filter(|pocket| &*pocket.name != ask.pocket && holds(pocket.id)).count();
        let refuse = |reason| Err(AccountRefused::Pocket(reason));
        if state.pocket(ask.pocket).is_some_and(|pocket| pocket.terms.kind != *kind && holds(pocket.id)) {
            return refuse("the pocket holds another kind: use another name");
        }
        if *kind == PocketKind::Minutes && ask.amount.amount % SECOND != 0 {
            return refuse("minutes are given in whole seconds");
        }
        if *kind == PocketKind::Test && !prefixes.is_empty() {
            return refuse("test credit serves every listed destination: leave the prefixes out");
        }
        if prefixes.len() > MAX_PREFIXES {
            return refuse("a pocket serves at most 64 prefixes");
        }
        if expires_at.is_some_and(|end| end <= at || valid_from.is_some_and(|from| end <= from)) {
            return refuse("it would be expired before it could be used");
        }
        if others >= MAX_POCKETS {
            return refuse("the account has 64 pockets that are not used up");
        }
        Ok(())
    }

    /// Pockets in their order; those that ended with nothing left are not shown.
    pub(super) fn pocket_views(&self, state: &AccountState) -> Vec<PocketView> {
        let view = |pocket: &ledger::Pocket| {
            let balance = self.books.balance(pocket.id).filter(|balance| balance.posted() > 0 || pocket.expiries == 0)?;
            let money = |amount| Money::of(amount, balance.currency);
            let PocketTerms { kind, priority, ref prefixes, valid_from, expires_at } = pocket.terms;
            Some(PocketView {
                name: pocket.name.clone(),
                kind,
                priority,
                left: money(balance.posted()),
                leased: money(balance.reserved),
                prefixes: prefixes.clone(),
                valid_from,
                expires_at,
            })
        };
        state.pockets.iter().filter_map(view).collect()
    }
}

/// `promo, priority 1, for 34 351, until 2027-01-01T00:00:00.000Z: welcome`.
fn memo(terms: &PocketTerms, reference: &str) -> String {
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
