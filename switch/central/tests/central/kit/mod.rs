//! What the tests share: a PostgreSQL of their own, and nodes with real books and journals.

pub mod bench;
pub mod node;
pub mod obstacles;
pub mod postgres;

use std::time::{Duration, Instant};

/// Until `done`, looked at often. The limit is for what never comes.
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: not after a minute");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
