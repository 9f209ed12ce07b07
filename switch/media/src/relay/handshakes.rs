//! What comes to an endpoint before its media: checks of ICE, and handshakes of DTLS, which are made
//! elsewhere. What a handshake has to say is sent where its side is; its keys are taken only for the side
//! and the certificate for which it was begun.

use std::net::SocketAddr;

use units::Tick;

use super::control::{MediaEvent, PeerKeys};
use super::counters::DropReason;
use super::endpoint::Component;
use super::secured::{HandshakeCommand, HandshakeId};
use super::stun;
use super::table::{Action, Relay, Slot};

// === impl Relay ===

impl Relay {
    /// A datagram that is no media, of a side with checks or a handshake; none of any other side.
    pub(super) fn before_media(
        &mut self,
        now: Tick,
        slot: Slot,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Option<Result<Action, DropReason>> {
        let endpoint = self.endpoint_mut(slot)?;
        if stun::is_stun(packet) {
            let checked = endpoint.is_checked().then(|| endpoint.check(now, from, packet))?;
            let send = |bytes| Action::Send { slot, component: Component::Rtp, to: from, bytes };
            return Some(checked.map(send));
        }
        let number = endpoint.handshake()?;
        let handshake = HandshakeId { slot: slot.0, number };
        let taken = endpoint.shakes_hands(from, packet);
        Some(taken.map(|()| Action::Handshake { handshake, bytes: packet.len() }))
    }

    /// The side of an endpoint said something: `before` is the handshake that it had.
    pub(super) fn renew_handshake(&mut self, slot: u32, before: Option<u32>) {
        let next = self.handshakes.wrapping_add(1);
        let Some(endpoint) = self.endpoint_mut(Slot(slot)) else { return };
        let (is_checked, begun) = (endpoint.is_checked(), endpoint.begin_handshake(next));
        if endpoint.handshake() != before
            && let Some(number) = before
        {
            self.to_handshakes.push_back(HandshakeCommand::End(HandshakeId { slot, number }));
        }
        if let Some(peer) = begun {
            self.handshakes = next;
            let handshake = HandshakeId { slot, number: next };
            self.to_handshakes.push_back(HandshakeCommand::Begin { handshake, peer, is_checked });
        }
    }

    /// What those who make handshakes are to be told, in order. Taken after each command until there is
    /// nothing.
    pub fn poll_handshake(&mut self) -> Option<HandshakeCommand> {
        self.to_handshakes.pop_front()
    }

    /// Where a datagram of a handshake goes, if its side's address is known.
    pub fn handshake_to(&mut self, handshake: HandshakeId) -> Option<SocketAddr> {
        let endpoint = self.endpoint_mut(Slot(handshake.slot))?;
        endpoint.handshake_to(handshake.number)
    }

    /// A handshake is over: its keys, or why there are none.
    pub fn handshaken(&mut self, handshake: HandshakeId, made: Result<PeerKeys, &'static str>) {
        let Some(endpoint) = self.endpoint_mut(Slot(handshake.slot)) else { return };
        if endpoint.handshake() != Some(handshake.number) {
            return;
        }
        let id = endpoint.id();
        let event = match made {
            Ok(keys) => {
                endpoint.set_keys(&keys);
                MediaEvent::Secured { endpoint: id }
            }
            Err(why) => MediaEvent::SecureFailed { endpoint: id, why },
        };
        self.push_event(event);
    }
}
