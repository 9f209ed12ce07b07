//! `tollgate ledger`: the books from the first entry, all balances, the close of a period. 0 only if all is
//! whole and every sum is zero. `tollgate ledger head`, `import`, `reindex`: its end as an anchor, an unsaved
//! file from elsewhere, its tables for queries made anew. `tollgate ledger slices`: which node holds what of
//! which balance in the central ledger.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;
use store::Verification;
use units::Wall;
use web::{PeriodDoc, TrialBalanceDoc, TrialLineDoc};

use super::keyed_post::{KeyedPost, Shown, print_lines};
use super::table::Wide;
use super::{ConfigFile, config_file, csv_out, plain, print_json, stdout, when};

/// What can be done with a journal.
#[derive(clap::Subcommand)]
pub(crate) enum Ask {
    /// Replay it: entries, accounts, sums per currency, hash chain; changes nothing, also beside a running
    /// node
    Verify {
        /// Data folder of the node
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// What `ledger head` printed once: the journal must hold that entry with that hash
        #[arg(long, value_name = "ENTRY:HASH")]
        head: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Number and hash of the last entry, as ENTRY:HASH: keep it on another machine, and `verify --head`
    /// proves later that nothing up to it was changed
    Head {
        #[command(flatten)]
        place: Place,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Take in an unsaved file from elsewhere: what fits is appended, what the journal holds is skipped; the
    /// node must be stopped
    Import {
        /// The unsaved file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        place: Place,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make the tables for queries anew from the entries; the node must be stopped
    Reindex {
        #[command(flatten)]
        place: Place,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Every system account and the sums of customers, buckets and leases: of a running node, or of a journal
    TrialBalance {
        /// Data folder of a node, instead of a running node
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// CSV with a title and a header
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        #[command(flatten)]
        shown: Shown,
    },
    /// Close the books of a running node: nothing is dated before this moment any more
    Close {
        /// The first moment that stays open, RFC 3339 or a date
        #[arg(long, value_name = "TIME", value_parser = when::moment)]
        until: Wall,
        #[command(flatten)]
        order: KeyedPost,
    },
    /// Who holds what in the central ledger; --lost gives up a node that will not come back
    Slices {
        #[command(flatten)]
        config: ConfigFile,
        /// Declare this node lost, once the time of its slices is over: what it holds goes back to the
        /// balances
        #[arg(long, value_name = "NODE")]
        lost: Option<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        wide: Wide,
    },
}

/// Which journal.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Data folder of the node [default: of its configuration]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

impl Place {
    fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.data {
            Some(data) => Ok(data.clone()),
            None => Ok(config_file::load(&self.config.path()?)?.node.data_dir),
        }
    }
}

/// Verifies and says what it found.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    match ask {
        Ask::Verify { data, head, json } => verify(data, head.as_deref(), *json),
        Ask::Head { place, json } => head(&place.folder()?, *json),
        Ask::Import { file, place, json } => import(file, &place.folder()?, *json),
        Ask::Reindex { place, json } => reindex(&place.folder()?, *json),
        Ask::Slices { config, lost, json, wide } => {
            super::slices::run(&config.path()?, lost.as_deref(), *json, *wide)
        }
        Ask::TrialBalance { data, csv, shown } => {
            let (trial, of) = match data {
                Some(data) => {
                    (crate::run::trial_doc(&store::verify(data)?.trial), data.display().to_string())
                }
                None => {
                    let client = shown.client()?;
                    (client.read("/ledger/trial-balance", &[])?, client.api().to_owned())
                }
            };
            let title = format!("Trial balance of {of} at {}", when::now()?.rfc3339());
            shown.show(&trial, |trial| {
                if *csv { print_trial_csv(&title, trial) } else { print_trial(&title, trial) }
            })?;
            Ok(if trial.sums.values().all(|sum| sum == "0.00000") {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Ask::Close { until, order } => {
            order.send("/ledger/close", &json!({ "until": until.rfc3339() }), |closed: &PeriodDoc| {
                print_trial(&format!("Trial balance at the close until {}", closed.until), &closed.trial)?;
                print_lines(&[
                    ("until", &closed.until),
                    ("entry", &closed.entry.to_string()),
                    ("key", &closed.idempotency_key),
                ])
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(data: &Path, head: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let found = store::verify_against(data, head.map(parse_head).transpose()?)?;
    if json {
        print_document(&found)?
    } else {
        print_verification(&found)?
    }
    Ok(if found.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `ENTRY:HASH`.
fn parse_head(text: &str) -> anyhow::Result<(u64, ledger::Hash)> {
    let parts = text
        .trim()
        .split_once(':')
        .and_then(|(entry, hash)| Some((entry.parse().ok()?, ledger::from_hex(hash)?)));
    parts
        .with_context(|| format!("{text:?} is no head: give what `tollgate ledger head` printed, ENTRY:HASH"))
}

fn head(data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let (entry, hash) = store::journal_head(data)?;
    if json {
        print_json(&json!({ "entry": entry, "hash": ledger::hex(&hash) }))?;
    } else {
        writeln!(stdout(), "{entry}:{}", ledger::hex(&hash))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn import(file: &Path, data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let done = store::Journal::import(data, file)?;
    let refused: Vec<_> = done
        .refused
        .iter()
        .map(|one| json!({ "line": one.line, "account": &*one.account, "why": one.why }))
        .collect();
    if json {
        print_json(&json!({ "taken": done.taken, "held": done.held, "refused": refused }))?;
    } else {
        let mut out = stdout();
        writeln!(out, "taken       {}", done.taken)?;
        writeln!(out, "held        {}", done.held)?;
        for one in &done.refused {
            writeln!(out, "refused     line {} of {}: {}", one.line, plain(&one.account), one.why)?;
        }
        out.flush()?;
    }
    Ok(if done.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn reindex(data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let done = store::reindex(data)?;
    if json {
        print_json(&json!({ "entries": done.entries, "cdrs": done.cdrs, "changed": done.changed }))?;
    } else {
        print_lines(&[
            ("entries", &done.entries.to_string()),
            ("call records", &done.cdrs.to_string()),
            ("rows changed", &done.changed.to_string()),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_trial_csv(title: &str, trial: &TrialBalanceDoc) -> anyhow::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}\ncurrency,account,balance", csv_out::line([title]))?;
    for TrialLineDoc { currency, account, balance } in &trial.lines {
        // The at sign of a system account would be taken for a formula; it stays, behind an apostrophe.
        writeln!(out, "{}", csv_out::line([&**currency, &**account, &**balance]))?;
    }
    for (currency, sum) in &trial.sums {
        writeln!(out, "{}", csv_out::line([&**currency, "sum", &**sum]))?;
    }
    Ok(out.flush()?)
}

fn print_trial(title: &str, trial: &TrialBalanceDoc) -> anyhow::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}", plain(title))?;
    writeln!(out, "{:4} {:20} {:>20}", "", "account", "balance")?;
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
    let sums: BTreeMap<String, String> =
        found.sums.iter().map(|sum| (sum.currency.to_string(), sum.to_string())).collect();
    print_json(&json!({
        "entries": found.entries,
        "accounts": found.accounts,
        "open_calls": found.open_calls,
        "sums": sums,
        "chain": if found.damage.is_none() { "ok" } else { "damaged" },
        "head": ledger::hex(&found.head),
        "damage": found.damage.as_ref().map(reason),
        "index": found.index.as_ref().map_or_else(|| "ok".to_owned(), reason),
        "anchor": found.anchored,
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
        let verdict = if snapshot.equal {
            "as replayed"
        } else {
            "WRONG: it is not what was replayed; stop the node and remove it"
        };
        writeln!(out, "snapshot    at entry {}: {verdict}", snapshot.seq)?;
    }
    for closing in &found.closings {
        let verdict =
            if closing.equal { "as its entries say" } else { "WRONG: its entries say something else" };
        writeln!(out, "closing     at entry {} of all up to {}: {verdict}", closing.seq, closing.entry)?;
    }
    match (&found.index, &found.damage) {
        (Some(index), _) => writeln!(out, "tables      WRONG: {}", reason(index))?,
        (None, None) => writeln!(out, "tables      as the entries say")?,
        (None, Some(_)) => {}
    }
    match found.anchored {
        Some(entry) => writeln!(out, "anchor      entry {entry}")?,
        None => writeln!(out, "anchor      none: entries deleted at the end would not be missed")?,
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
