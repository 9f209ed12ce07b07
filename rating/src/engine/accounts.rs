//! Accounts: opening, terms, views. Money that comes in is in `payments`.

use std::ops::Bound;

use ledger::{
    AccountChanged, AccountId, AccountOpened, AccountState, AccountStatus, Key, OpenedAs, Party, ProfitGuard,
    Purpose, Record, RecordBody, Refused, SystemAccount, Terms, Transfer, check_account_name,
};
use serde::Serialize;
use units::{Currency, Money, Name, Now, Wall, Zone};

use super::Engine;
use super::invariant::must;
use super::refused::AccountRefused;
use super::views::{BucketView, as_text, as_time, as_time_or_none};
use crate::payment::check_key;

/// Most that an account is opened with, and most credit that it has, 10⁻⁵ units (about 4.6e13): half of what
/// a balance can hold, so that both together are in range.
const AMOUNT_MAX: i64 = i64::MAX / 2;

/// An account to be.
#[derive(Debug, Clone)]
pub struct OpenAccount<'a> {
    /// Unique, see [`check_account_name`].
    pub name: &'a str,
    /// The currency of its money, which never changes.
    pub currency: Currency,
    /// To begin with; its currency is the account's.
    pub opening: i64,
    /// What it calls by.
    pub terms: Terms,
    /// How far usage may take the balance, 10⁻⁵ units: 0, or below where credit is given.
    pub limit: i64,
}

/// An account that is open, now or since an earlier request of the same key and content.
#[derive(Debug, Clone)]
pub struct Opened {
    /// As it was right after it was opened.
    pub view: AccountView,
    /// It was opened before: nothing changed now.
    pub replayed: bool,
    /// For the journal; none if replayed.
    pub record: Option<Record>,
}

/// What changes of an account; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountChange {
    /// Its price lists.
    pub decks: Option<Vec<Name>>,
    /// Whether calls may cost more than they bring.
    pub profit_guard: Option<ProfitGuard>,
    /// A notice is due below this, 10⁻⁵ units; never if the inner is none.
    pub low_balance: Option<Option<i64>>,
    /// The balance expires after so many days without an event; never if the inner is none. Days replace
    /// months.
    pub idle_days: Option<Option<u32>>,
    /// The same in calendar months, which replace days.
    pub idle_months: Option<Option<u32>>,
    /// By whose clocks days begin and end; UTC if the inner is none.
    pub zone: Option<Option<Name>>,
    /// Where notices go; nowhere if the inner is none.
    pub email: Option<Option<Name>>,
    /// In which language; English if the inner is none.
    pub language: Option<Option<Name>>,
    /// How far usage may take the balance, 10⁻⁵ units; 0 or negative.
    pub limit: Option<i64>,
    /// Whether it may be used.
    pub status: Option<AccountStatus>,
}

/// An account as its owner sees it. Serialises with money as strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// The account's name.
    pub name: Name,
    /// Of all amounts.
    pub currency: Currency,
    /// The posted balance of its own money, buckets aside.
    #[serde(serialize_with = "as_text")]
    pub balance: Money,
    /// Held for calls in progress.
    #[serde(serialize_with = "as_text")]
    pub leased: Money,
    /// What calls may still take.
    #[serde(serialize_with = "as_text")]
    pub available: Money,
    /// How far usage may go.
    #[serde(serialize_with = "as_text")]
    pub limit: Money,
    /// What it calls by.
    pub terms: Terms,
    /// Promotional and test credit and minutes, in the order in which calls use them.
    #[serde(rename = "pockets")]
    pub buckets: Vec<BucketView>,
    /// When the balance ends if it is not used.
    #[serde(serialize_with = "as_time_or_none")]
    pub idle_end: Option<Wall>,
    /// When it was opened.
    #[serde(serialize_with = "as_time")]
    pub opened_at: Wall,
}

// === impl AccountChange ===

impl AccountChange {
    /// The terms after it.
    fn applied(&self, terms: &Terms) -> Terms {
        Terms {
            decks: self.decks.clone().unwrap_or_else(|| terms.decks.clone()),
            profit_guard: self.profit_guard.unwrap_or(terms.profit_guard),
            low_balance: self.low_balance.unwrap_or(terms.low_balance),
            idle_days: self
                .idle_days
                .unwrap_or(terms.idle_days)
                .filter(|_| !matches!(self.idle_months, Some(Some(_)))),
            idle_months: self
                .idle_months
                .unwrap_or(terms.idle_months)
                .filter(|_| !matches!(self.idle_days, Some(Some(_)))),
            zone: self.zone.clone().unwrap_or_else(|| terms.zone.clone()),
            email: self.email.clone().unwrap_or_else(|| terms.email.clone()),
            language: self.language.clone().unwrap_or_else(|| terms.language.clone()),
            status: self.status.unwrap_or(terms.status),
            newer: terms.newer.clone(),
        }
    }
}

impl AccountChange {
    fn check_idle(&self) -> Result<(), AccountRefused> {
        let (days, months) = (self.idle_days.flatten(), self.idle_months.flatten());
        if days.is_some() && months.is_some() {
            return Err(AccountRefused::IdleTwice);
        }
        if days.is_some_and(|days| !(1..=36_500).contains(&days))
            || months.is_some_and(|months| !(1..=1_200).contains(&months))
        {
            return Err(AccountRefused::IdleTime);
        }
        match self.zone.as_ref().and_then(Option::as_ref) {
            Some(zone) if Zone::named(zone).is_none() => Err(AccountRefused::Zone(zone.to_string())),
            Some(_) | None => Ok(()),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Opens an account; one that exists is refused and stays as it is.
    pub fn open_account(&mut self, now: Now, ask: &OpenAccount<'_>) -> Result<Record, AccountRefused> {
        self.open(now, ask, None)
    }

    /// Opens an account once per key; the same key with the same content is answered as the first time.
    pub fn open_once(
        &mut self,
        now: Now,
        ask: &OpenAccount<'_>,
        key: &str,
    ) -> Result<Opened, AccountRefused> {
        check_key(key)?;
        if let Some(id) = self.opened_by.get(key) {
            return self.opened_before(*id, ask, key);
        }
        let record = self.open(now, ask, Some(key.into()))?;
        let view = self.account(ask.name).ok_or(Refused::UnknownAccount)?;
        Ok(Opened { view, replayed: false, record: Some(record) })
    }

    fn open(&mut self, now: Now, ask: &OpenAccount<'_>, key: Option<Name>) -> Result<Record, AccountRefused> {
        check_account_name(ask.name)?;
        if ask.limit > 0 {
            return Err(AccountRefused::Limit);
        }
        if ledger::parent(ask.name).is_some_and(|above| self.books.id(above).is_none()) {
            return Err(AccountRefused::NoParent);
        }
        let name = Name::from(ask.name);
        check_range(ask.opening, ask.limit)?;
        let id = self.books.open(&name, ask.currency, ask.limit)?;
        let opening = opening_transfer(&name, ask.opening, ask.currency);
        if let Some(transfer) = &opening {
            must(self.books.post(transfer), "an opening balance");
        }
        let above = ledger::parent(ask.name).and_then(|above| self.books.id(above));
        let opened = AccountOpened {
            currency: ask.currency,
            terms: ask.terms.clone(),
            limit: ask.limit,
            opening,
            key: key.clone(),
        };
        self.states.insert(id, AccountState::opened(&opened, now.wall, above, ask.opening));
        self.opened_by.extend(key.map(|key| (key, id)));
        self.schedule(id);
        self.mark_low(id);
        Ok(Record::new(now.wall, name, RecordBody::AccountOpened(opened)))
    }

    /// The account that a request of this key opened.
    pub fn opened_by(&self, key: &str) -> Option<&Name> {
        self.opened_by.get(key).and_then(|id| self.books.name(*id))
    }

    /// The answer of the first request, if this one has the same content.
    fn opened_before(
        &self,
        id: AccountId,
        ask: &OpenAccount<'_>,
        key: &str,
    ) -> Result<Opened, AccountRefused> {
        let (view, state) = self.view(id).zip(self.states.get(&id)).ok_or(Refused::UnknownAccount)?;
        let asked =
            OpenedAs { key: key.into(), terms: ask.terms.clone(), limit: ask.limit, opening: ask.opening };
        if *view.name != *ask.name
            || view.currency != ask.currency
            || state.opened_as.as_deref() != Some(&asked)
        {
            return Err(Refused::KeyReused.into());
        }
        let money = |amount| Money::of(amount, ask.currency);
        let view = AccountView {
            balance: money(asked.opening),
            leased: money(0),
            available: money(asked.opening.saturating_sub(asked.limit)),
            limit: money(asked.limit),
            buckets: Vec::new(),
            idle_end: AccountState::new(asked.terms.clone(), view.opened_at, None, 0).idle_end(),
            terms: asked.terms,
            ..view
        };
        Ok(Opened { view, replayed: true, record: None })
    }

    /// Changes an account's terms and limit; running calls keep their prices.
    pub fn change_account(
        &mut self,
        now: Now,
        name: &str,
        terms: &Terms,
        limit: i64,
    ) -> Result<Record, AccountRefused> {
        if limit > 0 {
            return Err(AccountRefused::Limit);
        }
        check_range(0, limit)?;
        let id = self.books.id(name).ok_or(Refused::UnknownAccount)?;
        self.books.set_limit(id, limit)?;
        let posted = self.books.balance(id).map_or(0, |balance| balance.posted());
        if let Some(state) = self.states.get_mut(&id) {
            state.change(terms.clone(), posted);
        }
        self.mark_low(id);
        self.wake(id);
        let changed = AccountChanged { terms: terms.clone(), limit };
        Ok(Record::new(now.wall, Name::from(name), RecordBody::AccountChanged(changed)))
    }

    /// Changes of an account's terms and limit what `change` names.
    pub fn amend_account(
        &mut self,
        now: Now,
        name: &str,
        change: &AccountChange,
    ) -> Result<Record, AccountRefused> {
        let id = self.books.id(name).ok_or(Refused::UnknownAccount)?;
        let (balance, state) =
            self.books.balance(id).zip(self.states.get(&id)).ok_or(Refused::UnknownAccount)?;
        let (limit, terms) = (change.limit.unwrap_or(balance.limit), change.applied(&state.terms));
        if terms.decks.is_empty() {
            return Err(AccountRefused::NoDeck);
        }
        change.check_idle()?;
        if terms.status == AccountStatus::Closed && state.terms.status != AccountStatus::Closed {
            self.may_close(id, name)?;
        }
        self.change_account(now, name, &terms, limit)
    }

    /// An account is closed when nothing is in it, on its way to it, or held by its calls.
    fn may_close(&self, id: AccountId, name: &str) -> Result<(), AccountRefused> {
        let state = self.states.get(&id).ok_or(Refused::UnknownAccount)?;
        let own = self.books.balance(id).copied().ok_or(Refused::UnknownAccount)?;
        let word = |text: String| Err(AccountRefused::NotEmpty(text));
        if own.reserved > 0 {
            return word("calls are in progress: suspend it and wait for their end".to_owned());
        }
        if own.posted() != 0 {
            let balance = Money::of(own.posted(), own.currency);
            return word(format!(
                "its balance is {balance} {}: pay it out or correct it to zero first",
                own.currency
            ));
        }
        if let Some((key, _)) = state.announced.first_key_value() {
            return word(format!("the payment {key} is announced: book or reject it first"));
        }
        let filled = |bucket: &&ledger::Bucket| {
            self.books.balance(bucket.id).is_some_and(|b| b.posted() != 0 || b.reserved != 0)
        };
        if let Some(bucket) = state.buckets.iter().find(filled) {
            return word(format!("its bucket {} is not empty: reverse the grant first", bucket.name));
        }
        let below = format!("{name}:");
        let mut children = self
            .books
            .customers_from(Bound::Included(&below))
            .take_while(|(name, _)| name.starts_with(&below));
        let open = children.find(|(_, id)| {
            self.states.get(id).is_some_and(|state| state.terms.status != AccountStatus::Closed)
        });
        match open {
            Some((child, _)) => word(format!("the account {child} below it is not closed")),
            None => Ok(()),
        }
    }

    /// Nothing brings money to a closed account; what was done under `key` before is answered as then.
    pub(super) fn refuse_closed(&self, owner: AccountId, key: &str) -> Result<(), AccountRefused> {
        let closed = self.states.get(&owner).is_some_and(|state| state.terms.status == AccountStatus::Closed);
        if closed && !self.books.knows(owner, &Key::Given(key.into())) {
            Err(AccountRefused::Closed)
        } else {
            Ok(())
        }
    }

    /// The account of this name as its owner sees it; none if it is not in these books.
    pub fn account(&self, name: &str) -> Option<AccountView> {
        self.view(self.books.id(name)?)
    }

    /// What is posted of an account, by bucket (empty: its own money), 10⁻⁵ units.
    pub fn posted(&self, name: &str) -> Option<Vec<(Name, Currency, i64)>> {
        let id = self.books.id(name)?;
        let own = (Name::from(""), id);
        let all =
            std::iter::once(own).chain(self.books.buckets_of(id).map(|(bucket, id)| (bucket.clone(), id)));
        Some(
            all.filter_map(|(bucket, id)| self.books.balance(id).map(|b| (bucket, b.currency, b.posted())))
                .collect(),
        )
    }

    /// Up to `limit` accounts in the order of their names, after `after`.
    pub fn accounts(&self, after: Option<&str>, limit: usize) -> Vec<AccountView> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.books.customers_from(from).take(limit).filter_map(|(_, id)| self.view(id)).collect()
    }

    fn view(&self, id: AccountId) -> Option<AccountView> {
        let (balance, state, name) = (self.books.balance(id)?, self.states.get(&id)?, self.books.name(id)?);
        let money = |amount| Money::of(amount, balance.currency);
        Some(AccountView {
            name: name.clone(),
            currency: balance.currency,
            balance: money(balance.posted()),
            leased: money(balance.reserved),
            available: money(balance.available()),
            limit: money(balance.limit),
            terms: state.terms.clone(),
            buckets: self.bucket_views(state),
            idle_end: state.idle_end(),
            opened_at: state.opened_at,
        })
    }
}

/// Opening balance and credit together are within what a balance can hold.
fn check_range(opening: i64, limit: i64) -> Result<(), Refused> {
    let fits = |amount: i64| (-AMOUNT_MAX..=AMOUNT_MAX).contains(&amount);
    if fits(opening) && fits(limit) { Ok(()) } else { Err(Refused::Overflow) }
}

/// From or, for an old debt, to the opening account.
fn opening_transfer(name: &Name, amount: i64, currency: Currency) -> Option<Transfer> {
    let (system_account, customer) =
        (Party::SystemAccount(SystemAccount::Opening), Party::Customer(name.clone()));
    let (debit, credit) = if amount < 0 { (customer, system_account) } else { (system_account, customer) };
    let amount = Money::of(amount.abs(), currency);
    (amount.amount > 0).then_some(Transfer {
        key: Key::Opening,
        purpose: Purpose::Opening,
        debit,
        credit,
        amount,
        memo: None,
    })
}
