//! Seeds that once failed; they run first, for ever.

use crate::profile::Weather;

/// By weather.
pub const FAILED_ONCE: &[(Weather, u64)] = &[];
