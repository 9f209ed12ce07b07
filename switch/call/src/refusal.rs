//! Why a call is not made, and what its caller is told: the table "SIP answers" of the contract, in one
//! place.

use units::Cause;

/// A final answer to the caller other than 2xx.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// SIP status, 400–699.
    pub status: u16,
    /// Q.850 cause of the Reason header.
    pub cause: Cause,
    /// The CDR's `reason` and the metrics' label: a fixed set of words.
    pub reason: &'static str,
    /// Seconds of Retry-After; none where it would black out a trunk.
    pub retry_after: Option<u16>,
}

impl Refusal {
    /// What records say in place of a refusal's status where there was none: the call was answered.
    pub(crate) const NONE: u16 = 200;
    /// The switch is overloaded.
    pub const OVERLOAD: Self = Self::later(503, Cause::CONGESTION, "overload");
    /// The switch is about to stop.
    pub const DRAIN: Self = Self::later(503, Cause::CONGESTION, "drain");
    /// Gate over `max_cps`.
    pub const GATE_CPS: Self = Self::later(503, Cause::CONGESTION, "gate-cps");
    /// Gate over `max_calls`.
    pub const GATE_CALLS: Self = Self::now(503, Cause::NO_CIRCUIT, "gate-calls");
    /// Nothing acceptable in the offer, or no carrier takes any of it.
    pub const NO_CODEC: Self = Self::now(488, Cause::BEARER, "no-codec");
    /// A media address that nothing may be sent to.
    pub const BAD_MEDIA_ADDRESS: Self = Self::now(488, Cause::BEARER, "bad-media-address");
    /// No media port is free.
    pub const NO_PORTS: Self = Self::now(503, Cause::NO_CIRCUIT, "no-ports");
    /// A session description that cannot be read.
    pub const BAD_SDP: Self = Self::now(488, Cause::BEARER, "bad-sdp");
    /// Destination or caller blocked.
    pub const BLOCKED: Self = Self::now(403, Cause::REJECTED, "blocked");
    /// No route leads to the number.
    pub const NO_ROUTE: Self = Self::now(404, Cause::NO_ROUTE, "no-route");
    /// The balance does not carry the first increment.
    pub const NO_CREDIT: Self = Self::now(402, Cause::REJECTED, "no-credit");
    /// Every carrier of the route is down.
    pub const CARRIERS_DOWN: Self = Self::now(503, Cause::TEMPORARY, "carriers-down");
    /// Every carrier of the route is full.
    pub const CARRIERS_FULL: Self = Self::now(503, Cause::NO_CIRCUIT, "carriers-full");
    /// Every carrier of the route costs more than the call brings.
    pub const NO_PROFIT: Self = Self::now(503, Cause::NO_CIRCUIT, "no-profit");
    /// A carrier calls a number that is not ours.
    pub const NOT_OURS: Self = Self::now(404, Cause::UNALLOCATED, "not-ours");
    /// What a number of ours rings cannot be reached.
    pub const NOT_REACHABLE: Self = Self::now(480, Cause::SUBSCRIBER_ABSENT, "not-reachable");
    /// A call of ours came back to the number that it was for.
    pub const LOOP: Self = Self::now(482, Cause::EXCHANGE_ERROR, "loop");
    /// The caller gave up.
    pub const CANCELLED: Self = Self::now(487, Cause::NORMAL, "cancelled");
    /// The caller asked for provisional responses that it acknowledges, and did not acknowledge one.
    pub const NO_PRACK: Self = Self::now(504, Cause::TIMER, "no-prack");
    /// It rang too long.
    pub const NO_ANSWER: Self = Self::now(480, Cause::NO_ANSWER, "no-answer");

    /// The caller's number has to be verified, and is not (RFC 8224 §6.2.2); `reason` says why.
    pub const fn not_verified(status: u16, reason: &'static str) -> Self {
        Self::now(status, Cause::REJECTED, reason)
    }

    const fn now(status: u16, cause: Cause, reason: &'static str) -> Self {
        Self { status, cause, reason, retry_after: None }
    }

    const fn later(status: u16, cause: Cause, reason: &'static str) -> Self {
        Self { status, cause, reason, retry_after: Some(5) }
    }

    /// Ended from outside before it was answered.
    pub(crate) const fn ended(reason: &'static str) -> Self {
        Self::now(503, Cause::TEMPORARY, reason)
    }

    /// What the carriers' failure becomes toward the caller.
    pub const fn from_carriers(status: u16, cause: Cause) -> Self {
        let reason = match status {
            486 | 600 => "busy",
            480 => "unavailable",
            404 | 410 | 484 | 604 => "bad-number",
            603 => "declined",
            _ => "carriers-failed",
        };
        Self { status, cause, reason, retry_after: None }
    }
}
