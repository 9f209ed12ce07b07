//! What can go wrong between a node and the central ledger, sorted by what to do about it.

use rating::engine::AccountRefused;
use rating::quotas::central::QuotaRefused;
use tokio_postgres::error::SqlState;

/// Why the central ledger did not do it.
#[derive(Debug, thiserror::Error)]
pub enum CentralError {
    /// The address in the configuration.
    #[error("ledger address: {0}; write postgres://user:password@host:5432/database")]
    Address(String),
    /// No connection, no answer in time, or it cannot write at present. Trying again may help.
    #[error("the central ledger is away: {0}")]
    Away(String),
    /// The database said no to something that we wrote: a bug, or tables that are not ours.
    #[error("the central ledger refused a statement: {0}")]
    Statement(String),
    /// The tables belong to another version of the program.
    #[error(
        "the central ledger has form {found}, this program knows {known}: use the newer version, or an empty schema if the tables are older"
    )]
    Form {
        /// As found.
        found: i64,
        /// Known here.
        known: i64,
    },
    /// The tables have a change that this program would damage.
    #[error(
        "the central ledger was brought forward by a newer program: only programs that know change {least} of its tables may use it, this one \
         knows {known}: use the newer version"
    )]
    Change {
        /// What has to be known.
        least: i64,
        /// Known here.
        known: i64,
    },
    /// The rules.
    #[error(transparent)]
    Refused(#[from] QuotaRefused),
    /// There is no such account.
    #[error("no account {0:?}")]
    NoAccount(String),
    /// The rules of payments, grants and terms.
    #[error(transparent)]
    Account(#[from] AccountRefused),
    /// No record of such a call of the account was shipped.
    #[error("no call {call} was billed to {account:?}")]
    NoCall {
        /// As asked.
        call: String,
        /// Whose it should be.
        account: String,
    },
    /// A node that is still trusted cannot be given up.
    #[error("node {node} may still lend for {secs} s: wait, or stop it and wait")]
    NotExpired {
        /// The name of the node.
        node: String,
        /// Until its quotas' time is over.
        secs: i64,
    },
    /// The money is there, but nodes hold it: it was called back and is not all here yet. Nothing was moved.
    #[error(
        "{account} has the money, but nodes hold {held} of it; it was called back{silent}: try again in {secs} s"
    )]
    Recalled {
        /// Whose money.
        account: String,
        /// What nodes hold of it, as money.
        held: String,
        /// The nodes among them that cannot hear the call, in words; empty if there is none.
        silent: String,
        /// After so long it is worth another try.
        secs: u32,
    },
    /// There is no such node.
    #[error("no node {0:?}")]
    NoNode(String),
    /// The node has books of its own and the central ledger does not know it.
    #[error(
        "the data folder has accounts of its own, which the central ledger does not know: begin with an empty node.data_dir"
    )]
    OwnBooks,
    /// The idempotency key of a closing was used for another moment.
    #[error("the key {0:?} closed the books until another moment")]
    KeyReused(String),
    /// The books are closed further already.
    #[error("the books are closed until {until} already, by entry {place} of the central journal")]
    Closed {
        /// Until when, RFC 3339.
        until: String,
        /// The last entry in that closing.
        place: u64,
    },
    /// The clock of the database and that of the node that asks are far apart: nothing ends by time
    /// meanwhile, and no period is closed.
    #[error("the clocks of the central ledger's database and of this node differ by {} s, the database is {}: nothing expires and no period \
             is closed until they agree; set the one that is wrong", ahead_secs.unsigned_abs(), if *ahead_secs < 0 { "behind" } else { "ahead" })]
    Clock {
        /// The database's less the node's, s.
        ahead_secs: i64,
    },
    /// Two things that must agree do not: somebody has to look.
    #[error("{0}")]
    Broken(String),
    /// A row that is not ours.
    #[error("a row of the central ledger cannot be read: {0}")]
    Row(String),
    /// The node's journal.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

// === impl CentralError ===

impl CentralError {
    /// Another try of the same transaction may succeed at once: it met another one.
    pub(crate) fn is_conflict(error: &tokio_postgres::Error) -> bool {
        let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        error.code().is_some_and(|code| again.contains(code))
    }

    /// Whether the answer is that the database is not there, as opposed to one that it gave.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl From<tokio_postgres::Error> for CentralError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else { return Self::Away(chain(&error)) };
        let text = format!("{} ({})", said.message(), said.code().code());
        // Classes 08 connection, 25 (read-only), 40 conflict, 53 resources, 55 and 57 operator, 58 system:
        // these pass.
        match said.code().code().get(..2) {
            Some("08" | "25" | "28" | "3D" | "40" | "53" | "55" | "57" | "58" | "XX") => Self::Away(text),
            _ => Self::Statement(text),
        }
    }
}

/// An error with all that caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
