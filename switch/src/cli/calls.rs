//! `tollgate calls`: who talks now, recording a call, hanging one up, and the SIP messages of calls.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use web::{CallDoc, Page, RecordingDoc};

use super::client::{Client, Reach, segment};
use super::table::{self, Table, Wide};
use super::{print_json, stdout, trace};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Hang this call up, both sides; it settles and leaves its CDR
    #[arg(long, value_name = "ID", conflicts_with = "json")]
    kill: Option<String>,
    /// Record this call from now on, into the folder of `[recording]`
    #[arg(long, value_name = "ID", conflicts_with = "kill")]
    record: Option<String>,
    /// End the recording of this call
    #[arg(long, value_name = "ID", conflicts_with_all = ["kill", "record"])]
    stop_recording: Option<String>,
    /// Draw the SIP messages of a call: its id, a Call-ID, or a number, whose last call it is then
    #[arg(long, value_name = "ID|NUMBER", conflicts_with_all = ["kill", "record", "stop_recording"])]
    trace: Option<String>,
    /// Write them to a file for Wireshark instead
    #[arg(long, value_name = "FILE", requires = "trace", conflicts_with = "json")]
    pcap: Option<PathBuf>,
    /// Write the next call to or from a number, or by a gate, to the folder of `[trace]`
    #[arg(long, value_name = "NUMBER|GATE", conflicts_with_all = ["kill", "record", "stop_recording", "trace"])]
    trace_next: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    wide: Wide,
    #[command(flatten)]
    reach: Reach,
}

fn record(client: &Client, id: &str, record: bool, json: bool) -> anyhow::Result<ExitCode> {
    let path = format!("/calls/{}/recording", segment(id));
    let document: RecordingDoc = client.put(&path, &json!({ "record": record }))?;
    match document.recording {
        _ if json => print_json(&document)?,
        Some(file) if record => writeln!(stdout(), "recorded in {file}")?,
        Some(file) => writeln!(stdout(), "{file} ends here")?,
        None => writeln!(stdout(), "not recorded")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists, or does something to one call.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let client = ask.reach.client()?;
    if let Some(id) = &ask.kill {
        client.delete(&format!("/calls/{}", segment(id)))?;
        writeln!(stdout(), "hung up")?;
        return Ok(ExitCode::SUCCESS);
    }
    let record = ask.record.as_ref().map(|id| (id, true));
    if let Some((id, record)) = record.or(ask.stop_recording.as_ref().map(|id| (id, false))) {
        return self::record(&client, id, record, ask.json);
    }
    if let Some(call) = &ask.trace {
        return trace::show(&client, call, ask.pcap.as_deref(), ask.json);
    }
    if let Some(of) = &ask.trace_next {
        return trace::next(&client, of, ask.json);
    }
    let calls: Vec<CallDoc> = client.read_all("/calls")?;
    if ask.json {
        print_json(&Page { items: calls, next: None })?;
        return Ok(ExitCode::SUCCESS);
    }
    // The id is what --kill takes, so it is never cut.
    let columns = [
        table::number("id"),
        table::text("state"),
        table::number("secs"),
        table::text("account"),
        table::text("called"),
        table::text("carrier"),
        table::text("gate").wide(),
        table::text("caller").wide(),
        table::text("started").wide(),
    ];
    let mut table = Table::new(&columns, ask.wide);
    for call in &calls {
        let carrier = call.carrier.as_deref().unwrap_or_default();
        let seconds = (call.duration_ms / 1_000).to_string();
        table.row([
            &*call.id,
            &*call.state,
            &seconds,
            &*call.account,
            &*call.called,
            carrier,
            &*call.gate,
            &*call.caller,
            &*call.started_at,
        ]);
    }
    table.print()?;
    Ok(ExitCode::SUCCESS)
}
