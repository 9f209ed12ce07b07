//! `tollgate account topups`: an account's payments with what became of each, or those of all accounts that
//! are on their way.

use std::io::Write;

use anyhow::bail;
use web::{Page, PaymentDoc};

use super::client::segment;
use super::keyed_post::Shown;
use super::pages::seconds;
use super::table::{self, Table, Wide};
use super::{csv_out, plain, print_json, stdout};

/// Columns of the CSV.
const COLUMNS: &str = "announced_at,booked_at,ended_at,account,state,late,method,amount,fee,net,currency,due_at,idempotency_key,reference,cause";

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
    /// CSV with a title and a header
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    wide: Wide,
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
        let next =
            self.shown.client()?.each_row(&path, &query, (self.cursor.clone(), self.limit), |row| {
                items.push(row);
                Ok(())
            })?;
        let page = Page { items, next };
        match (self.shown.json, self.csv) {
            (true, _) => return print_json(&page),
            (false, true) => self.print_csv(&page.items)?,
            (false, false) => self.print_table(&page.items)?,
        }
        if let Some(next) = &page.next {
            eprintln!(
                "tollgate: there are more than {}: give --limit, or --cursor {}",
                self.limit,
                plain(next)
            );
        }
        Ok(())
    }

    fn title(&self) -> String {
        match (&self.name, self.late) {
            (Some(name), _) => format!("Payments of {name}"),
            (None, true) => "Payments that are late, of all accounts".to_owned(),
            (None, false) => "Payments on their way, of all accounts".to_owned(),
        }
    }

    fn print_csv(&self, rows: &[PaymentDoc]) -> anyhow::Result<()> {
        let mut out = stdout();
        writeln!(out, "{}\n{COLUMNS}", csv_out::line([&*self.title()]))?;
        let or = |value: &Option<String>| value.clone().unwrap_or_default();
        for row in rows {
            let (announced, booked, ended, due) =
                (or(&row.announced_at), or(&row.booked_at), or(&row.ended_at), or(&row.due_at));
            let (method, cause) = (or(&row.method), or(&row.cause));
            let line = csv_out::line([
                &*announced,
                &*booked,
                &*ended,
                &*row.account,
                &*row.state,
                if row.late { "true" } else { "false" },
                &*method,
                &*row.amount,
                &*row.fee,
                &*row.net,
                &*row.currency,
                &*due,
                &*row.idempotency_key,
                &*row.reference,
                &*cause,
            ]);
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }

    fn print_table(&self, rows: &[PaymentDoc]) -> anyhow::Result<()> {
        let columns = [
            table::text("at"),
            table::text("account"),
            table::text("state"),
            table::number("amount"),
            table::number("net"),
            table::text(""),
            table::text("key"),
            table::text("reference"),
            table::text("method").wide(),
            table::number("fee").wide(),
            table::text("due").wide(),
        ];
        let mut table = Table::new(&columns, self.wide);
        for row in rows {
            let at = seconds(row.announced_at.as_ref().or(row.booked_at.as_ref()).map_or("", String::as_str));
            let state = if row.late { "LATE" } else { &row.state };
            let (method, due) = (row.method.as_deref().unwrap_or("-"), row.due_at.as_deref().unwrap_or("-"));
            let words = row
                .cause
                .as_ref()
                .map_or_else(|| row.reference.clone(), |cause| format!("{}: {cause}", row.reference));
            let key = &*row.idempotency_key;
            table.row([
                &*at,
                &*row.account,
                state,
                &*row.amount,
                &*row.net,
                &*row.currency,
                key,
                &*words,
                method,
                &*row.fee,
                due,
            ]);
        }
        table.print()
    }
}
