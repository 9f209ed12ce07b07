//! What a client sends to a port of WebSockets: the HTTP request, then frames, cut anywhere. The first byte
//! says whether the request is a good one of ours or the input's own.
#![no_main]

use bytes::Bytes;
use futures_util::StreamExt as _;
use libfuzzer_sys::fuzz_target;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

#[path = "../../src/run/streams/upgrade.rs"]
mod upgrade;

const GOOD: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else { return };
    let sent = if first & 1 == 0 { [GOOD, rest].concat() } else { rest.to_vec() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        // Room for all that is sent and answered: neither side waits for the other.
        let (mut server, mut client) = tokio::io::duplex(1 << 20);
        client.write_all(&sent).await.expect("room");
        client.shutdown().await.expect("closed");
        let origins = ["https://phone.example".to_owned()];
        let Ok(heard) = upgrade::upgrade(&mut server, (first & 2 == 0).then_some(&origins[..])).await else {
            return;
        };
        let config = WebSocketConfig::default()
            .write_buffer_size(0)
            .max_message_size(Some(sip::MAX_MESSAGE))
            .max_frame_size(Some(sip::MAX_MESSAGE));
        let mut socket =
            WebSocketStream::from_partially_read(server, heard, Role::Server, Some(config)).await;
        while let Some(Ok(frame)) = socket.next().await {
            if frame.is_text() || frame.is_binary() {
                let data: Bytes = frame.into_data();
                assert!(data.len() <= sip::MAX_MESSAGE, "a frame is bounded");
                // What is no message is dropped.
                let _ = sip::Message::parse(data);
            }
        }
    });
});
