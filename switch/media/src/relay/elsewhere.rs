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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use std::sync::Arc;

    use codecs::Codec;
    use units::Tick;
    use voice::EncoderSettings;
    use voice::playback::Clip;
    use voice::transcoder::{Incoming, Outgoing, TranscoderSettings};

    use super::*;
    use crate::relay::{
        Action, Component, Effect, EndpointReport, MediaCommand, MediaEvent, MediaPeer, PeerPayload, Play,
        RtcpPlace,
    };

    const LEGS: [EndpointId; 3] = [of(0), of(1), of(2)];

    const fn of(leg: u8) -> EndpointId {
        EndpointId { shard: 0, call: 1, leg }
    }

    fn theirs(leg: u8) -> SocketAddr {
        SocketAddr::from(([198, 51, 100, 1], 4_000 + 2 * u16::from(leg)))
    }

    fn said(leg: u8, learn: bool) -> MediaCommand {
        let peer = MediaPeer {
            kind: StreamKind::Rtp,
            rtp: Some(theirs(leg)),
            rtcp: RtcpPlace::Next,
            signalling: theirs(leg).ip(),
            learn,
            receives: true,
            sends: true,
            payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
            keys: None,
            secured: None,
        };
        MediaCommand::Peer { endpoint: LEGS[usize::from(leg)], peer }
    }

    /// Three legs, the first two answered and paired.
    fn call() -> Relay {
        let mut relay = Relay::new(3);
        for leg in 0..3_u8 {
            let ours = SocketAddr::from(([192, 0, 2, 1], 20_000 + 2 * u16::from(leg)));
            let endpoint = LEGS[usize::from(leg)];
            let open = MediaCommand::Open { endpoint, ours, timeout_ms: 60_000, hold_timeout_ms: 0 };
            assert_eq!(relay.command(Tick(0), open), Effect::Opened(Slot(u32::from(leg))));
            relay.command(Tick(0), said(leg, false));
            relay.command(Tick(0), MediaCommand::Watch { endpoint });
        }
        relay.command(Tick(0), MediaCommand::Pair { a: LEGS[0], b: LEGS[1] });
        relay
    }

    const fn at(sequence: u16) -> Tick {
        Tick(sequence as u64 * 20_000)
    }

    /// A packet of a leg; its source, number and timestamp as they go on.
    fn passes(relay: &mut Relay, leg: u8, sequence: u16) -> Option<[u8; 10]> {
        let mut packet = [0; 172];
        packet[..2].copy_from_slice(&[0x80, 8]);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        packet[11] = leg;
        let slot = Slot(u32::from(leg));
        let action = relay.packet(at(sequence), slot, Component::Rtp, theirs(leg), &mut packet);
        matches!(action, Action::Send { .. }).then(|| packet[2..12].try_into().expect("ten"))
    }

    fn closed(relay: &mut Relay, leg: usize) -> EndpointReport {
        relay.command(at(500), MediaCommand::Close { endpoint: LEGS[leg] });
        match relay.poll_event() {
            Some(MediaEvent::Closed { report, .. }) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_passed_elsewhere_is_as_if_it_had_passed_here() {
        let (mut here, mut elsewhere) = (call(), call());
        for sequence in 1..10 {
            assert_eq!(passes(&mut here, 0, sequence), passes(&mut elsewhere, 0, sequence));
        }
        // 20 is lost, and two turns are told apart
        for sequence in (10..100).filter(|sequence| *sequence != 20) {
            passes(&mut here, 0, sequence).expect("goes on");
        }
        let settled = elsewhere.settled(Slot(0)).expect("settled");
        assert_eq!((settled.from, settled.to, settled.highest), (theirs(0), theirs(1), (9, 9 * 160)));
        for (packets, last, gaps) in [(30, 40, 1), (59, 99, 0)] {
            let highest = (last, u32::from(last) * 160);
            let passed = Elsewhere { packets, highest, cycles: 0, gaps, last: at(last) };
            elsewhere.passed_elsewhere(Slot(0), &settled, &passed);
        }
        assert_eq!(here.counters(), elsewhere.counters());
        for relay in [&mut here, &mut elsewhere] {
            assert_eq!(passes(relay, 0, 40_000), None, "far off");
            passes(relay, 0, 100).expect("goes on");
            relay.command(at(100), MediaCommand::Pair { a: LEGS[2], b: LEGS[1] });
        }
        // the next side's packets go on in the numbers of the first
        let joined = passes(&mut here, 2, 150);
        assert!(joined.is_some_and(|head| head[..2] == 101_u16.to_be_bytes() && head[9] == 0));
        assert_eq!(joined, passes(&mut elsewhere, 2, 150));
        for leg in 0..2 {
            assert_eq!(closed(&mut here, leg), closed(&mut elsewhere, leg));
        }
    }

    #[test]
    fn what_may_change_is_not_settled() {
        let mut relay = call();
        assert_eq!(relay.settled(Slot(0)), None, "nothing came");
        for sequence in 1..=2 {
            passes(&mut relay, 0, sequence);
            assert_eq!(relay.settled(Slot(0)), None, "not proven");
        }
        passes(&mut relay, 0, 3);
        assert!(relay.settled(Slot(0)).is_some());
        assert_eq!(relay.settled(Slot(1)), None, "it said nothing");
        relay.command(at(3), said(1, true));
        assert_eq!(relay.settled(Slot(0)), None, "it may go elsewhere");
        relay.command(at(3), said(1, false));
        assert!(relay.settled(Slot(0)).is_some());
        let encoder = EncoderSettings::new(Codec::Pcma);
        let how = TranscoderSettings::new(Incoming::new(Codec::Pcma, 8), Outgoing::new(encoder, 8));
        let transcode = |how| MediaCommand::Transcode { endpoint: LEGS[0], how };
        relay.command(at(3), transcode(Some(Box::new(how))));
        assert_eq!(relay.settled(Slot(0)), None, "a worker has it");
        relay.command(at(3), transcode(None));
        assert_eq!(relay.settled(Slot(0)), None, "the next packet joins");
        passes(&mut relay, 0, 4);
        assert!(relay.settled(Slot(0)).is_some());
        let clip = Arc::new(Clip::encode([1; 160], encoder).expect("a clip"));
        let play = Play { clip, payload: 8, repeat: true, seed: 1 };
        relay.command(at(4), MediaCommand::Play { endpoint: LEGS[1], play });
        assert_eq!(relay.settled(Slot(0)), None, "something of ours stands for it");
        relay.command(at(4), MediaCommand::StopPlay { endpoint: LEGS[1] });
        relay.command(at(4), MediaCommand::Pair { a: LEGS[0], b: LEGS[2] });
        assert_eq!(relay.settled(Slot(0)), None, "nothing went there");
        passes(&mut relay, 0, 5);
        assert!(relay.settled(Slot(0)).is_some());
        relay.command(at(5), MediaCommand::Close { endpoint: LEGS[2] });
        assert_eq!((relay.settled(Slot(0)), relay.settled(Slot(2))), (None, None));
    }
}
