//! Where a message came from and where its answer goes: a five-tuple, and the connection on streams.
//! RFC 3261 §18.2, RFC 3581 §4. A response always returns over the flow of its request.

use std::net::SocketAddr;

pub use units::{TlsId, Transport};

use crate::chars::{write_decimal, write_ip};
use crate::{Message, ReplyTo};

/// One path to one peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flow {
    /// What carries it.
    pub transport: Transport,
    /// Whose certificate the connection was, or has to be, verified for (RFC 5923 §7): no other may be used.
    pub tls: TlsId,
    /// Our end: the socket that received or shall send.
    pub local: SocketAddr,
    /// The peer's end: the source address of what came, the target of what goes. Of what goes by a stream:
    /// where another is opened should `conn` be gone.
    pub peer: SocketAddr,
    /// The stream's number, of the driver's choice; 0 on UDP, and where any stream to `peer` will do.
    pub conn: u64,
}

/// An address as Via and URIs have it, `192.0.2.1:5060` or `[2001:db8::1]:5060`: written several times per
/// call, so without a formatter.
pub fn host_port(address: SocketAddr) -> String {
    let mut text = Vec::with_capacity(24);
    if address.is_ipv6() {
        text.push(b'[');
    }
    write_ip(&mut text, address.ip());
    if address.is_ipv6() {
        text.push(b']');
    }
    text.push(b':');
    write_decimal(&mut text, usize::from(address.port()));
    // Only ASCII was written.
    String::from_utf8(text).unwrap_or_default()
}

// === impl Flow ===

impl Flow {
    /// Datagrams between two addresses.
    pub const fn udp(local: SocketAddr, peer: SocketAddr) -> Self {
        Self { transport: Transport::Udp, tls: TlsId::NONE, local, peer, conn: 0 }
    }

    /// The stream that the driver knows as `conn`.
    pub const fn stream(transport: Transport, local: SocketAddr, peer: SocketAddr, conn: u64) -> Self {
        Self { transport, tls: TlsId::NONE, local, peer, conn }
    }

    /// The same, verified for another name.
    #[must_use]
    pub const fn verified_by(self, tls: TlsId) -> Self {
        Self { tls, ..self }
    }

    /// Where responses to a request that came by this flow go (RFC 3261 §18.2.2): always to its source
    /// address. Over UDP see [`crate::Via::answer_to`]; a stream that is gone is opened again to the sent-by
    /// port, a WebSocket never.
    #[must_use]
    pub fn of_answer(self, request: &Message, reply_to: ReplyTo) -> Self {
        let Ok(via) = request.top_via() else { return self };
        let peer = match self.transport {
            Transport::Udp => via.answer_to(self.peer, request.reply_to().unwrap_or(reply_to)),
            Transport::Tcp | Transport::Tls => SocketAddr::new(self.peer.ip(), via.port_or_default()),
            Transport::Ws | Transport::Wss | Transport::H323 => self.peer,
        };
        Self { peer, ..self }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_written_as_the_standard_does() {
        for text in [
            "192.0.2.1:5060",
            "0.0.0.0:0",
            "255.255.255.255:65535",
            "[2001:db8::1]:5061",
            "[::]:1",
            "[::ffff:192.0.2.1]:80",
        ] {
            assert_eq!(super::host_port(text.parse().expect("address")), text);
        }
    }
}
