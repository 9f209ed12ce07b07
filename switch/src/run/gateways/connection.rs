//! One open connection: bytes are cut into frames, pieces are written one after the other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h323::q931::{Frame, Framer};
use node::GatewayEvent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::Gateways;
use super::whose::Whose;

/// Bytes taken at once.
const READ_BYTES: usize = 8 * 1024;
/// The first frame has to be there by then.
const FIRST_FRAME: Duration = Duration::from_secs(10);
/// Within this a frame that has begun has to be there whole.
const WHOLE_FRAME: Duration = Duration::from_secs(30);
/// So long a connection may be open without a call.
const WITHOUT_CALL: Duration = Duration::from_secs(60);
/// For one piece to be taken by the peer, and for the last ones before a close.
const WRITE: Duration = Duration::from_secs(30);
const LAST_WRITE: Duration = Duration::from_secs(3);

impl Gateways {
    /// Reads and writes until either ends; then tells the shards that know the connection.
    pub(super) async fn run(
        self: Arc<Self>,
        stream: TcpStream,
        conn: u64,
        waiting: mpsc::Receiver<Bytes>,
        mut whose: Whose,
    ) {
        let (reader, mut writer) = stream.into_split();
        let (sent, mut said) = mpsc::channel(super::QUEUE_PER_CONNECTION);
        let watched = matches!(whose, Whose::Calls(..)).then_some(sent);
        let mut writing = tokio::spawn(async move {
            write(&mut writer, waiting, watched).await;
            let _ = timeout(LAST_WRITE, writer.shutdown()).await;
        });
        let is_written = tokio::select! {
            () = self.read(reader, conn, &mut whose, &mut said) => false,
            _ = &mut writing => true,
        };
        self.by_id.remove(&conn);
        let told = match &whose {
            Whose::Shard(shard) => std::slice::from_ref(shard),
            Whose::Calls(references, _) => references.told(),
        };
        for shard in told {
            self.tell(*shard, GatewayEvent::Closed { conn });
        }
        if !is_written && timeout(LAST_WRITE, &mut writing).await.is_err() {
            writing.abort();
        }
    }

    async fn read(
        &self,
        mut reader: OwnedReadHalf,
        conn: u64,
        whose: &mut Whose,
        said: &mut mpsc::Receiver<Bytes>,
    ) {
        let (mut framer, mut buffer) = (Framer::new(), vec![0; READ_BYTES]);
        let mut whole_by = None;
        let mut idle_by = Some(Instant::now() + FIRST_FRAME);
        loop {
            let far = Instant::now() + Duration::from_secs(86_400);
            let until = [whole_by, idle_by].into_iter().flatten().fold(far, Instant::min);
            let read = tokio::select! {
                read = timeout_at(until, reader.read(&mut buffer)) => read,
                Some(bytes) = said.recv() => {
                    note_sent(whose, &bytes);
                    idle_by = idle_of(whose, idle_by);
                    continue;
                }
            };
            let count = match read {
                Ok(Ok(count @ 1..)) => count,
                Err(_) if whole_by.is_none() && idle_by.is_none() => continue,
                Ok(Ok(_) | Err(_)) | Err(_) => return,
            };
            let Some(bytes) = buffer.get(..count) else { return };
            framer.push(bytes);
            let mut frames = 0;
            while let Some(frame) = framer.next() {
                match frame {
                    Ok(Frame::Message(content)) => self.hand_on(conn, whose, content.into()),
                    Ok(Frame::KeepAlive) => {}
                    Err(fault) => return tracing::debug!(conn, %fault, "H.323 connection closed"),
                }
                frames += 1;
            }
            idle_by = idle_of(whose, idle_by);
            whole_by = match (framer.is_partial(), frames) {
                (false, _) => None,
                (true, 0) => whole_by.or_else(|| Some(Instant::now() + WHOLE_FRAME)),
                (true, _) => Some(Instant::now() + WHOLE_FRAME),
            };
        }
    }

    /// A frame goes to the shard of its call; one of no call is dropped.
    fn hand_on(&self, conn: u64, whose: &mut Whose, content: Bytes) {
        let shard = match whose {
            Whose::Shard(shard) => *shard,
            Whose::Calls(references, _) => {
                let Some(signal) = node::signal_of(&content) else { return };
                let ip = references.peer.ip();
                let found = references.shard_of(signal, || self.router.shard_of_setup(ip, &content));
                let Some((shard, is_new)) = found else { return };
                if is_new {
                    let (local, peer) = (references.local, references.peer);
                    self.tell(shard, GatewayEvent::Opened { conn, local, peer });
                }
                shard
            }
        };
        self.tell(shard, GatewayEvent::Frame { conn, content });
    }
}

/// By when a connection without a call is closed; none while one lives on it, or while it is a call's own.
fn idle_of(whose: &Whose, before: Option<Instant>) -> Option<Instant> {
    match whose {
        Whose::Shard(_) => None,
        Whose::Calls(references, _) if references.are_none() => {
            before.or_else(|| Some(Instant::now() + WITHOUT_CALL))
        }
        Whose::Calls(..) => None,
    }
}

/// What we sent may end a call. Pieces are whole frames.
fn note_sent(whose: &mut Whose, bytes: &[u8]) {
    let Whose::Calls(references, _) = whose else { return };
    let mut framer = Framer::new();
    framer.push(bytes);
    while let Some(Ok(frame)) = framer.next() {
        if let Frame::Message(content) = frame
            && let Some(signal) = node::signal_of(&content)
        {
            references.sent(signal);
        }
    }
}

/// Writes until the connection is forgotten, or the peer takes nothing more.
async fn write(
    writer: &mut (impl AsyncWriteExt + Unpin),
    mut waiting: mpsc::Receiver<Bytes>,
    watched: Option<mpsc::Sender<Bytes>>,
) {
    while let Some(bytes) = waiting.recv().await {
        if !matches!(timeout(WRITE, writer.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
        if let Some(watched) = &watched
            && watched.send(bytes).await.is_err()
        {
            return;
        }
    }
}
