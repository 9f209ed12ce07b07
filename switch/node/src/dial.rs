//! Attempts at carriers: their INVITEs, the next address of a name, what an end says of the carrier.

use std::net::SocketAddr;
use std::sync::Arc;

use call::{Callee, Event, LegId};
use ledger::CallId;
use media::Session;
use rating::engine::CarrierLeg;
use route::{AttemptEnd, Host};
use sip::dialog::Dialog;
use sip::flow::{Flow, Transport};
use sip::token::Kind;
use sip::transaction::ClientId;
use sip::{Message, Method};
use units::Now;

use crate::build::{self, InviteParts};
use crate::leg::{self, Leg, LegState};
use crate::node::{Client, Node};
use crate::privacy::Presentation;
use crate::session::{Asked, SESSION_SECS_MAX};
use crate::slot::{Dialled, Slot};
use crate::{CountedSide, Evidence};

impl Node {
    pub(crate) fn dial(&mut self, now: Now, slot: &mut Slot, attempt: u8, callee: Callee, session: Option<Arc<Session>>) -> Option<Event> {
        let ended = |end| Some(Event::AttemptEnded { attempt, end, cause: None });
        // The one before answered with what was no answer: it has its BYE, and its place back.
        self.leave_carrier(slot);
        if let Some(carrier) = callee.carrier() {
            if !self.health.begin(carrier, now.tick) {
                return ended(AttemptEnd::Down);
            }
            if !self.carrier_slots.try_take(carrier) {
                return ended(AttemptEnd::Full);
            }
        }
        let mut addresses = self.addresses_of(&callee);
        slot.dialled = Some(Dialled { callee: callee.clone(), alternates: Vec::new() });
        slot.offered = session;
        if addresses.is_empty() {
            self.note_carrier_end(now, slot, AttemptEnd::Unreachable);
            return ended(AttemptEnd::Unreachable);
        }
        let first = addresses.remove(0);
        // Kept for the whole call: no room for what is not there.
        addresses.shrink_to_fit();
        if let Some(dialled) = &mut slot.dialled {
            dialled.alternates = addresses;
        }
        if self.send_invite(now, slot, attempt, &callee, first, None) {
            None
        } else {
            self.note_carrier_end(now, slot, AttemptEnd::Unreachable);
            ended(AttemptEnd::Unreachable)
        }
    }

    /// Where it is called: its address, or what its host name was last resolved to.
    fn addresses_of(&self, callee: &Callee) -> Vec<SocketAddr> {
        let target = callee.target();
        match &target.host {
            Host::Ip(ip) => vec![SocketAddr::new(*ip, target.port_or_default())],
            Host::Name(_) => self.probes.addresses(&callee.name()).to_vec(),
        }
    }

    /// The next address of the carrier's name, when one was unreachable (RFC 3263 §4.3).
    pub(crate) fn dial_alternate(&mut self, now: Now, slot: &mut Slot, attempt: u8) -> bool {
        let Some(dialled) = &mut slot.dialled else { return false };
        if dialled.alternates.is_empty() {
            return false;
        }
        let next = dialled.alternates.remove(0);
        let callee = dialled.callee.clone();
        slot.carriers.retain(|leg| leg.id != LegId::Carrier(attempt));
        self.send_invite(now, slot, attempt, &callee, next, None)
    }

    /// Sends the INVITE of an attempt; `retry` is the session interval that a 422 asked for.
    fn send_invite(&mut self, now: Now, slot: &mut Slot, attempt: u8, callee: &Callee, to: SocketAddr, retry: Option<u32>) -> bool {
        let transport = callee.target().transport;
        let Some(local) = self.tables.local_for(transport, to) else { return false };
        let Some(number) = slot.call.number() else { return false };
        let flow = if transport == Transport::Udp { Flow::udp(local, to) } else { Flow::stream(transport, local, to, 0) };
        let here = self.tables.advertised_text(local);
        let (client, branch) = self.layer.mint_client();
        let me = slot.me;
        let tag = leg::tag(&self.minter.mint(Kind::Tag, me.slot, me.generation), LegId::Carrier(attempt));
        let call_id = format!("{}{}", self.minter.mint(Kind::CallId, me.slot, me.generation), attempt);
        let user = self.minter.mint(Kind::Contact, me.slot, me.generation);
        let dialled = callee.user(&number);
        let (host, session) = (callee.target().host_port(), callee.session());
        let uri_transport = if transport == Transport::Udp { String::new() } else { format!(";transport={}", transport.uri_name()) };
        let uri = format!("sip:{dialled}@{host}{uri_transport}");
        let presentation = slot.invite.as_deref().map(|invite| Presentation::of(invite, slot.call.caller()));
        let shown = format!("<sip:{}@{here}>", escaped_user(slot.call.caller()));
        let from = presentation.as_ref().map_or_else(|| shown.clone(), |presentation| presentation.from(&shown)) + ";tag=" + &tag;
        let to_value = format!("<sip:{dialled}@{host}>");
        let via = format!("SIP/2.0/{} {here};branch={branch};rport", transport.via_name());
        let contact = build::contact(&user, &here, transport);
        let id = LegId::Carrier(attempt);
        let ours = leg::session_origin(slot.call.id(), id, self.tables.advertised(local).ip());
        let mut leg = Leg::new(id, flow, LegState::Calling { invite: client }, call_id.into(), self.counted_as(callee));
        let sdp = slot.offered.as_deref().map(|session| leg.local.write(session, ours));
        let original = slot.invite.as_deref();
        let parts = InviteParts {
            leg: &leg,
            uri: &uri,
            from: &from,
            to: &to_value,
            via: &via,
            contact: &contact,
            max_forwards: original.and_then(Message::max_forwards).unwrap_or(70).saturating_sub(1),
            cseq: if retry.is_some() { 2 } else { 1 },
            original: original.zip(presentation.as_ref()),
            session_expires_secs: retry.unwrap_or(session.expires_secs),
            min_se_secs: retry.unwrap_or(session.min_secs),
            sdp: sdp.as_deref(),
        };
        let bytes = build::invite(&parts).build();
        slot.carriers.reserve_exact(1);
        slot.carriers.push(leg);
        self.clients.insert(client, Client::Invite(me, LegId::Carrier(attempt)));
        self.send_by(now, client, (flow, callee.target().is_written), Method::Invite, bytes);
        true
    }

    /// A 422 is answered once with the interval that it wants (RFC 4028 §7.3).
    pub(crate) fn retry_with_larger_session(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, response: &Message) -> bool {
        let LegId::Carrier(attempt) = id else { return false };
        let Some(min_se) = Asked::read(response).min_se_secs.filter(|secs| *secs <= SESSION_SECS_MAX) else { return false };
        let Some(dialled) = &slot.dialled else { return false };
        let callee = dialled.callee.clone();
        let Some(leg) = slot.leg(id) else { return false };
        if response.cseq().0 != 1 {
            return false;
        }
        let peer = leg.flow.peer;
        self.clients.remove(&client);
        slot.carriers.retain(|leg| leg.id != id);
        self.send_invite(now, slot, attempt, &callee, peer, Some(min_se))
    }

    /// The dialog that a 2xx of a carrier makes.
    pub(crate) fn uac_dialog(&self, response: &Message) -> Option<Dialog> {
        // Its From, Call-ID and CSeq are those of our INVITE.
        Dialog::uac(response, response).ok()
    }

    /// A carrier answered after nobody waited any more: it will charge for it, so that is booked.
    pub(crate) fn book_late_answer(&mut self, now: Now, slot: &Slot, attempt: u8) {
        let Some(leg) = slot.leg(LegId::Carrier(attempt)) else { return };
        let Some(carrier) = self.tables.carriers.by_name(&leg.carrier) else { return };
        let (Some(deck), Some(number)) = (carrier.deck.clone(), slot.call.number()) else { return };
        let carrier_name = carrier.name.clone();
        let charged = CarrierLeg { deck: &deck, number: &number, answered_at: now.wall, duration_ms: 1, attempt: u16::from(attempt) + 1 };
        if let Ok((_, transfers)) = self.engine.book_cost(CallId(slot.call.id()), &charged)
            && !transfers.is_empty()
        {
            self.record_cost(now, slot, carrier_name, transfers);
        }
    }

    /// Its failure may ask not to be called for a while.
    pub(crate) fn note_pause(&mut self, now: Now, slot: &Slot, response: &Message) {
        let carrier = slot.dialled.as_ref().and_then(|dialled| dialled.callee.carrier());
        if let (Some(secs), Some(carrier)) = (build::pause_secs(response), carrier) {
            self.pause_carrier(now, carrier, secs);
        }
    }

    /// The attempt no longer needs its carrier's place; its end says how the carrier fares.
    pub(crate) fn note_carrier_end(&mut self, now: Now, slot: &mut Slot, end: AttemptEnd) {
        let Some(carrier) = slot.dialled.as_ref().and_then(|dialled| dialled.callee.carrier()).map(Arc::clone) else { return };
        let outcome = match end {
            AttemptEnd::Status(200..=299) => "answered",
            AttemptEnd::Status(486 | 600) => "busy",
            AttemptEnd::Status(487) => "cancelled",
            AttemptEnd::Status(500..=599) | AttemptEnd::NoDialog => "failed",
            AttemptEnd::Status(_) => "rejected",
            AttemptEnd::Timeout | AttemptEnd::NoAnswer { .. } => "timeout",
            AttemptEnd::Unreachable => "unreachable",
            AttemptEnd::Full | AttemptEnd::Down | AttemptEnd::NoCommonCodec => "skipped",
        };
        self.counters.call_attempt(CountedSide::Carrier, &carrier.name, outcome);
        let answered = matches!(end, AttemptEnd::Status(200..=299));
        let changed = if answered { self.health.succeeded(carrier.id) } else { self.health.record(&carrier, end, now.tick) };
        if changed {
            let is_up = answered || end.blames_carrier() == Some(false);
            self.counters.carrier_changed(&carrier.name, is_up, Evidence::Call(end));
        }
        if !answered {
            self.leave_carrier(slot);
        }
    }

    /// Gives the carrier's place back.
    pub(crate) fn leave_carrier(&mut self, slot: &mut Slot) {
        if let Some(carrier) = slot.dialled.take().as_ref().and_then(|dialled| dialled.callee.carrier()) {
            self.carrier_slots.put_back(carrier.id);
        }
    }
}

/// A user part that can stand in a URI of ours: what needs escaping is escaped (RFC 3261 §25.1), an empty one is `anonymous`.
fn escaped_user(user: &str) -> String {
    if user.is_empty() {
        return "anonymous".to_owned();
    }
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes().take(128) {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,?/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
