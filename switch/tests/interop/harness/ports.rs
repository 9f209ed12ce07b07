//! Ports below those that the system gives to whoever asks for any: no connection takes one between two
//! starts of a server. Invariant: of all test programs on a machine, only the one that holds a block's first
//! port gives out the others.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// First port, ports of a block, and how many blocks there are.
const FIRST: u16 = 20_000;
const BLOCK: u16 = 100;
const BLOCKS: u16 = 120;

/// Ports of this test program, held until it ends.
struct Block {
    /// Listens at the block's first port.
    _guard: TcpListener,
    next: u16,
    end: u16,
}

/// A port that is free for UDP and TCP at `ip` now and that no other test gets.
pub fn free_port(ip: &str) -> u16 {
    static HELD: Mutex<Option<Block>> = Mutex::new(None);
    let ip: IpAddr = ip.parse().unwrap();
    // A test that failed while it asked has left the block as it was.
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if held.as_ref().is_none_or(|block| block.next == block.end) {
            // The guard of a block that is used up stays for the life of the process.
            std::mem::forget(held.replace(claim()));
        }
        let block = held.as_mut().unwrap();
        let port = block.next;
        block.next += 1;
        if UdpSocket::bind((ip, port)).is_ok() && TcpListener::bind((ip, port)).is_ok() {
            return port;
        }
    }
}

/// A block that is nobody's. Programs that run at the same time begin to look at different places.
fn claim() -> Block {
    let begin = std::process::id() % u32::from(BLOCKS);
    for step in 0..u32::from(BLOCKS) {
        let first = FIRST + BLOCK * ((begin + step) % u32::from(BLOCKS)) as u16;
        if let Ok(guard) = TcpListener::bind((Ipv4Addr::LOCALHOST, first)) {
            return Block { _guard: guard, next: first + 1, end: first + BLOCK };
        }
    }
    panic!("every block of ports is taken");
}
