//! Transport addresses of H.225.0 and H.245 as socket addresses. Kinds that are no IP addresses are none.

use crate::asn1::{h225, h245};
use std::net::{IpAddr, SocketAddr};

/// An address of call signalling or RAS.
pub fn h225(address: SocketAddr) -> h225::TransportAddress {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) => {
            h225::TransportAddress::IpAddress(h225::TransportAddressIpAddress { ip: ip.octets(), port })
        }
        IpAddr::V6(ip) => {
            h225::TransportAddress::Ip6Address(h225::TransportAddressIp6Address { ip: ip.octets(), port })
        }
    }
}

/// An address that one can be reached at: a port and no address of many, or of none.
pub fn of_h225(address: &h225::TransportAddress) -> Option<SocketAddr> {
    let address = match address {
        h225::TransportAddress::IpAddress(v4) => SocketAddr::from((v4.ip, v4.port)),
        h225::TransportAddress::Ip6Address(v6) => SocketAddr::from((v6.ip, v6.port)),
        _ => return None,
    };
    is_usable(address).then_some(address)
}

/// An address of media.
pub fn h245(address: SocketAddr) -> h245::TransportAddress {
    let tsap_identifier = address.port();
    h245::TransportAddress::UnicastAddress(match address.ip() {
        IpAddr::V4(ip) => h245::UnicastAddress::IPAddress(h245::UnicastAddressIPAddress {
            network: ip.octets(),
            tsap_identifier,
        }),
        IpAddr::V6(ip) => h245::UnicastAddress::IP6Address(h245::UnicastAddressIP6Address {
            network: ip.octets(),
            tsap_identifier,
        }),
    })
}

/// An address that media can be sent to.
pub fn of_h245(address: &h245::TransportAddress) -> Option<SocketAddr> {
    let h245::TransportAddress::UnicastAddress(address) = address else { return None };
    let address = match address {
        h245::UnicastAddress::IPAddress(v4) => SocketAddr::from((v4.network, v4.tsap_identifier)),
        h245::UnicastAddress::IP6Address(v6) => SocketAddr::from((v6.network, v6.tsap_identifier)),
        _ => return None,
    };
    is_usable(address).then_some(address)
}

const fn is_usable(address: SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}
