//! Billing increments a/b: the first block and the following ones, in seconds.

use std::fmt;

/// `initial`/`increment`, as 30/6: the first 30 s are billed whole, then every 6 s begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Increments {
    initial: u32,
    increment: u32,
}

/// Increments that bill nothing or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("increments {initial}/{increment}: both must be from 1 to 86400 s")]
pub struct IncrementsError {
    /// As given.
    pub initial: u32,
    /// As given.
    pub increment: u32,
}

impl Increments {
    /// Billing by the second.
    pub const PER_SECOND: Self = Self { initial: 1, increment: 1 };

    /// Both parts from 1 to 86,400 s.
    pub const fn new(initial: u32, increment: u32) -> Result<Self, IncrementsError> {
        if initial == 0 || increment == 0 || initial > 86_400 || increment > 86_400 {
            return Err(IncrementsError { initial, increment });
        }
        Ok(Self { initial, increment })
    }

    /// Seconds of the first block.
    pub const fn initial(self) -> u32 {
        self.initial
    }

    /// Seconds of each later block.
    pub const fn increment(self) -> u32 {
        self.increment
    }

    /// Seconds billed for a call of `ms`: `d = ceil(ms/1000)`, then `a + max(0, ceil((d−a)/b))·b`; 0 for 0
    /// ms.
    pub const fn billed_seconds(self, ms: u64) -> u64 {
        let d = ms.div_ceil(1_000);
        if d == 0 {
            return 0;
        }
        let a = self.initial as u64;
        let b = self.increment as u64;
        a + d.saturating_sub(a).div_ceil(b) * b
    }
}

impl fmt::Display for Increments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.initial, self.increment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RULES L13–L16: seconds talked against seconds billed.
    #[test]
    fn bills_as_the_price_list_says() {
        /// Initial, increment, and pairs of seconds talked and billed.
        type Row = (u32, u32, &'static [(u64, u64)]);
        let table: &[Row] = &[
            (1, 1, &[(0, 0), (1, 1), (31, 31)]),
            (30, 6, &[(1, 30), (30, 30), (31, 36), (36, 36), (37, 42), (61, 66)]),
            (60, 1, &[(1, 60), (60, 60), (61, 61), (121, 121)]),
            (60, 60, &[(1, 60), (60, 60), (61, 120), (121, 180)]),
        ];
        for &(a, b, rows) in table {
            let increments = Increments::new(a, b).expect("valid");
            for &(talked, billed) in rows {
                assert_eq!(increments.billed_seconds(talked * 1_000), billed, "{increments} {talked} s");
            }
        }
        assert_eq!(Increments::PER_SECOND.billed_seconds(1), 1);
        assert_eq!(Increments::PER_SECOND.billed_seconds(1_001), 2);
        assert!(Increments::new(0, 1).is_err() && Increments::new(1, 0).is_err());
    }
}
