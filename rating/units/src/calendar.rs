//! Business days: neither Saturday nor Sunday nor a holiday, counted by the clocks of a zone.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{Wall, Zone};

/// When a kind of business is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    zone: Arc<Zone>,
    holidays: BTreeSet<Day>,
}

/// A date without a time, as days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(i64);

const DAY_MS: i64 = 86_400_000;
/// 1970-01-01 was a Thursday.
const FIRST_WEEKDAY: i64 = 3;
/// The first that is no business day, where Monday is 0.
const SATURDAY: i64 = 5;

// === impl Day ===

impl Day {
    /// `2026-12-25`.
    pub fn parse(text: &str) -> Option<Self> {
        let midnight = (text.len() == 10).then(|| Wall::parse(&format!("{text}T00:00:00Z")))??;
        Some(Self(midnight.0.div_euclid(DAY_MS)))
    }

    const fn is_weekend(self) -> bool {
        (self.0 + FIRST_WEEKDAY).rem_euclid(7) >= SATURDAY
    }
}

// === impl Calendar ===

impl Calendar {
    /// Days begin at midnight of `zone`; beside weekends the `holidays` are free.
    pub fn new(zone: Arc<Zone>, holidays: impl IntoIterator<Item = Day>) -> Self {
        Self { zone, holidays: holidays.into_iter().collect() }
    }

    /// The midnight that ends the `n`th business day after the day of `from`.
    pub fn end_of_business_day(&self, from: Wall, n: u32) -> Wall {
        let mut day = Day(self.zone.local(from).div_euclid(DAY_MS));
        let mut left = n;
        while left > 0 {
            day.0 = day.0.saturating_add(1);
            left -= u32::from(!day.is_weekend() && !self.holidays.contains(&day));
        }
        self.zone.midnight(day.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;

    fn wall(text: &str) -> Wall {
        Wall::parse(text).expect("a time")
    }

    /// From the wall calendar of 2026: 27 November is a Friday, 25 December and 1 January are Fridays too.
    #[test]
    fn business_days_are_counted_as_on_a_wall_calendar() {
        let holidays = ["2026-12-25", "2027-01-01", "2026-12-05"].map(|day| Day::parse(day).expect("a day"));
        let (plain, with) =
            (Calendar::new(Zone::utc().into(), []), Calendar::new(Zone::utc().into(), holidays));
        for (from, n, end, end_with_holidays) in [
            ("2026-11-27T10:00:00Z", 1, "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-11-27T10:00:00Z", 7, "2026-12-09T00:00:00Z", "2026-12-09T00:00:00Z"),
            ("2026-11-28T00:00:00Z", 1, "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-11-29T23:59:59Z", 1, "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-11-30T00:00:00Z", 1, "2026-12-02T00:00:00Z", "2026-12-02T00:00:00Z"),
            ("2026-12-24T10:00:00Z", 1, "2026-12-26T00:00:00Z", "2026-12-29T00:00:00Z"),
            ("2026-12-24T10:00:00Z", 7, "2027-01-05T00:00:00Z", "2027-01-07T00:00:00Z"),
        ] {
            assert_eq!(plain.end_of_business_day(wall(from), n), wall(end), "{n} after {from}");
            assert_eq!(
                with.end_of_business_day(wall(from), n),
                wall(end_with_holidays),
                "{n} after {from}, holidays"
            );
        }
    }

    #[test]
    fn days_begin_where_the_bank_is() {
        // Summer time ends on Sunday 25 October 2026 at 01:00 UTC.
        let change = |at, offset| Change { at: wall(at), offset };
        let zone = Zone::new(
            "Europe/Madrid",
            3_600,
            vec![change("2026-03-29T01:00:00Z", 7_200), change("2026-10-25T01:00:00Z", 3_600)],
        );
        let madrid = Calendar::new(zone.into(), []);
        // Friday 00:30 in Madrid is Thursday in UTC; the day after is a Monday with winter time.
        assert_eq!(madrid.end_of_business_day(wall("2026-10-22T22:30:00Z"), 1), wall("2026-10-26T23:00:00Z"));
        assert_eq!(madrid.end_of_business_day(wall("2026-10-22T21:30:00Z"), 1), wall("2026-10-23T22:00:00Z"));
    }

    #[test]
    fn a_day_is_written_one_way() {
        for bad in ["", "2026-12-32", "2026-2-1", "25.12.2026", "2026-12-25T", "2026-12-25 "] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
        assert_eq!(Day::parse("1970-01-02"), Some(Day(1)));
    }
}
