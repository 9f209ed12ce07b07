//! Documents of traces: the SIP messages of a call, and the calls to come that are written.

use serde::{Deserialize, Serialize};

/// The SIP messages of one call, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceDoc {
    /// Of the CDR; none if the Call-ID belongs to no call, as that of an OPTIONS.
    pub id: Option<String>,
    /// Caller as received.
    pub caller: Option<String>,
    /// Called as received.
    pub called: Option<String>,
    /// It is not over.
    pub live: bool,
    /// The caller's leg first, then those of the attempts, in order.
    pub legs: Vec<TraceLegDoc>,
    /// In the order in which they came and went.
    pub messages: Vec<TraceMessageDoc>,
    /// Every shard keeps its messages since then: a call that began later is whole.
    pub kept_since: Option<String>,
    /// There are more messages than one answer holds: the last are left out.
    pub more: bool,
}

/// A leg of a traced call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLegDoc {
    /// `caller`, or the carrier's name, or `attempt 2` where that is not known.
    pub name: String,
    /// Its Call-ID.
    pub call_id: String,
}

/// A message that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceMessageDoc {
    /// RFC 3339 UTC with milliseconds.
    pub time: String,
    /// `in` or `out`.
    pub direction: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transport: String,
    /// Who sent it, address and port.
    pub from: String,
    /// Who was to receive it.
    pub to: String,
    /// Index into `legs`.
    pub leg: usize,
    /// Request line or status line.
    pub first_line: String,
    /// The whole message with secrets masked; what is not UTF-8 is replaced.
    pub text: String,
    /// Its end is missing, for its length.
    pub cut: bool,
}

/// Calls to come that will be written to `[trace] dir`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceNextDoc {
    /// The folder; none if the configuration names none.
    pub dir: Option<String>,
    /// Oldest first.
    pub waiting: Vec<TraceWaitingDoc>,
}

/// A call that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceWaitingDoc {
    /// `gate` or `number`.
    pub kind: String,
    /// The gate's name, or digits.
    pub of: String,
    /// Since when, RFC 3339 UTC; after a day it is waited for no more.
    pub since: String,
}
