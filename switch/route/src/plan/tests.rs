//! Plans as an operator reads them.

use super::*;
use crate::{CarrierSlots, Carriers, Health, RouteTable, Transcode};
use crate::{CarrierSpec, RouteTableBuilder, SlotTable, table::Origin};
use codecs::{Codec, CodecSet};
use units::Tick;
use units::{Currency, Exchange, Rate};

/// Alpha costs 0.02 EUR a minute, beta 0.01 EUR with a fee of 0.05, gamma has no deck, delta's deck is empty,
/// epsilon costs 0.03 USD. A dollar is 0.9 EUR, a pound 1.5 EUR, and what a EUR is in pounds is not said.
struct Decks;

fn of(units: i32) -> Rate {
    Rate::of_units(units)
}

impl Costs for Decks {
    fn cost(&self, deck: &str, _: &Number, _: Wall) -> Option<Cost> {
        let (rate, fee) = match deck {
            "alpha" => (2_000, 0),
            "beta" => (1_000, 5_000),
            "epsilon" => return Some(Cost { rate: of(3_000), minute: of(3_000), currency: Currency::USD }),
            _ => return None,
        };
        Some(Cost { rate: of(rate), minute: of(rate + fee), currency: Currency::EUR })
    }

    fn exchange(&self, from: Currency, to: Currency, at: Wall) -> Option<Exchange> {
        let rate = match (from.as_str(), to.as_str()) {
            ("USD", "EUR") => "0.9",
            ("GBP", "EUR") => "1.5",
            _ => return None,
        };
        Some(Exchange { from, to, rate: rate.parse().expect("a rate"), at })
    }
}

struct World {
    carriers: Carriers,
    routes: RouteTable,
    health: Health,
    slots: SlotTable,
}

const NOW: Now = Now { tick: Tick(0), wall: Wall(0) };

fn world(rows: &[(&str, &str, CarrierOrder)]) -> World {
    let spec = |name: &str, deck: Option<&str>| CarrierSpec {
        deck: deck.map(Into::into),
        codecs: CodecSet::of(Codec::Pcma).with(Codec::G729),
        max_calls: 1,
        down_after: 1,
        ..CarrierSpec::new(name, "sip:192.0.2.1".parse().expect("target"))
    };
    let specs = vec![
        spec("alpha", Some("alpha")),
        spec("beta", Some("beta")),
        spec("gamma", None),
        spec("delta", Some("delta")),
        spec("epsilon", Some("epsilon")),
    ];
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
    fn plan(&self, number: &str, codecs: impl Into<CodecTerms>) -> Result<Plan, NoPlan> {
        let World { carriers, routes, health, slots } = self;
        let network = Network { carriers, routes, costs: &Decks, health, slots, sale: None };
        plan(&network, &number.parse().expect("number"), codecs.into(), NOW)
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

    fn refusal(&self, codecs: CodecSet) -> (PlanRefusal, u16, Cause) {
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
    let world =
        world(&[("34", "alpha gamma delta beta", CarrierOrder::Listed), ("", "gamma", CarrierOrder::Listed)]);
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
    let world = world(&[("34", "gamma beta alpha", CarrierOrder::Cheapest)]);
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
    let mut world = world(&[("34", "alpha beta gamma", CarrierOrder::Listed)]);
    world.down("alpha");
    world.fill("beta");
    let plan = world.plan("34911", CodecSet::of(Codec::G729)).expect("plan");
    assert_eq!(
        written(&world, &plan),
        ["gamma: route 34, place 3 of 3, cost unknown", "- alpha: down", "- beta: full"]
    );
}

#[test]
fn a_carrier_whose_hold_down_is_over_is_tried_again() {
    let mut world = world(&[("34", "alpha beta", CarrierOrder::Listed)]);
    world.down("alpha");
    let World { carriers, routes, health, slots } = &world;
    let network = Network { carriers, routes, costs: &Decks, health, slots, sale: None };
    let later = Now { tick: Tick(0).plus_ms(30_000), ..NOW };
    let plan = plan(&network, &"34911".parse().expect("number"), CodecSet::ALL.into(), later).expect("plan");
    assert_eq!(plan.steps.first().map(|s| s.carrier), Some(CarrierId(0)));
}

#[test]
fn refusals_are_the_contracts() {
    let mut world =
        world(&[("34", "alpha beta", CarrierOrder::Listed), ("35", "delta", CarrierOrder::Listed)]);
    assert_eq!(world.plan("44911", CodecSet::ALL).expect_err("no route").refusal, PlanRefusal::NoRoute);
    assert_eq!(
        world.plan("35911", CodecSet::ALL).expect_err("nobody sells it").refusal,
        PlanRefusal::NoRoute
    );
    assert_eq!(world.refusal(CodecSet::of(Codec::G723)), (PlanRefusal::NoCodec, 488, Cause(65)));
    assert_eq!(world.refusal(CodecSet::EMPTY), (PlanRefusal::NoCodec, 488, Cause(65)));
    world.fill("alpha");
    world.fill("beta");
    assert_eq!(world.refusal(CodecSet::ALL), (PlanRefusal::AllFull, 503, Cause(34)));
    world.down("alpha");
    assert_eq!(world.refusal(CodecSet::ALL), (PlanRefusal::AllFull, 503, Cause(34)));
    world.down("beta");
    assert_eq!(world.refusal(CodecSet::ALL), (PlanRefusal::AllDown, 503, Cause(41)));
    assert_eq!((PlanRefusal::NoRoute.status(), PlanRefusal::NoRoute.cause()), (404, Cause(3)));
    let left_out = world.plan("34911", CodecSet::ALL).expect_err("down").left_out;
    assert_eq!(left_out.len(), 2);
}

#[test]
fn a_carrier_gone_by_a_reload_is_left_out() {
    let mut world = world(&[("34", "alpha gamma", CarrierOrder::Listed)]);
    let stay = CarrierSpec::new("gamma", "sip:192.0.2.1".parse().expect("target"));
    world.carriers = Carriers::new(vec![stay], Some(&world.carriers)).expect("valid");
    let plan = world.plan("34911", CodecSet::ALL).expect("plan");
    assert_eq!(
        written(&world, &plan),
        ["gamma: route 34, place 1 of 2, cost unknown", "- alpha: no longer configured"]
    );
}

#[test]
fn the_guard_leaves_out_or_takes_what_costs_more_than_it_brings() {
    let world =
        world(&[("34", "alpha beta gamma", CarrierOrder::Listed), ("35", "alpha", CarrierOrder::Listed)]);
    let World { carriers, routes, health, slots } = &world;
    // A minute costs 0.02 with alpha and 0.06 with beta; nobody knows what it costs with gamma.
    let plan_of = |guard, minute, currency, number: &str| {
        let sale = Some(Sale { guard, minute: of(minute), currency });
        let network = Network { carriers, routes, costs: &Decks, health, slots, sale };
        plan(&network, &number.parse().expect("number"), CodecSet::ALL.into(), NOW)
    };
    let lines = |guard, minute, currency| {
        written(&world, &plan_of(guard, minute, currency, "34911").expect("a plan"))
    };
    assert_eq!(
        lines(ProfitGuard::Block, 3_000, Currency::EUR),
        [
            "alpha: route 34, place 1 of 3, cost 0.02000 EUR, 1 left out at a loss",
            "gamma: route 34, place 3 of 3, cost unknown, 1 left out at a loss",
            "- beta: it costs more than the call brings",
        ]
    );
    assert_eq!(
        lines(ProfitGuard::Warn, 3_000, Currency::EUR)[1],
        "beta: route 34, place 2 of 3, cost 0.01000 EUR, at a loss"
    );
    assert_eq!(
        lines(ProfitGuard::Off, 0, Currency::EUR)[1],
        "beta: route 34, place 2 of 3, cost 0.01000 EUR"
    );
    assert_eq!(
        lines(ProfitGuard::Block, 6_000, Currency::EUR).len(),
        3,
        "what costs as much as it brings is taken"
    );
    let refusal = plan_of(ProfitGuard::Block, 1_999, Currency::EUR, "35911").expect_err("nobody").refusal;
    assert_eq!((refusal, refusal.status(), refusal.cause()), (PlanRefusal::NoProfit, 503, Cause::NO_CIRCUIT));
}

#[test]
fn another_currency_is_compared_by_a_rate_or_said_not_to_be() {
    let world = world(&[
        ("34", "epsilon", CarrierOrder::Listed),
        ("35", "alpha epsilon", CarrierOrder::Cheapest),
        ("36", "epsilon alpha", CarrierOrder::Cheapest),
    ]);
    let World { carriers, routes, health, slots } = &world;
    let lines = |number: &str, minute, currency| {
        let sale = Some(Sale { guard: ProfitGuard::Warn, minute: of(minute), currency });
        let network = Network { carriers, routes, costs: &Decks, health, slots, sale };
        written(
            &world,
            &plan(&network, &number.parse().expect("number"), CodecSet::ALL.into(), NOW).expect("a plan"),
        )
    };
    let cost = "epsilon: route 34, place 1 of 1, cost 0.03000 USD";
    let table = [
        // 0.03 USD are 0.027 EUR.
        (2_700, Currency::EUR, ""),
        (2_699, Currency::EUR, ", at a loss"),
        (3_000, Currency::USD, ""),
        (2_999, Currency::USD, ", at a loss"),
        // Neither from dollars to pounds nor back.
        (0, "GBP".parse().expect("a currency"), ", not compared: no conversion rate"),
    ];
    for (minute, currency, said) in table {
        assert_eq!(lines("34911", minute, currency), [format!("{cost}{said}")], "{minute} {currency}");
    }
    // In the currency of the price 0.02 EUR are less than 0.027, wherever they stand.
    for number in ["35911", "36911"] {
        let found = lines(number, 9_000, Currency::EUR);
        assert!(found[0].starts_with("alpha") && found[1].starts_with("epsilon"), "{found:?}");
    }
}

/// A rate may be there from the price's currency to the carrier's only.
#[test]
fn the_rate_of_the_other_direction_compares_as_well() {
    struct Euros;
    impl Costs for Euros {
        fn cost(&self, _: &str, _: &Number, _: Wall) -> Option<Cost> {
            Some(Cost { rate: of(3_000), minute: of(3_000), currency: Currency::EUR })
        }
        fn exchange(&self, from: Currency, to: Currency, at: Wall) -> Option<Exchange> {
            (from == Currency::USD).then(|| Exchange { from, to, rate: "0.9".parse().expect("a rate"), at })
        }
    }
    let world = world(&[("34", "alpha", CarrierOrder::Listed)]);
    let World { carriers, routes, health, slots } = &world;
    for (minute, is_loss) in [(3_333, true), (3_334, false)] {
        let sale = Some(Sale { guard: ProfitGuard::Warn, minute: of(minute), currency: Currency::USD });
        let network = Network { carriers, routes, costs: &Euros, health, slots, sale };
        let plan =
            plan(&network, &"34911".parse().expect("number"), CodecSet::ALL.into(), NOW).expect("a plan");
        assert_eq!((plan.steps[0].is_loss, plan.steps[0].is_unknown), (is_loss, false), "{minute}");
    }
}

/// A carrier that shares no codec is left out, unless its calls may be transcoded.
#[test]
fn a_carrier_without_a_common_codec_is_planned_where_it_may_be_transcoded() {
    let world = world(&[("34", "gamma beta alpha", CarrierOrder::Cheapest)]);
    let wanted = CodecTerms { codecs: Codec::Opus.into(), transcode: Transcode::Wanted };
    let unsaid = CodecTerms { transcode: Transcode::Unsaid, ..wanted };
    let never = CodecTerms { codecs: Codec::Pcma.into(), transcode: Transcode::Never };
    let pcma = CodecTerms { transcode: Transcode::Unsaid, ..never };
    assert!(wanted.meets(pcma) && pcma.meets(wanted) && !wanted.meets(never) && !unsaid.meets(pcma));
    let nothing = CodecTerms { codecs: CodecSet::EMPTY, transcode: Transcode::Wanted };
    assert!(!nothing.meets(wanted), "who has no codec at all is not helped by it");
    assert!(world.plan("34911", CodecSet::of(Codec::Opus)).is_err());
    let plan = world.plan("34911", wanted).expect("plan");
    assert!(!plan.steps.is_empty());
}
