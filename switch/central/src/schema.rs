//! The tables. Plain SQL that PostgreSQL, CockroachDB and YugabyteDB take alike: no sequences, no triggers,
//! no types of one vendor.
//!
//! Amounts are 10⁻⁵ units, times are ms since 1970, names are those of the configuration. Tables go forward
//! in place and only gain: a node of the version before works on beside one of this version, so that nodes
//! are upgraded one after the other.

use rating::quotas::central::CENTRAL;
use tokio_postgres::Transaction;
use units::Wall;

use crate::failed::Failed;
use crate::{CentralError, rows};

/// The form that all programs since the first know: they refuse tables of another. What came later is in
/// [`CHANGES`].
const FORM: i64 = 2;

/// The clocks of the database and of a node may differ by so much, ms: time servers keep machines closer than
/// this.
const CLOCKS_APART_MS: i64 = 5 * 60_000;

const TABLES: &[&str] = &[
    // One row: the form, how often an account's terms changed, and until when the books are closed.
    "CREATE TABLE IF NOT EXISTS form (one BIGINT PRIMARY KEY, version BIGINT NOT NULL, changes BIGINT NOT NULL, closed_ms BIGINT)",
    "CREATE TABLE IF NOT EXISTS node (name TEXT PRIMARY KEY, epoch BIGINT NOT NULL, boot BIGINT NOT NULL, last_seq BIGINT NOT NULL, \
     chain BYTEA NOT NULL, last_ask BIGINT NOT NULL, lost BOOLEAN NOT NULL, seen_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL)",
    // Balances: an account's own money, `acme`, with all that is known of the account; and buckets,
    // `acme/free`.
    "CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, pocket_of TEXT, currency TEXT NOT NULL, posted BIGINT NOT NULL, \
     held BIGINT NOT NULL, credit_limit BIGINT NOT NULL CHECK (credit_limit <= 0), state TEXT NOT NULL, wanted_by TEXT, wanted_ms BIGINT, \
     ends_ms BIGINT, due_ms BIGINT, changed BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS account_pockets ON account (pocket_of)",
    "CREATE INDEX IF NOT EXISTS account_due ON account (due_ms)",
    // Who has what of a balance.
    "CREATE TABLE IF NOT EXISTS slice (account TEXT NOT NULL, node TEXT NOT NULL, granted BIGINT NOT NULL, returned BIGINT NOT NULL, \
     used BIGINT NOT NULL, PRIMARY KEY (account, node))",
    "CREATE INDEX IF NOT EXISTS slice_of_node ON slice (node)",
    // Lent, and not seen in the node's journal yet.
    "CREATE TABLE IF NOT EXISTS lent (id TEXT PRIMARY KEY, node TEXT NOT NULL, account TEXT NOT NULL, amount BIGINT NOT NULL CHECK (amount > 0))",
    "CREATE INDEX IF NOT EXISTS lent_to_node ON lent (node)",
    // The nodes' journals, and that of what is done here, under the name `@central`.
    "CREATE TABLE IF NOT EXISTS entry (node TEXT NOT NULL, seq BIGINT NOT NULL, account TEXT NOT NULL, at_ms BIGINT NOT NULL, \
     body TEXT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (node, seq))",
    "CREATE INDEX IF NOT EXISTS entry_of_account ON entry (account, at_ms)",
    "CREATE TABLE IF NOT EXISTS cdr (node TEXT NOT NULL, seq BIGINT NOT NULL, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, \
     ended_ms BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (node, seq))",
    "CREATE INDEX IF NOT EXISTS cdr_of_account ON cdr (account, ended_ms)",
    // Every movement that was made here: one per key of an account over all nodes. `request` is the key of
    // the first that was made with it.
    "CREATE TABLE IF NOT EXISTS booking (account TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, at_ms BIGINT NOT NULL, \
     transfer TEXT NOT NULL, method TEXT, balance_after BIGINT NOT NULL, PRIMARY KEY (account, key))",
    "CREATE INDEX IF NOT EXISTS booking_of_request ON booking (account, request)",
    // What became of a movement, under its key.
    "CREATE TABLE IF NOT EXISTS outcome (account TEXT NOT NULL, of_key TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (account, of_key))",
    // What of the system accounts comes from which journal.
    "CREATE TABLE IF NOT EXISTS house (node TEXT NOT NULL, currency TEXT NOT NULL, house TEXT NOT NULL, balance BIGINT NOT NULL, \
     PRIMARY KEY (node, currency, house))",
    // Words to owners that wait for a node to journal them; without a node, for any.
    "CREATE TABLE IF NOT EXISTS notice (id TEXT PRIMARY KEY, node TEXT, account TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS notice_of_node ON notice (node)",
    // The version of each deck that customers hear of last, and the node that tells them.
    "CREATE TABLE IF NOT EXISTS told (deck TEXT PRIMARY KEY, version TEXT NOT NULL, node TEXT NOT NULL)",
];

/// What came to the tables since, in order, each in place and once. A program that knows less goes on beside
/// it, as [`Change::least`] says.
const CHANGES: &[Change] = &[Change {
    number: 1,
    least: 0,
    statements: &[
        // One order over the entries of all journals, and how far it has come in each of them. A node that
        // does not know these tables ships as before: the next that does gives its entries their places.
        "CREATE TABLE IF NOT EXISTS journal (place BIGINT PRIMARY KEY, node TEXT NOT NULL, seq BIGINT NOT NULL, account TEXT NOT NULL, \
         kind BIGINT NOT NULL, at_ms BIGINT NOT NULL)",
        "CREATE INDEX IF NOT EXISTS journal_of_account ON journal (account, place)",
        "CREATE INDEX IF NOT EXISTS journal_of_kind ON journal (kind, place)",
        "CREATE TABLE IF NOT EXISTS placed (node TEXT PRIMARY KEY, seq BIGINT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS journal_end (one BIGINT PRIMARY KEY, place BIGINT NOT NULL)",
        "INSERT INTO journal_end (one, place) VALUES (1, 0) ON CONFLICT (one) DO NOTHING",
        // Closed periods, once per key.
        "CREATE TABLE IF NOT EXISTS closing (key TEXT PRIMARY KEY, until_ms BIGINT NOT NULL, place BIGINT NOT NULL, body TEXT NOT NULL)",
        // What of an account's state programs of before would refuse: see `rows`.
        "ALTER TABLE account ADD COLUMN IF NOT EXISTS more TEXT",
    ],
}];

/// The last change that this program knows.
const KNOWN: i64 = 1;

/// One step of the tables.
struct Change {
    number: i64,
    /// Programs that do not know this change and work beside it know at least so many; its own number if none
    /// may.
    least: i64,
    statements: &'static [&'static str],
}

/// Makes what is not there, in place. Where all is there no right to make tables is needed.
pub(crate) async fn set_up(tx: &Transaction<'_>) -> Result<(), Failed> {
    if !is_there(tx, "form").await? {
        for table in TABLES {
            tx.batch_execute(table).await?;
        }
        tx.execute(
            "INSERT INTO form (one, version, changes) VALUES (1, $1, 0) ON CONFLICT (one) DO NOTHING",
            &[&FORM],
        )
        .await?;
        rows::make_node(tx, CENTRAL).await?;
    }
    let form: i64 = tx.query_one("SELECT version FROM form WHERE one = 1", &[]).await?.try_get(0)?;
    if form != FORM {
        return Err(CentralError::Form { found: form, known: FORM }.into());
    }
    let (applied, least) = applied(tx).await?;
    if least > KNOWN {
        return Err(CentralError::Change { least, known: KNOWN }.into());
    }
    if applied < KNOWN { migrate(tx).await } else { Ok(()) }
}

/// The last change of the tables, and which one a program has to know.
async fn applied(tx: &Transaction<'_>) -> Result<(i64, i64), Failed> {
    if !is_there(tx, "schema_change").await? {
        return Ok((0, 0));
    }
    let row = tx
        .query_one("SELECT COALESCE(MAX(number), 0), COALESCE(MAX(least), 0) FROM schema_change", &[])
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// One node at a time.
async fn migrate(tx: &Transaction<'_>) -> Result<(), Failed> {
    tx.execute("SELECT one FROM form WHERE one = 1 FOR UPDATE", &[]).await?;
    tx.batch_execute(
        "CREATE TABLE IF NOT EXISTS schema_change (number BIGINT PRIMARY KEY, least BIGINT NOT NULL, at_ms BIGINT NOT NULL, \
         program TEXT NOT NULL)",
    )
    .await?;
    let (applied, _) = applied(tx).await?;
    for change in CHANGES.iter().filter(|change| change.number > applied) {
        for statement in change.statements {
            tx.batch_execute(statement).await?;
        }
        let done = "INSERT INTO schema_change (number, least, at_ms, program) VALUES ($1, $2, $3, $4)";
        tx.execute(done, &[&change.number, &change.least, &now_ms(tx).await?, &env!("CARGO_PKG_VERSION")])
            .await?;
        tracing::info!(change = change.number, "the tables of the central ledger were brought forward");
    }
    Ok(())
}

async fn is_there(tx: &Transaction<'_>, table: &str) -> Result<bool, Failed> {
    let there =
        "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1";
    Ok(tx.query_opt(there, &[&table]).await?.is_some())
}

/// The database's clock, ms, where it agrees with a node's: what ends by time, or closes a time, has no way
/// back, so that one clock alone does not decide it.
pub(crate) async fn agreed_ms(tx: &Transaction<'_>, node: Wall) -> Result<i64, Failed> {
    let now_ms = now_ms(tx).await?;
    let apart_ms = now_ms.saturating_sub(node.0);
    if apart_ms.saturating_abs() > CLOCKS_APART_MS {
        return Err(CentralError::Clock { ahead_secs: apart_ms / 1_000 }.into());
    }
    Ok(now_ms)
}

/// The database's clock, ms.
pub(crate) async fn now_ms(tx: &Transaction<'_>) -> Result<i64, Failed> {
    Ok(tx.query_one("SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT)", &[]).await?.try_get(0)?)
}
