//! Where requests inside a dialog go and who may send them (RFC 3261 §12.2.1.1, §12.2.2, §18.1.1), and the
//! connections that calls keep.
//! Invariant: a dialog is Call-ID and tags; an address only has to be one of the peer's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use route::Target;
use sip::dialog::Dialog;
use sip::flow::{Flow, TlsId, Transport};
use sip::transaction::ClientId;
use sip::{Message, Method, Scheme, Uri};

use super::endpoint::{Endpoint, Kept, here};
use super::leg::SipLeg;
use crate::ConfigSnapshot;
use crate::leg::Context;

/// Bytes of a request over UDP beyond which a stream is tried first, the path's MTU being unknown (§18.1.1).
const DATAGRAM_MAX: usize = 1_300;
/// Connections kept open for one call; a peer that opens more loses the oldest to its idle time.
const KEPT_MAX: usize = 8;

/// The network in which an address means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Loopback,
    Link,
    /// RFC 1918, RFC 4193.
    Site,
    /// RFC 6598: between a provider's NAT and its customers'.
    Shared,
    Global,
}

impl Scope {
    const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) if v4.is_loopback() => Self::Loopback,
            IpAddr::V4(v4) if v4.is_link_local() => Self::Link,
            IpAddr::V4(v4) if v4.is_private() => Self::Site,
            IpAddr::V4(v4) if v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64 => Self::Shared,
            IpAddr::V6(v6) if v6.is_loopback() => Self::Loopback,
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Self::Link,
            IpAddr::V6(v6) if v6.is_unique_local() => Self::Site,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::Global,
        }
    }
}

/// Whether a peer seen at `source` can mean `ip`: behind a NAT its private address is worth nothing to us.
fn is_reachable(ip: IpAddr, source: IpAddr) -> bool {
    let usable = !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST);
    let scopes = (Scope::of(ip.to_canonical()), Scope::of(source.to_canonical()));
    usable && (scopes.0 == scopes.1 || (scopes.0 == Scope::Global && scopes.1 != Scope::Loopback))
}

/// The transport that a URI names; without a `transport` parameter that of the flow on which the dialog
/// lives. Under `sips`, and where TLS was used before, `tcp` is TLS (RFC 3261 §26.2.2).
fn transport_of(uri: &Uri<'_>, flow: Flow) -> Transport {
    let is = |name: &str, known: Transport| name.eq_ignore_ascii_case(known.as_str());
    match uri.param("transport") {
        _ if uri.scheme == Scheme::Sips => Transport::Tls,
        Some(name) if is(name, Transport::Udp) => Transport::Udp,
        Some(name) if is(name, Transport::Tls) => Transport::Tls,
        Some(name) if is(name, Transport::Tcp) && flow.transport != Transport::Tls => Transport::Tcp,
        Some(_) | None => flow.transport,
    }
}

/// Whether a URI says by which transport it wants requests.
pub(crate) fn names_transport(uri: &str) -> bool {
    Uri::parse(uri).is_some_and(|uri| uri.param("transport").is_some())
}

/// Host, port and transport: what of a URI says where a request goes.
fn place(uri: &str) -> Option<(&str, Option<u16>, Option<&str>)> {
    let parsed = Uri::parse(uri)?;
    Some((parsed.host, parsed.port, parsed.param("transport")))
}

// === where requests go ===

impl SipLeg {
    /// Where the next request on this leg goes: to its first route, or the peer's last Contact, if that is an
    /// address which the peer can mean; else back where its packets come from.
    pub(crate) fn next_hop(&self, cx: &Context<'_>) -> Flow {
        self.way(cx, self.dialog().map(Dialog::next_hop))
    }

    /// Where a request to a URI of its peer goes, as in an early dialog.
    pub(crate) fn way_to(&self, cx: &Context<'_>, uri: &str) -> Flow {
        self.way(cx, Some(uri))
    }

    fn way(&self, cx: &Context<'_>, uri: Option<&str>) -> Flow {
        // A connection that nobody keeps any more was closed.
        let conn = if cx.endpoint.kept.contains_key(&self.flow.conn) { self.flow.conn } else { 0 };
        // What would have to be opened anew shows the certificate that this peer is configured with.
        let heard = Flow { conn, tls: self.party.tls(), ..self.flow };
        // A SIP account is where its packets come from, whatever its phone thinks of its address.
        if self.party.is_sip_account() {
            return heard;
        }
        let flow = uri.map_or(heard, |uri| hop(cx.config, uri, heard, self.by_connection));
        // What is not under TLS is verified for nobody, and known to the driver as such.
        if flow.transport.is_encrypted() { flow } else { flow.verified_by(TlsId::NONE) }
    }

    /// Takes the Contact of a target refresh (§12.2). Where it names another place, the connection no longer
    /// stands for it.
    pub(crate) fn refresh_target(&mut self, message: &Message) {
        let Some(dialog) = self.dialog.as_deref_mut() else { return };
        let before = dialog.next_hop().to_owned();
        // A Contact that cannot be read leaves the target as it was.
        let _ = dialog.refresh(message);
        if place(&before) != place(dialog.next_hop()) {
            self.by_connection = false;
        }
    }
}

/// Where a request to a URI goes whose owner was heard by a flow; `by_connection`: a connection from that
/// host stands for the URI.
pub(crate) fn hop(config: &ConfigSnapshot, uri: &str, heard: Flow, by_connection: bool) -> Flow {
    // A WebSocket is the only way to who opened it (RFC 7118 §5.3).
    if heard.transport.is_opened_by_peer() {
        return heard;
    }
    let Some(parsed) = Uri::parse(uri) else { return heard };
    let transport = transport_of(&parsed, heard);
    let port = parsed.port.unwrap_or_else(|| transport.default_port());
    let is_ours =
        |peer: SocketAddr| config.listeners.iter().any(|&(_, local)| config.advertised(local) == peer);
    let target =
        parsed.host_ip().filter(|ip| is_reachable(*ip, heard.peer.ip())).map(|ip| SocketAddr::new(ip, port));
    let Some(peer) = target.filter(|peer| port != 0 && !is_ours(*peer)) else {
        // A name, or an address behind a NAT. A connection that is gone could only be opened to the same
        // host.
        let peer = SocketAddr::new(heard.peer.ip(), port);
        return if heard.transport.is_reliable() { Flow { peer, ..heard } } else { heard };
    };
    let same_family = heard.local.is_ipv4() == peer.is_ipv4();
    if transport == heard.transport && same_family {
        let same_host = peer.ip() == heard.peer.ip() && by_connection;
        let conn = if same_host || peer == heard.peer { heard.conn } else { 0 };
        return Flow { peer, conn, ..heard };
    }
    match config.local_for(transport, peer) {
        Some(local) => Flow { transport, local, peer, conn: 0, tls: heard.tls },
        // Nothing of ours speaks that; the way by which it was heard is better than none.
        None => heard,
    }
}

/// The flow of a first request to an address of a target.
pub(crate) const fn flow_to(
    (target, transport): (&Target, Transport),
    local: SocketAddr,
    to: SocketAddr,
) -> Flow {
    match transport {
        Transport::Udp => Flow::udp(local, to),
        transport => Flow::stream(transport, local, to, 0).verified_by(target.tls),
    }
}

impl Context<'_> {
    /// Sends a request by `flow`: one that is large for a datagram by TCP first, unless UDP is `fixed`; a
    /// peer that refuses TCP gets the datagram (§18.1.1).
    pub(crate) fn send_by(
        &mut self,
        client: ClientId,
        (flow, fixed): (Flow, bool),
        method: Method,
        bytes: Bytes,
    ) {
        let tick = self.now.tick;
        if !fixed
            && flow.transport == Transport::Udp
            && bytes.len() > DATAGRAM_MAX
            && let Some(local) = self.config.local_for(Transport::Tcp, flow.peer)
            && let stream = Flow::stream(Transport::Tcp, local, flow.peer, 0)
            && let Some(by_stream) =
                sip::transaction::over(&bytes, Transport::Tcp, &here(self.config, &stream))
        {
            return self.endpoint.layer.send_or(tick, client, stream, method, by_stream, Some((flow, bytes)));
        }
        self.endpoint.layer.send(tick, client, flow, method, bytes);
    }
}

// === whose requests they are, and the connections that legs keep ===

impl SipLeg {
    /// Whether its peer may send from `ip`: the address by which it was heard last, one that its own Contact
    /// or Record-Route names, or any other of its gate or carrier.
    pub(crate) fn is_peer(&self, cx: &Context<'_>, ip: IpAddr) -> bool {
        let names = |uri: &str| Uri::parse(uri).and_then(|uri| uri.host_ip()) == Some(ip);
        let is_named =
            || self.dialog().is_some_and(|dialog| names(dialog.target()) || names(dialog.next_hop()));
        self.flow.peer.ip() == ip || is_named() || self.party.is_at(ip, cx.config, cx.names)
    }

    /// Its peer was heard by this flow: what goes back goes there, and a connection stays open while the leg
    /// lives.
    pub(crate) fn follow_flow(&mut self, endpoint: &mut Endpoint, flow: Flow) {
        self.keep(endpoint, flow);
        if self.is_caller() && flow.conn != self.flow.conn {
            self.by_connection = true;
        }
        self.flow = flow;
    }

    /// Keeps a connection open as long as the leg lives.
    pub(crate) fn keep(&mut self, endpoint: &mut Endpoint, flow: Flow) {
        if flow.conn == 0 {
            return;
        }
        let Kept(kept) = &mut **self.kept.get_or_insert_default();
        if kept.contains(&flow.conn) {
            return;
        }
        if kept.len() == KEPT_MAX {
            endpoint.let_go(kept.remove(0));
        }
        kept.push(flow.conn);
        endpoint.keep(flow.conn);
    }

    pub(crate) fn close(&mut self, endpoint: &mut Endpoint) {
        if let Some(kept) = self.kept.take() {
            kept.0.iter().for_each(|conn| endpoint.let_go(*conn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is seen at `source` and names `contact`: whether that can be an address of his for us.
    #[test]
    fn private_addresses_mean_something_at_home_only() {
        let table = [
            ("203.0.113.9", "198.51.100.1", true),
            ("10.0.0.9", "198.51.100.1", false),
            ("100.64.0.9", "198.51.100.1", false),
            ("127.0.0.9", "198.51.100.1", false),
            ("10.0.0.9", "192.168.1.1", true),
            ("192.168.1.1", "100.64.0.9", false),
            ("10.0.0.9", "127.0.0.1", false),
            ("203.0.113.9", "127.0.0.1", false),
            ("127.0.0.9", "127.0.0.1", true),
            ("203.0.113.9", "10.0.0.9", true),
            ("0.0.0.0", "198.51.100.1", false),
            ("224.0.0.1", "198.51.100.1", false),
            ("fd00::1", "2001:db8::1", false),
            ("2001:db8::2", "2001:db8::1", true),
        ];
        for (contact, source, reachable) in table {
            let (ip, from) = (contact.parse().expect("address"), source.parse().expect("address"));
            assert_eq!(is_reachable(ip, from), reachable, "{contact} from {source}");
        }
    }
}
