//! UDP by batches: `recvmmsg` and `sendmmsg` on one non-blocking socket, and the errors that ICMP brings back
//! (`IP_RECVERR`).
//!
//! A datagram is handed up as bytes of exactly its length; the receive buffers never leave this file.

mod ring;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};

use self::ring::Ring;
pub use self::ring::{MAX_BATCH, MAX_DATAGRAM_BYTES};
use crate::address::RawAddress;

/// An ICMP error for one peer makes the next call on the socket fail, whomever it is for; it is tried this
/// often again.
const RETRIES: u32 = 3;
/// Room for one control message of the error queue (an extended error and the address that sent it).
const CONTROL_WORDS: usize = 32;

/// How a socket is bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpOptions {
    /// Let several sockets share the address; the kernel spreads peers over them.
    pub reuse_port: bool,
    /// Wanted receive buffer, bytes. Beyond `net.core.rmem_max` only with CAP_NET_ADMIN.
    pub recv_buffer_bytes: usize,
    /// Wanted send buffer, bytes.
    pub send_buffer_bytes: usize,
    /// An IPv6 socket takes no IPv4 peers.
    pub v6_only: bool,
}

/// What one receive call brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// Datagrams handed up.
    pub datagrams: usize,
    /// Datagrams dropped because they were longer than [`MAX_DATAGRAM_BYTES`], or from no IP address.
    pub dropped: usize,
    /// The batch was full: there is probably more.
    pub more: bool,
}

/// What one send call did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Datagrams that the kernel took.
    pub datagrams: usize,
    /// Datagrams that it refused for good, each told.
    pub refused: usize,
    /// The send buffer is full: what is left in the queue waits until the socket is writable.
    pub blocked: bool,
}

/// A peer that could not be reached, told by ICMP or by our own routing. Anyone on the path can forge ICMP:
/// it may start a failover, it must not end a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreachable {
    /// To whom the lost datagram was sent.
    pub peer: SocketAddr,
    /// The errno: `ECONNREFUSED` for a closed port, `EHOSTUNREACH`, `ENETUNREACH`, …
    pub errno: i32,
}

/// One UDP socket with its batch buffers.
pub struct UdpBatch {
    socket: Socket,
    local: SocketAddr,
    ring: Ring,
}

// === impl UdpOptions ===

impl Default for UdpOptions {
    fn default() -> Self {
        Self { reuse_port: false, recv_buffer_bytes: 8 << 20, send_buffer_bytes: 4 << 20, v6_only: true }
    }
}

// === impl UdpBatch ===

impl UdpBatch {
    /// Binds to `address`. The error says which address and why.
    pub fn bind(address: SocketAddr, options: &UdpOptions) -> io::Result<Self> {
        let bound = open(address, options).and_then(|socket| {
            let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
            Ok(Self { socket, local, ring: Ring::new() })
        });
        bound.map_err(|e| io::Error::new(e.kind(), format!("cannot listen on udp:{address}: {e}")))
    }

    /// Binds `count` sockets to one address, for as many shards. Unlike `reuse_port` alone it notices if
    /// another process has the port.
    pub fn bind_group(address: SocketAddr, count: usize, options: &UdpOptions) -> io::Result<Vec<Self>> {
        if count <= 1 {
            return Ok(vec![Self::bind(address, options)?]);
        }
        let alone = UdpOptions { reuse_port: false, ..*options };
        let shared = UdpOptions { reuse_port: true, ..*options };
        // The first bind asks whether we are alone, and picks the port if it is 0.
        let address = Self::bind(address, &alone)?.local;
        (0..count).map(|_| Self::bind(address, &shared)).collect()
    }

    /// Where it is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Takes up to [`MAX_BATCH`] datagrams that have arrived, in order, with their senders. Never waits; none
    /// is no error.
    pub fn recv_batch(&mut self, mut on_datagram: impl FnMut(Bytes, SocketAddr)) -> io::Result<Received> {
        let mut retries = 0;
        let count = loop {
            match self.ring.recv(self.socket.as_raw_fd()) {
                Ok(count) => break count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Received::default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if is_pending(&e) && retries < RETRIES => retries += 1,
                Err(e) => return Err(e),
            }
        };
        let mut received = Received { more: count == MAX_BATCH, ..Received::default() };
        for slot in 0..count {
            match self.ring.datagram(slot) {
                Some((bytes, peer)) => {
                    received.datagrams += 1;
                    on_datagram(Bytes::copy_from_slice(bytes), peer);
                }
                None => received.dropped += 1,
            }
        }
        self.ring.reset(count);
        Ok(received)
    }

    /// Sends from the front of `queue` until it is empty or the kernel's buffer is full. A datagram that is
    /// refused for good (no route, too long) is taken off and told; the others follow.
    pub fn send_batch(
        &mut self,
        queue: &mut VecDeque<(SocketAddr, Bytes)>,
        mut on_refused: impl FnMut(SocketAddr, io::Error),
    ) -> io::Result<Sent> {
        let mut sent = Sent::default();
        let mut retries = 0;
        while !queue.is_empty() {
            match self.ring.send(self.socket.as_raw_fd(), queue.iter().take(MAX_BATCH)) {
                Ok(count) => {
                    queue.drain(..count.min(queue.len()));
                    sent.datagrams += count;
                    retries = 0;
                }
                Err(e)
                    if e.kind() == io::ErrorKind::WouldBlock || e.raw_os_error() == Some(libc::ENOBUFS) =>
                {
                    sent.blocked = true;
                    return Ok(sent);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if is_pending(&e) && retries < RETRIES => retries += 1,
                Err(e) if matches!(e.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT)) => {
                    return Err(e);
                }
                Err(e) => {
                    // The first of the batch is the one that failed.
                    if let Some((peer, _)) = queue.pop_front() {
                        on_refused(peer, e);
                        sent.refused += 1;
                    }
                    retries = 0;
                }
            }
        }
        Ok(sent)
    }

    /// Takes up to [`MAX_BATCH`] errors off the socket's error queue. Call it when the poller tells of an
    /// error.
    pub fn recv_errors(&mut self, mut on_error: impl FnMut(Unreachable)) -> io::Result<usize> {
        let mut count = 0;
        while count < MAX_BATCH {
            match read_error(self.socket.as_raw_fd()) {
                Ok(found) => {
                    count += 1;
                    if let Some(unreachable) = found {
                        on_error(unreachable);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted || is_pending(&e) => count += 1,
                Err(e) => return Err(e),
            }
        }
        // What makes the poller tell of an error may also be the pending one itself; reading it clears it.
        let _pending = self.socket.take_error()?;
        Ok(count)
    }
}

impl AsFd for UdpBatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Errors that ICMP leaves on the socket for the next call, whatever that is.
fn is_pending(e: &io::Error) -> bool {
    let errors = [
        libc::ECONNREFUSED,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        libc::EHOSTDOWN,
        libc::ENOPROTOOPT,
        libc::EPROTO,
        libc::EMSGSIZE,
        libc::EOPNOTSUPP,
        libc::EACCES,
    ];
    e.raw_os_error().is_some_and(|errno| errors.contains(&errno))
}

fn open(address: SocketAddr, options: &UdpOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(options.v6_only)?;
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?;
    }
    if address.is_ipv4() || !options.v6_only {
        set_option(&socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
    }
    socket.set_reuse_port(options.reuse_port)?;
    let size = |bytes: usize| libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // Beyond the system's limit where we may, else as much as it gives.
    if set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, size(options.recv_buffer_bytes)).is_err() {
        socket.set_recv_buffer_size(options.recv_buffer_bytes)?;
    }
    if set_option(&socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, size(options.send_buffer_bytes)).is_err() {
        socket.set_send_buffer_size(options.send_buffer_bytes)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn set_option(socket: &Socket, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `value` lives across the call, which reads `length` bytes of it.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// One error off the queue; `None` if it says nothing about reaching the peer.
fn read_error(fd: libc::c_int) -> io::Result<Option<Unreachable>> {
    let mut peer = RawAddress::empty();
    // Words, so that control messages are aligned.
    let mut control = [0_u64; CONTROL_WORDS];
    // SAFETY: msghdr is integers and pointers; all zeros is a valid value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_name = (&raw mut peer.storage).cast();
    message.msg_namelen = peer.length;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: name and control point to locals of the given lengths that live across the call; there is no
    // data buffer.
    let read = unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    let errno = extended_errno(&message);
    let told = errno.filter(|errno| *errno != libc::EMSGSIZE);
    Ok(told.and_then(|errno| RawAddress::parse(&peer.storage).map(|peer| Unreachable { peer, errno })))
}

fn extended_errno(message: &libc::msghdr) -> Option<i32> {
    // SAFETY: the kernel filled the control buffer of `message`, which is alive, and set its length; the
    // macros stay within it.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so it is a whole header within the control buffer.
        let (level, kind, length) =
            unsafe { ((*header).cmsg_level, (*header).cmsg_type, (*header).cmsg_len) };
        let is_error = matches!(
            (level, kind),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        );
        // SAFETY: pure arithmetic on a length.
        let needed = unsafe { libc::CMSG_LEN(size_of::<libc::sock_extended_err>() as u32) } as usize;
        if is_error && length >= needed {
            // SAFETY: the length says that the whole structure is there; it may be unaligned.
            let error = unsafe { libc::CMSG_DATA(header).cast::<libc::sock_extended_err>().read_unaligned() };
            return i32::try_from(error.ee_errno).ok();
        }
        // SAFETY: as for the first.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

#[cfg(test)]
mod tests;
