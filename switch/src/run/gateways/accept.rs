//! Connections that gateways open: of known addresses, so many of one and in all.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::Gateways;
use super::connection::Whose;
use super::references::References;

/// A pause where the system has no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(50);

impl Gateways {
    /// Accepts for ever.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "H.323 connection not accepted");
                    tokio::time::sleep(NO_ROOM_PAUSE).await;
                    continue;
                }
            };
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            if !self.router.is_known_gateway(peer.ip()) {
                self.router.stranger(peer.ip());
                continue;
            }
            let Some(admitted) = self.admission.admit(peer.ip()) else {
                tracing::debug!(%peer, "H.323 connection refused: this address, or all together, have too many");
                continue;
            };
            let Ok(local) = stream.local_addr() else { continue };
            let _ = stream.set_nodelay(true);
            let (conn, waiting) = self.register();
            let references = References::new(local, peer);
            tokio::spawn(Arc::clone(&self).run(
                stream,
                conn,
                waiting,
                Whose::Calls(Box::new(references), admitted),
            ));
        }
    }
}

/// The first connection from an address; others are closed without a byte.
pub(super) async fn from(listener: &TcpListener, peer: IpAddr) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, from)) if from.ip().to_canonical() == peer.to_canonical() => return stream,
            Ok(_) => {}
            Err(_) => tokio::time::sleep(NO_ROOM_PAUSE).await,
        }
    }
}
