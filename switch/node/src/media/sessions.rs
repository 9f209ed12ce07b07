//! Sessions on their way from one leg to the other in a relayed call: what a side says of its media is told
//! to the relay, and the other side is told an address of ours in its place (RFC 3264).
//!
//! An offer changes nothing before its answer passes, so that one that fails leaves nothing to be undone; but
//! the first offer of a call, whose address is needed for early media. Each leg keeps its port until it ends.

use std::sync::Arc;

use call::{Attempt, Branch, Callee, EarlyEvent, LegId, OfferRefusal, Side};
use codecs::SrtpPolicy;
use media::relay::{MediaCommand, RtcpPlace};
use media::{Described, Direction, Session};
use route::MediaPath;
use units::Now;

use super::address::Sender;
use super::shard_media::{MediaRefused, Ours};
use super::sides::{CallMedia, Offered};
use super::told::{Said, peer};
use super::transcoded::Transcoded;
use super::transcoding::may_be_transcoded;
use crate::io::Output;
use crate::leg::{Leg, LegEvent};
use crate::node::Node;
use crate::slot::Slot;

// === impl Node: sessions that pass ===

impl Node {
    /// What a called party is offered: where the call is relayed to it, an address of ours. Without a session
    /// it is asked for its own.
    pub(crate) fn media_to_dial(
        &mut self,
        now: Now,
        slot: &mut Slot,
        (attempt, callee): (Attempt, &Callee),
        session: Option<Arc<Session>>,
    ) -> Result<Option<Arc<Session>>, MediaRefused> {
        let called = LegId::Carrier(attempt);
        let (ours, theirs) = (slot.call.origin().media(), callee.media());
        let path = theirs.map_or(self.config.media.path, |terms| terms.path);
        if ours.path.with(path) == MediaPath::Bypass && !may_be_transcoded(slot, callee, session.as_deref()) {
            let is_fax = session.as_deref().is_some_and(Session::is_fax);
            return if is_fax { Err(MediaRefused::Address) } else { Ok(session) };
        }
        if !self.media.can_relay() {
            return Err(MediaRefused::NoPorts);
        }
        if !self.accepts_first_offer(slot) {
            return Err(MediaRefused::Address);
        }
        let timeout_ms = self.config.media.rtp_timeout_ms;
        let media = slot.media.get_or_insert_with(|| Box::new(CallMedia::new(timeout_ms)));
        self.take_channel(media, session.as_deref())?;
        media.add(LegId::Caller, ours.nat, ours.srtp);
        let theirs = theirs.unwrap_or_default();
        media.add(called, theirs.nat, theirs.srtp);
        media.set_record(LegId::Caller, ours.record);
        media.set_record(called, theirs.record);
        self.set_dtmf(media, LegId::Caller, ours.dtmf, slot.call.first_offer().map(|offer| &**offer));
        self.set_dtmf(media, called, theirs.dtmf, None);
        let described = session.as_ref().and_then(|session| session.described());
        let first = Offered { from: LegId::Caller, of: None, described };
        media.first = session.is_some().then_some(first);
        // Both ports are taken here even where nothing is offered yet: an answer finds them.
        let ipv4 = self.calls_by_ipv4(callee);
        self.open_endpoint(now, slot, called, ipv4)?;
        let caller = described.and_then(|said| said.rtp).map_or(slot.caller.source(), |rtp| rtp.ip());
        self.open_endpoint(now, slot, LegId::Caller, caller.to_canonical().is_ipv4())?;
        let mux = described.is_some_and(|said| said.mux);
        if let (Some(described), Some(session)) = (described, &session) {
            let may_expect = described.direction == Direction::SendRecv && !described.may_be_silent;
            let (described, payloads) = (Some(described), session.payloads_of_offerer());
            let said = Said { described, mux, may_expect, payloads, is_answer: false };
            self.tell_peer(slot, LegId::Caller, said);
        }
        Ok(session.map(|session| self.with_our_address(slot, called, &session, mux, None)))
    }

    /// The family of the address at which a party is called first.
    pub(super) fn calls_by_ipv4(&self, callee: &Callee) -> bool {
        if let Callee::Contact(called, place) = callee {
            let way = self.way_to_contact(called, *place);
            return way.is_none_or(|way| way.flow.peer.ip().to_canonical().is_ipv4());
        }
        let Some(target) = callee.target() else { return true };
        let name = callee.name();
        let transport = self.peers.names.transport(target, &name);
        let addresses = self.peers.addresses_of(target, &name);
        let reached = addresses.iter().find(|to| self.config.local_for(transport, **to).is_some());
        reached.is_none_or(|to| to.ip().to_canonical().is_ipv4())
    }

    /// What a phone that rings says: its answer to the caller's offer, or its own where the caller made none.
    pub(crate) fn media_rings(
        &mut self,
        now: Now,
        slot: &mut Slot,
        of: (Attempt, Branch),
        session: Arc<Session>,
    ) -> Result<Arc<Session>, MediaRefused> {
        let called = LegId::Carrier(of.0);
        let Some(media) = slot.relayed_mut(called) else { return Ok(session) };
        let Some(first) = media.first else {
            return self.media_exchanged(now, slot, (called, LegId::Caller), Some(of), session);
        };
        self.open_endpoint(now, slot, LegId::Caller, self.wants_ipv4(slot, first))?;
        self.agree(slot, first, called, &session);
        Ok(self.with_our_address(slot, LegId::Caller, &session, first.mux(), Some(first)))
    }

    /// What the phone that answered says, as the caller is told it: its answer to the caller's offer, its own
    /// offer, or what was agreed before the answer.
    pub(crate) fn media_accepted(
        &mut self,
        now: Now,
        slot: &mut Slot,
        of: (Attempt, Branch),
        session: Arc<Session>,
    ) -> Result<Arc<Session>, MediaRefused> {
        let called = LegId::Carrier(of.0);
        self.media_answered_by(slot, called);
        self.ring_back(slot);
        let is_offer = slot.call.has_late_offer();
        let Some(media) = slot.relayed_mut(called) else { return Ok(session) };
        if is_offer {
            return self.media_exchanged(now, slot, (called, LegId::Caller), None, session);
        }
        let is_agreed = media.agreed_early == Some(of);
        let offered = media.first.take();
        let first = offered.filter(|_| !is_agreed);
        let mux = match first {
            Some(first) => first.mux(),
            None => media.side(LegId::Caller).is_some_and(|side| side.told_mux),
        };
        if let Some(first) = first {
            self.open_endpoint(now, slot, LegId::Caller, self.wants_ipv4(slot, first))?;
            self.agree(slot, first, called, &session);
        }
        if let Some(media) = slot.media.as_deref_mut().filter(|media| media.transcoded.is_none()) {
            media.channel = None;
        }
        self.watch_media(slot);
        self.record(now, slot);
        Ok(self.with_our_address(slot, LegId::Caller, &session, mux, offered))
    }

    /// A later offer of `from`, or its answer to one of `to`, in mid-call or in the early dialog with the
    /// phone `of`; as `to` is told it.
    pub(crate) fn media_exchanged(
        &mut self,
        now: Now,
        slot: &mut Slot,
        (from, to): (LegId, LegId),
        of: Option<(Attempt, Branch)>,
        session: Arc<Session>,
    ) -> Result<Arc<Session>, MediaRefused> {
        let called = if from == LegId::Caller { to } else { from };
        let Some(media) = slot.relayed_mut(called) else {
            return if session.is_transcoded() { Err(MediaRefused::Address) } else { Ok(session) };
        };
        let answered = media.answers(to, of);
        let offered = answered.unwrap_or(Offered { from, of, described: session.described() });
        self.take_channel(media, Some(&session))?;
        let ipv4 = match answered {
            Some(offered) => self.wants_ipv4(slot, offered),
            None => slot.leg(to).is_none_or(|leg| leg.source().to_canonical().is_ipv4()),
        };
        self.open_endpoint(now, slot, to, ipv4)?;
        if answered.is_some() {
            self.agree(slot, offered, from, &session);
            if slot.call.is_talking() {
                self.watch_media(slot);
                self.record(now, slot);
                self.warn_if_due(slot);
            }
        }
        if let Some(media) = slot.relayed_mut(called) {
            match answered {
                Some(_) => media.agreed_early = of.or(media.agreed_early),
                None => media.offers(offered),
            }
        }
        Ok(self.with_our_address(slot, to, &session, offered.mux(), answered))
    }

    /// The family of the media address of whoever offered, else of its signalling.
    fn wants_ipv4(&self, slot: &Slot, offered: Offered) -> bool {
        match offered.described.and_then(|said| said.rtp) {
            Some(rtp) => rtp.is_ipv4(),
            None => slot.leg(offered.from).is_none_or(|leg| leg.source().to_canonical().is_ipv4()),
        }
    }

    /// Which called leg the caller talks to: the endpoints of all others close, all of them where that one is
    /// not relayed.
    fn media_answered_by(&mut self, slot: &mut Slot, called: LegId) {
        let Some(media) = slot.media.as_deref() else { return };
        let is_relayed = media.relays(called);
        for leg in media.others(is_relayed.then_some(called)) {
            self.close_media_of(slot, leg);
        }
        if !is_relayed {
            self.close_media_of(slot, LegId::Caller);
            slot.media = None;
        }
    }

    /// A leg ended, or is not wanted any more.
    pub(crate) fn close_media_of(&mut self, slot: &mut Slot, leg: LegId) {
        let endpoint = slot.media.as_deref_mut().and_then(|media| media.remove(leg));
        if let Some(endpoint) = endpoint {
            self.outputs.push_back(Output::Media(MediaCommand::Close { endpoint }));
        }
        self.ring_back(slot);
    }
}

// === impl Node: sessions that come ===

impl Node {
    /// Whether the caller's first offer may be relayed, if the call is.
    pub(crate) fn accepts_first_offer(&self, slot: &Slot) -> bool {
        let Some(offer) = slot.call.first_offer() else { return true };
        let signalling = slot.caller.source();
        let sender = Sender { signalling, is_first_offer: true, told_ipv4: None };
        !self.media.can_relay() || self.media.accepts(&self.config, sender, offer)
    }

    /// What a leg told, without a session that nothing may be sent to: no answer is a fault of the peer, and
    /// such an offer is refused here. Fax goes over the relay only.
    pub(crate) fn with_media_judged(
        &mut self,
        now: Now,
        slot: &mut Slot,
        id: LegId,
        event: LegEvent,
    ) -> Option<LegEvent> {
        self.note_events(slot, id, &event);
        let srtp = slot.media.as_deref().map_or(SrtpPolicy::Off, |media| media.srtp_of(id));
        let judged = |session: Option<Arc<Session>>| {
            let session = session.map(|session| session.of_side(srtp));
            session.filter(|session| self.accepts_media(slot, id, session))
        };
        Some(match event {
            LegEvent::Progress { branch, progress, session } => {
                LegEvent::Progress { branch, progress, session: judged(session) }
            }
            LegEvent::Answered { branch, session } => LegEvent::Answered { branch, session: judged(session) },
            LegEvent::OfferAnswered { session: Ok(session) } => {
                LegEvent::OfferAnswered { session: Ok(judged(session)) }
            }
            LegEvent::LateAnswer { session } => LegEvent::LateAnswer { session: judged(session) },
            LegEvent::Early { of, event: EarlyEvent::Answer(session) } => {
                LegEvent::Early { of, event: EarlyEvent::Answer(judged(session)) }
            }
            LegEvent::Early { of, event: EarlyEvent::Offer(session) } => match judged(Some(session)) {
                Some(session) => LegEvent::Early { of, event: EarlyEvent::Offer(session) },
                None => {
                    self.verb(now, slot, id, |leg, cx| leg.refuse_offer(cx, OfferRefusal::NotAcceptable));
                    return None;
                }
            },
            LegEvent::Offer { session: Some(session) } => match judged(Some(session)) {
                Some(session) => LegEvent::Offer { session: Some(session) },
                None => {
                    self.verb(now, slot, id, |leg, cx| leg.refuse_offer(cx, OfferRefusal::NotAcceptable));
                    return None;
                }
            },
            other => other,
        })
    }

    fn accepts_media(&self, slot: &Slot, id: LegId, session: &Session) -> bool {
        let called = if id == LegId::Caller { slot.called() } else { id };
        let media = slot.media.as_deref().filter(|media| media.relays(called));
        let (Some(leg), Some(media)) = (slot.leg(id), media) else { return !session.is_fax() };
        let sender = Sender {
            signalling: leg.source(),
            // Without an offer of the caller's that is open the called party makes the first.
            is_first_offer: id != LegId::Caller && media.first.is_none() && !slot.call.is_talking(),
            told_ipv4: media.side(id).and_then(|side| side.shown).map(|shown| shown.is_ipv4()),
        };
        self.media.accepts(&self.config, sender, session)
    }
}

// === impl Node: what the relay is told ===

impl Node {
    /// An endpoint for a leg, of the wanted family if we have it.
    pub(super) fn open_endpoint(
        &mut self,
        now: Now,
        slot: &mut Slot,
        leg: LegId,
        ipv4: bool,
    ) -> Result<(), MediaRefused> {
        let call = crate::ids::id_in_run(slot.call.id());
        let Some(media) = slot.media.as_deref_mut() else { return Ok(()) };
        if media.side(leg).is_none_or(|side| side.endpoint.is_some()) {
            return Ok(());
        }
        let number = media.opened;
        media.opened = number.checked_add(1).ok_or(MediaRefused::NoPorts)?;
        let Some(side) = media.side_mut(leg) else { return Ok(()) };
        let endpoint = self.media.name(call, number);
        let opened = if self.media.outside.is_used() {
            let told = self.media.outside.open(endpoint, leg == LegId::Caller, ipv4);
            told.map(|told| Ours { ours: told, shown: told }).ok_or(MediaRefused::NoPorts)
        } else {
            self.media.take(now.tick, endpoint, ipv4)
        };
        let Ok(Ours { ours, shown }) = opened else {
            self.counters.media_ports_exhausted += 1;
            return Err(MediaRefused::NoPorts);
        };
        (side.endpoint, side.shown) = (Some(endpoint), Some(shown));
        let config = &self.config.media;
        self.outputs.push_back(Output::Media(MediaCommand::Open {
            endpoint,
            ours,
            timeout_ms: config.rtp_timeout_ms,
            hold_timeout_ms: config.rtp_timeout_hold_ms,
        }));
        Ok(())
    }

    /// An offer has its answer: what both sides said holds, and each hears the other.
    fn agree(&mut self, slot: &mut Slot, offered: Offered, answerer: LegId, session: &Session) {
        let (offer, answer) = (offered.described, session.described());
        let may_be_silent = answer.is_some_and(|said| said.may_be_silent);
        let direction = |said: Option<Described>| said.map_or(Direction::Inactive, |said| said.direction);
        let offers_mux = offer.is_some_and(|said| said.mux);
        let takes_mux = offers_mux && answer.is_some_and(|said| said.mux);
        let said = |described, mux, other, payloads, is_answer| Said {
            described,
            mux,
            payloads,
            is_answer,
            may_expect: direction(other) == Direction::SendRecv && !may_be_silent,
        };
        let of_answerer = session.payloads_of_answerer();
        self.tell_peer(slot, answerer, said(answer, takes_mux, offer, of_answerer, true));
        let of_offerer = session.payloads_of_offerer();
        self.tell_peer(slot, offered.from, said(offer, offers_mux, answer, of_offerer, false));
        if let Some(media) = slot.media.as_deref_mut() {
            media.takes_sound(answerer, session.sound_to_answerer());
            media.takes_sound(offered.from, session.sound_to_offerer());
            let voices = [session.voices_of_answerer(), session.voices_of_offerer()];
            let [of_answerer, of_offerer] = voices;
            media.hears([(answerer, of_answerer), (offered.from, of_offerer)]);
        }
        let called = if answerer == LegId::Caller { offered.from } else { answerer };
        let offerer = if offered.from == LegId::Caller { Side::Caller } else { Side::Carrier };
        self.transcode(slot, called, session.transcoding().map(|sides| Transcoded::of(offerer, sides)));
        self.pair(slot, called);
        self.listen(slot);
    }

    /// What a side said, if that is news.
    pub(super) fn tell_peer(&mut self, slot: &mut Slot, leg: LegId, said: Said) {
        let (said, events) = self.with_events_said(slot, leg, said);
        let Some(signalling) = slot.leg(leg).map(Leg::source) else { return };
        let Some(side) = slot.media.as_deref_mut().and_then(|media| media.side_mut(leg)) else { return };
        let Some(endpoint) = side.endpoint else { return };
        let told_ipv4 = side.shown.map(|shown| shown.is_ipv4());
        let sender = Sender { signalling, is_first_offer: false, told_ipv4 };
        let rtcp = match &said.described {
            Some(_) if said.mux => RtcpPlace::Mux,
            Some(described) => self.media.rtcp_of(&self.config, sender, described),
            None => RtcpPlace::Next,
        };
        let keys = self.media.keys_of(side, said.described.as_ref(), said.is_answer);
        if let Some((_, is_savp)) = said.described.and_then(|described| described.keys) {
            side.is_savp |= is_savp;
        }
        let peer = peer(said, rtcp, (signalling, side.nat), keys);
        if side.peer.as_ref() != Some(&peer) {
            side.peer = Some(peer.clone());
            self.outputs.push_back(Output::Media(MediaCommand::Peer { endpoint, peer }));
        }
        self.outputs.extend(events.map(Output::Media));
    }

    /// The caller and a called leg hear each other.
    fn pair(&mut self, slot: &mut Slot, called: LegId) {
        let Some(media) = slot.media.as_deref_mut().filter(|media| media.paired != Some(called)) else {
            return;
        };
        let endpoint = |leg| media.side(leg).and_then(|side| side.endpoint);
        if let (Some(a), Some(b)) = (endpoint(LegId::Caller), endpoint(called)) {
            media.paired = Some(called);
            self.outputs.push_back(Output::Media(MediaCommand::Pair { a, b }));
        }
        self.ring_back(slot);
    }

    /// The call is answered and both sides said where they are: from now on their silence is told.
    fn watch_media(&mut self, slot: &mut Slot) {
        let Some(media) = slot.media.as_deref_mut().filter(|media| !media.is_watched) else { return };
        media.is_watched = true;
        for endpoint in media.endpoints() {
            self.outputs.push_back(Output::Media(MediaCommand::Watch { endpoint }));
        }
        self.listen(slot);
    }

    /// Opens another pair of ports for a leg whose first could not be opened, and tells the relay again what
    /// it knew.
    pub(super) fn reopen(&mut self, now: Now, slot: &mut Slot, leg: LegId) -> Result<(), MediaRefused> {
        let Some(media) = slot.media.as_deref_mut() else { return Ok(()) };
        let paired = media.paired.take();
        let Some(side) = media.side_mut(leg) else { return Ok(()) };
        let (peer, shown) = (side.peer.clone(), side.shown.take());
        (side.endpoint, side.has_failed) = (None, true);
        self.open_endpoint(now, slot, leg, shown.is_none_or(|shown| shown.is_ipv4()))?;
        let endpoint = slot.media.as_deref().and_then(|media| media.side(leg)?.endpoint);
        if let (Some(endpoint), Some(peer)) = (endpoint, peer) {
            self.outputs.push_back(Output::Media(MediaCommand::Peer { endpoint, peer }));
        }
        self.transcode_again(slot);
        if let Some(called) = paired {
            self.pair(slot, called);
        }
        Ok(())
    }
}
