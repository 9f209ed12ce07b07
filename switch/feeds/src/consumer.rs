//! What a feed hands entries to. Three things are all that a new consumer has to say: how many at once, how
//! long it may take, and how to deliver.

use std::future::Future;
use std::time::Duration;

use store::JournalEntry;

/// One entry on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// `<node>/<seq>`: the same each time that it comes, so that the receiver can tell.
    pub id: String,
    /// As it stands in the journal.
    pub entry: JournalEntry,
}

/// How far a delivery came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// So many messages, from the first one on, need not come again.
    pub confirmed: usize,
    /// So many of them were given up and will never be delivered.
    pub given_up: u64,
    /// Why it stopped there.
    pub failure: Option<String>,
}

/// A receiver of entries. It is asked again, after a pause, for what it did not confirm.
pub trait Consumer: Send + 'static {
    /// Most messages at once. If a repeat does harm, 1: what a delivery had done when its time was up is not
    /// known.
    const BATCH: u32;
    /// A delivery that takes longer is given up.
    const PATIENCE: Duration;

    /// Hands on `messages` in their order; they are never none. The future may be dropped at any point of
    /// waiting.
    fn deliver(&mut self, messages: &[Message]) -> impl Future<Output = Delivery> + Send;
}

// === impl Delivery ===

impl Delivery {
    /// All of `messages`.
    pub const fn done(messages: &[Message]) -> Self {
        Self { confirmed: messages.len(), given_up: 0, failure: None }
    }

    /// Only the first `confirmed`, for this reason.
    pub fn stopped(confirmed: usize, why: impl Into<String>) -> Self {
        Self { confirmed, given_up: 0, failure: Some(why.into()) }
    }

    /// The first `confirmed`, of which the last was given up.
    pub const fn gave_up(confirmed: usize) -> Self {
        Self { confirmed, given_up: 1, failure: None }
    }
}
