//! Two clocks, handed in from outside: a monotonic one that measures, and a wall clock that dates.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Monotonic microseconds since an origin of the process's or the simulator's choice. Billing and timers use
/// only this.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

/// Wall-clock milliseconds since 1970-01-01 UTC. It dates records and picks price periods; it may jump.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Wall(pub i64);

/// One reading of both clocks, given with every input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Measures.
    pub tick: Tick,
    /// Dates.
    pub wall: Wall,
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Year, month and day of the proleptic Gregorian calendar, of a day counted from 1970-01-01; none outside
/// the years 0 to 9999.
///
/// Counted from 1 March of year 0, so that leap days end their cycles: 146,097 days make 400 years, 36,524 a
/// century, 1,461 four years.
pub(crate) const fn civil(days: i64) -> Option<(i64, i64, i64)> {
    let since_march = days.saturating_add(719_468);
    let (era, day_of_era) = (since_march.div_euclid(146_097), since_march.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on begin at 0, 31, 61, 92, 122, 153…: five of them have 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era.saturating_mul(400).saturating_add(year_of_era + next_year);
    if year < 0 || year > 9_999 { None } else { Some((year, month, day)) }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, month from 1 to 12: the inverse of
/// [`civil`].
pub(crate) const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let since_march = (month + 9) % 12;
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// How many days a month (1 to 12) has.
pub(crate) const fn days_of_month(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next, 1) - days_from_civil(year, month, 1)
}

/// Whether `text` has the form of RFC 3339 §5.6, with an offset that a clock can show; the calendar is not
/// looked at.
fn is_rfc3339(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(19) else { return false };
    let fits = date_time.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        other => byte == other,
    });
    let offset = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
    };
    fits && match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let is_hour = matches!((h1, h2), (b'0' | b'1', b'0'..=b'9') | (b'2', b'0'..=b'3'));
            is_hour && matches!((m1, m2), (b'0'..=b'5', b'0'..=b'9'))
        }
        _ => false,
    }
}

// === impl Tick ===

impl Tick {
    /// Later than any deadline.
    pub const NEVER: Self = Self(u64::MAX);

    /// Whole milliseconds from `earlier` to here, truncated; 0 if `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }

    /// `ms` milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }
}

impl Add<Duration> for Tick {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Tick {
    type Output = Duration;
    /// Zero if `other` is later.
    fn sub(self, other: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

// === impl Wall ===

impl Wall {
    /// RFC 3339 in UTC with milliseconds, `2026-11-22T13:44:48.123Z`.
    pub fn rfc3339(self) -> String {
        match self.rfc3339_ascii() {
            Some(text) => text.iter().map(|byte| char::from(*byte)).collect(),
            None => format!("@{}ms", self.0),
        }
    }

    /// The same as 24 ASCII bytes, without an allocation; none outside the years 0 to 9999.
    pub fn rfc3339_ascii(self) -> Option<[u8; 24]> {
        let (days, ms) = (self.0.div_euclid(DAY_MS), self.0.rem_euclid(DAY_MS));
        let (year, month, day) = civil(days)?;
        let seconds = ms / 1_000;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, seconds / 3_600),
            (14..16, seconds / 60 % 60),
            (17..19, seconds % 60),
            (20..23, ms % 1_000),
        ];
        for (place, mut value) in parts {
            for slot in text.get_mut(place)?.iter_mut().rev() {
                *slot = b'0' + (value % 10) as u8;
                value /= 10;
            }
        }
        Some(text)
    }

    /// As a Date header has it (RFC 9110 §5.6.7), `Mon, 30 Nov 2026 11:34:18 GMT`; empty outside the years
    /// that it can write.
    pub fn http_date(self) -> String {
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        let at = jiff::Timestamp::from_millisecond(self.0);
        at.and_then(|at| printer.timestamp_to_rfc9110_string(&at)).unwrap_or_default()
    }

    /// Reads RFC 3339 with any offset up to 23:59; precision beyond milliseconds is dropped. Nothing else
    /// that looks like a time is taken.
    pub fn parse(text: &str) -> Option<Self> {
        if !is_rfc3339(text.as_bytes()) {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// `ms` milliseconds later (earlier if negative).
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// A [`Wall`] as RFC 3339, for `#[serde(with)]`.
pub mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Wall;

    /// As text.
    pub fn serialize<S: Serializer>(wall: &Wall, s: S) -> Result<S::Ok, S::Error> {
        match wall.rfc3339_ascii() {
            Some(text) => s.serialize_str(std::str::from_utf8(&text).unwrap_or_default()),
            None => s.serialize_str(&wall.rfc3339()),
        }
    }

    /// From text.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Wall, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Wall::parse(&text).ok_or_else(|| D::Error::custom(format_args!("not an RFC 3339 time: {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_round_trips_as_rfc3339() {
        let wall = Wall::parse("2026-11-22T14:44:48.123+01:00").expect("valid");
        assert_eq!(wall.rfc3339(), "2026-11-22T13:44:48.123Z");
        assert_eq!(Wall(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall::parse("yesterday"), None);
    }

    #[test]
    fn fault_a12_only_rfc_3339_is_a_time() {
        let noon = Wall::parse("2026-01-31T12:00:00Z").expect("a time");
        for text in [
            "2026-01-31t12:00:00z",
            "2026-01-31 12:00:00.000Z",
            "2026-01-31T13:00:00+01:00",
            "2026-02-01T11:59:00+23:59",
        ] {
            assert_eq!(Wall::parse(text), Some(noon), "{text}");
        }
        for text in [
            "2026-01-31T12:00:00+25:00",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00+01:60",
            "2026-01-31T12:00:00+0100",
            "2026-01-31T12:00:00+01",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00Z",
            "20260131T120000Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00Z[Europe/Madrid]",
            "2026-02-30T12:00:00Z",
            "2026-01-31",
            "+002026-01-31T12:00:00Z",
        ] {
            assert_eq!(Wall::parse(text), None, "{text}");
        }
    }

    /// Against the time library, over leap years, centuries and days.
    #[test]
    fn writes_what_the_time_library_writes() {
        let mut ms = -62_167_219_200_000_i64;
        let mut seen = 0;
        while ms < 253_402_300_800_000 {
            let reference =
                jiff::Timestamp::from_millisecond(ms).map(|t| format!("{t:.3}")).expect("in range");
            assert_eq!(Wall(ms).rfc3339(), reference);
            ms += 86_399_999 * 37;
            seen += 1;
        }
        assert!(seen > 90_000);
        for (text, ms) in
            [("2000-02-29T23:59:59.999Z", 951_868_799_999), ("2100-03-01T00:00:00.000Z", 4_107_542_400_000)]
        {
            assert_eq!(Wall(ms).rfc3339(), text);
        }
        assert_eq!((Wall(i64::MAX).rfc3339_ascii(), Wall(i64::MIN).rfc3339_ascii()), (None, None));
    }

    #[test]
    fn tick_truncates_to_ms_and_never_goes_back() {
        assert_eq!(Tick(1_999).ms_since(Tick(0)), 1);
        assert_eq!(Tick(0).ms_since(Tick(5_000)), 0);
        assert_eq!(Tick(0).plus_ms(2), Tick(2_000));
    }
}
