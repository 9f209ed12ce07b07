//! What a side's packets need before they are media: checks of its address by ICE (RFC 8445, we are a lite
//! agent) and a handshake of DTLS (RFC 5764) that makes the keys. Both are agreed in sessions.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Of a side with ICE or DTLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secured {
    /// Its address is the one that passed a check, whatever its SDP says.
    pub ice: Option<IcePeer>,
    /// Its keys come of a handshake: until that is done nothing is taken of it, nor sent to it.
    pub dtls: Option<DtlsPeer>,
}

/// Who may check our address, and by which password it shows that it is the one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcePeer {
    /// What our side told it.
    pub ours: IceCredentials,
    /// What it told us.
    pub theirs: IceCredentials,
}

/// `a=ice-ufrag` and `a=ice-pwd` (RFC 8839 §5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User name fragment: 4 to 256 letters, digits, `+` and `/`.
    pub ufrag: Arc<str>,
    /// Password: 22 to 256 of the same.
    pub password: Arc<str>,
}

/// With whom the handshake is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DtlsPeer {
    /// SHA-256 of its certificate, as its SDP has it (RFC 8122 §5).
    pub fingerprint: [u8; 32],
    /// Ours.
    pub role: DtlsRole,
}

/// Who begins a handshake (RFC 4145 §4, RFC 5763 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DtlsRole {
    /// `a=setup:active`: it sends the ClientHello.
    Client,
    /// `a=setup:passive`.
    Server,
}

/// One handshake. Never the name of another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HandshakeId {
    /// The endpoint's place.
    pub slot: u32,
    /// Counts all handshakes of one relay thread.
    pub number: u32,
}

/// What is asked of whoever makes handshakes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakeCommand {
    /// One may be made, and is begun if we are its client.
    Begin {
        /// Its name.
        handshake: HandshakeId,
        /// With whom.
        peer: DtlsPeer,
        /// Its datagrams come from an address that passed a check of ICE.
        is_checked: bool,
    },
    /// Nothing is wanted of it any more.
    End(HandshakeId),
}

/// What a datagram is by its first octet (RFC 7983 §7): STUN below 4, DTLS from 20 on; media is above 127.
pub(super) fn is_before_media(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 64)
}

/// The handshake of one endpoint.
#[derive(Debug)]
pub(super) struct Dtls {
    pub(super) peer: DtlsPeer,
    /// Of its [`super::HandshakeId`]; none before it is begun.
    pub(super) number: Option<u32>,
    /// Where its last datagram came from.
    pub(super) from: Option<SocketAddr>,
}

// === impl IceCredentials ===

impl IceCredentials {
    /// Octets of a fragment and of a password of ours: 8 and 24 characters.
    const UFRAG: usize = 6;
    const PASSWORD: usize = 18;

    /// Such that nobody foresees without the secret, the same each time: HMAC-SHA256 of what they are for.
    pub fn derive(secret: &[u8], purpose: &[u8]) -> Option<Self> {
        let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?.chain_update(b"ice").chain_update(purpose);
        let octets = <[u8; 32]>::from(mac.finalize().into_bytes());
        let (ufrag, rest) = octets.split_at_checked(Self::UFRAG)?;
        // The alphabet of base64 is that of ICE.
        let [ufrag, password] = [ufrag, rest.get(..Self::PASSWORD)?].map(|part| STANDARD_NO_PAD.encode(part));
        Some(Self { ufrag: ufrag.into(), password: password.into() })
    }
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCredentials({}, ***)", self.ufrag)
    }
}
