//! ITU-T Q.850 cause values, the neutral language for why a call ended.

use std::fmt;

/// A Q.850 cause, 1 to 127.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Cause(pub u8);

impl Cause {
    /// 1: unallocated number.
    pub const UNALLOCATED: Self = Self(1);
    /// 3: no route to destination.
    pub const NO_ROUTE: Self = Self(3);
    /// 16: normal clearing.
    pub const NORMAL: Self = Self(16);
    /// 17: user busy.
    pub const BUSY: Self = Self(17);
    /// 19: no answer from user.
    pub const NO_ANSWER: Self = Self(19);
    /// 20: subscriber absent.
    pub const SUBSCRIBER_ABSENT: Self = Self(20);
    /// 21: call rejected.
    pub const REJECTED: Self = Self(21);
    /// 25: exchange routing error.
    pub const EXCHANGE_ERROR: Self = Self(25);
    /// 28: invalid number format.
    pub const INVALID_NUMBER: Self = Self(28);
    /// 31: normal, unspecified.
    pub const UNSPECIFIED: Self = Self(31);
    /// 34: no circuit available.
    pub const NO_CIRCUIT: Self = Self(34);
    /// 38: network out of order.
    pub const OUT_OF_ORDER: Self = Self(38);
    /// 41: temporary failure.
    pub const TEMPORARY: Self = Self(41);
    /// 42: switching equipment congestion.
    pub const CONGESTION: Self = Self(42);
    /// 65: bearer capability not implemented.
    pub const BEARER: Self = Self(65);
    /// 102: recovery on timer expiry.
    pub const TIMER: Self = Self(102);
    /// 111: protocol error.
    pub const PROTOCOL: Self = Self(111);
    /// 127: interworking.
    pub const INTERWORKING: Self = Self(127);

    /// The cause that RFC 3398 §7.2.4.1 gives a SIP final status.
    pub const fn from_sip(status: u16) -> Self {
        Self(match status {
            200..=299 => 16,
            400 | 481 | 500 | 503 => 41,
            401 | 402 | 403 | 407 | 603 => 21,
            404 | 485 | 604 => 1,
            405 => 63,
            406 | 415 | 420 | 501 => 79,
            408 | 504 => 102,
            410 => 22,
            413 | 414 | 416 | 421 | 423 | 505 | 513 => 127,
            480 => 18,
            482 | 483 => 25,
            484 => 28,
            486 | 600 => 17,
            487 => 31,
            488 | 606 => 65,
            502 => 38,
            _ => 31,
        })
    }

    /// The wording of Q.850 table 1, for the `text` of a Reason header.
    pub const fn text(self) -> &'static str {
        match self.0 {
            1 => "Unallocated number",
            3 => "No route to destination",
            16 => "Normal call clearing",
            17 => "User busy",
            18 => "No user responding",
            19 => "No answer from user",
            21 => "Call rejected",
            22 => "Number changed",
            25 => "Exchange routing error",
            28 => "Invalid number format",
            31 => "Normal, unspecified",
            34 => "No circuit available",
            38 => "Network out of order",
            41 => "Temporary failure",
            42 => "Switching equipment congestion",
            63 => "Service or option not available",
            65 => "Bearer capability not implemented",
            79 => "Service or option not implemented",
            102 => "Recovery on timer expiry",
            111 => "Protocol error",
            127 => "Interworking",
            _ => "Unspecified",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.text())
    }
}
