//! A time zone as a table of the instants at which its clocks change, from the bundled tz database: no disk,
//! the same everywhere.
//!
//! Outside its table (it is made for the years 1970 to 2100) the first and the last offset hold.

mod days;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::{Name, Wall};

/// A time zone, by [`Zone::named`].
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: Name,
    /// Before the first change, seconds east of UTC.
    first: i32,
    changes: Vec<Change>,
}

/// From this instant on clocks show UTC and so many seconds more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The moment of the change, UTC.
    pub at: Wall,
    /// Seconds east of UTC from then on.
    pub offset: i32,
}

/// What a clock on the wall shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// 0 is Monday.
    pub weekday: u8,
    /// Milliseconds since midnight.
    pub ms: i64,
}

/// A day of 24 hours.
const DAY_MS: i64 = 86_400_000;
/// 1970-01-01 was a Thursday.
const FIRST_WEEKDAY: i64 = 3;
/// The end of the tables of zones: 2100-01-01, s since 1970.
const TABLE_END_SECS: i64 = 4_102_444_800;
/// Most changes of clocks of a zone between 1970 and 2100.
const CHANGES_MAX: usize = 1_024;

thread_local! {
    /// Zones that this thread asked for, so that accounts of one zone share one table.
    static KNOWN: RefCell<BTreeMap<Name, Arc<Zone>>> = const { RefCell::new(BTreeMap::new()) };
}

// === impl Zone ===

impl Zone {
    /// The zone that the tz database calls so, as `Europe/Madrid`, or `UTC`; none if it has none of that
    /// name.
    pub fn named(name: &str) -> Option<Arc<Self>> {
        KNOWN.with_borrow_mut(|known| {
            if let Some(zone) = known.get(name) {
                return Some(Arc::clone(zone));
            }
            let zone = Arc::new(Self::read(name)?);
            known.insert(name.into(), Arc::clone(&zone));
            Some(zone)
        })
    }

    fn read(name: &str) -> Option<Self> {
        if name == "UTC" {
            return Some(Self::utc());
        }
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        let begin = jiff::Timestamp::UNIX_EPOCH;
        let offset = |zone: &TimeZone, at| zone.to_offset(at).seconds();
        let following =
            zone.following(begin).take_while(|change| change.timestamp().as_second() < TABLE_END_SECS);
        let changes = following.take(CHANGES_MAX);
        let changes = changes.map(|change| Change {
            at: Wall(change.timestamp().as_millisecond()),
            offset: change.offset().seconds(),
        });
        Some(Self::new(name, offset(&zone, begin), changes.collect()))
    }

    /// `first` holds until the first of `changes`, whose order does not matter.
    pub fn new(name: &str, first: i32, mut changes: Vec<Change>) -> Self {
        changes.sort_by_key(|change| change.at);
        Self { name: name.into(), first, changes }
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self::new("UTC", 0, Vec::new())
    }

    /// As the tz database calls it, `Europe/Madrid`.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Seconds east of UTC at an instant.
    pub fn offset_at(&self, at: Wall) -> i32 {
        let passed = self.changes.partition_point(|change| change.at <= at);
        passed
            .checked_sub(1)
            .and_then(|last| self.changes.get(last))
            .map_or(self.first, |change| change.offset)
    }

    /// The next change after an instant.
    pub fn next_change(&self, after: Wall) -> Option<Wall> {
        let passed = self.changes.partition_point(|change| change.at <= after);
        self.changes.get(passed).map(|change| change.at)
    }

    /// What clocks show at an instant.
    pub fn clock(&self, at: Wall) -> Clock {
        let local = at.0.saturating_add(i64::from(self.offset_at(at)) * 1_000);
        let day = local.div_euclid(DAY_MS).saturating_add(FIRST_WEEKDAY);
        Clock { weekday: day.rem_euclid(7) as u8, ms: local.rem_euclid(DAY_MS) }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({}, {} changes)", self.name, self.changes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Wall {
        Wall::parse(text).expect("a time")
    }

    /// Madrid in 2026: summer time from 29 March to 25 October, both at 01:00 UTC.
    fn madrid() -> Zone {
        let changes = vec![
            Change { at: at("2026-10-25T01:00:00Z"), offset: 3_600 },
            Change { at: at("2026-03-29T01:00:00Z"), offset: 7_200 },
        ];
        Zone::new("Europe/Madrid", 3_600, changes)
    }

    #[test]
    fn clocks_jump_and_fall_back() {
        for (instant, weekday, clock) in [
            ("2026-03-29T00:59:59.999Z", 6, "01:59:59.999"),
            ("2026-03-29T01:00:00Z", 6, "03:00:00.000"),
            ("2026-10-25T00:59:59Z", 6, "02:59:59.000"),
            ("2026-10-25T01:00:00Z", 6, "02:00:00.000"),
            // A leap day, a Tuesday; the first day of all, a Thursday; and before it.
            ("2028-02-29T12:00:00Z", 1, "13:00:00.000"),
            ("1970-01-01T00:00:00Z", 3, "01:00:00.000"),
            ("1969-12-31T22:59:59.999Z", 2, "23:59:59.999"),
        ] {
            let shown = madrid().clock(at(instant));
            let (s, ms) = (shown.ms / 1_000, shown.ms % 1_000);
            let text = format!("{:02}:{:02}:{:02}.{ms:03}", s / 3_600, s / 60 % 60, s % 60);
            assert_eq!((shown.weekday, text.as_str()), (weekday, clock), "{instant}");
        }
    }

    #[test]
    fn the_next_change_is_after_the_instant() {
        let zone = madrid();
        let (spring, autumn) = (at("2026-03-29T01:00:00Z"), at("2026-10-25T01:00:00Z"));
        assert_eq!(zone.next_change(Wall(0)), Some(spring));
        assert_eq!(zone.next_change(spring), Some(autumn));
        assert_eq!(zone.next_change(autumn), None);
        assert_eq!((Zone::utc().next_change(Wall(0)), Zone::utc().offset_at(spring)), (None, 0));
    }
}
