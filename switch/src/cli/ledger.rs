//! `tollgate ledger`: the books from the first entry, all balances, the close of a period. 0 only if all is whole and every sum is zero.
//! `tollgate ledger slices`: which node holds what of which balance in the central ledger.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use store::Verification;
use web::{PeriodDoc, TrialBalanceDoc, TrialLineDoc};

use super::order::{Order, Shown, print_lines};
use super::{plain, print_json, stdout};

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
    /// Every house account and the sums of customers, pockets and leases: of a running node, or of a journal
    TrialBalance {
        /// Data folder of a node, instead of a running node
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Close the books of a running node: nothing is dated before this moment any more
    Close {
        /// The first moment that stays open, RFC 3339
        #[arg(long, value_name = "TIME")]
        until: String,
        #[command(flatten)]
        order: Order,
    },
    /// Who holds what in the central ledger; --lost gives up a node that will not come back
    Slices {
        /// Configuration, TOML, with `ledger` in [node]
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Declare this node lost, once the time of its slices is over: what it holds goes back to the balances
        #[arg(long, value_name = "NODE")]
        lost: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Verifies and says what it found.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match ask {
        Ask::Verify { data, json } => verify(data, *json),
        Ask::Slices { config, lost, json } => super::slices::run(config, lost.as_deref(), *json),
        Ask::TrialBalance { data, shown } => {
            let trial = match data {
                Some(data) => crate::run::trial_doc(&store::verify(data)?.trial),
                None => shown.client()?.read("/ledger/trial-balance", &[])?,
            };
            shown.show(&trial, print_trial)?;
            Ok(if trial.sums.values().all(|sum| sum == "0.00000") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Ask::Close { until, order } => {
            order.carry_out("/ledger/close", &json!({ "until": until }), |closed: &PeriodDoc| {
                print_trial(&closed.trial)?;
                print_lines(&[("until", &closed.until), ("entry", &closed.entry.to_string()), ("key", &closed.idempotency_key)])
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let found = store::verify(data)?;
    if json {
        print_document(&found)?
    } else {
        print_verification(&found)?
    }
    Ok(if found.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_trial(trial: &TrialBalanceDoc) -> anyhow::Result<()> {
    let mut out = stdout();
    for TrialLineDoc { currency, account, balance } in &trial.lines {
        writeln!(out, "{:4} {:20} {:>20}", plain(currency), plain(account), plain(balance))?;
    }
    for (currency, sum) in &trial.sums {
        writeln!(out, "{:4} {:20} {:>20}", plain(currency), "sum", plain(sum))?;
    }
    out.flush()?;
    Ok(())
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
        "closings": found.closings.iter().map(|c| json!({ "entry": c.seq, "cut": c.entry, "equal": c.equal })).collect::<Vec<_>>(),
        "snapshots": found.snapshots.iter().map(|s| json!({ "entry": s.seq, "equal": s.equal })).collect::<Vec<_>>(),
    }))
}

fn print_verification(found: &Verification) -> anyhow::Result<()> {
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
    for closing in &found.closings {
        let verdict = if closing.equal { "as its entries say" } else { "WRONG: its entries say something else" };
        writeln!(out, "closing     at entry {} of all up to {}: {verdict}", closing.seq, closing.entry)?;
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
