//! Every section and key of the configuration, its type, range, default and meaning: read by the reader and
//! by the docs.
//!
//! Invariant: a key exists if and only if it stands here or in the part on money.

mod carrier;
mod gate;
mod h323;
mod media;
mod money;
mod recording;
mod sip;
mod stir;
mod trace;

pub use carrier::CARRIER;
pub use gate::{GATE, SIP_ACCOUNT};
pub use h323::H323;
pub use media::MEDIA;
pub use money::{ACCOUNT, DECK, EXCHANGE, PAYMENT_METHOD, PERIOD};
pub use recording::RECORDING;
pub use sip::{SIP, SIP_TLS, SIP_TLS_EXTRA};
pub use stir::STIR;
pub use trace::TRACE;

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text in quotes.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A file or folder, relative to the configuration file.
    Path,
    /// A decimal amount in quotes, at most five places.
    Money,
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second.
    Int(i64, i64),
    /// A decimal number from 0 to 1.
    Part,
    /// A list of texts.
    Texts,
    /// An address in quotes, or a list of them.
    Addresses,
    /// Two port numbers, first and last.
    Ports,
    /// A list of SIP statuses: numbers, or classes as `"5xx"`.
    Statuses,
    /// A list of `{ prefix, replace, length }`.
    Rules,
    /// `{ … }` with these keys.
    Fields(&'static Section),
}

/// What holds when a key is absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preset {
    /// Its absence is an error.
    Required,
    /// Nothing; the meaning says what that is.
    Nothing,
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'static str),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// Yes or no.
    Bool(bool),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds without it.
    pub preset: Preset,
    /// What it means.
    pub doc: &'static str,
}

/// One `[section]`, or `[[section]]` if there may be many.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// As written.
    pub name: &'static str,
    /// `[[name]]`.
    pub many: bool,
    /// Whether the file must have it.
    pub required: bool,
    /// What it is.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

impl Section {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }

    /// The header that opens it.
    pub fn header(&self) -> String {
        if self.many { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }
}

const fn key(name: &'static str, kind: Kind, preset: Preset, doc: &'static str) -> Key {
    Key { name, kind, preset, doc }
}

const MEDIA_PATH: Key = key(
    "media",
    Kind::Word(&["bypass", "relay"]),
    Preset::Nothing,
    "How media of its calls travels, as `media.mode`; absent: that.",
);
const NAT: Key = key(
    "nat",
    Kind::Bool,
    Preset::Bool(true),
    "Its media may come from another address than it says, as behind NAT, and that is learnt from its first packets; `false`: only what it \
     says counts.",
);
const SRTP: Key = key(
    "srtp",
    Kind::Word(&["off", "optional", "required"]),
    Preset::Text("off"),
    "Encrypted media with keys from SDP (RFC 4568), ended here on each side. `optional`: where its side can; `required`: offers and answers \
     without keys are refused with 488. Its calls are relayed. Keys need signalling over TLS.",
);
const TRANSCODE: Key = key(
    "transcode",
    Kind::Bool,
    Preset::Nothing,
    "Whether voice of its calls may be made another codec's where it shares none with the other side: `true` where the other side says \
     nothing or `true`, `false` never. Absent: `media.transcode`. Such calls are relayed.",
);
const DTMF: Key = key(
    "dtmf",
    Kind::Word(&["rfc4733", "info", "inband"]),
    Preset::Text("rfc4733"),
    "How it tells and takes keypad digits: `rfc4733`, as events among its packets; `info`, by INFO: it is offered no events, and digits become \
     events and INFO on their way between it and a side with events; `inband`, as tones in its sound: it is offered no events, and tones become \
     events or INFO on their way and come of them, for which its sound is decoded. Its calls are relayed with `info` and `inband`.",
);
const RECORD: Key = key(
    "record",
    Kind::Bool,
    Preset::Bool(false),
    "`true`: its calls are recorded from their answer to their end, into the folder of `[recording]`. They are relayed then.",
);
const SECS_MAX: i64 = 604_800;
const SESSION: Key = key(
    "session_expires",
    Kind::Int(0, 86_400),
    Preset::Nothing,
    "Seconds of the session timer (RFC 4028) asked for here, at least 90; 0 asks for none. Absent: `node.session_expires`.",
);
const CODECS: Key = key(
    "codecs",
    Kind::Texts,
    Preset::Texts(&["PCMA", "PCMU", "G729", "G723"]),
    "Codecs allowed here, `OPUS` beside those of the default. Calls use what the offer, the gate and the carrier have in common.",
);
/// Of gates and carriers.
const TRUST: Key = key(
    "trust",
    Kind::Bool,
    Preset::Bool(false),
    "Whether its identity headers (P-Asserted-Identity, Remote-Party-ID, Diversion, History-Info) are believed, and whether it is told \
     numbers that callers withhold.",
);

/// Of gates and carriers.
const IDENTITY: Key = key(
    "identity",
    Kind::Word(&["pai", "rpid", "from"]),
    Preset::Nothing,
    "How it is told who calls: P-Asserted-Identity, Remote-Party-ID, or From alone. Absent: `pai` if it is trusted, else `from`. A number \
     that is withheld is told in none of them to a side without `trust`.",
);

/// Of gates and carriers.
const PRIVACY: Key = key(
    "privacy",
    Kind::Word(&["honour", "pass", "ignore"]),
    Preset::Text("honour"),
    "What becomes of the wish of its callers to stay unknown: `honour`: From is anonymous on the other side; `pass`: a trusted side gets \
     From and the wish as they came, any other as with `honour`; `ignore`: the number is shown.",
);

/// Of gates and carriers.
const VERIFY: Key = key(
    "verify",
    Kind::Word(&["off", "log", "reject"]),
    Preset::Text("off"),
    "Whether the signatures of its callers' numbers (STIR/SHAKEN) are verified: `log`: the record says what came of it; `reject`: a call \
     without a good one is refused with 428, 436, 437, 438 or 403 (RFC 8224). Needs `stir.roots`.",
);

const TRANSLATE: &str = "rewriting of numbers by prefix, `[{ prefix = \"9\", replace = \"349\", length = 9 }]`: the first rule that fits is applied once; \
     `length`, which may be absent, is how many characters the whole number has";

const TLS_NAME: Key = key(
    "tls_name",
    Kind::Text,
    Preset::Nothing,
    "With `transport=tls`: the name or address that its certificate must show. Absent: the host of `address`.",
);
const TLS_CA: Key = key(
    "tls_ca",
    Kind::Path,
    Preset::Nothing,
    "With `transport=tls`: PEM file with the authorities that its certificate may be of. Absent: those of the system.",
);

/// `[node]`.
pub const NODE: Section = Section {
    name: "node",
    many: false,
    required: true,
    doc: "The process.",
    keys: &[
        key("name", Kind::Text, Preset::Required, "Name of this switch in CDRs and logs."),
        key(
            "data_dir",
            Kind::Path,
            Preset::Required,
            "Folder of the journal; made if absent, locked while in use.",
        ),
        key(
            "secret_file",
            Kind::Path,
            Preset::Nothing,
            "File of this node's secret, 0600, which `tollgate seal` seals credentials with; made with random bytes if absent. Keep a copy \
             apart from that of the configuration: without it nothing that it sealed can be opened.",
        ),
        key(
            "ledger",
            Kind::Text,
            Preset::Nothing,
            "Central ledger of several nodes, as `postgres://user:password@host:5432/database`: balances are there, and this node lends parts \
             of them to calls. Accounts of this file are made there once. Absent: the balances are this node's own. `node.name` has to be \
             unique among the nodes, and `data_dir` empty at the first start. `?sslmode=verify-full&sslrootcert=…` has the connection encrypted \
             and the server's certificate judged (`require`: encrypted only).",
        ),
        key(
            "slice_max",
            Kind::Money,
            Preset::Text("50"),
            "With `ledger`: most of an account's balance that is fetched at once beyond what a call needs, in the account's currency; of \
             free minutes so many minutes.",
        ),
        key(
            "slice_secs",
            Kind::Int(10, 604_800),
            Preset::Int(3_600),
            "With `ledger`: so long this node may lend what it has fetched while the ledger does not answer. An operator can declare it lost \
             only after that.",
        ),
        key(
            "drain_secs",
            Kind::Int(0, 86_400),
            Preset::Int(30),
            "Seconds that live calls have to end after SIGTERM.",
        ),
        key("shards", Kind::Int(0, 256), Preset::Int(0), "Signalling threads; 0: one per core."),
        key(
            "max_calls",
            Kind::Int(1, 10_000_000),
            Preset::Int(100_000),
            "Most calls at once on this node; above it new ones get 503.",
        ),
        key(
            "session_expires",
            Kind::Int(0, 86_400),
            Preset::Int(1_800),
            "Seconds of the session timer (RFC 4028) toward peers that support it, at least 90; 0 asks for none.",
        ),
        key(
            "min_session_expires",
            Kind::Int(90, 86_400),
            Preset::Int(90),
            "Shortest session timer accepted from a peer, Min-SE.",
        ),
    ],
};

/// `[http]`.
pub const HTTP: Section = Section {
    name: "http",
    many: false,
    required: false,
    doc: "API, metrics and health.",
    keys: &[
        key(
            "listen",
            Kind::Text,
            Preset::Text("127.0.0.1:8080"),
            "Address and port; keep it on loopback or a management network.",
        ),
        key(
            "admin_token_file",
            Kind::Path,
            Preset::Text("./admin.token"),
            "File with the operator's token; made with a random one, mode 0600, if absent.",
        ),
    ],
};

/// `[journal]`.
pub const JOURNAL: Section = Section {
    name: "journal",
    many: false,
    required: false,
    doc: "What is written for ever.",
    keys: &[
        key(
            "checkpoint_secs",
            Kind::Int(1, 10),
            Preset::Int(10),
            "Answered seconds between checkpoints of a call: the most that a crash can leave unbilled.",
        ),
        key(
            "unsaved_file",
            Kind::Path,
            Preset::Text("./unsaved.jsonl"),
            "Where records go if the journal's disk fails, on another disk than `node.data_dir`. It is tried at the start, which is refused if it \
             cannot be written; the next start takes in what is there.",
        ),
        key(
            "ballast_mib",
            Kind::Int(0, 65_536),
            Preset::Int(64),
            "Room kept back in `node.data_dir` as the file `ballast`, so that live calls can be settled when the disk is full; without room \
             for it the start is refused. About 3 KiB for each call that may be up.",
        ),
    ],
};

/// `[log]`.
pub const LOG: Section = Section {
    name: "log",
    many: false,
    required: false,
    doc: "Logs on stderr.",
    keys: &[
        key("filter", Kind::Text, Preset::Text("info"), "Level, or levels by part, as `info,sip=debug`."),
        key(
            "format",
            Kind::Word(&["json", "text"]),
            Preset::Text("json"),
            "One JSON object per line, or text for people.",
        ),
    ],
};

/// `[nats]`.
pub const NATS: Section = Section {
    name: "nats",
    many: false,
    required: false,
    doc: "Call records as they become durable, to a NATS JetStream stream. Each carries `Nats-Msg-Id`, `<node.name>/<entry>`; receivers that \
          must count each once go by it. Absent: none are sent.",
    keys: &[
        key("url", Kind::Text, Preset::Required, "The server, as `nats://192.0.2.1:4222`."),
        key("stream", Kind::Text, Preset::Text("CDRS"), "Name of the stream; made if absent."),
        key(
            "subject",
            Kind::Text,
            Preset::Text("tollgate.cdr"),
            "What records are published on; a stream that exists must take it.",
        ),
        key("user", Kind::Text, Preset::Nothing, "User, if the server wants one."),
        key("password_file", Kind::Path, Preset::Nothing, "File with its password."),
    ],
};

/// `[mail]`.
pub const MAIL: Section = Section {
    name: "mail",
    many: false,
    required: false,
    doc: "The mail server that notices to accounts with an `email` go through. Absent: none are sent, and those of that time never will be.",
    keys: &[
        key(
            "smtp",
            Kind::Text,
            Preset::Required,
            "The server, as `smtp://192.0.2.1:25`; 25 if no port is written.",
        ),
        key("from", Kind::Text, Preset::Required, "Sender of every mail, `billing@example.net`."),
        key("user", Kind::Text, Preset::Nothing, "User, if the server wants one."),
        key("password_file", Kind::Path, Preset::Nothing, "File with its password."),
        key(
            "tls",
            Kind::Word(&["none", "starttls", "tls"]),
            Preset::Text("starttls"),
            "`starttls`: encrypted or not sent; `tls`: from the first byte on; `none`: in clear, for a server on this machine.",
        ),
        key(
            "price_lists",
            Kind::Text,
            Preset::Nothing,
            "Where customers find their whole price list, as `https://example.net/prices/{deck}`: mails of new prices say so. `{deck}` and \
             `{version}` stand for the list's. Absent: on request.",
        ),
    ],
};

/// `[[number]]`.
pub const NUMBER: Section = Section {
    name: "number",
    many: true,
    required: false,
    doc: "A number of ours: what a carrier's, or another customer's, call to it rings. A carrier's call costs its owner nothing; a \
          customer's is paid by its own deck where that has a price, else it is free.",
    keys: &[
        key(
            "e164",
            Kind::Text,
            Preset::Required,
            "The number, country code first, digits only; one `+` in front is allowed.",
        ),
        key("account", Kind::Text, Preset::Required, "Whose it is."),
        key(
            "target",
            Kind::Text,
            Preset::Required,
            "What it rings: `gate:NAME`, dialled there with the number's digits; `sip_account:NAME`, wherever it is registered: all contacts of \
             the highest q at once, then those of the next; `sip:user@host`, with port and `;transport=tcp` where needed, dialled as written; or \
             `h323:host`, with port where needed, where the number's digits are dialled.",
        ),
    ],
};

/// `[[route]]`.
pub const ROUTE: Section = Section {
    name: "route",
    many: true,
    required: false,
    doc: "Which carriers take a prefix.",
    keys: &[
        key(
            "prefix",
            Kind::Text,
            Preset::Required,
            "E.164 digits; the longest wins; `\"\"` is the default route.",
        ),
        key("carriers", Kind::Texts, Preset::Required, "At most 32."),
        key(
            "order",
            Kind::Word(&["listed", "cheapest"]),
            Preset::Text("listed"),
            "As listed, or by what one minute costs.",
        ),
    ],
};

/// `[[routes]]`.
pub const ROUTES: Section = Section {
    name: "routes",
    many: true,
    required: false,
    doc: "Many routes in a file.",
    keys: &[key(
        "file",
        Kind::Path,
        Preset::Required,
        "CSV `prefix,carriers[,order]`, carriers separated by spaces.",
    )],
};

/// All sections in the order in which they are documented.
pub const SECTIONS: &[Section] = &[
    NODE,
    SIP,
    SIP_TLS,
    SIP_TLS_EXTRA,
    H323,
    HTTP,
    MEDIA,
    RECORDING,
    JOURNAL,
    LOG,
    TRACE,
    STIR,
    NATS,
    MAIL,
    PERIOD,
    EXCHANGE,
    DECK,
    ACCOUNT,
    PAYMENT_METHOD,
    GATE,
    SIP_ACCOUNT,
    CARRIER,
    NUMBER,
    ROUTE,
    ROUTES,
];
