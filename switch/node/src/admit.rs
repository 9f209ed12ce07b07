//! A new call: gate limits, its place, the caller's leg; then price, route and credit, in the order of the
//! contract.

use std::sync::Arc;

use call::{Actions, Admission, Call, Destination, Event, Refusal, Setup};
use ledger::CallId;
use rating::Price;
use rating::engine::Authorize;
use route::{CodecTerms, Gate, MediaPath, Network, RateLimiter, Sale};
use units::{Now, Number};

use crate::ids::{CallRef, id_in_run};
use crate::io::Pressure;
use crate::leg::Leg;
use crate::node::Node;
use crate::slot::Slot;

impl Node {
    /// Makes a call of what its caller's leg was asked for, in the place that was reserved for it.
    pub(crate) fn begin_call(&mut self, now: Now, me: CallRef, setup: Setup, caller: Leg) {
        let id = setup.id;
        let gate = setup.origin.gate();
        let (holds_gate, full) = gate.map_or((false, false), |gate| {
            let free = self.take_gate_place(gate);
            (free, !free)
        });
        let mut actions = Actions::new();
        let call = if full {
            Call::begin_refused(now, setup, Refusal::GATE_CALLS, &mut actions)
        } else {
            Call::begin(now, setup, &mut actions)
        };
        let mut slot = Box::new(Slot::new(me, call, caller, holds_gate));
        self.calls.by_id.insert(id_in_run(id), me);
        self.perform(now, &mut slot, &mut actions);
        self.take_leg_events(now, &mut slot);
        self.park(now, slot);
    }

    /// Overload and drain, then the gate's rate: answered without a call and without a record, so that a
    /// flood writes nothing.
    pub(crate) fn overloaded(&mut self, now: Now, gate: Option<&Arc<Gate>>) -> Option<Refusal> {
        let is_overload = self.pressure != Pressure::Ok;
        self.shedding.note(now.tick, is_overload);
        if self.draining {
            Some(Refusal::DRAIN)
        } else if is_overload {
            Some(Refusal::OVERLOAD)
        } else if gate.is_some_and(|gate| self.over_rate(now, gate)) {
            Some(Refusal::GATE_CPS)
        } else {
            None
        }
    }

    fn over_rate(&mut self, now: Now, gate: &Gate) -> bool {
        let Some(max_cps) = gate.max_cps else { return false };
        let at = match self.calls.limiters.binary_search_by_key(&gate.id, |(id, _)| *id) {
            Ok(at) => at,
            Err(at) => {
                self.calls.limiters.insert(at, (gate.id, RateLimiter::new(max_cps)));
                at
            }
        };
        !self.calls.limiters[at].1.allow(now.tick)
    }

    fn take_gate_place(&mut self, gate: &Gate) -> bool {
        let calls = self.calls.gate_calls.entry(gate.id).or_default();
        let free = *calls < gate.max_calls;
        *calls += u32::from(free);
        free
    }

    pub(crate) fn leave_gate(&mut self, slot: &mut Slot) {
        if std::mem::take(&mut slot.holds_gate)
            && let Some(calls) =
                slot.call.origin().gate().and_then(|gate| self.calls.gate_calls.get_mut(&gate.id))
        {
            *calls = calls.saturating_sub(1);
        }
    }

    /// Time, shard, start and count: unique for ever, sortable by time.
    pub(crate) fn mint_call_id(&mut self, now: Now) -> u128 {
        self.calls.minted_calls += 1;
        let time = u128::from(now.wall.0.max(0) as u64) << 80;
        let origin = u128::from(self.identity.shard) << 72 | u128::from(self.identity.boot & 0xff_ffff) << 48;
        time | origin | u128::from(self.calls.minted_calls & 0xffff_ffff_ffff)
    }

    /// Whether the call is made; who is refused may hear why.
    pub(crate) fn admit(
        &mut self,
        now: Now,
        slot: &mut Slot,
        number: Option<Number>,
        codecs: codecs::CodecSet,
    ) -> Event {
        let event = self.admit_or_refuse(now, slot, number, codecs);
        if let Event::Refused { refusal, .. } = &event {
            self.prepare_announcement(now, slot, *refusal);
        }
        event
    }

    /// Where the caller wants its media, if that is known to be relayed, and blocked numbers; then by where
    /// the call goes.
    fn admit_or_refuse(
        &mut self,
        now: Now,
        slot: &mut Slot,
        number: Option<Number>,
        codecs: codecs::CodecSet,
    ) -> Event {
        if slot.call.origin().media().path == MediaPath::Relay && !self.accepts_first_offer(slot) {
            return refused(Refusal::BAD_MEDIA_ADDRESS, None);
        }
        if let Some(gate) = slot.call.origin().gate()
            && (number.is_some_and(|number| gate.blocks_called(&number))
                || gate.blocks_caller(slot.call.caller()))
        {
            return refused(Refusal::BLOCKED, None);
        }
        let Some(number) = number else { return self.admit_to_sip_account(slot) };
        match self.config.numbers.find(&number).map(Arc::clone) {
            Some(ours) => self.admit_to_number(now, slot, ours),
            None => self.admit_to_carriers(now, slot, number, codecs),
        }
    }

    /// Price, then route, then credit.
    fn admit_to_carriers(
        &mut self,
        now: Now,
        slot: &mut Slot,
        number: Number,
        codecs: codecs::CodecSet,
    ) -> Event {
        slot.call.goes_to(Destination::Carriers);
        let account = slot.call.account().clone();
        let price = match self.money.engine.quote(&account, &number, now.wall) {
            Ok(price) => price,
            Err(rating::CreditRefusal::UnknownAccount) => {
                return refused(money_refusal(self.money.engine.not_here(&account)), None);
            }
            Err(refusal) => return refused(money_refusal(refusal), None),
        };
        let config = Arc::clone(&self.config);
        let network = Network {
            carriers: &config.carriers,
            routes: &config.routes,
            costs: &*config.decks,
            health: &self.peers.health,
            slots: &*self.peers.carrier_slots,
            sale: self.money.engine.sale(&account, &number, now.wall).map(|(guard, price)| Sale {
                guard,
                minute: price.minute(),
                currency: price.currency,
            }),
        };
        let transcode = slot.call.origin().media().transcode;
        let plan = match route::plan(&network, &number, CodecTerms { codecs, transcode }, now) {
            Ok(plan) => plan,
            Err(no_plan) => return refused(route_refusal(no_plan.refusal), Some(price)),
        };
        let ask = Authorize { call: CallId(slot.call.id()), account: &account, number: &number };
        match self.lease(now, slot, ask) {
            Ok(()) => Event::Admitted(Box::new(Admission::Carriers {
                plan,
                carriers: Arc::clone(&config.carriers),
            })),
            Err(refusal) => refused(money_refusal(refusal), Some(price)),
        }
    }

    pub(crate) fn lease(
        &mut self,
        now: Now,
        slot: &mut Slot,
        ask: Authorize<'_>,
    ) -> Result<(), rating::CreditRefusal> {
        let begun = (self.stopwatch)();
        let authorized = self.money.engine.authorize(now, ask);
        self.counters.rated_in((self.stopwatch)().saturating_sub(begun));
        match authorized {
            Ok(grant) => {
                slot.lease = Some(grant.lease);
                Ok(())
            }
            Err(refusal) => {
                self.counters.debit_failed(refusal.word());
                Err(refusal)
            }
        }
    }
}

/// Not admitted, with what it would have cost if that is known.
pub(crate) fn refused(refusal: Refusal, price: Option<Price>) -> Event {
    Event::Refused { refusal, price: price.map(Box::new) }
}

fn route_refusal(refusal: route::PlanRefusal) -> Refusal {
    match refusal {
        route::PlanRefusal::NoRoute => Refusal::NO_ROUTE,
        route::PlanRefusal::NoCodec => Refusal::NO_CODEC,
        route::PlanRefusal::AllDown => Refusal::CARRIERS_DOWN,
        route::PlanRefusal::AllFull => Refusal::CARRIERS_FULL,
        route::PlanRefusal::NoProfit => Refusal::NO_PROFIT,
    }
}

/// The engine's own status and cause, under its own word.
pub(crate) fn money_refusal(refusal: rating::CreditRefusal) -> Refusal {
    Refusal { status: refusal.status(), cause: refusal.cause(), reason: refusal.word(), retry_after: None }
}
