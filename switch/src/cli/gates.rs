//! `tollgate gates`: where calls come in, who pays for them, and how many there are.

use std::process::ExitCode;

use web::Page;
use web::documents::GateDoc;

use super::keyed_post::Shown;
use super::print_json;
use super::table::{self, Table, Wide};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    wide: Wide,
    #[command(flatten)]
    shown: Shown,
}

/// Lists them.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let gates: Vec<GateDoc> = ask.shown.client()?.read_all("/gates")?;
    if ask.shown.json {
        print_json(&Page { items: gates, next: None })?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        table::text("name"),
        table::text("account"),
        table::text("status"),
        table::number("calls"),
        table::number("max"),
        table::number("cps"),
        table::text("source"),
        table::text("codecs").wide(),
    ];
    let mut table = Table::new(&columns, ask.wide);
    let or = |limit: Option<u32>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    for gate in &gates {
        let (calls, max, cps) = (gate.calls.to_string(), or(gate.max_calls), or(gate.max_cps));
        let (source, codecs) = (gate.source.join(" "), gate.codecs.join(" "));
        table.row([&*gate.name, &*gate.account, &*gate.account_status, &calls, &max, &cps, &source, &codecs]);
    }
    table.print()?;
    Ok(ExitCode::SUCCESS)
}
