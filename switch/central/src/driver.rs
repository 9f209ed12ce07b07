//! The task that keeps a node's quotas: it carries out what the client wants, in the database and in the
//! shards, and ships the journal.
//!
//! It may block on the journal's disk, so it has a thread of its own. Whatever it does not finish is done
//! again: nothing waits for it but money.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rating::quotas::Grant;
use rating::quotas::central::QuotaRefused;
use rating::quotas::client::{
    CentralNotice, Command, LendingState, QuotaClient, QuotaTiming, Reply, Request,
};
use store::{Journal, Reader};
use tokio::sync::{Notify, mpsc};
use units::{Name, Tick, Wall};

use crate::link::Link;
use crate::questions::{Found, Question};
use crate::requests::{Done, Work};
use crate::rows::AccountRow;
use crate::{CentralError, Status};

/// So many beats are between two looks for credit that ended.
const EXPIRE_BEATS: u64 = 20;
/// At each of these looks so many times some entries get their places.
const PLACE_STEPS: u32 = 20;
/// Entries of one transaction.
const BATCH: u32 = 500;
/// How often the journal is looked at if it says nothing.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// At the end: so often is looked whether all is shipped.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// A call of an account needs so much more than is free, 10⁻⁵ units; 0: little is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRequest {
    /// The account, by its name.
    pub account: Name,
    /// What is short, 10⁻⁵ units; 0 asks without a need.
    pub need: i64,
}

/// The shards as the driver sees them. None of these waits: what gets lost on the way comes again.
pub trait Shards: Send + 'static {
    /// To all: how far quotas may be trusted.
    fn gate(&self, gate: LendingState);
    /// To the account's: these are the account and those above it, the top first; open those that are not
    /// there, and take their terms. False if it did not get there.
    fn open(&self, family: &[AccountRow]) -> bool;
    /// To the account's, which has been opened before: book it once.
    fn book(&self, grant: &Grant);
    /// To the account's: give back what is spare, under this name.
    fn give_back(&self, account: &Name, name: &Name);
    /// To the account's: the central ledger has no more of this balance.
    fn dry(&self, balance: &Name);
    /// To the account's: journal this notice once. False if it did not get there.
    fn tell(&self, word: &CentralNotice) -> bool;
    /// To all: the same of every account.
    fn give_all_back(&self, name: &Name);
}

/// How a driver begins.
pub struct Start {
    /// A `postgres://` URL.
    pub address: String,
    /// `node.name`.
    pub node: Name,
    /// This process; another at each start.
    pub boot: u64,
    /// The journal had customers when it was opened.
    pub own_books: bool,
    /// Largest grant beyond a call's need, 10⁻⁵ units.
    pub grant_max: i64,
    /// Beats, patience and expiry.
    pub timing: QuotaTiming,
    /// A monotonic clock, the shards' own.
    pub clock: Arc<dyn Fn() -> Tick + Send + Sync>,
    /// The node's wall clock; none while it is in doubt.
    pub wall: Arc<dyn Fn() -> Option<Wall> + Send + Sync>,
    /// Accounts to hold something of from the beginning.
    pub accounts: Vec<Name>,
}

/// See the module.
pub struct Driver<S> {
    start: Start,
    link: Link,
    client: QuotaClient,
    reader: Reader,
    journal: Arc<Journal>,
    bell: Arc<Notify>,
    shards: S,
    quota_requests: mpsc::Receiver<QuotaRequest>,
    status: Arc<Status>,
    /// The last change of terms that the shards were told.
    since: i64,
    /// When to look for credit that ended.
    expire_at: Tick,
    /// That the database's clock is another was said.
    clocks_differ: bool,
}

// === impl Driver ===

impl<S: Shards> Driver<S> {
    /// Connects later. `requests` come from the shards.
    pub fn new(
        start: Start,
        journal: Arc<Journal>,
        shards: S,
        quota_requests: mpsc::Receiver<QuotaRequest>,
        status: Arc<Status>,
    ) -> Result<Self, CentralError> {
        let link = Link::new(&start.address, start.boot)?;
        let bell = Arc::new(Notify::new());
        let rope = Arc::clone(&bell);
        journal.watch(move || rope.notify_one());
        let mut client = QuotaClient::new(start.node.clone(), start.timing, journal.last(), start.boot);
        for account in &start.accounts {
            client.want((start.clock)(), account, 0);
        }
        let reader = journal.reader()?;
        Ok(Self {
            start,
            link,
            client,
            reader,
            journal,
            bell,
            shards,
            quota_requests,
            status,
            since: 0,
            expire_at: Tick(0),
            clocks_differ: false,
        })
    }

    /// Until `stop`; then, if the database answers, everything free is given back and shipped, for `patience`
    /// at most. By then no shard may have calls.
    pub async fn run(mut self, stop: impl Future<Output = ()>, patience: Duration) {
        let mut stop = std::pin::pin!(stop);
        loop {
            self.work().await;
            self.expire().await;
            let sleep = Duration::from_micros(self.client.deadline().0.saturating_sub(self.now().0))
                .min(LONGEST_SLEEP);
            tokio::select! {
                () = &mut stop => break,
                () = self.bell.notified() => {}
                () = tokio::time::sleep(sleep) => {}
                Some(request) = self.quota_requests.recv() => self.ask_for(&request),
            }
            while let Ok(request) = self.quota_requests.try_recv() {
                self.ask_for(&request);
            }
        }
        // Cut off in the middle of it, the next start does the rest.
        let _ = tokio::time::timeout(patience, self.close()).await;
    }

    fn ask_for(&mut self, request: &QuotaRequest) {
        self.client.want((self.start.clock)(), &request.account, request.need);
    }

    fn now(&self) -> Tick {
        (self.start.clock)()
    }

    /// All that is to be done now.
    async fn work(&mut self) {
        self.client.durable(self.journal.last());
        while let Some(order) = self.client.poll(self.now()) {
            match order {
                Command::LendingState(gate) => self.shards.gate(gate),
                Command::Book(grant) => self.shards.book(&grant),
                Command::GiveBack { account, name } => self.shards.give_back(&account, &name),
                Command::Dry(balance) => self.shards.dry(&balance),
                Command::Tell(word) => {
                    if !self.shards.tell(&word) {
                        self.client.untold(&word.id);
                    }
                }
                Command::GiveAllBack { name } => self.shards.give_all_back(&name),
                Command::Send(tag, request) => {
                    let reply = self.request(request).await;
                    self.client.handle(self.now(), tag, reply);
                    self.client.durable(self.journal.last());
                }
            }
            self.status.show(self.client.gate(), self.client.is_fenced(), self.client.lag());
        }
        self.status.show(self.client.gate(), self.client.is_fenced(), self.client.lag());
    }

    /// Credit that ends over all nodes: whichever comes first looks, if it can trust its clock and the
    /// database's says the same.
    async fn expire(&mut self) {
        if self.client.gate().reachable && self.now() >= self.expire_at {
            self.expire_at = self.now().plus_ms(self.start.timing.beat_ms.saturating_mul(EXPIRE_BEATS));
            if let Some(wall) = (self.start.wall)() {
                let trouble = self.execute(&Work::Expire(wall)).await.err();
                let differ = matches!(trouble, Some(CentralError::Clock { .. }));
                if let Some(error) = trouble.as_ref().filter(|_| differ && !self.clocks_differ) {
                    tracing::error!(%error, "no credit ends");
                }
                self.clocks_differ = differ;
                self.status.say("expire", trouble.map(|error| error.to_string()));
            }
            self.place().await;
        }
    }

    /// Entries of nodes that give theirs no places, as those of the version before: some at a time, so that
    /// no reader finds many.
    async fn place(&mut self) {
        for _ in 0..PLACE_STEPS {
            match self.execute(&Work::Question(Question::CatchUp)).await {
                Ok(Done::Found(Found::End(end))) if end.behind => {}
                _ => return,
            }
        }
    }

    async fn request(&mut self, request: Request) -> Reply {
        let what = word(&request);
        let outcome = self.transact(request).await;
        match outcome {
            Ok(reply) => {
                if self.status.say(what, None) {
                    tracing::info!(what, "the central ledger answers again");
                }
                reply
            }
            Err(error) => {
                if self.status.say(what, Some(error.to_string())) {
                    tracing::error!(what, %error, "calls go on within their slices");
                }
                match error {
                    CentralError::Refused(QuotaRefused::Fenced { .. } | QuotaRefused::Diverged { .. })
                    | CentralError::OwnBooks => Reply::Fenced,
                    _ => Reply::Away,
                }
            }
        }
    }

    async fn transact(&mut self, request: Request) -> Result<Reply, CentralError> {
        let (node, hold_ms) =
            (self.start.node.clone(), i64::try_from(self.start.timing.hold_ms).unwrap_or(i64::MAX));
        let work = match request {
            Request::Join => {
                let last = match self.execute(&Work::LastShipped(node.clone())).await? {
                    Done::LastShipped(last) => last,
                    Done::Nothing
                    | Done::Reply(..)
                    | Done::Beaten(..)
                    | Done::Operator(_)
                    | Done::Found(_) => 0,
                };
                let hash = self
                    .reader
                    .entries(last.saturating_sub(1), 1)?
                    .first()
                    .filter(|entry| entry.seq == last)
                    .map(|entry| entry.hash);
                Work::Join {
                    node,
                    boot: self.start.boot,
                    at_last: (last, hash),
                    own_books: self.start.own_books,
                    hold_ms,
                }
            }
            Request::Beat { epoch } => Work::Beat { node, epoch, hold_ms, since: self.since },
            Request::Ask { epoch, number, account, need } => {
                let ask = rating::quotas::central::Ask { epoch, number, need };
                Work::Ask { node, account, ask, grant_max: self.start.grant_max }
            }
            Request::Ship { epoch, after } => {
                Work::Ship { node, epoch, entries: self.reader.entries(after, BATCH)? }
            }
        };
        match self.execute(&work).await? {
            Done::Reply(reply, accounts) => {
                self.open(&accounts);
                Ok(reply)
            }
            Done::Beaten(reply, accounts, last) => {
                // What did not get to its shard is told again.
                if self.open(&accounts) {
                    self.since = last;
                }
                Ok(reply)
            }
            Done::Nothing | Done::LastShipped(_) | Done::Operator(_) | Done::Found(_) => Ok(Reply::Away),
        }
    }

    /// Each account with those above it, the top first, before anything is booked on it. True if all got
    /// there.
    fn open(&self, accounts: &[AccountRow]) -> bool {
        let mut told = true;
        for row in accounts {
            let above = |other: &&AccountRow| {
                row.name
                    .strip_prefix(&*other.name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            };
            let mut family: Vec<AccountRow> = accounts.iter().filter(above).cloned().collect();
            family.sort_by_key(|row| row.name.len());
            told &= self.shards.open(&family);
        }
        told
    }

    async fn execute(&mut self, work: &Work) -> Result<Done, CentralError> {
        self.link.transact(work, Duration::from_millis(self.start.timing.timeout_ms)).await
    }

    /// The last returns go into the journal, and all of it to the central ledger.
    async fn close(&mut self) {
        if self.client.is_fenced() {
            return;
        }
        self.client.end();
        let mut quiet = 0;
        // The shards' last records take a moment to the disk, and a grant may have been under way: all is
        // back when nothing came for a few looks.
        for look in 0.. {
            if quiet >= 5 {
                break;
            }
            self.shards
                .give_all_back(&format!("{}.{:016x}.end{look}", self.start.node, self.start.boot).into());
            tokio::time::sleep(LAST_LOOK).await;
            self.work().await;
            let all_shipped =
                self.journal.pressure().queued == 0 && self.client.lag() == 0 && self.client.gate().reachable;
            quiet = if all_shipped { quiet + 1 } else { 0 };
        }
    }
}

/// What a request is for, in a word.
const fn word(request: &Request) -> &'static str {
    match request {
        Request::Join => "join",
        Request::Beat { .. } => "beat",
        Request::Ask { .. } => "ask",
        Request::Ship { .. } => "ship",
    }
}
