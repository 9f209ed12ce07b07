//! The tables. Plain SQL that PostgreSQL, CockroachDB and YugabyteDB take alike: no sequences, no triggers, no types of one vendor.
//!
//! Amounts are 10⁻⁵ units, times are ms since 1970, names are those of the configuration.

use tokio_postgres::Transaction;

use crate::CentralError;
use crate::link::Failed;

/// The form of the tables written here.
const FORM: i64 = 1;

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS form (one BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS node (name TEXT PRIMARY KEY, epoch BIGINT NOT NULL, boot BIGINT NOT NULL, last_seq BIGINT NOT NULL, \
     chain BYTEA NOT NULL, last_ask BIGINT NOT NULL, lost BOOLEAN NOT NULL, seen_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, currency TEXT NOT NULL, posted BIGINT NOT NULL, held BIGINT NOT NULL, \
     credit_limit BIGINT NOT NULL CHECK (credit_limit <= 0), terms TEXT NOT NULL, opened_ms BIGINT NOT NULL, wanted_by TEXT, wanted_ms BIGINT)",
    "CREATE TABLE IF NOT EXISTS slice (account TEXT NOT NULL, node TEXT NOT NULL, granted BIGINT NOT NULL, returned BIGINT NOT NULL, \
     used BIGINT NOT NULL, PRIMARY KEY (account, node))",
    "CREATE INDEX IF NOT EXISTS slice_of_node ON slice (node)",
    // Lent, and not seen in the node's journal yet.
    "CREATE TABLE IF NOT EXISTS lent (id TEXT PRIMARY KEY, node TEXT NOT NULL, account TEXT NOT NULL, amount BIGINT NOT NULL CHECK (amount > 0))",
    "CREATE INDEX IF NOT EXISTS lent_to_node ON lent (node)",
    // The nodes' journals.
    "CREATE TABLE IF NOT EXISTS entry (node TEXT NOT NULL, seq BIGINT NOT NULL, account TEXT NOT NULL, at_ms BIGINT NOT NULL, \
     body TEXT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (node, seq))",
    "CREATE TABLE IF NOT EXISTS cdr (node TEXT NOT NULL, seq BIGINT NOT NULL, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, \
     ended_ms BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (node, seq))",
    "CREATE INDEX IF NOT EXISTS cdr_of_account ON cdr (account, ended_ms)",
    // Openings, top-ups and corrections, made here: one per key of an account, over all nodes.
    "CREATE TABLE IF NOT EXISTS booking (account TEXT NOT NULL, key TEXT NOT NULL, at_ms BIGINT NOT NULL, amount BIGINT NOT NULL, \
     balance_after BIGINT NOT NULL, transfer TEXT NOT NULL, PRIMARY KEY (account, key))",
];

/// Makes what is not there. Where all is there no right to make tables is needed.
pub(crate) async fn set_up(tx: &Transaction<'_>) -> Result<(), Failed> {
    let there = "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'form'";
    if tx.query_opt(there, &[]).await?.is_none() {
        for table in TABLES {
            tx.batch_execute(table).await?;
        }
        tx.execute("INSERT INTO form (one, version) VALUES (1, $1) ON CONFLICT (one) DO NOTHING", &[&FORM]).await?;
    }
    let found: i64 = tx.query_one("SELECT version FROM form WHERE one = 1", &[]).await?.try_get(0)?;
    if found == FORM { Ok(()) } else { Err(CentralError::Form { found, known: FORM }.into()) }
}

/// The database's clock, ms.
pub(crate) async fn now_ms(tx: &Transaction<'_>) -> Result<i64, Failed> {
    Ok(tx.query_one("SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT)", &[]).await?.try_get(0)?)
}
