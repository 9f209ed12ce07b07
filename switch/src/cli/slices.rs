//! `tollgate ledger slices`: the central ledger's view of the nodes, past any node: it works also when none
//! runs.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use central::{Central, QuotaRow};
use rating::engine::AccountView;
use rating::quotas::owner;
use serde_json::{Value, json};
use units::{Currency, Money};

use super::table::{Table, Wide, note, number, text};
use super::{print_json, stdout};

/// Most accounts shown.
const ACCOUNTS_MAX: usize = 100_000;

/// Lists the slices, after giving up the node `lost` if one is named.
pub(crate) fn run(config: &Path, lost: Option<&str>, json: bool, wide: Wide) -> anyhow::Result<ExitCode> {
    let settings = config::load(config)
        .map_err(|errors| anyhow!("{}", errors.first().map(ToString::to_string).unwrap_or_default()))?;
    let ledger = settings
        .node
        .ledger
        .context("the configuration has no `ledger` in [node]: each node has its own balances")?;
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
        print_tables(&accounts, &slices, wide)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a slice counts: its account's money, or what its bucket holds.
fn currency(accounts: &[AccountView], row: &QuotaRow) -> Currency {
    let account = accounts.iter().find(|account| &*account.name == owner(&row.account));
    let bucket = |account: &AccountView| {
        let name = row.account.strip_prefix(&*account.name)?.strip_prefix('/')?;
        account.buckets.iter().find(|bucket| &*bucket.name == name).map(|bucket| bucket.left.currency)
    };
    account.map_or(Currency::EUR, |account| bucket(account).unwrap_or(account.currency))
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
            "pockets": row.buckets,
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

fn print_tables(accounts: &[AccountView], slices: &[QuotaRow], wide: Wide) -> anyhow::Result<()> {
    let mut balances =
        Table::new(&[text("balance"), number("posted"), number("held"), number("available"), text("")], wide);
    let mut quotas = Table::new(
        &[
            text("slice of"),
            text("node"),
            text("state"),
            number("outstanding"),
            number("used"),
            number("granted").wide(),
            text("until").wide(),
        ],
        wide,
    );
    for row in accounts {
        let [posted, held, available] =
            [row.balance, row.leased, row.available].map(|money| money.to_string());
        balances.row([&*row.name, &posted, &held, &available, &row.currency.to_string()]);
        for bucket in &row.buckets {
            let [left, held] = [bucket.left, bucket.leased].map(|money| money.to_string());
            balances.row([
                &format!("{}/{}", row.name, bucket.name),
                &left,
                &held,
                "",
                &bucket.left.currency.to_string(),
            ]);
        }
        for slice in slices.iter().filter(|slice| owner(&slice.account) == &*row.name) {
            let text = |amount| Money::of(amount, currency(accounts, slice)).to_string();
            let [outstanding, used, granted] =
                [slice.slice.outstanding(), slice.slice.used, slice.slice.granted].map(text);
            let until = slice.expires_at.rfc3339();
            quotas.row([
                &*slice.account,
                &slice.node,
                slice.state.word(),
                &outstanding,
                &used,
                &granted,
                &until,
            ]);
        }
    }
    let mut out = stdout();
    let mut is_cut = balances.write(&mut out)?;
    writeln!(out)?;
    is_cut |= quotas.write(&mut out)?;
    out.flush()?;
    note(is_cut);
    Ok(())
}
