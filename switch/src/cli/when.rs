//! Instants on the command line: RFC 3339, or a date, which is its first moment in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use units::{Day, Wall};

/// Reads `2026-11-29T12:00:00Z` or `2026-11-29`.
pub(super) fn moment(text: &str) -> Result<Wall, String> {
    let date = Day::parse(text).and_then(|_| Wall::parse(&format!("{text}T00:00:00Z")));
    date.or_else(|| Wall::parse(text))
        .ok_or_else(|| format!("{text:?} is not an instant: write RFC 3339, as 2026-01-31T12:00:00Z, or a date, as 2026-01-31 (UTC)"))
}

/// This moment.
pub(super) fn now() -> anyhow::Result<Wall> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    Ok(Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_d4_a_date_is_its_first_moment() {
        assert_eq!(moment("2026-11-29").map(Wall::rfc3339).as_deref(), Ok("2026-11-29T00:00:00.000Z"));
        assert_eq!(
            moment("2026-11-29T01:00:00+01:00").map(Wall::rfc3339).as_deref(),
            Ok("2026-11-29T00:00:00.000Z")
        );
        for text in ["", "yesterday", "2026-02-30", "2026-1-1", "29.11.2026", "2026-11-29T12:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
