//! What a side's packets need before they are media: checks of its address by ICE (RFC 8445, we are a lite
//! agent) and a handshake of DTLS (RFC 5764) that makes the keys. Both are agreed in sessions.

use std::fmt;
use std::sync::Arc;

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

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCredentials({}, ***)", self.ufrag)
    }
}
