//! When the next carrier is tried, and which answer the caller gets when all have failed (RFC 3261 §16.7).
//!
//! Invariant: a challenge, a refusal or an overload of a carrier never reaches the caller as his own.

use std::fmt;

use units::Cause;

use crate::Carrier;

/// How an attempt at one carrier ended without an answered call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptEnd {
    /// The carrier's own final status, 300 to 699.
    Status(u16),
    /// No response within `first_response_ms`.
    Timeout,
    /// ICMP unreachable, connection refused, name not found.
    Unreachable,
    /// No final response within `no_answer_secs`.
    NoAnswer {
        /// The callee was alerted (180 or another 18x came).
        rang: bool,
    },
    /// No free slot at the moment of dialling.
    Full,
    /// Its `max_cps` was reached at the moment of dialling, or its addresses have no room, by their own word.
    TooFast,
    /// Down at the moment of dialling.
    Down,
    /// Its answer held no codec of the offer, or it takes none.
    NoCommonCodec,
    /// The media ports of its leg could not be opened.
    NoPorts,
    /// Its 2xx had no Contact or another header that a dialog needs, so it was acknowledged and ended at
    /// once.
    NoDialog,
    /// Given up by us, for the caller or another carrier no longer wanted it.
    Abandoned {
        /// It had said something before.
        heard: bool,
    },
}

/// What follows an attempt that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Try the next carrier of the plan.
    Hunt,
    /// Answer the caller now.
    Stop,
}

/// The answer to the caller when every carrier has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Final {
    /// The attempt whose answer won; `None`: there was none, or none was a carrier's.
    pub attempt: Option<usize>,
    /// The status to send.
    pub status: u16,
    /// Its cause, unless the winning answer carried its own Reason.
    pub cause: Cause,
}

// === impl AttemptEnd ===

impl AttemptEnd {
    /// Whether the carrier is to blame, for its health: `Some(true)` a failure, `Some(false)` proof of life,
    /// `None` neither.
    pub const fn blames_carrier(self) -> Option<bool> {
        match self {
            Self::Timeout
            | Self::Unreachable
            | Self::NoAnswer { rang: false }
            | Self::NoDialog
            | Self::Status(500 | 502 | 503 | 504) => Some(true),
            Self::Status(_) | Self::NoAnswer { rang: true } | Self::Abandoned { heard: true } => Some(false),
            Self::Full
            | Self::TooFast
            | Self::Down
            | Self::NoCommonCodec
            | Self::NoPorts
            | Self::Abandoned { heard: false } => None,
        }
    }

    /// Whether it gave no sign that anybody is there.
    pub const fn is_unreachable(self) -> bool {
        match self {
            Self::Timeout | Self::Unreachable | Self::Down | Self::NoAnswer { rang: false } => true,
            Self::Status(_)
            | Self::NoAnswer { rang: true }
            | Self::Full
            | Self::TooFast
            | Self::NoCommonCodec
            | Self::NoPorts
            | Self::NoDialog
            | Self::Abandoned { .. } => false,
        }
    }

    /// The Q.850 cause that it stands for, where the carrier gave none itself.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Status(status) => Cause::from_sip(status),
            Self::Timeout | Self::NoAnswer { rang: false } => Cause::TIMER,
            Self::NoAnswer { rang: true } => Cause::NO_ANSWER,
            Self::Unreachable => Cause::OUT_OF_ORDER,
            Self::Full | Self::TooFast | Self::NoPorts => Cause::NO_CIRCUIT,
            Self::Down => Cause::TEMPORARY,
            Self::NoCommonCodec => Cause::BEARER,
            Self::NoDialog => Cause::PROTOCOL,
            Self::Abandoned { .. } => Cause::NORMAL,
        }
    }

    /// The carrier's own status, if it gave one.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            Self::Timeout
            | Self::Unreachable
            | Self::NoAnswer { .. }
            | Self::Full
            | Self::TooFast
            | Self::Down
            | Self::NoCommonCodec
            | Self::NoPorts
            | Self::NoDialog
            | Self::Abandoned { .. } => None,
        }
    }

    /// What follows at `carrier`: its `next_on`; never another carrier once the caller has heard early media,
    /// unless it allows that.
    pub fn next(self, carrier: &Carrier, early_media: bool) -> Next {
        if early_media && !carrier.hunt_after_early_media {
            return Next::Stop;
        }
        let hunt = match self {
            // About our own leg there, which the caller knows nothing of and could do nothing about.
            Self::Status(421 | 422) => true,
            Self::Status(status) => carrier.next_on.contains(status),
            // The phone rang and nobody took it: another carrier would ring the same phone.
            Self::NoAnswer { rang } => !rang,
            Self::Timeout
            | Self::Unreachable
            | Self::Full
            | Self::TooFast
            | Self::Down
            | Self::NoCommonCodec
            | Self::NoPorts
            | Self::NoDialog => true,
            Self::Abandoned { .. } => false,
        };
        if hunt { Next::Hunt } else { Next::Stop }
    }

    /// Lower is better: 6xx, then what the callee's side decided, then other 4xx, then 5xx and 3xx, then what
    /// no carrier said.
    const fn rank(self) -> u8 {
        match self {
            Self::Status(600..=699) => 0,
            Self::Status(410 | 484 | 486 | 487) | Self::NoAnswer { rang: true } => 1,
            Self::Status(415 | 420) => 2,
            Self::Status(401 | 402 | 403 | 407) => 4,
            Self::Status(408) => 5,
            Self::Status(421 | 422) => 6,
            Self::Status(400..=499) => 3,
            // A redirection is not followed and says where the carrier's own hosts are: a failure like any
            // other.
            Self::Status(503) => 7,
            Self::Status(_) | Self::NoDialog => 6,
            Self::NoCommonCodec => 8,
            Self::Full | Self::TooFast | Self::NoPorts => 9,
            Self::Timeout | Self::NoAnswer { rang: false } => 10,
            Self::Unreachable => 11,
            Self::Down => 12,
            Self::Abandoned { .. } => 13,
        }
    }

    /// Status and cause toward the caller if this attempt wins.
    const fn toward_caller(self) -> (u16, Cause) {
        match self {
            Self::Status(status @ (401 | 402 | 403 | 407 | 503)) => (500, Cause::from_sip(status)),
            Self::Status(300..=399) => (500, Cause::TEMPORARY),
            Self::Status(421 | 422) => (500, Cause::INTERWORKING),
            Self::NoDialog => (502, Cause::PROTOCOL),
            Self::Status(status) => (status, Cause::from_sip(status)),
            Self::NoAnswer { rang: true } => (480, Cause::NO_ANSWER),
            Self::NoCommonCodec => (488, Cause::BEARER),
            Self::Full | Self::TooFast | Self::NoPorts => (503, Cause::NO_CIRCUIT),
            Self::Timeout | Self::NoAnswer { rang: false } => (504, Cause::TIMER),
            Self::Unreachable => (500, Cause::OUT_OF_ORDER),
            Self::Down => (503, Cause::TEMPORARY),
            Self::Abandoned { .. } => (487, Cause::NORMAL),
        }
    }
}

/// How the attempt reads in a CDR and on the terminal.
impl fmt::Display for AttemptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Timeout => f.write_str("timeout"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::NoAnswer { .. } => f.write_str("no answer"),
            Self::Full => f.write_str("full"),
            Self::TooFast => f.write_str("max_cps reached, or no room by its own word"),
            Self::Down => f.write_str("down"),
            Self::NoCommonCodec => f.write_str("no common codec"),
            Self::NoPorts => f.write_str("no media ports"),
            Self::NoDialog => f.write_str("answered without a Contact that can be read"),
            Self::Abandoned { .. } => f.write_str("abandoned"),
        }
    }
}

/// The best of the attempts' endings by RFC 3261 §16.7 step 6: 6xx first, else the lowest class; of equals
/// the first. 401 402 403 407 503 and redirections become 500; a timeout is never passed on as 408 and gives
/// way to any answer.
pub fn best_final(ends: impl IntoIterator<Item = AttemptEnd>) -> Final {
    let best = ends.into_iter().enumerate().min_by_key(|&(at, end)| (end.rank(), at));
    match best {
        None => Final { attempt: None, status: 503, cause: Cause::TEMPORARY },
        Some((at, end)) => {
            let (status, cause) = end.toward_caller();
            Final { attempt: end.status().map(|_| at), status, cause }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CarrierSpec, Carriers};

    fn carrier(change: impl FnOnce(&mut CarrierSpec)) -> Carriers {
        let mut spec = CarrierSpec::new("alpha", "sip:192.0.2.1".parse().expect("target"));
        change(&mut spec);
        Carriers::new(vec![spec], None).expect("valid")
    }

    #[test]
    fn hunts_as_the_contract_says() {
        let carriers = carrier(|_| ());
        let alpha = carriers.by_name("alpha").expect("there");
        let table = [
            (AttemptEnd::Status(503), false, Next::Hunt),
            (AttemptEnd::Status(404), false, Next::Hunt),
            (AttemptEnd::Status(302), false, Next::Hunt),
            (AttemptEnd::Timeout, false, Next::Hunt),
            (AttemptEnd::Unreachable, false, Next::Hunt),
            (AttemptEnd::Full, false, Next::Hunt),
            (AttemptEnd::NoCommonCodec, false, Next::Hunt),
            (AttemptEnd::NoPorts, false, Next::Hunt),
            (AttemptEnd::Status(486), false, Next::Stop),
            (AttemptEnd::Status(410), false, Next::Stop),
            (AttemptEnd::Status(484), false, Next::Stop),
            (AttemptEnd::Status(487), false, Next::Stop),
            (AttemptEnd::Status(603), false, Next::Stop),
            (AttemptEnd::NoAnswer { rang: true }, false, Next::Stop),
            (AttemptEnd::NoAnswer { rang: false }, false, Next::Hunt),
            (AttemptEnd::Status(503), true, Next::Stop),
        ];
        for (end, early_media, next) in table {
            assert_eq!(end.next(alpha, early_media), next, "{end} {early_media}");
        }
        let after_media = carrier(|spec| spec.hunt_after_early_media = true);
        let alpha = after_media.by_name("alpha").expect("there");
        assert_eq!(AttemptEnd::Status(503).next(alpha, true), Next::Hunt);
        assert_eq!(AttemptEnd::Status(486).next(alpha, true), Next::Stop);
    }

    #[test]
    fn best_answer_by_rfc_3261() {
        use AttemptEnd::{Full, NoAnswer, NoCommonCodec, Status, Timeout, Unreachable};
        let table: &[(&[AttemptEnd], Option<usize>, u16)] = &[
            (&[Status(503), Status(486)], Some(1), 486),
            (&[Status(404), Status(486)], Some(1), 486),
            (&[Status(480), Status(603), Status(404)], Some(1), 603),
            (&[Status(500), Status(404)], Some(1), 404),
            (&[Status(404), Status(480)], Some(0), 404),
            (&[Status(404), Status(415)], Some(1), 415),
            (&[Status(503), Status(503)], Some(0), 500),
            (&[Status(503), Status(502)], Some(1), 502),
            (&[Status(401)], Some(0), 500),
            (&[Status(402)], Some(0), 500),
            (&[Status(403)], Some(0), 500),
            (&[Status(407), Status(503)], Some(0), 500),
            (&[Status(403), Status(404)], Some(1), 404),
            (&[Status(302)], Some(0), 500),
            (&[Status(302), Status(480)], Some(1), 480),
            (&[Timeout, Status(480)], Some(1), 480),
            (&[Timeout, Status(503)], Some(1), 500),
            (&[Status(408), Status(480)], Some(1), 480),
            (&[Timeout], None, 504),
            (&[Timeout, Unreachable], None, 504),
            (&[Unreachable], None, 500),
            (&[Full, Full], None, 503),
            (&[NoCommonCodec, Full], None, 488),
            (&[NoAnswer { rang: true }, Timeout], None, 480),
            (&[], None, 503),
        ];
        for (ends, attempt, status) in table {
            let best = best_final(ends.iter().copied());
            assert_eq!((best.attempt, best.status), (*attempt, *status), "{ends:?}");
        }
        assert_eq!(best_final([Full]).cause, Cause::NO_CIRCUIT);
        assert_eq!(best_final([Status(503)]).cause, Cause(41));
        assert_eq!(best_final([Status(486)]).cause, Cause::BUSY);
    }
}
