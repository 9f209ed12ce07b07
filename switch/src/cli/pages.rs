//! Lists in journal order, page after page, up to a limit: call records and notices. Printed as lines or as one JSON document.

use std::io::Write as _;

use anyhow::bail;
use serde_json::Value;

use super::client::{Client, Reach};
use super::stdout;

/// Which rows, as asked for on the command line.
#[derive(clap::Args)]
pub(super) struct SliceAsk {
    /// Of this account only
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Of this instant or later, RFC 3339
    #[arg(long, value_name = "RFC3339")]
    from: Option<String>,
    /// Before this instant, RFC 3339
    #[arg(long, value_name = "RFC3339")]
    to: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
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

// === impl SliceAsk ===

impl SliceAsk {
    /// Prints rows of `path`: a heading and a line for each, or without a `line` one JSON document, {"items": [...], "next": ...}.
    pub(super) fn print(&self, path: &str, heading: &str, line: Option<fn(&Value) -> String>) -> anyhow::Result<()> {
        if self.limit == 0 {
            bail!("--limit must be at least 1");
        }
        let client = self.reach.client()?;
        let mut out = stdout();
        match line {
            Some(_) => writeln!(out, "{heading}")?,
            None => out.write_all(b"{\"items\":[")?,
        }
        let mut first = true;
        let next = each_row(&client, path, &self.slice(), |row| {
            if let Some(line) = line {
                return Ok(writeln!(out, "{}", line(row))?);
            }
            out.write_all(if first { b"\n" } else { b",\n" })?;
            first = false;
            Ok(serde_json::to_writer(&mut out, row).map_err(std::io::Error::from)?)
        })?;
        if line.is_none() {
            writeln!(out, "\n],\"next\":{}}}", Value::from(next))?;
        }
        Ok(out.flush()?)
    }

    fn slice(&self) -> Slice<'_> {
        Slice {
            account: self.account.as_deref(),
            from: self.from.as_deref(),
            to: self.to.as_deref(),
            cursor: self.cursor.as_deref(),
            limit: self.limit,
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
    let query: Vec<(&str, &str)> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    client.each_row(path, &query, (slice.cursor.map(str::to_owned), slice.limit), |row: Value| show(&row))
}
