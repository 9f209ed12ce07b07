//! Offers before the answer: UPDATE and PRACK in early dialogs (RFC 3311 §5, RFC 3262 §5, RFC 6337 §2.2).
//! Invariant: none goes in or out of an early dialog whose first offer has no answer that is acknowledged.

use std::sync::Arc;

use bytes::Bytes;
use call::{Attempt, Branch, EarlyEvent, LegId, OfferRefusal};
use media::{LocalSession, Mark, Session};
use sip::dialog::Dialog;
use sip::transaction::{ClientId, ServerId};
use sip::{Message, Method, Name};

use super::endpoint::Client;
use super::hop::names_transport;
use super::leg::{Exchange, Incoming, OfferPurpose, Setup, SipLeg};
use super::messages::{self, ALLOW};
use super::sender::sender;
use super::tag::{EARLY_MAX, early_tag};
use crate::leg::{Context, LegEvent};

/// What is told of an offer to a side that takes none before the answer: it is to be made by re-INVITE after
/// that (RFC 3311 §5.2).
const NOT_BEFORE_ANSWER: OfferRefusal = OfferRefusal::AsTold(504);

// === impl SipLeg: the early dialog of an exchange ===

impl SipLeg {
    /// What we say of the session in an early dialog; of an answered leg, in its dialog.
    fn local_at(&mut self, at: usize) -> &mut LocalSession {
        if let Some(Setup::Incoming(incoming)) = self.setup.as_deref_mut()
            && let Some(early) = incoming.early_sent.get_mut(at)
        {
            return &mut early.local;
        }
        &mut self.local
    }

    /// An early dialog; of an answered leg its dialog.
    fn dialog_at(&mut self, at: usize) -> Option<&mut Dialog> {
        let tag = early_tag(self.tag(), at);
        match self.setup.as_deref_mut() {
            Some(Setup::Incoming(Incoming { invite, early_sent, .. })) if at > 0 => {
                let early = early_sent.get_mut(at)?;
                if early.dialog.is_none() {
                    early.dialog = Dialog::uas(invite, &tag).ok().map(Box::new);
                }
                early.dialog.as_deref_mut()
            }
            Some(Setup::Outgoing(outgoing)) => outgoing.early_received.get_mut(at)?.dialog.as_mut(),
            Some(Setup::Incoming(_)) | None => self.dialog.as_deref_mut(),
        }
    }

    /// Takes the Contact of a target refresh in an early dialog.
    fn refresh_at(&mut self, at: usize, message: &Message) {
        if at == 0 && self.is_caller() {
            self.refresh_target(message);
        } else if let Some(dialog) = self.dialog_at(at) {
            // A Contact that cannot be read leaves the target as it was.
            let _ = dialog.refresh(message);
        }
    }

    /// The same of an UPDATE without an offer.
    pub(super) fn refresh_early(&mut self, update: &Message) {
        if let Some(at) = self.place_of(update) {
            self.refresh_at(at, update);
        }
    }

    /// Notes what the peer said of the session in an early dialog; of an answered leg, in its dialog.
    fn heard_at(&mut self, at: usize, sdp: &[u8]) {
        let mark = Some(Mark::of(sdp));
        match self.setup.as_deref_mut() {
            Some(Setup::Incoming(incoming)) => {
                if let Some(early) = incoming.early_sent.get_mut(at) {
                    early.remote = mark;
                }
            }
            Some(Setup::Outgoing(outgoing)) => {
                if let Some(phone) = outgoing.early_received.get_mut(at) {
                    phone.remote = mark;
                }
            }
            None => self.remote = mark,
        }
    }

    /// What the peer said last of the session in an early dialog.
    fn remote_at(&self, at: usize) -> Option<Mark> {
        match self.setup.as_deref() {
            Some(Setup::Incoming(incoming)) => incoming.early_sent.get(at)?.remote.or(self.remote),
            Some(Setup::Outgoing(outgoing)) => outgoing.early_received.get(at)?.remote,
            None => self.remote,
        }
    }

    /// The early dialog that a request of the peer is in.
    fn place_of(&self, request: &Message) -> Option<usize> {
        match self.setup.as_deref()? {
            Setup::Incoming(_) => {
                (0..EARLY_MAX).find(|place| early_tag(self.tag(), *place) == request.to_tag())
            }
            Setup::Outgoing(outgoing) => {
                outgoing.early_received.iter().position(|phone| *phone.tag == *request.from_tag())
            }
        }
    }

    /// The phone whose early dialog a request of the caller is in; none if the dialog is no single phone's.
    pub(super) fn early_peer(&self, request: &Message) -> Option<(Attempt, Branch)> {
        Some(self.incoming()?.early_sent.get(self.place_of(request)?)?.of)
    }

    /// With which phone of which attempt an early dialog is, once both sides have agreed there for good: the
    /// first answer went reliably, and was acknowledged.
    fn agreed_with(&self, at: usize) -> Option<(Attempt, Branch)> {
        match (self.setup.as_deref()?, self.id) {
            (Setup::Incoming(incoming), _) => {
                let early = incoming.early_sent.get(at)?;
                let is_answered = early.remote.or(self.remote).is_some();
                let reliable = incoming.reliable.as_deref()?;
                (is_answered && reliable.is_acknowledged(at)).then_some(early.of)
            }
            (Setup::Outgoing(outgoing), LegId::Carrier(attempt)) => {
                let phone = outgoing.early_received.get(at)?;
                phone.has_answered.then_some((attempt, at as Branch))
            }
            (Setup::Outgoing(_), LegId::Caller) => None,
        }
    }
}

// === impl SipLeg: the peer's offers ===

impl SipLeg {
    /// An offer in an UPDATE or PRACK before the answer: refused while another is open (RFC 3311 §5.2).
    pub(super) fn early_offer(
        &mut self,
        cx: &mut Context<'_>,
        id: ServerId,
        message: Message,
        offer: &Bytes,
    ) {
        let is_caller = self.is_caller();
        match self.exchange {
            Exchange::None => {}
            Exchange::Theirs { .. } => return cx.endpoint.answer_later(cx.now, id, &message),
            Exchange::TheirsAccepted { .. } | Exchange::Ours { .. } | Exchange::OursLate { .. } => {
                return cx.endpoint.decline(cx.now, id, &message, 491);
            }
        }
        let place = self.place_of(&message);
        let Some((at, of)) = place.and_then(|at| Some((at, self.agreed_with(at)?))) else {
            // Its own offer, or ours, has no answer yet.
            return if is_caller {
                cx.endpoint.answer_later(cx.now, id, &message);
            } else {
                cx.endpoint.decline(cx.now, id, &message, 491);
            };
        };
        if message.method() == Method::Update {
            self.refresh_at(at, &message);
        }
        let is_unchanged = self.remote_at(at) == Some(Mark::of(offer));
        let session = Session::read(offer);
        self.exchange = Exchange::Theirs { server: id, request: Box::new(message) };
        self.exchange_at = at;
        cx.endpoint.servers.insert(id, (cx.call.at, self.id));
        if is_unchanged {
            let sent = self.local_at(at).last_sent();
            return self.answer_exchange(cx, sent);
        }
        match session {
            Ok(session) => {
                cx.emit(self.id, LegEvent::Early { of, event: EarlyEvent::Offer(Arc::new(session)) });
            }
            Err(_) => self.refuse_exchange(cx, 488),
        }
    }

    /// What we answer in the early dialog of the exchange that is open.
    pub(super) fn write_in_exchange(&mut self, cx: &Context<'_>, session: &Session) -> Bytes {
        let (ours, at) = (self.session_origin(cx), self.exchange_at);
        self.note_update(at);
        self.local_at(at).write(session, ours)
    }

    /// Notes the offer of the exchange that is open, which is answered now.
    pub(super) fn hear_in_exchange(&mut self, offer: &[u8]) {
        self.heard_at(self.exchange_at, offer);
    }

    /// The answer to the offer that a provisional response made, in its PRACK (RFC 3262 §5).
    pub(super) fn hear_first_answer(&mut self, cx: &mut Context<'_>, prack: &Message, answer: &Bytes) {
        let Some(at) = self.place_of(prack) else { return };
        let Some(of) = self.incoming().and_then(|incoming| incoming.early_sent.get(at)).map(|early| early.of)
        else {
            return;
        };
        self.heard_at(at, answer);
        let session = Session::read(answer).ok().map(Arc::new);
        cx.emit(self.id, LegEvent::Early { of, event: EarlyEvent::Answer(session) });
    }

    /// Whether the caller said nothing yet of the session in the early dialog of a request: the first offer
    /// there is ours.
    pub(super) fn is_unheard(&self, request: &Message) -> bool {
        self.place_of(request).is_some_and(|at| self.remote_at(at).is_none())
    }

    fn note_update(&mut self, at: usize) {
        if let Some(incoming) = self.incoming_mut()
            && let Some(early) = incoming.early_sent.get_mut(at)
        {
            early.is_updated = true;
        }
    }
}

// === impl SipLeg: our offers ===

impl SipLeg {
    /// Offers a changed session before the answer; else why that cannot be.
    pub(crate) fn offer_early(
        &mut self,
        cx: &mut Context<'_>,
        of: (Attempt, Branch),
        session: &Session,
    ) -> Result<(), OfferRefusal> {
        if !matches!(self.exchange, Exchange::None) {
            return Err(OfferRefusal::Pending);
        }
        let (at, takes) = match self.setup.as_deref() {
            Some(Setup::Incoming(incoming)) => {
                let at = incoming.early_sent.iter().position(|early| early.of == of);
                (at, self.takes_update && incoming.reliable.is_some())
            }
            Some(Setup::Outgoing(outgoing)) => {
                let phone = outgoing.early_received.get(usize::from(of.1));
                (Some(usize::from(of.1)), phone.is_some_and(|phone| phone.takes_update && phone.has_answered))
            }
            // The call is answered, and only does not know yet.
            None => return Err(OfferRefusal::Pending),
        };
        let Some(at) = at.filter(|_| takes) else { return Err(NOT_BEFORE_ANSWER) };
        if self.agreed_with(at) != Some(of) {
            return Err(OfferRefusal::Pending);
        }
        let ours = self.session_origin(cx);
        self.note_update(at);
        let local = self.local_at(at);
        let before = local.before();
        let sdp = local.write(session, ours);
        self.before = Some(Box::new(before));
        self.exchange_at = at;
        self.send_update(cx, OfferPurpose::RelayEarly, &sdp);
        Ok(())
    }

    /// Offers what was said before the last exchange again, of which nothing came.
    pub(super) fn restore_early(&mut self, cx: &mut Context<'_>) {
        let (ours, at) = (self.session_origin(cx), self.exchange_at);
        let Some(before) = self.before.take() else { return };
        let local = self.local_at(at);
        local.restore(*before);
        let Some(sdp) = local.send_again(ours) else { return };
        self.send_update(cx, OfferPurpose::RestoreEarly, &sdp);
    }

    /// An UPDATE in the early dialog of the exchange.
    fn send_update(&mut self, cx: &mut Context<'_>, purpose: OfferPurpose, sdp: &Bytes) {
        let at = self.exchange_at;
        let Some(next) = self.dialog_at(at).map(|dialog| dialog.next_hop().to_owned()) else { return };
        let flow = self.way_to(cx, &next);
        let (contact, here) = (cx.contact(&flow), cx.here(&flow));
        let (client, branch) = cx.endpoint.layer.mint_client();
        let Some(dialog) = self.dialog_at(at) else { return cx.endpoint.layer.abandon(client) };
        let request = dialog.request(Method::Update, &sender(&flow, &here, &branch, &contact));
        let cseq = dialog.local_seq();
        let bytes = request.header(Name::Allow, ALLOW).body("application/sdp", sdp).build();
        self.exchange = Exchange::Ours { client, purpose, cseq, early: None };
        cx.endpoint.clients.insert(client, Client::Offer(cx.call.at, self.id));
        self.submit(cx, client, (flow, names_transport(&next)), Method::Update, bytes);
    }

    /// The final response to an offer of ours that was made before the answer; none came: 408. Whatever it
    /// is, the INVITE goes on (RFC 5057 §5.1 speaks of its dialog alone).
    pub(super) fn early_offer_ended(
        &mut self,
        cx: &mut Context<'_>,
        (client, purpose): (ClientId, OfferPurpose),
        status: u16,
        response: Option<&Message>,
    ) {
        let at = self.exchange_at;
        cx.endpoint.clients.remove(&client);
        let is_relayed = purpose == OfferPurpose::RelayEarly;
        let Some(response) = response.filter(|_| status < 300) else {
            if let Some(before) = self.before.take() {
                self.local_at(at).restore(*before);
            }
            if is_relayed {
                // The other side's dialog does not end with this one, nor was it late itself.
                let told = if matches!(status, 408 | 481) { 500 } else { status };
                let session = Err(messages::refusal_of(told));
                cx.emit(self.id, LegEvent::OfferAnswered { session });
            }
            return;
        };
        self.refresh_at(at, response);
        let sdp = messages::sdp_in(response);
        if let Some(sdp) = &sdp {
            self.heard_at(at, sdp);
        }
        if is_relayed {
            let session = sdp.and_then(|sdp| Session::read(&sdp).ok()).map(Arc::new);
            cx.emit(self.id, LegEvent::OfferAnswered { session: Ok(session) });
        } else {
            self.before = None;
        }
    }
}
