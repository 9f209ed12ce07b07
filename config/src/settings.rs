//! Checked settings: what the switch runs with, ready to be swapped in whole.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use route::{
    Carriers, Gates, MediaPath, MediaTerms, OfferedHashes, OurNumbers, RouteTable, SessionTimer, Transcode,
    Transport,
};
use units::{Currency, Money, Name};

use crate::server::Server;
use crate::{Diagnostic, Tls};

/// A whole configuration without a single error.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The process.
    pub node: NodeSettings,
    /// SIP listeners and timers.
    pub sip: Sip,
    /// What TLS listeners show, and whom TLS connections of ours are verified for.
    pub tls: Tls,
    /// API, metrics, health.
    pub http: Http,
    /// How voice travels.
    pub media: Media,
    /// What is written for ever.
    pub journal: Journal,
    /// Logs.
    pub log: Log,
    /// Where SIP messages of calls are kept.
    pub trace: crate::Trace,
    /// Where calls are recorded; none: nowhere.
    pub recording: Option<Recording>,
    /// With what callers' numbers are signed, and whose signatures are believed.
    pub stir: crate::Stir,
    /// Parts of the week that decks name.
    pub periods: Arc<[units::Period]>,
    /// Where call records go, beside the journal.
    pub nats: Option<Nats>,
    /// How notices are mailed.
    pub mail: Option<Mail>,
    /// Price lists.
    pub decks: Arc<rating::Decks>,
    /// Accounts to make if absent.
    pub accounts: Vec<AccountSettings>,
    /// How customers pay.
    pub payment_methods: Vec<rating::engine::PaymentMethod>,
    /// Who may call.
    pub gates: Arc<Gates>,
    /// Where calls are sent.
    pub carriers: Arc<Carriers>,
    /// Numbers of ours, and what each rings.
    pub numbers: Arc<OurNumbers>,
    /// Which carriers take which prefix.
    pub routes: Arc<RouteTable>,
    /// What somebody should look at, though it is applied.
    pub warnings: Vec<Diagnostic>,
}

/// `[node]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeSettings {
    /// Name in CDRs and logs.
    pub name: Name,
    /// Folder of the journal.
    pub data_dir: PathBuf,
    /// What opens sealed credentials; made at the start if it is not there. None: nothing is sealed.
    pub secret_file: Option<PathBuf>,
    /// The ledger of several nodes; none if the balances are this node's own.
    pub ledger: Option<CentralLedger>,
    /// Seconds that live calls have after SIGTERM.
    pub drain_secs: u32,
    /// Signalling threads; 0: one per core.
    pub shards: u16,
    /// Most calls at once.
    pub max_calls: u32,
    /// Session timer toward peers that set none of their own.
    pub session: SessionTimer,
}

/// `ledger` of `[node]` and what belongs to it.
#[derive(Clone, PartialEq, Eq)]
pub struct CentralLedger {
    /// As given; it may have a password in it.
    pub address: String,
    /// Most that is fetched at once beyond what a call needs, 10⁻⁵ units.
    pub slice_max: i64,
    /// So long a slice holds while the ledger does not answer.
    pub slice_secs: u32,
}

impl fmt::Debug for CentralLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CentralLedger")
            .field("slice_max", &self.slice_max)
            .field("slice_secs", &self.slice_secs)
            .finish_non_exhaustive()
    }
}

/// `[sip]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sip {
    /// At least one.
    pub listen: Vec<Listen>,
    /// Address told to peers; `None`: each listener's own.
    pub advertise: Option<IpAddr>,
    /// Timer T1, milliseconds.
    pub t1_ms: u32,
    /// Idle TCP connections are closed after this.
    pub tcp_idle_secs: u32,
    /// Most connections from one address.
    pub tcp_per_source: u32,
    /// Origins of web pages that may open a WebSocket, lower case; `None`: any.
    pub ws_origins: Option<Vec<String>>,
    /// Seconds after which a silent peer without session timer is asked whether its call lives; `None`: half
    /// of its session timer.
    pub dialog_probe_secs: Option<u32>,
    /// Domains of SIP accounts, lower case; empty: our own addresses.
    pub domains: Vec<String>,
    /// Protection space of digests: the first of `domains`, else an address of ours.
    pub realm: String,
    /// Hashes that challenges offer.
    pub hashes: OfferedHashes,
    /// Challenges a second to one unknown address.
    pub challenge_per_source: u32,
    /// Wrong credentials after which an address is locked out.
    pub lockout_after: u32,
    /// In this time, and for as long, seconds.
    pub lockout_secs: u32,
    /// Requests without a good end in this time, after which an address is locked out; 0: never.
    pub ban_after: u32,
}

/// One SIP listener, `udp:127.0.0.1:5060`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Listen {
    /// Datagrams or stream.
    pub transport: Transport,
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
}

/// `[http]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// File of the operator's token.
    pub admin_token_file: PathBuf,
}

/// `[media]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    /// How calls travel whose peers do not say otherwise.
    pub mode: MediaPath,
    /// Addresses of relayed media: at most one IPv4 and one IPv6 address.
    pub addresses: Vec<IpAddr>,
    /// What peers are told in place of the address of the same family.
    pub advertise: Vec<IpAddr>,
    /// First and last UDP port of relayed media.
    pub ports: (u16, u16),
    /// Threads of the relay; 0: half of the cores.
    pub threads: u16,
    /// Threads that transcode; 0: as many.
    pub workers: u16,
    /// Whether calls may be transcoded whose peers do not say otherwise.
    pub transcode: bool,
    /// Calls that are transcoded at once; 0: by what they take of the workers.
    pub max_transcoding: u32,
    /// Settled streams go on in the kernel, where the machine allows it.
    pub fast_path: bool,
    /// Engines that relay media in place of this machine, by the addresses of their ng protocol; none: it does.
    pub engines: Vec<SocketAddr>,
    /// Silence after which a call ends, at least 3.
    pub rtp_timeout_secs: u32,
    /// The same while a side holds.
    pub rtp_timeout_hold_secs: u32,
    /// So long before its money ends a call is warned; 0: it is not.
    pub warning_secs: u32,
    /// Callers hear why their calls are refused.
    pub announcements: bool,
    /// What the switch says into calls.
    pub prompts: Arc<prompts::Prompts>,
}

impl Media {
    /// Whether a relay that was started with the one is as if started with the other.
    pub(crate) fn starts_as(&self, other: &Self) -> bool {
        let addresses = |media: &Self| (media.addresses.clone(), media.advertise.clone());
        let threads = |media: &Self| (media.threads, media.workers, media.fast_path);
        let fixed = |media: &Self| (addresses(media), media.ports, threads(media), media.engines.clone());
        fixed(self) == fixed(other)
    }

    /// Whether there is something to relay by.
    pub(crate) const fn can_relay(&self) -> bool {
        !self.addresses.is_empty() || !self.engines.is_empty()
    }

    /// Whether any call may be relayed.
    pub(crate) fn relays(&self, gates: &Gates, carriers: &Carriers) -> bool {
        let is_relayed =
            |terms: &MediaTerms| terms.path == MediaPath::Relay || terms.transcode == Transcode::Wanted;
        self.mode == MediaPath::Relay
            || self.transcode
            || gates.iter().any(|gate| is_relayed(&gate.media))
            || carriers.iter().any(|carrier| is_relayed(&carrier.media))
    }

    /// Relayed calls that the ports hold: a call takes two pairs, an even port and the next one each.
    pub const fn calls_max(&self) -> u32 {
        let (first, last) = self.ports;
        let pairs = (last as u32 + 1).saturating_sub(first as u32 + first as u32 % 2) / 2;
        pairs / 2
    }
}

impl Settings {
    /// Whether any call may be relayed.
    pub fn relays(&self) -> bool {
        self.media.relays(&self.gates, &self.carriers)
    }
}

/// `[recording]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// Folder of the files.
    pub dir: PathBuf,
    /// Longest recording.
    pub max_minutes: u32,
    /// GiB of all files at most.
    pub max_gib: u32,
    /// Both sides hear a beep when it begins.
    pub consent_tone: bool,
}

/// `[journal]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journal {
    /// Answered seconds between checkpoints of a call, at most 10.
    pub checkpoint_secs: u32,
    /// Where records go if the disk fails.
    pub unsaved_file: PathBuf,
    /// File, line and column where that is said, or would be.
    pub unsaved_file_at: (Arc<str>, u32, u32),
    /// Room kept back on the disk of `node.data_dir`, MiB.
    pub ballast_mib: u32,
}

/// `[log]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// Levels as tracing's filter reads them.
    pub filter: String,
    /// JSON lines, else text.
    pub json: bool,
}

/// `[nats]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nats {
    /// Host and port of the server.
    pub server: Server,
    /// Name of the stream.
    pub stream: String,
    /// What records are published on.
    pub subject: String,
    /// User, with a password in `password_file`.
    pub user: Option<String>,
    /// There if `user` is.
    pub password_file: Option<PathBuf>,
}

/// `[mail]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// Host and port of the server.
    pub server: Server,
    /// Sender, a plain address.
    pub from: String,
    /// How the way there is protected.
    pub tls: MailTls,
    /// User, with a password in `password_file`.
    pub user: Option<String>,
    /// There if `user` is.
    pub password_file: Option<PathBuf>,
    /// Where customers find price lists, with `{deck}` and `{version}`.
    pub price_lists: Option<String>,
}

/// How the way to the mail server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailTls {
    /// Not at all.
    None,
    /// Upgraded before anything is said, or given up.
    Starttls,
    /// From the first byte on.
    Tls,
}

/// `[[account]]`: made once if absent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountSettings {
    /// Name.
    pub name: Name,
    /// Of balance and deck.
    pub currency: Currency,
    /// First balance.
    pub balance: Money,
    /// How far usage may take it: zero, or below where credit is given.
    pub limit: Money,
    /// What it calls by.
    pub terms: rating::Terms,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.addr)
    }
}
