//! Lists in journal order, page after page, up to a limit: call records and notices.

use serde_json::Value;
use web::Page;

use super::client::Client;

/// Rows asked for at once.
const PAGE_ROWS: usize = 1_000;

/// Which rows.
pub(super) struct Slice<'a> {
    pub account: Option<&'a str>,
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub cursor: Option<&'a str>,
    pub limit: usize,
}

/// Calls `show` for up to `slice.limit` rows of `path` and returns where to go on.
pub(super) fn each_row(
    client: &Client,
    path: &str,
    slice: &Slice<'_>,
    mut show: impl FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<Option<String>> {
    let mut left = slice.limit;
    let mut cursor = slice.cursor.map(str::to_owned);
    loop {
        let rows = left.min(PAGE_ROWS).to_string();
        let mut query = vec![("limit", rows.as_str())];
        for (name, value) in [("account", slice.account), ("from", slice.from), ("to", slice.to), ("cursor", cursor.as_deref())] {
            query.extend(value.map(|value| (name, value)));
        }
        let page: Page<Value> = client.read(path, &query)?;
        for row in &page.items {
            show(row)?;
        }
        left = left.saturating_sub(page.items.len());
        let stuck = page.next.is_some() && page.next == cursor;
        if left == 0 || page.next.is_none() || stuck {
            return Ok(page.next);
        }
        cursor = page.next;
    }
}
