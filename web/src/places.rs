//! Places for connections. Each is quiet while no request of it is being answered; when all places are taken
//! the one that has been quiet longest is told to give way. Invariant: at most `max` places are held, and one
//! in which a request is being answered is never taken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, Semaphore};

/// All places of a listener.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Counts what happens, as a clock that never stands.
    moment: u64,
    /// Quiet connections by the moment since when they are.
    quiet: BTreeMap<u64, Arc<Notify>>,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    give_way: Arc<Notify>,
    /// Since when it is quiet; none while a request is being answered, or when it was told to give way.
    quiet_since: Mutex<Option<u64>>,
    _permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Places {
    /// So many places, all free.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(max)), table: Mutex::default() })
    }

    /// A free place; if there is none, that of the connection that has been quiet longest, as soon as it is
    /// gone. Waits only if requests are being answered in all.
    pub async fn take(self: &Arc<Self>) -> Arc<Place> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                self.push_out();
                // The semaphore is never closed.
                Arc::clone(&self.free).acquire_owned().await.ok()
            }
        };
        let place = Place {
            places: Arc::clone(self),
            give_way: Arc::default(),
            quiet_since: Mutex::default(),
            _permit: permit,
        };
        place.be_quiet();
        Arc::new(place)
    }

    fn push_out(&self) {
        let oldest = self.table.lock().unwrap_or_else(PoisonError::into_inner).quiet.pop_first();
        if let Some((_, give_way)) = oldest {
            // Kept for a connection that does not wait for it at this moment.
            give_way.notify_one();
        }
    }
}

impl Place {
    /// Returns when the place is to be given to another connection.
    pub async fn told_to_go(&self) {
        self.give_way.notified().await;
    }

    /// A request came: until the guard is dropped the place cannot be taken.
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.leave_quiet();
        Busy(Arc::clone(self))
    }

    fn be_quiet(&self) {
        let mut table = self.places.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.moment += 1;
        let moment = table.moment;
        table.quiet.insert(moment, Arc::clone(&self.give_way));
        *self.quiet_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
    }

    fn leave_quiet(&self) {
        let mut table = self.places.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(moment) = self.quiet_since.lock().unwrap_or_else(PoisonError::into_inner).take() {
            table.quiet.remove(&moment);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave_quiet();
    }
}

/// While it lives a request is being answered.
#[derive(Debug)]
pub struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.be_quiet();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn fault_a12_the_connection_that_was_quiet_longest_gives_way() {
        let places = Places::new(2);
        let (first, second) = (places.take().await, places.take().await);
        let answering = first.busy();
        let third = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        // Not the first, which is older but busy.
        tokio::time::timeout(Duration::from_secs(5), second.told_to_go())
            .await
            .expect("the quiet one is told");
        drop(second);
        let third =
            tokio::time::timeout(Duration::from_secs(5), third).await.expect("in time").expect("a place");
        drop(answering);
        let fourth = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        // The third has been quiet longer than the first now.
        tokio::time::timeout(Duration::from_secs(5), third.told_to_go()).await.expect("told");
        drop(third);
        fourth.await.expect("a place");
        drop(first);
    }
}
