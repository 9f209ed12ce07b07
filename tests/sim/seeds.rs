//! Seeds that once failed; they run first, for ever.

use crate::profile::Weather;

/// By weather, with what was found.
pub const FAILED_ONCE: &[(Weather, u64)] = &[
    // A session refresh that was refused was never tried again.
    (Weather::Calm, 4),
    // A carrier whose answer was none kept its place.
    (Weather::Calm, 16),
    (Weather::Calm, 28),
    // The answer to a re-INVITE whose call was over left its client behind.
    (Weather::Lossy, 63),
    (Weather::Busy, 10),
    // An answered call without Contact made the journal unreadable.
    (Weather::Hostile, 1_040),
];
