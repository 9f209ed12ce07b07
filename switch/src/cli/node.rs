//! `tollgate reload`, `drain` and `log`: what a running node is told to do, by its API.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;
use web::documents::{DrainDoc, LogDoc, ReloadDoc};

use super::client::findings;
use super::keyed_post::Shown;
use super::{plain, stdout};

/// Arguments of `log`.
#[derive(clap::Args)]
pub(crate) struct Log {
    /// What is to be shown from now on, as info, or info,sip=debug; what is shown now if absent
    #[arg(value_name = "FILTER", conflicts_with = "reset")]
    filter: Option<String>,
    /// Back to what the node began with, or its configuration says
    #[arg(long)]
    reset: bool,
    #[command(flatten)]
    shown: Shown,
}

/// Reads the configuration again, as SIGHUP does.
pub(crate) fn reload(shown: &Shown) -> anyhow::Result<ExitCode> {
    let done: ReloadDoc = shown.client()?.post("/reload", None, &json!({})).inspect_err(|error| {
        for finding in findings(error) {
            eprintln!("{finding}");
        }
    })?;
    shown.show(&done, |done| {
        let mut out = stdout();
        if done.changes.is_empty() {
            writeln!(out, "nothing changed")?;
        }
        for change in &done.changes {
            writeln!(out, "{}", plain(change))?;
        }
        out.flush()?;
        for warning in &done.warnings {
            eprintln!("warning: {}", plain(warning));
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses new calls and ends the process with the last call, as SIGTERM does.
pub(crate) fn drain(shown: &Shown) -> anyhow::Result<ExitCode> {
    let done: DrainDoc = shown.client()?.post("/drain", None, &json!({}))?;
    shown.show(&done, |done| {
        let DrainDoc { live_calls, drain_secs } = done;
        Ok(writeln!(
            stdout(),
            "draining: {live_calls} calls; it ends with the last one, or after {drain_secs} s"
        )?)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Shows or changes what the log shows.
pub(crate) fn log(ask: &Log) -> anyhow::Result<ExitCode> {
    let client = ask.shown.client()?;
    let log: LogDoc = match (&ask.filter, ask.reset) {
        (None, false) => client.read("/log", &[])?,
        (filter, _) => client.put("/log", &json!({ "filter": filter }))?,
    };
    ask.shown.show(&log, |log| Ok(writeln!(stdout(), "{}", plain(&log.filter))?))?;
    Ok(ExitCode::SUCCESS)
}
