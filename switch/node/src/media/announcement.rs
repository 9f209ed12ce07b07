//! Announcements: before a call that came to nothing is refused, its caller hears why, as early media (183).
//! The call itself is over meanwhile: its record is written and nothing of it costs money.
//! Invariant: the caller has its final answer when the sound is over, at the latest after [`LAST_MS`].

use std::sync::Arc;

use call::{EarlyEvent, LegId, OfferRefusal, Origin, Progress, Refusal};
use codecs::{Codec, CodecSet};
use media::relay::EndpointId;
use media::{Direction, Session};
use units::Now;
use voice::playback::Clip;

use super::announced::{Announcement, Why};
use super::sides::{CallMedia, Offered};
use super::told::Said;
use crate::leg::LegEvent;
use crate::node::Node;
use crate::slot::Slot;

/// How long a tone is heard, ms.
const TONE_MS: u64 = 4_000;
/// The longest announcement, ms: of what is configured no more is heard.
const LAST_MS: u64 = 30_000;
/// The relay has so long to tell that a prompt is over, ms.
const SLACK_MS: u64 = 500;

// === impl Node ===

impl Node {
    /// A call that is not admitted is going to be refused: our answer to its offer is made while that is
    /// known. Nothing is made where the caller can hear nothing, or no port is free.
    pub(crate) fn prepare_announcement(&mut self, now: Now, slot: &mut Slot, refusal: Refusal) {
        let is_wanted = self.config.media.announcements
            && Why::of(&refusal).is_some()
            && slot.media.is_none()
            // Who registers may be anywhere, and call from anywhere: it is no gate of an address.
            && matches!(slot.call.origin(), Origin::Gate(gate) if !gate.is_sip_account());
        let offer = slot.call.first_offer().filter(|_| is_wanted).cloned();
        let Some(offer) = offer.filter(|_| self.accepts_first_offer(slot)) else { return };
        let codecs: CodecSet = Codec::ALL.into_iter().filter(|codec| voice::available(*codec)).collect();
        let allowed = slot.call.origin().codecs() & codecs;
        let Some(answer) = offer.announcement(allowed) else { return };
        let session = self.session_of_announcement(now, slot, &offer, &answer);
        slot.announcement = session.map(|session| {
            let until = now.tick.plus_ms(LAST_MS);
            Box::new(Announcement { refusal, session, until })
        });
        if slot.announcement.is_none() {
            self.close_announced(slot);
        }
    }

    fn session_of_announcement(
        &mut self,
        now: Now,
        slot: &mut Slot,
        offer: &Session,
        answer: &Session,
    ) -> Option<Arc<Session>> {
        let described = offer.described()?;
        let terms = slot.call.origin().media();
        let mut media = Box::new(CallMedia::new(0));
        media.add(LegId::Caller, terms.nat, terms.srtp);
        media.takes_sound(LegId::Caller, answer.sound_to_offerer());
        slot.media = Some(media);
        self.open_endpoint(
            now,
            slot,
            LegId::Caller,
            described.rtp.map_or_else(|| slot.caller.source(), |rtp| rtp.ip()).is_ipv4(),
        )
        .ok()?;
        let payloads = answer.payloads_of_offerer();
        let said = Said {
            described: Some(described.clone()),
            mux: described.mux,
            may_expect: described.direction == Direction::SendRecv,
            payloads,
            is_answer: false,
        };
        self.tell_peer(slot, LegId::Caller, said);
        let mux = described.mux;
        let offered = Offered { from: LegId::Caller, of: None, described: Some(described) };
        Some(self.with_our_address(slot, LegId::Caller, answer, mux, Some(&offered)))
    }

    /// The call is refused: the caller hears why first. False where it is to be told at once.
    pub(crate) fn announce(&mut self, now: Now, slot: &mut Slot, refusal: &Refusal) -> bool {
        let Some(mut announcement) = slot.announcement.take() else { return false };
        let Some(why) = Why::of(refusal) else { return false };
        let (prompts, language) =
            (Arc::clone(&self.config.media.prompts), self.language_of(slot.call.account()));
        let mut lasts_ms = 0;
        let clip = |codec| -> Option<Arc<Clip>> {
            match why {
                Why::Prompt(prompt) => {
                    let clip = prompts.prompt(language, prompt, codec)?;
                    lasts_ms = u64::try_from(clip.duration().as_millis()).unwrap_or(LAST_MS) + SLACK_MS;
                    Some(clip)
                }
                Why::Tone(tone) => {
                    lasts_ms = TONE_MS;
                    prompts.tone(tone, codec)
                }
            }
        };
        if !self.play(slot, LegId::Caller, clip, matches!(why, Why::Tone(_))) {
            self.close_announced(slot);
            return false;
        }
        let session = &announcement.session;
        self.verb(now, slot, LegId::Caller, |leg, cx| {
            leg.ring(cx, (0, 0), Progress::InProgress, Some(session))
        });
        announcement.until = now.tick.plus_ms(lasts_ms.min(LAST_MS));
        slot.announcement = Some(announcement);
        true
    }

    /// What a leg tells while its caller hears an announcement.
    pub(crate) fn told_while_announcing(&mut self, now: Now, slot: &mut Slot, event: LegEvent) {
        match event {
            LegEvent::Cancelled | LegEvent::Released { .. } => {
                self.end_announcement(now, slot, Some(Refusal::CANCELLED));
            }
            LegEvent::Lost { .. } => self.end_announcement(now, slot, None),
            LegEvent::Early { event: EarlyEvent::Offer(_), .. } | LegEvent::Offer { .. } => {
                self.verb(now, slot, LegId::Caller, |leg, cx| {
                    leg.refuse_offer(cx, OfferRefusal::NotAcceptable)
                });
            }
            LegEvent::Moved { session } => self.media_moved(slot, LegId::Caller, &session),
            LegEvent::Early { .. }
            | LegEvent::Digit(_)
            | LegEvent::Progress { .. }
            | LegEvent::Answered { .. }
            | LegEvent::AnsweredInVain
            | LegEvent::Ended { .. }
            | LegEvent::PauseAsked { .. }
            | LegEvent::LoadTold { .. }
            | LegEvent::AnswerTold
            | LegEvent::OfferWithdrawn
            | LegEvent::OfferAnswered { .. }
            | LegEvent::LateAnswer { .. } => {}
        }
    }

    /// What was played to an endpoint is over.
    pub(super) fn play_ended(&mut self, now: Now, endpoint: EndpointId) {
        let Some(&at) = self.calls.by_id.get(&endpoint.call) else { return };
        let Some(mut slot) = self.calls.take(at) else { return };
        self.end_announcement(now, &mut slot, None);
        self.digit_played(&mut slot, endpoint);
        self.take_leg_events(now, &mut slot);
        self.park(now, slot);
    }

    /// It lasted as long as it may.
    pub(crate) fn announced_long_enough(&mut self, now: Now, slot: &mut Slot) {
        if slot.announcement.as_deref().is_some_and(|announcement| announcement.until <= now.tick) {
            self.end_announcement(now, slot, None);
            self.take_leg_events(now, slot);
        }
    }

    /// Every caller that hears one has its final answer now.
    pub(crate) fn end_announcements(&mut self, now: Now) {
        for at in self.calls.slots.refs() {
            let Some(mut slot) = self.calls.take(at) else { continue };
            self.end_announcement(now, &mut slot, None);
            self.take_leg_events(now, &mut slot);
            self.park(now, slot);
        }
    }

    /// The final answer: the one that was waiting, if no other is given.
    fn end_announcement(&mut self, now: Now, slot: &mut Slot, other: Option<Refusal>) {
        let Some(announcement) = slot.announcement.take() else { return };
        let refusal = other.unwrap_or(announcement.refusal);
        self.verb(now, slot, LegId::Caller, |leg, cx| leg.reject(cx, &refusal));
        self.close_announced(slot);
    }

    fn close_announced(&mut self, slot: &mut Slot) {
        self.close_media_of(slot, LegId::Caller);
        slot.media = None;
    }
}
