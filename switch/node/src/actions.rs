//! What a call wants, done: money moved, the caller's leg answered; legs of carriers in `dial`, ends in `goodbye`, records in `records`.

use bytes::Bytes;
use call::{Action, Event, LegId, Refusal, Settled, Side};
use media::Packed;
use rating::engine::CarrierLeg;
use route::Carrier;
use sip::Name;
use sip::dialog::Sender;
use sip::flow::{Flow, Transport};
use sip::token::Kind;
use sip::transaction::ClientId;
use units::Now;

use crate::CountedSide;
use crate::admit::money_refusal;
use crate::build;
use crate::leg::{Exchange, Goodbye, LegState};
use crate::node::{Node, id_in_run};
use crate::session::{Asked, SessionState};
use crate::slot::Slot;

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
}
