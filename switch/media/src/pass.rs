//! The lines that pass from one leg's SDP to the other's unchanged, and those that never do.
//! Invariant: of the session part nothing that names the peer passes: `o=` is ours, `s=` is `-`, `i= u= e= p=` and keys are dropped.

use std::net::IpAddr;

use codecs::sdp::{Address, Attribute, Connection, Media, Sdp, Writer};

use crate::origin::SessionOrigin;

/// What kind of address a peer wants its media sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// An ordinary unicast address.
    Unicast,
    /// A host name, which only a lookup could judge.
    Host,
    /// `0.0.0.0` or `::`: nobody, the old form of hold.
    Nobody,
    /// Loopback.
    Loopback,
    /// Our own signalling address.
    Own,
}

/// Where a peer wants its media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaTarget {
    /// The address of the audio stream's `c=` line, an IPv4-mapped one as IPv4; none for a host name.
    pub address: Option<IpAddr>,
    /// The audio port, 1 to 65535.
    pub port: u16,
    /// Kind of the address.
    pub reach: Reach,
}

impl MediaTarget {
    /// Whether a switch outside a test bench should refuse this with 488: loopback or our own address. Both are ordinary when all
    /// runs on one machine, so the policy is the caller's; multicast and broadcast are refused always.
    pub const fn unroutable(&self) -> bool {
        matches!(self.reach, Reach::Loopback | Reach::Own)
    }

    /// The target of a stream; none if it is not for one receiver.
    pub(crate) fn of(connection: &Connection<'_>, port: u16, our: &SessionOrigin) -> Option<Self> {
        let address = match connection.address {
            Address::Host(_) => return Some(Self { address: None, port, reach: Reach::Host }),
            Address::Ip(address) => address.to_canonical(),
        };
        let many = match address {
            IpAddr::V4(v4) => v4.is_broadcast() || v4.octets()[0] == 0 && !v4.is_unspecified(),
            IpAddr::V6(_) => false,
        };
        if many || address.is_multicast() {
            return None;
        }
        let reach = if address.is_unspecified() {
            Reach::Nobody
        } else if address == our.address().to_canonical() {
            Reach::Own
        } else if address.is_loopback() {
            Reach::Loopback
        } else {
            Reach::Unicast
        };
        Some(Self { address: Some(address), port, reach })
    }
}

/// Writes the session part.
pub(crate) fn write_session(writer: &mut Writer, sdp: &Sdp<'_>, our: &SessionOrigin) {
    let lines = sdp.session_lines();
    writer.line(b'v', b"0");
    our.write(writer);
    writer.line(b's', b"-");
    let mut timed = lines.iter().any(|line| line.kind == b't');
    for line in lines {
        // Equipment that forgets t= is repaired: it belongs before z=, k= and the attributes.
        if !timed && matches!(line.kind, b'z' | b'k' | b'a') {
            writer.line(b't', b"0 0");
            timed = true;
        }
        match (line.kind, line.attribute) {
            (b'v' | b'o' | b's' | b'i' | b'u' | b'e' | b'p' | b'k', _) => {}
            // Payload numbers mean nothing outside an m-line.
            (_, Some(Attribute::Barred | Attribute::Rtpmap(_) | Attribute::Fmtp { .. } | Attribute::RtcpFb { .. })) => {}
            (kind, _) => writer.line(kind, line.value),
        }
    }
    if !timed {
        writer.line(b't', b"0 0");
    }
}

/// Writes an m-line that keeps its place but carries nothing (RFC 3264 §6): port 0 and no attributes.
pub(crate) fn write_closed(writer: &mut Writer, sdp: &Sdp<'_>, media: &Media<'_>) {
    write_media(writer, media.name, 0, media.proto_name);
    for format in media.formats() {
        writer.text(b" ");
        writer.text(format);
    }
    writer.end();
    if let (None, Some(connection)) = (sdp.connection, media.connection) {
        writer.line(b'c', connection.value);
    }
}

/// Begins an m-line: all before its formats.
pub(crate) fn write_media(writer: &mut Writer, name: &[u8], port: u16, proto: &[u8]) {
    writer.begin(b'm');
    writer.text(name);
    writer.text(b" ");
    writer.number(u64::from(port));
    writer.text(b" ");
    writer.text(proto);
}

/// Writes one format of a begun m-line.
pub(crate) fn write_payload(writer: &mut Writer, number: u8) {
    writer.text(b" ");
    writer.number(u64::from(number));
}
