//! What the API asks of the running switch: the books for money, the shards for calls, and how the node
//! stands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use node::{AdminReply, AdminRequest, LiveCall};
use rating::engine::AccountChange;
use route::{CarrierSlots as _, SlotTable};
use serde_json::Value;
use serde_json::value::RawValue;
use store::{Journal, Load, Query};
use tokio::runtime::Handle;
use units::{Currency, Name, Wall};
use web::documents::{AccountDoc, CallDoc, NoticeDoc, PaymentDoc, RecordingDoc, TrialBalanceDoc};
use web::metrics::{CallState, RegistrationLabel};
use web::{
    Answer, Backend, BackendError, CdrFilter, CdrRows, CdrSource, CloseReceipt, GrantReceipt, GrantRequest,
    HandRequest, KeptDecks, Metrics, MovedReceipt, NewAccount, OpenReceipt, PaymentsAsk, PaymentsPage,
    SourceError, StatementAsk, StatementPage, TopUpReceipt, TopUpRequest, TransitAsk,
};

use crate::deck_archive::DeckArchive;
use crate::run::books::{Books, BooksError};
use crate::run::local::ask;
use crate::run::router::{Picture, Router};
use crate::run::terms::{self, account_doc};
use crate::run::{accounting, disk, media, money, payments};

/// The running switch behind the API.
pub(crate) struct SwitchBackend {
    pub router: Arc<Router>,
    pub journal: Arc<Journal>,
    pub metrics: Arc<Metrics>,
    pub slots: Arc<SlotTable>,
    pub deck_archive: DeckArchive,
    /// `node.data_dir`.
    pub data_dir: PathBuf,
    pub feeds: Vec<Arc<feeds::Status>>,
    /// The books, wherever they are kept.
    pub books: Arc<dyn Books>,
    /// How this node stands with a ledger of several nodes.
    pub ledger: Option<Arc<central::Status>>,
    /// What relays media, if anything does.
    pub relay: Option<relay::RelayHandle>,
    pub commits_seen: std::sync::Mutex<Vec<u64>>,
    pub unknown_seen: AtomicU64,
}

impl Backend for SwitchBackend {
    fn accounts(&self, after: Option<String>, limit: usize) -> Answer<Vec<AccountDoc>> {
        let found = self.books.accounts(after.as_deref().map(Name::from), limit);
        Box::pin(async move { Ok(found.await?.iter().map(account_doc).collect()) })
    }

    fn account(&self, name: String) -> Answer<Option<AccountDoc>> {
        let found = self.books.account(name.as_str().into());
        Box::pin(async move { Ok(found.await?.as_ref().map(account_doc)) })
    }

    fn add_account(&self, new: NewAccount) -> Answer<OpenReceipt> {
        Box::pin(terms::add(Arc::clone(&self.books), new))
    }

    fn top_up(&self, order: TopUpRequest) -> Answer<TopUpReceipt> {
        Box::pin(money::top_up(Arc::clone(&self.books), order))
    }

    fn trial_balance(&self) -> Answer<TrialBalanceDoc> {
        Box::pin(accounting::trial_balance(Arc::clone(&self.books)))
    }

    fn close_period(&self, until: Wall, idempotency_key: String) -> Answer<CloseReceipt> {
        Box::pin(accounting::close_period(Arc::clone(&self.books), until, idempotency_key))
    }

    fn statement(&self, ask: StatementAsk) -> Answer<StatementPage> {
        Box::pin(accounting::statement(Arc::clone(&self.books), ask))
    }

    fn payments(&self, ask: PaymentsAsk) -> Answer<PaymentsPage> {
        Box::pin(payments::of_account(Arc::clone(&self.books), ask, self.router.clock.now().wall))
    }

    fn in_transit(&self, ask: TransitAsk) -> Answer<Vec<PaymentDoc>> {
        Box::pin(payments::in_transit(Arc::clone(&self.books), ask))
    }

    fn move_money(&self, order: HandRequest) -> Answer<MovedReceipt> {
        Box::pin(money::by_hand(Arc::clone(&self.books), order))
    }

    fn change_account(&self, name: String, change: AccountChange) -> Answer<AccountDoc> {
        Box::pin(terms::change(Arc::clone(&self.books), name, change))
    }

    fn grant(&self, order: GrantRequest) -> Answer<GrantReceipt> {
        Box::pin(terms::grant(Arc::clone(&self.books), order))
    }

    fn calls(&self, after: Option<String>, limit: usize) -> Answer<Vec<CallDoc>> {
        let router = Arc::clone(&self.router);
        Box::pin(async move {
            let mut all = Vec::new();
            for shard in 0..router.inboxes.len() as u8 {
                if let AdminReply::Calls(calls) = ask(&router, shard, AdminRequest::Calls).await? {
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
        let router = Arc::clone(&self.router);
        Box::pin(async move {
            let Ok(id) = u128::from_str_radix(&id, 16) else { return Ok(false) };
            for shard in 0..router.inboxes.len() as u8 {
                if matches!(ask(&router, shard, AdminRequest::Kill(id)).await?, AdminReply::Killed) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn record_call(&self, id: String, is_wanted: bool) -> Answer<Option<RecordingDoc>> {
        let router = Arc::clone(&self.router);
        Box::pin(async move {
            let Ok(call) = u128::from_str_radix(&id, 16) else { return Ok(None) };
            for shard in 0..router.inboxes.len() as u8 {
                match ask(&router, shard, AdminRequest::Record { call, is_wanted }).await? {
                    AdminReply::Recorded(file) => {
                        return Ok(Some(RecordingDoc { recording: file.map(|file| file.to_string()) }));
                    }
                    AdminReply::NotRecorded(why) => return Err(BackendError::Conflict(why.to_owned())),
                    _ => {}
                }
            }
            Ok(None)
        })
    }

    fn decks(&self) -> Arc<rating::Decks> {
        Arc::clone(&self.router.config.load().decks)
    }

    fn kept_decks(&self) -> Option<Arc<dyn KeptDecks>> {
        Some(Arc::new(self.deck_archive.clone()))
    }

    fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.router.draining.load(Ordering::Relaxed) {
            reasons.push("draining: no new calls".to_owned());
        }
        match self.journal.pressure().load {
            Load::Ok => {}
            Load::Half | Load::Full => {
                reasons.push("the journal is behind: no new calls until it has caught up".to_owned())
            }
            Load::NoRoom => reasons.push("the disk is full: no new calls until there is room".to_owned()),
            Load::Failed => reasons
                .push(format!("the journal failed: {}", self.journal.failed().unwrap_or("see the log"))),
        }
        if let Some(status) = &self.ledger
            && !status.lends(self.router.clock.now().tick)
        {
            let why = status.trouble().unwrap_or_else(|| "it was not reached yet".to_owned());
            reasons.push(format!("nothing may be lent without the central ledger: {why}"));
        }
        reasons
    }

    fn remarks(&self) -> Vec<String> {
        let ledger = self.ledger.as_ref().and_then(|status| status.trouble());
        let ledger =
            ledger.map(|why| format!("the central ledger: {why}; calls go on within what this node holds"));
        let carriers = self.router.config.load().carriers.clone();
        let pictures = self.router.pictures();
        let is_down = |carrier: &route::Carrier| {
            pictures.iter().any(|picture| picture.carriers_down.contains(&carrier.name))
        };
        let none_up = carriers.iter().next().is_some() && carriers.iter().all(is_down);
        let none_up = none_up.then(|| "no carrier is up".to_owned());
        self.feeds
            .iter()
            .filter_map(|feed| feed.remark())
            .chain(ledger)
            .chain(none_up)
            .chain(self.router.clock_doubt())
            .collect()
    }

    fn refresh_metrics(&self) {
        let journal = self.journal.metrics();
        self.metrics.cdr_queue_records.set(i64::try_from(journal.queued).unwrap_or(i64::MAX));
        let free =
            disk::free_bytes(&self.data_dir).map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.metrics.data_dir_free_bytes.set(free);
        if let Some(status) = &self.ledger {
            self.metrics.central(status.is_up(), status.is_fenced());
            self.metrics.feed("ledger", status.lag(), status.failures(), 0);
        }
        for feed in &self.feeds {
            self.metrics.feed(feed.name(), feed.lag(), feed.failures(), feed.given_up());
        }
        self.metrics.clock_doubted.set(i64::from(self.router.clock_doubt().is_some()));
        self.metrics.traced(&self.router.trace.totals());
        let now = self.router.clock.now().wall;
        let kept_ms = self.router.trace.since().map_or(0, |since| now.0.saturating_sub(since.0));
        self.metrics.trace_ring_seconds.set(kept_ms.max(0) / 1_000);
        if let Some(relay) = &self.relay {
            media::show(&self.metrics, relay);
        }
        self.observe_commits(&journal.commit_seconds);
        self.show_pictures();
        let unknown = self.router.unknown_sources.load(Ordering::Relaxed);
        let seen = self.unknown_seen.swap(unknown, Ordering::Relaxed);
        self.metrics.auth_rejected(web::metrics::AuthReason::UnknownSource, unknown.saturating_sub(seen));
    }
}

impl SwitchBackend {
    /// Gauges that are sums over the shards.
    fn show_pictures(&self) {
        let pictures = self.router.pictures();
        for state in CallState::ALL {
            let calls = pictures.iter().filter_map(|picture| picture.calls.get(state.as_str())).sum();
            self.metrics.set_calls_active(*state, calls);
        }
        for carrier in self.router.config.load().carriers.iter() {
            let meters = self.metrics.carrier(&carrier.name);
            meters.set_calls(u64::from(self.slots.in_use(carrier.id)));
            meters.set_up(!pictures.iter().any(|picture| picture.carriers_down.contains(&carrier.name)));
        }
        for state in RegistrationLabel::ALL {
            let standings = pictures.iter().flat_map(|picture| &picture.registrations);
            let ours = standings.filter(|standing| standing.state.as_str() == state.as_str()).count();
            let phones = pictures.iter().map(|picture| match state {
                RegistrationLabel::Registered => picture.contacts.0,
                RegistrationLabel::Unreachable => picture.contacts.1,
                _ => 0,
            });
            let count = ours + phones.sum::<usize>();
            self.metrics.set_registrations(*state, i64::try_from(count).unwrap_or(i64::MAX));
        }
        let count = |count: fn(&Picture) -> usize| {
            i64::try_from(pictures.iter().map(count).sum::<usize>()).unwrap_or(i64::MAX)
        };
        self.metrics.balance_low_accounts.set(count(|picture| picture.low_accounts));
        let banned = self.router.strangers.bans(self.router.clock.now().tick).len();
        self.metrics.banned_sources.set(i64::try_from(banned).unwrap_or(i64::MAX));
        self.metrics.h323_calls_active.set(count(|picture| picture.h323_calls));
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

    /// The journal keeps its own buckets; each commit since the last time is shown at the upper end of its
    /// bucket.
    fn observe_commits(&self, histogram: &store::Histogram) {
        let mut seen = self.commits_seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.resize(histogram.counts.len(), 0);
        for (at, (count, before)) in histogram.counts.iter().zip(seen.iter_mut()).enumerate() {
            let bound_us =
                histogram.bounds_us.get(at).or(histogram.bounds_us.last()).copied().unwrap_or_default();
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
/// Records looked at in one step of a search, and steps in one page: a page may be short though there is
/// more.
const LOOK_ROWS: u32 = 2_000;
const LOOKS_MAX: usize = 25;

/// Call records and notices from the books. Asked from threads that may wait, of a runtime that runs beside
/// them.
pub(crate) struct BooksCdrs(pub Arc<dyn Books>);

impl CdrSource for BooksCdrs {
    fn page(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        cdr_rows(filter, |query| Handle::current().block_on(self.0.cdrs(query)).map_err(unreadable))
    }

    fn notices(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        notice_rows(filter, |query| Handle::current().block_on(self.0.notices(query)).map_err(unreadable))
    }
}

fn cdr_rows(
    filter: &CdrFilter,
    read: impl Fn(Query) -> Result<store::Page, SourceError>,
) -> Result<CdrRows, SourceError> {
    if !filter.looks_inside() {
        let page = read(query(filter))?;
        return Ok(CdrRows { items: page.rows.into_iter().map(|row| row.cdr).collect(), next: page.next });
    }
    let mut rows = CdrRows::default();
    let mut query = Query { limit: LOOK_ROWS, ..query(filter) };
    for _ in 0..LOOKS_MAX {
        let page = read(query.clone())?;
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
                let time = field.as_i64().filter(|ms| {
                    *ms >= TIME_MS_MIN && matches!(name.as_str(), "at" | "from" | "until" | "since")
                });
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

fn notice_rows(
    filter: &CdrFilter,
    read: impl Fn(Query) -> Result<store::NoticePage, SourceError>,
) -> Result<CdrRows, SourceError> {
    let page = read(query(filter))?;
    let items = page.rows.into_iter().map(|row| {
        let document = NoticeDoc {
            entry: row.seq,
            at: row.at.rfc3339(),
            account: row.account.to_string(),
            notice: with_times(row.notice),
        };
        serde_json::value::to_raw_value(&document).map_err(|error| SourceError(error.to_string()))
    });
    Ok(CdrRows { items: items.collect::<Result<_, _>>()?, next: page.next })
}

fn unreadable(error: BooksError) -> SourceError {
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
