//! SIP over TCP and TLS (RFC 3261 §18, RFC 5626 §4.4.1) and over WebSockets (RFC 7118): which connections
//! there are, and by which of them a message goes.
//!
//! Bounded everything: connections per source, handshakes, queue per connection, idle time where no call
//! lives. An address that is nobody's is closed without a byte.
//!
//! Invariant: what is sent for a TLS name goes only by connections that were verified for it (RFC 5923 §7).

mod accept;
mod admission;
mod connect;
mod connection;
mod said;
mod upgrade;
mod websocket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use sip::flow::{Flow, TlsId, Transport};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::run::router::{Router, ShardMessage};
pub(crate) use admission::{Admission, Admitted, CONNECTIONS_MAX};
use said::Said;

/// Messages that wait to be written to one connection.
const QUEUE_PER_CONNECTION: usize = 1_024;

/// What a shard wants of the streams.
pub(crate) enum Outgoing {
    /// Send a message; the shard is told if it cannot go.
    Message {
        /// Who wants it.
        shard: u8,
        flow: Flow,
        bytes: Bytes,
    },
    /// Close the connections of an address that was locked out, once what waits there is written.
    LockedOut(IpAddr),
}

/// Limits of the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub idle: Duration,
    pub per_source: u32,
}

/// All connections.
pub(crate) struct Streams {
    router: Arc<Router>,
    limits: Limits,
    next: AtomicU64,
    by_id: DashMap<u64, Connection>,
    /// The connection that requests to this peer share (RFC 5923).
    by_peer: DashMap<Peer, u64>,
    admission: Arc<Admission>,
    said: Said,
}

/// Who is at the other end, by what, and whose certificate it showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Peer(Transport, TlsId, SocketAddr);

struct Connection {
    peer: Peer,
    queue: mpsc::Sender<Bytes>,
}

/// A connection that is known by its number, and what waits to be written to it.
struct Opened {
    id: u64,
    waiting: mpsc::Receiver<Bytes>,
}

// === impl Peer ===

impl Peer {
    const fn of(flow: &Flow) -> Self {
        Self(flow.transport, flow.tls, flow.peer)
    }

    /// The connection of this number to it, as far as that says whose it is.
    const fn flow(&self, conn: u64) -> Flow {
        Flow::stream(self.0, self.2, self.2, conn)
    }
}

// === impl Streams ===

impl Streams {
    pub(crate) fn new(router: Arc<Router>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            router,
            limits,
            next: AtomicU64::new(1),
            by_id: DashMap::new(),
            by_peer: DashMap::new(),
            admission: Arc::new(Admission::new(limits.per_source)),
            said: Said::default(),
        })
    }

    /// Sends what the shards want sent, for ever.
    pub(crate) async fn deliver(self: Arc<Self>, mut outgoing: mpsc::Receiver<Outgoing>) {
        while let Some(wanted) = outgoing.recv().await {
            let (shard, flow, bytes) = match wanted {
                Outgoing::Message { shard, flow, bytes } => (shard, flow, bytes),
                Outgoing::LockedOut(ip) => {
                    self.shut_out(ip);
                    continue;
                }
            };
            let again = match self.queue_of(&flow).map(|queue| queue.try_send(bytes.clone())) {
                Some(Ok(())) => continue,
                // It was closed a moment ago. To who is locked out none is opened.
                None | Some(Err(TrySendError::Closed(_))) => {
                    !flow.transport.is_opened_by_peer() && !self.is_shut_out(&flow)
                }
                Some(Err(TrySendError::Full(_))) => false,
            };
            if !again || !self.open(Flow { conn: 0, ..flow }, bytes) {
                self.router.post(shard, ShardMessage::Unreachable(flow));
            }
        }
    }

    /// Closes the connections of a stranger who was locked out; by others in its /64 they end with their next
    /// message.
    fn shut_out(&self, ip: IpAddr) {
        let of_ip = self.by_id.iter().filter(|connection| connection.peer.2.ip() == ip);
        let ids: Vec<u64> = of_ip
            .filter(|connection| self.is_shut_out(&connection.peer.flow(*connection.key())))
            .map(|connection| *connection.key())
            .collect();
        // Its writer ends behind the last message, and the connection with it.
        ids.into_iter().for_each(|id| self.forget(id));
    }

    /// The connection that a message goes by: its own while that is open, else one to the same peer.
    fn queue_of(&self, flow: &Flow) -> Option<mpsc::Sender<Bytes>> {
        let queue = |id: u64| self.by_id.get(&id).map(|connection| connection.queue.clone());
        let own = if flow.conn == 0 { None } else { queue(flow.conn) };
        own.or_else(|| queue(self.by_peer.get(&Peer::of(flow)).map(|id| *id)?))
    }

    /// Begins a connection; further messages to this peer queue behind the first while it opens. False where
    /// there are too many.
    fn open(self: &Arc<Self>, flow: Flow, first: Bytes) -> bool {
        if self.by_id.len() >= CONNECTIONS_MAX {
            return false;
        }
        let opened = self.register(Peer::of(&flow), Some(first));
        self.by_peer.insert(Peer::of(&flow), opened.id);
        tokio::spawn(Arc::clone(self).connect(flow, opened));
        true
    }

    /// Gives a connection its number and its queue.
    fn register(&self, peer: Peer, first: Option<Bytes>) -> Opened {
        let (queue, waiting) = mpsc::channel(QUEUE_PER_CONNECTION);
        if let Some(first) = first {
            // A fresh queue has room.
            let _ = queue.try_send(first);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.by_id.insert(id, Connection { peer, queue });
        Opened { id, waiting }
    }

    /// A connection that a peer opened.
    fn accepted(&self, flow: &Flow) -> Opened {
        let opened = self.register(Peer::of(flow), None);
        self.by_peer.entry(Peer::of(flow)).or_insert(opened.id);
        opened
    }

    fn say(&self, id: u64, bytes: Bytes) {
        if let Some(connection) = self.by_id.get(&id) {
            // A peer that does not read its answers gets none.
            let _ = connection.queue.try_send(bytes);
        }
    }

    fn forget(&self, id: u64) {
        if let Some((_, connection)) = self.by_id.remove(&id) {
            self.by_peer.remove_if(&connection.peer, |_, known| *known == id);
        }
    }
}
