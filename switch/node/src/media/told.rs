//! What a side is told of us, and the relay of a side.

use std::net::IpAddr;
use std::sync::Arc;

use call::LegId;
use media::relay::{MediaCommand, MediaPeer, PeerKeys, PeerPayload, RtcpPlace, Secured, StreamKind};
use media::{Described, Direction, Session};
use smallvec::SmallVec;

use super::sides::Offered;
use crate::io::Output;
use crate::node::Node;
use crate::slot::Slot;

/// RFC 863: stands for a port that a side has not said yet.
const DISCARD: u16 = 9;

impl Node {
    /// A side said where its media is, after it stood for somewhere.
    pub(crate) fn media_moved(&mut self, slot: &mut Slot, leg: LegId, session: &Session) {
        let Some(said) = session.described() else { return };
        let Some(side) = slot.media.as_deref_mut().and_then(|media| media.side_mut(leg)) else { return };
        let (Some(endpoint), Some(before)) = (side.endpoint, &side.peer) else { return };
        let peer = MediaPeer {
            rtp: said.rtp,
            receives: said.rtp.is_some(),
            sends: said.rtp.is_some() && said.direction == Direction::SendRecv,
            ..before.clone()
        };
        if side.peer.as_ref() != Some(&peer) {
            side.peer = Some(peer.clone());
            self.outputs.push_back(Output::Media(MediaCommand::Peer { endpoint, peer }));
        }
    }

    /// The session with our address and keys of that leg in its side's place; `mux`: RTCP comes by the same
    /// port. `answers`: the leg's offer to which this is the answer.
    pub(super) fn with_our_address(
        &self,
        slot: &mut Slot,
        leg: LegId,
        session: &Session,
        mux: bool,
        answers: Option<&Offered>,
    ) -> Arc<Session> {
        let side = slot.media.as_deref_mut().and_then(|media| media.side_mut(leg));
        let Some((side, shown)) = side.and_then(|side| side.shown.map(|shown| (side, shown))) else {
            return Arc::new(session.clone());
        };
        // RTCP of a side with DTLS has no handshake of its own.
        let mux = mux || side.dtls.is_some() && answers.is_none();
        (side.is_told, side.told_mux) = (true, mux);
        let relayed = session.relayed(shown, mux);
        let relayed = self.with_events_of(slot, leg, relayed, answers.is_some());
        let Some(side) = slot.media.as_deref().and_then(|media| media.side(leg)) else {
            return Arc::new(relayed);
        };
        let dtls = match &answers {
            Some(offered) => self.media.dtls_to_answer(side, offered.described.as_ref()),
            None => self.media.dtls_to_offer(side),
        };
        if let Some(terms) = dtls {
            return Arc::new(relayed.with_dtls(terms));
        }
        let keyed = match &answers {
            Some(offered) => self.media.keys_to_answer(side, offered.described.as_ref()),
            None => self.media.keys_to_offer(side),
        };
        Arc::new(match keyed {
            Some(keyed) => relayed.with_keys(keyed),
            None => relayed,
        })
    }
}

/// What one side of an agreed session said.
pub(super) struct Said {
    pub described: Option<Described>,
    /// RTCP goes to its RTP port.
    pub mux: bool,
    /// The other side takes what it sends, and neither may be silent.
    pub may_expect: bool,
    pub payloads: SmallVec<[PeerPayload; 8]>,
    /// It answered.
    pub is_answer: bool,
}

/// What the relay is told of a side; without a word of it nothing is sent and nothing expected.
pub(super) fn peer(
    said: Said,
    rtcp: RtcpPlace,
    (signalling, learn): (IpAddr, bool),
    (keys, may_send): (Option<Box<PeerKeys>>, bool),
    secured: Option<Box<Secured>>,
) -> MediaPeer {
    let Said { described: said, may_expect, payloads, .. } = said;
    let direction = said.as_ref().map_or(Direction::Inactive, |said| said.direction);
    let rtp = said.as_ref().and_then(|said| said.rtp).filter(|rtp| may_send && rtp.port() != DISCARD);
    // ICE finds where that is.
    let is_reached = rtp.is_some() || secured.as_deref().is_some_and(|secured| secured.ice.is_some());
    let receives = matches!(direction, Direction::SendRecv | Direction::RecvOnly);
    let kind = said.as_ref().map_or(StreamKind::Rtp, |said| said.kind);
    MediaPeer {
        kind,
        rtp,
        rtcp,
        signalling,
        learn,
        receives: receives && is_reached,
        sends: kind == StreamKind::Rtp && direction == Direction::SendRecv && is_reached && may_expect,
        payloads,
        keys,
        secured,
    }
}
