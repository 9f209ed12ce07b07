//! The arrays that `recvmmsg` and `sendmmsg` want, made once.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::address::RawAddress;

/// Datagrams in one system call.
pub const MAX_BATCH: usize = 64;
/// Longer datagrams are dropped and counted as truncated: no SIP message that a switch should take is that
/// long.
pub const MAX_DATAGRAM_BYTES: usize = 16 * 1024;

/// Headers, vectors, addresses and buffers of one batch each way. The system gives memory only for what
/// datagrams fill.
pub(super) struct Ring {
    buffers: Vec<u8>,
    recv_names: Vec<RawAddress>,
    recv_vectors: Vec<libc::iovec>,
    recv_headers: Vec<libc::mmsghdr>,
    send_names: Vec<RawAddress>,
    send_vectors: Vec<libc::iovec>,
    send_headers: Vec<libc::mmsghdr>,
}

// SAFETY: the raw pointers in headers and vectors point only into the ring's own heap blocks, which never
// grow and move with it, or are set anew before each use.
unsafe impl Send for Ring {}

// === impl Ring ===

impl Ring {
    pub(super) fn new() -> Self {
        let vector = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        // SAFETY: mmsghdr is integers and pointers; all zeros is a valid value.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let mut ring = Self {
            buffers: vec![0; MAX_BATCH * MAX_DATAGRAM_BYTES],
            recv_names: vec![RawAddress::empty(); MAX_BATCH],
            recv_vectors: vec![vector; MAX_BATCH],
            recv_headers: vec![header; MAX_BATCH],
            send_names: vec![RawAddress::empty(); MAX_BATCH],
            send_vectors: vec![vector; MAX_BATCH],
            send_headers: vec![header; MAX_BATCH],
        };
        for (slot, buffer) in ring.buffers.chunks_exact_mut(MAX_DATAGRAM_BYTES).enumerate() {
            ring.recv_vectors[slot] =
                libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let header = &mut ring.recv_headers[slot].msg_hdr;
            header.msg_name = (&raw mut ring.recv_names[slot].storage).cast();
            header.msg_namelen = ring.recv_names[slot].length;
            header.msg_iov = &raw mut ring.recv_vectors[slot];
            header.msg_iovlen = 1;
        }
        ring
    }

    /// One `recvmmsg`: how many slots it filled.
    pub(super) fn recv(&mut self, fd: libc::c_int) -> io::Result<usize> {
        // SAFETY: each header points to a name, a vector and through it a buffer that the ring owns, of the
        // lengths given.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                self.recv_headers.as_mut_ptr(),
                MAX_BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// What the last receive left in `slot`; `None` if it was cut or has no IP sender.
    pub(super) fn datagram(&self, slot: usize) -> Option<(&[u8], SocketAddr)> {
        let header = self.recv_headers.get(slot)?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let start = slot * MAX_DATAGRAM_BYTES;
        let bytes = self.buffers.get(start..start + header.msg_len as usize)?;
        Some((bytes, RawAddress::parse(&self.recv_names[slot].storage)?))
    }

    /// Makes the first `count` slots ready for the next receive.
    pub(super) fn reset(&mut self, count: usize) {
        for (header, name) in self.recv_headers.iter_mut().zip(&self.recv_names).take(count) {
            header.msg_hdr.msg_namelen = name.length;
            header.msg_hdr.msg_flags = 0;
        }
    }

    /// One `sendmmsg` of at most [`MAX_BATCH`] datagrams: how many went.
    pub(super) fn send<'a>(
        &mut self,
        fd: libc::c_int,
        datagrams: impl Iterator<Item = &'a (SocketAddr, Bytes)>,
    ) -> io::Result<usize> {
        let mut count = 0;
        for ((peer, bytes), slot) in datagrams.zip(0..MAX_BATCH) {
            self.send_names[slot] = RawAddress::of(peer);
            // The call only reads what the vector points to.
            self.send_vectors[slot] =
                libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            let header = &mut self.send_headers[slot].msg_hdr;
            header.msg_name = (&raw mut self.send_names[slot].storage).cast();
            header.msg_namelen = self.send_names[slot].length;
            header.msg_iov = &raw mut self.send_vectors[slot];
            header.msg_iovlen = 1;
            count += 1;
        }
        // SAFETY: the first `count` headers were just set to names and vectors of the ring and to bytes that
        // the caller's queue keeps alive across the call.
        let sent = unsafe { libc::sendmmsg(fd, self.send_headers.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}
