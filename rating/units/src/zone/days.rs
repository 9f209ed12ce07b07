//! Days, months and years by the clocks of a zone.

use crate::time::{civil, days_from_civil, days_of_month};
use crate::{Wall, Zone};

/// A day of 24 hours, ms.
const DAY_MS: i64 = 86_400_000;

impl Zone {
    /// The last millisecond of the day that is `months` calendar months and then `days` days after the day of
    /// `at`. A month without that day ends with its last: a year after 29 February is 28 February.
    pub fn end_of_day_after(&self, at: Wall, months: u32, days: u32) -> Wall {
        let day = later_by_months(self.local(at).div_euclid(DAY_MS), months).saturating_add(i64::from(days));
        self.midnight(day.saturating_add(1)).plus_ms(-1)
    }

    /// The instant at which clocks show the same as at `at`, so many days later; earlier if negative.
    pub fn plus_days(&self, at: Wall, days: i64) -> Wall {
        self.shown(self.local(at).saturating_add(days.saturating_mul(DAY_MS)))
    }

    /// When a day begins, counted from 1970-01-01. Where clocks are changed at midnight, by the offset that
    /// holds afterwards.
    pub(crate) fn midnight(&self, day: i64) -> Wall {
        self.shown(day.saturating_mul(DAY_MS))
    }

    /// What clocks show, as milliseconds since 1970 began there.
    pub(crate) fn local(&self, at: Wall) -> i64 {
        at.0.saturating_add(i64::from(self.offset_at(at)) * 1_000)
    }

    /// The instant at which clocks show so many milliseconds since 1970 began there.
    fn shown(&self, local: i64) -> Wall {
        let by_offset_at = |at: Wall| Wall(local.saturating_sub(i64::from(self.offset_at(at)) * 1_000));
        by_offset_at(by_offset_at(Wall(local)))
    }
}

/// The day `months` calendar months after a day counted from 1970-01-01; the same outside the years 0 to
/// 9999.
fn later_by_months(day: i64, months: u32) -> i64 {
    let Some((year, month, day_of_month)) = civil(day) else { return day };
    let month = month - 1 + i64::from(months);
    let (year, month) = (year + month / 12, month % 12 + 1);
    days_from_civil(year, month, day_of_month.min(days_of_month(year, month)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> Wall {
        Wall::parse(text).expect("a time")
    }

    /// RULES X14 by the wall calendar of 2024 to 2029; Madrid is an hour or two ahead of UTC.
    #[test]
    fn fault_a11_a_year_is_a_calendar_year_in_its_zone() {
        for (zone, event, months, days, end) in [
            ("UTC", "2027-03-01T10:00:00Z", 12, 0, "2028-03-01T23:59:59.999Z"),
            ("UTC", "2025-03-01T10:00:00Z", 12, 0, "2026-03-01T23:59:59.999Z"),
            ("UTC", "2026-02-28T10:00:00Z", 12, 0, "2027-02-28T23:59:59.999Z"),
            ("UTC", "2028-02-29T10:00:00Z", 12, 0, "2029-02-28T23:59:59.999Z"),
            ("UTC", "2028-02-29T10:00:00Z", 48, 0, "2032-02-29T23:59:59.999Z"),
            ("UTC", "2026-01-31T10:00:00Z", 1, 0, "2026-02-28T23:59:59.999Z"),
            ("UTC", "2026-08-31T10:00:00Z", 6, 0, "2027-02-28T23:59:59.999Z"),
            ("UTC", "2026-12-31T10:00:00Z", 1, 0, "2027-01-31T23:59:59.999Z"),
            // 23:30 UTC is the next day in Madrid, and the day ends there at 22:00 UTC in summer, at 23:00 in
            // winter.
            ("Europe/Madrid", "2027-02-28T23:30:00Z", 12, 0, "2028-03-01T22:59:59.999Z"),
            ("Europe/Madrid", "2026-06-30T22:30:00Z", 12, 0, "2027-07-01T21:59:59.999Z"),
            ("Europe/Madrid", "2026-06-15T10:00:00Z", 6, 0, "2026-12-15T22:59:59.999Z"),
            ("America/New_York", "2027-03-02T03:00:00Z", 12, 0, "2028-03-02T04:59:59.999Z"),
            ("UTC", "2025-03-01T10:00:00Z", 0, 365, "2026-03-01T23:59:59.999Z"),
            ("UTC", "2026-02-28T23:59:59.999Z", 0, 365, "2027-02-28T23:59:59.999Z"),
            ("UTC", "2026-02-28T00:00:00Z", 0, 0, "2026-02-28T23:59:59.999Z"),
            ("UTC", "1969-12-31T10:00:00Z", 0, 1, "1970-01-01T23:59:59.999Z"),
            ("Europe/Madrid", "2026-03-01T10:00:00Z", 0, 60, "2026-04-30T21:59:59.999Z"),
        ] {
            let found = Zone::named(zone).expect("a zone").end_of_day_after(wall(event), months, days);
            assert_eq!(found.rfc3339(), end, "{event} {zone}, {months} months, {days} days");
        }
    }

    #[test]
    fn days_earlier_clocks_show_the_same() {
        let madrid = Zone::named("Europe/Madrid").expect("a zone");
        assert_eq!(madrid.plus_days(wall("2026-04-30T21:59:59.999Z"), -60), wall("2026-03-01T22:59:59.999Z"));
        assert_eq!(madrid.plus_days(wall("2026-04-30T21:59:59.999Z"), -14), wall("2026-04-16T21:59:59.999Z"));
        assert!(Zone::named("Europe/Atlantis").is_none());
    }
}
