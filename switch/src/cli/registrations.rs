//! `tollgate registrations`: where the phones of SIP accounts are.

use std::process::ExitCode;

use web::Page;
use web::documents::RegistrationDoc;

use super::keyed_post::Shown;
use super::table::{self, Table, Wide};
use super::{plain, print_json};

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
    let all: Vec<RegistrationDoc> = ask.shown.client()?.read_all("/registrations")?;
    if ask.shown.json {
        print_json(&Page { items: all, next: None })?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        table::text("sip account"),
        table::text("account"),
        table::text("source"),
        table::text("by"),
        table::number("q"),
        table::text("reachable"),
        table::text("until"),
        table::text("contact").wide(),
        table::text("agent").wide(),
    ];
    let mut table = Table::new(&columns, ask.wide);
    for row in &all {
        let (contact, agent) = (plain(&row.contact), plain(row.user_agent.as_deref().unwrap_or_default()));
        let reachable = if row.reachable { "yes" } else { "no" };
        table.row([
            &*row.sip_account,
            &*row.account,
            &*row.source,
            &*row.transport,
            &*row.q,
            reachable,
            &*row.expires_at,
            &contact,
            &agent,
        ]);
    }
    table.print()?;
    Ok(ExitCode::SUCCESS)
}
