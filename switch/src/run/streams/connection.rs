//! One open connection: bytes are cut into messages, messages are written one after the other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sip::flow::Flow;
use sip::{Frame, Framer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Admitted, Streams};
use crate::run::router::ShardMessage;
use crate::run::sip_log;

/// Bytes taken at once.
const READ_BYTES: usize = 8 * 1024;
/// Within this a message that has begun has to be there whole: who sends it byte by byte is cut off.
pub(super) const MESSAGE_SECS: u64 = 30;
/// Within this an unknown address has to have sent its first message.
pub(super) const FIRST_MESSAGE_SECS: u64 = 10;
/// For one message to be taken by a peer, and for the last ones before a close.
const WRITE_SECS: u64 = 30;
const LAST_WRITE_SECS: u64 = 5;
/// For the shards to answer what an address sent before it was locked out.
const LAST_ANSWER_SECS: u64 = 2;

impl Streams {
    /// Starts reading and writing a stream of bytes.
    pub(super) fn begin<S>(
        self: &Arc<Self>,
        stream: S,
        flow: Flow,
        waiting: mpsc::Receiver<Bytes>,
        admitted: Option<Admitted>,
    ) where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let streams = Arc::clone(self);
        tokio::spawn(async move {
            let reading = streams.read(reader, flow);
            streams.run(reading, write(writer, waiting), flow, admitted).await;
        });
    }

    /// Reads and writes until either ends; then tells all shards.
    pub(super) async fn run(
        &self,
        reading: impl Future<Output = ()> + Send,
        writing: impl Future<Output = ()> + Send + 'static,
        flow: Flow,
        admitted: Option<Admitted>,
    ) {
        let mut writing = tokio::spawn(writing);
        let is_written = tokio::select! {
            () = reading => false,
            _ = &mut writing => true,
        };
        self.closed(flow);
        // What was said last, as the answer to a message that cannot be trusted.
        if !is_written
            && tokio::time::timeout(Duration::from_secs(LAST_WRITE_SECS), &mut writing).await.is_err()
        {
            writing.abort();
        }
        drop(admitted);
    }

    /// The connection is no more.
    pub(super) fn closed(&self, flow: Flow) {
        self.forget(flow.conn);
        // Requests that were sent on this connection and heard nothing must not wait for their timers.
        self.router.broadcast(|| ShardMessage::Closed(flow));
    }

    /// Whether silence on a connection is no fault, since a call lives on it.
    pub(super) fn is_kept_open(&self, flow: &Flow) -> bool {
        self.router.kept_open.contains_key(&flow.conn)
    }

    async fn read<R: AsyncRead + Unpin>(&self, mut reader: R, flow: Flow) {
        let mut framer = Framer::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut whole_by = None;
        // Who is not known has to say something soon.
        let mut first_by = self.first_by(&flow);
        loop {
            let idle = Instant::now() + self.limits.idle;
            let until = [whole_by, first_by].into_iter().flatten().fold(idle, Instant::min);
            let count = match tokio::time::timeout_at(until, reader.read(&mut buffer)).await {
                Ok(Ok(count @ 1..)) => count,
                Err(_) if whole_by.is_none() && first_by.is_none() && self.is_kept_open(&flow) => continue,
                Ok(Ok(_) | Err(_)) | Err(_) => return,
            };
            let Some(bytes) = buffer.get(..count) else { return };
            framer.push(bytes);
            let Some(messages) = self.frames(&mut framer, flow) else {
                return self.await_last_answers(&flow).await;
            };
            first_by = first_by.filter(|_| messages == 0);
            whole_by = match (framer.is_partial(), messages) {
                (false, _) => None,
                (true, 0) => whole_by.or_else(|| Some(Instant::now() + Duration::from_secs(MESSAGE_SECS))),
                (true, _) => Some(Instant::now() + Duration::from_secs(MESSAGE_SECS)),
            };
        }
    }

    /// Hands whole messages on, and says how many; none when the stream cannot be trusted any more.
    fn frames(&self, framer: &mut Framer, flow: Flow) -> Option<usize> {
        let mut messages = 0;
        while let Some(frame) = framer.next() {
            match frame {
                Ok(Frame::Message(message)) => {
                    messages += 1;
                    self.hand_on(flow, Ok(message));
                    if self.is_shut_out(&flow) {
                        return None;
                    }
                }
                Ok(Frame::Ping) => self.say(flow.conn, Bytes::from_static(sip::framer::PONG)),
                Err(fault) => {
                    if fault.close {
                        // Answered here: a shard's answer could come after the close, and would open another.
                        if let Some(answer) = fault.error.response(flow.peer) {
                            self.say(flow.conn, answer);
                        }
                        return None;
                    }
                    self.hand_on(flow, Err(fault.error));
                }
            }
        }
        Some(messages)
    }

    pub(super) fn hand_on(&self, flow: Flow, message: Result<sip::Message, sip::ParseError>) {
        sip_log::received(&flow, &message);
        if let Some((shard, arrival)) = self.router.find(flow, message) {
            self.router.share(shard, &arrival);
            self.router.post(shard, ShardMessage::Sip(Box::new(arrival)));
        }
    }

    /// When an unknown address has to have sent its first message.
    pub(super) fn first_by(&self, flow: &Flow) -> Option<Instant> {
        let ip = flow.peer.ip();
        (!self.router.is_known(ip)).then(|| Instant::now() + Duration::from_secs(FIRST_MESSAGE_SECS))
    }

    /// On a connection that is shut out nothing more is read, but it stays open until the shards have
    /// answered what came before: the one that locked the address out has it closed behind its last answer
    /// ([`super::Outgoing::LockedOut`]), which ends the writer, and the reader with it.
    pub(super) async fn await_last_answers(&self, flow: &Flow) {
        if self.is_shut_out(flow) {
            tokio::time::sleep(Duration::from_secs(LAST_ANSWER_SECS)).await;
        }
    }

    /// Whether an unknown address was locked out since it connected, or no unknown address is heard any more.
    pub(super) fn is_shut_out(&self, flow: &Flow) -> bool {
        let ip = flow.peer.ip();
        !self.router.is_known(ip) && !self.router.is_open_to(ip) && !self.is_kept_open(flow)
    }
}

/// Writes until the connection is forgotten, or the peer takes nothing more; then closes our half.
async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut waiting: mpsc::Receiver<Bytes>) {
    let limit = Duration::from_secs(WRITE_SECS);
    while let Some(bytes) = waiting.recv().await {
        let written = async {
            writer.write_all(&bytes).await?;
            // TLS may hold back what it encrypted.
            writer.flush().await
        };
        if !matches!(tokio::time::timeout(limit, written).await, Ok(Ok(()))) {
            return;
        }
    }
    let _ = tokio::time::timeout(limit, writer.shutdown()).await;
}
