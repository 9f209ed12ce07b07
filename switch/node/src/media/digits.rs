//! Keypad digits between a side that tells and takes them by signalling (`dtmf = "info"`) and one that does
//! by events (RFC 4733): what each is told of events in its sessions, and digits from one to the other.
//! Digits are secrets: none is logged.

use call::LegId;
use codecs::DtmfForm;
use media::Session;
use media::relay::{EndpointId, KeyedDigit, MediaCommand, PeerPayload};
use units::Now;
use voice::dtmf::Info;

use super::sides::{CallMedia, LegMedia};
use super::told::Said;
use crate::io::Output;
use crate::leg::{Leg, LegEvent};
use crate::node::Node;
use crate::slot::Slot;

/// Clock of events, in Hz.
const CLOCK: u32 = 8_000;

// === impl CallMedia ===

impl CallMedia {
    /// How the side at the other end of a leg tells digits.
    fn other_form(&self, leg: LegId) -> Option<DtmfForm> {
        let others = || self.others(self.paired).into_iter().next_back();
        let other = if leg == LegId::Caller { self.paired.or_else(others)? } else { LegId::Caller };
        Some(self.side(other)?.events.form)
    }

    /// Whether a leg's side has events and the other one has signalling.
    fn is_translated(&self, leg: LegId) -> bool {
        let own = self.side(leg).map(|side| side.events.form);
        own == Some(DtmfForm::Rfc4733) && self.other_form(leg) == Some(DtmfForm::Info)
    }
}

// === impl Node ===

impl Node {
    /// How a leg tells digits, and by which number its side takes events, as it said in an offer.
    pub(super) fn set_dtmf(
        &self,
        media: &mut CallMedia,
        leg: LegId,
        form: DtmfForm,
        offer: Option<&Session>,
    ) {
        if let Some(side) = media.side_mut(leg) {
            side.events.form = form;
            side.events.own = offer.map_or(side.events.own, Session::events);
        }
    }

    /// A leg told a session: by which number its side takes events from now on.
    pub(super) fn note_events(&self, slot: &mut Slot, leg: LegId, event: &LegEvent) {
        let Some(session) = event.session() else { return };
        if let Some(side) = slot.media.as_deref_mut().and_then(|media| media.side_mut(leg)) {
            side.events.own = session.events();
        }
    }

    /// A session as a leg is told it: without events where its side has signalling, with them where only the
    /// other side has it. `is_answer`: to an offer of the leg.
    pub(super) fn with_events_of(
        &self,
        slot: &mut Slot,
        leg: LegId,
        session: Session,
        is_answer: bool,
    ) -> Session {
        let Some(media) = slot.media.as_deref_mut() else { return session };
        let is_translated = media.is_translated(leg);
        let Some(LegMedia { events, .. }) = media.side_mut(leg) else { return session };
        let told = match (events.form, events.own) {
            (DtmfForm::Info, _) => session.without_events(),
            (DtmfForm::Rfc4733, Some(own)) if is_translated && is_answer => session.with_events(Some(own)),
            (DtmfForm::Rfc4733, _) if is_translated && !is_answer => session.with_events(None),
            (DtmfForm::Rfc4733, _) => session,
        };
        events.told = told.events_told();
        told
    }

    /// What may come of a leg's side, events that are not passed among it, and the command that says so.
    pub(super) fn with_events_said(
        &self,
        slot: &mut Slot,
        leg: LegId,
        mut said: Said,
    ) -> (Said, Option<MediaCommand>) {
        let Some(media) = slot.media.as_deref_mut() else { return (said, None) };
        let is_translated = media.is_translated(leg);
        let Some(LegMedia { events, endpoint: Some(endpoint), .. }) = media.side_mut(leg) else {
            return (said, None);
        };
        let comes = if said.is_answer { events.told } else { events.own };
        let heard = comes.filter(|_| is_translated && events.own.is_some());
        if let Some(number) = heard
            && !said.payloads.is_empty()
            && said.payloads.iter().all(|payload| payload.number != number)
        {
            said.payloads.push(PeerPayload::new(number, CLOCK));
        }
        let is_news = std::mem::replace(&mut events.heard, heard) != heard;
        let command = is_news.then_some(MediaCommand::Events { endpoint: *endpoint, payload: heard });
        (said, command)
    }

    /// A leg tells a digit by signalling. True if its other side has it as events.
    pub(crate) fn passes_digit(&mut self, slot: &Slot, from: LegId, info: Info) -> bool {
        let to = slot.opposite(from);
        let Some(media) = slot.media.as_deref().filter(|media| media.is_translated(to)) else { return false };
        let Some(LegMedia { events, endpoint: Some(endpoint), .. }) = media.side(to) else { return false };
        let Some(payload) = events.own else { return false };
        let Info { digit, duration_ms } = info;
        let digit = KeyedDigit { digit, duration_ms };
        let (endpoint, seed) = (*endpoint, self.media.draw());
        self.outputs.push_back(Output::Media(MediaCommand::Digit { endpoint, payload, digit, seed }));
        true
    }

    /// The relay heard a digit of a side whose other side has signalling.
    pub(super) fn digit_heard(&mut self, now: Now, endpoint: EndpointId, digit: KeyedDigit) {
        let Some(&at) = self.calls.by_id.get(&endpoint.call) else { return };
        let Some(mut slot) = self.calls.take(at) else { return };
        let media = slot.media.as_deref();
        let from = media.and_then(|media| media.leg_of(endpoint).filter(|leg| media.is_translated(*leg)));
        if let Some(from) = from {
            let KeyedDigit { digit, duration_ms } = digit;
            let to = slot.opposite(from);
            self.on_leg(now, &mut slot, to, |leg, cx| {
                let Leg::Sip(leg) = leg;
                leg.tell_digit(cx, Info { digit, duration_ms });
            });
        }
        self.park(now, slot);
    }
}
