//! Times of the week at which other prices hold: days and hours by the clocks of a zone, over midnight if
//! need be.
//!
//! Pure lookups: at a change of clocks a period follows what clocks show, so it may be an hour longer or
//! shorter on that day.

use std::sync::Arc;

use crate::{Name, Wall, Zone};

/// A named part of the week, `weekend` or `night`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    name: Name,
    zone: Arc<Zone>,
    /// Bit 0 is Monday: the days on which it begins.
    days: u8,
    /// Seconds after midnight, below a day.
    from: u32,
    /// Seconds after midnight, up to a day; at or before `from` it is on the next day.
    until: u32,
}

/// Why days and hours make no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// None of the seven.
    #[error("a period has at least one day")]
    NoDay,
    /// Beyond the day.
    #[error("a period begins from 00:00 to 23:59 and ends from 00:01 to 24:00")]
    Hours,
    /// It would be empty or a whole day.
    #[error("a period's from and until must differ; a whole day is from 00:00 until 24:00")]
    Empty,
}

const DAY_SECS: u32 = 86_400;
const DAY_MS: i64 = DAY_SECS as i64 * 1_000;
const ALL_DAYS: u8 = 0x7F;

// === impl Period ===

impl Period {
    /// `days` has bit 0 for Monday; hours are seconds after midnight, `until` exclusive and at most 86,400.
    pub fn new(name: &str, zone: Arc<Zone>, days: u8, from: u32, until: u32) -> Result<Self, PeriodError> {
        if days & ALL_DAYS == 0 || days & !ALL_DAYS != 0 {
            return Err(PeriodError::NoDay);
        }
        if from >= DAY_SECS || until > DAY_SECS {
            return Err(PeriodError::Hours);
        }
        if from == until {
            return Err(PeriodError::Empty);
        }
        Ok(Self { name: name.into(), zone, days, from, until })
    }

    /// As decks call it.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Whose clocks count.
    pub const fn zone(&self) -> &Arc<Zone> {
        &self.zone
    }

    /// Bit 0 is Monday.
    pub const fn days(&self) -> u8 {
        self.days
    }

    /// Seconds after midnight.
    pub const fn from(&self) -> u32 {
        self.from
    }

    /// Seconds after midnight, exclusive.
    pub const fn until(&self) -> u32 {
        self.until
    }

    /// Whether an instant is in it.
    pub fn contains(&self, at: Wall) -> bool {
        let clock = self.zone.clock(at);
        let on = |weekday: u8| self.days & (1 << (weekday % 7)) != 0;
        let (from, until) = (i64::from(self.from) * 1_000, i64::from(self.until) * 1_000);
        if from < until {
            on(clock.weekday) && (from..until).contains(&clock.ms)
        } else {
            // Over midnight: the evening of its day, or the morning after.
            (clock.ms >= from && on(clock.weekday)) || (clock.ms < until && on(clock.weekday + 6))
        }
    }

    /// The next instant after `at` at which it may begin or end: there, and nowhere before,
    /// [`Period::contains`] may change.
    pub fn next_edge(&self, at: Wall) -> Wall {
        let clock = self.zone.clock(at);
        let ahead = |secs: u32| {
            let ms = i64::from(secs) * 1_000 - clock.ms;
            if ms > 0 { ms } else { ms.saturating_add(DAY_MS) }
        };
        let edge = at.plus_ms(ahead(self.from).min(ahead(self.until)));
        self.zone.next_change(at).map_or(edge, |change| change.min(edge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;

    fn at(text: &str) -> Wall {
        Wall::parse(text).expect("a time")
    }

    fn madrid() -> Arc<Zone> {
        let changes = vec![
            Change { at: at("2026-03-29T01:00:00Z"), offset: 7_200 },
            Change { at: at("2026-10-25T01:00:00Z"), offset: 3_600 },
        ];
        Arc::new(Zone::new("Europe/Madrid", 3_600, changes))
    }

    fn period(days: u8, from: u32, until: u32) -> Period {
        Period::new("p", madrid(), days, from * 60, until * 60).expect("a period")
    }

    /// The instants from `from` until `until` at which `period` changes, by its edges.
    fn changes(period: &Period, from: &str, until: &str) -> Vec<String> {
        let (mut now, end) = (at(from), at(until));
        let mut inside = period.contains(now);
        let mut found = Vec::new();
        while now < end {
            let edge = period.next_edge(now);
            assert!(edge > now, "edges go forward");
            now = edge;
            if now < end && period.contains(now) != inside {
                inside = !inside;
                found.push(format!("{} {inside}", &now.rfc3339()[..16]));
            }
        }
        found
    }

    #[test]
    fn weekdays_by_day() {
        let working = period(0b001_1111, 8 * 60, 20 * 60);
        // A Friday to a Monday in winter: 08:00 in Madrid is 07:00 UTC.
        assert_eq!(
            changes(&working, "2026-01-09T00:00:00Z", "2026-01-12T23:00:00Z"),
            [
                "2026-01-09T07:00 true",
                "2026-01-09T19:00 false",
                "2026-01-12T07:00 true",
                "2026-01-12T19:00 false"
            ]
        );
    }

    #[test]
    fn over_midnight_belongs_to_the_day_it_begins_on() {
        let friday_night = period(0b001_0000, 22 * 60, 6 * 60);
        assert_eq!(
            changes(&friday_night, "2026-01-08T12:00:00Z", "2026-01-12T00:00:00Z"),
            ["2026-01-09T21:00 true", "2026-01-10T05:00 false"]
        );
        // From Sunday into Monday.
        assert_eq!(
            changes(&period(0b100_0000, 22 * 60, 6 * 60), "2026-01-10T00:00:00Z", "2026-01-13T00:00:00Z"),
            ["2026-01-11T21:00 true", "2026-01-12T05:00 false"]
        );
    }

    #[test]
    fn whole_days_and_leap_days() {
        let tuesday = period(0b000_0010, 0, 24 * 60);
        // 29 February 2028 is a Tuesday; the table's last offset holds.
        assert_eq!(
            changes(&tuesday, "2028-02-28T00:00:00Z", "2028-03-02T00:00:00Z"),
            ["2028-02-28T23:00 true", "2028-02-29T23:00 false"]
        );
        let weekend = period(0b110_0000, 0, 24 * 60);
        assert_eq!(
            changes(&weekend, "2026-01-08T00:00:00Z", "2026-01-13T00:00:00Z"),
            ["2026-01-09T23:00 true", "2026-01-11T23:00 false"]
        );
    }

    #[test]
    fn both_changes_of_clocks() {
        // 02:30 does not exist on 29 March: the period begins when clocks jump from 02:00 to 03:00.
        let small_hours = period(ALL_DAYS, 2 * 60 + 30, 4 * 60);
        assert_eq!(
            changes(&small_hours, "2026-03-28T23:00:00Z", "2026-03-29T12:00:00Z"),
            ["2026-03-29T01:00 true", "2026-03-29T02:00 false"]
        );
        // On 25 October clocks show 02:30 twice, and what lies between is outside.
        assert_eq!(
            changes(&small_hours, "2026-10-24T22:00:00Z", "2026-10-25T12:00:00Z"),
            [
                "2026-10-25T00:30 true",
                "2026-10-25T01:00 false",
                "2026-10-25T01:30 true",
                "2026-10-25T03:00 false"
            ]
        );
    }

    #[test]
    fn what_is_no_period() {
        let make = |days, from, until| Period::new("p", madrid(), days, from, until).map(|_| ());
        assert_eq!(make(0, 0, 1), Err(PeriodError::NoDay));
        assert_eq!(make(0x80, 0, 1), Err(PeriodError::NoDay));
        assert_eq!(make(1, 86_400, 1), Err(PeriodError::Hours));
        assert_eq!(make(1, 0, 86_401), Err(PeriodError::Hours));
        assert_eq!(make(1, 7, 7), Err(PeriodError::Empty));
        assert_eq!(make(1, 0, 86_400), Ok(()));
    }
}
