//! What a call wants, done: money moved, the caller's leg answered; legs of carriers in `dial`, ends in `goodbye`, records in `records`.

use bytes::Bytes;
use call::{Action, Attempt, Branch, Event, LegId, Progress, Refusal, Settled, Side};
use media::{Session, SessionOrigin};
use rating::engine::CarrierLeg;
use route::Carrier;
use sip::Name;
use sip::dialog::{Dialog, Sender};
use sip::flow::Flow;
use sip::token::Kind;
use sip::transaction::ClientId;
use units::Now;

use crate::CountedSide;
use crate::admit::money_refusal;
use crate::build;
use crate::leg::{self, Exchange, Goodbye, LegState};
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
            Action::Dial { attempt, callee, session, is_loss } => {
                if is_loss {
                    self.counters.dialled_at_a_loss += 1;
                    let (account, carrier) = (&**slot.call.account(), &*callee.name());
                    tracing::warn!(account, carrier, "the carrier costs more than the call brings");
                }
                return self.dial(now, slot, attempt, callee, session);
            }
            Action::BookCost { attempt } => self.book_late_answer(now, slot, attempt),
            Action::Progress { attempt, branch, progress, session } => {
                self.progress(now, slot, (attempt, branch), progress, session.as_deref());
            }
            Action::Accept { attempt, branch, session } => self.accept(now, slot, (attempt, branch), &session),
            Action::Reject(refusal) => self.reject(now, slot, &refusal),
            Action::Hangup { leg, cause, sip_cause } => self.hang_up(now, slot, leg, Goodbye { cause, sip_cause }),
            Action::SendOffer { side, session } => return self.send_offer(now, slot, side, session),
            Action::WithdrawOffer { side } => self.withdraw_offer(now, slot, side),
            Action::RestoreSession { side } => self.restore_session(now, slot, side),
            Action::AnswerOffer { side, session } => self.answer_offer(now, slot, side, &session),
            Action::RejectOffer { side, why } => {
                let leg = slot.side(side);
                self.reject_exchange(now, slot, leg, build::refusal_status(why));
            }
            Action::AckOffer { side, session } => self.ack_late_offer(now, slot, side, &session),
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
        if self.pressure.is_for_ends_only() {
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
        self.stop_ringing(slot);
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
                let settled = self.engine.settle(now, lease, duration_ms, leg.as_ref());
                self.counters.rated_in((self.stopwatch)().saturating_sub(begun));
                match settled {
                    Ok(settled) => Some(settled),
                    // It was given back at the answer, when its price no longer fitted.
                    Err(rating::engine::Refusal::NoLease) => None,
                    // A part of it may be posted: rather no node than money that no record tells of.
                    Err(refused) => unreachable!("a lease that is held settles: {refused}"),
                }
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
                let account = self.engine.account(slot.call.account());
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

    /// A provisional response. Sessions of different phones go out under different tags: two answers to one offer are two dialogs.
    fn progress(&mut self, now: Now, slot: &mut Slot, of: (Attempt, Branch), progress: Progress, session: Option<&Session>) {
        let LegState::Incoming { invite } = slot.caller.state else { return };
        let Some(request) = slot.invite.as_deref() else { return };
        let contact = self.contact_of(slot, &slot.caller.flow);
        let ours = self.session_origin(slot, LegId::Caller);
        let status = build::progress_status(progress);
        let (tag, sdp) = match session {
            Some(session) => {
                let place = slot.caller.told(of);
                let tag = leg::told_tag(slot.caller.tag(), place);
                let told = slot.caller.early.as_mut().and_then(|early| early.told.get_mut(place));
                (tag, told.map(|told| told.local.write(session, ours)))
            }
            None => (slot.caller.tag().to_owned(), None),
        };
        let mut builder = build::response(request, status, &tag).record_routes(request).header(Name::Contact, &contact);
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", &sdp);
        }
        self.layer.respond(now.tick, invite, status, builder.build());
    }

    fn accept(&mut self, now: Now, slot: &mut Slot, of: (Attempt, Branch), session: &Session) {
        self.stop_ringing(slot);
        let LegState::Incoming { invite } = slot.caller.state else { return };
        let Some(request) = slot.invite.take() else { return };
        let contact = self.contact_of(slot, &slot.caller.flow);
        let ours = self.session_origin(slot, LegId::Caller);
        let timer = SessionState::as_uas(now.tick, &Asked::read(&request), slot.call.origin().session().expires_secs);
        let liveness = self.watch(now, slot.call.origin().session().expires_secs);
        let leg = &mut slot.caller;
        leg.session = timer;
        leg.liveness = liveness;
        // The caller may know the phone that answers under a tag of its own.
        let place = leg.told(of);
        if let Some(told) = leg.early.take().and_then(|mut early| (place < early.told.len()).then(|| early.told.swap_remove(place))) {
            leg.local = told.local;
        }
        if place > 0
            && let Ok(dialog) = Dialog::uas(&request, &leg::told_tag(leg.tag(), place), &leg.flow)
        {
            leg.with_dialog(dialog);
        }
        if let Some(dialog) = leg.dialog_mut() {
            dialog.confirm_uas();
        }
        let builder = build::response(&request, 200, leg.tag())
            .record_routes(&request)
            .header(Name::Contact, &contact)
            .header(Name::Allow, build::ALLOW)
            .header(Name::Supported, build::SUPPORTED);
        let sdp = leg.local.write(session, ours);
        let builder = build::with_session(builder, &timer).body("application/sdp", &sdp);
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
        let Some(flow) = slot.leg(id).map(|leg| self.next_hop(leg)) else { return };
        let here = self.tables.advertised_text(flow.local);
        let Some(leg) = slot.leg_mut(id) else { return };
        let Some(dialog) = leg.dialog() else { return };
        let branch = dialog.ack_branch(&self.minter, accepted.cseq);
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: "" };
        let mut builder = dialog.ack(accepted.cseq, &sender);
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", sdp);
        }
        self.layer.ack_2xx(now.tick, accepted.client, accepted.remote_tag, flow, builder.build());
    }

    fn ack_late_offer(&mut self, now: Now, slot: &mut Slot, side: Side, session: &Session) {
        let id = slot.side(side);
        let ours = self.session_origin(slot, id);
        let Some(leg) = slot.leg_mut(id) else { return };
        let sdp = &leg.local.write(session, ours);
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

    /// Who we are in the session of a leg.
    pub(crate) fn session_origin(&self, slot: &Slot, id: LegId) -> SessionOrigin {
        let local = slot.leg(id).map_or(slot.caller.flow.local, |leg| leg.flow.local);
        leg::session_origin(slot.call.id(), id, self.tables.advertised(local).ip())
    }

    pub(crate) fn contact_of(&self, slot: &Slot, flow: &Flow) -> String {
        let user = self.minter.mint(Kind::Contact, slot.me.slot, slot.me.generation);
        build::contact(&user, &self.tables.advertised_text(flow.local), flow.transport)
    }
}
