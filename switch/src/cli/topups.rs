//! `tollgate account topups`: an account's payments with what became of each, or those of all accounts that are on their way.

use std::io::Write;

use anyhow::bail;
use web::{Page, PaymentDoc};

use super::client::segment;
use super::order::Shown;
use super::{plain, print_json, stdout};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// The account's name; without one, what is on its way to all accounts, first what is due first
    name: Option<String>,
    /// Of what is on its way, only what should have been here
    #[arg(long, conflicts_with = "name")]
    late: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    /// Go on after an earlier answer: its `next`
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

// === impl Ask ===

impl Ask {
    /// Prints them, oldest first.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        if self.limit == 0 {
            bail!("--limit must be at least 1");
        }
        let (path, query) = match &self.name {
            Some(name) => (format!("/accounts/{}/topups", segment(name)), Vec::new()),
            None => ("/topups".to_owned(), vec![("state", if self.late { "late" } else { "pending" })]),
        };
        let mut items: Vec<PaymentDoc> = Vec::new();
        let next = self.shown.client()?.each_row(&path, &query, (self.cursor.clone(), self.limit), |row| {
            items.push(row);
            Ok(())
        })?;
        let page = Page { items, next };
        if self.shown.json {
            return print_json(&page);
        }
        print_table(&page)
    }
}

fn print_table(page: &Page<PaymentDoc>) -> anyhow::Result<()> {
    let mut out = stdout();
    writeln!(
        out,
        "{:24} {:16} {:8} {:10} {:>16} {:>12} {:>16} {:4} {:24} key, reference",
        "at", "account", "state", "method", "amount", "fee", "net", "", "due"
    )?;
    for row in &page.items {
        let at = row.announced_at.as_ref().or(row.booked_at.as_ref()).map_or("", String::as_str);
        let state = if row.late { "LATE" } else { &row.state };
        let (method, due) = (row.method.as_deref().unwrap_or("-"), row.due_at.as_deref().unwrap_or("-"));
        let [at, account, state, method, due] = [at, &row.account, state, method, due].map(plain);
        let [amount, fee, net, currency, key] =
            [&row.amount, &row.fee, &row.net, &row.currency, &row.idempotency_key].map(|text| plain(text));
        let words =
            row.cause.as_ref().map_or_else(|| plain(&row.reference), |cause| format!("{}: {}", plain(&row.reference), plain(cause)));
        writeln!(out, "{at:24} {account:16} {state:8} {method:10} {amount:>16} {fee:>12} {net:>16} {currency:4} {due:24} {key} {words}")?;
    }
    if let Some(next) = &page.next {
        writeln!(out, "more: --cursor {}", plain(next))?;
    }
    Ok(out.flush()?)
}
