//! Who calls and what of ours is called: a gate's call by its source, a carrier's by the number that it is
//! for; and calls of ours that come back.

use std::net::IpAddr;
use std::sync::Arc;

use call::{Destination, Event, NumberCallee, Origin, Payer, Refusal, who_pays};
use ledger::CallId;
use rating::engine::Authorize;
use route::{NumberTarget, OurNumber};
use units::Now;

use crate::Source;
use crate::admit::{money_refusal, refused};
use crate::node::Node;
use crate::slot::Slot;

// === impl Node ===

impl Node {
    /// Who calls: the gate behind the source address, or the carrier there if what it calls is a number of
    /// ours; the gate if it is both, as everywhere.
    pub(crate) fn origin_of(&self, source: IpAddr, called: &str) -> Result<Origin, Refusal> {
        if let Some(gate) = self.config.gates.by_source(source) {
            return Ok(Origin::Gate(Arc::clone(gate)));
        }
        // It was known when its packet came in; a reload may have taken it away since.
        let known = match self.config.source(source) {
            Source::Unknown => self.source_by_name(source),
            known => known,
        };
        let Source::Carrier(id) = known else { return Err(Refusal::BLOCKED) };
        let carrier = self.config.carriers.by_id(id).ok_or(Refusal::BLOCKED)?;
        let number = self.config.numbers.find_dialled(called).ok_or(Refusal::NOT_OURS)?;
        Ok(Origin::Carrier(Arc::clone(carrier), Arc::clone(number)))
    }

    /// A call to a number of ours: can what it rings be reached, who pays, and does the money last.
    pub(crate) fn admit_to_number(&mut self, now: Now, slot: &mut Slot, number: Arc<OurNumber>) -> Event {
        let destination = Destination::Number(Arc::clone(&number));
        let payer = who_pays(slot.call.origin(), &destination);
        slot.call.goes_to(destination);
        let callee = self.number_callee(&number).filter(|_| !self.is_known_suspended(&number.account));
        let Some(callee) = callee else { return refused(Refusal::NOT_REACHABLE, None) };
        if !self.calls.ringing.enter(&number.e164, slot.call.caller()) {
            return refused(Refusal::LOOP, None);
        }
        slot.rings = true;
        let account = slot.call.account().clone();
        let ask = Authorize { call: CallId(slot.call.id()), account: &account, number: &number.e164 };
        let price = match payer {
            Payer::Nobody => None,
            Payer::Caller | Payer::CallerIfPriced => {
                match self.money.engine.quote(&account, &number.e164, now.wall) {
                    Ok(price) => Some(price),
                    Err(rating::CreditRefusal::NoPrice) if payer == Payer::CallerIfPriced => None,
                    Err(refusal) => return refused(money_refusal(refusal), None),
                }
            }
        };
        let leased = match &price {
            Some(_) => self.lease(now, slot, ask),
            None => self.money.engine.authorize_free(ask).map(|lease| slot.lease = Some(lease)),
        };
        match leased {
            Ok(()) => Event::Admitted(Box::new(call::Admission::Number(Arc::new(callee)))),
            // A carrier is told nothing of our customers' accounts.
            Err(_) if payer == Payer::Nobody => refused(Refusal::NOT_REACHABLE, None),
            Err(refusal) => refused(money_refusal(refusal), price),
        }
    }

    /// A call to a number of ours was answered or is over.
    pub(crate) fn stop_ringing(&mut self, slot: &mut Slot) {
        if std::mem::take(&mut slot.rings)
            && let Some(number) = slot.call.number()
        {
            self.calls.ringing.leave(&number, slot.call.caller());
        }
    }

    /// Whether the owner of a number is suspended or closed, as far as this shard has the account: of a
    /// carrier's call it has.
    fn is_known_suspended(&self, account: &str) -> bool {
        self.money.engine.account(account).is_some_and(|view| !view.terms.status.is_active())
    }

    /// What a number rings, by the present configuration; none if that is no longer there or has no address.
    fn number_callee(&self, number: &Arc<OurNumber>) -> Option<NumberCallee> {
        match &number.target {
            NumberTarget::Gate(name) => {
                let gate = Arc::clone(self.config.gates.by_name(name)?);
                let target = gate.called_at()?;
                Some(NumberCallee { number: Arc::clone(number), gate: Some(gate), target })
            }
            NumberTarget::Uri(uri) => {
                Some(NumberCallee { number: Arc::clone(number), gate: None, target: uri.target.clone() })
            }
        }
    }
}
