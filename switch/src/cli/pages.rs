//! Lists in journal order, page after page, up to a limit: call records and notices. Printed as a table, as
//! lines or as one JSON document.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::Value;
use units::Wall;

use super::client::{Client, Reach};
use super::table::Table;
use super::{stdout, when};

/// A limit left rows out.
const LEFT_OUT: u8 = 3;
/// Rows unless said otherwise.
const LIMIT: usize = 100;

/// Which rows, as asked for on the command line.
#[derive(clap::Args)]
pub(super) struct SliceAsk {
    /// Of this account only
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Of this instant or later, RFC 3339 or a date (its first moment, UTC)
    #[arg(long, value_name = "TIME", value_parser = when::moment)]
    from: Option<Wall>,
    /// Before this instant, RFC 3339 or a date
    #[arg(long, value_name = "TIME", value_parser = when::moment)]
    to: Option<Wall>,
    /// The last so many, the newest first
    #[arg(long, value_name = "N", conflicts_with_all = ["limit", "cursor"])]
    last: Option<usize>,
    /// At most so many, the oldest first [default: 100]; exit 3 if there are more
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on after an earlier answer: its `next`
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

/// Which rows.
pub(super) struct Slice<'a> {
    pub account: Option<&'a str>,
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub cursor: Option<&'a str>,
    pub limit: usize,
}

/// How rows are shown.
pub(super) enum Rows {
    /// One document, {"items": [...], "next": ...}.
    Json,
    /// A heading and a line for each.
    Lines(String, fn(&Value) -> String),
    /// Cells for each.
    Table(Table, fn(&Value) -> Vec<String>),
}

// === impl SliceAsk ===

impl SliceAsk {
    /// Prints rows of `path`; 3 if a limit left some out, which is said on stderr.
    pub(super) fn print(
        &self,
        path: &str,
        filter: &[(&str, &str)],
        mut rows: Rows,
    ) -> anyhow::Result<ExitCode> {
        let limit = self.last.or(self.limit).unwrap_or(LIMIT);
        if limit == 0 {
            bail!("--limit and --last must be at least 1");
        }
        let (from, to) = (self.from.map(Wall::rfc3339), self.to.map(Wall::rfc3339));
        let given = [("account", &self.account), ("from", &from), ("to", &to)];
        let mut query: Vec<(&str, &str)> =
            given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
        query.extend(filter);
        query.extend(self.last.map(|_| ("order", "newest")));
        let client = self.reach.client()?;
        let mut out = stdout();
        match &rows {
            Rows::Json => out.write_all(b"{\"items\":[")?,
            Rows::Lines(heading, _) => writeln!(out, "{heading}")?,
            Rows::Table(..) => {}
        }
        let mut first = true;
        let next = client.each_row(path, &query, (self.cursor.clone(), limit), |row: Value| {
            match &mut rows {
                Rows::Json => {
                    out.write_all(if first { b"\n" } else { b",\n" })?;
                    first = false;
                    serde_json::to_writer(&mut out, &row).map_err(std::io::Error::from)?;
                }
                Rows::Lines(_, line) => writeln!(out, "{}", line(&row))?,
                Rows::Table(table, cells) => table.row(cells(&row).iter().map(String::as_str)),
            }
            Ok(())
        })?;
        match &rows {
            Rows::Json => writeln!(out, "\n],\"next\":{}}}", Value::from(next.clone()))?,
            Rows::Lines(..) => {}
            Rows::Table(table, _) => table.print()?,
        }
        out.flush()?;
        match next {
            Some(next) if self.last.is_none() => {
                eprintln!(
                    "tollgate: there are more than {limit}: give --limit, --last N for the newest, or --cursor {next}"
                );
                Ok(ExitCode::from(LEFT_OUT))
            }
            Some(_) | None => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Calls `show` for up to `slice.limit` rows of `path` and returns where to go on.
pub(super) fn each_row(
    client: &Client,
    path: &str,
    slice: &Slice<'_>,
    mut show: impl FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<Option<String>> {
    let given = [("account", slice.account), ("from", slice.from), ("to", slice.to)];
    let query: Vec<(&str, &str)> =
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    client.each_row(path, &query, (slice.cursor.map(str::to_owned), slice.limit), |row: Value| show(&row))
}

/// An instant of the API without its milliseconds, for tables: still RFC 3339.
pub(super) fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, rest)) if rest.ends_with('Z') && Wall::parse(time).is_some() => format!("{whole}Z"),
        Some(_) | None => time.to_owned(),
    }
}
