//! Questions to a node's own shards and its journal, and what is done one at a time.

use std::sync::Arc;

use ledger::Refused;
use node::{AdminReply, AdminRequest, shard_of};
use store::{Journal, Reader, StoreError};
use tokio::sync::{Mutex, oneshot};

use crate::run::books::BooksError;
use crate::run::router::{Router, ShardMessage};

/// A node's own books: where accounts are, and where what happened is.
#[derive(Clone)]
pub(crate) struct LocalBooks {
    pub(super) router: Arc<Router>,
    pub(super) journal: Arc<Journal>,
    /// One period is closed at a time.
    pub(super) closing: Arc<Mutex<()>>,
    /// One account is opened at a time: keys are unique over all shards.
    pub(super) opening: Arc<Mutex<()>>,
    /// What billed calls cost is changed by one request at a time: each looks in the journal at what the
    /// others did.
    pub(super) rerating: Arc<Mutex<()>>,
}

/// Asks one shard.
pub(super) async fn ask(router: &Router, shard: u8, request: AdminRequest) -> Result<AdminReply, BooksError> {
    let (reply, answer) = oneshot::channel();
    if !router.post(shard, ShardMessage::Admin { request, reply }) {
        return Err(BooksError::Unavailable("the switch is overloaded: try again".to_owned()));
    }
    match answer.await {
        Ok(AdminReply::Unavailable(why)) => Err(BooksError::Unavailable(why)),
        Ok(reply) => Ok(reply),
        Err(_) => Err(BooksError::Unavailable("the switch is stopping".to_owned())),
    }
}

impl LocalBooks {
    /// Of this router's shards.
    pub(crate) fn new(router: &Arc<Router>, journal: &Arc<Journal>) -> Self {
        let (closing, opening, rerating) = (Arc::default(), Arc::default(), Arc::default());
        Self { router: Arc::clone(router), journal: Arc::clone(journal), closing, opening, rerating }
    }

    pub(super) fn shards(&self) -> u8 {
        self.router.inboxes.len() as u8
    }

    /// The shard of the account.
    pub(super) async fn ask(&self, account: &str, request: AdminRequest) -> Result<AdminReply, BooksError> {
        match ask(&self.router, shard_of(account, self.shards()), request).await? {
            AdminReply::NotFound => Err(BooksError::Account(Refused::UnknownAccount.into())),
            AdminReply::Refused(refused) => Err(BooksError::Account(refused)),
            reply => Ok(reply),
        }
    }

    /// Every shard, one after the other.
    pub(super) async fn ask_all(
        &self,
        request: impl Fn() -> AdminRequest,
        mut take: impl FnMut(AdminReply) -> Result<(), BooksError>,
    ) -> Result<(), BooksError> {
        for shard in 0..self.shards() {
            match ask(&self.router, shard, request()).await? {
                AdminReply::Refused(refused) => return Err(BooksError::Account(refused)),
                reply => take(reply)?,
            }
        }
        Ok(())
    }

    /// Asks the journal, away from the threads that serve requests.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, BooksError> {
        read(&self.journal, question).await
    }
}

/// Asks the journal, away from the threads that serve requests.
pub(super) async fn read<T: Send + 'static>(
    journal: &Arc<Journal>,
    question: impl FnOnce(Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, BooksError> {
    let journal = Arc::clone(journal);
    blocking(move || question(journal.reader()?)).await
}

/// Work that waits for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, BooksError> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| BooksError::Unavailable(error.to_string()))?;
    done.map_err(|error| BooksError::Unavailable(error.to_string()))
}
