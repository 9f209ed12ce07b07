//! `tollgate carriers`: how carriers stand; with a name, what one of them charges, from the journal.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;
use units::{Currency, Money, Wall};
use web::Page;
use web::documents::{CarrierChargeDoc, CarrierDoc, CarrierStatementDoc};

use super::client::segment;
use super::keyed_post::Shown;
use super::pages::seconds;
use super::table::{self, Table, Wide};
use super::{csv_out, plain, print_json, stdout, when};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// What this carrier charges, instead of the list: its part of @carrier-payable
    #[arg(long, value_name = "NAME")]
    statement: Option<String>,
    /// Booked at or after, RFC 3339 or a date
    #[arg(long, value_name = "TIME", value_parser = when::moment, requires = "statement")]
    from: Option<Wall>,
    /// Booked before, RFC 3339 or a date
    #[arg(long, value_name = "TIME", value_parser = when::moment, requires = "statement")]
    to: Option<Wall>,
    /// The statement as CSV with a title and a header
    #[arg(long, requires = "statement", conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    wide: Wide,
    #[command(flatten)]
    shown: Shown,
}

/// Sums by currency, 10⁻⁵ units.
type Sums = BTreeMap<String, i64>;

/// Lists, or tells what one charges.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match &ask.statement {
        Some(name) => statement(ask, name)?,
        None => list(ask)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(ask: &Ask) -> anyhow::Result<()> {
    let carriers: Vec<CarrierDoc> = ask.shown.client()?.read_all("/carriers")?;
    if ask.shown.json {
        return print_json(&Page { items: carriers, next: None });
    }
    let columns = [
        table::text("name"),
        table::text("state"),
        table::text("registration"),
        table::number("calls"),
        table::number("max"),
        table::text("deck"),
        table::text("address"),
        table::text("codecs").wide(),
    ];
    let mut table = Table::new(&columns, ask.wide);
    for carrier in &carriers {
        let state = if carrier.up { "up" } else { "DOWN" };
        let (calls, max) = (
            carrier.calls.to_string(),
            carrier.max_calls.map_or_else(|| "-".to_owned(), |max| max.to_string()),
        );
        let registration = carrier.registration.as_ref().map_or("-", |ours| match &*ours.state {
            "failed" => "FAILED",
            state => state,
        });
        let (deck, codecs) = (carrier.deck.as_deref().unwrap_or("-"), carrier.codecs.join(" "));
        table.row([&*carrier.name, state, registration, &calls, &max, deck, &*carrier.address, &codecs]);
    }
    table.print()
}

/// All pages from the beginning: what was booked before `--from` is the opening.
fn statement(ask: &Ask, name: &str) -> anyhow::Result<()> {
    let client = ask.shown.client()?;
    let path = format!("/carriers/{}/statement", segment(name));
    let (mut opening, mut sums, mut rows) = (Sums::new(), Sums::new(), Vec::new());
    let mut cursor: Option<String> = None;
    loop {
        let query: Vec<(&str, &str)> = cursor.iter().map(|cursor| ("cursor", cursor.as_str())).collect();
        let page: CarrierStatementDoc = client.read(&path, &query)?;
        for charge in page.charges {
            let at =
                Wall::parse(&charge.at).with_context(|| format!("entry {} has no time", charge.entry))?;
            if ask.from.is_some_and(|from| at < from) {
                add(&mut opening, &charge)?;
            } else if ask.to.is_none_or(|to| at < to) {
                add(&mut sums, &charge)?;
                rows.push(charge);
            }
        }
        match page.next {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            Some(_) => bail!("the node gave the same page twice"),
            None => break,
        }
    }
    let mut closing = opening.clone();
    for (currency, sum) in &sums {
        let balance = closing.entry(currency.clone()).or_default();
        *balance = balance.checked_add(*sum).context("out of range")?;
    }
    Statement { title: title(ask, name), opening, sums, closing, rows }.print(ask)
}

fn title(ask: &Ask, name: &str) -> String {
    let from = ask.from.map_or_else(|| "the beginning".to_owned(), Wall::rfc3339);
    let to = ask.to.map_or_else(|| "now".to_owned(), Wall::rfc3339);
    format!("Statement of carrier {name}, from {from} to {to}")
}

fn add(sums: &mut Sums, charge: &CarrierChargeDoc) -> anyhow::Result<()> {
    let currency: Currency = charge.currency.parse()?;
    let sum = sums.entry(charge.currency.clone()).or_default();
    *sum = sum.checked_add(Money::parse(&charge.amount, currency)?.amount).context("out of range")?;
    Ok(())
}

/// What is owed to a carrier.
struct Statement {
    title: String,
    opening: Sums,
    sums: Sums,
    closing: Sums,
    rows: Vec<CarrierChargeDoc>,
}

impl Statement {
    fn print(&self, ask: &Ask) -> anyhow::Result<()> {
        if ask.shown.json {
            let money = |sums: &Sums| {
                sums.iter()
                    .map(|(currency, sum)| (currency.clone(), text(currency, *sum)))
                    .collect::<BTreeMap<_, _>>()
            };
            return print_json(&json!({
                "carrier": ask.statement, "from": ask.from.map(Wall::rfc3339), "to": ask.to.map(Wall::rfc3339),
                "opening": money(&self.opening), "charges": self.rows, "charged": money(&self.sums), "closing": money(&self.closing),
            }));
        }
        if ask.csv { self.print_csv() } else { self.print_table(ask.wide) }
    }

    /// Balances around the charges: word, currency, amount.
    fn balances<'a>(word: &'a str, sums: &'a Sums) -> impl Iterator<Item = (&'a str, &'a str, String)> {
        sums.iter().map(move |(currency, sum)| (word, currency.as_str(), text(currency, *sum)))
    }

    fn print_csv(&self) -> anyhow::Result<()> {
        let mut out = stdout();
        writeln!(out, "{}", csv_out::line([&*self.title]))?;
        writeln!(out, "entry,at,what,call,account,called_e164,duration_ms,amount,currency")?;
        let balance = |(word, currency, amount): (&str, &str, String)| {
            csv_out::line(["", "", word, "", "", "", "", &*amount, currency])
        };
        for line in Self::balances("opening", &self.opening) {
            writeln!(out, "{}", balance(line))?;
        }
        for row in &self.rows {
            let (entry, ms) = (row.entry.to_string(), row.duration_ms.to_string());
            let cells = [
                &*entry,
                &*row.at,
                "charge",
                &*row.call,
                &*row.account,
                &*row.called_e164,
                &*ms,
                &*row.amount,
                &*row.currency,
            ];
            writeln!(out, "{}", csv_out::line(cells))?;
        }
        for line in Self::balances("charged", &self.sums).chain(Self::balances("closing", &self.closing)) {
            writeln!(out, "{}", balance(line))?;
        }
        Ok(out.flush()?)
    }

    fn print_table(&self, wide: Wide) -> anyhow::Result<()> {
        writeln!(stdout(), "{}", plain(&self.title))?;
        let columns = [
            table::text("at"),
            table::text("account"),
            table::text("called"),
            table::number("ms"),
            table::number("amount"),
            table::text(""),
            table::text("call").wide(),
            table::number("entry").wide(),
        ];
        let mut table = Table::new(&columns, wide);
        for (word, currency, amount) in Self::balances("opening", &self.opening) {
            table.row([word, "", "", "", &*amount, currency]);
        }
        for row in &self.rows {
            let (at, ms, entry) = (seconds(&row.at), row.duration_ms.to_string(), row.entry.to_string());
            table.row([
                &*at,
                &*row.account,
                &*row.called_e164,
                &*ms,
                &*row.amount,
                &*row.currency,
                &*row.call,
                &*entry,
            ]);
        }
        for (word, currency, amount) in
            Self::balances("charged", &self.sums).chain(Self::balances("closing", &self.closing))
        {
            table.row([word, "", "", "", &*amount, currency]);
        }
        table.print()
    }
}

fn text(currency: &str, sum: i64) -> String {
    Money::of(sum, currency.parse().unwrap_or(Currency::EUR)).to_string()
}
