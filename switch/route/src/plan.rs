//! The plan of a call: its route's carriers in order, each with the reason for its place, and each one left out with its reason.
//!
//! Invariant: a carrier of the route is either a step or left out, never both, never neither.

use std::fmt;

use codecs::CodecSet;
use smallvec::SmallVec;
use units::{Cause, Currency, Money, Now, Number, Prefix, Wall};

use crate::{Carrier, CarrierId, CarrierSlots, Carriers, Health, Order, RouteTable, Standing};

/// What a carrier charges for one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// 10⁻⁵ units per minute.
    pub rate: i64,
    /// 10⁻⁵ units for a call of one minute, connect fee and increments included: what `Order::Cheapest` compares.
    pub minute: i64,
    /// Of both.
    pub currency: Currency,
}

/// What carriers charge.
pub trait Costs {
    /// The cost of `number` at `at` by the deck of this name; `None`: the deck has no row for it, or there is no such deck.
    fn cost(&self, deck: &str, number: &Number, at: Wall) -> Option<Cost>;
}

/// The decks of the configuration: one minute is priced as any call is.
impl Costs for rating::Decks {
    fn cost(&self, deck: &str, number: &Number, at: Wall) -> Option<Cost> {
        let price = self.named(deck)?.price(number, at)?;
        let minute = price.charge(60_000).amount;
        Some(Cost { rate: price.rate, minute: minute.amount, currency: price.currency })
    }
}

/// Everything a plan looks at.
#[derive(Clone, Copy)]
pub struct Network<'a> {
    /// All carriers.
    pub carriers: &'a Carriers,
    /// All routes.
    pub routes: &'a RouteTable,
    /// The carriers' decks.
    pub costs: &'a dyn Costs,
    /// Who is up, as this shard sees it.
    pub health: &'a Health,
    /// Who has room.
    pub slots: &'a dyn CarrierSlots,
}

/// One carrier to try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who.
    pub carrier: CarrierId,
    /// Place in the order of the route, from 1, before anybody was left out.
    pub place: u8,
    /// What it charges, if it has a deck.
    pub cost: Option<Cost>,
}

/// Why a carrier of the route is not tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeftOut {
    /// Too many failures in a row, and its hold-down is not over.
    Down,
    /// `max_calls` reached.
    Full,
    /// It takes no codec that gate and offer have in common.
    NoCommonCodec,
    /// Its deck has no price for the number: it does not sell it.
    NoCostPrice,
    /// The configuration no longer has it.
    Gone,
}

/// Carriers in order, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The prefix of the route.
    pub prefix: Prefix,
    /// How the route is ordered.
    pub order: Order,
    /// Carriers on the route, left out or not.
    pub of: u8,
    /// Whom to try, in order.
    pub steps: SmallVec<[Step; 4]>,
    /// Whom not, in the route's order.
    pub left_out: SmallVec<[(CarrierId, LeftOut); 2]>,
}

/// Why there is no plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// No prefix of the number has a route, or nobody on it sells the number.
    #[error("no route")]
    NoRoute,
    /// Nobody on the route takes a codec of the offer.
    #[error("no carrier takes an offered codec")]
    NoCodec,
    /// Everybody who could take the call is down.
    #[error("all carriers are down")]
    AllDown,
    /// Everybody who could take the call and is up is full.
    #[error("all carriers are full")]
    AllFull,
}

/// No plan, and what was left out on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoPlan {
    /// What to answer.
    pub refusal: Refusal,
    /// The prefix of the route, if there was one.
    pub prefix: Option<Prefix>,
    /// Every carrier of the route with its reason.
    pub left_out: SmallVec<[(CarrierId, LeftOut); 2]>,
}

// === impl Refusal ===

impl Refusal {
    /// The SIP answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::NoRoute => 404,
            Self::NoCodec => 488,
            Self::AllDown | Self::AllFull => 503,
        }
    }

    /// The Q.850 cause.
    pub const fn cause(self) -> Cause {
        match self {
            Self::NoRoute => Cause::NO_ROUTE,
            Self::NoCodec => Cause::BEARER,
            Self::AllDown => Cause::TEMPORARY,
            Self::AllFull => Cause::NO_CIRCUIT,
        }
    }

    /// Of those who sell the number and take a codec: full if one is up, else down.
    fn of(left_out: &[(CarrierId, LeftOut)]) -> Self {
        let any = |reason| left_out.iter().any(|&(_, r)| r == reason);
        if any(LeftOut::Full) {
            Self::AllFull
        } else if any(LeftOut::Down) {
            Self::AllDown
        } else if any(LeftOut::NoCommonCodec) {
            Self::NoCodec
        } else {
            Self::NoRoute
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Full => "full",
            Self::NoCommonCodec => "no common codec",
            Self::NoCostPrice => "its deck has no price for this number",
            Self::Gone => "no longer configured",
        })
    }
}

// === impl Plan ===

impl Plan {
    /// Why `step` has its place: `route 34, place 1 of 2, cost 0.01000 EUR`.
    pub fn reason<'a>(&'a self, step: &'a Step) -> impl fmt::Display + 'a {
        Reason { plan: self, step }
    }
}

struct Reason<'a> {
    plan: &'a Plan,
    step: &'a Step,
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plan.prefix.is_empty() {
            f.write_str("default route")?;
        } else {
            write!(f, "route {}", self.plan.prefix)?;
        }
        let ordered = match self.plan.order {
            Order::Listed => "place",
            Order::Cheapest => "cheapest",
        };
        write!(f, ", {ordered} {} of {}", self.step.place, self.plan.of)?;
        match self.step.cost {
            None => f.write_str(", cost unknown"),
            Some(cost) => write!(f, ", cost {} {}", Money::of(cost.rate, cost.currency), cost.currency),
        }
    }
}

/// The plan for `number` with a codec of `codecs` (offer ∩ gate; for a call without an offer the gate's).
pub fn plan(network: &Network<'_>, number: &Number, codecs: CodecSet, now: Now) -> Result<Plan, NoPlan> {
    let Some(route) = network.routes.find(number) else {
        return Err(NoPlan { refusal: Refusal::NoRoute, prefix: None, left_out: SmallVec::new() });
    };
    let mut candidates: SmallVec<[Step; 4]> = SmallVec::new();
    let mut left_out: SmallVec<[(CarrierId, LeftOut); 2]> = SmallVec::new();
    for &id in route.carriers {
        match network.carriers.by_id(id) {
            None => left_out.push((id, LeftOut::Gone)),
            Some(carrier) => match network.cost_of(carrier, number, now.wall) {
                Err(reason) => left_out.push((id, reason)),
                Ok(cost) => candidates.push(Step { carrier: id, place: 0, cost }),
            },
        }
    }
    if route.order == Order::Cheapest {
        candidates.sort_by_key(|step| step.cost.map_or(i64::MAX, |cost| cost.minute));
    }
    let mut place = 0_u8;
    candidates.retain(|step| {
        place = place.saturating_add(1);
        step.place = place;
        match network.obstacle(step.carrier, codecs, now) {
            None => true,
            Some(reason) => {
                left_out.push((step.carrier, reason));
                false
            }
        }
    });
    if candidates.is_empty() {
        return Err(NoPlan { refusal: Refusal::of(&left_out), prefix: Some(route.prefix), left_out });
    }
    let of = u8::try_from(route.carriers.len()).unwrap_or(u8::MAX);
    Ok(Plan { prefix: route.prefix, order: route.order, of, steps: candidates, left_out })
}

impl Network<'_> {
    fn cost_of(&self, carrier: &Carrier, number: &Number, at: Wall) -> Result<Option<Cost>, LeftOut> {
        match &carrier.deck {
            None => Ok(None),
            Some(deck) => self.costs.cost(deck, number, at).map(Some).ok_or(LeftOut::NoCostPrice),
        }
    }

    /// Codec, then health, then room: what will not change by waiting is said first.
    fn obstacle(&self, id: CarrierId, codecs: CodecSet, now: Now) -> Option<LeftOut> {
        let carrier = self.carriers.by_id(id)?;
        if carrier.codecs.intersection(codecs).is_empty() {
            return Some(LeftOut::NoCommonCodec);
        }
        match self.health.standing(id, now.tick) {
            Standing::Down => return Some(LeftOut::Down),
            Standing::Up | Standing::Trial => {}
        }
        (self.slots.in_use(id) >= carrier.max_calls).then_some(LeftOut::Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CarrierSpec, RouteTableBuilder, SlotTable, table::Origin};
    use codecs::Codec;
    use units::Tick;

    /// Alpha costs 0.02 a minute, beta 0.01 with a fee of 0.05, gamma has no deck, delta's deck is empty.
    struct Decks;

    impl Costs for Decks {
        fn cost(&self, deck: &str, _: &Number, _: Wall) -> Option<Cost> {
            let (rate, fee) = match deck {
                "alpha" => (2_000, 0),
                "beta" => (1_000, 5_000),
                _ => return None,
            };
            Some(Cost { rate, minute: rate + fee, currency: Currency::EUR })
        }
    }

    struct World {
        carriers: Carriers,
        routes: RouteTable,
        health: Health,
        slots: SlotTable,
    }

    const NOW: Now = Now { tick: Tick(0), wall: Wall(0) };

    fn world(rows: &[(&str, &str, Order)]) -> World {
        let spec = |name: &str, deck: Option<&str>| CarrierSpec {
            deck: deck.map(Into::into),
            codecs: CodecSet::of(Codec::Pcma).with(Codec::G729),
            max_calls: 1,
            down_after: 1,
            ..CarrierSpec::new(name, "sip:192.0.2.1".parse().expect("target"))
        };
        let specs = vec![spec("alpha", Some("alpha")), spec("beta", Some("beta")), spec("gamma", None), spec("delta", Some("delta"))];
        let carriers = Carriers::new(specs, None).expect("valid");
        let mut builder = RouteTableBuilder::default();
        for &(prefix, names, order) in rows {
            let names: Vec<&str> = names.split(' ').collect();
            let list = builder.list(&carriers, &names, order).expect("list");
            builder.add(prefix.parse().expect("prefix"), list, Origin::default()).expect("room");
        }
        let health = Health::new(&carriers, NOW.tick);
        World { carriers, routes: builder.build().0, health, slots: SlotTable::default() }
    }

    impl World {
        fn plan(&self, number: &str, codecs: CodecSet) -> Result<Plan, NoPlan> {
            let World { carriers, routes, health, slots } = self;
            let network = Network { carriers, routes, costs: &Decks, health, slots };
            plan(&network, &number.parse().expect("number"), codecs, NOW)
        }

        fn carrier(&self, name: &str) -> &Carrier {
            self.carriers.by_name(name).expect("there")
        }

        fn down(&mut self, name: &str) {
            let carrier = self.carriers.by_name(name).expect("there");
            assert!(self.health.failed(carrier, NOW.tick));
        }

        fn fill(&self, name: &str) {
            assert!(self.slots.try_take(self.carrier(name)));
        }

        fn refusal(&self, codecs: CodecSet) -> (Refusal, u16, Cause) {
            let refusal = self.plan("34911", codecs).expect_err("no plan").refusal;
            (refusal, refusal.status(), refusal.cause())
        }
    }

    fn written(world: &World, plan: &Plan) -> Vec<String> {
        let name = |id| world.carriers.name(id).expect("known").to_string();
        let steps = plan.steps.iter().map(|s| format!("{}: {}", name(s.carrier), plan.reason(s)));
        steps.chain(plan.left_out.iter().map(|&(id, why)| format!("- {}: {why}", name(id)))).collect()
    }

    #[test]
    fn carriers_come_as_listed_with_their_reasons() {
        let world = world(&[("34", "alpha gamma delta beta", Order::Listed), ("", "gamma", Order::Listed)]);
        let plan = world.plan("34911", CodecSet::ALL).expect("plan");
        assert_eq!(
            written(&world, &plan),
            [
                "alpha: route 34, place 1 of 4, cost 0.02000 EUR",
                "gamma: route 34, place 2 of 4, cost unknown",
                "beta: route 34, place 3 of 4, cost 0.01000 EUR",
                "- delta: its deck has no price for this number",
            ]
        );
        let plan = world.plan("5511", CodecSet::ALL).expect("plan");
        assert_eq!(written(&world, &plan), ["gamma: default route, place 1 of 1, cost unknown"]);
    }

    #[test]
    fn the_cheapest_minute_comes_first_and_unknown_costs_last() {
        let world = world(&[("34", "gamma beta alpha", Order::Cheapest)]);
        let plan = world.plan("34911", CodecSet::ALL).expect("plan");
        assert_eq!(
            written(&world, &plan),
            [
                "alpha: route 34, cheapest 1 of 3, cost 0.02000 EUR",
                "beta: route 34, cheapest 2 of 3, cost 0.01000 EUR",
                "gamma: route 34, cheapest 3 of 3, cost unknown",
            ]
        );
    }

    #[test]
    fn who_cannot_take_the_call_is_left_out() {
        let mut world = world(&[("34", "alpha beta gamma", Order::Listed)]);
        world.down("alpha");
        world.fill("beta");
        let plan = world.plan("34911", CodecSet::of(Codec::G729)).expect("plan");
        assert_eq!(written(&world, &plan), ["gamma: route 34, place 3 of 3, cost unknown", "- alpha: down", "- beta: full"]);
    }

    #[test]
    fn a_carrier_whose_hold_down_is_over_is_tried_again() {
        let mut world = world(&[("34", "alpha beta", Order::Listed)]);
        world.down("alpha");
        let World { carriers, routes, health, slots } = &world;
        let network = Network { carriers, routes, costs: &Decks, health, slots };
        let later = Now { tick: Tick(0).plus_ms(30_000), ..NOW };
        let plan = plan(&network, &"34911".parse().expect("number"), CodecSet::ALL, later).expect("plan");
        assert_eq!(plan.steps.first().map(|s| s.carrier), Some(CarrierId(0)));
    }

    #[test]
    fn refusals_are_the_contracts() {
        let mut world = world(&[("34", "alpha beta", Order::Listed), ("35", "delta", Order::Listed)]);
        assert_eq!(world.plan("44911", CodecSet::ALL).expect_err("no route").refusal, Refusal::NoRoute);
        assert_eq!(world.plan("35911", CodecSet::ALL).expect_err("nobody sells it").refusal, Refusal::NoRoute);
        assert_eq!(world.refusal(CodecSet::of(Codec::G723)), (Refusal::NoCodec, 488, Cause(65)));
        assert_eq!(world.refusal(CodecSet::EMPTY), (Refusal::NoCodec, 488, Cause(65)));
        world.fill("alpha");
        world.fill("beta");
        assert_eq!(world.refusal(CodecSet::ALL), (Refusal::AllFull, 503, Cause(34)));
        world.down("alpha");
        assert_eq!(world.refusal(CodecSet::ALL), (Refusal::AllFull, 503, Cause(34)));
        world.down("beta");
        assert_eq!(world.refusal(CodecSet::ALL), (Refusal::AllDown, 503, Cause(41)));
        assert_eq!((Refusal::NoRoute.status(), Refusal::NoRoute.cause()), (404, Cause(3)));
        let left_out = world.plan("34911", CodecSet::ALL).expect_err("down").left_out;
        assert_eq!(left_out.len(), 2);
    }

    #[test]
    fn a_carrier_gone_by_a_reload_is_left_out() {
        let mut world = world(&[("34", "alpha gamma", Order::Listed)]);
        let stay = CarrierSpec::new("gamma", "sip:192.0.2.1".parse().expect("target"));
        world.carriers = Carriers::new(vec![stay], Some(&world.carriers)).expect("valid");
        let plan = world.plan("34911", CodecSet::ALL).expect("plan");
        assert_eq!(written(&world, &plan), ["gamma: route 34, place 1 of 2, cost unknown", "- alpha: no longer configured"]);
    }
}
