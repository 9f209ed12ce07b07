//! The API's questions, carried to the shards and back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use central::Central;
use node::{AdminReply, AdminRequest, LiveCall, shard_of};
use rating::engine::AccountChange;
use route::{CarrierSlots as _, SlotTable};
use serde_json::Value;
use serde_json::value::RawValue;
use store::{Journal, Load, Query, Reader};
use tokio::sync::oneshot;
use units::{Currency, Name, Wall};
use web::documents::{AccountDoc, CallDoc, NoticeDoc, PaymentDoc, TrialBalanceDoc};
use web::metrics::CallState;
use web::{
    Answer, Backend, BackendError, CdrFilter, CdrRows, CdrSource, CloseReceipt, GrantOrder, GrantReceipt, HandOrder, KeptDecks, Metrics,
    MovedReceipt, NewAccount, OpenReceipt, PaymentsAsk, PaymentsPage, SourceError, StatementAsk, StatementPage, TopUpOrder, TopUpReceipt,
    TransitAsk,
};

use crate::run::central_api;
use crate::run::fabric::{Fabric, Letter, Picture};
use crate::run::money::{self, Keeper};
use crate::run::terms::{self, account_doc};
use crate::run::{accounting, disk, payments};
use crate::shelf::Shelf;

/// The running switch behind the API.
pub(crate) struct SwitchBackend {
    pub fabric: Arc<Fabric>,
    pub journal: Arc<Journal>,
    pub metrics: Arc<Metrics>,
    pub slots: Arc<SlotTable>,
    pub shelf: Shelf,
    /// `node.data_dir`.
    pub data_dir: PathBuf,
    pub feeds: Vec<Arc<feeds::Status>>,
    /// One period is closed at a time.
    pub closing: Arc<tokio::sync::Mutex<()>>,
    /// One account is opened at a time: keys are unique over all shards.
    pub opening: Arc<tokio::sync::Mutex<()>>,
    /// The ledger of several nodes: its door, and how this node stands with it.
    pub ledger: Option<(Arc<Central>, Arc<central::Status>)>,
    pub commits_seen: std::sync::Mutex<Vec<u64>>,
    pub unknown_seen: AtomicU64,
}

/// Asks one shard.
pub(super) async fn ask(fabric: Arc<Fabric>, shard: u8, request: AdminRequest) -> Result<AdminReply, BackendError> {
    let (reply, answer) = oneshot::channel();
    if !fabric.post(shard, Letter::Admin { request, reply }) {
        return Err(BackendError::Unavailable("the switch is overloaded: try again".to_owned()));
    }
    answer.await.map_err(|_| BackendError::Unavailable("the switch is stopping".to_owned()))
}

impl SwitchBackend {
    fn owner(&self, account: &str) -> u8 {
        shard_of(account, self.fabric.mailboxes.len() as u8)
    }

    fn keeper(&self, account: &str) -> Keeper {
        match &self.ledger {
            Some((central, _)) => Keeper::Central {
                central: Arc::clone(central),
                methods: self.fabric.tables.load().payment_methods.clone().into(),
                now: self.fabric.clock.now().wall,
            },
            None => Keeper::Shard { fabric: Arc::clone(&self.fabric), shard: self.owner(account), journal: Arc::clone(&self.journal) },
        }
    }
}

impl Backend for SwitchBackend {
    fn accounts(&self, after: Option<String>, limit: usize) -> Answer<Vec<AccountDoc>> {
        if let Some((central, _)) = &self.ledger {
            return central_api::accounts(Arc::clone(central), after, limit);
        }
        let fabric = Arc::clone(&self.fabric);
        Box::pin(async move {
            let mut all = Vec::new();
            for shard in 0..fabric.mailboxes.len() as u8 {
                let request = AdminRequest::Accounts { after: after.as_deref().map(Name::from), limit };
                if let AdminReply::Accounts(views) = ask(Arc::clone(&fabric), shard, request).await? {
                    all.extend(views);
                }
            }
            all.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(all.iter().take(limit).map(account_doc).collect())
        })
    }

    fn account(&self, name: String) -> Answer<Option<AccountDoc>> {
        if let Some((central, _)) = &self.ledger {
            return central_api::account(Arc::clone(central), name);
        }
        let (fabric, shard) = (Arc::clone(&self.fabric), self.owner(&name));
        Box::pin(async move {
            match ask(fabric, shard, AdminRequest::Account(name.as_str().into())).await? {
                AdminReply::Account(view) => Ok(Some(account_doc(&view))),
                _ => Ok(None),
            }
        })
    }

    fn add_account(&self, new: NewAccount) -> Answer<OpenReceipt> {
        if let Some((central, _)) = &self.ledger {
            return central_api::add_account(Arc::clone(central), self.decks(), new, self.fabric.clock.now().wall);
        }
        let shard = self.owner(&new.name);
        Box::pin(terms::add(Arc::clone(&self.fabric), shard, Arc::clone(&self.opening), new))
    }

    fn top_up(&self, order: TopUpOrder) -> Answer<TopUpReceipt> {
        Box::pin(money::top_up(self.keeper(&order.account), order))
    }

    fn trial_balance(&self) -> Answer<TrialBalanceDoc> {
        if let Some((central, _)) = &self.ledger {
            return central_api::trial_balance(Arc::clone(central));
        }
        Box::pin(accounting::trial_balance(Arc::clone(&self.fabric)))
    }

    fn close_period(&self, until: Wall, idempotency_key: String) -> Answer<CloseReceipt> {
        if let Some((central, _)) = &self.ledger {
            return central_api::close_period(Arc::clone(central), until, idempotency_key);
        }
        let (journal, closing) = (Arc::clone(&self.journal), Arc::clone(&self.closing));
        Box::pin(accounting::close_period(Arc::clone(&self.fabric), journal, closing, (until, idempotency_key)))
    }

    fn statement(&self, ask: StatementAsk) -> Answer<StatementPage> {
        if let Some((central, _)) = &self.ledger {
            return central_api::statement(Arc::clone(central), ask, self.fabric.clock.now().wall);
        }
        let (fabric, shard) = (Arc::clone(&self.fabric), self.owner(&ask.account));
        Box::pin(accounting::statement(fabric, shard, Arc::clone(&self.journal), ask))
    }

    fn payments(&self, ask: PaymentsAsk) -> Answer<PaymentsPage> {
        if let Some((central, _)) = &self.ledger {
            return central_api::payments(Arc::clone(central), ask, self.fabric.clock.now().wall);
        }
        let (fabric, shard) = (Arc::clone(&self.fabric), self.owner(&ask.account));
        Box::pin(payments::of_account(fabric, shard, Arc::clone(&self.journal), ask))
    }

    fn in_transit(&self, ask: TransitAsk) -> Answer<Vec<PaymentDoc>> {
        if let Some((central, _)) = &self.ledger {
            return central_api::in_transit(Arc::clone(central), ask, self.fabric.clock.now().wall);
        }
        Box::pin(payments::in_transit(Arc::clone(&self.fabric), ask))
    }

    fn move_money(&self, order: HandOrder) -> Answer<MovedReceipt> {
        Box::pin(money::by_hand(self.keeper(&order.account), order))
    }

    fn change_account(&self, name: String, change: AccountChange) -> Answer<AccountDoc> {
        if let Some((central, _)) = &self.ledger {
            return central_api::change_account(Arc::clone(central), self.decks(), name, change, self.fabric.clock.now().wall);
        }
        let (fabric, shard) = (Arc::clone(&self.fabric), self.owner(&name));
        Box::pin(async move { terms::changed(name.clone(), ask(fabric, shard, terms::change_request(&name, change)).await?) })
    }

    fn grant(&self, order: GrantOrder) -> Answer<GrantReceipt> {
        if let Some((central, _)) = &self.ledger {
            return central_api::grant(Arc::clone(central), order, self.fabric.clock.now().wall);
        }
        let (fabric, shard) = (Arc::clone(&self.fabric), self.owner(&order.account));
        Box::pin(terms::grant(fabric, shard, Arc::clone(&self.journal), order))
    }

    fn calls(&self, after: Option<String>, limit: usize) -> Answer<Vec<CallDoc>> {
        let fabric = Arc::clone(&self.fabric);
        Box::pin(async move {
            let mut all = Vec::new();
            for shard in 0..fabric.mailboxes.len() as u8 {
                if let AdminReply::Calls(calls) = ask(Arc::clone(&fabric), shard, AdminRequest::Calls).await? {
                    all.extend(calls.iter().map(call_doc));
                }
            }
            all.sort_by(|a, b| a.id.cmp(&b.id));
            all.retain(|call| after.as_ref().is_none_or(|after| call.id > *after));
            all.truncate(limit);
            Ok(all)
        })
    }

    fn kill_call(&self, id: String) -> Answer<bool> {
        let fabric = Arc::clone(&self.fabric);
        Box::pin(async move {
            let Ok(id) = u128::from_str_radix(&id, 16) else { return Ok(false) };
            for shard in 0..fabric.mailboxes.len() as u8 {
                if matches!(ask(Arc::clone(&fabric), shard, AdminRequest::Kill(id)).await?, AdminReply::Killed) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn decks(&self) -> Arc<rating::Decks> {
        Arc::clone(&self.fabric.tables.load().decks)
    }

    fn kept_decks(&self) -> Option<Arc<dyn KeptDecks>> {
        Some(Arc::new(self.shelf.clone()))
    }

    fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.fabric.draining.load(Ordering::Relaxed) {
            reasons.push("draining: no new calls".to_owned());
        }
        match self.journal.pressure().load {
            Load::Ok => {}
            Load::Half | Load::Full => reasons.push("the journal is behind: no new calls until it has caught up".to_owned()),
            Load::Failed => reasons.push(format!("the journal failed: {}", self.journal.failed().unwrap_or("see the log"))),
        }
        if let Some((_, status)) = &self.ledger
            && !status.lends(self.fabric.clock.now().tick)
        {
            let why = status.trouble().unwrap_or_else(|| "it was not reached yet".to_owned());
            reasons.push(format!("nothing may be lent without the central ledger: {why}"));
        }
        reasons
    }

    fn remarks(&self) -> Vec<String> {
        let ledger = self.ledger.as_ref().and_then(|(_, status)| status.trouble());
        let ledger = ledger.map(|why| format!("the central ledger: {why}; calls go on within what this node holds"));
        let carriers = self.fabric.tables.load().carriers.clone();
        let pictures = self.fabric.pictures();
        let is_down = |carrier: &route::Carrier| pictures.iter().any(|picture| picture.carriers_down.contains(&carrier.name));
        let none_up = carriers.iter().next().is_some() && carriers.iter().all(is_down);
        let none_up = none_up.then(|| "no carrier is up".to_owned());
        self.feeds.iter().filter_map(|feed| feed.remark()).chain(ledger).chain(none_up).collect()
    }

    fn refresh_metrics(&self) {
        let journal = self.journal.metrics();
        self.metrics.cdr_queue_records.set(i64::try_from(journal.queued).unwrap_or(i64::MAX));
        let free = disk::free_bytes(&self.data_dir).map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.metrics.data_dir_free_bytes.set(free);
        if let Some((_, status)) = &self.ledger {
            self.metrics.central(status.is_up(), status.is_fenced());
            self.metrics.feed("ledger", status.lag(), status.failures(), 0);
        }
        for feed in &self.feeds {
            self.metrics.feed(feed.name(), feed.lag(), feed.failures(), feed.given_up());
        }
        self.observe_commits(&journal.commit_seconds);
        self.show_pictures();
        let unknown = self.fabric.unknown_sources.load(Ordering::Relaxed);
        let seen = self.unknown_seen.swap(unknown, Ordering::Relaxed);
        self.metrics.auth_rejected(web::metrics::AuthReason::UnknownSource, unknown.saturating_sub(seen));
    }
}

impl SwitchBackend {
    /// Gauges that are sums over the shards.
    fn show_pictures(&self) {
        let pictures = self.fabric.pictures();
        for state in CallState::ALL {
            let calls = pictures.iter().filter_map(|picture| picture.calls.get(state.as_str())).sum();
            self.metrics.set_calls_active(*state, calls);
        }
        for carrier in self.fabric.tables.load().carriers.iter() {
            let meters = self.metrics.carrier(&carrier.name);
            meters.set_calls(u64::from(self.slots.in_use(carrier.id)));
            meters.set_up(!pictures.iter().any(|picture| picture.carriers_down.contains(&carrier.name)));
        }
        let count = |count: fn(&Picture) -> usize| i64::try_from(pictures.iter().map(count).sum::<usize>()).unwrap_or(i64::MAX);
        self.metrics.balance_low_accounts.set(count(|picture| picture.low_accounts));
        self.metrics.topups_pending.set(count(|picture| picture.in_transit.0));
        self.metrics.topups_late.set(count(|picture| picture.in_transit.1));
        let mut lent: BTreeMap<Currency, i64> = BTreeMap::new();
        for (currency, units) in pictures.iter().flat_map(|picture| &picture.lent) {
            let sum = lent.entry(*currency).or_default();
            *sum = sum.saturating_add(*units);
        }
        lent.iter().for_each(|(currency, units)| self.metrics.slice(currency.as_str(), *units));
        let imbalance = pictures.iter().map(|picture| picture.imbalance).max().unwrap_or_default();
        self.metrics.ledger_imbalance_units.set(i64::try_from(imbalance).unwrap_or(i64::MAX));
    }

    /// The journal keeps its own buckets; each commit since the last time is shown at the upper end of its bucket.
    fn observe_commits(&self, histogram: &store::Histogram) {
        let mut seen = self.commits_seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.resize(histogram.counts.len(), 0);
        for (at, (count, before)) in histogram.counts.iter().zip(seen.iter_mut()).enumerate() {
            let bound_us = histogram.bounds_us.get(at).or(histogram.bounds_us.last()).copied().unwrap_or_default();
            let seconds = std::time::Duration::from_micros(bound_us).as_secs_f64();
            for _ in *before..*count {
                self.metrics.journal_commit.observe(seconds);
            }
            *before = *count;
        }
    }
}

/// No time in a notice is before September 2001.
const TIME_MS_MIN: i64 = 1_000_000_000_000;
/// Records looked at in one step of a search, and steps in one page: a page may be short though there is more.
const LOOK_ROWS: u32 = 2_000;
const LOOKS_MAX: usize = 25;

/// CDRs from the journal, by connections that each query opens.
pub(crate) struct JournalCdrs(pub Arc<Journal>);

impl CdrSource for JournalCdrs {
    fn page(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        let reader: Reader = self.0.reader().map_err(unreadable)?;
        cdr_rows(filter, |query| reader.cdrs(query).map_err(unreadable))
    }

    fn notices(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        let reader: Reader = self.0.reader().map_err(unreadable)?;
        notice_rows(filter, |query| reader.notices(query).map_err(unreadable))
    }
}

/// A page of call records, wherever they come from.
pub(super) fn cdr_rows(filter: &CdrFilter, read: impl Fn(&Query) -> Result<store::Page, SourceError>) -> Result<CdrRows, SourceError> {
    if !filter.looks_inside() {
        let page = read(&query(filter))?;
        return Ok(CdrRows { items: page.rows.into_iter().map(|row| row.cdr).collect(), next: page.next });
    }
    let mut rows = CdrRows::default();
    let mut query = Query { limit: LOOK_ROWS, ..query(filter) };
    for _ in 0..LOOKS_MAX {
        let page = read(&query)?;
        for row in page.rows {
            if filter.takes(row.cdr.get()) {
                if rows.items.len() == filter.limit {
                    return Ok(rows);
                }
                rows.items.push(row.cdr);
            }
            // Where the next page begins, should there be more.
            rows.next = Some(row.seq);
        }
        rows.next = page.next;
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    Ok(rows)
}

/// A notice as journaled, but with times as text: there they are milliseconds.
fn with_times(notice: Box<RawValue>) -> Box<RawValue> {
    let changed = serde_json::from_str::<Value>(notice.get()).ok().and_then(|mut value| {
        times_as_text(&mut value);
        serde_json::value::to_raw_value(&value).ok()
    });
    changed.unwrap_or(notice)
}

fn times_as_text(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                // Hours of a day have the same names and are far smaller.
                let time = field.as_i64().filter(|ms| *ms >= TIME_MS_MIN && matches!(name.as_str(), "at" | "from" | "until" | "since"));
                match time {
                    Some(ms) => *field = Wall(ms).rfc3339().into(),
                    None => times_as_text(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(times_as_text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A page of notices, wherever they come from.
pub(super) fn notice_rows(
    filter: &CdrFilter,
    read: impl Fn(&Query) -> Result<store::NoticePage, SourceError>,
) -> Result<CdrRows, SourceError> {
    let page = read(&query(filter))?;
    let items = page.rows.into_iter().map(|row| {
        let document = NoticeDoc { entry: row.seq, at: row.at.rfc3339(), account: row.account.to_string(), notice: with_times(row.notice) };
        serde_json::value::to_raw_value(&document).map_err(|error| SourceError(error.to_string()))
    });
    Ok(CdrRows { items: items.collect::<Result<_, _>>()?, next: page.next })
}

fn unreadable(error: store::StoreError) -> SourceError {
    SourceError(error.to_string())
}

fn query(filter: &CdrFilter) -> Query {
    Query {
        account: filter.account.as_deref().map(Name::from),
        from: filter.from,
        to: filter.to,
        after: filter.after,
        limit: u32::try_from(filter.limit).unwrap_or(u32::MAX),
        newest_first: filter.newest_first,
    }
}

fn call_doc(call: &LiveCall) -> CallDoc {
    CallDoc {
        id: format!("{:032x}", call.id),
        gate: call.gate.to_string(),
        account: call.account.to_string(),
        caller: call.caller.clone(),
        called: call.called.clone(),
        carrier: call.carrier.as_ref().map(ToString::to_string),
        state: call.state.to_owned(),
        started_at: call.started_at.rfc3339(),
        answered_at: call.answered_at.map(units::Wall::rfc3339),
        duration_ms: call.duration_ms,
    }
}
