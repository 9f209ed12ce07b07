//! SIP over TCP (RFC 3261 §18, RFC 5626 §4.4.1): one task accepts, one reads and one writes per connection. Bounded everything:
//! connections per source, queue per connection, idle time. An address that is nobody's is closed without a byte.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use node::Source;
use sip::flow::{Flow, Transport};
use sip::{Frame, Framer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::{Mutex, mpsc};

use crate::run::fabric::{Fabric, Letter};

/// Messages that wait to be written to one connection.
const QUEUE_PER_CONNECTION: usize = 1_024;
/// Time for a connection to open, before it counts as unreachable.
const CONNECT_SECS: u64 = 4;
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
    fabric: Arc<Fabric>,
    limits: Limits,
    next: AtomicU64,
    open: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_id: HashMap<u64, Connection>,
    /// The connection that requests to this address share (RFC 5923).
    by_peer: HashMap<SocketAddr, u64>,
}

struct Connection {
    peer: SocketAddr,
    queue: mpsc::Sender<Bytes>,
}

impl Streams {
    pub(crate) fn new(fabric: Arc<Fabric>, limits: Limits) -> Arc<Self> {
        Arc::new(Self { fabric, limits, next: AtomicU64::new(1), open: Mutex::default() })
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
            if self.fabric.tables.load().source(peer.ip()) == Source::Unknown {
                self.fabric.unknown_sources.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let table = self.open.lock().await;
            let of_source = table.by_id.values().filter(|connection| connection.peer.ip() == peer.ip()).count();
            if of_source >= self.limits.per_source as usize || table.by_id.len() >= CONNECTIONS_MAX {
                tracing::warn!(%peer, of_source, "TCP connection refused: too many");
                continue;
            }
            drop(table);
            Arc::clone(&self).begin(stream, local, peer, None).await;
        }
    }

    /// Sends what the shards want sent, for ever.
    pub(crate) async fn deliver(self: Arc<Self>, mut outgoing: mpsc::Receiver<Outgoing>) {
        while let Some(message) = outgoing.recv().await {
            let mut table = self.open.lock().await;
            let known = if message.flow.conn == 0 { table.by_peer.get(&message.flow.peer).copied() } else { Some(message.flow.conn) };
            match known.and_then(|id| table.by_id.get(&id)) {
                Some(connection) => {
                    if connection.queue.try_send(message.bytes).is_err() {
                        drop(table);
                        self.fabric.post(message.shard, Letter::Unreachable(message.flow));
                    }
                }
                None if message.flow.conn == 0 => {
                    // Further messages to this peer queue behind this one while it opens.
                    let id = self.next.fetch_add(1, Ordering::Relaxed);
                    let (queue, waiting) = mpsc::channel(QUEUE_PER_CONNECTION);
                    // A fresh queue has room.
                    let _ = queue.try_send(message.bytes);
                    table.by_peer.insert(message.flow.peer, id);
                    table.by_id.insert(id, Connection { peer: message.flow.peer, queue });
                    drop(table);
                    tokio::spawn(Arc::clone(&self).connect(id, message.flow, waiting));
                }
                None => {
                    drop(table);
                    self.fabric.post(message.shard, Letter::Unreachable(message.flow));
                }
            }
        }
    }

    async fn connect(self: Arc<Self>, id: u64, flow: Flow, waiting: mpsc::Receiver<Bytes>) {
        let opening = tokio::time::timeout(Duration::from_secs(CONNECT_SECS), TcpStream::connect(flow.peer));
        match opening.await {
            Ok(Ok(stream)) => {
                let local = flow.local;
                self.begin(stream, local, flow.peer, Some((id, waiting))).await;
            }
            Ok(Err(_)) | Err(_) => {
                self.forget(id).await;
                self.fabric.broadcast(|| Letter::Unreachable(flow));
            }
        }
    }

    /// Starts the two tasks of a connection; `opened` is one that we made.
    async fn begin(self: Arc<Self>, stream: TcpStream, local: SocketAddr, peer: SocketAddr, opened: Option<(u64, mpsc::Receiver<Bytes>)>) {
        // Small messages; waiting for more to say would only delay them.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let (id, waiting) = match opened {
            Some(opened) => opened,
            None => {
                let id = self.next.fetch_add(1, Ordering::Relaxed);
                let (queue, waiting) = mpsc::channel(QUEUE_PER_CONNECTION);
                let mut table = self.open.lock().await;
                table.by_peer.entry(peer).or_insert(id);
                table.by_id.insert(id, Connection { peer, queue });
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
            let Ok(Ok(count @ 1..)) = read else { break };
            framer.push(&buffer[..count]);
            if !self.frames(&mut framer, flow).await {
                break;
            }
        }
        self.forget(flow.conn).await;
        // Requests that were sent on this connection and heard nothing must not wait for their timers.
        let shared = Flow { conn: 0, ..flow };
        self.fabric.broadcast(|| Letter::Unreachable(flow));
        self.fabric.broadcast(|| Letter::Unreachable(shared));
    }

    /// Hands whole messages on; false when the stream cannot be trusted any more.
    async fn frames(&self, framer: &mut Framer, flow: Flow) -> bool {
        while let Some(frame) = framer.next() {
            match frame {
                Ok(Frame::Message(message)) => self.hand_on(flow, Ok(message)),
                Ok(Frame::Ping) => self.say(flow.conn, Bytes::from_static(sip::framer::PONG)).await,
                Err(fault) => {
                    let answer = fault.error.response(flow.peer);
                    self.hand_on(flow, Err(fault.error));
                    if fault.close {
                        if let Some(answer) = answer {
                            self.say(flow.conn, answer).await;
                        }
                        return false;
                    }
                }
            }
        }
        true
    }

    fn hand_on(&self, flow: Flow, message: Result<sip::Message, sip::ParseError>) {
        if let Some(shard) = self.fabric.shard_of(&flow, &message) {
            self.fabric.post(shard, Letter::Sip { flow, message });
        }
    }

    async fn say(&self, id: u64, bytes: Bytes) {
        if let Some(connection) = self.open.lock().await.by_id.get(&id) {
            // A peer that does not read its answers gets none.
            let _ = connection.queue.try_send(bytes);
        }
    }

    async fn forget(&self, id: u64) {
        let mut table = self.open.lock().await;
        if let Some(connection) = table.by_id.remove(&id)
            && table.by_peer.get(&connection.peer) == Some(&id)
        {
            table.by_peer.remove(&connection.peer);
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
