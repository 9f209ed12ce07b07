//! Attempts at carriers and at what numbers of ours ring: their places, their legs, and what their ends say
//! of the carrier.

use std::net::SocketAddr;
use std::sync::Arc;

use call::{Callee, Event, LegId, SipAccountCallee};
use ledger::CallId;
use media::{Channel, Session};
use rating::engine::CarrierLeg;
use route::AttemptEnd;
use units::{Now, Transport};

use crate::Evidence;
use crate::leg::{ContactWay, Dialling, Leg, Reached};
use crate::media::MediaRefused;
use crate::node::Node;
use crate::slot::Slot;

impl Node {
    pub(crate) fn dial(
        &mut self,
        now: Now,
        slot: &mut Slot,
        attempt: u8,
        callee: Callee,
        session: Option<Arc<Session>>,
    ) -> Option<Event> {
        let ended = |end| Some(Event::AttemptEnded { attempt, end, cause: None });
        // The one before answered with what was no answer: it has its BYE, and its place back.
        self.leave_carrier(slot);
        if let Some(carrier) = callee.carrier() {
            if !self.peers.health.begin(carrier, now.tick) {
                return ended(AttemptEnd::Down);
            }
            if !self.peers.carrier_slots.try_take(carrier) {
                return ended(AttemptEnd::Full);
            }
            if !self.peers.carrier_slots.try_begin(carrier, now.tick) {
                self.peers.carrier_slots.put_back(carrier.id);
                return ended(AttemptEnd::TooFast);
            }
        }
        slot.callee = Some(callee.clone());
        let session = match self.media_to_dial(now, slot, (attempt, &callee), session) {
            Ok(session) => session,
            Err(refused) => {
                let end = match refused {
                    MediaRefused::Address => AttemptEnd::NoCommonCodec,
                    MediaRefused::NoPorts | MediaRefused::NoChannel => AttemptEnd::Abandoned { heard: false },
                };
                self.note_failed(now, slot, end);
                return match refused {
                    MediaRefused::Address => ended(end),
                    MediaRefused::NoPorts => Some(Event::NoMedia),
                    // The next destination may share a codec.
                    MediaRefused::NoChannel => Some(Event::NoMediaOf { attempt }),
                };
            }
        };
        let session = session.or_else(|| offer_to_gateway(slot, attempt, &callee));
        match self.dial_leg(now, slot, attempt, callee, session) {
            Ok(leg) => {
                self.add_called(slot, leg);
                None
            }
            Err(end) => {
                self.close_media_of(slot, LegId::Carrier(attempt));
                self.note_failed(now, slot, end);
                ended(end)
            }
        }
    }

    /// Unreachable without an address, or without one of ours that reaches it; too fast where no address has
    /// room.
    fn dial_leg(
        &mut self,
        now: Now,
        slot: &mut Slot,
        attempt: u8,
        callee: Callee,
        session: Option<Arc<Session>>,
    ) -> Result<Leg, AttemptEnd> {
        let at = match (&callee, callee.target()) {
            (Callee::Contact(called, place), _) => {
                let way = self.way_to_contact(called, *place).ok_or(AttemptEnd::Unreachable)?;
                Reached::Contact(Box::new(way))
            }
            (_, Some(target)) => {
                let mut addresses = self.peers.open_addresses_of(target, &callee.name(), now.tick);
                if addresses.is_empty() {
                    return Err(AttemptEnd::Unreachable);
                }
                if callee.carrier().is_some_and(|carrier| carrier.overload_control) {
                    self.peers.shed(&mut addresses, now.tick);
                }
                if addresses.is_empty() {
                    return Err(AttemptEnd::TooFast);
                }
                // Kept until the answer: no room for what is not there.
                addresses.shrink_to_fit();
                Reached::Addresses(addresses)
            }
            (_, None) => return Err(AttemptEnd::Unreachable),
        };
        let (number, crossing) = (slot.call.number(), slot.caller.crossing());
        let dialling = Dialling { attempt, callee, number, at, session, crossing };
        let (call, _) = slot.facts_and_leg(LegId::Caller);
        Leg::dial(&mut self.context(now, call), dialling).ok_or(AttemptEnd::Unreachable)
    }

    /// How a contact of a SIP account is reached now; none if it is gone, or its connection closed.
    pub(crate) fn way_to_contact(&self, called: &SipAccountCallee, place: usize) -> Option<ContactWay> {
        let id = called.contacts.get(place)?.id;
        let contacts = self.registrar.contacts(called.account.id);
        let contact = contacts.iter().find(|contact| contact.id == id && contact.is_reachable)?;
        let (flow, uri, path) = (contact.flow, contact.request_uri().into(), contact.path.clone());
        Some(ContactWay { flow, uri, path })
    }

    /// Attempts that are over make room.
    fn add_called(&mut self, slot: &mut Slot, leg: Leg) {
        let sip = &mut self.sip;
        slot.carriers.retain_mut(|leg| {
            if leg.is_gone() {
                leg.close(sip);
            }
            !leg.is_gone()
        });
        slot.carriers.reserve_exact(1);
        slot.carriers.push(leg);
    }

    /// A carrier answered after nobody waited any more: it will charge for it, so that is booked.
    pub(crate) fn book_late_answer(&mut self, now: Now, slot: &Slot, leg: LegId) {
        let LegId::Carrier(attempt) = leg else { return };
        let Some(carrier) = slot.leg(leg).and_then(|leg| leg.party().carrier()) else { return };
        let (Some(deck), Some(number)) = (carrier.deck.clone(), slot.call.number()) else { return };
        let carrier_name = carrier.name.clone();
        let charged = CarrierLeg {
            deck: &deck,
            number: &number,
            answered_at: now.wall,
            duration_ms: 1,
            attempt: u16::from(attempt) + 1,
        };
        if let Ok((_, transfers)) = self.money.engine.book_cost(CallId(slot.call.id()), &charged)
            && !transfers.is_empty()
        {
            self.record_cost(now, slot, carrier_name, transfers);
        }
    }

    /// An address of the attempt under way asks not to be called for a while.
    pub(crate) fn note_pause(&mut self, now: Now, slot: &Slot, at: SocketAddr, secs: u32) {
        if let Some(carrier) = slot.callee.as_ref().and_then(Callee::carrier) {
            self.pause_address(now, carrier, at, secs);
        }
    }

    /// The attempt under way was answered: the carrier lives.
    pub(crate) fn note_answered(&mut self, slot: &Slot) {
        let Some(carrier) = slot.callee.as_ref().and_then(Callee::carrier) else { return };
        self.counters.carrier_attempt(&carrier.name, "answered");
        if self.peers.health.succeeded(carrier.id) {
            self.counters.carrier_changed(&carrier.name, true, Evidence::Call(AttemptEnd::Status(200)));
        }
    }

    /// The attempt under way failed, and no longer needs its carrier's place; its end says how the carrier
    /// fares.
    pub(crate) fn note_failed(&mut self, now: Now, slot: &mut Slot, end: AttemptEnd) {
        let Some(carrier) = slot.callee.as_ref().and_then(Callee::carrier).map(Arc::clone) else { return };
        let outcome = match end {
            AttemptEnd::Status(486 | 600) => "busy",
            AttemptEnd::Status(487) | AttemptEnd::Abandoned { .. } => "cancelled",
            AttemptEnd::Status(500..=599) | AttemptEnd::NoDialog => "failed",
            AttemptEnd::Status(_) => "rejected",
            AttemptEnd::Timeout | AttemptEnd::NoAnswer { .. } => "timeout",
            AttemptEnd::Unreachable => "unreachable",
            AttemptEnd::Full
            | AttemptEnd::TooFast
            | AttemptEnd::Down
            | AttemptEnd::NoCommonCodec
            | AttemptEnd::NoPorts => "skipped",
        };
        self.counters.carrier_attempt(&carrier.name, outcome);
        if self.peers.health.record(&carrier, end, now.tick) {
            self.counters.carrier_changed(
                &carrier.name,
                end.blames_carrier() == Some(false),
                Evidence::Call(end),
            );
        }
        self.leave_carrier(slot);
    }

    /// Gives the carrier's place back.
    pub(crate) fn leave_carrier(&mut self, slot: &mut Slot) {
        if let Some(carrier) = slot.callee.take().as_ref().and_then(Callee::carrier) {
            self.peers.carrier_slots.put_back(carrier.id);
        }
    }
}

/// H.323 has no call without an offer: where the caller makes none, the called gateway is offered all
/// codecs that both may use, and what it takes becomes the offer to the caller.
fn offer_to_gateway(slot: &Slot, attempt: u8, callee: &Callee) -> Option<Arc<Session>> {
    callee.target().filter(|target| target.transport == Transport::H323)?;
    let media = slot.media.as_deref()?;
    let rtp = media.side(LegId::Carrier(attempt))?.shown?;
    let channel = Channel::of_codecs(rtp, callee.codecs() & slot.call.origin().codecs());
    channel.session().map(Arc::new)
}
