//! `tollgate calls`: who talks now, and hanging one call up.

use std::io::Write;
use std::process::ExitCode;

use web::{CallDoc, Page};

use super::client::{Reach, segment};
use super::{plain, print_json, stdout};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Hang this call up, both sides; it settles and leaves its CDR
    #[arg(long, value_name = "ID", conflicts_with = "json")]
    kill: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Lists, or hangs up.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let client = ask.reach.client()?;
    if let Some(id) = &ask.kill {
        client.delete(&format!("/calls/{}", segment(id)))?;
        writeln!(stdout(), "hung up")?;
        return Ok(ExitCode::SUCCESS);
    }
    let calls: Vec<CallDoc> = client.read_all("/calls")?;
    if ask.json {
        print_json(&Page { items: calls, next: None })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = stdout();
    writeln!(
        out,
        "{:32} {:9} {:>9} {:16} {:16} {:16} {:16} {:16}",
        "id", "state", "seconds", "account", "gate", "caller", "called", "carrier"
    )?;
    for call in &calls {
        let [id, state, account, gate, caller, called] =
            [&call.id, &call.state, &call.account, &call.gate, &call.caller, &call.called].map(|text| plain(text));
        let carrier = call.carrier.as_deref().map(plain).unwrap_or_default();
        let seconds = call.duration_ms / 1_000;
        writeln!(out, "{id:32} {state:9} {seconds:>9} {account:16} {gate:16} {caller:16} {called:16} {carrier:16}")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
