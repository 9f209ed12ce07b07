//! Streams of plain RTP whose next packets may go on without the table, in the kernel, and what became of
//! them. Whoever carries them tells it before anything else happens to either side.

use super::control::{EndpointId, StreamKind};
use super::endpoint::Endpoint;
use super::settled::{Elsewhere, Settled};
use super::table::{Relay, Slot};

// === impl Relay ===

impl Relay {
    /// How packets that come to an endpoint go on, if that is settled: none before its source is proven, nor
    /// while a side holds or its packets are encrypted.
    pub fn settled(&self, slot: Slot) -> Option<Settled> {
        let endpoint = self.endpoint(slot)?;
        let partner = endpoint.partner?;
        let other = self.endpoint(Slot(partner)).filter(|other| other.kind == StreamKind::Rtp)?;
        endpoint.settled_with(other, partner)
    }

    /// Counts packets that went on elsewhere, in the way that was settled, as if they had come here.
    pub fn passed_elsewhere(&mut self, slot: Slot, settled: &Settled, passed: &Elsewhere) {
        self.counts_elsewhere(passed.packets);
        if let Some(endpoint) = self.endpoint_mut(slot) {
            endpoint.heard_elsewhere(passed);
        }
        if let Some(other) = self.endpoint_mut(Slot(settled.partner)) {
            other.sent_elsewhere(passed, settled);
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
