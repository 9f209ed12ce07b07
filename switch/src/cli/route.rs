//! `tollgate route`: what the running node would do with a call, without placing it; if no node answers, what
//! the configuration says.

use std::io::Write;
use std::process::ExitCode;

use ::route::{Health, SlotTable};
use anyhow::{Context as _, bail};
use config::{AccountSettings, Settings};
use units::{Now, Tick, Wall};
use web::documents::{RouteDoc, RouteNumberDoc};

use super::client::{Reach, refused_with};
use super::{config_file, plain, print_json, stdout, when};
use crate::outlook::{self, Ground, Holder};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// The gate that the call comes from
    #[arg(long, value_name = "NAME", required_unless_present = "carrier")]
    gate: Option<String>,
    /// The carrier that the call comes from, toward a number of ours
    #[arg(long, value_name = "NAME", conflicts_with_all = ["gate", "from"])]
    carrier: Option<String>,
    /// Called number, as the customer would send it
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// Calling number
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// Instant of the call, RFC 3339 or a date; now if absent
    #[arg(long, value_name = "TIME", value_parser = when::moment)]
    at: Option<Wall>,
    /// Do not ask the running node: only what the configuration says
    #[arg(long, conflicts_with_all = ["api", "token_file"])]
    offline: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Prints the plan; exit 1 if the call would be refused.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let (heading, outlook) = match live(ask)? {
        Ok(found) => found,
        Err(why) => offline(ask, &why)?,
    };
    if ask.json {
        print_json(&outlook)?
    } else {
        print_lines(&heading, &outlook).context("cannot write to stdout")?
    }
    Ok(if outlook.refused.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Found = (String, RouteDoc);

/// What the node says, or why it was not asked. A node that was named has to answer.
fn live(ask: &Ask) -> anyhow::Result<Result<Found, String>> {
    if ask.offline {
        return Ok(Err(String::new()));
    }
    let at = ask.at.map(Wall::rfc3339);
    let given = [
        ("gate", ask.gate.as_ref()),
        ("carrier", ask.carrier.as_ref()),
        ("to", Some(&ask.to)),
        ("from", ask.from.as_ref()),
        ("at", at.as_ref()),
    ];
    let query: Vec<(&str, &str)> =
        given.into_iter().filter_map(|(name, value)| Some((name, value?.as_str()))).collect();
    let answer =
        ask.reach.client().and_then(|client| Ok((client.api().to_owned(), client.read("/route", &query)?)));
    match answer {
        Ok((api, outlook)) => Ok(Ok((format!("live: the node at {api}"), outlook))),
        // Another node's address, or none: the configuration is asked instead.
        Err(error)
            if !ask.reach.is_named()
                && refused_with(&error).is_none_or(|status| matches!(status, 401 | 501)) =>
        {
            Ok(Err(format!("{error:#}")))
        }
        Err(error) => Err(error),
    }
}

/// Of a node that has just been started with this configuration: everybody is up and empty.
fn offline(ask: &Ask, why: &str) -> anyhow::Result<Found> {
    let path = config_file::named(ask.reach.config().map(std::path::PathBuf::as_path));
    let Some(path) = path else { bail!("{why}; without a running node give --config") };
    if !why.is_empty() {
        eprintln!("tollgate: offline: {}", plain(why));
    }
    let settings = config_file::load(&path)?;
    let gate = ask.gate.as_deref().map(|name| gate(&settings, name)).transpose()?;
    let wall = ask.at.map_or_else(when::now, Ok)?;
    let now = Now { tick: Tick(0), wall };
    let (health, slots) = (Health::new(&settings.carriers, now.tick), SlotTable::default());
    let ground = Ground {
        source: "offline",
        carriers: &settings.carriers,
        routes: &settings.routes,
        decks: &settings.decks,
        gates: &settings.gates,
        numbers: &settings.numbers,
        health: &health,
        slots: &slots,
        holders: gate.map(|gate| holders(&settings, &gate.account)).unwrap_or_default(),
        live: None,
    };
    let heading =
        format!("offline: {}, as a node that has just been started; balances are not known", path.display());
    let outlook = match (gate, &ask.carrier) {
        (Some(gate), _) => {
            outlook::look(&outlook::Call { gate, to: &ask.to, from: ask.from.as_deref(), now }, &ground)
        }
        (None, carrier) => outlook::look_from_carrier(
            carrier_of(&settings, carrier.as_deref().unwrap_or_default())?,
            &ask.to,
            now,
            &ground,
        ),
    };
    Ok((heading, outlook))
}

fn gate<'a>(settings: &'a Settings, name: &str) -> anyhow::Result<&'a ::route::Gate> {
    let Some(gate) = settings.gates.by_name(name) else {
        let known: Vec<&str> = settings.gates.iter().take(20).map(|gate| &*gate.name).collect();
        bail!("no gate {name:?}; there are {}", known.join(", "));
    };
    Ok(gate)
}

fn carrier_of<'a>(
    settings: &'a Settings,
    name: &str,
) -> anyhow::Result<&'a std::sync::Arc<::route::Carrier>> {
    let Some(carrier) = settings.carriers.by_name(name) else {
        let known: Vec<&str> = settings.carriers.iter().take(20).map(|carrier| &*carrier.name).collect();
        bail!("no carrier {name:?}; there are {}", known.join(", "));
    };
    Ok(carrier)
}

/// The account and those above it, as far as the configuration has them.
fn holders(settings: &Settings, account: &str) -> Vec<Holder> {
    let tiers = std::iter::successors(Some(account), |name| ledger::parent(name));
    let configured = |name: &str| settings.accounts.iter().find(|account| &*account.name == name);
    let holder = |configured: &AccountSettings| Holder {
        name: configured.name.clone(),
        currency: configured.currency,
        terms: configured.terms.clone(),
    };
    tiers.filter_map(configured).map(holder).collect()
}

fn print_number(out: &mut impl Write, number: &RouteNumberDoc) -> std::io::Result<()> {
    let [e164, account, target, pays] =
        [&number.e164, &number.account, &number.target, &number.pays].map(|text| plain(text));
    if number.e164.is_empty() {
        writeln!(out, "rings     {target} of {account}")?;
    } else {
        writeln!(out, "number    {e164} of {account} rings {target}")?;
    }
    writeln!(out, "address   {}", plain(number.address.as_deref().unwrap_or("nowhere")))?;
    writeln!(out, "{:9} {pays}", plain(&number.direction))
}

fn print_lines(heading: &str, outlook: &RouteDoc) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}", plain(heading))?;
    match &outlook.carrier {
        Some(carrier) => writeln!(out, "carrier   {}", plain(carrier))?,
        None => writeln!(out, "gate      {}", plain(&outlook.gate))?,
    }
    writeln!(out, "account   {}", plain(&outlook.account))?;
    writeln!(
        out,
        "to        {} = {}",
        plain(&outlook.to),
        plain(outlook.to_e164.as_deref().unwrap_or("not a number"))
    )?;
    writeln!(out, "at        {}", plain(&outlook.at))?;
    writeln!(out, "codecs    {}", plain(&outlook.codecs.join(" ")))?;
    if let Some(number) = &outlook.number {
        print_number(&mut out, number)?;
    }
    if let Some(price) = &outlook.price {
        let [prefix, destination, deck, rate, currency, fee] = [
            &price.prefix,
            &price.destination,
            &price.deck,
            &price.rate,
            &price.currency,
            &price.connect_fee,
        ]
        .map(|text| plain(text));
        writeln!(out, "price     {prefix} {destination} (deck {deck}): {rate} {currency} per minute,")?;
        writeln!(out, "          {}/{} s, connect fee {fee}", price.initial, price.increment)?;
    }
    if let Some(lease) = &outlook.lease {
        writeln!(
            out,
            "lease     {} {} for the first {} s",
            plain(&lease.amount),
            plain(&lease.currency),
            lease.seconds
        )?;
    }
    if let Some(available) = &outlook.available {
        writeln!(out, "available {}", plain(available))?;
    }
    match outlook.route.as_deref() {
        Some("") => writeln!(out, "route     default")?,
        Some(prefix) => writeln!(out, "route     {}", plain(prefix))?,
        None => {}
    }
    for (i, carrier) in outlook.carriers.iter().enumerate() {
        writeln!(out, "  {}. {}  {}", i + 1, plain(&carrier.name), plain(&carrier.reason))?;
    }
    for left in &outlook.left_out {
        writeln!(out, "  left out: {}  {}", plain(&left.name), plain(&left.reason))?;
    }
    if let Some(refused) = &outlook.refused {
        writeln!(
            out,
            "refused   {} (Q.850 cause {}): {}",
            refused.status,
            refused.cause,
            plain(&refused.reason)
        )?;
    }
    out.flush()
}
