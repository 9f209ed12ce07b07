//! How many shards there are, and what each is woken by.

use anyhow::Context as _;
use config::Settings;
use net::Poller;

use crate::run::router::{Inbox, MAILBOX_LETTERS, ShardMessage};

/// Most shards: one byte names them.
const SHARDS_MAX: usize = 64;

/// For each shard what wakes it, what it reads and where others write.
#[allow(clippy::type_complexity, reason = "three lists of one length")]
pub(super) fn inboxes(
    count: usize,
) -> anyhow::Result<((Vec<Poller>, Vec<crossbeam_channel::Receiver<ShardMessage>>), Vec<Inbox>)> {
    let (mut pollers, mut receivers, mut inboxes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let poller = Poller::new().context("cannot make an epoll instance")?;
        let (shard_messages, receiver) = crossbeam_channel::bounded(MAILBOX_LETTERS);
        inboxes.push(Inbox { shard_messages, waker: poller.waker() });
        pollers.push(poller);
        receivers.push(receiver);
    }
    Ok(((pollers, receivers), inboxes))
}

/// How many shards: as configured, else one for each core.
pub(super) fn shard_count(settings: &Settings) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = if settings.node.shards == 0 { cores } else { usize::from(settings.node.shards) };
    wanted.clamp(1, SHARDS_MAX)
}
