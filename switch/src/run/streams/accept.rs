//! Connections that peers open: who may, how many, and the handshakes of TLS and WebSockets, in
//! bounded time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sip::flow::{Flow, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::admission::Handshake;
use super::connect::words;
use super::upgrade::upgrade;
use super::{Admitted, Streams};

/// Time for all handshakes of one connection together.
const HANDSHAKE_SECS: u64 = 10;
/// A pause where the system has no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(50);

impl Streams {
    /// Accepts on one listener for ever.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener, transport: Transport) {
        let Ok(local) = listener.local_addr() else { return };
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(NO_ROOM_PAUSE).await;
                    continue;
                }
            };
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            if !self.router.is_known(peer.ip()) && !self.router.is_open_to(peer.ip()) {
                self.router.stranger(peer.ip());
                continue;
            }
            let admitted = self.admission.admit(peer.ip());
            let handshake = admitted.as_ref().and_then(|_| self.admission.handshake(peer.ip()));
            let (Some(admitted), Some(handshake)) = (admitted, handshake) else {
                if self.said.may_say_of(peer.ip(), self.router.clock.now().tick) {
                    tracing::warn!(%peer, "connections refused: this address, or all together, have too many");
                }
                continue;
            };
            // Small messages; waiting for more to say would only delay them.
            let _ = stream.set_nodelay(true);
            let flow = Flow::stream(transport, local, peer, 0);
            match transport {
                Transport::Tcp | Transport::Udp | Transport::H323 => self.take(stream, flow, admitted),
                Transport::Tls | Transport::Ws | Transport::Wss => {
                    let shaken = Arc::clone(&self).shake_hands(stream, flow, (admitted, handshake));
                    tokio::spawn(shaken);
                }
            }
        }
    }

    async fn shake_hands(
        self: Arc<Self>,
        stream: TcpStream,
        flow: Flow,
        (admitted, handshake): (Admitted, Handshake),
    ) {
        let limit = Duration::from_secs(HANDSHAKE_SECS);
        let why = match tokio::time::timeout(limit, self.open_session(stream, flow, admitted)).await {
            Ok(Ok(())) => return drop(handshake),
            Ok(Err(why)) => why,
            Err(_) => format!("it took longer than {HANDSHAKE_SECS} s"),
        };
        drop(handshake);
        if self.said.may_say_of(flow.peer.ip(), self.router.clock.now().tick) {
            let transport = flow.transport.via_name();
            tracing::warn!(peer = %flow.peer, transport, why, "connection from a known address did not come about");
        }
    }

    /// TLS, and what is spoken under it.
    async fn open_session(
        self: &Arc<Self>,
        mut stream: TcpStream,
        flow: Flow,
        admitted: Admitted,
    ) -> Result<(), String> {
        let settings = self.router.stream_settings.load_full();
        let origins = settings.ws_origins.as_deref();
        if !flow.transport.is_encrypted() {
            let heard = upgrade(&mut stream, origins).await?;
            self.take_frames(stream, heard, flow, admitted).await;
            return Ok(());
        }
        let Some(server) = settings.tls.server.clone() else {
            return Err("there is no [sip.tls] in the configuration any more".to_owned());
        };
        let mut secured = TlsAcceptor::from(server).accept(stream).await.map_err(|error| words(&error))?;
        if flow.transport.is_opened_by_peer() {
            let heard = upgrade(&mut secured, origins).await?;
            self.take_frames(secured, heard, flow, admitted).await;
        } else {
            self.take(secured, flow, admitted);
        }
        Ok(())
    }

    /// Starts reading and writing a connection that a peer opened.
    fn take<S>(self: &Arc<Self>, stream: S, flow: Flow, admitted: Admitted)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let opened = self.accepted(&flow);
        self.begin(stream, Flow { conn: opened.id, ..flow }, opened.waiting, Some(admitted));
    }
}
