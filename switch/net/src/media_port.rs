//! One UDP port of a media stream: a datagram at a time, since a stream brings one each 20 ms and batches of
//! one cost more than they save.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

/// A bound port that never waits. Errors that ICMP brings do not reach it.
#[derive(Debug)]
pub struct MediaPort(UdpSocket);

impl MediaPort {
    /// Binds to `address` alone: an error if another program has it, also by its wildcard.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        Ok(Self(socket.into()))
    }

    /// Takes the next datagram: how many bytes of `buffer` it fills, and its sender. One that is longer is
    /// cut; none if none waits.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        unless_it_would_wait(self.0.recv_from(buffer))
    }

    /// Sends a datagram; whether there was room for it.
    pub fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<bool> {
        unless_it_would_wait(self.0.send_to(datagram, to)).map(|sent| sent.is_some())
    }
}

impl AsFd for MediaPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn unless_it_would_wait<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
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
