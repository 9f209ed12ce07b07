//! Sessions of sides with DTLS-SRTP: taken as plain ones, and given to a side with terms of ours.

use std::sync::Arc;

use codecs::sdp::Proto;

use crate::dtls_terms::DtlsTerms;
use crate::session::{Connection, Session, Stream, What};

// === impl Session ===

impl Session {
    /// The terms of the negotiated stream's side, if it said any that can be taken.
    pub fn dtls(&self) -> Option<&Arc<DtlsTerms>> {
        let stream = self.active().filter(|stream| stream.port != 0 && !stream.dtls_is_ours)?;
        stream.dtls.as_ref()
    }

    /// The same session with terms of ours for the stream that is negotiated.
    #[must_use]
    pub fn with_dtls(mut self, terms: DtlsTerms) -> Self {
        let stream = self.active.and_then(|active| self.streams.get_mut(usize::from(active)));
        if let Some(stream) = stream.filter(|stream| stream.port != 0 && !stream.is_fax) {
            stream.transport = if terms.is_feedback { Proto::TlsSavpf } else { Proto::TlsSavp };
            stream.transport_text = None;
            stream.dtls = Some(Arc::new(terms));
            stream.dtls_is_ours = true;
            stream.takes_mux = true;
        }
        self
    }

    /// A lite agent says so above its streams (RFC 8839 §5.3).
    pub(crate) fn is_lite(&self) -> bool {
        let stream = self.active().filter(|stream| stream.port != 0 && stream.dtls_is_ours);
        stream.and_then(|stream| stream.dtls.as_deref()).is_some_and(|terms| terms.ice.is_some())
    }
}

// === impl Stream ===

impl Stream {
    /// Its address is what ICE finds, whatever stands in `c=`.
    pub fn has_ice(&self) -> bool {
        self.dtls.as_deref().is_some_and(|terms| terms.ice.is_some()) && !self.dtls_is_ours
    }

    /// A stream with terms as the other side may hear it: plain, and without what is said to browsers only.
    pub(crate) fn take_dtls(&mut self, of_session: Option<Connection>) {
        if self.dtls.is_none() {
            self.transport = Proto::OtherRtp;
            return;
        }
        self.transport = Proto::Avp;
        self.transport_text = None;
        self.lines.retain(|line| line.what != What::RtcpFb && !line.is_browsers);
        let address = self.connection.or(of_session).and_then(|connection| connection.address);
        // Who has not gathered yet says 0.0.0.0 (RFC 8839 §4.2.1.3), which is no hold.
        if self.has_ice() && address.is_some_and(|address| address.is_unspecified()) {
            self.connection = Some(Connection { address: None, text: None });
        }
    }
}
