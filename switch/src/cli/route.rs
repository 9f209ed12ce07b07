//! `tollgate route`: what the switch would do with a call, by the same functions, without placing it.
//! Balances live in a running node, so credit is not judged here; the lease says what must be free.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use ::route::{Gate, Health, LeftOut, Network, Plan, Sale, SlotTable, Step, normalise};
use anyhow::{Context as _, bail};
use config::{AccountSeed, Settings};
use rating::{Price, ProfitGuard};
use serde::Serialize;
use serde_json::{Value, json};
use units::{Cause, Money, Now, Number, Tick, Wall};

use super::{instant, plain, print_json, stdout};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Configuration, TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The gate that the call comes from
    #[arg(long, value_name = "NAME")]
    gate: String,
    /// Called number, as the customer would send it
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// Calling number
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// Instant of the call, RFC 3339; now if absent
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// What the switch would do.
#[derive(Serialize)]
struct Outlook {
    gate: String,
    account: String,
    to: String,
    to_e164: Option<String>,
    at: String,
    codecs: Vec<&'static str>,
    price: Option<Value>,
    lease: Option<Value>,
    route: Option<String>,
    carriers: Vec<Candidate>,
    left_out: Vec<Left>,
    refused: Option<Refused>,
}

#[derive(Serialize)]
struct Candidate {
    name: String,
    cost: Option<String>,
    cost_currency: Option<String>,
    reason: String,
}

#[derive(Serialize)]
struct Left {
    name: String,
    reason: String,
}

#[derive(Serialize)]
struct Refused {
    status: u16,
    cause: u8,
    reason: String,
}

/// Prints the plan; exit 1 if the call would be refused.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let settings = match config::load(&ask.config) {
        Ok(settings) => settings,
        Err(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            bail!("{} is wrong: {} finding(s) above", ask.config.display(), findings.len());
        }
    };
    let Some(gate) = settings.gates.by_name(&ask.gate) else {
        let known: Vec<&str> = settings.gates.iter().take(20).map(|gate| &*gate.name).collect();
        bail!("no gate {:?}; there are {}", ask.gate, known.join(", "));
    };
    let at = instant(ask.at.as_deref())?;
    let outlook = look(&settings, gate, ask, at);
    if ask.json {
        print_json(&outlook)?
    } else {
        print_lines(&outlook).context("cannot write to stdout")?
    }
    Ok(if outlook.refused.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The switch's order of checks: number, blocked, price, route.
fn look(settings: &Settings, gate: &Gate, ask: &Ask, at: Wall) -> Outlook {
    let mut outlook = Outlook {
        gate: gate.name.to_string(),
        account: gate.account.to_string(),
        to: ask.to.clone(),
        to_e164: None,
        at: at.rfc3339(),
        codecs: gate.codecs.iter().map(|codec| codec.name()).collect(),
        price: None,
        lease: None,
        route: None,
        carriers: Vec::new(),
        left_out: Vec::new(),
        refused: None,
    };
    let refused = |status, cause: Cause, reason: String| Some(Refused { status, cause: cause.0, reason });
    let number = match normalise(&ask.to, gate) {
        Ok(number) => number,
        Err(why) => {
            outlook.refused = refused(why.status(), why.cause(), why.to_string());
            return outlook;
        }
    };
    outlook.to_e164 = Some(number.to_string());
    if gate.blocks_called(&number) {
        outlook.refused = refused(403, Cause::REJECTED, "this destination is blocked at the gate".to_owned());
    } else if ask.from.as_deref().is_some_and(|from| gate.blocks_caller(from)) {
        outlook.refused = refused(403, Cause::REJECTED, "this caller is blocked at the gate".to_owned());
    }
    match price(settings, gate, &number, at) {
        Ok(price) => {
            outlook.lease = Some(lease_document(&price));
            outlook.price = Some(price_document(&price));
        }
        Err(why) if outlook.refused.is_none() => outlook.refused = refused(404, Cause::NO_ROUTE, why),
        Err(_) => {}
    }
    let sale = sale(settings, gate, &number, at);
    if let Some(refusal) = plan(settings, gate, &number, at, sale, &mut outlook)
        && outlook.refused.is_none()
    {
        outlook.refused = Some(refusal);
    }
    outlook
}

/// By the deck of the account as configured; an account opened later has its deck in the node.
fn price(settings: &Settings, gate: &Gate, number: &Number, at: Wall) -> Result<Price, String> {
    let seed = settings.accounts.iter().find(|account| account.name == gate.account);
    let seed = seed.ok_or_else(|| format!("account {} is not in the configuration, so its deck is not known here", gate.account))?;
    priced(settings, seed, number, at)
}

/// By the first of an account's decks that prices the number, in the account's currency.
fn priced(settings: &Settings, seed: &AccountSeed, number: &Number, at: Wall) -> Result<Price, String> {
    let mut decks = seed.terms.decks.iter().filter_map(|name| settings.decks.named(name));
    let found = decks.find_map(|deck| deck.price(number, at).map(|price| (deck, price)));
    let (deck, price) = found.ok_or_else(|| format!("no price for {number} in {}", seed.terms.decks.join(", ")))?;
    let exchange = settings.decks.exchange(deck, seed.currency, at).map_err(|none| none.to_string())?;
    Ok(price.exchanged(exchange))
}

/// What the call brings the operator: the price of the topmost account, where a guard of one of the tiers looks at it.
fn sale(settings: &Settings, gate: &Gate, number: &Number, at: Wall) -> Option<Sale> {
    let seed = |name: &str| settings.accounts.iter().find(|account| &*account.name == name);
    let tiers = std::iter::successors(Some(&*gate.account), |name| ledger::parent(name));
    let guard = tiers.filter_map(seed).fold(ProfitGuard::Off, |guard, seed| guard.stricter(seed.terms.profit_guard));
    let top = seed(ledger::root(&gate.account)).filter(|_| guard != ProfitGuard::Off)?;
    let price = priced(settings, top, number, at).ok()?;
    Some(Sale { guard, minute: price.minute(), currency: price.currency })
}

fn plan(settings: &Settings, gate: &Gate, number: &Number, at: Wall, sale: Option<Sale>, outlook: &mut Outlook) -> Option<Refused> {
    let now = Now { tick: Tick(0), wall: at };
    let slots = SlotTable::default();
    // Of a switch that has just been started: everybody is up and empty.
    let health = Health::new(&settings.carriers, now.tick);
    let network =
        Network { carriers: &settings.carriers, routes: &settings.routes, costs: &*settings.decks, health: &health, slots: &slots, sale };
    let name = |id| settings.carriers.name(id).map(ToString::to_string).unwrap_or_default();
    let left =
        |out: &[(::route::CarrierId, LeftOut)]| out.iter().map(|(id, why)| Left { name: name(*id), reason: why.to_string() }).collect();
    match ::route::plan(&network, number, gate.codecs, now) {
        Ok(plan) => {
            outlook.route = Some(plan.prefix.to_string());
            outlook.carriers = plan.steps.iter().map(|step| candidate(&plan, step, name(step.carrier))).collect();
            outlook.left_out = left(&plan.left_out);
            None
        }
        Err(none) => {
            outlook.route = none.prefix.map(|prefix| prefix.to_string());
            outlook.left_out = left(&none.left_out);
            Some(Refused { status: none.refusal.status(), cause: none.refusal.cause().0, reason: none.refusal.to_string() })
        }
    }
}

fn candidate(plan: &Plan, step: &Step, name: String) -> Candidate {
    Candidate {
        name,
        cost: step.cost.map(|cost| cost.rate.to_string()),
        cost_currency: step.cost.map(|cost| cost.currency.to_string()),
        reason: plan.reason(step).to_string(),
    }
}

/// Rate and fee in the deck's currency; what converts them, if the account's is another.
fn price_document(price: &Price) -> Value {
    let currency = price.deck_currency();
    let mut document = json!({
        "prefix": price.prefix.to_string(),
        "destination": &*price.destination,
        "rate": price.rate.to_string(),
        "initial": price.increments.initial(),
        "increment": price.increments.increment(),
        "connect_fee": price.connect_fee.to_string(),
        "currency": currency.as_str(),
        "deck": &*price.deck,
        "deck_version": &*rating::price::version_text(price.deck_version),
    });
    if let Some(exchange) = price.exchange() {
        document["account_currency"] = exchange.to.as_str().into();
        document["exchange_rate"] = exchange.rate.to_string().into();
        document["exchange_at"] = exchange.at.rfc3339().into();
    }
    document
}

/// The first grant: connect fee and first block; less than this in the account means 402.
fn lease_document(price: &Price) -> Value {
    let seconds = u64::from(price.increments.initial());
    json!({
        "seconds": seconds,
        "amount": Money::of(price.cost(seconds), price.currency).to_string(),
        "currency": price.currency.as_str(),
    })
}

fn print_lines(outlook: &Outlook) -> std::io::Result<()> {
    let text = |value: &Value, key: &str| match value.get(key) {
        Some(Value::String(text)) => plain(text),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut out = stdout();
    writeln!(out, "gate      {}", outlook.gate)?;
    writeln!(out, "account   {}", outlook.account)?;
    writeln!(out, "to        {} = {}", plain(&outlook.to), outlook.to_e164.as_deref().unwrap_or("not a number"))?;
    writeln!(out, "at        {}", outlook.at)?;
    writeln!(out, "codecs    {}", outlook.codecs.join(" "))?;
    if let Some(price) = &outlook.price {
        let [prefix, destination, deck] = ["prefix", "destination", "deck"].map(|key| text(price, key));
        let [rate, currency, initial, increment, fee] =
            ["rate", "currency", "initial", "increment", "connect_fee"].map(|key| text(price, key));
        writeln!(
            out,
            "price     {prefix} {destination} (deck {deck}): {rate} {currency} per minute, {initial}/{increment} s, connect fee {fee}"
        )?;
    }
    if let Some(lease) = &outlook.lease {
        writeln!(out, "lease     {} {} for the first {} s", text(lease, "amount"), text(lease, "currency"), text(lease, "seconds"))?;
    }
    match outlook.route.as_deref() {
        Some("") => writeln!(out, "route     default")?,
        Some(prefix) => writeln!(out, "route     {prefix}")?,
        None => {}
    }
    for (i, carrier) in outlook.carriers.iter().enumerate() {
        writeln!(out, "  {}. {}  {}", i + 1, carrier.name, carrier.reason)?;
    }
    for left in &outlook.left_out {
        writeln!(out, "  left out: {}  {}", left.name, left.reason)?;
    }
    if let Some(refused) = &outlook.refused {
        writeln!(out, "refused   {} (Q.850 cause {}): {}", refused.status, refused.cause, refused.reason)?;
    }
    out.flush()
}
