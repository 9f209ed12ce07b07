//! What is read for operators: the central journal and the balances, each question one transaction that
//! writes at most places.

use ledger::Key;
use rating::engine::{InTransit, TransitPlace};
use rating::quotas::transaction::AccountTransaction;
use store::{Balances, Kind, Query};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};
use units::{Currency, Name, Wall};

use crate::failed::Failed;
use crate::journal::{self, END, End};
use crate::rows::{self, damaged, signed};
use crate::transaction;

/// One question.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// Give some of the entries that wait for them their places.
    CatchUp,
    /// An account and those below it, by name; none if it is not there.
    Family(Name),
    Lines(Lines),
    /// Call records: `after` is a place.
    Cdrs(Query),
    /// Notices: the times are those at which they were made.
    Notices(Query),
    /// What an account and its buckets have, with the end of the central journal at that moment.
    Posted(Name),
    InTransit {
        after: Option<TransitPlace>,
        late_only: bool,
        limit: usize,
        now: Wall,
    },
}

/// Entries of the central journal, in its order.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub accounts: Vec<Name>,
    pub kinds: Vec<Kind>,
    /// Only places after this one …
    pub after: u64,
    /// … up to this one.
    pub upto: u64,
    /// Dated from, and before.
    pub span: (Wall, Wall),
    pub limit: u32,
}

/// An entry of the central journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub place: u64,
    /// The account, by its name.
    pub account: Name,
    /// Its date in the books.
    pub at: Wall,
    /// The record; of a call its call record.
    pub body: String,
}

/// The answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    End(End),
    Names(Vec<Name>),
    Entries(Vec<Entry>),
    Posted(Balances, End),
    InTransit(Vec<InTransit>),
}

pub(crate) async fn answer(tx: &Transaction<'_>, question: &Question) -> Result<Found, Failed> {
    match question {
        Question::CatchUp => journal::catch_up(tx).await.map(Found::End),
        Question::Family(account) => family(tx, account).await.map(Found::Names),
        Question::Lines(wanted) => lines(tx, wanted).await.map(Found::Entries),
        Question::Cdrs(query) => cdrs(tx, query).await.map(Found::Entries),
        Question::Notices(query) => notices(tx, query).await.map(Found::Entries),
        Question::Posted(account) => posted(tx, account).await,
        Question::InTransit { after, late_only, limit, now } => {
            in_transit(tx, after.as_ref(), *late_only, *limit, *now).await.map(Found::InTransit)
        }
    }
}

async fn family(tx: &Transaction<'_>, account: &Name) -> Result<Vec<Name>, Failed> {
    let below = format!("{account}:");
    let length = i32::try_from(below.chars().count()).unwrap_or(i32::MAX);
    let text = "SELECT name FROM account WHERE pocket_of IS NULL AND (name = $1 OR left(name, $2) = $3) ORDER BY name";
    let names = rows::names(&tx.query(text, &[&&**account, &length, &below]).await?)?;
    Ok(if names.contains(account) { names } else { Vec::new() })
}

fn entry(row: &Row) -> Result<Entry, Failed> {
    Ok(Entry {
        place: row.try_get::<_, i64>(0)?.cast_unsigned(),
        account: row.try_get::<_, &str>(1)?.into(),
        at: Wall(row.try_get(2)?),
        body: row.try_get(3)?,
    })
}

async fn lines(tx: &Transaction<'_>, wanted: &Lines) -> Result<Vec<Entry>, Failed> {
    let Lines { accounts, kinds, after, upto, span, limit } = wanted;
    let accounts: Vec<&str> = accounts.iter().map(|name| &**name).collect();
    let kinds: Vec<i64> = kinds.iter().map(|kind| i64::from(kind.0)).collect();
    let text = "SELECT j.place, j.account, j.at_ms, e.body FROM journal j JOIN entry e ON e.node = j.node AND e.seq = j.seq \
                WHERE j.account = ANY ($1) AND j.kind = ANY ($2) AND j.place > $3 AND j.place <= $4 AND j.at_ms >= $5 AND j.at_ms < $6 \
                ORDER BY j.place LIMIT $7";
    let (after, upto, limit) = (signed(*after), signed(*upto), i64::from(*limit));
    let rows = tx.query(text, &[&accounts, &kinds, &after, &upto, &span.0.0, &span.1.0, &limit]).await?;
    rows.iter().map(entry).collect()
}

async fn cdrs(tx: &Transaction<'_>, query: &Query) -> Result<Vec<Entry>, Failed> {
    let text = "SELECT j.place, j.account, c.ended_ms, c.body FROM journal j JOIN cdr c ON c.node = j.node AND c.seq = j.seq \
                WHERE j.kind = $1 AND c.ended_ms >= $3 AND c.ended_ms < $4";
    of_one_kind(tx, Kind::CDR, text, query).await
}

async fn notices(tx: &Transaction<'_>, query: &Query) -> Result<Vec<Entry>, Failed> {
    let text = "SELECT j.place, j.account, e.at_ms, e.body FROM journal j JOIN entry e ON e.node = j.node AND e.seq = j.seq \
                WHERE j.kind = $1 AND e.at_ms >= $3 AND e.at_ms < $4";
    of_one_kind(tx, Kind::NOTICE, text, query).await
}

/// A page of the entries of one kind, of one account or of all; `text` selects them by kind (`$1`) and time
/// (`$3`, `$4`).
async fn of_one_kind(
    tx: &Transaction<'_>,
    kind: Kind,
    text: &str,
    query: &Query,
) -> Result<Vec<Entry>, Failed> {
    let (kind, after, from, to, limit) = of_query(kind, query);
    let mut text = text.to_owned();
    let account = query.account.as_deref();
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&kind, &after, &from, &to, &limit];
    if let Some(account) = &account {
        text.push_str(" AND j.account = $6");
        values.push(account);
    }
    text.push_str(in_order(query));
    tx.query(&text, &values).await?.iter().map(entry).collect()
}

/// From where, in which direction, how many.
const fn in_order(query: &Query) -> &'static str {
    if query.newest_first {
        " AND j.place < $2 ORDER BY j.place DESC LIMIT $5"
    } else {
        " AND j.place > $2 ORDER BY j.place LIMIT $5"
    }
}

/// Kind, place, times and number of rows, as SQL takes them.
fn of_query(kind: Kind, query: &Query) -> (i64, i64, i64, i64, i64) {
    let start = if query.newest_first { i64::MAX as u64 } else { 0 };
    let after = signed(query.after.unwrap_or(start).min(i64::MAX as u64));
    let (from, to) = (query.from.map_or(i64::MIN, |at| at.0), query.to.map_or(i64::MAX, |at| at.0));
    (i64::from(kind.0), after, from, to, i64::from(query.limit))
}

async fn posted(tx: &Transaction<'_>, account: &Name) -> Result<Found, Failed> {
    let text = format!(
        "WITH fin (place, behind) AS ({END}) SELECT a.name, a.currency, a.posted, fin.place, fin.behind FROM account a CROSS JOIN fin \
         WHERE a.name = $1 OR a.pocket_of = $1"
    );
    let (mut balances, mut end) = (Balances::new(), End::default());
    for row in tx.query(&text, &[&&**account]).await? {
        let name: &str = row.try_get(0)?;
        let bucket =
            name.strip_prefix(&**account).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        let currency: Currency =
            row.try_get::<_, &str>(1)?.parse().map_err(|e: units::MoneyError| damaged(&e))?;
        balances.insert((bucket.into(), currency), row.try_get(2)?);
        end = End { place: row.try_get::<_, i64>(3)?.cast_unsigned(), behind: row.try_get(4)? };
    }
    Ok(Found::Posted(balances, end))
}

/// By the rules of a node's own books, of the accounts that have a payment on its way.
async fn in_transit(
    tx: &Transaction<'_>,
    after: Option<&TransitPlace>,
    late_only: bool,
    limit: usize,
    now: Wall,
) -> Result<Vec<InTransit>, Failed> {
    let text =
        "SELECT name FROM account WHERE pocket_of IS NULL AND state LIKE '%\"announced\":{%' ORDER BY name";
    let names = rows::names(&tx.query(text, &[]).await?)?;
    let mut sheets = Vec::new();
    for row in rows::families(tx, names.iter()).await? {
        let mut sheet = row.sheet();
        let keys: Vec<Key> = sheet.state.announced.keys().cloned().collect();
        transaction::load_movements(tx, &mut sheet, &keys).await?;
        sheets.push(sheet);
    }
    let mut desk = AccountTransaction::new(sheets, ledger::OPEN).map_err(|e| damaged(&e))?;
    Ok(desk.in_transit(now, after, late_only, limit))
}
