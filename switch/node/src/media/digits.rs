//! Keypad digits between sides that tell and take them in different forms: by signalling (`dtmf = "info"`),
//! as tones in their sound (`inband`) or by events (RFC 4733). What each is told of events in its sessions,
//! and digits from one to the other. Digits are secrets: none is logged.

use std::sync::Arc;

use call::LegId;
use codecs::DtmfForm;
use media::Session;
use media::relay::{EndpointId, Hearing, KeyedDigit, MediaCommand, PeerPayload};
use units::Now;
use voice::dtmf::Info;

use super::leg_events::ToldBy;
use super::sides::{CallMedia, LegMedia};
use super::told::Said;
use crate::io::Output;
use crate::leg::{Leg, LegEvent};
use crate::node::Node;
use crate::slot::Slot;

/// Digits that wait to be played to a side; more are dropped.
const TONES_MAX: usize = 16;
/// Clock of events, in Hz.
const CLOCK: u32 = 8_000;
/// The payload number of events that most have.
const USUAL: u8 = 101;

/// Whether a side says nothing else by this number.
fn is_free(said: &Said, number: u8) -> bool {
    said.payloads.iter().all(|payload| payload.number != number)
}

// === impl CallMedia ===

impl CallMedia {
    /// How the side at the other end of a leg tells digits.
    fn other_form(&self, leg: LegId) -> Option<DtmfForm> {
        let others = || self.others(self.paired).into_iter().next_back();
        let other = if leg == LegId::Caller { self.paired.or_else(others)? } else { LegId::Caller };
        Some(self.side(other)?.events.form)
    }

    /// Whether a leg's side has events and the other one another form.
    fn is_translated(&self, leg: LegId) -> bool {
        self.translated(leg) == Some(DtmfForm::Rfc4733)
    }

    /// How a leg's side tells digits, where the other one does in another form.
    fn translated(&self, leg: LegId) -> Option<DtmfForm> {
        let own = self.side(leg)?.events.form;
        (self.other_form(leg)? != own).then_some(own)
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
        let form = slot.leg(leg).and_then(Leg::digit_form);
        if let Some(side) = slot.media.as_deref_mut().and_then(|media| media.side_mut(leg)) {
            side.events.own = session.events();
            side.events.form = form.unwrap_or(side.events.form);
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
            (DtmfForm::Info | DtmfForm::Inband, _) => session.without_events(),
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
        let heard = match events.form {
            DtmfForm::Rfc4733 => comes.filter(|_| is_translated && events.own.is_some()),
            // It was offered none, and some phones send them all the same.
            DtmfForm::Info => events.own.or_else(|| is_free(&said, USUAL).then_some(USUAL)),
            DtmfForm::Inband => None,
        };
        if let Some(number) = heard
            && !said.payloads.is_empty()
            && is_free(&said, number)
        {
            said.payloads.push(PeerPayload::new(number, CLOCK));
        }
        let is_news = std::mem::replace(&mut events.heard, heard) != heard;
        let command = is_news.then_some(MediaCommand::Events { endpoint: *endpoint, payload: heard });
        (said, command)
    }

    /// A side that has digits in its sound is listened to, where the other one has another form, and a
    /// carrier that answered, until its first sound is known.
    pub(super) fn listen(&mut self, slot: &mut Slot) {
        let (called, is_carrier) = (slot.called(), slot.goes_to_carriers());
        let Some(media) = slot.media.as_deref_mut() else { return };
        for leg in media.legs() {
            let digits = media.translated(leg) == Some(DtmfForm::Inband);
            let first_sound = is_carrier && leg == called && media.awaits_first_sound();
            let Some(side) = media.side_mut(leg) else { continue };
            let Some(endpoint) = side.endpoint else { continue };
            let is_wanted = digits || first_sound;
            let hearing = is_wanted.then(|| Hearing { voices: side.voices.clone(), digits, first_sound });
            let hearing = hearing.map(Box::new);
            if side.events.listened != hearing {
                side.events.listened.clone_from(&hearing);
                self.outputs.push_back(Output::Media(MediaCommand::Listen { endpoint, hearing }));
            }
        }
    }

    /// A SIP leg tells a digit by INFO. True if its other side has it in another form, or has it already.
    pub(crate) fn passes_digit(&mut self, now: Now, slot: &mut Slot, from: LegId, info: Info) -> bool {
        let Info { digit, duration_ms } = info;
        let side = slot.media.as_deref_mut().and_then(|media| media.side_mut(from));
        if side.is_some_and(|side| side.events.is_told_twice(now, digit, ToldBy::Info)) {
            return true;
        }
        let to = slot.opposite(from);
        if slot.leg(to).is_some_and(|leg| leg.digit_form() == Some(DtmfForm::Info)) {
            return self.verb(now, slot, to, |leg, cx| leg.tell_digit(cx, info)).is_some();
        }
        self.send_digit(slot, to, KeyedDigit { digit, duration_ms })
    }

    /// A leg that may tell digits by signalling whatever else it has does so: the other side is told in
    /// its own form.
    pub(crate) fn signalled_digit(&mut self, now: Now, slot: &mut Slot, from: LegId, info: Info) {
        let Info { digit, duration_ms } = info;
        let own = slot.media.as_deref_mut().and_then(|media| media.side_mut(from));
        if own.is_some_and(|side| side.events.is_told_twice(now, digit, ToldBy::Info)) {
            return;
        }
        let to = slot.opposite(from);
        let side = slot.media.as_deref().and_then(|media| media.side(to));
        let (form, events) = side.map_or((DtmfForm::Info, None), |side| (side.events.form, side.events.own));
        match (form, events) {
            (DtmfForm::Info, _) | (DtmfForm::Rfc4733, None) => {
                self.verb(now, slot, to, |leg, cx| leg.tell_digit(cx, info));
            }
            (DtmfForm::Rfc4733, Some(_)) | (DtmfForm::Inband, _) => {
                self.give_digit(slot, to, form, KeyedDigit { digit, duration_ms });
            }
        }
    }

    /// Sends a digit to a side that has events, or tones in its sound; false where it has neither, or the
    /// same as the other one.
    fn send_digit(&mut self, slot: &mut Slot, to: LegId, digit: KeyedDigit) -> bool {
        let form = slot.media.as_deref().and_then(|media| media.translated(to));
        form.is_some_and(|form| self.give_digit(slot, to, form, digit))
    }

    fn give_digit(&mut self, slot: &mut Slot, to: LegId, form: DtmfForm, digit: KeyedDigit) -> bool {
        let side = slot.media.as_deref_mut().and_then(|media| media.side_mut(to));
        let Some(side) = side else { return false };
        match (form, side.endpoint, side.events.own) {
            (DtmfForm::Rfc4733, Some(endpoint), Some(payload)) => {
                let seed = self.media.draw();
                self.outputs.push_back(Output::Media(MediaCommand::Digit { endpoint, payload, digit, seed }));
                true
            }
            (DtmfForm::Inband, Some(_), _) => {
                let waiting = &mut side.events.tones;
                let is_first = waiting.is_empty();
                if waiting.len() < TONES_MAX {
                    waiting.push_back(digit.digit);
                }
                if is_first {
                    self.play_digit(slot, to);
                }
                true
            }
            _ => false,
        }
    }

    /// Plays the first digit that waits for a side.
    fn play_digit(&mut self, slot: &mut Slot, to: LegId) {
        let prompts = Arc::clone(&self.config.media.prompts);
        loop {
            let side = slot.media.as_deref().and_then(|media| media.side(to));
            let first = side.and_then(|side| side.events.tones.front().copied());
            let Some(digit) = first else { return };
            if self.play(slot, to, |codec| prompts.digit(digit, codec), false) {
                return;
            }
            self.next_digit(slot, to);
        }
    }

    fn next_digit(&mut self, slot: &mut Slot, to: LegId) {
        let side = slot.media.as_deref_mut().and_then(|media| media.side_mut(to));
        side.and_then(|side| side.events.tones.pop_front());
    }

    /// What was played to an endpoint is over: the next digit follows, if that was one.
    pub(super) fn digit_played(&mut self, slot: &mut Slot, endpoint: EndpointId) {
        if let Some(leg) = slot.media.as_deref().and_then(|media| media.leg_of(endpoint)) {
            self.next_digit(slot, leg);
            self.play_digit(slot, leg);
        }
    }

    /// The relay heard a digit of a side whose other side has another form, or events of one that has none.
    pub(super) fn digit_heard(&mut self, now: Now, endpoint: EndpointId, digit: KeyedDigit) {
        let Some(&at) = self.calls.by_id.get(&endpoint.call) else { return };
        let Some(mut slot) = self.calls.take(at) else { return };
        let heard = slot.media.as_deref_mut().and_then(|media| {
            let from = media.leg_of(endpoint)?;
            let other = media.other_form(from)?;
            let events = &mut media.side_mut(from)?.events;
            let is_news = match events.form {
                DtmfForm::Info => !events.is_told_twice(now, digit.digit, ToldBy::Event),
                // One that had no events when the sides agreed may have said since that it has.
                form => form != other || events.heard.is_some(),
            };
            is_news.then_some((from, other))
        });
        match heard {
            Some((from, DtmfForm::Info)) => {
                let KeyedDigit { digit, duration_ms } = digit;
                let to = slot.opposite(from);
                self.on_leg(now, &mut slot, to, |leg, cx| leg.tell_digit(cx, Info { digit, duration_ms }));
            }
            Some((from, form @ (DtmfForm::Rfc4733 | DtmfForm::Inband))) => {
                let to = slot.opposite(from);
                self.give_digit(&mut slot, to, form, digit);
            }
            None => {}
        }
        self.park(now, slot);
    }
}
