//! Connections that we open: in bounded time, under TLS only to who shows the right certificate; and what is
//! said, at a bounded rate, where that fails.

use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error};
use sip::flow::{Flow, TlsId, Transport};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Opened, Streams};
use crate::run::router::ShardMessage;

/// Time for a connection to open, TLS included, before it counts as unreachable: less than
/// `first_response_ms`, so that a large INVITE which a firewall swallows still goes out as a datagram.
const CONNECT_SECS: u64 = 3;

// === impl Streams ===

impl Streams {
    pub(super) async fn connect(self: Arc<Self>, flow: Flow, opened: Opened) {
        let id = opened.id;
        let limit = Duration::from_secs(CONNECT_SECS);
        let why = match tokio::time::timeout(limit, self.reach(flow, opened)).await {
            Ok(Ok(())) => return,
            Ok(Err(why)) => why,
            Err(_) => format!("nothing came of it within {CONNECT_SECS} s"),
        };
        self.forget(id);
        if flow.transport == Transport::Tls {
            self.say_unverified(&flow, &why);
        } else {
            tracing::debug!(peer = %flow.peer, why, "no connection");
        }
        self.router.broadcast(|| ShardMessage::Unreachable(flow));
    }

    /// Opens the connection and starts reading and writing it.
    async fn reach(self: &Arc<Self>, flow: Flow, opened: Opened) -> Result<(), String> {
        let tls = match flow.transport {
            Transport::Tls => Some(self.connector(flow.tls)?),
            Transport::Udp | Transport::Tcp | Transport::Ws | Transport::Wss | Transport::H323 => None,
        };
        let stream = TcpStream::connect(flow.peer).await.map_err(|error| error.to_string())?;
        // Small messages; waiting for more to say would only delay them.
        let _ = stream.set_nodelay(true);
        let flow = Flow { conn: opened.id, ..flow };
        match tls {
            None => self.begin(stream, flow, opened.waiting, None),
            Some((connector, name)) => {
                let secured = connector.connect(name, stream).await.map_err(|error| words(&error))?;
                self.begin(secured, flow, opened.waiting, None);
            }
        }
        Ok(())
    }

    fn connector(&self, id: TlsId) -> Result<(TlsConnector, rustls::pki_types::ServerName<'static>), String> {
        let settings = self.router.stream_settings.load();
        let peer = settings.tls.peer(id).ok_or_else(|| {
            "nobody with this address has an `address` with transport=tls, so its name is not known"
                .to_owned()
        })?;
        Ok((TlsConnector::from(Arc::clone(&peer.config)), peer.name.clone()))
    }

    fn say_unverified(&self, flow: &Flow, why: &str) {
        if !self.said.may_say_of_name(flow.tls, self.router.clock.now().tick) {
            return;
        }
        let settings = self.router.stream_settings.load();
        let (called, name) = settings.tls.peer(flow.tls).map_or_else(
            || ("a peer that is not configured".to_owned(), String::new()),
            |peer| (peer.called.clone(), peer.name.to_str().into_owned()),
        );
        tracing::warn!(peer = %flow.peer, called, name, why, "no TLS connection: calls go to the next carrier");
    }
}

/// What went wrong with TLS, and what to do.
pub(super) fn words(error: &std::io::Error) -> String {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "the peer closed during the TLS handshake".to_owned(),
            _ => error.to_string(),
        };
    };
    match tls {
        Error::InvalidCertificate(wrong) => of_certificate(wrong),
        Error::NoCertificatesPresented => {
            "the client shows no certificate, and verify_clients demands one".to_owned()
        }
        Error::AlertReceived(AlertDescription::UnknownCA | AlertDescription::BadCertificate) => {
            "the peer does not believe our certificate: is the chain in [sip.tls] whole?".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure) => {
            "the peer refuses us: it may demand a client certificate, which is that of [sip.tls]".to_owned()
        }
        Error::AlertReceived(alert) => format!("the peer refuses us by the alert {alert:?}"),
        Error::InvalidMessage(_) => "what the peer sends is not TLS".to_owned(),
        other => other.to_string(),
    }
}

fn of_certificate(wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired: its owner has to renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: is the clock of this machine right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for other names: write the one that it shows as tls_name, if that is whom you mean"
                .to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its certificate is self-signed, or of an authority that is not believed: write the file of its authority as tls_ca \
             (of clients: client_ca)"
                .to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        other => format!("its certificate is not accepted: {other}"),
    }
}
