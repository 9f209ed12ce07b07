//! SIP over TCP (RFC 3261 §18, RFC 5626 §4.4.1): one task accepts, one reads and one writes per connection.
//! Bounded everything: connections per source, queue per connection, idle time where no call lives. An
//! address that is nobody's is closed without a byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use sip::flow::{Flow, Transport};
use sip::{Frame, Framer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::run::router::{Router, ShardMessage};
use crate::run::sip_log;

/// Messages that wait to be written to one connection.
const QUEUE_PER_CONNECTION: usize = 1_024;
/// Time for a connection to open, before it counts as unreachable: less than `first_response_ms`, so that a
/// large INVITE which a firewall swallows still goes out as a datagram.
const CONNECT_SECS: u64 = 3;
/// Connections in all.
const CONNECTIONS_MAX: usize = 8_192;

/// A message for a stream; the shard is told if it cannot go.
pub(crate) struct Outgoing {
    pub shard: u8,
    pub flow: Flow,
    pub bytes: Bytes,
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
    /// The connection that requests to this address share (RFC 5923).
    by_peer: DashMap<SocketAddr, u64>,
}

struct Connection {
    peer: SocketAddr,
    queue: mpsc::Sender<Bytes>,
}

impl Streams {
    pub(crate) fn new(router: Arc<Router>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            router,
            limits,
            next: AtomicU64::new(1),
            by_id: DashMap::new(),
            by_peer: DashMap::new(),
        })
    }

    /// Accepts on one listener for ever.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        let Ok(local) = listener.local_addr() else { return };
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "TCP connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            if !self.router.is_known(peer.ip()) {
                self.router.stranger(peer.ip());
                continue;
            }
            let of_source = self.by_id.iter().filter(|connection| connection.peer.ip() == peer.ip()).count();
            if of_source >= self.limits.per_source as usize || self.by_id.len() >= CONNECTIONS_MAX {
                tracing::warn!(%peer, of_source, "TCP connection refused: too many");
                continue;
            }
            Arc::clone(&self).begin(stream, local, peer, None);
        }
    }

    /// Sends what the shards want sent, for ever.
    pub(crate) async fn deliver(self: Arc<Self>, mut outgoing: mpsc::Receiver<Outgoing>) {
        while let Some(Outgoing { shard, flow, bytes }) = outgoing.recv().await {
            let Some(queue) = self.queue_of(&flow) else {
                self.open(Flow { conn: 0, ..flow }, bytes);
                continue;
            };
            match queue.try_send(bytes) {
                Ok(()) => {}
                // It was closed a moment ago.
                Err(TrySendError::Closed(bytes)) => self.open(Flow { conn: 0, ..flow }, bytes),
                Err(TrySendError::Full(_)) => {
                    self.router.post(shard, ShardMessage::Unreachable(flow));
                }
            }
        }
    }

    /// The connection that a message goes by: its own while that is open, else one to the same peer.
    fn queue_of(&self, flow: &Flow) -> Option<mpsc::Sender<Bytes>> {
        let queue = |id: u64| self.by_id.get(&id).map(|connection| connection.queue.clone());
        let own = if flow.conn == 0 { None } else { queue(flow.conn) };
        own.or_else(|| queue(self.by_peer.get(&flow.peer).map(|id| *id)?))
    }

    /// Begins a connection; further messages to this peer queue behind the first while it opens.
    fn open(self: &Arc<Self>, flow: Flow, first: Bytes) {
        let (queue, waiting) = mpsc::channel(QUEUE_PER_CONNECTION);
        // A fresh queue has room.
        let _ = queue.try_send(first);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.by_peer.insert(flow.peer, id);
        self.by_id.insert(id, Connection { peer: flow.peer, queue });
        tokio::spawn(Arc::clone(self).connect(id, flow, waiting));
    }

    async fn connect(self: Arc<Self>, id: u64, flow: Flow, waiting: mpsc::Receiver<Bytes>) {
        let opening = tokio::time::timeout(Duration::from_secs(CONNECT_SECS), TcpStream::connect(flow.peer));
        match opening.await {
            Ok(Ok(stream)) => {
                self.begin(stream, flow.local, flow.peer, Some((id, waiting)));
            }
            Ok(Err(_)) | Err(_) => {
                self.forget(id);
                self.router.broadcast(|| ShardMessage::Unreachable(flow));
            }
        }
    }

    /// Starts the two tasks of a connection; `opened` is one that we made.
    fn begin(
        self: Arc<Self>,
        stream: TcpStream,
        local: SocketAddr,
        peer: SocketAddr,
        opened: Option<(u64, mpsc::Receiver<Bytes>)>,
    ) {
        // Small messages; waiting for more to say would only delay them.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let (id, waiting) = match opened {
            Some(opened) => opened,
            None => {
                let id = self.next.fetch_add(1, Ordering::Relaxed);
                let (queue, waiting) = mpsc::channel(QUEUE_PER_CONNECTION);
                self.by_peer.entry(peer).or_insert(id);
                self.by_id.insert(id, Connection { peer, queue });
                (id, waiting)
            }
        };
        let flow = Flow::stream(Transport::Tcp, local, peer, id);
        tokio::spawn(write(writer, waiting));
        tokio::spawn(self.read(reader, flow));
    }

    async fn read(self: Arc<Self>, mut reader: tcp::OwnedReadHalf, flow: Flow) {
        let mut framer = Framer::new();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = tokio::time::timeout(self.limits.idle, reader.read(&mut buffer)).await;
            let count = match read {
                Ok(Ok(count @ 1..)) => count,
                // Silence is no fault where a call lives.
                Err(_) if self.router.kept_open.contains_key(&flow.conn) => continue,
                Ok(Ok(_) | Err(_)) | Err(_) => break,
            };
            framer.push(&buffer[..count]);
            if !self.frames(&mut framer, flow) {
                break;
            }
        }
        self.forget(flow.conn);
        // Requests that were sent on this connection and heard nothing must not wait for their timers.
        self.router.broadcast(|| ShardMessage::Closed(flow));
    }

    /// Hands whole messages on; false when the stream cannot be trusted any more.
    fn frames(&self, framer: &mut Framer, flow: Flow) -> bool {
        while let Some(frame) = framer.next() {
            match frame {
                Ok(Frame::Message(message)) => self.hand_on(flow, Ok(message)),
                Ok(Frame::Ping) => self.say(flow.conn, Bytes::from_static(sip::framer::PONG)),
                Err(fault) => {
                    if fault.close {
                        // Answered here: a shard's answer could come after the close, and would open another.
                        if let Some(answer) = fault.error.response(flow.peer) {
                            self.say(flow.conn, answer);
                        }
                        return false;
                    }
                    self.hand_on(flow, Err(fault.error));
                }
            }
        }
        true
    }

    fn hand_on(&self, flow: Flow, message: Result<sip::Message, sip::ParseError>) {
        sip_log::received(&flow, &message);
        if let Some((shard, arrival)) = self.router.find(flow, message) {
            self.router.post(shard, ShardMessage::Sip(Box::new(arrival)));
        }
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

/// Writes until the connection is forgotten; then closes our half.
async fn write(mut writer: tcp::OwnedWriteHalf, mut waiting: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = waiting.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            break;
        }
    }
    let _ = writer.shutdown().await;
}
