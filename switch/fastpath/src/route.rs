//! By which interface a datagram leaves: one question to the kernel over netlink (RFC 3549).

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const HEADER_BYTES: usize = 16;
const ROUTE_BYTES: usize = 12;

/// The number of the interface by which packets of ours leave.
pub(crate) fn interface_to(ours: Ipv4Addr, to: Ipv4Addr) -> io::Result<u32> {
    // SAFETY: no pointers.
    let fd =
        unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let question = question(ours, to);
    // SAFETY: the question lives across the call, which only reads it.
    let sent = unsafe { libc::send(socket.as_raw_fd(), question.as_ptr().cast(), question.len(), 0) };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut answer = [0_u8; 4_096];
    // SAFETY: the answer's room lives across the call.
    let bytes = unsafe { libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), 0) };
    let bytes = usize::try_from(bytes).map_err(|_| io::Error::last_os_error())?;
    interface(answer.get(..bytes).unwrap_or_default())
}

fn question(ours: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut route = vec![libc::AF_INET as u8, 32, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (kind, ip) in [(libc::RTA_DST, to), (libc::RTA_SRC, ours)] {
        route.extend_from_slice(&8_u16.to_ne_bytes());
        route.extend_from_slice(&kind.to_ne_bytes());
        route.extend_from_slice(&ip.octets());
    }
    let mut question = ((HEADER_BYTES + route.len()) as u32).to_ne_bytes().to_vec();
    question.extend_from_slice(&libc::RTM_GETROUTE.to_ne_bytes());
    question.extend_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    question.extend_from_slice(&[0; 8]);
    question.extend_from_slice(&route);
    question
}

fn interface(answer: &[u8]) -> io::Result<u32> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer about a route is cut");
    let kind = answer.get(4..6).ok_or_else(broken)?;
    if kind == (libc::NLMSG_ERROR as u16).to_ne_bytes() {
        let code = answer.get(16..20).and_then(|code| code.try_into().ok()).ok_or_else(broken)?;
        return Err(io::Error::from_raw_os_error(-i32::from_ne_bytes(code)));
    }
    let mut rest = answer.get(HEADER_BYTES + ROUTE_BYTES..).ok_or_else(broken)?;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_ne_bytes(*length));
        let Some((kind, _)) = after.split_first_chunk::<2>() else { break };
        if u16::from_ne_bytes(*kind) == libc::RTA_OIF {
            let number = rest.get(4..8).and_then(|number| number.try_into().ok()).ok_or_else(broken)?;
            return Ok(u32::from_ne_bytes(number));
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the route has no interface"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_ourselves_leaves_by_loopback() {
        let loopback = std::fs::read_to_string("/sys/class/net/lo/ifindex").expect("Linux");
        let own = Ipv4Addr::LOCALHOST;
        assert_eq!(interface_to(own, own).expect("a route"), loopback.trim().parse().expect("a number"));
    }

    #[test]
    fn broken_answers_are_errors() {
        for bytes in [0, 5, 16, 20, 28] {
            assert!(interface(&vec![0; bytes]).is_err(), "{bytes}");
        }
        let endless = [vec![0; HEADER_BYTES + ROUTE_BYTES], vec![0; 100]].concat();
        assert!(interface(&endless).is_err());
    }
}
