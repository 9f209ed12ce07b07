//! Who calls and what of ours is called: a gate's call by its source, a carrier's by the number that it is
//! for; and calls of ours that come back.

use std::net::IpAddr;
use std::sync::Arc;

use call::{
    Admission, ContactCallee, Destination, Event, NumberCallee, Origin, Payer, Refusal, SipAccountCallee,
    who_pays,
};
use ledger::CallId;
use rating::engine::Authorize;
use route::{Gate, NumberTarget, OurNumber};
use units::Now;

use crate::Source;
use crate::admit::{money_refusal, refused};
use crate::node::Node;
use crate::ringing::Rung;
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
        if !self.begin_ringing(slot, Rung::Number(number.e164)) {
            return refused(Refusal::LOOP, None);
        }
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
            None => {
                let lease = self.money.engine.authorize_free(ask.call, &account, Some(number.e164));
                lease.map(|lease| slot.lease = Some(lease))
            }
        };
        match leased {
            Ok(()) => Event::Admitted(Box::new(callee)),
            // A carrier is told nothing of our customers' accounts.
            Err(_) if payer == Payer::Nobody => refused(Refusal::NOT_REACHABLE, None),
            Err(refusal) => refused(money_refusal(refusal), price),
        }
    }

    /// A call to a SIP account of the caller's own customer by its name: a name has no price, so nobody pays.
    pub(crate) fn admit_to_sip_account(&mut self, slot: &mut Slot) -> Event {
        let Some(Destination::SipAccount(account)) = slot.call.destination().cloned() else {
            return refused(Refusal::NOT_REACHABLE, None);
        };
        let name = account.name.clone();
        let Some(callee) = self.sip_account_callee(account, None) else {
            return refused(Refusal::NOT_REACHABLE, None);
        };
        if !self.begin_ringing(slot, Rung::SipAccount(name)) {
            return refused(Refusal::LOOP, None);
        }
        let paying = slot.call.account().clone();
        match self.money.engine.authorize_free(CallId(slot.call.id()), &paying, None) {
            Ok(lease) => {
                slot.lease = Some(lease);
                Event::Admitted(Box::new(callee))
            }
            Err(refusal) => refused(money_refusal(refusal), None),
        }
    }

    /// False if there are too many of the same.
    fn begin_ringing(&mut self, slot: &mut Slot, rung: Rung) -> bool {
        slot.rings = self.calls.ringing.enter(rung, slot.call.caller());
        slot.rings
    }

    /// A call to a number or a SIP account of ours was answered or is over.
    pub(crate) fn stop_ringing(&mut self, slot: &mut Slot) {
        if !std::mem::take(&mut slot.rings) {
            return;
        }
        let rung = match (slot.call.number(), slot.call.destination()) {
            (Some(number), _) => Rung::Number(number),
            (None, Some(Destination::SipAccount(account))) => Rung::SipAccount(account.name.clone()),
            (None, _) => return,
        };
        self.calls.ringing.leave(rung, slot.call.caller());
    }

    /// Whether the owner of a number is suspended or closed, as far as this shard has the account: of a
    /// carrier's call it has.
    fn is_known_suspended(&self, account: &str) -> bool {
        self.money.engine.account(account).is_some_and(|view| !view.terms.status.is_active())
    }

    /// What a number rings, by the present configuration; none if that is no longer there or has no address.
    fn number_callee(&self, number: &Arc<OurNumber>) -> Option<Admission> {
        let ours = Arc::clone(number);
        let (gate, target) = match &number.target {
            NumberTarget::Gate(name) => {
                let gate = Arc::clone(self.config.gates.by_name(name)?);
                let target = gate.called_at()?;
                (Some(gate), target)
            }
            NumberTarget::SipAccount(name) => {
                let account = Arc::clone(self.config.gates.by_name(name)?);
                return self.sip_account_callee(account, Some(ours));
            }
            NumberTarget::Uri(uri) => (None, uri.target.clone()),
            NumberTarget::H323(target) => (None, target.clone()),
        };
        Some(Admission::Number(Arc::new(NumberCallee { number: ours, gate, target })))
    }

    /// A SIP account where it is registered now; none if that is nowhere, or behind a connection that closed.
    fn sip_account_callee(&self, account: Arc<Gate>, number: Option<Arc<OurNumber>>) -> Option<Admission> {
        let reachable = self.registrar.contacts(account.id).iter().filter(|contact| contact.is_reachable);
        let contacts: Vec<_> =
            reachable.map(|contact| ContactCallee { id: contact.id, q: contact.q }).collect();
        if contacts.is_empty() {
            return None;
        }
        Some(Admission::SipAccount(Arc::new(SipAccountCallee { account, number, contacts })))
    }
}
