//! All SIP transactions of a shard: RFC 3261 §17 with RFC 6026 (Accepted) and RFC 4320 (no 408 to
//! non-INVITE). One mutation (`handle_*`, `send`, `respond` …), then drain `poll_transmit` and `poll_event`;
//! wake at `next_deadline`. Invariant: outputs depend on the inputs alone: no clock, no socket, no walk over
//! an unordered map.

mod cancel;
mod client;
mod client_state;
mod derive;
mod invite_client;
mod invite_server;
mod keys;
mod layer;
mod matching;
mod non_invite_client;
mod non_invite_server;
mod pace;
mod server;
mod server_state;
mod step;
mod timers;
mod waiting;

pub use derive::over;
pub use layer::Layer;

use bytes::Bytes;

use crate::flow::Flow;
use crate::{Message, Method, ReplyTo};

/// One of our requests and what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId {
    /// Slab slot.
    pub slot: u32,
    /// Times the slot was used before.
    pub generation: u32,
}

/// A peer's request that waits for, or had, our response.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId {
    /// Slab slot.
    pub slot: u32,
    /// Times the slot was used before.
    pub generation: u32,
}

/// Bytes for a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Where to. Where the stream `conn` is gone, and where it is 0, another to `peer` is shared or opened.
    pub flow: Flow,
    /// One whole message.
    pub bytes: Bytes,
}

/// What the user of the transactions must know.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new request, checked (`Message::check`). Every one but ACK wants `respond`; INVITE has had its 100.
    Request {
        /// For `respond`.
        id: ServerId,
        /// Where it came from.
        flow: Flow,
        /// The request.
        msg: Message,
    },
    /// A CANCEL for an INVITE without final response. It has been answered; respond 487 to the INVITE. At
    /// most once per INVITE.
    Cancel {
        /// The INVITE's transaction.
        invite: ServerId,
        /// The CANCEL, for its Reason header.
        msg: Message,
    },
    /// An ACK to a 2xx: it belongs to a dialog, not to a transaction. Find the INVITE there, then call
    /// `acked`. Repeats come too.
    Ack {
        /// Where it came from.
        flow: Flow,
        /// The ACK.
        msg: Message,
    },
    /// A response: each 1xx, and the final one. To an INVITE, a 2xx with another To-tag (a fork) comes again;
    /// repeats do not.
    Response {
        /// The client transaction.
        id: ClientId,
        /// Where it came from.
        flow: Flow,
        /// The response.
        msg: Message,
    },
    /// No final response in 64·T1 (after the request, or after the CANCEL). The id is gone.
    Timeout {
        /// The client transaction.
        id: ClientId,
    },
    /// The request could not be delivered. The id is gone.
    TransportError {
        /// The client transaction.
        id: ClientId,
    },
    /// Our 2xx was not acknowledged in 64·T1: send BYE (§13.3.1.4). The id is gone.
    NoAck {
        /// The INVITE's transaction.
        id: ServerId,
    },
    /// A response to nothing we know: ACK and BYE it if it is a 2xx of a dialog of ours, else drop it
    /// (§18.1.2).
    Stray {
        /// Where it came from.
        flow: Flow,
        /// The response.
        msg: Message,
    },
}

/// The constants of RFC 3261 §17.1.1.1, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransactionTiming {
    /// Estimate of the round trip.
    pub t1_ms: u64,
    /// Longest interval between repeats of a non-INVITE request or a response to INVITE.
    pub t2_ms: u64,
    /// Longest life of a message in the network.
    pub t4_ms: u64,
}

/// What a layer is made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// T1, T2, T4.
    pub timing: TransactionTiming,
    /// An INVITE without response gets 100 after this; 0: at once. At most 200 (§17.2.1).
    pub trying_after_ms: u64,
    /// Where UDP requests are answered whose Via has no `rport`, unless the message says it.
    pub reply_to: ReplyTo,
    /// Transactions from which on a new INVITE gets 503. At twice this any request that would start a
    /// transaction is dropped.
    pub transactions_max: usize,
    /// Retry-After of that 503.
    pub retry_after_secs: u32,
}

/// What happened, for metrics. All only grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Requests that came again and were absorbed.
    pub requests_repeated: u64,
    /// Responses that came again and were absorbed.
    pub responses_repeated: u64,
    /// Messages that a timer sent again.
    pub retransmissions_sent: u64,
    /// ACKs to 3xx–6xx, which end here.
    pub acks_absorbed: u64,
    /// Merged requests, answered 482.
    pub merged: u64,
    /// CANCELs for nothing we know, answered 481.
    pub cancels_unmatched: u64,
    /// Responses to nothing we know.
    pub stray: u64,
    /// Requests that `Message::check` refused, answered 4xx unless ACK.
    pub malformed: u64,
    /// New INVITEs answered 503 because `transactions_max` was reached.
    pub overloaded: u64,
    /// Requests dropped because twice `transactions_max` was reached.
    pub dropped_full: u64,
    /// Calls of `respond` for a transaction that had its final response or is gone.
    pub late_responses: u64,
    /// Requests of ours without final response.
    pub timeouts: u64,
    /// Requests of ours that could not be delivered.
    pub transport_errors: u64,
    /// 2xx of ours that nobody acknowledged.
    pub unacknowledged: u64,
}

/// How much is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Live {
    /// Client transactions, minted ones included.
    pub clients: usize,
    /// Server transactions.
    pub servers: usize,
    /// Timers that run.
    pub timers: usize,
    /// Keys by which server transactions are found.
    pub keys: usize,
}

// === impl Timing ===

impl TransactionTiming {
    /// 500 ms, 4 s, 5 s.
    pub const RFC3261: Self = Self { t1_ms: 500, t2_ms: 4_000, t4_ms: 5_000 };

    /// 64·T1: Timers B, D, F, H, J, L, M.
    pub const fn timeout_ms(&self) -> u64 {
        self.t1_ms.saturating_mul(64)
    }
}

impl Default for TransactionTiming {
    fn default() -> Self {
        Self::RFC3261
    }
}

// === impl Settings ===

impl Default for Settings {
    /// RFC 3261 timing, 100 at once, answers by [`ReplyTo::Auto`], a million transactions.
    fn default() -> Self {
        Self {
            timing: TransactionTiming::RFC3261,
            trying_after_ms: 0,
            reply_to: ReplyTo::Auto,
            transactions_max: 1 << 20,
            retry_after_secs: 5,
        }
    }
}

/// Whether a request of this method is answered by 100 and acknowledged.
const fn is_invite(method: Method) -> bool {
    matches!(method, Method::Invite)
}
