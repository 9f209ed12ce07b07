//! Where the pages of CDRs come from. The journal's reader implements [`CdrSource`]; tests bring their own.
//! Invariant: only durable records are ever shown, in journal order.

use serde_json::value::RawValue;
use units::Wall;

/// Which CDRs a page holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CdrFilter {
    /// Of this account only.
    pub account: Option<String>,
    /// `ended_at` at this instant or later.
    pub from: Option<Wall>,
    /// `ended_at` before this instant.
    pub to: Option<Wall>,
    /// After this journal position.
    pub after: Option<u64>,
    /// At most so many rows, 1–10,000.
    pub limit: usize,
}

/// One page, as stored.
#[derive(Debug, Default)]
pub struct CdrRows {
    /// Each CDR as its JSON document.
    pub items: Vec<Box<RawValue>>,
    /// Journal position to go on after; `None` if there was nothing more at that moment.
    pub next: Option<u64>,
}

/// The journal could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CDRs cannot be read: {0}")]
pub struct SourceError(pub String);

/// Reads CDRs from the disk. It blocks, so it is called away from the threads that serve requests.
pub trait CdrSource: Send + Sync + 'static {
    /// One page.
    fn page(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError>;
    /// One page of notices, each a [`crate::documents::NoticeDoc`]; the filter's times are those at which they were made.
    fn notices(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError>;
}
