//! `tollgate bans`: addresses that are locked out, and letting one of them in again.

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use web::Page;
use web::documents::BanDoc;

use super::client::segment;
use super::keyed_post::Shown;
use super::table::{self, Table, Wide};
use super::{print_json, stdout};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Hear this address again at once; of IPv6 its whole /64
    #[arg(long, value_name = "IP", conflicts_with = "json")]
    lift: Option<IpAddr>,
    #[command(flatten)]
    wide: Wide,
    #[command(flatten)]
    shown: Shown,
}

/// Lists, or lifts.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let client = ask.shown.client()?;
    if let Some(ip) = ask.lift {
        client.delete(&format!("/bans/{}", segment(&ip.to_string())))?;
        writeln!(stdout(), "lifted")?;
        return Ok(ExitCode::SUCCESS);
    }
    let bans: Vec<BanDoc> = client.read_all("/bans")?;
    if ask.shown.json {
        print_json(&Page { items: bans, next: None })?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        table::text("address"),
        table::text("since"),
        table::text("until"),
        table::number("failures"),
        table::text("reason"),
    ];
    let mut table = Table::new(&columns, ask.wide);
    for ban in &bans {
        table.row([&*ban.ip, &*ban.since, &*ban.until, &ban.failures.to_string(), &*ban.reason]);
    }
    table.print()?;
    Ok(ExitCode::SUCCESS)
}
