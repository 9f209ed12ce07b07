//! What the switch would do with a call, by the same functions that place it, without placing it: in a
//! running node by its balances and carriers, else by the configuration alone.

mod ground;
mod numbers;

pub(crate) use ground::{Call, Ground, Holder, Live};
pub(crate) use numbers::look_from_carrier;

use ::route::{CarrierId, LeftOut, Network, Plan, Sale, Step, normalise};
use ground::refuse;
use rating::{CreditRefusal, Decks, Price, ProfitGuard};
use units::{Cause, Money, Now, Number};
use web::documents::{RouteCarrierDoc, RouteDoc, RouteLeaseDoc, RouteLeftDoc, RoutePriceDoc};

/// The switch's order of checks: overload and drain, number, blocked, price, route, credit. Everything that
/// can be said is said, also of a call that would be refused.
pub(crate) fn look(call: &Call<'_>, ground: &Ground<'_>) -> RouteDoc {
    let Call { gate, to, from, now } = *call;
    let available = ground.live.as_ref().and_then(|live| live.available).map(|money| money.to_string());
    let mut outlook = RouteDoc {
        source: ground.source.to_owned(),
        gate: gate.name.to_string(),
        carrier: None,
        account: gate.account.to_string(),
        to: to.to_owned(),
        to_e164: None,
        number: None,
        at: now.wall.rfc3339(),
        codecs: gate.codecs.iter().map(|codec| codec.name().to_owned()).collect(),
        price: None,
        lease: None,
        available,
        route: None,
        carriers: Vec::new(),
        left_out: Vec::new(),
        refused: ground.live.as_ref().and_then(|live| live.unready.clone()),
    };
    if let Some(account) = ground.gates.sip_account_of(&gate.account, to) {
        numbers::ring_by_name(ground, gate, account, &mut outlook);
        return outlook;
    }
    let number = match normalise(to, gate) {
        Ok(number) => number,
        Err(why) => {
            refuse(&mut outlook, why.status(), why.cause(), why.to_string());
            return outlook;
        }
    };
    outlook.to_e164 = Some(number.to_string());
    if gate.blocks_called(&number) {
        refuse(&mut outlook, 403, Cause::REJECTED, "this destination is blocked at the gate".to_owned());
    }
    if from.is_some_and(|from| gate.blocks_caller(from)) {
        refuse(&mut outlook, 403, Cause::REJECTED, "this caller is blocked at the gate".to_owned());
    }
    let ours = ground.numbers.find(&number);
    match price(call, ground, &number) {
        // Free, and made all the same.
        Err((404, ..)) if ours.is_some() => {}
        Ok(price) => {
            outlook.lease = Some(lease_document(&price));
            outlook.price = Some(price_document(&price));
        }
        Err((status, cause, why)) => refuse(&mut outlook, status, cause, why),
    }
    match ours {
        Some(ours) => numbers::ring_from_gate(ground, gate, ours, &mut outlook),
        None => plan(call, ground, &number, &mut outlook),
    }
    if let Some(Live { credit: Some(Err(why)), .. }) = &ground.live
        && (ours.is_none() || *why != CreditRefusal::NoPrice)
    {
        refuse(&mut outlook, why.status(), why.cause(), why.to_string());
    }
    outlook
}

/// What the gate's account pays, by the first of its decks that prices the number.
fn price(call: &Call<'_>, ground: &Ground<'_>, number: &Number) -> Result<Price, (u16, Cause, String)> {
    let Some(holder) = ground.holders.first().filter(|holder| holder.name == call.gate.account) else {
        let account = &call.gate.account;
        let why = match ground.live {
            Some(_) => format!("account {account} was not opened: tollgate account add {account}"),
            None => format!(
                "account {account} is not in the configuration, so its deck is not known here: ask the running node"
            ),
        };
        let unknown = CreditRefusal::UnknownAccount;
        return Err((unknown.status(), unknown.cause(), why));
    };
    priced(ground.decks, holder, number, call.now).map_err(|why| (404, Cause::NO_ROUTE, why))
}

fn priced(decks: &Decks, holder: &Holder, number: &Number, now: Now) -> Result<Price, String> {
    let named = &holder.terms.decks;
    let found = named
        .iter()
        .filter_map(|name| decks.named(name))
        .find_map(|deck| deck.price(number, now.wall).map(|price| (deck, price)));
    let (deck, price) = found.ok_or_else(|| format!("no price for {number} in {}", named.join(", ")))?;
    let exchange = decks.exchange(deck, holder.currency, now.wall).map_err(|none| none.to_string())?;
    Ok(price.exchanged(exchange))
}

/// What the call brings the operator: the price of the topmost account, where a guard of one of the tiers
/// looks at it.
fn sale(call: &Call<'_>, ground: &Ground<'_>, number: &Number) -> Option<Sale> {
    let guard = ground
        .holders
        .iter()
        .fold(ProfitGuard::Off, |guard, holder| guard.stricter(holder.terms.profit_guard));
    let top = ground.holders.last().filter(|_| guard != ProfitGuard::Off)?;
    let price = priced(ground.decks, top, number, call.now).ok()?;
    Some(Sale { guard, minute: price.minute(), currency: price.currency })
}

fn plan(call: &Call<'_>, ground: &Ground<'_>, number: &Number, outlook: &mut RouteDoc) {
    let Ground { carriers, routes, decks, health, slots, .. } = *ground;
    let network = Network { carriers, routes, costs: decks, health, slots, sale: sale(call, ground, number) };
    let name = |id| carriers.name(id).map(ToString::to_string).unwrap_or_default();
    let left = |out: &[(CarrierId, LeftOut)]| {
        out.iter().map(|(id, why)| RouteLeftDoc { name: name(*id), reason: why.to_string() }).collect()
    };
    match ::route::plan(&network, number, call.gate.codec_terms(), call.now) {
        Ok(plan) => {
            outlook.route = Some(plan.prefix.to_string());
            outlook.carriers =
                plan.steps.iter().map(|step| candidate(&plan, step, name(step.carrier))).collect();
            outlook.left_out = left(&plan.left_out);
        }
        Err(none) => {
            outlook.route = none.prefix.map(|prefix| prefix.to_string());
            outlook.left_out = left(&none.left_out);
            refuse(outlook, none.refusal.status(), none.refusal.cause(), none.refusal.to_string());
        }
    }
}

fn candidate(plan: &Plan, step: &Step, name: String) -> RouteCarrierDoc {
    RouteCarrierDoc {
        name,
        cost: step.cost.map(|cost| cost.rate.to_string()),
        cost_currency: step.cost.map(|cost| cost.currency.to_string()),
        reason: plan.reason(step).to_string(),
    }
}

/// Rate and fee in the deck's currency; what converts them, if the account's is another.
fn price_document(price: &Price) -> RoutePriceDoc {
    let currency = price.deck_currency();
    let exchange = price.exchange();
    RoutePriceDoc {
        prefix: price.prefix.to_string(),
        destination: price.destination.to_string(),
        rate: price.rate.to_string(),
        initial: price.increments.initial(),
        increment: price.increments.increment(),
        connect_fee: price.connect_fee.to_string(),
        currency: currency.to_string(),
        deck: price.deck.to_string(),
        deck_version: rating::price::version_text(price.deck_version).to_string(),
        account_currency: exchange.map(|exchange| exchange.to.to_string()),
        exchange_rate: exchange.map(|exchange| exchange.rate.to_string()),
        exchange_at: exchange.map(|exchange| exchange.at.rfc3339()),
    }
}

/// The first grant: connect fee and first block; less than this in the account means 402.
fn lease_document(price: &Price) -> RouteLeaseDoc {
    let seconds = u64::from(price.increments.initial());
    RouteLeaseDoc {
        seconds,
        amount: Money::of(price.cost(seconds), price.currency).to_string(),
        currency: price.currency.to_string(),
    }
}
