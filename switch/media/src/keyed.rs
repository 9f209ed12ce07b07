//! Sessions with keys (RFC 4568): taken from a side as plain ones, and given to a side with ours.
//! Invariant: no key of one side is ever written to the other.

use std::sync::Arc;

use codecs::SrtpPolicy;
use codecs::sdp::Proto;

use crate::session::{Session, Stream};
use crate::srtp::Crypto;

/// What a side is told of our keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keyed {
    /// One to choose from in an offer, the chosen one in an answer.
    pub lines: Vec<Crypto>,
    /// RTP/SAVP; else RTP/AVP with keys beside it, which who knows none passes over.
    pub is_savp: bool,
}

impl Session {
    /// The session of a side with this policy, as the other side may hear it: what is encrypted by keys that
    /// can be taken counts as plain. Where keys are required, streams without are of no use.
    #[must_use]
    pub fn of_side(self: Arc<Self>, policy: SrtpPolicy) -> Arc<Self> {
        if policy == SrtpPolicy::Off {
            return self;
        }
        let mut session = Self::clone(&self);
        let connection = session.connection;
        for stream in &mut session.streams {
            if matches!(stream.transport, Proto::TlsSavp | Proto::TlsSavpf) {
                stream.take_dtls(connection);
                session.lines.retain(|line| !line.is_browsers);
            } else {
                stream.take_keys(policy);
            }
        }
        Arc::new(session)
    }

    /// The same session with our keys for the stream that is negotiated.
    #[must_use]
    pub fn with_keys(mut self, keyed: Keyed) -> Self {
        let stream = self.active.and_then(|active| self.streams.get_mut(usize::from(active)));
        if let Some(stream) = stream.filter(|stream| stream.port != 0 && !stream.is_fax) {
            if keyed.is_savp {
                stream.transport = match stream.transport {
                    Proto::Avpf | Proto::Savpf | Proto::TlsSavpf => Proto::Savpf,
                    Proto::Avp | Proto::Savp | Proto::TlsSavp | Proto::OtherRtp | Proto::Other => Proto::Savp,
                };
                stream.transport_text = None;
            }
            stream.keys = Some(keyed.lines.into());
            stream.keys_are_ours = true;
        }
        self
    }

    /// The key of the negotiated stream's side that is taken, and whether it said RTP/SAVP.
    pub fn keys(&self) -> Option<(Crypto, bool)> {
        let stream = self.active().filter(|stream| stream.port != 0 && !stream.keys_are_ours)?;
        Some((*stream.keys.as_deref()?.first()?, stream.is_savp))
    }
}

impl Stream {
    fn take_keys(&mut self, policy: SrtpPolicy) {
        let plain = match self.transport {
            Proto::Avp | Proto::Avpf => self.transport,
            Proto::Savp => Proto::Avp,
            Proto::Savpf => Proto::Avpf,
            Proto::TlsSavp | Proto::TlsSavpf | Proto::OtherRtp | Proto::Other => {
                // Fax has no keys.
                self.is_fax &= policy != SrtpPolicy::Required;
                return;
            }
        };
        self.is_savp = matches!(self.transport, Proto::Savp | Proto::Savpf);
        match (&self.keys, policy) {
            (Some(_), _) => {
                self.transport = plain;
                self.transport_text = None;
            }
            (None, SrtpPolicy::Required) if self.port != 0 => self.transport = Proto::OtherRtp,
            (None, _) => {}
        }
    }
}
