//! Streams of plain RTP whose next packets may go on without the table, in the kernel, and what became of
//! them. Whoever carries them tells it before anything else happens to either side.

use std::net::SocketAddr;

use units::Tick;

use super::control::{EndpointId, StreamKind};
use super::endpoint::Endpoint;
use super::table::{Relay, Slot};

/// How the next packet of a stream would be judged and sent, as long as nothing new is said of its sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settled {
    /// It comes from here,
    pub from: SocketAddr,
    /// of this source,
    pub ssrc: u32,
    /// with this payload number.
    pub payload: u8,
    /// Highest sequence number so far, of those that came, and its packet's timestamp.
    pub highest: (u16, u32),
    /// It leaves by the RTP port of this endpoint,
    pub partner: Slot,
    /// to here,
    pub to: SocketAddr,
    /// with this source
    pub told_ssrc: u32,
    /// and this payload number.
    pub told_payload: u8,
    /// Added to sequence numbers.
    pub sequence: u16,
    /// Added to timestamps.
    pub timestamp: u32,
}

/// Packets of a settled stream that went on elsewhere since they were told last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elsewhere {
    /// How many, at least one.
    pub packets: u64,
    /// Highest sequence number, of those that came, and its packet's timestamp.
    pub highest: (u16, u32),
    /// How many times sequence numbers began again at 0.
    pub cycles: u32,
    /// How many times one or more packets in a row did not come in order.
    pub gaps: u32,
    /// When the last came.
    pub last: Tick,
}

// === impl Relay ===

impl Relay {
    /// How packets that come to an endpoint go on, if that is settled: none before its source is proven, nor
    /// while a side holds or its packets are encrypted.
    pub fn settled(&self, slot: Slot) -> Option<Settled> {
        let endpoint = self.endpoint(slot)?;
        let partner = endpoint.partner?;
        let other = self.endpoint(Slot(partner)).filter(|other| other.kind == StreamKind::Rtp)?;
        endpoint.settled_with(other, Slot(partner))
    }

    /// Counts packets that went on elsewhere as if they had come here.
    pub fn passed_elsewhere(&mut self, slot: Slot, passed: &Elsewhere) {
        let Some(settled) = self.settled(slot) else { return };
        self.counts_elsewhere(passed.packets);
        if let Some(endpoint) = self.endpoint_mut(slot) {
            endpoint.heard_elsewhere(passed);
        }
        if let Some(other) = self.endpoint_mut(settled.partner) {
            other.sent_elsewhere(passed, &settled);
        }
    }

    /// The place of an open endpoint, and of the one that it is paired with.
    pub fn slots_of(&self, endpoint: EndpointId) -> [Option<Slot>; 2] {
        let slot = self.slot_of(endpoint);
        [slot, slot.and_then(|slot| self.partner_of(slot))]
    }

    /// The place of the endpoint that one is paired with.
    pub fn partner_of(&self, slot: Slot) -> Option<Slot> {
        self.endpoint(slot)?.partner.map(Slot)
    }

    fn endpoint(&self, slot: Slot) -> Option<&Endpoint> {
        self.endpoints().at(slot.0)
    }
}
