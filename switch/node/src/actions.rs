//! What a call wants, done: verbs of its legs here and in `dial`, money moved here, records written in
//! `records`; and what legs told, made events of the call.

use call::{Action, Event, LegId, Refusal, ReleaseReason, Settled, Side};
use rating::engine::CarrierLeg;
use route::{AttemptEnd, Carrier};
use units::{Cause, Now};

use crate::admit::money_refusal;
use crate::ids::id_in_run;
use crate::leg::{Context, Leg, LegEvent};
use crate::node::Node;
use crate::slot::{Slot, side_of};

impl Node {
    /// Does one thing; some things are answered at once.
    pub(crate) fn execute(&mut self, now: Now, slot: &mut Slot, action: Action) -> Option<Event> {
        match action {
            Action::Admit { number, codecs } => return self.admit_verified(now, slot, number, codecs),
            Action::StartBilling => return Some(self.start_billing(now, slot)),
            Action::Extend { elapsed_ms } => return self.extend(now, slot, elapsed_ms),
            Action::Warn { elapsed_ms } => return self.warn(now, slot, elapsed_ms),
            Action::Settle { answered_ms, duration_ms, carrier, carrier_ms } => {
                let billed = (answered_ms, duration_ms);
                return Some(self.settle(now, slot, billed, carrier.as_deref(), carrier_ms));
            }
            Action::Dial { attempt, callee, session, is_loss } => {
                if is_loss {
                    self.counters.dialled_at_a_loss += 1;
                    let (account, carrier) = (&**slot.call.account(), &*callee.name());
                    tracing::warn!(account, carrier, "the carrier costs more than the call brings");
                }
                return self.dial(now, slot, attempt, callee, session);
            }
            Action::BookCost { attempt } => self.book_late_answer(now, slot, LegId::Carrier(attempt)),
            Action::Progress { attempt, branch, progress, session } => {
                return self.ring(now, slot, (attempt, branch), progress, session);
            }
            Action::Early(side, of, action) => return self.early(now, slot, side, of, action),
            Action::Accept { attempt, branch, session } => {
                return self.accept(now, slot, (attempt, branch), session);
            }
            Action::Reject(refusal) if self.announce(now, slot, &refusal) => {}
            Action::Reject(refusal) => {
                _ = self.verb(now, slot, LegId::Caller, |leg, cx| leg.reject(cx, &refusal))
            }
            Action::Release { leg, why } => self.release(now, slot, leg, why),
            Action::SendOffer { side, session } => return self.send_offer(now, slot, side, session),
            Action::WithdrawOffer { side } => {
                slot.media_offer_ends(slot.side(side.other()), None);
                self.on_side(now, slot, side, Leg::withdraw_offer);
            }
            Action::RestoreSession { side } => self.on_side(now, slot, side, Leg::restore_session),
            Action::AnswerOffer { side, session } => return self.answer_offer(now, slot, side, session),
            Action::RejectOffer { side, why } => {
                slot.media_offer_ends(slot.side(side), None);
                self.on_side(now, slot, side, |leg, cx| leg.refuse_offer(cx, why))
            }
            Action::AckOffer { side, session } => return self.acknowledge(now, slot, side, session),
            Action::RecordOpen => self.record_open(now, slot),
            Action::RecordCheckpoint { elapsed_ms } => self.record_checkpoint(now, slot, elapsed_ms),
            Action::RecordEnd(cdr) => self.record_end(now, slot, cdr),
        }
        None
    }

    pub(crate) fn on_side(
        &mut self,
        now: Now,
        slot: &mut Slot,
        side: Side,
        work: impl FnOnce(&mut Leg, &mut Context<'_>),
    ) {
        let leg = slot.side(side);
        self.verb(now, slot, leg, work);
    }

    /// Ends a leg; one that had no answer yet is the end of its attempt.
    fn release(&mut self, now: Now, slot: &mut Slot, id: LegId, why: ReleaseReason) {
        if let Some(leg) = slot.leg(id).filter(|leg| leg.is_calling()) {
            let heard = leg.is_heard();
            let end = match why.cause {
                Cause::TIMER => AttemptEnd::Timeout,
                Cause::NO_ANSWER => AttemptEnd::NoAnswer { rang: true },
                _ => AttemptEnd::Abandoned { heard },
            };
            self.note_failed(now, slot, end);
            self.close_media_of(slot, id);
        }
        let crossing = slot.caller.crossing();
        self.verb(now, slot, id, |leg, cx| leg.release(cx, why, crossing));
    }

    /// Something happened on a leg: what it says of a carrier is noted, the rest is an event of the call.
    pub(crate) fn leg_event(&mut self, now: Now, slot: &mut Slot, id: LegId, event: LegEvent) {
        if slot.announcement.is_some() {
            return self.told_while_announcing(now, slot, event);
        }
        // Of an answered call a leg that lost has nothing to say of the call.
        let has_lost = slot.call.is_talking() && id != LegId::Caller && id != slot.called();
        if has_lost && !matches!(event, LegEvent::AnsweredInVain) {
            return;
        }
        let Some(event) = self.with_media_judged(now, slot, id, event) else { return };
        let side = side_of(id);
        let attempt = match id {
            LegId::Carrier(attempt) => attempt,
            LegId::Caller => 0,
        };
        let event = match event {
            LegEvent::Progress { branch, progress, session } => {
                Event::Progress { attempt, branch, progress, session }
            }
            LegEvent::Early { of, event } => Event::Early(side, of, event),
            LegEvent::Answered { branch, session } => {
                self.note_answered(slot);
                Event::Answer { attempt, branch, session }
            }
            LegEvent::AnsweredInVain => return self.book_late_answer(now, slot, id),
            LegEvent::PauseAsked { at, secs } => return self.note_pause(now, slot, at, secs),
            LegEvent::LoadTold { at, report } => return self.peers.throttles.note(now.tick, at, &report),
            LegEvent::Ended { end, cause } => {
                self.note_failed(now, slot, end);
                self.close_media_of(slot, id);
                Event::AttemptEnded { attempt, end, cause }
            }
            LegEvent::Moved { session } => return self.media_moved(slot, id, &session),
            LegEvent::Digit(info) => return self.signalled_digit(now, slot, id, info),
            LegEvent::Cancelled => Event::Cancelled,
            LegEvent::AnswerTold => Event::AnswerTold,
            LegEvent::Released { cause } => Event::Released { side, cause },
            LegEvent::Offer { session } => Event::Offer { side, session },
            LegEvent::OfferWithdrawn => Event::OfferWithdrawn { side },
            LegEvent::OfferAnswered { session } => {
                self.drive_slot(now, slot, Event::OfferAnswered { side, session });
                // The call has judged the answer: there is no way back behind it.
                self.verb(now, slot, id, |leg, _| leg.forget_before());
                return;
            }
            LegEvent::LateAnswer { session } => Event::LateAnswer { side, session },
            LegEvent::Lost { loss } => Event::Lost { side, loss },
        };
        self.drive_slot(now, slot, event);
    }

    fn start_billing(&mut self, now: Now, slot: &mut Slot) -> Event {
        let Some(lease) = slot.lease else { return Event::Billing(Err(Refusal::NO_CREDIT)) };
        let started = self.money.engine.answer(now, lease).map_err(|refusal| {
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
        self.money.engine.extend(now, slot.lease?, elapsed_ms).ok().map(Event::Extended)
    }

    /// The money in sight may end soon.
    fn warn(&mut self, now: Now, slot: &mut Slot, elapsed_ms: u64) -> Option<Event> {
        let warning = self.money.engine.warn(now, slot.lease?, elapsed_ms).ok()?;
        if warning.is_near {
            self.warn_caller(slot);
        }
        if let Some(notice) = warning.notice {
            self.journal_notice(notice);
        }
        Some(Event::Warned(warning.timing))
    }

    fn settle(
        &mut self,
        now: Now,
        slot: &mut Slot,
        (answered_ms, duration_ms): (u64, u64),
        carrier: Option<&Carrier>,
        carrier_ms: u64,
    ) -> Event {
        self.leave_gate(slot);
        self.stop_ringing(slot);
        self.leave_carrier(slot);
        let number = slot.call.number();
        let leg = carrier.zip(number.as_ref()).and_then(|(carrier, number)| {
            let deck = carrier.deck.as_deref()?;
            // Of one that its caller was never told of, the carrier's own answer.
            let carriers = || now.wall.plus_ms(-i64::try_from(carrier_ms).unwrap_or(i64::MAX));
            let answered_at = slot.call.answered_wall().unwrap_or_else(carriers);
            Some(CarrierLeg {
                deck,
                number,
                answered_at,
                duration_ms: carrier_ms,
                attempt: slot.last_attempt(),
            })
        });
        let settled = match slot.lease.take() {
            Some(lease) => {
                let begun = (self.stopwatch)();
                let settled =
                    self.money.engine.settle_part(now, lease, (answered_ms, duration_ms), leg.as_ref());
                self.counters.rated_in((self.stopwatch)().saturating_sub(begun));
                match settled {
                    Ok(settled) => Some(settled),
                    // It was given back at the answer, when its price no longer fitted.
                    Err(rating::engine::CreditRefusal::NoLease) => None,
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
                let account = self.money.engine.account(slot.call.account());
                Settled::Untouched(
                    account.map_or(units::Money::zero(units::Currency::EUR), |view| view.balance),
                )
            }
        })
    }

    /// Money came back somewhere: leases that were refused may try again. Not the call in hand, which is
    /// ending.
    pub(crate) fn wake_starved(&mut self, now: Now) {
        while let Some((call, _)) = self.money.engine.poll_woken() {
            if let Some(&at) = self.calls.by_id.get(&id_in_run(call.0)) {
                self.drive(now, at, Event::FundsReturned);
            }
        }
    }
}
