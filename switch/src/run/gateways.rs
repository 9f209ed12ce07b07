//! H.323 over TCP: call signalling on the listener of `[h323]`, and connections for H.245 that calls ask for.
//!
//! Bounded everything: connections per source and in all, the time for a frame, the queue of a
//! connection, the time in which nothing lives on it. An address that is nobody's is closed without a
//! byte.
//!
//! Invariant: a frame goes to the shard of its call, by the call reference that its Setup had.

mod accept;
mod connection;
mod references;
mod sockets;
mod whose;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use node::{GatewayCommand, GatewayEvent};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::run::router::{Router, ShardMessage};
use crate::run::streams::{Admission, CONNECTIONS_MAX};

/// Pieces that wait to be written to one connection.
const QUEUE_PER_CONNECTION: usize = 256;
/// Time for a connection to open, less than the time that a carrier has for its first word.
const CONNECT: Duration = Duration::from_secs(3);
/// So long a call's H.245 listener waits for its peer.
const LISTEN: Duration = Duration::from_secs(60);

/// What a shard wants.
pub(crate) struct Wanted {
    pub shard: u8,
    pub command: GatewayCommand,
}

/// All connections of H.323.
pub(crate) struct Gateways {
    router: Arc<Router>,
    next: AtomicU64,
    by_id: DashMap<u64, Connection>,
    admission: Arc<Admission>,
}

/// What a connection is known by.
enum Connection {
    /// It opens, or is waited for; dropped, it is given up.
    Opening(#[allow(dead_code, reason = "its drop is what counts")] oneshot::Sender<()>),
    /// Dropped, it is closed once all is written.
    Open(mpsc::Sender<Bytes>),
}

// === impl Gateways ===

impl Gateways {
    /// `per_source`: most signalling connections of one address.
    pub(crate) fn new(router: Arc<Router>, per_source: u32) -> Arc<Self> {
        Arc::new(Self {
            router,
            next: AtomicU64::new(1),
            by_id: DashMap::new(),
            admission: Arc::new(Admission::new(per_source)),
        })
    }

    /// Does what the shards want, for ever.
    pub(crate) async fn serve(self: Arc<Self>, mut wanted: mpsc::Receiver<Wanted>) {
        while let Some(Wanted { shard, command }) = wanted.recv().await {
            match command {
                GatewayCommand::Connect { conn, peer, from } => self.open(shard, conn, (from, peer)),
                GatewayCommand::Listen { conn, ip, peer } => self.listen(shard, conn, (ip, peer)).await,
                GatewayCommand::Send { conn, bytes } => self.send(shard, conn, bytes),
                // What waits is written first.
                GatewayCommand::Close { conn } => drop(self.by_id.remove(&conn)),
            }
        }
    }

    fn send(&self, shard: u8, conn: u64, bytes: Bytes) {
        let sent = match self.by_id.get(&conn).as_deref() {
            Some(Connection::Open(queue)) => queue.try_send(bytes).is_ok(),
            Some(Connection::Opening(_)) | None => false,
        };
        if !sent {
            // A peer that does not read is as good as gone.
            self.by_id.remove(&conn);
            self.tell(shard, GatewayEvent::Closed { conn });
        }
    }

    fn tell(&self, shard: u8, event: GatewayEvent) {
        self.router.post(shard, ShardMessage::Gateway(event));
    }

    /// Opens a connection, in bounded time.
    fn open(self: &Arc<Self>, shard: u8, conn: u64, (from, peer): (Option<IpAddr>, SocketAddr)) {
        if self.by_id.len() >= CONNECTIONS_MAX {
            return self.tell(shard, GatewayEvent::Closed { conn });
        }
        let (given_up, is_given_up) = oneshot::channel();
        self.by_id.insert(conn, Connection::Opening(given_up));
        let gateways = Arc::clone(self);
        tokio::spawn(async move {
            let opened = tokio::select! {
                opened = tokio::time::timeout(CONNECT, sockets::connect(from, peer)) => opened,
                _ = is_given_up => return,
            };
            match opened {
                Ok(Ok(stream)) => gateways.opened(shard, conn, stream),
                Ok(Err(error)) => gateways.failed(shard, conn, peer, &error.to_string()),
                Err(_) => gateways.failed(shard, conn, peer, "nothing came of it"),
            }
        });
    }

    fn failed(&self, shard: u8, conn: u64, peer: SocketAddr, why: &str) {
        tracing::debug!(%peer, why, "no connection for H.323");
        if self.by_id.remove(&conn).is_some() {
            self.tell(shard, GatewayEvent::Closed { conn });
        }
    }

    /// Waits for the connection of one peer, for H.245.
    async fn listen(self: &Arc<Self>, shard: u8, conn: u64, (ip, peer): (IpAddr, IpAddr)) {
        let bound = match TcpListener::bind((ip, 0)).await {
            Ok(listener) if self.by_id.len() < CONNECTIONS_MAX => {
                listener.local_addr().map(|at| (listener, at))
            }
            Ok(_) => Err(std::io::Error::other("too many connections")),
            Err(error) => Err(error),
        };
        let (listener, at) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                tracing::warn!(%ip, %error, "no listener for H.245");
                return self.tell(shard, GatewayEvent::Closed { conn });
            }
        };
        let (given_up, is_given_up) = oneshot::channel();
        self.by_id.insert(conn, Connection::Opening(given_up));
        self.tell(shard, GatewayEvent::Listening { conn, at });
        let gateways = Arc::clone(self);
        tokio::spawn(async move {
            let accepted = tokio::select! {
                accepted = tokio::time::timeout(LISTEN, sockets::accept_from(&listener, peer)) => accepted,
                _ = is_given_up => return,
            };
            match accepted {
                Ok(stream) => gateways.opened(shard, conn, stream),
                Err(_) => gateways.failed(shard, conn, (peer, 0).into(), "nobody came for H.245"),
            }
        });
    }

    /// A connection that a shard asked for is open: it is that shard's alone.
    fn opened(self: &Arc<Self>, shard: u8, conn: u64, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (queue, waiting) = mpsc::channel(QUEUE_PER_CONNECTION);
        let Ok(local) = stream.local_addr() else { return };
        {
            let Some(mut known) = self.by_id.get_mut(&conn) else { return };
            *known = Connection::Open(queue);
        }
        self.tell(shard, GatewayEvent::Connected { conn, local });
        tokio::spawn(Arc::clone(self).run(stream, conn, waiting, whose::Whose::Shard(shard)));
    }

    /// A connection that a gateway opened; its number.
    fn register(&self) -> (u64, mpsc::Receiver<Bytes>) {
        let (queue, waiting) = mpsc::channel(QUEUE_PER_CONNECTION);
        let conn = self.next.fetch_add(1, Ordering::Relaxed);
        self.by_id.insert(conn, Connection::Open(queue));
        (conn, waiting)
    }
}
