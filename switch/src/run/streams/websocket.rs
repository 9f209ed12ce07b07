//! SIP over a WebSocket (RFC 7118 §5): one message in a frame, text or binary. Pings keep the way through a
//! NAT open; who answers none is closed as who is idle.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sip::Message;
use sip::flow::Flow;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Frame, Utf8Bytes};

use super::{Admitted, Streams};

/// Bytes read at once.
const READ_BYTES: usize = 8 * 1024;
/// Without anything to say for so long, a ping is sent.
const PING_SECS: u64 = 30;
/// For one frame to be taken by a peer.
const WRITE_SECS: u64 = 30;
/// A keep-alive as it is sent over streams, and its answer (RFC 5626 §4.4.1).
const PING: &[u8] = b"\r\n\r\n";

impl Streams {
    /// Starts reading and writing a WebSocket that was just opened; `heard` came behind the request.
    pub(super) async fn take_frames<S>(
        self: &Arc<Self>,
        stream: S,
        heard: Vec<u8>,
        flow: Flow,
        admitted: Admitted,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(sip::MAX_MESSAGE))
            .max_frame_size(Some(sip::MAX_MESSAGE));
        let socket = WebSocketStream::from_partially_read(stream, heard, Role::Server, Some(config)).await;
        let opened = self.accepted(&flow);
        let flow = Flow { conn: opened.id, ..flow };
        let (sink, frames) = socket.split();
        let streams = Arc::clone(self);
        tokio::spawn(async move {
            let reading = streams.read_frames(frames, flow);
            streams.run(reading, write_frames(sink, opened.waiting), flow, Some(admitted)).await;
        });
    }

    async fn read_frames(&self, mut frames: impl Stream<Item = Result<Frame, Error>> + Unpin, flow: Flow) {
        let mut first_by = self.first_by(&flow);
        loop {
            let idle = Instant::now() + self.limits.idle;
            let until = first_by.map_or(idle, |first_by| first_by.min(idle));
            let frame = match tokio::time::timeout_at(until, frames.next()).await {
                Ok(Some(Ok(frame))) => frame,
                Err(_) if first_by.is_none() && self.is_kept_open(&flow) => continue,
                // Closed, broken, larger than a message may be, or silent.
                Ok(Some(Err(_)) | None) | Err(_) => return,
            };
            match frame {
                Frame::Text(_) | Frame::Binary(_) => {
                    first_by = None;
                    self.take_frame(frame.into_data(), flow);
                    if self.is_shut_out(&flow) {
                        return self.await_last_answers(&flow).await;
                    }
                }
                // Answered by the library.
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
                Frame::Close(_) => return,
            }
        }
    }

    fn take_frame(&self, bytes: Bytes, flow: Flow) {
        match &*bytes {
            PING => self.say(flow.conn, Bytes::from_static(sip::framer::PONG)),
            b"" | b"\r\n" => {}
            _ => self.hand_on(flow, Message::parse(bytes)),
        }
    }
}

/// Writes until the connection is forgotten, or the peer takes nothing more; then says so.
async fn write_frames(mut sink: impl Sink<Frame, Error = Error> + Unpin, mut waiting: mpsc::Receiver<Bytes>) {
    let limit = Duration::from_secs(WRITE_SECS);
    loop {
        let frame = match tokio::time::timeout(Duration::from_secs(PING_SECS), waiting.recv()).await {
            Ok(Some(bytes)) => framed(bytes),
            Ok(None) => break,
            Err(_) => Frame::Ping(Bytes::new()),
        };
        if !matches!(tokio::time::timeout(limit, sink.send(frame)).await, Ok(Ok(()))) {
            return;
        }
    }
    // RFC 6455 §7.1.1.
    let _ = tokio::time::timeout(limit, sink.close()).await;
}

/// Text where it is (RFC 7118 §4.2).
fn framed(bytes: Bytes) -> Frame {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Frame::Text(text),
        Err(_) => Frame::Binary(bytes),
    }
}
