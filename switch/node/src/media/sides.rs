//! What a relayed call keeps of its legs' media: the endpoint of each, what its side said last, and the offer
//! that is not answered yet.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use call::{Attempt, Branch, LegId};
use codecs::SrtpPolicy;
use media::record::Voices;
use media::relay::{EndpointId, EndpointReport, MediaPeer};
use media::{Described, Sound};
use smallvec::SmallVec;
use voice::FirstSound;

use super::dtls_leg::DtlsLeg;
use super::leg_events::LegEvents;
use super::transcoded::{Channel, Transcoded};

/// Media of a relayed call.
#[derive(Debug)]
pub(crate) struct CallMedia {
    sides: SmallVec<[LegMedia; 2]>,
    /// The caller's first offer, until the call is answered: each phone has its own answer to it.
    pub first: Option<Offered>,
    /// Later offers that wait for their answers, and first offers of phones.
    open: SmallVec<[Offered; 1]>,
    /// The phone with which sessions were agreed anew before the answer, last.
    pub agreed_early: Option<(Attempt, Branch)>,
    /// The called leg whose media the caller hears.
    pub paired: Option<LegId>,
    /// Endpoints that were opened, failed ones too.
    pub opened: u8,
    /// Silence is told.
    pub is_watched: bool,
    /// Its money ends soon, and the caller's session is not agreed yet.
    pub warning_waits: bool,
    /// The caller hears ringback of ours.
    pub rings_back: bool,
    /// The first sound of the called side after the answer, once that is known.
    pub first_sound: Option<FirstSound>,
    /// Silence after which it ends, ms.
    pub timeout_ms: u32,
    /// A channel, for as long as it may be transcoded.
    pub channel: Option<Channel>,
    /// How it is, and with which called leg.
    pub transcoded: Option<Box<(LegId, Transcoded)>>,
    /// It was, at any time.
    pub was_transcoded: bool,
    /// The file of its recording, which goes on or was ended.
    pub recording: Option<Arc<str>>,
    /// And goes on.
    pub is_recorded: bool,
    /// The called leg that the caller heard last, once it ended.
    pub early: Option<Box<EarlyMedia>>,
}

/// What is left of a called leg that ended.
#[derive(Debug)]
pub(crate) struct EarlyMedia {
    pub endpoint: EndpointId,
    /// Where its media was to come from.
    pub said: Option<IpAddr>,
    /// What passed, once the relay has told it.
    pub report: Option<EndpointReport>,
}

/// Media of one leg.
#[derive(Debug)]
pub(crate) struct LegMedia {
    pub leg: LegId,
    /// Its address may be learnt.
    pub nat: bool,
    pub endpoint: Option<EndpointId>,
    /// What its side is told.
    pub shown: Option<SocketAddr>,
    /// Its side knows that.
    pub is_told: bool,
    /// And may send RTCP to the same port.
    pub told_mux: bool,
    /// It said that it rings.
    pub rings: bool,
    /// Its ports could not be opened once.
    pub has_failed: bool,
    /// What the relay was told of its side.
    pub peer: Option<MediaPeer>,
    /// How sound of ours is sent to it, once that is agreed.
    pub sound: Option<Sound>,
    /// Events in its sessions.
    pub events: LegEvents,
    /// What it may send, once that is agreed.
    pub voices: Voices,
    /// Its terms want its calls recorded.
    pub record: bool,
    /// What the recorder was told of it.
    pub recorded: Option<Box<(Option<EndpointId>, Voices)>>,
    /// Whether it is encrypted.
    pub srtp: SrtpPolicy,
    /// Its side said RTP/SAVP, and is told so.
    pub is_savp: bool,
    /// Its keys come of a handshake.
    pub dtls: Option<Box<DtlsLeg>>,
}

/// An offer that passed.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    pub from: LegId,
    /// In the early dialog with this phone.
    pub of: Option<(Attempt, Branch)>,
    pub described: Option<Described>,
}

// === impl Offered ===

impl Offered {
    /// Its side takes RTCP on the RTP port, and so is answered.
    pub(crate) fn mux(&self) -> bool {
        self.described.as_ref().is_some_and(|said| said.mux)
    }
}

// === impl CallMedia ===

impl CallMedia {
    pub(crate) fn new(timeout_ms: u32) -> Self {
        Self {
            sides: SmallVec::new(),
            first: None,
            open: SmallVec::new(),
            agreed_early: None,
            paired: None,
            opened: 0,
            is_watched: false,
            first_sound: None,
            warning_waits: false,
            rings_back: false,
            timeout_ms,
            channel: None,
            transcoded: None,
            was_transcoded: false,
            recording: None,
            is_recorded: false,
            early: None,
        }
    }

    /// A leg that is relayed.
    pub(crate) fn add(&mut self, leg: LegId, nat: bool, srtp: SrtpPolicy) {
        if self.side(leg).is_none() {
            self.sides.push(LegMedia {
                leg,
                nat,
                endpoint: None,
                shown: None,
                is_told: false,
                told_mux: false,
                rings: false,
                has_failed: false,
                peer: None,
                sound: None,
                events: LegEvents::default(),
                voices: Voices::default(),
                record: false,
                recorded: None,
                srtp,
                is_savp: srtp == SrtpPolicy::Required,
                dtls: None,
            });
        }
    }

    pub(crate) fn side(&self, leg: LegId) -> Option<&LegMedia> {
        self.sides.iter().find(|side| side.leg == leg)
    }

    pub(crate) fn side_mut(&mut self, leg: LegId) -> Option<&mut LegMedia> {
        self.sides.iter_mut().find(|side| side.leg == leg)
    }

    /// How sound of ours is sent to a leg from now on.
    pub(crate) fn takes_sound(&mut self, leg: LegId, sound: Option<Sound>) {
        if let Some(side) = self.side_mut(leg) {
            side.sound = sound;
        }
    }

    /// Whether a leg's terms want its calls recorded.
    pub(crate) fn set_record(&mut self, leg: LegId, record: bool) {
        if let Some(side) = self.side_mut(leg) {
            side.record = record;
        }
    }

    /// What both sides of an agreed session may send from now on.
    pub(crate) fn hears(&mut self, sides: [(LegId, Voices); 2]) {
        for (leg, voices) in sides {
            if let Some(side) = self.side_mut(leg) {
                side.voices = voices;
            }
        }
    }

    /// It is answered, and whether the called side still rings is not known.
    pub(crate) const fn awaits_first_sound(&self) -> bool {
        self.is_watched && self.first_sound.is_none()
    }

    /// The leg of an endpoint that is in use.
    pub(crate) fn leg_of(&self, endpoint: EndpointId) -> Option<LegId> {
        self.sides.iter().find(|side| side.endpoint == Some(endpoint)).map(|side| side.leg)
    }

    /// Whether media between the caller and this leg is relayed.
    pub(crate) fn relays(&self, called: LegId) -> bool {
        self.side(called).is_some()
    }

    /// Forgets a leg; its endpoint, if it had one, is to be closed.
    pub(crate) fn remove(&mut self, leg: LegId) -> Option<EndpointId> {
        let at = self.sides.iter().position(|side| side.leg == leg)?;
        let removed = self.sides.remove(at);
        if self.paired == Some(leg) {
            self.paired = None;
            let said = removed.peer.and_then(|peer| Some(peer.rtp?.ip()));
            self.early =
                removed.endpoint.map(|endpoint| Box::new(EarlyMedia { endpoint, said, report: None }));
        }
        removed.endpoint
    }

    /// What passed through an endpoint that was closed while the call goes on.
    pub(crate) fn heard_before(&mut self, endpoint: EndpointId, report: &EndpointReport) {
        if let Some(early) = self.early.as_mut().filter(|early| early.endpoint == endpoint) {
            early.report = Some(*report);
        }
    }

    /// Called legs other than this one.
    pub(crate) fn others(&self, than: Option<LegId>) -> SmallVec<[LegId; 2]> {
        let legs = self.sides.iter().map(|side| side.leg);
        legs.filter(|leg| *leg != LegId::Caller && Some(*leg) != than).collect()
    }

    /// An offer passed: a new one of the same leg stands for the one before.
    pub(crate) fn offers(&mut self, offered: Offered) {
        self.end_offer(offered.from, offered.of);
        self.open.push(offered);
    }

    /// The offer of a leg that has its answer now. In mid-call, whichever it made last.
    pub(crate) fn answers(&mut self, from: LegId, of: Option<(Attempt, Branch)>) -> Option<Offered> {
        let is_it = |offered: &Offered| offered.from == from && (of.is_none() || offered.of == of);
        let at = self.open.iter().rposition(is_it)?;
        Some(self.open.remove(at))
    }

    /// An offer is refused or taken back.
    pub(crate) fn end_offer(&mut self, from: LegId, of: Option<(Attempt, Branch)>) {
        self.open.retain(|offered| offered.from != from || of.is_some() && offered.of != of);
    }

    /// Its legs.
    pub(crate) fn legs(&self) -> SmallVec<[LegId; 2]> {
        self.sides.iter().map(|side| side.leg).collect()
    }

    /// Endpoints in use.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = EndpointId> {
        self.sides.iter().filter_map(|side| side.endpoint)
    }
}
