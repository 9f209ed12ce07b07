//! What a side says of DTLS-SRTP and ICE in its SDP (RFC 5763 §5, RFC 8122 §5, RFC 8839 §5): taken from it
//! as a plain session, and given to it with terms of ours. Invariant: of a side's terms nothing reaches
//! the other.

use std::net::SocketAddr;
use std::sync::Arc;

use codecs::sdp::{Line as SdpLine, Proto, Writer};

use crate::relay::{DtlsRole, IceCredentials};

/// Preference of our one candidate: of a host, of the only address, for RTP (RFC 8445 §5.1.2.1).
const PRIORITY: u32 = 126 << 24 | 65_535 << 8 | 255;
/// Shortest and longest user name fragment and password (RFC 8839 §5.4).
const UFRAG: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD: std::ops::RangeInclusive<usize> = 22..=256;
/// Lines that speak of streams as browsers number them (RFC 8829): what the other side would make of them
/// is not what goes on from us.
const BROWSERS: [&[u8]; 7] =
    [b"extmap", b"extmap-allow-mixed", b"mid", b"msid", b"msid-semantic", b"ssrc", b"ssrc-group"];

/// Terms of one side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DtlsTerms {
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
    /// Who begins the handshake.
    pub setup: Setup,
    /// By what its address is checked; none: it has the address that it says.
    pub ice: Option<IceCredentials>,
    /// UDP/TLS/RTP/SAVPF, as browsers have it; else UDP/TLS/RTP/SAVP.
    pub is_feedback: bool,
}

/// `a=setup` (RFC 4145 §4). Who says `holdconn` wants no handshake, and so has no terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setup {
    /// It begins.
    Active,
    /// It waits.
    Passive,
    /// The other side chooses: of offers only.
    ActPass,
}

// === impl Setup ===

impl Setup {
    const NAMES: [(&'static [u8], Self); 3] =
        [(b"active", Self::Active), (b"passive", Self::Passive), (b"actpass", Self::ActPass)];

    /// What is said of our role in an answer.
    pub const fn of(role: DtlsRole) -> Self {
        match role {
            DtlsRole::Client => Self::Active,
            DtlsRole::Server => Self::Passive,
        }
    }

    /// Our role toward a side that said this: where it leaves the choice, the one that was, else we wait.
    pub fn our_role(self, before: Option<DtlsRole>) -> DtlsRole {
        match self {
            Self::Active => DtlsRole::Server,
            Self::Passive => DtlsRole::Client,
            Self::ActPass => before.unwrap_or(DtlsRole::Server),
        }
    }

    fn read(value: &[u8]) -> Option<Self> {
        Self::NAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(value)).map(|(_, setup)| setup)
    }

    const fn name(self) -> &'static [u8] {
        match self {
            Self::Active => b"active",
            Self::Passive => b"passive",
            Self::ActPass => b"actpass",
        }
    }
}

// === impl DtlsTerms ===

impl DtlsTerms {
    /// The terms of a stream: its own lines count before the session's. None where they cannot be taken: no
    /// SHA-256, no role, half of the credentials, or RTCP at another port, which would need a handshake of
    /// its own.
    pub(crate) fn read(proto: Proto, own: &[SdpLine<'_>], session: &[SdpLine<'_>]) -> Option<Self> {
        let is_feedback = match proto {
            Proto::TlsSavp => false,
            Proto::TlsSavpf => true,
            Proto::Avp | Proto::Avpf | Proto::Savp | Proto::Savpf | Proto::OtherRtp | Proto::Other => {
                return None;
            }
        };
        values(own, b"rtcp-mux").next()?;
        let first = |name| values(own, name).next().or_else(|| values(session, name).next());
        let mut fingerprints = values(own, b"fingerprint").chain(values(session, b"fingerprint"));
        let credential = |name, length: &std::ops::RangeInclusive<usize>| match first(name) {
            None => Some(None),
            Some(value) if length.contains(&value.len()) && value.iter().all(is_ice_char) => {
                std::str::from_utf8(value).ok().map(|text| Some(Arc::<str>::from(text)))
            }
            Some(_) => None,
        };
        let ice = match (credential(b"ice-ufrag", &UFRAG)?, credential(b"ice-pwd", &PASSWORD)?) {
            (Some(ufrag), Some(password)) => Some(IceCredentials { ufrag, password }),
            (None, None) => None,
            _ => return None,
        };
        // Of two lite agents neither checks: each takes the address that the other says (RFC 8445 §6.1.1).
        let ice = ice.filter(|_| first(b"ice-lite").is_none());
        Some(Self {
            fingerprint: fingerprints.find_map(read_fingerprint)?,
            setup: Setup::read(first(b"setup")?)?,
            ice,
            is_feedback,
        })
    }

    /// The attributes of the stream, with our address as the one candidate.
    pub(crate) fn write(&self, writer: &mut Writer, ours: Option<SocketAddr>) {
        writer.begin(b'a');
        writer.text(b"setup:");
        writer.text(self.setup.name());
        writer.end();
        writer.begin(b'a');
        writer.text(b"fingerprint:sha-256 ");
        for (place, octet) in self.fingerprint.into_iter().enumerate() {
            let digit = |half: u8| if half < 10 { b'0' + half } else { b'A' - 10 + half };
            writer.text(if place == 0 { b"" } else { b":" });
            writer.text(&[digit(octet >> 4), digit(octet & 15)]);
        }
        writer.end();
        let (Some(ice), Some(ours)) = (&self.ice, ours) else { return };
        for (name, value) in [(&b"ice-ufrag:"[..], &ice.ufrag), (b"ice-pwd:", &ice.password)] {
            writer.begin(b'a');
            writer.text(name);
            writer.text(value.as_bytes());
            writer.end();
        }
        let candidate = format!("candidate:1 1 UDP {PRIORITY} {} {} typ host", ours.ip(), ours.port());
        writer.line(b'a', candidate.as_bytes());
    }
}

/// What stands behind the colon in attributes of this name, without blanks around it.
fn values<'a>(lines: &'a [SdpLine<'_>], name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    lines.iter().filter(|line| line.kind == b'a').filter_map(move |line| {
        let mut parts = line.value.splitn(2, |&byte| byte == b':');
        let is_it = parts.next()?.trim_ascii_end().eq_ignore_ascii_case(name);
        is_it.then(|| parts.next().unwrap_or_default().trim_ascii())
    })
}

/// RFC 8839 §5.4: `ice-char`.
const fn is_ice_char(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// `sha-256 6B:8B:…`, 32 octets.
fn read_fingerprint(value: &[u8]) -> Option<[u8; 32]> {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(hash), Some(text), None) = (words.next(), words.next(), words.next()) else { return None };
    if !hash.eq_ignore_ascii_case(b"sha-256") {
        return None;
    }
    let mut fingerprint = [0; 32];
    let mut octets = text.split(|&byte| byte == b':');
    for place in &mut fingerprint {
        let octet =
            octets.next().filter(|octet| octet.len() == 2 && octet.iter().all(u8::is_ascii_hexdigit))?;
        *place = u8::from_str_radix(std::str::from_utf8(octet).ok()?, 16).ok()?;
    }
    octets.next().is_none().then_some(fingerprint)
}

/// Whether an attribute says something to browsers only.
pub(crate) fn is_browsers(value: &[u8]) -> bool {
    let name = value.split(|&byte| byte == b':').next().unwrap_or(value).trim_ascii_end();
    BROWSERS.iter().any(|known| known.eq_ignore_ascii_case(name))
}
