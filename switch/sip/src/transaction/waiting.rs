//! Which client transactions wait on which flow, and what becomes of them when it breaks (RFC 3261 §8.1.3.1,
//! §18.1.1, §18.4).
//! Invariant: a request is repeated over a new connection, or by another transport, at most once each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use units::Tick;

use super::client_state::{Asking, Chain, Happening, NIL};
use super::layer::Layer;
use crate::flow::{Flow, TlsId};

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What the drivers mean by a flow: a connection is known by its number alone, since `peer` may be where it
/// would be opened again.
fn known_by(flow: Flow) -> Flow {
    match (flow.transport.is_reliable(), flow.conn) {
        (false, _) => flow,
        (true, 0) => Flow { local: NOWHERE, ..flow },
        (true, _) => Flow { local: NOWHERE, peer: NOWHERE, tls: TlsId::NONE, ..flow },
    }
}

// === impl Layer: flows that break ===

impl Layer {
    /// Nothing can be sent by this flow (ICMP unreachable, connection refused): requests on it that heard
    /// nothing yet go by their other transport, or end.
    pub fn transport_failed(&mut self, now: Tick, flow: Flow) {
        while let Some(&slot) = self.waiting.get(&known_by(flow)) {
            self.client_unlink(slot);
            if !self.fall_back(now, slot) {
                self.client_input(now, slot, Happening::TransportError, None);
            }
        }
    }

    /// A connection was lost. Requests on it, and those to its peer that named none, go out once more over
    /// another.
    pub fn stream_closed(&mut self, now: Tick, flow: Flow) {
        // All are met before any goes out: what goes out waits on such a flow again. Each chain has its
        // newest in front.
        let mut met = Vec::new();
        for lost in [flow, Flow { conn: 0, ..flow }] {
            let before = met.len();
            while let Some(&slot) = self.waiting.get(&known_by(lost)) {
                self.client_unlink(slot);
                met.push(slot);
            }
            met[before..].reverse();
        }
        for slot in met {
            if !self.send_again(now, slot) {
                self.client_input(now, slot, Happening::TransportError, None);
            }
        }
    }

    fn send_again(&mut self, now: Tick, slot: u32) -> bool {
        let Some(asking) = self.asking_at(slot).filter(|asking| !asking.resent) else { return false };
        asking.resent = true;
        asking.flow.conn = 0;
        self.client_start(now, slot);
        true
    }

    fn fall_back(&mut self, now: Tick, slot: u32) -> bool {
        let Some(asking) = self.asking_at(slot) else { return false };
        let Some((flow, bytes)) = asking.fallback.take().map(|fallback| *fallback) else { return false };
        (asking.flow, asking.bytes) = (flow, bytes);
        if let Some(client) = self.clients.at_mut(slot) {
            client.reliable = flow.transport.is_reliable();
        }
        self.client_start(now, slot);
        true
    }

    fn asking_at(&mut self, slot: u32) -> Option<&mut Asking> {
        self.clients.at_mut(slot)?.asking.as_deref_mut()
    }
}

// === impl Layer: who waits on a flow ===

impl Layer {
    pub(super) fn client_link(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot).filter(|client| client.state.waits()) else { return };
        let Some(asking) = &mut client.asking else { return };
        let older = self.waiting.insert(known_by(asking.flow), slot).unwrap_or(NIL);
        asking.chain = Chain { linked: true, newer: NIL, older };
        if let Some(older) = self.chain(older) {
            older.newer = slot;
        }
    }

    pub(super) fn client_unlink(&mut self, slot: u32) {
        let Some(asking) = self.clients.at_mut(slot).and_then(|client| client.asking.as_mut()) else {
            return;
        };
        if !std::mem::take(&mut asking.chain.linked) {
            return;
        }
        let (flow, Chain { newer, older, .. }) = (known_by(asking.flow), asking.chain);
        if let Some(older) = self.chain(older) {
            older.newer = newer;
        }
        match self.chain(newer) {
            Some(newer) => newer.older = older,
            None if older == NIL => {
                self.waiting.remove(&flow);
            }
            None => {
                self.waiting.insert(flow, older);
            }
        }
    }

    fn chain(&mut self, slot: u32) -> Option<&mut Chain> {
        self.clients.at_mut(slot)?.asking.as_mut().map(|asking| &mut asking.chain)
    }
}
