//! The connections of H.323 that a shard knows: whose they are, and what waits for those that open.
//!
//! Invariant: a connection is forgotten when it is closed from either side; its number is never used again.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use call::LegId;
use h323::connection::{Connection, Received};
use h323::q931::{TpktError, write_frame};

use super::{GatewayCommand, asked};
use crate::ids::{CallRef, Ids};

/// A leg of a call, as connections know it.
pub(crate) type Whose = (CallRef, LegId);

/// All connections of a shard.
#[derive(Debug)]
pub(crate) struct GatewayTable {
    shard: u8,
    count: u64,
    conns: Ids<u64, Conn>,
    /// What is to be done outside.
    pub commands: VecDeque<GatewayCommand>,
    /// Mixed into what has to be unlike everything else.
    key: u128,
}

/// A connection.
#[derive(Debug)]
struct Conn {
    local: Option<SocketAddr>,
    peer: SocketAddr,
    carries: Carries,
}

#[derive(Debug)]
enum Carries {
    /// Call signalling of these calls. `is_ours`: we opened it, for one call.
    Signalling { calls: Box<Connection<Whose>>, is_ours: bool },
    /// H.245 of one call.
    Control(Whose),
}

/// What a connection is, for those who hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Call signalling.
    Signalling,
    /// H.245 of this call.
    Control(Whose),
}

// === impl GatewayTable ===

impl GatewayTable {
    pub(crate) fn new(key: [u8; 16], shard: u8) -> Self {
        Self {
            shard,
            count: 0,
            conns: Ids::default(),
            commands: VecDeque::new(),
            key: u128::from_be_bytes(key),
        }
    }

    /// How many connections live.
    pub(crate) fn len(&self) -> usize {
        self.conns.len()
    }

    /// A number unlike any other of this call and leg; `what` tells several of one leg apart.
    pub(crate) fn drawn(&self, call: u128, leg: LegId, what: u64) -> u64 {
        let leg = match leg {
            LegId::Caller => 0,
            LegId::Carrier(attempt) => 1 + u64::from(attempt),
        };
        let mut mixed = self.key as u64 ^ what.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // SplitMix64 over all that tells it apart: every bit moves every bit.
        for part in [(self.key >> 64) as u64, call as u64, (call >> 64) as u64, leg] {
            mixed = (mixed ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^= mixed >> 31;
        }
        mixed
    }

    /// A gateway opened one for call signalling.
    pub(crate) fn opened(&mut self, conn: u64, local: SocketAddr, peer: SocketAddr) {
        let carries = Carries::Signalling { calls: Box::default(), is_ours: false };
        self.conns.insert(conn, Conn { local: Some(local), peer, carries });
    }

    /// Asks for one to carry the signalling of a call of this reference.
    pub(crate) fn dial(&mut self, peer: SocketAddr, whose: Whose, reference: u16) -> u64 {
        let mut calls = Box::<Connection<Whose>>::default();
        calls.add(reference, true, whose);
        self.ask(peer, None, Carries::Signalling { calls, is_ours: true })
    }

    /// Asks for one to the H.245 address of a peer.
    pub(crate) fn dial_control(&mut self, peer: SocketAddr, from: Option<IpAddr>, whose: Whose) -> u64 {
        self.ask(peer, from, Carries::Control(whose))
    }

    /// Asks for a listener for H.245.
    pub(crate) fn listen(&mut self, ip: IpAddr, peer: IpAddr, whose: Whose) -> u64 {
        let conn = self.next();
        let carries = Carries::Control(whose);
        self.conns.insert(conn, Conn { local: None, peer: SocketAddr::new(peer, 0), carries });
        self.commands.push_back(GatewayCommand::Listen { conn, ip, peer });
        conn
    }

    fn ask(&mut self, peer: SocketAddr, from: Option<IpAddr>, carries: Carries) -> u64 {
        let conn = self.next();
        self.conns.insert(conn, Conn { local: None, peer, carries });
        self.commands.push_back(GatewayCommand::Connect { conn, peer, from });
        conn
    }

    const fn next(&mut self) -> u64 {
        self.count += 1;
        asked(self.shard, self.count)
    }

    /// One that was asked for stands.
    pub(crate) fn connected(&mut self, conn: u64, local: SocketAddr) {
        if let Some(known) = self.conns.get_mut(&conn) {
            known.local = Some(local);
        }
    }

    /// What it carries.
    pub(crate) fn kind(&self, conn: u64) -> Option<Kind> {
        Some(match &self.conns.get(&conn)?.carries {
            Carries::Signalling { .. } => Kind::Signalling,
            Carries::Control(whose) => Kind::Control(*whose),
        })
    }

    /// Our end and its end, once it stands.
    pub(crate) fn ends(&self, conn: u64) -> Option<(SocketAddr, SocketAddr)> {
        let known = self.conns.get(&conn)?;
        Some((known.local?, known.peer))
    }

    /// Whose the calls on it are.
    pub(crate) fn calls(&self, conn: u64) -> Vec<Whose> {
        match self.conns.get(&conn).map(|known| &known.carries) {
            Some(Carries::Signalling { calls, .. }) => calls.calls().collect(),
            Some(Carries::Control(whose)) => vec![*whose],
            None => Vec::new(),
        }
    }

    /// Sorts a frame of call signalling.
    pub(crate) fn sort(&mut self, conn: u64, content: &[u8]) -> Option<Result<Received<Whose>, TpktError>> {
        let Carries::Signalling { calls, .. } = &mut self.conns.get_mut(&conn)?.carries else { return None };
        let mut frame = Vec::with_capacity(content.len() + 4);
        write_frame(&mut frame, content);
        calls.push(&frame);
        calls.next()
    }

    /// A call came by it; false if there are too many.
    pub(crate) fn add(&mut self, conn: u64, reference: u16, whose: Whose) -> bool {
        match self.conns.get_mut(&conn).map(|known| &mut known.carries) {
            Some(Carries::Signalling { calls, .. }) => calls.add(reference, false, whose),
            Some(Carries::Control(_)) | None => false,
        }
    }

    /// Sends whole frames.
    pub(crate) fn send(&mut self, conn: u64, bytes: Vec<u8>) {
        if self.conns.contains_key(&conn) {
            self.commands.push_back(GatewayCommand::Send { conn, bytes: Bytes::from(bytes) });
        }
    }

    /// A call needs its connection no more: one that was opened for it is closed, one that a gateway opened
    /// stays for its other calls.
    pub(crate) fn leave(&mut self, conn: u64, whose: Whose) {
        let Some(known) = self.conns.get_mut(&conn) else { return };
        match &mut known.carries {
            Carries::Signalling { calls, is_ours: false } => calls.remove(whose),
            Carries::Signalling { is_ours: true, .. } | Carries::Control(_) => self.close(conn),
        }
    }

    /// Closes it.
    pub(crate) fn close(&mut self, conn: u64) {
        if self.conns.remove(&conn).is_some() {
            self.commands.push_back(GatewayCommand::Close { conn });
        }
    }

    /// It was closed outside.
    pub(crate) fn closed(&mut self, conn: u64) {
        self.conns.remove(&conn);
    }
}
