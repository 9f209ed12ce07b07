//! The one place where a test lets time pass: between two looks at what it waits for.

use std::time::{Duration, Instant};

/// Longest wait for something that takes milliseconds on an idle machine.
pub const SOON: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks until there is something to see; fails when `within` is over.
pub fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    look_until(within, &mut look).unwrap_or_else(|| panic!("{what}: not within {within:?}"))
}

/// The same for what may never come: nothing when `within` is over.
pub fn look_until<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begun.elapsed() >= within {
            return found;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}
