//! The central ledger beside the switch: a thread that keeps this node's quotas, and its doors to the shards.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use central::{AccountRow, Central, CentralError, Driver, QuotaRequest, Shards, Start, Status};
use config::Settings;
use ledger::{BucketOpened, Refused};
use node::{LentAccount, QuotaCommand, shard_of};
use rating::engine::AccountRefused;
use rating::quotas::client::{CentralNotice, LendingState, QuotaTiming};
use rating::quotas::transaction::NewAccount;
use rating::quotas::{Grant, owner};
use store::Journal;
use tokio::sync::{mpsc, oneshot};
use units::{Name, Wall};

use crate::run::router::{Router, ShardMessage};

/// Quota requests of shards on their way; more are said again by the next calls.
pub(crate) const QUOTA_REQUESTS_MAX: usize = 16_384;
const BEAT_MS: u64 = 500;
const RETRY_MS: u64 = 250;
const TIMEOUT_MS: u64 = 3_000;
/// Between two tries to make the accounts of the configuration.
const SEED_PAUSE: Duration = Duration::from_secs(1);
/// At the end the rest is given back within this.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// A ledger that several nodes share.
pub(crate) struct Ledger {
    pub central: Arc<Central>,
    pub status: Arc<Status>,
    bootstraps: mpsc::Sender<Bootstrap>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Accounts to be made, and when they were first thought of.
type Bootstrap = (Vec<NewAccount>, Wall);

/// The shards behind their inboxes.
struct Doors(Arc<Router>);

// === impl Ledger ===

impl Ledger {
    /// Starts the thread, if the configuration names a ledger. It connects by itself.
    pub(crate) fn start(
        settings: &Settings,
        key: [u8; 16],
        own_books: bool,
        router: &Arc<Router>,
        journal: &Arc<Journal>,
        (quota_requests, requested): (mpsc::Sender<QuotaRequest>, mpsc::Receiver<QuotaRequest>),
    ) -> anyhow::Result<Option<Self>> {
        let Some(ledger) = &settings.node.ledger else { return Ok(None) };
        let [boot, seed] = [0, 8]
            .map(|at| key.iter().skip(at).take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte)));
        let clock = router.clock;
        let start = Start {
            address: ledger.address.clone(),
            node: settings.node.name.clone(),
            boot,
            own_books,
            grant_max: ledger.slice_max,
            timing: QuotaTiming {
                hold_ms: u64::from(ledger.slice_secs) * 1_000,
                beat_ms: BEAT_MS,
                retry_ms: RETRY_MS,
                timeout_ms: TIMEOUT_MS,
            },
            clock: Arc::new(move || clock.now().tick),
            wall: {
                let router = Arc::clone(router);
                Arc::new(move || router.clock_doubt().is_none().then(|| clock.now().wall))
            },
            accounts: served(settings),
        };
        let central = Arc::new(Central::new(&ledger.address, seed).context("node.ledger")?);
        let status = Arc::new(Status::default());
        let driver = Driver::new(
            start,
            Arc::clone(journal),
            Doors(Arc::clone(router)),
            requested,
            Arc::clone(&status),
        )
        .context("node.ledger")?;
        let (stop, stopped) = oneshot::channel();
        let (bootstraps, to_make) = mpsc::channel(16);
        // The queue is empty: it takes the first.
        let _ = bootstraps.try_send((accounts(settings), clock.now().wall));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the ledger's runtime")?;
        let maker = Arc::clone(&central);
        let run = move || {
            runtime.block_on(async move {
                tokio::spawn(make_accounts(maker, to_make, quota_requests));
                let stopped = async move {
                    // A dropped sender ends it as well.
                    let _ = stopped.await;
                };
                driver.run(stopped, CLOSE_PATIENCE).await;
            });
        };
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(run)
            .context("cannot start the ledger's thread")?;
        Ok(Some(Self { central, status, bootstraps, stop, thread }))
    }

    /// Accounts that a new configuration brought.
    pub(crate) fn bootstrap(&self, settings: &Settings, now: Wall) {
        if self.bootstraps.try_send((accounts(settings), now)).is_err() {
            tracing::warn!(
                "accounts of earlier configurations still wait for the central ledger: reload again later"
            );
        }
    }

    /// What is free is given back and shipped, while the shards still run and have no calls.
    pub(crate) fn stop(self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        if self.thread.join().is_err() {
            tracing::error!("the ledger's thread panicked: see the log; the journal is whole");
        }
    }
}

/// The accounts whose calls come in here, with those above them.
fn served(settings: &Settings) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for gate in settings.gates.iter() {
        let mut name = Some(&*gate.account);
        while let Some(one) = name {
            names.push(one.into());
            name = ledger::parent(one);
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn accounts(settings: &Settings) -> Vec<NewAccount> {
    let mut all: Vec<NewAccount> = settings
        .accounts
        .iter()
        .map(|account| NewAccount {
            name: account.name.clone(),
            currency: account.currency,
            opening: account.balance.amount,
            limit: account.limit.amount,
            terms: account.terms.clone(),
        })
        .collect();
    // Those above come first.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Makes the accounts of the configuration once over all nodes, as soon as the database is there; then asks
/// for something of each.
async fn make_accounts(
    central: Arc<Central>,
    mut bootstraps: mpsc::Receiver<Bootstrap>,
    quota_requests: mpsc::Sender<QuotaRequest>,
) {
    while let Some((accounts, at)) = bootstraps.recv().await {
        for account in accounts {
            let name = account.name.clone();
            loop {
                match central.open(account.clone(), at).await {
                    Ok(_) | Err(CentralError::Account(AccountRefused::Books(Refused::AccountExists))) => {
                        break;
                    }
                    Err(error) if error.is_away() => tokio::time::sleep(SEED_PAUSE).await,
                    Err(error) => {
                        tracing::error!(account = &*name, %error, "account of the configuration not opened");
                        break;
                    }
                }
            }
            // A full queue has requests enough; the next call of the account says it again.
            let _ = quota_requests.try_send(QuotaRequest { account: name, need: 0 });
        }
    }
}

// === impl Doors ===

impl Doors {
    /// False if the inbox is full: the central ledger tells it again.
    fn to(&self, balance: &str, order: QuotaCommand) -> bool {
        self.0.post(shard_of(owner(balance), self.0.inboxes.len() as u8), ShardMessage::Slices(order))
    }
}

impl Shards for Doors {
    fn gate(&self, gate: LendingState) {
        self.0.broadcast(|| ShardMessage::Slices(QuotaCommand::Lending(gate)));
    }

    fn open(&self, family: &[AccountRow]) -> bool {
        let Some(last) = family.last() else { return true };
        self.to(&last.name, QuotaCommand::Open(family.iter().map(lent).collect()))
    }

    fn book(&self, grant: &Grant) {
        self.to(&grant.account, QuotaCommand::Book(grant.clone()));
    }

    fn give_back(&self, account: &Name, name: &Name) {
        self.to(account, QuotaCommand::GiveBack { account: account.clone(), name: name.clone() });
    }

    fn dry(&self, balance: &Name) {
        self.to(balance, QuotaCommand::Dry(balance.clone()));
    }

    fn tell(&self, word: &CentralNotice) -> bool {
        self.to(&word.account, QuotaCommand::Notify(word.clone()))
    }

    fn give_all_back(&self, name: &Name) {
        self.0.broadcast(|| ShardMessage::Slices(QuotaCommand::GiveAllBack { name: name.clone() }));
    }
}

fn lent(row: &AccountRow) -> LentAccount {
    let bucket = |known: &ledger::BucketImage| BucketOpened {
        bucket: known.name.clone(),
        terms: known.terms.clone(),
        granted_at: known.granted_at,
    };
    let (name, terms) = (row.name.clone(), row.state.terms.clone());
    LentAccount {
        name,
        currency: row.currency,
        terms,
        buckets: row.state.buckets.iter().map(bucket).collect(),
    }
}
