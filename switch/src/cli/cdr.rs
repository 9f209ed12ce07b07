//! `tollgate cdr`: call records of a running node, page after page, as a table, one JSON document or CSV.

pub(super) mod columns;

use std::process::ExitCode;

use serde_json::Value;

use super::pages::{Rows, SliceAsk, seconds};
use super::table::{self, Column, Table, Wide};
use columns::text;

/// Columns of the table.
const TABLE: &[(&str, Column)] = &[
    ("ended_at", table::text("ended")),
    ("account", table::text("account")),
    ("called_e164", table::text("called")),
    ("carrier", table::text("carrier")),
    ("sip_status", table::number("sip")),
    ("billed_seconds", table::number("billed")),
    ("amount", table::number("amount")),
    ("currency", table::text("")),
    ("reason", table::text("reason").wide()),
    ("gate", table::text("gate").wide()),
    ("caller", table::text("caller").wide()),
    ("duration_ms", table::number("ms").wide()),
    ("cost", table::number("cost").wide()),
    ("cost_currency", table::text("").wide()),
    ("balance_after", table::number("balance after").wide()),
    ("id", table::text("id").wide()),
];

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    slice: SliceAsk,
    /// Called or calling number, or the digits that it begins with
    #[arg(long, value_name = "DIGITS")]
    number: Option<String>,
    /// Tried or carried by this carrier
    #[arg(long, value_name = "NAME")]
    carrier: Option<String>,
    /// Call-ID of either leg, or the record's id
    #[arg(long, value_name = "ID")]
    call_id: Option<String>,
    /// SIP status that the caller was given
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(100..700))]
    status: Option<u16>,
    /// One JSON document, {"items": [...], "next": ...}
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV of all fields with a header, which `rerate --cdrs` reads; cells that look like formulas get an
    /// apostrophe
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    wide: Wide,
}

/// Prints the records; 3 if a limit left some out.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let status = ask.status.map(|status| status.to_string());
    let given =
        [("number", &ask.number), ("carrier", &ask.carrier), ("call_id", &ask.call_id), ("status", &status)];
    let query: Vec<(&str, &str)> =
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
    if ask.json {
        return ask.slice.print("/cdrs", &query, Rows::Json);
    }
    if ask.csv {
        return ask.slice.print("/cdrs", &query, Rows::Lines(columns::header(), columns::line));
    }
    let titles: Vec<Column> = TABLE.iter().map(|(_, column)| *column).collect();
    ask.slice.print("/cdrs", &query, Rows::Table(Table::new(&titles, ask.wide), cells))
}

fn cells(record: &Value) -> Vec<String> {
    TABLE
        .iter()
        .map(
            |(name, _)| {
                if *name == "ended_at" { seconds(&text(record.get(name))) } else { text(record.get(name)) }
            },
        )
        .collect()
}
