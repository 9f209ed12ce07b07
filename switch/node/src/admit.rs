//! A new call: gate limits, its place, the caller's leg; then price, route and credit, in the order of the contract.

use std::sync::Arc;

use call::{Actions, Admission, Call, Destination, Event, LegId, Origin, Refusal, Setup};
use ledger::CallId;
use media::{Mark, Session};
use rating::Price;
use rating::engine::Authorize;
use route::{Gate, Network, RateLimiter, Sale};
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::token::Kind;
use sip::transaction::ServerId;
use sip::{Message, Name};
use units::{Now, Number, Tick};

use crate::CountedSide;
use crate::build;
use crate::io::Pressure;
use crate::leg::{self, Leg, LegState};
use crate::node::{Node, id_in_run};
use crate::session::Asked;
use crate::slot::{CallRef, Slot};

impl Node {
    /// An INVITE outside any dialog.
    pub(crate) fn new_call(&mut self, now: Now, id: ServerId, flow: Flow, message: Message) {
        // Overload and drain come first, whoever calls.
        let origin = self.origin_of(&flow, &message);
        if let Some(refusal) = self.overloaded(now, origin.as_ref().ok().and_then(Origin::gate)) {
            return self.refuse_bare(now, id, &message, &refusal);
        }
        let origin = match origin {
            Ok(_) if self.is_own_call_back(&message) => return self.refuse_bare(now, id, &message, &Refusal::LOOP),
            Ok(origin) => origin,
            Err(refusal) => return self.refuse_bare(now, id, &message, &refusal),
        };
        let asked = Asked::read(&message);
        let min_secs = origin.session().min_secs;
        if asked.too_small(min_secs) {
            let builder = build::response(&message, 422, &self.stateless_tag(&message)).header_fmt(Name::MinSe, format_args!("{min_secs}"));
            self.count_final(&message, 422);
            return self.answer(now, id, 422, builder);
        }
        let offer = match build::body_of(&message) {
            Ok(offer) => offer,
            Err(fault) => return self.decline_body(now, id, &message, fault),
        };
        if !accepts_sdp(&message) {
            return self.decline(now, id, &message, 406);
        }
        let Some(me) = self.slots.reserve() else { return self.refuse_bare(now, id, &message, &Refusal::OVERLOAD) };
        self.begin(now, id, flow, message, origin, offer, me);
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one INVITE, taken apart once")]
    fn begin(&mut self, now: Now, id: ServerId, flow: Flow, message: Message, origin: Origin, offer: Option<bytes::Bytes>, me: CallRef) {
        let tag = leg::tag(&self.minter.mint(Kind::Tag, me.slot, me.generation), LegId::Caller);
        // Without a Contact that can be read the call could never be ended (RFC 3261 §8.1.1.8), nor recovered.
        let dialog = match Dialog::uas(&message, &tag, &flow) {
            Ok(dialog) => dialog,
            Err(fault) => {
                self.slots.release(me);
                return self.decline(now, id, &message, fault.status());
            }
        };
        let call_id = self.mint_call_id(now);
        let mut caller = Leg::new(LegId::Caller, flow, LegState::Incoming { invite: id }, Box::default(), self.nobody.clone());
        caller.with_dialog(dialog);
        caller.remote = offer.as_deref().map(Mark::of);
        caller.takes_update = message.has_token(Name::Allow, "UPDATE");
        caller.user_agent = self.user_agents.of(&message);
        let from = message.from().ok();
        let setup = Setup {
            id: call_id,
            caller: from.as_ref().and_then(sip::NameAddr::parse_uri).map(|uri| build::calling_party(&uri).into()).unwrap_or_default(),
            called: build::called_party(&message).into(),
            checkpoint_ms: self.tables.timing.checkpoint_ms,
            offer: offer.map(|text| Session::read(&text).map(Arc::new)).transpose(),
            origin,
        };
        self.layer.set_tag(id, &tag);
        let lasts_ms = message.expires().filter(|secs| *secs > 0).map(|secs| u64::from(secs) * 1_000);
        let gate = setup.origin.gate();
        let (holds_gate, full) = gate.map_or((false, false), |gate| {
            let free = self.take_gate_place(gate);
            (free, !free)
        });
        let mut actions = Actions::new();
        let call =
            if full { Call::begin_refused(now, setup, Refusal::GATE_CALLS, &mut actions) } else { Call::begin(now, setup, &mut actions) };
        let mut slot = Box::new(Slot::new(me, call, message, caller, holds_gate));
        slot.expires_at = lasts_ms.map_or(Tick::NEVER, |ms| now.tick.plus_ms(ms));
        self.keep(&mut slot, flow);
        self.servers.insert(id, (me, LegId::Caller));
        self.by_id.insert(id_in_run(call_id), me);
        self.carry_out(now, &mut slot, &mut actions);
        self.park(now, slot);
    }

    /// Overload and drain, then the gate's rate: answered without a call and without a record, so that a flood writes nothing.
    fn overloaded(&mut self, now: Now, gate: Option<&Arc<Gate>>) -> Option<Refusal> {
        if self.draining {
            Some(Refusal::DRAIN)
        } else if self.pressure != Pressure::Ok {
            Some(Refusal::OVERLOAD)
        } else if gate.is_some_and(|gate| self.over_rate(now, gate)) {
            Some(Refusal::GATE_CPS)
        } else {
            None
        }
    }

    fn over_rate(&mut self, now: Now, gate: &Gate) -> bool {
        let Some(max_cps) = gate.max_cps else { return false };
        let at = match self.limiters.binary_search_by_key(&gate.id, |(id, _)| *id) {
            Ok(at) => at,
            Err(at) => {
                self.limiters.insert(at, (gate.id, RateLimiter::new(max_cps)));
                at
            }
        };
        !self.limiters[at].1.allow(now.tick)
    }

    fn take_gate_place(&mut self, gate: &Gate) -> bool {
        let calls = self.gate_calls.entry(gate.id).or_default();
        let free = *calls < gate.max_calls;
        *calls += u32::from(free);
        free
    }

    pub(crate) fn leave_gate(&mut self, slot: &mut Slot) {
        if std::mem::take(&mut slot.holds_gate)
            && let Some(calls) = slot.call.origin().gate().and_then(|gate| self.gate_calls.get_mut(&gate.id))
        {
            *calls = calls.saturating_sub(1);
        }
    }

    fn refuse_bare(&mut self, now: Now, id: ServerId, message: &Message, refusal: &Refusal) {
        self.counters.call_attempt(CountedSide::Gate, &self.nobody, refusal.reason);
        self.count_final(message, refusal.status);
        let builder = build::refusal(message, refusal, &self.stateless_tag(message));
        self.answer(now, id, refusal.status, builder);
    }

    /// Time, shard, start and count: unique for ever, sortable by time.
    fn mint_call_id(&mut self, now: Now) -> u128 {
        self.minted_calls += 1;
        let time = u128::from(now.wall.0.max(0) as u64) << 80;
        let origin = u128::from(self.identity.shard) << 72 | u128::from(self.identity.boot & 0xff_ffff) << 48;
        time | origin | u128::from(self.minted_calls & 0xffff_ffff_ffff)
    }

    /// Blocked numbers; then by where the call goes.
    pub(crate) fn admit(&mut self, now: Now, slot: &mut Slot, number: Number, codecs: codecs::CodecSet) -> Event {
        if let Some(gate) = slot.call.origin().gate()
            && (gate.blocks_called(&number) || gate.blocks_caller(slot.call.caller()))
        {
            return refused(Refusal::BLOCKED, None);
        }
        match self.tables.numbers.find(&number).map(Arc::clone) {
            Some(ours) => self.admit_to_number(now, slot, ours),
            None => self.admit_to_carriers(now, slot, number, codecs),
        }
    }

    /// Price, then route, then credit.
    fn admit_to_carriers(&mut self, now: Now, slot: &mut Slot, number: Number, codecs: codecs::CodecSet) -> Event {
        slot.call.goes_to(Destination::Carriers);
        let account = slot.call.account().clone();
        let price = match self.engine.quote(&account, &number, now.wall) {
            Ok(price) => price,
            Err(rating::Refusal::UnknownAccount) => return refused(money_refusal(self.engine.not_here(&account)), None),
            Err(refusal) => return refused(money_refusal(refusal), None),
        };
        let tables = Arc::clone(&self.tables);
        let network = Network {
            carriers: &tables.carriers,
            routes: &tables.routes,
            costs: &*tables.decks,
            health: &self.health,
            slots: &*self.carrier_slots,
            sale: self.engine.sale(&account, &number, now.wall).map(|(guard, price)| Sale {
                guard,
                minute: price.minute(),
                currency: price.currency,
            }),
        };
        let plan = match route::plan(&network, &number, codecs, now) {
            Ok(plan) => plan,
            Err(no_plan) => return refused(route_refusal(no_plan.refusal), Some(price)),
        };
        let ask = Authorize { call: CallId(slot.call.id()), account: &account, number: &number };
        match self.lease(now, slot, ask) {
            Ok(()) => Event::Admitted(Box::new(Admission::Carriers { plan, carriers: Arc::clone(&tables.carriers) })),
            Err(refusal) => refused(money_refusal(refusal), Some(price)),
        }
    }

    pub(crate) fn lease(&mut self, now: Now, slot: &mut Slot, ask: Authorize<'_>) -> Result<(), rating::Refusal> {
        let begun = (self.stopwatch)();
        let authorized = self.engine.authorize(now, ask);
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

fn route_refusal(refusal: route::Refusal) -> Refusal {
    match refusal {
        route::Refusal::NoRoute => Refusal::NO_ROUTE,
        route::Refusal::NoCodec => Refusal::NO_CODEC,
        route::Refusal::AllDown => Refusal::CARRIERS_DOWN,
        route::Refusal::AllFull => Refusal::CARRIERS_FULL,
        route::Refusal::NoProfit => Refusal::NO_PROFIT,
    }
}

/// The engine's own status and cause, under its own word.
pub(crate) fn money_refusal(refusal: rating::Refusal) -> Refusal {
    Refusal { status: refusal.status(), cause: refusal.cause(), reason: refusal.word(), retry_after: None }
}

/// Accept absent, or naming SDP (RFC 3261 §20.1).
fn accepts_sdp(message: &Message) -> bool {
    let mut any = false;
    for value in message.values(Name::Accept) {
        any = true;
        let kind = value.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/sdp") || kind == "*/*" || kind.eq_ignore_ascii_case("application/*") {
            return true;
        }
    }
    !any
}
