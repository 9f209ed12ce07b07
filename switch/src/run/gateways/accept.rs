//! Connections that gateways open: of known addresses, so many of one and in all.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::Gateways;
use super::references::References;
use super::sockets::NO_ROOM_PAUSE;
use super::whose::Whose;

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
