//! What a plan is made from and of: the network as it stands, what carriers charge, what the call brings, and
//! one step.

use rating::ProfitGuard;
use units::{Currency, Exchange, Number, Rate, Wall};

use crate::{CarrierId, CarrierSlots, Carriers, Health, RouteTable};

/// What a carrier charges for one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Per minute.
    pub rate: Rate,
    /// For a call of one minute, connect fee and increments included: what `CarrierOrder::Cheapest` compares.
    pub minute: Rate,
    /// Of both.
    pub currency: Currency,
}

/// What a call brings, for the profit guard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sale {
    /// What is done with carriers that cost more.
    pub guard: ProfitGuard,
    /// What the operator is paid for a call of one minute.
    pub minute: Rate,
    /// Of it. Carriers that charge in another currency are compared by a conversion rate; without one they
    /// are taken.
    pub currency: Currency,
}

/// What carriers charge.
pub trait Costs {
    /// The cost of `number` at `at` by the deck of this name; `None`: the deck has no row for it, or there is
    /// no such deck.
    fn cost(&self, deck: &str, number: &Number, at: Wall) -> Option<Cost>;
    /// What converts amounts of one currency to another at `at`, as configured and in this direction only.
    fn exchange(&self, from: Currency, to: Currency, at: Wall) -> Option<Exchange>;
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
    /// What the call brings, where somebody looks.
    pub sale: Option<Sale>,
}

/// One carrier to try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The carrier.
    pub carrier: CarrierId,
    /// Place in the order of the route, from 1, before anybody was left out.
    pub place: u8,
    /// What it charges, if it has a deck.
    pub cost: Option<Cost>,
    /// It charges more than the call brings, and the guard only warns.
    pub is_loss: bool,
    /// It charges in another currency than the call is paid in, and no rate leads from one to the other:
    /// nobody knows whether it is a loss.
    pub is_unknown: bool,
}
