//! `tollgate ledger slices`: the central ledger's view of the nodes, past any node: it works also when none runs.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use central::{Central, QuotaRow};
use rating::engine::AccountView;
use rating::quotas::owner;
use serde_json::{Value, json};
use units::{Currency, Money};

use super::{print_json, stdout};

/// Most accounts shown.
const ACCOUNTS_MAX: usize = 100_000;

/// Lists the slices, after giving up the node `lost` if one is named.
pub(crate) fn run(config: &Path, lost: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let settings = config::load(config).map_err(|errors| anyhow!("{}", errors.first().map(ToString::to_string).unwrap_or_default()))?;
    let ledger = settings.node.ledger.context("the configuration has no `ledger` in [node]: each node has its own balances")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let central = Central::new(&ledger.address, u64::from(std::process::id()))?;
    let (accounts, slices) = runtime.block_on(async {
        if let Some(node) = lost {
            central.lose(node.into()).await?;
        }
        anyhow::Ok((central.accounts(None, ACCOUNTS_MAX).await?, central.slices().await?))
    })?;
    if json {
        print_json(&document(&accounts, &slices))?;
    } else {
        print_lines(&accounts, &slices)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a slice counts: its account's money, or what its pocket holds.
fn currency(accounts: &[AccountView], row: &QuotaRow) -> Currency {
    let account = accounts.iter().find(|account| &*account.name == owner(&row.account));
    let pocket = |account: &AccountView| {
        let name = row.account.strip_prefix(&*account.name)?.strip_prefix('/')?;
        account.pockets.iter().find(|pocket| &*pocket.name == name).map(|pocket| pocket.left.currency)
    };
    account.map_or(Currency::EUR, |account| pocket(account).unwrap_or(account.currency))
}

fn document(accounts: &[AccountView], slices: &[QuotaRow]) -> Value {
    let account = |row: &AccountView| {
        json!({
            "name": &*row.name,
            "currency": row.currency.to_string(),
            "posted": row.balance.to_string(),
            "held": row.leased.to_string(),
            "limit": row.limit.to_string(),
            "available": row.available.to_string(),
            "pockets": row.pockets,
        })
    };
    let slice = |row: &QuotaRow| {
        let text = |amount| Money::of(amount, currency(accounts, row)).to_string();
        json!({
            "account": &*row.account,
            "node": &*row.node,
            "epoch": row.epoch,
            "granted": text(row.slice.granted),
            "returned": text(row.slice.returned),
            "used": text(row.slice.used),
            "outstanding": text(row.slice.outstanding()),
            "state": row.state.word(),
            "expires_at": row.expires_at.rfc3339(),
        })
    };
    json!({
        "accounts": accounts.iter().map(account).collect::<Vec<_>>(),
        "slices": slices.iter().map(slice).collect::<Vec<_>>(),
    })
}

fn print_lines(accounts: &[AccountView], slices: &[QuotaRow]) -> anyhow::Result<()> {
    let mut out = stdout();
    for row in accounts {
        writeln!(out, "{}  posted {} {}  held {}  available {}", row.name, row.balance, row.currency, row.leased, row.available)?;
        for pocket in &row.pockets {
            writeln!(out, "{}/{}  left {} {}  held {}", row.name, pocket.name, pocket.left, pocket.left.currency, pocket.leased)?;
        }
        for slice in slices.iter().filter(|slice| owner(&slice.account) == &*row.name) {
            let text = |amount| Money::of(amount, currency(accounts, slice)).to_string();
            writeln!(
                out,
                "  {:<16} {:<16} {:<9} outstanding {}  used {}  until {}",
                slice.account,
                slice.node,
                slice.state.word(),
                text(slice.slice.outstanding()),
                text(slice.slice.used),
                slice.expires_at.rfc3339()
            )?;
        }
    }
    out.flush()?;
    Ok(())
}
