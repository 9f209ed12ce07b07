//! How a feed fares, for metrics and for the probe. A feed that is behind is told, but never a reason to
//! refuse calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use store::Progress;

/// One feed as the operator sees it.
pub struct Status {
    name: &'static str,
    progress: Option<Progress>,
    failures: AtomicU64,
    given_up: AtomicU64,
    trouble: Mutex<Option<String>>,
}

// === impl Status ===

impl Status {
    /// Of a feed that is about to run.
    pub fn new(feed: &store::Feed) -> Self {
        Self {
            name: feed.name(),
            progress: Some(feed.progress()),
            failures: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            trouble: Mutex::default(),
        }
    }

    /// Of a feed that cannot run until somebody does something.
    pub fn broken(name: &'static str, why: String) -> Self {
        tracing::error!(feed = name, why, "the feed does not run");
        Self {
            name,
            progress: None,
            failures: AtomicU64::new(1),
            given_up: AtomicU64::new(0),
            trouble: Mutex::new(Some(why)),
        }
    }

    /// As in metrics.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Durable entries that it has not passed.
    pub fn lag(&self) -> u64 {
        self.progress.as_ref().map_or(0, Progress::lag)
    }

    /// Deliveries that failed, since the start.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Messages that will never be delivered, since the start.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// What is wrong now, in one line.
    pub fn remark(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map(|why| format!("feed {} is {} entries behind: {why}", self.name, self.lag()))
    }

    /// Counts one failure; what is wrong until [`Self::went_well`].
    pub(crate) fn failed(&self, why: String) {
        tracing::warn!(
            feed = self.name,
            lag = self.lag(),
            why,
            "a feed's delivery failed; it is tried again"
        );
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(crate) fn gave_up(&self, messages: u64) {
        self.given_up.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn went_well(&self) {
        if self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!(feed = self.name, lag = self.lag(), "the feed delivers again");
        }
    }
}
