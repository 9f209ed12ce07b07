//! The journal's file: where it is, how it is opened, its tables and their version.
//!
//! An existing file is first read through a read-only connection; it is opened for writing only when all of
//! it is whole.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::{Entry, Kind, StoreError};

/// Name of the journal in the data folder.
pub(crate) const FILE: &str = "journal.db";
/// `TOLG` in the header of the file: it is ours.
const APPLICATION_ID: i64 = 0x544F_4C47;
/// Version of the tables below.
const VERSION: i64 = 2;
/// Rows are 0.3 to 2 KB and only appended: 8 KiB holds some without rest. (4 and 16 KiB measured the same.)
pub(crate) const PAGE_BYTES: u64 = 8_192;
/// How long a reader waits for a lock; readers and the writer do not block each other in WAL mode.
const BUSY: Duration = Duration::from_secs(5);
/// The write-ahead log is cut back to this after a checkpoint.
const WAL_LIMIT_BYTES: u64 = 64 << 20;

const TABLES: &str = "
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, account TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE cdr (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, account TEXT NOT NULL) STRICT;
    CREATE TABLE cdr_account (account TEXT NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (account, block)) STRICT, WITHOUT ROWID;
    CREATE TABLE cdr_time (block INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL) STRICT;";

/// Finds notices in journal order; the few that there are cost the writer nothing elsewhere. It is no part of
/// the version: a journal made before it is given it when it is opened.
const NOTICES: &str = "CREATE INDEX IF NOT EXISTS notice ON entry (seq, account, at) WHERE kind = 2;";

/// Finds an account's money in journal order.
const MONEY: &str = "CREATE INDEX IF NOT EXISTS money ON entry (account, seq) WHERE kind = 3;";

/// The first version had no kind for money other than a call's: its few rows are given theirs, once, in
/// place.
const UPGRADE: &str = "BEGIN IMMEDIATE;
    UPDATE entry SET kind = 3 WHERE kind = 0 AND (instr(body, '\"body\":{\"top_up\"') OR instr(body, '\"body\":{\"pocket_')
        OR (instr(body, '\"body\":{\"account_opened\"') AND instr(body, '\"opening\":{')));
    PRAGMA user_version = 2; COMMIT;";

/// The kind that [`UPGRADE`] gives an entry of the first version.
pub(crate) fn upgraded(entry: &Entry) -> Kind {
    let has = |text: &str| entry.body.windows(text.len()).any(|part| part == text.as_bytes());
    let is_money = has(r#""body":{"top_up""#)
        || has(r#""body":{"pocket_"#)
        || (has(r#""body":{"account_opened""#) && has(r#""opening":{"#));
    if entry.kind == Kind::OTHER && is_money { Kind::MONEY } else { entry.kind }
}

/// What lies at the journal's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Nothing, or a file whose tables were never made.
    Nothing,
    /// A journal of this version.
    Journal,
    /// A journal of the first version: read as it is, upgraded when it is written.
    First,
}

/// The journal's file in `folder`.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The write-ahead log beside it.
pub(crate) fn wal_file(folder: &Path) -> PathBuf {
    folder.join(format!("{FILE}-wal"))
}

/// A connection that cannot write, not even by cleaning up when it closes.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|conn| {
        conn.busy_timeout(BUSY)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(conn)
    });
    opened.map_err(|e| StoreError::sqlite("cannot read", path, e))
}

/// As [`open_to_read`], for a file that was cut: what is there is read.
pub(crate) fn open_to_salvage(path: &Path) -> Result<Connection, StoreError> {
    let conn = open_to_read(path)?;
    conn.pragma_update(None, "writable_schema", true)
        .map_err(|e| StoreError::sqlite("cannot read", path, e))?;
    Ok(conn)
}

/// For their owner alone: the journal says who called whom. SQLite gives the files beside it the mode of the
/// journal.
pub(crate) fn make_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let is_ours = |name: &str| [FILE, "snapshot", "feeds.db"].iter().any(|ours| name.starts_with(ours));
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry.file_name().to_str().is_some_and(is_ours)
            && entry.metadata()?.permissions().mode() & 0o077 != 0
        {
            std::fs::set_permissions(entry.path(), Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// The writer's connection. Makes file and tables if `found` is nothing.
pub(crate) fn open_to_write(path: &Path, found: Found) -> Result<Connection, StoreError> {
    make_private(path).map_err(|e| StoreError::folder(path, e))?;
    let opened = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .and_then(|conn| {
        conn.busy_timeout(BUSY)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if found == Found::Nothing {
            conn.pragma_update(None, "page_size", PAGE_BYTES)?;
        }
        conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
        conn.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)?;
        if found == Found::Nothing {
            conn.execute_batch(&format!(
                "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        if found == Found::First {
            conn.execute_batch(UPGRADE)?;
        }
        conn.execute_batch(NOTICES)?;
        conn.execute_batch(MONEY)?;
        Ok(conn)
    });
    opened.map_err(|e| StoreError::sqlite("cannot write", path, e))
}

/// Is there a file with something in it? An empty one is none, unless a log of changes lies beside it.
pub(crate) fn exists(folder: &Path) -> Result<bool, StoreError> {
    let path = file(folder);
    let length = match std::fs::metadata(&path) {
        Ok(meta) => meta.len(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
        Err(e) => return Err(StoreError::folder(&path, e)),
    };
    if length == 0 {
        return match std::fs::metadata(wal_file(folder)) {
            Ok(meta) if meta.len() > 0 => {
                let why = format!("{FILE} is missing or empty but its log {FILE}-wal is not");
                Err(StoreError::Damaged { path, last_whole: 0, why })
            }
            _ => Ok(false),
        };
    }
    Ok(true)
}

/// Is it ours, of a version that we know, with its tables made?
pub(crate) fn identify(conn: &Connection, path: &Path) -> Result<Found, StoreError> {
    let number = |sql: &str| {
        conn.query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|e| StoreError::sqlite("cannot read", path, e))
    };
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(Found::Nothing),
        (APPLICATION_ID, VERSION) if tables > 0 => Ok(Found::Journal),
        (APPLICATION_ID, 1) if tables > 0 => Ok(Found::First),
        (APPLICATION_ID, found) if found > VERSION => {
            Err(StoreError::Version { path: path.to_owned(), found, known: VERSION })
        }
        (APPLICATION_ID, found) => Err(StoreError::Damaged {
            path: path.to_owned(),
            last_whole: 0,
            why: format!("version {found} with {tables} tables"),
        }),
        (_, _) => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}
