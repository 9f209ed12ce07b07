//! The plan of a call: its route's carriers in order, each with the reason for its place, and each one left
//! out with its reason.
//!
//! Invariant: a carrier of the route is either a step or left out, never both, never neither.

mod profit;
mod terms;

use std::fmt;

use rating::ProfitGuard;
use smallvec::SmallVec;
use units::{Cause, Now, Number, Prefix, Wall};

use crate::{Carrier, CarrierId, CarrierOrder, CodecTerms, Standing};
use profit::Profit;
pub use terms::{Cost, Costs, Network, Sale, Step};

/// Why a carrier of the route is not tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeftOut {
    /// Too many failures in a row, and its hold-down is not over.
    Down,
    /// It answered 503 with Retry-After, and that time is not over.
    Paused,
    /// `max_calls` reached.
    Full,
    /// `max_cps` reached in this second.
    TooFast,
    /// It takes no codec that gate and offer have in common.
    NoCommonCodec,
    /// Its deck has no price for the number: it does not sell it.
    NoCostPrice,
    /// It charges more than the call brings.
    Loss,
    /// The configuration no longer has it.
    Gone,
}

/// Carriers in order, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The prefix of the route.
    pub prefix: Prefix,
    /// How the route is ordered.
    pub order: CarrierOrder,
    /// Carriers on the route, left out or not.
    pub of: u8,
    /// Whom to try, in order.
    pub steps: SmallVec<[Step; 4]>,
    /// Whom not, in the route's order.
    pub left_out: SmallVec<[(CarrierId, LeftOut); 2]>,
}

/// Why there is no plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanRefusal {
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
    /// Everybody who could take the call charges more than it brings.
    #[error("every carrier costs more than the call brings")]
    NoProfit,
}

/// No plan, and what was left out on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoPlan {
    /// What to answer.
    pub refusal: PlanRefusal,
    /// The prefix of the route, if there was one.
    pub prefix: Option<Prefix>,
    /// Every carrier of the route with its reason.
    pub left_out: SmallVec<[(CarrierId, LeftOut); 2]>,
}

// === impl Refusal ===

impl PlanRefusal {
    /// The SIP answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::NoRoute => 404,
            Self::NoCodec => 488,
            Self::AllDown | Self::AllFull | Self::NoProfit => 503,
        }
    }

    /// The Q.850 cause.
    pub const fn cause(self) -> Cause {
        match self {
            Self::NoRoute => Cause::NO_ROUTE,
            Self::NoCodec => Cause::BEARER,
            Self::AllDown => Cause::TEMPORARY,
            Self::AllFull | Self::NoProfit => Cause::NO_CIRCUIT,
        }
    }

    /// Of those who sell the number and take a codec: full if one is up, else down, else too dear.
    fn of(left_out: &[(CarrierId, LeftOut)]) -> Self {
        let any = |reason| left_out.iter().any(|&(_, r)| r == reason);
        if any(LeftOut::Full) || any(LeftOut::TooFast) {
            Self::AllFull
        } else if any(LeftOut::Down) || any(LeftOut::Paused) {
            Self::AllDown
        } else if any(LeftOut::Loss) {
            Self::NoProfit
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
            Self::Paused => "it asked for a pause (503 with Retry-After)",
            Self::Full => "full",
            Self::TooFast => "max_cps reached in this second",
            Self::NoCommonCodec => "no common codec",
            Self::NoCostPrice => "its deck has no price for this number",
            Self::Loss => "it costs more than the call brings",
            Self::Gone => "no longer configured",
        })
    }
}

// === impl Plan ===

impl Plan {
    /// Why `step` has its place: `route 34, place 2 of 2, cost 0.01000 EUR, 1 left out at a loss`.
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
            CarrierOrder::Listed => "place",
            CarrierOrder::Cheapest => "cheapest",
        };
        write!(f, ", {ordered} {} of {}", self.step.place, self.plan.of)?;
        match self.step.cost {
            None => f.write_str(", cost unknown"),
            Some(cost) => write!(f, ", cost {} {}", cost.rate, cost.currency),
        }?;
        if self.step.is_loss {
            f.write_str(", at a loss")?;
        }
        if self.step.is_unknown {
            f.write_str(", not compared: no conversion rate")?;
        }
        match self.plan.left_out.iter().filter(|(_, why)| *why == LeftOut::Loss).count() {
            0 => Ok(()),
            count => write!(f, ", {count} left out at a loss"),
        }
    }
}

/// The plan for `number` with a codec of `codecs` (offer ∩ gate; for a call without an offer the gate's), or
/// with another that may stand for it.
pub fn plan(network: &Network<'_>, number: &Number, codecs: CodecTerms, now: Now) -> Result<Plan, NoPlan> {
    let Some(route) = network.routes.find(number) else {
        return Err(NoPlan { refusal: PlanRefusal::NoRoute, prefix: None, left_out: SmallVec::new() });
    };
    let mut candidates: SmallVec<[Step; 4]> = SmallVec::new();
    let mut left_out: SmallVec<[(CarrierId, LeftOut); 2]> = SmallVec::new();
    for &id in route.carriers {
        match network.carriers.by_id(id) {
            None => left_out.push((id, LeftOut::Gone)),
            Some(carrier) => match network.cost_of(carrier, number, now.wall) {
                Err(reason) => left_out.push((id, reason)),
                Ok(cost) => {
                    let profit = network.profit(cost, now.wall);
                    let (is_loss, is_unknown) = (profit == Profit::Loss, profit == Profit::Unknown);
                    candidates.push(Step { carrier: id, place: 0, cost, is_loss, is_unknown });
                }
            },
        }
    }
    if route.order == CarrierOrder::Cheapest {
        network.by_cost(&mut candidates, now.wall);
    }
    let mut place = 0_u8;
    candidates.retain(|step| {
        place = place.saturating_add(1);
        step.place = place;
        match network.obstacle(step, codecs, now) {
            None => true,
            Some(reason) => {
                left_out.push((step.carrier, reason));
                false
            }
        }
    });
    if candidates.is_empty() {
        return Err(NoPlan { refusal: PlanRefusal::of(&left_out), prefix: Some(route.prefix), left_out });
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

    /// Codec, then profit, then health, then room: what will not change by waiting is said first.
    fn obstacle(&self, step: &Step, codecs: CodecTerms, now: Now) -> Option<LeftOut> {
        let id = step.carrier;
        let carrier = self.carriers.by_id(id)?;
        if !codecs.meets(carrier.codec_terms()) {
            return Some(LeftOut::NoCommonCodec);
        }
        if step.is_loss && self.sale.is_some_and(|sale| sale.guard == ProfitGuard::Block) {
            return Some(LeftOut::Loss);
        }
        match self.health.standing(id, now.tick) {
            Standing::Down => return Some(LeftOut::Down),
            Standing::Paused => return Some(LeftOut::Paused),
            Standing::Up | Standing::Trial => {}
        }
        if self.slots.in_use(id) >= carrier.max_calls {
            return Some(LeftOut::Full);
        }
        (!self.slots.may_begin(carrier, now.tick)).then_some(LeftOut::TooFast)
    }
}

#[cfg(test)]
mod tests;
