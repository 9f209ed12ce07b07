//! The task of one feed: read, deliver, confirm; wait for the journal's word when there is nothing, and
//! longer and longer after failures.

use std::sync::Arc;
use std::time::Duration;

use store::{Feed, Journal, StoreError};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::{Consumer, Delivery, Message, Status};

/// How often the journal is looked at if it says nothing.
const POLL: Duration = Duration::from_secs(1);
/// The pause after a first failure, and the longest; each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Runs `feed` into `consumer` for ever; dropped at any point it has lost nothing. The disk is read away from
/// the runtime's thread.
pub fn run<C: Consumer>(
    feed: Feed,
    consumer: C,
    status: Arc<Status>,
    journal: &Journal,
) -> impl Future<Output = ()> + Send + use<C> {
    let bell = Arc::new(Notify::new());
    let rope = Arc::clone(&bell);
    journal.watch(move || rope.notify_one());
    turn(feed, consumer, status, bell)
}

async fn turn<C: Consumer>(mut feed: Feed, mut consumer: C, status: Arc<Status>, bell: Arc<Notify>) {
    let mut pause = PAUSE_MIN;
    loop {
        let Some((back, read)) = on_disk(feed, |feed| feed.read(C::BATCH)).await else { return };
        feed = back;
        let messages = match read {
            Ok(batch) if batch.entries.is_empty() => {
                status.went_well();
                // Either way the journal is looked at next.
                let _ = timeout(POLL, bell.notified()).await;
                continue;
            }
            Ok(batch) => messages(&feed, batch),
            Err(error) => {
                rest(&status, error.to_string(), &mut pause).await;
                continue;
            }
        };
        let delivery = match timeout(C::PATIENCE, consumer.deliver(&messages)).await {
            Ok(delivery) => delivery,
            Err(_) => Delivery::stopped(0, format!("no answer within {} s", C::PATIENCE.as_secs())),
        };
        status.gave_up(delivery.given_up);
        let mut failure = delivery.failure;
        if let Some(last) = messages.iter().take(delivery.confirmed).next_back() {
            let seq = last.entry.seq;
            let Some((back, confirmed)) = on_disk(feed, move |feed| feed.confirm(seq)).await else { return };
            feed = back;
            pause = PAUSE_MIN;
            failure = failure.or(confirmed.err().map(|error| error.to_string()));
        }
        match failure {
            None => status.went_well(),
            Some(why) => rest(&status, why, &mut pause).await,
        }
    }
}

fn messages(feed: &Feed, batch: store::Batch) -> Vec<Message> {
    batch.entries.into_iter().map(|entry| Message { id: feed.message_id(entry.seq), entry }).collect()
}

async fn rest(status: &Status, why: String, pause: &mut Duration) {
    status.failed(why);
    sleep(*pause).await;
    *pause = (*pause * 2).min(PAUSE_MAX);
}

/// Does `work` on a thread that may block. `None` if that thread died: its panic is in the log.
async fn on_disk<T: Send + 'static>(
    mut feed: Feed,
    work: impl FnOnce(&mut Feed) -> Result<T, StoreError> + Send + 'static,
) -> Option<(Feed, Result<T, StoreError>)> {
    let done = tokio::task::spawn_blocking(move || {
        let outcome = work(&mut feed);
        (feed, outcome)
    });
    done.await.ok()
}
