//! `tollgate ledger verify`: the books from the first entry. 0 only if the chain is whole and every sum is zero.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use store::Verification;

use super::{print_json, stdout};

/// What can be done with a journal.
#[derive(clap::Subcommand)]
pub(crate) enum Ask {
    /// Replay it: entries, accounts, sums per currency, hash chain; changes nothing, also beside a running node
    Verify {
        /// Data folder of the node
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Verifies and says what it found.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let Ask::Verify { data, json } = ask;
    let found = store::verify(data)?;
    if *json {
        print_document(&found)?
    } else {
        print_lines(&found)?
    }
    Ok(if found.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_document(found: &Verification) -> anyhow::Result<()> {
    let sums: BTreeMap<String, String> = found.sums.iter().map(|sum| (sum.currency.to_string(), sum.to_string())).collect();
    print_json(&json!({
        "entries": found.entries,
        "accounts": found.accounts,
        "open_calls": found.open_calls,
        "sums": sums,
        "chain": if found.damage.is_none() { "ok" } else { "damaged" },
        "head": ledger::hex(&found.head),
        "damage": found.damage.as_ref().map(reason),
        "snapshots": found.snapshots.iter().map(|s| json!({ "entry": s.seq, "equal": s.equal })).collect::<Vec<_>>(),
    }))
}

fn print_lines(found: &Verification) -> anyhow::Result<()> {
    let mut out = stdout();
    writeln!(out, "entries     {}", found.entries)?;
    writeln!(out, "accounts    {}", found.accounts)?;
    writeln!(out, "open calls  {}", found.open_calls)?;
    for sum in &found.sums {
        let verdict = if sum.amount == 0 { "" } else { "  WRONG: it must be zero" };
        writeln!(out, "sum {}     {sum}{verdict}", sum.currency)?;
    }
    for snapshot in &found.snapshots {
        let verdict = if snapshot.equal { "as replayed" } else { "WRONG: it is not what was replayed; stop the node and remove it" };
        writeln!(out, "snapshot    at entry {}: {verdict}", snapshot.seq)?;
    }
    match &found.damage {
        None => writeln!(out, "chain       ok {}", ledger::hex(&found.head))?,
        Some(damage) => writeln!(out, "chain       damaged: {}", reason(damage))?,
    }
    out.flush()?;
    Ok(())
}

/// An error with its causes, in one line.
fn reason(error: &store::StoreError) -> String {
    let first: &dyn std::error::Error = error;
    std::iter::successors(Some(first), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
