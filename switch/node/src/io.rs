//! What goes into a node and what comes out: the whole of its contact with the world.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use ledger::{BucketTerms, NoticeEvent, PeriodClosed, Record, Terms, TrialBalance};
use media::relay::{MediaCommand, MediaEvent};
use rating::Cdr;
use rating::engine::{AccountChange, AccountRefused, AccountView, InTransit, MoveOrder, TransitPlace};
use units::{Currency, Money, Name, Number, Transport, Wall};

use crate::leg::{Arrival, Flow};
use crate::registrar::RegisteredAccount;
use crate::{ConfigSnapshot, Prospect, QuotaCommand};

/// One thing that happened outside.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every input is a message, and boxing it would allocate once more per packet"
)]
pub enum Input {
    /// A SIP message, or what was received instead of one.
    Sip(Arrival),
    /// Nothing can be sent by this flow: ICMP, connection refused.
    Unreachable(Flow),
    /// A stream that was open is closed; `peer` is the address at its other end.
    Closed(Flow),
    /// What the relay tells.
    Media(MediaEvent),
    /// What came from a relay outside, or says so.
    Engine {
        /// Its sender.
        from: SocketAddr,
        /// All of it.
        datagram: Bytes,
    },
    /// Time passed; due timers run. Every other input runs them too.
    Tick,
    /// All of this shard's records up to this ticket are on disk.
    Durable(u64),
    /// How the journal stands.
    Journal(Pressure),
    /// The addresses of a carrier's host name, best first; empty: it does not resolve.
    Resolved {
        /// Carrier by name.
        carrier: Name,
        /// Addresses with ports.
        addresses: Vec<SocketAddr>,
        /// The transport that its domain chose, where none is configured (RFC 3263 §4.1).
        transport: Option<Transport>,
    },
    /// Another shard's OPTIONS to a carrier was answered: its [`Output::Probed`].
    Probed {
        /// Carrier by name.
        carrier: Name,
        /// The final status; 408 if nothing came.
        status: u16,
        /// Seconds that the carrier asked not to be called for.
        pause_secs: Option<u32>,
    },
    /// What became of an [`Output::FetchCertificate`].
    Certificate(Certificate),
    /// Contacts of a SIP account as another shard has them now: its [`Output::Registered`]. At the start: as
    /// they were kept over the restart.
    Registered(RegisteredAccount),
    /// New configuration; live calls keep what they began with.
    Reload(Arc<ConfigSnapshot>),
    /// Of the central ledger.
    Slices(QuotaCommand),
    /// No new calls; [`Node::is_idle`](crate::Node::is_idle) tells when the last one ended.
    Drain,
    /// End every call now, settled.
    Stop,
    /// A question or order of an operator; its answer is an [`Output::Reply`] with the same number.
    Admin {
        /// Chosen by the driver.
        ticket: u64,
        /// What is wanted.
        request: AdminRequest,
    },
}

/// What became of the certificate that callers' numbers are signed by.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Where it was asked for.
    pub url: stir::CertificateUrl,
    /// The certificate, its chain verified, or why it is of no use.
    pub outcome: Result<Arc<stir::Credential>, stir::Fault>,
    /// Seconds for which this holds.
    pub keep_secs: u32,
}

/// How full the journal's queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pressure {
    /// All is well.
    #[default]
    Ok,
    /// Above half: no new calls.
    Half,
    /// The disk is full and the room kept back is in use: as if writing had failed, but what is written is
    /// durable.
    NoRoom,
    /// Writing failed: no new calls, no extensions; live calls end at their lease.
    Failed,
}

impl Pressure {
    /// Only what ends live calls may be written.
    pub(crate) const fn is_for_ends_only(self) -> bool {
        matches!(self, Self::NoRoom | Self::Failed)
    }
}

/// One thing to be done outside.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// Where to and by what. A stream whose `conn` is 0 or gone: any other to `peer`, or a new one.
        flow: Flow,
        /// One whole message.
        bytes: Bytes,
    },
    /// To be done by the relay, in order.
    Media(MediaCommand),
    /// Send this to a relay outside, from a socket of this shard; what comes back is [`Input::Engine`].
    Engine {
        /// The relay's address for commands.
        to: SocketAddr,
        /// One datagram.
        datagram: Bytes,
    },
    /// A stream's idle time does not count as long as it is wanted: a call lives on it.
    KeepOpen {
        /// The number of the connection.
        conn: u64,
        /// From now on, or no more.
        wanted: bool,
    },
    /// Write this record after all before it; answer with [`Input::Durable`] and its ticket, counted from 1
    /// per shard.
    Journal {
        /// Whether it belongs to a live call and may use the room kept for those.
        live: bool,
        /// What to write.
        record: Record,
    },
    /// Calls of this account found it short by so much (10⁻⁵ units), or, with 0, left little in it: ask the
    /// central ledger.
    QuotaRequest {
        /// The account, by its name.
        account: Name,
        /// What is short, 10⁻⁵ units; 0 asks without a need.
        need: i64,
    },
    /// Our OPTIONS to a carrier was answered: tell the other shards by [`Input::Probed`].
    Probed {
        /// Carrier by name.
        carrier: Name,
        /// The final status; 408 if nothing came.
        status: u16,
        /// Seconds that the carrier asked not to be called for.
        pause_secs: Option<u32>,
    },
    /// Fetch the certificate that a caller's number was signed by, verify its chain, and answer with
    /// [`Input::Certificate`]; within two seconds, whatever comes of it.
    FetchCertificate(stir::CertificateUrl),
    /// Contacts of a SIP account changed: tell the other shards by [`Input::Registered`], and keep them for
    /// the next start.
    Registered(RegisteredAccount),
    /// An address is locked out: close its connections.
    LockedOut(IpAddr),
    /// The CDR is durable: hand it on.
    Publish(Arc<Cdr>),
    /// Answer to [`Input::Admin`].
    Reply {
        /// Its number.
        ticket: u64,
        /// The answer.
        reply: AdminReply,
    },
}

/// What operators ask.
#[derive(Debug, Clone)]
pub enum AdminRequest {
    /// Accounts of this shard, by name.
    Accounts {
        /// Those after this name.
        after: Option<Name>,
        /// At most so many.
        limit: usize,
    },
    /// One account.
    Account(Name),
    /// A new account.
    AddAccount {
        /// Unique.
        name: Name,
        /// For ever.
        currency: Currency,
        /// Balance to begin with, 10⁻⁵ units.
        opening: i64,
        /// What it calls by.
        terms: Terms,
        /// How far usage may take the balance, 10⁻⁵ units; 0 or negative.
        limit: i64,
        /// Idempotency key, if the request has one.
        key: Option<String>,
    },
    /// What a call by an account would find here.
    Prospect {
        /// Whose call.
        account: Name,
        /// Where to; without it only accounts and carriers are told.
        number: Option<Number>,
        /// The moment, wall time.
        at: Wall,
    },
    /// The account that a request of this key opened.
    OpenedBy(String),
    /// Money moved by hand, once per key.
    Move {
        /// The account, by its name.
        account: Name,
        /// Idempotency key.
        key: String,
        /// What is wanted.
        order: MoveOrder,
    },
    /// Other terms for an account, or another limit; running calls keep their prices.
    ChangeAccount {
        /// The account, by its name.
        name: Name,
        /// What changes.
        change: AccountChange,
    },
    /// Credit or minutes for a bucket of an account.
    Grant {
        /// The account, by its name.
        account: Name,
        /// Which bucket; a new one is opened.
        bucket: Name,
        /// How much: money, or seconds in `SEC`.
        amount: Money,
        /// What the bucket serves.
        terms: BucketTerms,
        /// The operator's words.
        reference: String,
        /// Idempotency key.
        key: String,
    },
    /// From now on nothing is dated before this moment.
    ClosePeriod {
        /// The first moment that stays open.
        until: Wall,
    },
    /// The closing itself, once all shards have agreed: goes to one of them.
    PeriodClosed(PeriodClosed),
    /// All balances of this shard.
    Trial,
    /// New prices, to be kept once as a notice of the node before anybody is told: goes to one shard.
    KeepRates(Arc<NoticeEvent>),
    /// What is posted of an account.
    Posted(Name),
    /// Payments of this shard that are on their way, those that are due first in front.
    InTransit {
        /// Those after this one.
        after: Option<TransitPlace>,
        /// Only those that are late.
        late_only: bool,
        /// At most so many.
        limit: usize,
    },
    /// New prices to tell these accounts of, those of them that call by the deck and were not told yet.
    NotifyRates {
        /// Whom; few, since each is a record.
        accounts: Vec<Name>,
        /// A `RatesChange` that refers to what was kept.
        event: Arc<NoticeEvent>,
    },
    /// Where SIP accounts of this shard are.
    Registrations,
    /// Live calls.
    Calls,
    /// End a call.
    Kill(u128),
    /// A live call is recorded from now on, or no longer.
    Record {
        /// As in the CDR.
        call: u128,
        /// From now on.
        is_wanted: bool,
    },
}

impl AdminRequest {
    /// Whether it is to be written before it is answered.
    pub(crate) const fn writes(&self) -> bool {
        match self {
            Self::AddAccount { .. }
            | Self::Move { .. }
            | Self::ChangeAccount { .. }
            | Self::Grant { .. }
            | Self::ClosePeriod { .. }
            | Self::PeriodClosed(_)
            | Self::KeepRates(_)
            | Self::NotifyRates { .. } => true,
            Self::Accounts { .. }
            | Self::Account(_)
            | Self::Trial
            | Self::Posted(_)
            | Self::Prospect { .. }
            | Self::OpenedBy(_)
            | Self::InTransit { .. }
            | Self::Registrations
            | Self::Calls
            | Self::Record { .. }
            | Self::Kill(_) => false,
        }
    }
}

/// What operators are answered.
#[derive(Debug)]
pub enum AdminReply {
    /// To `Accounts`.
    Accounts(Vec<AccountView>),
    /// To `Account`, `ChangeAccount`.
    Account(AccountView),
    /// To `AddAccount`, once it is durable.
    Opened {
        /// As it was right after it was opened.
        view: AccountView,
        /// The key had been used for the same: nothing was opened now.
        replayed: bool,
    },
    /// To `Prospect`.
    Prospect(Box<Prospect>),
    /// To `OpenedBy`.
    OpenedBy(Option<Name>),
    /// To `Move`, once it is durable.
    Moved {
        /// What the account got; negative if it paid.
        amount: Money,
        /// Posted balance right after it, also of a repeat.
        balance: Money,
        /// When; none of a repeat.
        booked_at: Option<Wall>,
        /// After this an announced payment is late.
        due: Option<Wall>,
        /// The key had been used for the same: nothing was moved now.
        replayed: bool,
    },
    /// To `Grant`, once it is durable.
    Granted {
        /// What was given.
        amount: Money,
        /// Posted in the bucket right after it.
        left: Money,
        /// When; none of a repeat.
        booked_at: Option<Wall>,
        /// The key had been used for the same grant: nothing was given now.
        replayed: bool,
    },
    /// To `ClosePeriod` and `PeriodClosed`, once all that was dated before is durable.
    Closed,
    /// To `Trial`.
    Trial(TrialBalance),
    /// To `Posted`, by bucket (empty: its own money), 10⁻⁵ units; once all of it is durable.
    Posted(Vec<(Name, Currency, i64)>),
    /// To `InTransit`.
    InTransit(Vec<InTransit>),
    /// To `KeepRates` and `NotifyRates`: how many were told now, once that is durable.
    Notified(usize),
    /// To `Registrations`.
    Registrations(Vec<RegisteredContact>),
    /// To `Calls`.
    Calls(Vec<LiveCall>),
    /// To `Kill`.
    Killed,
    /// To `Record`: the name of its file, if it has one.
    Recorded(Option<Arc<str>>),
    /// To `Record`: why it is not.
    NotRecorded(&'static str),
    /// It cannot be done now, and nothing was: the journal cannot write it, or the clock is not trusted.
    Unavailable(String),
    /// There is no such account or call here.
    NotFound,
    /// It cannot be done, by the rules of accounts and money.
    Refused(AccountRefused),
}

/// A contact of a SIP account.
#[derive(Debug, Clone)]
pub struct RegisteredContact {
    /// The SIP account's name.
    pub sip_account: Name,
    /// Who pays.
    pub account: Name,
    /// As the phone wrote it.
    pub contact: String,
    /// Where it registered from, and by what.
    pub flow: Flow,
    /// Preference, thousandths.
    pub q: u16,
    /// Whether the way to it is open.
    pub is_reachable: bool,
    /// What the phone is, by its own words.
    pub user_agent: Option<Name>,
    /// When the registration is over.
    pub until: Wall,
}

/// A call that is not over.
#[derive(Debug, Clone)]
pub struct LiveCall {
    /// As in the CDR.
    pub id: u128,
    /// Gate's name.
    pub gate: Name,
    /// Account's name.
    pub account: Name,
    /// Caller as presented.
    pub caller: String,
    /// Called as dialled.
    pub called: String,
    /// Carrier tried or talked to.
    pub carrier: Option<Name>,
    /// `hunting` or `talking`.
    pub state: &'static str,
    /// When it began.
    pub started_at: Wall,
    /// When it was answered.
    pub answered_at: Option<Wall>,
    /// Answered time so far.
    pub duration_ms: u64,
    /// Call-ID of the caller's leg.
    pub call_id_a: String,
    /// Call-ID of the last called leg.
    pub call_id_b: Option<String>,
}
