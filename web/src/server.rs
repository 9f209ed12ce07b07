//! Accepts connections and serves the router on each. Invariant: connections, header time and the wait at the end are bounded,
//! so that idle or slow clients cannot keep others out or keep the process alive.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::CONNECTIONS_MAX;
use crate::router::{WebState, router};

/// Time for the head of a request to arrive; also how long an idle connection is kept.
const HEADER_MS_MAX: u64 = 15_000;
/// Bytes of one request's head.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Time for requests in progress once `shutdown` is due.
const LAST_REQUESTS_MS: u64 = 2_000;
/// Pause after a failed accept, when no file descriptor is free.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Why HTTP could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener handed in cannot be used.
    #[error("the HTTP listener cannot be used: {0}")]
    Listener(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown` is due, then lets requests in progress end. Needs a tokio runtime.
pub async fn serve(listener: std::net::TcpListener, state: Arc<WebState>, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let router = router(state);
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, stream) = tokio::select! {
            () = &mut shutdown => break,
            (permit, stream) = accepted => (permit, stream),
        };
        match (permit, stream) {
            (Ok(permit), Ok((stream, _))) => {
                let watched = graceful.watch(connection(stream, router.clone()));
                tokio::spawn(async move {
                    if let Err(error) = watched.await {
                        tracing::debug!(%error, "HTTP connection ended early");
                    }
                    drop(permit);
                });
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "HTTP accept failed");
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
            (Err(_), _) => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(Duration::from_millis(LAST_REQUESTS_MS), graceful.shutdown()).await.is_err() {
        tracing::warn!("HTTP requests in progress were cut off");
    }
    Ok(())
}

fn connection(stream: TcpStream, router: Router) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEADER_MS_MAX))
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}
