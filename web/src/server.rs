//! Accepts connections and serves the router on each. Invariant: connections, header time and the wait at the
//! end are bounded; where all places are taken the connection that has been quiet longest gives way, so that
//! idle or slow clients cannot keep others out.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use crate::CONNECTIONS_MAX;
use crate::places::Places;
use crate::router::router;
use crate::state::WebState;

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
pub async fn serve(
    listener: std::net::TcpListener,
    state: Arc<WebState>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let service = TowerToHyperService::new(router(state));
    let places = Places::new(CONNECTIONS_MAX);
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            // First whoever comes, then a place: nobody has to go before it is needed.
            let stream = listener.accept().await;
            (stream, places.take().await)
        };
        let (stream, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        match stream {
            Ok((stream, _)) => {
                let (here, inner) = (Arc::clone(&place), service.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let busy = here.busy();
                    let answer = inner.call(request);
                    async move {
                        let response = answer.await;
                        drop(busy);
                        response
                    }
                });
                let watched = graceful.watch(http().serve_connection(TokioIo::new(stream), answer));
                tokio::spawn(async move {
                    tokio::select! {
                        ended = watched => if let Err(error) = ended {
                            tracing::debug!(%error, "HTTP connection ended early");
                        },
                        () = place.told_to_go() => tracing::debug!("a quiet HTTP connection gave way"),
                    }
                });
            }
            Err(error) => {
                drop(place);
                tracing::warn!(%error, "HTTP accept failed");
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(Duration::from_millis(LAST_REQUESTS_MS), graceful.shutdown()).await.is_err() {
        tracing::warn!("HTTP requests in progress were cut off");
    }
    Ok(())
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEADER_MS_MAX))
        .max_buf_size(HEADER_BYTES_MAX);
    http
}
