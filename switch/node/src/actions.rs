//! What a call wants, done: legs dialled, answered and ended, money moved, records written.

use std::sync::Arc;

use bytes::Bytes;
use call::{Action, Event, LegId, Refusal, Settled, Side};
use ledger::CallId;
use media::Packed;
use rating::engine::CarrierLeg;
use route::{AttemptEnd, Carrier, Host};
use sip::dialog::Dialog;
use sip::dialog::Sender;
use sip::flow::{Flow, Transport};
use sip::token::Kind;
use sip::transaction::ClientId;
use sip::{Message, Method, Name};
use units::{Cause, Now};

use crate::CountedSide;
use crate::admit::money_refusal;
use crate::build::{self, InviteParts};
use crate::leg::{Exchange, Goodbye, Leg, LegState};
use crate::node::{Client, Node, id_in_run};
use crate::session::{Asked, SessionState};
use crate::slot::{Dialled, Slot};

/// A 2xx to an INVITE of ours, as its ACK must name it.
pub(crate) struct Accepted<'a> {
    pub client: ClientId,
    pub cseq: u32,
    pub remote_tag: &'a str,
}

impl Node {
    /// Does one thing; some things are answered at once.
    pub(crate) fn execute(&mut self, now: Now, slot: &mut Slot, action: Action) -> Option<Event> {
        match action {
            Action::Admit { number, codecs } => return Some(self.admit(now, slot, number, codecs)),
            Action::StartBilling => return Some(self.start_billing(now, slot)),
            Action::Extend { elapsed_ms } => return self.extend(now, slot, elapsed_ms),
            Action::Warn { elapsed_ms } => return self.warn(now, slot, elapsed_ms),
            Action::Settle { duration_ms, carrier, carrier_ms } => {
                return Some(self.settle(now, slot, duration_ms, carrier.as_deref(), carrier_ms));
            }
            Action::Dial { attempt, carrier, sdp, is_loss } => {
                if is_loss {
                    self.counters.dialled_at_a_loss += 1;
                    tracing::warn!(
                        account = &*slot.call.gate().account,
                        carrier = &*carrier.name,
                        "the carrier costs more than the call brings"
                    );
                }
                return self.dial(now, slot, attempt, carrier, sdp);
            }
            Action::BookCost { attempt } => self.book_late_answer(now, slot, attempt),
            Action::Progress { status, sdp } => self.progress(now, slot, status, sdp.as_ref()),
            Action::Accept { sdp } => self.accept(now, slot, sdp),
            Action::Reject(refusal) => self.reject(now, slot, &refusal),
            Action::Hangup { leg, cause, sip_cause } => self.hang_up(now, slot, leg, Goodbye { cause, sip_cause }),
            Action::SendOffer { side, sdp } => return self.send_offer(now, slot, side, sdp),
            Action::AnswerOffer { side, sdp } => self.answer_exchange(now, slot, side, sdp),
            Action::RejectOffer { side, status } => {
                let leg = slot.side(side);
                self.reject_exchange(now, slot, leg, status);
            }
            Action::AckOffer { side, sdp } => self.ack_late_offer(now, slot, side, &sdp),
            Action::RecordOpen => self.record_open(now, slot),
            Action::RecordCheckpoint { elapsed_ms } => self.record_checkpoint(now, slot, elapsed_ms),
            Action::RecordEnd(cdr) => self.record_end(slot, cdr),
        }
        None
    }

    fn start_billing(&mut self, now: Now, slot: &mut Slot) -> Event {
        let Some(lease) = slot.lease else { return Event::Billing(Err(Refusal::NO_CREDIT)) };
        let started = self.engine.answer(now, lease).map_err(|refusal| {
            // The engine has let the lease go.
            slot.lease = None;
            self.counters.debit_failed(refusal.word());
            money_refusal(refusal)
        });
        self.wake_starved(now);
        Event::Billing(started)
    }

    fn extend(&mut self, now: Now, slot: &Slot, elapsed_ms: u64) -> Option<Event> {
        // A journal that cannot write grants nothing more: live calls end at their lease.
        if self.pressure == crate::Pressure::Failed {
            return None;
        }
        self.engine.extend(now, slot.lease?, elapsed_ms).ok().map(Event::Extended)
    }

    /// The money in sight ends in a minute.
    fn warn(&mut self, now: Now, slot: &Slot, elapsed_ms: u64) -> Option<Event> {
        let warning = self.engine.warn(now, slot.lease?, elapsed_ms).ok()?;
        if let Some(notice) = warning.notice {
            self.journal_notice(notice);
        }
        Some(Event::Warned(warning.timing))
    }

    fn settle(&mut self, now: Now, slot: &mut Slot, duration_ms: u64, carrier: Option<&Carrier>, carrier_ms: u64) -> Event {
        self.leave_gate(slot);
        self.leave_carrier(slot);
        let number = slot.call.number();
        let leg = carrier.zip(number.as_ref()).and_then(|(carrier, number)| {
            let deck = carrier.deck.as_deref()?;
            let answered_at = slot.call.answered_wall().unwrap_or(now.wall);
            Some(CarrierLeg { deck, number, answered_at, duration_ms: carrier_ms, attempt: slot.last_attempt() })
        });
        let settled = match slot.lease.take() {
            Some(lease) => {
                let begun = (self.stopwatch)();
                let settled = self.engine.settle(now, lease, duration_ms, leg.as_ref()).ok();
                self.counters.rated_in((self.stopwatch)().saturating_sub(begun));
                settled
            }
            None => None,
        };
        self.wake_starved(now);
        Event::Settled(match settled {
            Some(mut settlement) => {
                slot.transfers = std::mem::take(&mut settlement.transfers);
                self.counters.operator_exposure_units += settlement.exposure.amount.unsigned_abs();
                Settled::Lease(Box::new(settlement))
            }
            None => {
                let account = self.engine.account(&slot.call.gate().account);
                Settled::Untouched(account.map_or(units::Money::zero(units::Currency::EUR), |view| view.balance))
            }
        })
    }

    /// Money came back somewhere: leases that were refused may try again. Not the call in hand, which is ending.
    pub(crate) fn wake_starved(&mut self, now: Now) {
        while let Some((call, _)) = self.engine.poll_woken() {
            if let Some(&at) = self.by_id.get(&id_in_run(call.0)) {
                self.drive(now, at, Event::FundsReturned);
            }
        }
    }

    // --- the carrier's leg ---

    fn dial(&mut self, now: Now, slot: &mut Slot, attempt: u8, carrier: Arc<Carrier>, sdp: Option<Bytes>) -> Option<Event> {
        let ended = |end| Some(Event::AttemptEnded { attempt, end, cause: None });
        // The one before answered with what was no answer: it has its BYE, and its place back.
        self.leave_carrier(slot);
        if !self.health.begin(&carrier, now.tick) {
            return ended(AttemptEnd::Down);
        }
        if !self.carrier_slots.try_take(&carrier) {
            return ended(AttemptEnd::Full);
        }
        let mut addresses = self.addresses_of(&carrier);
        slot.dialled = Some(Dialled { carrier: Arc::clone(&carrier), alternates: Vec::new() });
        slot.offered = sdp;
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
        if self.send_invite(now, slot, attempt, &carrier, first, None) {
            None
        } else {
            self.note_carrier_end(now, slot, AttemptEnd::Unreachable);
            ended(AttemptEnd::Unreachable)
        }
    }

    fn addresses_of(&self, carrier: &Carrier) -> Vec<std::net::SocketAddr> {
        match &carrier.target.host {
            Host::Ip(ip) => vec![std::net::SocketAddr::new(*ip, carrier.target.port_or_default())],
            Host::Name(_) => self.probes.addresses(&carrier.name).to_vec(),
        }
    }

    /// The next address of the carrier's name, when one was unreachable (RFC 3263 §4.3).
    pub(crate) fn dial_alternate(&mut self, now: Now, slot: &mut Slot, attempt: u8) -> bool {
        let Some(dialled) = &mut slot.dialled else { return false };
        if dialled.alternates.is_empty() {
            return false;
        }
        let next = dialled.alternates.remove(0);
        let carrier = Arc::clone(&dialled.carrier);
        slot.carriers.retain(|leg| leg.id != LegId::Carrier(attempt));
        self.send_invite(now, slot, attempt, &carrier, next, None)
    }

    /// Sends the INVITE of an attempt; `retry` is the session interval that a 422 asked for.
    fn send_invite(
        &mut self,
        now: Now,
        slot: &mut Slot,
        attempt: u8,
        carrier: &Arc<Carrier>,
        to: std::net::SocketAddr,
        retry: Option<u32>,
    ) -> bool {
        let transport = transport_of(carrier.target.transport);
        let Some(local) = self.tables.local_for(transport, to) else { return false };
        let Some(number) = slot.call.number() else { return false };
        let flow = if transport == Transport::Udp { Flow::udp(local, to) } else { Flow::stream(transport, local, to, 0) };
        let here = self.tables.advertised_text(local);
        let (client, branch) = self.layer.mint_client();
        let me = slot.me;
        let mut tag = self.minter.mint(Kind::Tag, me.slot, me.generation).to_string();
        tag.push(char::from(b'b' + attempt.min(24)));
        let call_id = format!("{}{}", self.minter.mint(Kind::CallId, me.slot, me.generation), attempt);
        let user = self.minter.mint(Kind::Contact, me.slot, me.generation);
        let dialled = carrier.dialled(&number);
        let host = carrier.target.host_port();
        let uri_transport = if transport == Transport::Udp { String::new() } else { format!(";transport={}", transport.uri_name()) };
        let uri = format!("sip:{dialled}@{host}{uri_transport}");
        let from = format!("<sip:{}@{here}>;tag={tag}", escaped_user(slot.call.caller()));
        let to_value = format!("<sip:{dialled}@{host}>");
        let via = format!("SIP/2.0/{} {here};branch={branch};rport", transport.via_name());
        let contact = build::contact(&user, &here, transport);
        let leg = Leg::new(LegId::Carrier(attempt), flow, LegState::Calling { invite: client }, call_id.into(), carrier.name.clone());
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
            original,
            session_expires_secs: retry.unwrap_or(carrier.session.expires_secs),
            min_se_secs: retry.unwrap_or(carrier.session.min_secs),
            sdp: slot.offered.as_deref(),
        };
        let bytes = build::invite(&parts).build();
        slot.carriers.reserve_exact(1);
        slot.carriers.push(leg);
        self.clients.insert(client, Client::Invite(me, LegId::Carrier(attempt)));
        self.layer.send(now.tick, client, flow, Method::Invite, bytes);
        true
    }

    /// A 422 is answered once with the interval that it wants (RFC 4028 §7.3).
    pub(crate) fn retry_with_larger_session(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, response: &Message) -> bool {
        let LegId::Carrier(attempt) = id else { return false };
        let Some(min_se) = Asked::read(response).min_se_secs.filter(|secs| *secs <= 86_400) else { return false };
        let Some(dialled) = &slot.dialled else { return false };
        let carrier = Arc::clone(&dialled.carrier);
        let Some(leg) = slot.leg(id) else { return false };
        if response.cseq().0 != 1 {
            return false;
        }
        let peer = leg.flow.peer;
        self.clients.remove(&client);
        slot.carriers.retain(|leg| leg.id != id);
        self.send_invite(now, slot, attempt, &carrier, peer, Some(min_se))
    }

    /// The dialog that a 2xx of a carrier makes.
    pub(crate) fn uac_dialog(&self, response: &Message) -> Option<Dialog> {
        // Its From, Call-ID and CSeq are those of our INVITE.
        Dialog::uac(response, response).ok()
    }

    /// ACK to a 2xx, kept by the layer for repeats.
    pub(crate) fn send_ack(&mut self, now: Now, slot: &mut Slot, id: LegId, accepted: &Accepted<'_>, sdp: Option<&Bytes>) {
        let Some(leg) = slot.leg_mut(id) else { return };
        let here = self.tables.advertised_text(leg.flow.local);
        let Some(dialog) = leg.dialog() else { return };
        let branch = dialog.ack_branch(&self.minter, accepted.cseq);
        let sender = Sender { transport: leg.flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let mut builder = dialog.ack(accepted.cseq, &sender);
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", sdp);
            leg.said = Some(Packed::new(sdp));
        }
        let flow = leg.flow;
        self.layer.ack_2xx(now.tick, accepted.client, accepted.remote_tag, flow, builder.build());
    }

    /// ACK and BYE for a 2xx that nobody wants: late, or of a fork.
    pub(crate) fn ack_and_bye(&mut self, now: Now, client: ClientId, flow: Flow, response: &Message, why: Goodbye) {
        let Ok(dialog) = Dialog::uac(response, response) else { return };
        let branch = dialog.ack_branch(&self.minter, response.cseq().0);
        let here = self.tables.advertised_text(flow.local);
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let flow = self.hop(dialog.next_hop(), flow);
        let ack = dialog.ack(response.cseq().0, &sender).build();
        self.layer.ack_2xx(now.tick, client, response.to_tag(), flow, ack);
        self.bye_unattended(now, dialog, flow, why);
    }

    /// The same when even the INVITE's transaction is gone.
    pub(crate) fn farewell(&mut self, now: Now, flow: Flow, response: &Message, why: Goodbye) {
        let Ok(dialog) = Dialog::uac(response, response) else { return };
        let branch = dialog.ack_branch(&self.minter, response.cseq().0);
        let here = self.tables.advertised_text(flow.local);
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let flow = self.hop(dialog.next_hop(), flow);
        let ack = dialog.ack(response.cseq().0, &sender).build();
        self.layer.transmit(flow, ack);
        self.bye_unattended(now, dialog, flow, why);
    }

    fn bye_unattended(&mut self, now: Now, mut dialog: Dialog, flow: Flow, why: Goodbye) {
        let (client, branch) = self.layer.mint_client();
        let here = self.tables.advertised_text(flow.local);
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let bye = dialog.request(Method::Bye, &sender).header(Name::Reason, &build::reason(why)).build();
        self.clients.insert(client, Client::Farewell);
        self.layer.send(now.tick, client, flow, Method::Bye, bye);
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

    /// The attempt no longer needs its carrier's place; its end says how the carrier fares.
    pub(crate) fn note_carrier_end(&mut self, now: Now, slot: &mut Slot, end: AttemptEnd) {
        let Some(dialled) = &slot.dialled else { return };
        let outcome = match end {
            AttemptEnd::Status(200..=299) => "answered",
            AttemptEnd::Status(486 | 600) => "busy",
            AttemptEnd::Status(487) => "cancelled",
            AttemptEnd::Status(500..=599) => "failed",
            AttemptEnd::Status(_) => "rejected",
            AttemptEnd::Timeout | AttemptEnd::NoAnswer { .. } => "timeout",
            AttemptEnd::Unreachable => "unreachable",
            AttemptEnd::Full | AttemptEnd::Down | AttemptEnd::NoCommonCodec => "skipped",
        };
        self.counters.call_attempt(CountedSide::Carrier, &dialled.carrier.name, outcome);
        if matches!(end, AttemptEnd::Status(200..=299)) {
            self.health.succeeded(dialled.carrier.id);
        } else {
            self.health.record(&dialled.carrier, end, now.tick);
            self.leave_carrier(slot);
        }
    }

    /// Gives the carrier's place back.
    pub(crate) fn leave_carrier(&mut self, slot: &mut Slot) {
        if let Some(dialled) = slot.dialled.take() {
            self.carrier_slots.put_back(dialled.carrier.id);
        }
    }

    // --- the caller's leg ---

    fn progress(&mut self, now: Now, slot: &mut Slot, status: u16, sdp: Option<&Bytes>) {
        let LegState::Incoming { invite } = slot.caller.state else { return };
        let Some(request) = slot.invite.as_deref() else { return };
        let contact = self.contact_of(slot, &slot.caller.flow);
        let mut builder = build::response(request, status, slot.caller.tag()).record_routes(request).header(Name::Contact, &contact);
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", sdp);
        }
        self.layer.respond(now.tick, invite, status, builder.build());
    }

    fn accept(&mut self, now: Now, slot: &mut Slot, sdp: Option<Bytes>) {
        let LegState::Incoming { invite } = slot.caller.state else { return };
        let Some(request) = slot.invite.take() else { return };
        let contact = self.contact_of(slot, &slot.caller.flow);
        let session = SessionState::as_uas(now.tick, &Asked::read(&request), slot.call.gate().session.expires_secs);
        let leg = &mut slot.caller;
        leg.session = session;
        if let Some(dialog) = leg.dialog_mut() {
            dialog.confirm_uas();
        }
        let mut builder = build::response(&request, 200, leg.tag())
            .record_routes(&request)
            .header(Name::Contact, &contact)
            .header(Name::Allow, build::ALLOW)
            .header(Name::Supported, build::SUPPORTED);
        builder = build::with_session(builder, &session);
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
        }
        leg.said = sdp.as_deref().map(Packed::new);
        leg.state = LegState::Accepted { invite, owed: None };
        self.counters.sip_response(CountedSide::Gate, &leg.carrier, 200);
        self.layer.respond(now.tick, invite, 200, builder.build());
    }

    fn reject(&mut self, now: Now, slot: &mut Slot, refusal: &Refusal) {
        let LegState::Incoming { invite } = slot.caller.state else { return };
        slot.caller.state = LegState::Gone;
        self.servers.remove(&invite);
        let Some(request) = slot.invite.take() else { return };
        self.counters.sip_response(CountedSide::Gate, &slot.caller.carrier, refusal.status);
        let builder = build::refusal(&request, refusal, slot.caller.tag());
        self.layer.respond(now.tick, invite, refusal.status, builder.build());
    }

    // --- both ---

    fn hang_up(&mut self, now: Now, slot: &mut Slot, id: LegId, why: Goodbye) {
        if matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Calling { .. })) {
            match why.cause {
                Cause::TIMER => self.note_carrier_end(now, slot, AttemptEnd::Timeout),
                Cause::NO_ANSWER => self.note_carrier_end(now, slot, AttemptEnd::NoAnswer { rang: true }),
                _ => self.note_carrier_end(now, slot, AttemptEnd::Status(487)),
            }
        }
        let Some(leg) = slot.leg_mut(id) else { return };
        match &mut leg.state {
            LegState::Calling { invite } => {
                let invite = *invite;
                leg.state = LegState::Abandoned { why };
                self.layer.cancel(now.tick, invite, Some(&build::reason(why)));
            }
            LegState::Accepted { owed, .. } => *owed = Some(why),
            LegState::Answered { invite, remote_tag, cseq } => {
                let (invite, remote_tag, cseq) = (*invite, remote_tag.clone(), *cseq);
                leg.state = LegState::Confirmed;
                self.send_ack(now, slot, id, &Accepted { client: invite, cseq, remote_tag: &remote_tag }, None);
                self.say_bye(now, slot, id, why);
            }
            LegState::Confirmed => self.say_bye(now, slot, id, why),
            LegState::Incoming { .. } | LegState::Abandoned { .. } | LegState::Leaving | LegState::Gone => {}
        }
    }

    /// BYE; whatever exchange was under way is over.
    pub(crate) fn say_bye(&mut self, now: Now, slot: &mut Slot, id: LegId, why: Goodbye) {
        self.end_exchange(now, slot, id);
        let (client, branch) = self.layer.mint_client();
        let me = slot.me;
        let Some(leg) = slot.leg_mut(id) else { return self.layer.abandon(client) };
        let here = self.tables.advertised_text(leg.flow.local);
        let Some(dialog) = leg.dialog.as_mut() else {
            leg.state = LegState::Gone;
            return self.layer.abandon(client);
        };
        let sender = Sender { transport: leg.flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let bye = dialog.request(Method::Bye, &sender).header(Name::Reason, &build::reason(why)).build();
        leg.state = LegState::Leaving;
        let flow = leg.flow;
        self.clients.insert(client, Client::Bye(me, id));
        self.layer.send(now.tick, client, flow, Method::Bye, bye);
    }

    /// An exchange that the end of the dialog overtakes: 487 to theirs; the answer to ours is ignored.
    pub(crate) fn end_exchange(&mut self, now: Now, slot: &mut Slot, id: LegId) {
        let Some(leg) = slot.leg_mut(id) else { return };
        match std::mem::replace(&mut leg.exchange, Exchange::None) {
            Exchange::Theirs { server, request } => {
                let bytes = build::response(&request, 487, leg.tag()).build();
                self.servers.remove(&server);
                self.layer.respond(now.tick, server, 487, bytes);
            }
            Exchange::TheirsAccepted { server, .. } => {
                self.servers.remove(&server);
            }
            Exchange::Ours { .. } | Exchange::None => {}
            Exchange::OursLate { client, remote_tag, cseq } => {
                self.send_ack(now, slot, id, &Accepted { client, cseq, remote_tag: &remote_tag }, None)
            }
        }
    }

    /// Where requests of a dialog go: to its first route or target if that is an address the peer can mean, else back where its packets
    /// come from (behind NAT a Contact is worth nothing).
    pub(crate) fn hop(&self, uri: &str, flow: Flow) -> Flow {
        let Some(parsed) = sip::Uri::parse(uri) else { return flow };
        let Some(ip) = parsed.host_ip() else { return flow };
        let hidden = crate::build::is_private(ip) && !crate::build::is_private(flow.peer.ip());
        if hidden || flow.transport != Transport::Udp || ip.is_unspecified() {
            return flow;
        }
        Flow { peer: std::net::SocketAddr::new(ip, parsed.port.unwrap_or(5060)), ..flow }
    }

    pub(crate) fn contact_of(&self, slot: &Slot, flow: &Flow) -> String {
        let user = self.minter.mint(Kind::Contact, slot.me.slot, slot.me.generation);
        build::contact(&user, &self.tables.advertised_text(flow.local), flow.transport)
    }

    fn ack_late_offer(&mut self, now: Now, slot: &mut Slot, side: Side, sdp: &Bytes) {
        let id = slot.side(side);
        let Some(leg) = slot.leg_mut(id) else { return };
        if let LegState::Answered { invite, remote_tag, cseq } = &leg.state {
            let (invite, remote_tag, cseq) = (*invite, remote_tag.clone(), *cseq);
            leg.state = LegState::Confirmed;
            return self.send_ack(now, slot, id, &Accepted { client: invite, cseq, remote_tag: &remote_tag }, Some(sdp));
        }
        if let Exchange::OursLate { client, remote_tag, cseq } = std::mem::replace(&mut leg.exchange, Exchange::None) {
            self.clients.remove(&client);
            self.send_ack(now, slot, id, &Accepted { client, cseq, remote_tag: &remote_tag }, Some(sdp));
        }
    }
}

const fn transport_of(transport: route::Transport) -> Transport {
    match transport {
        route::Transport::Udp => Transport::Udp,
        route::Transport::Tcp => Transport::Tcp,
        route::Transport::Tls => Transport::Tls,
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
