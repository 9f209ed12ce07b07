//! What a client hears and says.

use ledger::Notice;
use units::{Name, Tick};

use crate::quotas::Grant;

/// How a client keeps time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaTiming {
    /// Slices hold so long after the last beat that the central ledger answered.
    pub hold_ms: u64,
    /// Between two beats.
    pub beat_ms: u64,
    /// Between two tries of a database that is away; doubled up to eight times, with jitter.
    pub retry_ms: u64,
    /// A request not answered by then is taken for lost.
    pub timeout_ms: u64,
}

/// What is to be carried out in the central ledger, each in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Take the next epoch.
    Join,
    /// Renew the expiry; ask what other nodes want.
    Beat {
        /// This start's.
        epoch: u64,
    },
    /// More of an account.
    Ask {
        /// This start's.
        epoch: u64,
        /// Counts up; the same again is the same ask.
        number: u64,
        /// Which account.
        account: Name,
        /// At least so much, 10⁻⁵ units; 0 takes what is fair.
        need: i64,
    },
    /// The journal's durable entries after this one, as many as fit into one transaction.
    Ship {
        /// This start's.
        epoch: u64,
        /// The last one that the central ledger has.
        after: u64,
    },
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To [`Request::Join`].
    Joined {
        /// From now on.
        epoch: u64,
        /// The last entry of our journal there.
        last_seq: u64,
        /// Lent to us and not in our journal as far as it was shipped.
        grants: Vec<Grant>,
        /// We were declared lost: no lease before all that we have is given back and shipped.
        recalled: bool,
    },
    /// To [`Request::Beat`].
    Beaten {
        /// Accounts that other nodes asked for in vain and of which we have something.
        wanted: Vec<Name>,
        /// Accounts of which we have nothing and there is something.
        offered: Vec<Name>,
        /// As in `Joined`.
        grants: Vec<Grant>,
        /// As in `Joined`.
        recalled: bool,
        /// For this node to say, and not in its journal as far as it was shipped.
        words: Vec<CentralNotice>,
    },
    /// To [`Request::Ask`].
    Lent {
        /// Which account.
        account: Name,
        /// Nothing, if not enough is free.
        grant: Option<Grant>,
    },
    /// To [`Request::Ship`].
    Shipped {
        /// The last entry that the central ledger has now.
        last_seq: u64,
    },
    /// The database does not answer, or cannot write.
    Away,
    /// Another start has taken over, or the journals differ: this one is over.
    Fenced,
}

/// Something that an account's owner should hear of, noticed by the central ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentralNotice {
    /// Unique for ever; the same as in the notice.
    pub id: Name,
    /// The account, by its name.
    pub account: Name,
    /// The notice.
    pub notice: Notice,
}

/// Names a request under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u64);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// In the central ledger; answer by [`QuotaClient::handle`](super::QuotaClient::handle) with the same
    /// tag.
    Send(Tag, Request),
    /// In the account's shard. Once is enough, and twice is harmless.
    Book(Grant),
    /// In the account's shard: what is [`crate::quotas::spare`], under this name.
    GiveBack {
        /// Which account.
        account: Name,
        /// Used once.
        name: Name,
    },
    /// In the account's shard: the central ledger has no more of this balance.
    Dry(Name),
    /// In the account's shard: journal this once. [`QuotaClient::untold`](super::QuotaClient::untold) if it
    /// did not get there.
    Tell(CentralNotice),
    /// In all shards, of every account: as `GiveBack`.
    GiveAllBack {
        /// Used once for each account.
        name: Name,
    },
    /// All shards: how far quotas may be trusted.
    LendingState(LendingState),
}

/// How far quotas may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LendingState {
    /// No new lease from here on.
    pub until: Tick,
    /// The central ledger answers: an empty quota means an empty balance, not a lost database.
    pub reachable: bool,
}
