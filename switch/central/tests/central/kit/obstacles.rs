//! What stands between a node and its database, put there by a session of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::postgres::{Postgres, program};

/// A transaction that holds tables until it is dropped.
pub struct Held {
    session: Child,
    _orders: ChildStdin,
}

fn session(postgres: &Postgres) -> Command {
    let mut psql = Command::new(program("psql"));
    psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &postgres.address()]);
    psql
}

/// Statements by the server's owner, also where the database takes no writes.
pub fn execute(postgres: &Postgres, statements: &[&str]) {
    let mut psql = session(postgres);
    for statement in ["SET default_transaction_read_only = off"].iter().chain(statements) {
        psql.args(["-c", statement]);
    }
    let output = psql.output().expect("psql runs");
    assert!(output.status.success(), "{statements:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Nobody else reads or writes these tables.
pub fn hold(postgres: &Postgres, tables: &str) -> Held {
    let mut session =
        session(postgres).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts");
    let mut orders = session.stdin.take().expect("piped");
    writeln!(orders, "BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE; SELECT 'held';").expect("taken");
    let mut said = String::new();
    BufReader::new(session.stdout.as_mut().expect("piped")).read_line(&mut said).expect("text");
    assert_eq!(said.trim(), "held");
    Held { session, _orders: orders }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Its end closes the connection, and with that the transaction.
        self.session.kill().expect("runs");
        self.session.wait().expect("ends");
    }
}
