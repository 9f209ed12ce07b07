//! One UDP port of a media stream: a datagram at a time, since a stream brings one each 20 ms and batches of
//! one cost more than they save. By the bare system calls: those of libc, where threads may be cancelled,
//! write to shared memory twice each.

use std::io;
use std::mem::size_of;
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

/// A bound port that never waits. Errors that ICMP brings do not reach it.
#[derive(Debug)]
pub struct MediaPort(UdpSocket);

/// `sockaddr_in` or `sockaddr_in6`, without the room for others.
#[repr(C, align(4))]
struct PortAddress {
    bytes: [u8; 28],
}

impl MediaPort {
    /// Binds to `address` alone: an error if another program has it, also by its wildcard.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        let port = Self(socket.into());
        if address.is_ipv4() {
            // Whole datagrams need no number of the system (RFC 6864), which costs a fiftieth of a packet.
            port.fragment(libc::IP_PMTUDISC_DO)?;
        }
        Ok(port)
    }

    /// Takes the next datagram: how many bytes of `buffer` it fills, and its sender. One that is longer is
    /// cut; none if none waits.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let mut from = PortAddress::EMPTY;
        let mut length = size_of::<PortAddress>() as libc::socklen_t;
        // SAFETY: `buffer`, `from` and `length` live across the call, which writes no more than that.
        let bytes = unsafe {
            libc::syscall(
                libc::SYS_recvfrom,
                self.0.as_raw_fd(),
                buffer.as_mut_ptr(),
                buffer.len(),
                0_usize,
                &raw mut from,
                &raw mut length,
            )
        };
        let bytes = unless_it_would_wait(bytes)?;
        Ok(bytes.and_then(|bytes| Some((bytes, from.parse()?))))
    }

    /// Sends a datagram; whether there was room for it.
    pub fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<bool> {
        match self.send_raw(datagram, to) {
            Err(e) if e.raw_os_error() == Some(libc::EMSGSIZE) => {
                // Longer than packets on its way may be: as several from now on.
                self.fragment(libc::IP_PMTUDISC_WANT)?;
                self.send_raw(datagram, to)
            }
            sent => sent,
        }
    }

    fn send_raw(&self, datagram: &[u8], to: SocketAddr) -> io::Result<bool> {
        let (to, length) = PortAddress::of(to);
        // SAFETY: `datagram` and `to` live across the call, which only reads them.
        let bytes = unsafe {
            libc::syscall(
                libc::SYS_sendto,
                self.0.as_raw_fd(),
                datagram.as_ptr(),
                datagram.len(),
                0_usize,
                &raw const to,
                length,
            )
        };
        Ok(unless_it_would_wait(bytes)?.is_some())
    }

    /// What becomes of IPv4 datagrams that are too long for their way.
    fn fragment(&self, how: libc::c_int) -> io::Result<()> {
        // SAFETY: `how` lives across the call, which reads its four bytes.
        let done = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::IPPROTO_IP,
                libc::IP_MTU_DISCOVER,
                (&raw const how).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

// === impl PortAddress ===

impl PortAddress {
    const EMPTY: Self = Self { bytes: [0; 28] };

    /// The address, and how much of it the kernel reads.
    fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut all = Self::EMPTY;
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        all.bytes[..2].copy_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
        all.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(v4) => all.bytes[4..8].copy_from_slice(&v4.ip().octets()),
            SocketAddr::V6(v6) => {
                all.bytes[4..8].copy_from_slice(&v6.flowinfo().to_ne_bytes());
                all.bytes[8..24].copy_from_slice(&v6.ip().octets());
                all.bytes[24..].copy_from_slice(&v6.scope_id().to_ne_bytes());
            }
        }
        (all, if address.is_ipv4() { 16 } else { 28 })
    }

    /// None if the kernel wrote no IP address.
    fn parse(&self) -> Option<SocketAddr> {
        let [f0, f1, p0, p1, a, b, c, d, rest @ ..] = self.bytes;
        let port = u16::from_be_bytes([p0, p1]);
        match libc::c_int::from(libc::sa_family_t::from_ne_bytes([f0, f1])) {
            libc::AF_INET => Some(SocketAddr::from(([a, b, c, d], port))),
            libc::AF_INET6 => {
                let (ip, scope) = rest.split_first_chunk::<16>()?;
                let scope = u32::from_ne_bytes(scope.try_into().ok()?);
                let flow = u32::from_ne_bytes([a, b, c, d]);
                Some(SocketAddr::V6(SocketAddrV6::new((*ip).into(), port, flow, scope)))
            }
            _ => None,
        }
    }
}

impl AsFd for MediaPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a system call returned: a length, nothing if it would wait, or an error.
fn unless_it_would_wait(done: libc::c_long) -> io::Result<Option<usize>> {
    if let Ok(bytes) = usize::try_from(done) {
        return Ok(Some(bytes));
    }
    match io::Error::last_os_error() {
        e if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        e => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_with_their_senders_and_nothing_waits() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let [a, b] = [0, 1].map(|_| MediaPort::bind(host.parse().expect("valid")).expect("free"));
            let address = |port: &MediaPort| port.0.local_addr().expect("bound");
            let mut buffer = [0; 4];
            assert_eq!(b.recv(&mut buffer).expect("open"), None);
            assert!(a.send(b"voice", address(&b)).expect("sends"));
            assert_eq!(b.recv(&mut buffer).expect("open"), Some((4, address(&a))), "cut");
            assert_eq!(&buffer, b"voic");
            assert!(MediaPort::bind(address(&a)).is_err(), "taken");
        }
    }

    #[test]
    fn addresses_are_those_of_the_kernel() {
        for text in ["127.0.0.1:5060", "255.255.255.255:65535", "[2001:db8::1]:5061", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().expect("valid");
            let raw = crate::address::RawAddress::of(&address);
            let (ours, length) = PortAddress::of(address);
            // SAFETY: the storage is larger, plain bytes.
            let theirs = unsafe { (&raw const raw.storage).cast::<[u8; 28]>().read() };
            assert_eq!((ours.bytes, length), (theirs, raw.length), "{text}");
            assert_eq!(ours.parse(), Some(address), "{text}");
        }
        assert_eq!(PortAddress::EMPTY.parse(), None);
    }

    #[test]
    fn a_port_that_nobody_has_any_more_is_no_error() {
        let gone = MediaPort::bind("127.0.0.1:0".parse().expect("valid")).expect("free");
        let to = gone.0.local_addr().expect("bound");
        drop(gone);
        let port = MediaPort::bind("127.0.0.1:0".parse().expect("valid")).expect("free");
        for _ in 0..3 {
            assert!(port.send(b"voice", to).expect("sends"));
            assert_eq!(port.recv(&mut [0; 4]).expect("open"), None);
        }
    }
}
