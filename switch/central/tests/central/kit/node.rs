//! A node without signalling: real books, a real journal, the real driver; calls that reserve, grow and
//! settle.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use central::{AccountRow, Driver, QuotaRequest, Shards, Start, Status};
use ledger::{BucketOpened, CallId, Lent, Record, RecordBody, Replay, Terms};
use rating::engine::{Authorize, OpenAccount};
use rating::quotas::Grant;
use rating::quotas::client::{CentralNotice, LendingState, QuotaTiming};
use rating::{CreditRefusal, Deck, Decks, Engine, LeaseId};
use serde_json::value::RawValue;
use store::{Appender, Entry, Journal, Options, Priority};
use tokio::sync::{mpsc, oneshot};
use units::{Currency, Name, Now, Tick, Wall};

use super::bench;

/// 0.01 a second, by the second.
const DECK: &str = "prefix,destination,rate,initial,increment\n1,Anywhere,0.6,1,1\n";
pub const TIMING: QuotaTiming = QuotaTiming { hold_ms: 60_000, beat_ms: 50, retry_ms: 20, timeout_ms: 3_000 };

pub struct Node {
    pub desk: Arc<Mutex<Desk>>,
    pub journal: Arc<Journal>,
    pub status: Arc<Status>,
    /// By how much its wall clock is wrong, ms.
    pub clock_off_ms: Arc<AtomicI64>,
    calls: Vec<Call>,
    begun: Instant,
    ends: Option<(oneshot::Sender<()>, oneshot::Sender<()>)>,
    driver: Option<JoinHandle<()>>,
}

/// One shard's engine with its way into the journal.
pub struct Desk {
    pub engine: Engine,
    appender: Appender,
    gate: LendingState,
    quota_requests: mpsc::Sender<QuotaRequest>,
}

struct Call {
    id: CallId,
    account: Name,
    lease: LeaseId,
    /// Answered time.
    ms: u64,
}

struct Door {
    desk: Arc<Mutex<Desk>>,
    begun: Instant,
}

fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("JSON")
}

fn now(begun: Instant) -> Now {
    let us = u64::try_from(begun.elapsed().as_micros()).expect("short");
    Now { tick: Tick(us), wall: Wall(1_700_000_000_000 + i64::try_from(us / 1_000).expect("short")) }
}

impl Node {
    pub fn start(name: &str, folder: &Path, address: &str, boot: u64, timing: QuotaTiming) -> Self {
        let begun = Instant::now();
        let mut replay = Replay::new();
        let options = Options { gather: Duration::ZERO, ..Options::default() };
        let (journal, _) = Journal::open(folder, options, store::feed(&mut replay)).expect("opens");
        let journal = Arc::new(journal);
        let (mut engine, lost) = Engine::restored(replay.finish().shards.remove(0));
        let (deck, _) = Deck::load("retail", Currency::EUR, DECK.as_bytes()).expect("a good deck");
        engine.set_decks(Arc::new(Decks::new([Arc::new(deck)])));
        let (quota_requests, requested) = mpsc::channel(1_000);
        let appender = journal.appender(0, || {}).expect("free");
        let gate = LendingState { until: Tick(0), reachable: false };
        let mut desk = Desk { engine, appender, gate, quota_requests };
        for call in lost {
            let settlement = desk.engine.recover(now(begun), &call, None).expect("was lent");
            desk.settled(now(begun), "acme".into(), call.open.call, settlement);
        }
        let desk = Arc::new(Mutex::new(desk));
        let status = Arc::new(Status::default());
        let clock_off_ms = Arc::new(AtomicI64::new(0));
        let off_ms = Arc::clone(&clock_off_ms);
        let start = Start {
            address: address.to_owned(),
            node: name.into(),
            boot,
            own_books: false,
            grant_max: 1_000_000,
            timing,
            clock: Arc::new(move || now(begun).tick),
            wall: Arc::new(move || Some(Wall(bench::today().0 + off_ms.load(Ordering::Relaxed)))),
            accounts: vec!["acme".into()],
        };
        let door = Door { desk: Arc::clone(&desk), begun };
        let driver = Driver::new(start, Arc::clone(&journal), door, requested, Arc::clone(&status))
            .expect("a good address");
        let ((stop, stopped), (kill, killed)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let stopped = async move { stopped.await.unwrap_or(()) };
            runtime.block_on(async move {
                tokio::select! {
                    () = driver.run(stopped, Duration::from_secs(20)) => {}
                    _ = killed => {}
                }
            });
        });
        Self {
            desk,
            journal,
            status,
            clock_off_ms,
            calls: Vec::new(),
            begun,
            ends: Some((stop, kill)),
            driver: Some(thread),
        }
    }

    /// A call of the account `acme` is made and answered at once.
    pub fn call(&mut self, id: u128) -> Result<(), CreditRefusal> {
        self.call_of("acme", id)
    }

    /// A call of any account.
    pub fn call_of(&mut self, account: &str, id: u128) -> Result<(), CreditRefusal> {
        let now = now(self.begun);
        let mut desk = self.desk.lock().expect("sound");
        let number = "15".parse().expect("digits");
        let lease = desk.with_money(now, |engine| {
            engine.authorize(now, Authorize { call: CallId(id), account, number: &number })
        });
        let lease = lease?.lease;
        desk.engine.answer(now, lease)?;
        let record = desk.engine.open_record(
            lease,
            "pbx".into(),
            (raw("{}".into()), raw("{}".into())),
            raw("{}".into()),
        )?;
        desk.write(&record);
        self.calls.push(Call { id: CallId(id), account: account.into(), lease, ms: 0 });
        Ok(())
    }

    /// A second of each call passes; those without money end. How many ended.
    pub fn second(&mut self) -> usize {
        let now = now(self.begun);
        let mut desk = self.desk.lock().expect("sound");
        let before = self.calls.len();
        self.calls.retain_mut(|call| {
            // As the timers of a call would, some time before its lease is over.
            let mut ask = |ms| {
                desk.with_money(now, |engine| engine.extend(now, call.lease, call.ms + ms)).expect("a lease")
            };
            ask(0);
            let extension = ask(700);
            if call.ms + 1_000 > extension.timing.cut_at_ms {
                let settlement = desk.engine.settle(now, call.lease, call.ms, None).expect("a lease");
                desk.settled(now, call.account.clone(), call.id, settlement);
                return false;
            }
            call.ms += 1_000;
            desk.write(&Record::checkpoint(now.wall, call.account.clone(), call.id, call.ms));
            true
        });
        before - self.calls.len()
    }

    /// What calls may take of a bucket here, 10⁻⁵ units; none if it is not known.
    pub fn bucket(&self, name: &str) -> Option<i64> {
        let view = self.desk.lock().expect("sound").engine.account("acme")?;
        let bucket = view.buckets.iter().find(|bucket| &*bucket.name == name)?;
        Some(bucket.left.amount - bucket.leased.amount)
    }

    /// The terms of the account.
    pub fn terms(&self) -> Option<Terms> {
        Some(self.desk.lock().expect("sound").engine.account("acme")?.terms)
    }

    pub fn hang_up_all(&mut self) {
        let now = now(self.begun);
        let mut desk = self.desk.lock().expect("sound");
        for call in self.calls.drain(..) {
            let settlement = desk.engine.settle(now, call.lease, call.ms, None).expect("a lease");
            desk.settled(now, call.account.clone(), call.id, settlement);
        }
    }

    pub fn live(&self) -> usize {
        self.calls.len()
    }

    /// What calls may take here, 10⁻⁵ units.
    pub fn free(&self) -> i64 {
        let desk = self.desk.lock().expect("sound");
        desk.engine.account("acme").map_or(0, |view| view.available.amount)
    }

    /// In order: what is free is given back and shipped.
    pub fn stop(mut self) {
        let (stop, kill) = self.ends.take().expect("runs");
        stop.send(()).expect("listens");
        self.driver.take().expect("runs").join().expect("no panic");
        drop(kill);
        self.journal.close().expect("whole");
    }

    /// Without a word: the calls are gone, what the journal has stays.
    pub fn kill(mut self) {
        drop(self.ends.take());
        self.driver.take().expect("runs").join().expect("no panic");
        self.journal.close().expect("whole");
    }
}

impl Desk {
    fn write(&mut self, record: &Record) {
        self.appender.append(Entry::of(record).expect("JSON"), Priority::Live).expect("room");
    }

    fn settled(&mut self, now: Now, account: Name, call: CallId, settlement: rating::engine::Settlement) {
        let cdr = raw(format!(r#"{{"id":"{call}","amount":"{}"}}"#, settlement.amount));
        self.write(&Record::settled(now.wall, account, call, cdr, settlement.transfers));
    }

    fn with_money<T>(&mut self, now: Now, ask: impl FnOnce(&mut Engine) -> T) -> T {
        self.engine.set_lent(Lent { open: now.tick < self.gate.until, reachable: self.gate.reachable });
        let outcome = ask(&mut self.engine);
        while let Some((account, need)) = self.engine.poll_quota_request() {
            // A full queue has requests enough.
            self.quota_requests.try_send(QuotaRequest { account, need }).unwrap_or(());
        }
        while self.engine.poll_woken().is_some() {}
        outcome
    }
}

impl Shards for Door {
    fn gate(&self, gate: LendingState) {
        self.desk.lock().expect("sound").gate = gate;
    }

    fn open(&self, family: &[AccountRow]) -> bool {
        let now = now(self.begun);
        let mut desk = self.desk.lock().expect("sound");
        for row in family {
            // As in a shard: marks and ends are of the whole balance.
            let terms = Terms { low_balance: None, idle_days: None, ..row.state.terms.clone() };
            let record = match desk.engine.account(&row.name) {
                None => {
                    let ask =
                        OpenAccount { name: &row.name, currency: row.currency, opening: 0, terms, limit: 0 };
                    Some(desk.engine.open_account(now, &ask).expect("new"))
                }
                Some(view) if view.terms != terms => {
                    Some(desk.engine.change_account(now, &row.name, &terms, 0).expect("there"))
                }
                Some(_) => None,
            };
            record.iter().for_each(|record| desk.write(record));
            for known in &row.state.buckets {
                let opened = BucketOpened {
                    bucket: known.name.clone(),
                    terms: known.terms.clone(),
                    granted_at: known.granted_at,
                };
                let record = desk.engine.know_bucket(now, &row.name, opened).expect("one kind");
                record.iter().for_each(|record| desk.write(record));
            }
        }
        true
    }

    fn book(&self, grant: &Grant) {
        let now = now(self.begun);
        let mut desk = self.desk.lock().expect("sound");
        if let Some(record) = desk.engine.book_quota(now, grant).expect("booked") {
            desk.write(&record);
        }
    }

    fn give_back(&self, account: &Name, name: &Name) {
        let mut desk = self.desk.lock().expect("sound");
        if let Some(record) = desk.engine.return_quota(now(self.begun), account, name) {
            desk.write(&record);
        }
    }

    fn dry(&self, balance: &Name) {
        self.desk.lock().expect("sound").engine.note_dry(balance);
    }

    fn tell(&self, word: &CentralNotice) -> bool {
        let record =
            Record::new(now(self.begun).wall, word.account.clone(), RecordBody::Notice(word.notice.clone()));
        self.desk.lock().expect("sound").write(&record);
        true
    }

    fn give_all_back(&self, name: &Name) {
        let balances = self.desk.lock().expect("sound").engine.lent_balances();
        balances.iter().for_each(|balance| self.give_back(balance, name));
    }
}
