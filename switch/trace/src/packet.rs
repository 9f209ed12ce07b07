//! A message as the IP packet of a UDP datagram, whatever carried it: a reader of pcap then dissects it as
//! SIP, for TLS and WebSockets too. RFC 791, RFC 8200, RFC 768.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::MESSAGE_BYTES_MAX;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;
const HOPS: u8 = 64;

/// Appends the packet; what no datagram can hold is cut off.
pub(crate) fn write(out: &mut Vec<u8>, from: SocketAddr, to: SocketAddr, message: &[u8]) {
    let message = &message[..message.len().min(MESSAGE_BYTES_MAX)];
    let length = (UDP_HEADER + message.len()) as u16;
    let mut udp = Vec::with_capacity(usize::from(length));
    udp.extend_from_slice(&from.port().to_be_bytes());
    udp.extend_from_slice(&to.port().to_be_bytes());
    udp.extend_from_slice(&length.to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(message);
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = IPV4_HEADER as u16 + length;
            let mut ip = [0x45, 0, 0, 0, 0, 0, 0x40, 0, HOPS, UDP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            ip[2..4].copy_from_slice(&total.to_be_bytes());
            ip[12..16].copy_from_slice(&from.octets());
            ip[16..20].copy_from_slice(&to.octets());
            let sum = checksum(0, &ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            out.extend_from_slice(&ip);
            seal(&mut udp, &[&from.octets()[..], &to.octets()].concat());
        }
        (from, to) => {
            let (from, to) = (v6(from).octets(), v6(to).octets());
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&[UDP, HOPS]);
            out.extend_from_slice(&from);
            out.extend_from_slice(&to);
            seal(&mut udp, &[from, to].concat());
        }
    }
    out.extend_from_slice(&udp);
}

/// Bytes of the headers before a message between these addresses.
pub(crate) fn header_bytes(from: SocketAddr, to: SocketAddr) -> usize {
    let is_v4 = from.ip().to_canonical().is_ipv4() && to.ip().to_canonical().is_ipv4();
    UDP_HEADER + if is_v4 { IPV4_HEADER } else { IPV6_HEADER }
}

fn v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// Sets the checksum of a datagram over its pseudo-header; 0 means that there is none, so 0 is sent as ones.
fn seal(udp: &mut [u8], addresses: &[u8]) {
    let pseudo = sum(u32::from(UDP) + udp.len() as u32, addresses);
    let sum = match checksum(pseudo, udp) {
        0 => u16::MAX,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
}

/// RFC 1071.
fn checksum(begin: u32, bytes: &[u8]) -> u16 {
    let mut sum = sum(begin, bytes);
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

/// At most 65,535 bytes are added: the sum of 32,768 words fits.
fn sum(begin: u32, bytes: &[u8]) -> u32 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from));
    begin + words.sum::<u32>()
}
