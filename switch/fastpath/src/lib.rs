//! RTP of settled streams goes on in the kernel: a program of BPF at the interfaces (Linux 6.6, tcx) sends
//! what fits a stream's entry to its other side, and leaves every other packet to the sockets.
//! Invariant: without an entry nothing changes; dropped, all is taken away.
#![allow(unsafe_code)] // bpf(2) and netlink have no safe door in std
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

#[cfg(target_endian = "big")]
compile_error!("entries are laid out for machines with the lowest byte first");

mod assembler;
mod entry;
mod kernel;
mod program;
mod route;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use self::entry::{Passed, Stream};
use self::kernel::{Link, Map, Program};

const ATTACHING: &str = "attaching a BPF program (tcx)";
/// Number of the interface `lo`: what goes to ourselves stays with the sockets.
pub const LOOPBACK: u32 = 1;

/// The program and its streams.
#[derive(Debug)]
pub struct FastPath {
    streams: Map<{ entry::KEY_BYTES }, { entry::BYTES }>,
    program: Program,
    links: Mutex<Vec<(u32, Link)>>,
}

/// What the machine did not allow.
#[derive(Debug)]
pub struct Unavailable {
    /// What was tried.
    pub step: &'static str,
    /// What the system said.
    pub error: io::Error,
}

// === impl FastPath ===

impl FastPath {
    /// Gives the program to the kernel, for at most so many streams. Needs CAP_BPF and CAP_NET_ADMIN.
    pub fn load(streams_max: u32) -> Result<Self, Unavailable> {
        let step = |step| move |error| Unavailable { step, error };
        let streams = Map::new(streams_max).map_err(step("creating a BPF map"))?;
        let code = program::program(streams.descriptor());
        let program = Program::load(&code).map_err(step("loading a BPF program"))?;
        // Whether it may run at an interface at all is seen at one that every machine has.
        program.attach(LOOPBACK).map_err(step(ATTACHING))?;
        Ok(Self { streams, program, links: Mutex::default() })
    }

    /// Has the program run for what an interface receives; once is enough.
    pub fn attach(&self, interface: u32) -> Result<(), Unavailable> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if links.iter().all(|(attached, _)| *attached != interface) {
            let link = self.program.attach(interface);
            links.push((interface, link.map_err(|error| Unavailable { step: ATTACHING, error })?));
        }
        Ok(())
    }

    /// The number of the interface by which packets from an address of ours leave.
    pub fn interface_to(ours: Ipv4Addr, to: Ipv4Addr) -> io::Result<u32> {
        route::interface_to(ours, to)
    }

    /// From now on packets of the stream that come to a port of ours go on in the kernel. An error if one
    /// that comes to it does already, or there are too many.
    pub fn insert(&self, port: SocketAddrV4, stream: &Stream) -> io::Result<()> {
        self.streams.insert(&entry::key(port), &stream.entry())
    }

    /// What went on of the stream that comes to a port.
    pub fn passed(&self, port: SocketAddrV4) -> io::Result<Option<Passed>> {
        Ok(self.streams.read(&entry::key(port))?.map(|entry| Passed::of(&entry)))
    }

    /// From now on the packets that come to a port are the socket's again; what went on until now.
    pub fn take(&self, port: SocketAddrV4) -> io::Result<Option<Passed>> {
        Ok(self.streams.take(&entry::key(port))?.map(|entry| Passed::of(&entry)))
    }
}

// === impl Passed ===

impl Passed {
    /// How long ago the last packet came.
    pub fn age(&self) -> Duration {
        Duration::from_nanos(kernel::now_ns().saturating_sub(self.last_ns))
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.step, self.error)
    }
}

impl std::error::Error for Unavailable {}
