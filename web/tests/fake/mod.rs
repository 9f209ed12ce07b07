//! A switch in memory behind the API, and a client without a socket.
#![allow(dead_code, unused_imports, missing_docs, clippy::unwrap_used, clippy::panic)] // not every test file uses all of it

mod client;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rating::engine::AccountChange;
use serde_json::value::RawValue;
use units::{Currency, Money, Wall};
use web::documents::GrantDoc;
use web::{
    AccountDoc, Answer, Backend, BackendError, CallDoc, CdrFilter, CdrRows, CdrSource, CloseReceipt,
    DeckVersionDoc, GrantReceipt, GrantRequest, Hand, HandRequest, KeptDecks, MovedDoc, MovedReceipt,
    MovementDoc, NewAccount, OpenReceipt, PaymentDoc, PaymentsAsk, PaymentsPage, PeriodDoc, RecordingDoc,
    SourceError, StatementAsk, StatementBalanceDoc, StatementDoc, StatementPage, TopUpDoc, TopUpReceipt,
    TopUpRequest, TransitAsk, TrialBalanceDoc,
};

pub use client::{Client, Reply};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[derive(Default)]
pub struct Fake {
    pub balances: Mutex<BTreeMap<String, Money>>,
    pub paid: Mutex<BTreeMap<String, (TopUpRequest, TopUpDoc)>>,
    pub live: Mutex<Vec<String>>,
    pub unready: Mutex<Vec<String>>,
    pub remarks: Mutex<Vec<String>>,
    pub stuck: Mutex<bool>,
}

fn document(name: &str, balance: Money) -> AccountDoc {
    AccountDoc {
        name: name.to_owned(),
        currency: balance.currency.to_string(),
        balance: balance.to_string(),
        leased: Money::zero(balance.currency).to_string(),
        available: balance.to_string(),
        deck: "retail".to_owned(),
        status: "active".to_owned(),
        opened_at: None,
        live_calls: None,
        terms: None,
        buckets: Vec::new(),
    }
}

fn payment(account: &str, entry: u64, pending: bool) -> PaymentDoc {
    let at = |minutes: u64| Some(Wall(i64::try_from(minutes).unwrap() * 60_000).rfc3339());
    PaymentDoc {
        account: account.to_owned(),
        idempotency_key: format!("invoice {entry}"),
        state: if pending { "pending" } else { "booked" }.to_owned(),
        late: false,
        method: Some("bank".to_owned()),
        amount: "300.00000".to_owned(),
        fee: if pending { "0.00000" } else { "12.00000" }.to_owned(),
        net: if pending { "0.00000" } else { "288.00000" }.to_owned(),
        currency: "EUR".to_owned(),
        reference: String::new(),
        announced_at: at(0),
        due_at: at(entry),
        booked_at: at(1).filter(|_| !pending),
        ended_at: None,
        cause: None,
        entry: Some(entry),
    }
}

fn now<T: Send + 'static>(value: Result<T, BackendError>) -> Answer<T> {
    Box::pin(std::future::ready(value))
}

impl Backend for Fake {
    fn accounts(&self, after: Option<String>, limit: usize) -> Answer<Vec<AccountDoc>> {
        if *self.stuck.lock().unwrap() {
            return Box::pin(std::future::pending());
        }
        let balances = self.balances.lock().unwrap();
        let later = balances.iter().filter(|(name, _)| after.as_ref().is_none_or(|a| *name > a));
        now(Ok(later.take(limit).map(|(name, money)| document(name, *money)).collect()))
    }

    fn account(&self, name: String) -> Answer<Option<AccountDoc>> {
        now(Ok(self.balances.lock().unwrap().get(&name).map(|money| document(&name, *money))))
    }

    fn add_account(&self, new: NewAccount) -> Answer<OpenReceipt> {
        let mut balances = self.balances.lock().unwrap();
        if balances.contains_key(&new.name) {
            return now(Err(BackendError::Conflict("taken".to_owned())));
        }
        if new.terms.decks.iter().any(|deck| &**deck != "retail") {
            return now(Err(BackendError::Refused { field: "deck", detail: "no such deck".to_owned() }));
        }
        balances.insert(new.name.clone(), new.balance);
        now(Ok(OpenReceipt { document: document(&new.name, new.balance), replayed: false }))
    }

    fn top_up(&self, order: TopUpRequest) -> Answer<TopUpReceipt> {
        let mut balances = self.balances.lock().unwrap();
        let Some(balance) = balances.get_mut(&order.account) else {
            return now(Err(BackendError::NoAccount(order.account)));
        };
        let amount = match order.amount.money(balance.currency) {
            Ok(amount) => amount,
            Err(error) => return now(Err(error)),
        };
        let mut paid = self.paid.lock().unwrap();
        if let Some((earlier, document)) = paid.get(&order.idempotency_key) {
            let same = *earlier == order;
            return now(match same {
                true => Ok(TopUpReceipt { document: document.clone(), replayed: true }),
                false => Err(BackendError::KeyReused(order.idempotency_key)),
            });
        }
        let before = *balance;
        *balance = before.checked_add(amount).unwrap();
        let document = TopUpDoc {
            account: order.account.clone(),
            amount: amount.to_string(),
            currency: amount.currency.to_string(),
            reference: order.reference.clone(),
            idempotency_key: order.idempotency_key.clone(),
            balance_before: before.to_string(),
            balance_after: balance.to_string(),
            booked_at: None,
            state: if order.pending { "pending" } else { "booked" }.to_owned(),
            method: order.method.clone(),
            fee: Money::of(order.fee, amount.currency).to_string(),
            net: Money::of(amount.amount - order.fee, amount.currency).to_string(),
            due_at: None,
        };
        paid.insert(order.idempotency_key.clone(), (order, document.clone()));
        now(Ok(TopUpReceipt { document, replayed: false }))
    }

    fn trial_balance(&self) -> Answer<TrialBalanceDoc> {
        now(Ok(TrialBalanceDoc {
            lines: Vec::new(),
            sums: BTreeMap::from([("EUR".to_owned(), "0.00000".to_owned())]),
        }))
    }

    /// A key that begins with `again` was used before.
    fn close_period(&self, until: Wall, idempotency_key: String) -> Answer<CloseReceipt> {
        let trial = TrialBalanceDoc { lines: Vec::new(), sums: BTreeMap::new() };
        let replayed = idempotency_key.starts_with("again");
        now(Ok(CloseReceipt {
            document: PeriodDoc { until: until.rfc3339(), entry: 7, trial, idempotency_key },
            replayed,
        }))
    }

    /// One movement of 1.00 in each of the entries 1 to 5, a page at a time.
    fn statement(&self, ask: StatementAsk) -> Answer<StatementPage> {
        let balance = |entry: u64| StatementBalanceDoc {
            bucket: String::new(),
            currency: "EUR".to_owned(),
            balance: Money::of(i64::try_from(entry).unwrap() * 100_000, Currency::EUR).to_string(),
        };
        let begin = ask.after.map_or(0, |place| place.entry);
        let last = begin.saturating_add(ask.limit as u64).min(5);
        let movement = |entry| MovementDoc {
            entry,
            at: Wall(0).rfc3339(),
            key: format!("key/{entry}"),
            purpose: "top_up".to_owned(),
            cause: "payment".to_owned(),
            bucket: String::new(),
            amount: "1.00000".to_owned(),
            currency: "EUR".to_owned(),
            balance: balance(entry).balance,
        };
        let movements = (begin + 1..=last).map(movement).collect();
        let document = StatementDoc {
            account: ask.account,
            opening: vec![balance(begin)],
            movements,
            closing: vec![balance(last)],
            next: None,
        };
        now(Ok(StatementPage { document, next: (last < 5).then_some(last) }))
    }

    /// Entries 1 to 3, of which the last is on its way.
    fn payments(&self, ask: PaymentsAsk) -> Answer<PaymentsPage> {
        if !self.balances.lock().unwrap().contains_key(&ask.account) {
            return now(Err(BackendError::NoAccount(ask.account)));
        }
        let items: Vec<PaymentDoc> = (ask.after.unwrap_or(0) + 1..=3)
            .take(ask.limit)
            .map(|entry| payment(&ask.account, entry, entry == 3))
            .collect();
        let next = items.last().and_then(|last| last.entry).filter(|last| *last < 3);
        now(Ok(PaymentsPage { items, next }))
    }

    /// Three of acme, due one minute after the other; the first is late.
    fn in_transit(&self, ask: TransitAsk) -> Answer<Vec<PaymentDoc>> {
        let after = ask.after.map(|place| place.due.unwrap());
        let all = (1..=3).map(|entry| PaymentDoc { late: entry == 1, ..payment("acme", entry, true) });
        let later = all.filter(|row| {
            after.is_none_or(|after| Wall::parse(row.due_at.as_ref().unwrap()).unwrap() > after)
        });
        now(Ok(later.filter(|row| row.late || !ask.late_only).take(ask.limit).collect()))
    }

    /// Books nothing: it says what it was asked, with the amount as the balance.
    fn move_money(&self, order: HandRequest) -> Answer<MovedReceipt> {
        let Some(balance) = self.balances.lock().unwrap().get(&order.account).copied() else {
            return now(Err(BackendError::NoAccount(order.account)));
        };
        let (of, cause, units) = match order.hand {
            Hand::Book { of, fee } => (Some(of), None, -fee),
            Hand::Reject { of, cause } | Hand::Reverse { of, cause } => (Some(of), Some(cause), 0),
            Hand::ReverseCall { call, cause } => (Some(call), Some(cause), 0),
            Hand::Charge { pieces, price, cause } => match i64::from(pieces) * price.units {
                sum if sum > balance.amount => {
                    return now(Err(BackendError::NoMoney("not enough money".to_owned())));
                }
                sum => (None, Some(cause), -sum),
            },
            Hand::Rerate { calls, reason, .. } => {
                (None, Some(reason), calls.iter().map(|call| call.billed - call.cost).sum())
            }
            Hand::Correct { amount, reason } => (None, Some(reason), amount.units),
        };
        if of.as_deref() == Some("nothing") {
            return now(Err(BackendError::NoMovement("no movement has this key".to_owned())));
        }
        let document = MovedDoc {
            account: order.account,
            amount: Money::of(units, balance.currency).to_string(),
            currency: balance.currency.to_string(),
            of,
            cause,
            idempotency_key: order.idempotency_key,
            balance_before: balance.to_string(),
            balance_after: balance.to_string(),
            booked_at: None,
        };
        now(Ok(MovedReceipt { document, replayed: false }))
    }

    /// The first deck is all that it keeps.
    fn change_account(&self, name: String, change: AccountChange) -> Answer<AccountDoc> {
        let Some(balance) = self.balances.lock().unwrap().get(&name).copied() else {
            return now(Err(BackendError::NoAccount(name)));
        };
        let deck = change.decks.and_then(|decks| decks.first().map(ToString::to_string));
        now(Ok(AccountDoc { deck: deck.unwrap_or_else(|| "retail".to_owned()), ..document(&name, balance) }))
    }

    /// Books nothing: it says what it was asked.
    fn grant(&self, order: GrantRequest) -> Answer<GrantReceipt> {
        let Some(balance) = self.balances.lock().unwrap().get(&order.account).copied() else {
            return now(Err(BackendError::NoAccount(order.account)));
        };
        let amount = match order.amount.money(order.terms.kind.currency(balance.currency)) {
            Ok(amount) => amount,
            Err(error) => return now(Err(error)),
        };
        let document = GrantDoc {
            account: order.account,
            bucket: order.bucket,
            kind: order.terms.kind.word().to_owned(),
            amount: amount.to_string(),
            currency: amount.currency.to_string(),
            left: amount.to_string(),
            reference: order.reference,
            idempotency_key: order.idempotency_key,
            booked_at: None,
        };
        now(Ok(GrantReceipt { document, replayed: false }))
    }

    fn calls(&self, after: Option<String>, limit: usize) -> Answer<Vec<CallDoc>> {
        let live = self.live.lock().unwrap();
        let later = live.iter().filter(|id| after.as_ref().is_none_or(|a| *id > a)).take(limit);
        let doc = |id: &String| CallDoc {
            id: id.clone(),
            gate: "acme-pbx".to_owned(),
            account: "acme".to_owned(),
            caller: "100".to_owned(),
            called: "34911234567".to_owned(),
            carrier: None,
            state: "ringing".to_owned(),
            started_at: Wall(0).rfc3339(),
            answered_at: None,
            duration_ms: 0,
        };
        now(Ok(later.map(doc).collect()))
    }

    fn kill_call(&self, id: String) -> Answer<bool> {
        let mut live = self.live.lock().unwrap();
        let before = live.len();
        live.retain(|l| *l != id);
        now(Ok(live.len() < before))
    }

    fn record_call(&self, id: String, is_wanted: bool) -> Answer<Option<RecordingDoc>> {
        let is_live = self.live.lock().unwrap().contains(&id);
        let recording = is_wanted.then(|| format!("{id}.wav"));
        now(Ok(is_live.then_some(RecordingDoc { recording })))
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.lock().unwrap().clone()
    }

    fn decks(&self) -> Arc<rating::Decks> {
        let csv = "prefix,destination,rate,initial,increment\n55,Brazil,0.12345,30,6\n";
        let deck = |name: &str| Arc::new(rating::Deck::load(name, Currency::EUR, csv.as_bytes()).unwrap().0);
        Arc::new(rating::Decks::new([deck("retail"), deck("alpha-cost")]))
    }

    fn kept_decks(&self) -> Option<Arc<dyn KeptDecks>> {
        Some(Arc::new(Kept))
    }

    fn unready(&self) -> Vec<String> {
        self.unready.lock().unwrap().clone()
    }
}

/// Two versions of one deck.
struct Kept;

impl KeptDecks for Kept {
    fn history(&self, name: &str) -> Result<Vec<DeckVersionDoc>, SourceError> {
        let version = |rate: &str, since: &str| {
            let deck = kept(name, rate);
            let version = rating::price::version_text(deck.version()).to_string();
            DeckVersionDoc {
                version,
                since: since.to_owned(),
                currency: "EUR".to_owned(),
                rows: deck.len() as u64,
            }
        };
        let all =
            [version("0.10000", "2026-01-01T00:00:00.000Z"), version("0.12345", "2026-02-01T00:00:00.000Z")];
        Ok(if name == "retail" { all.to_vec() } else { Vec::new() })
    }

    fn load(&self, name: &str, version: &str) -> Result<rating::Deck, SourceError> {
        let of = |rate| {
            Some(kept(name, rate)).filter(|deck| *rating::price::version_text(deck.version()) == *version)
        };
        of("0.10000").or_else(|| of("0.12345")).ok_or_else(|| SourceError("lost".to_owned()))
    }
}

fn kept(name: &str, rate: &str) -> rating::Deck {
    let csv = format!("prefix,destination,rate,initial,increment\n55,Brazil,{rate},30,6\n");
    rating::Deck::load(name, Currency::EUR, csv.as_bytes()).unwrap().0
}

/// Ten CDRs at positions 1 to 10, of acme and beta in turn.
impl CdrSource for Fake {
    fn notices(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        let notice = RawValue::from_string(
            "{\"event\":{\"low_minutes\":{\"pocket\":\"free\",\"seconds\":60}}}".to_owned(),
        )
        .unwrap();
        let document = |entry: u64| web::documents::NoticeDoc {
            entry,
            at: Wall(1_000).rfc3339(),
            account: filter.account.clone().unwrap_or_default(),
            notice: notice.clone(),
        };
        let entries: Vec<u64> = (filter.after.unwrap_or(0) + 1..=3).take(filter.limit).collect();
        let items = entries
            .iter()
            .map(|entry| RawValue::from_string(serde_json::to_string(&document(*entry)).unwrap()).unwrap())
            .collect();
        Ok(CdrRows { items, next: entries.last().copied().filter(|last| *last < 3) })
    }

    fn page(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        let mut rows = CdrRows::default();
        for position in filter.after.unwrap_or(0) + 1..=10 {
            let account = if position % 2 == 0 { "acme" } else { "beta" };
            let ended = Wall(i64::try_from(position).unwrap() * 1_000);
            let in_time =
                filter.from.is_none_or(|from| ended >= from) && filter.to.is_none_or(|to| ended < to);
            if filter.account.as_ref().is_some_and(|a| a != account) || !in_time {
                continue;
            }
            if rows.items.len() == filter.limit {
                return Ok(rows);
            }
            let text = format!("{{\"id\":\"c{position}\",\"account\":\"{account}\",\"amount\":\"0.07407\"}}");
            rows.items.push(RawValue::from_string(text).unwrap());
            rows.next = (position < 10).then_some(position);
        }
        rows.next = None;
        Ok(rows)
    }
}
