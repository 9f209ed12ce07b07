//! What waits for the disk: nothing is published before it is durable.

use std::collections::VecDeque;
use std::sync::Arc;

use rating::Cdr;

use crate::io::AdminReply;

/// What waits for the disk, in the order of its tickets.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub last_ticket: u64,
    pub acknowledged: u64,
    pub waiting: VecDeque<(u64, Waiting)>,
}

#[derive(Debug)]
pub(crate) enum Waiting {
    Cdr(Arc<Cdr>),
    Reply { ticket: u64, reply: Box<AdminReply> },
}

impl Records {
    pub(crate) fn is_empty(&self) -> bool {
        self.acknowledged >= self.last_ticket
    }
}
