//! Everything that can go wrong with the disk, each as one line that says what, where and what to do.

use std::io;
use std::path::PathBuf;

/// Why the journal cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data folder cannot be made or written.
    #[error("data folder {}: {source}; make it writable for this user or set another node.data_dir", path.display())]
    Folder {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the folder.
    #[error("data folder {} is in use by {}; stop it first or set another node.data_dir", path.display(), holder(*pid))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Who holds it, if it said so.
        pid: Option<u32>,
    },
    /// There is no journal where one was to be read.
    #[error("no journal at {}; is this the node's data_dir?", path.display())]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// The file belongs to another program.
    #[error("{} is not a journal of this switch; it was left as it is, move it away or set another node.data_dir", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error("{} has journal version {found}, this program knows up to {known}; run the version that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The journal is not whole. Nothing was written to it.
    #[error(
        "journal {} is damaged after entry {last_whole}: {why}; it was left as it is: keep a copy of the folder, restore a backup, \
         and see `tollgate ledger verify` for the whole part",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The last entry that is whole, 0 if none.
        last_whole: u64,
        /// What is wrong with the next.
        why: String,
    },
    /// A whole entry that the reader of the replay does not accept.
    #[error("journal {} cannot be replayed at entry {seq}: {why}; it was left as it is: keep a copy of the folder, restore a backup", path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// Its number.
        seq: u64,
        /// What the caller said.
        why: String,
    },
    /// The disk is full.
    #[error("no space left for {}; free some and start again", path.display())]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// There is no room for what is kept back and for a start.
    #[error(
        "no room for the journal: {} needs {} KiB more on its disk, which are kept back so that calls can be settled when it is full; \
         free some, or set a smaller journal.ballast_mib",
        path.display(), need_bytes.div_ceil(1_024)
    )]
    NoRoom {
        /// The file that holds the room.
        path: PathBuf,
        /// What is missing at most, bytes.
        need_bytes: u64,
    },
    /// The place of the unsaved file cannot be used.
    #[error("journal.unsaved_file {}: {why}; set a file that this user can write, on another disk than node.data_dir", path.display())]
    UnsavedPlace {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An unsaved file that cannot be taken in. Nothing of it was.
    #[error(
        "unsaved file {} cannot be taken in: {why}; nothing of it was written to the journal. Move it away and start, then look at it with \
         `tollgate ledger import`",
        path.display()
    )]
    Unsaved {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The tables that queries use are not those of the entries.
    #[error(
        "the tables for queries in {} do not fit its entries: {why}; the entries are whole: run `tollgate ledger reindex --data {}`",
        path.display(), path.parent().unwrap_or(path).display()
    )]
    Index {
        /// The journal.
        path: PathBuf,
        /// What is wrong first.
        why: String,
    },
    /// SQLite refused for another reason.
    #[error("{what} {}: {source}", path.display())]
    Sqlite {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The system refused a read or a thread.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A write failed while running; nothing was acknowledged after it.
    #[error("the journal failed: {why}; {unsaved} entries are in {} and not in the journal", path.display())]
    Failed {
        /// The first error.
        why: String,
        /// Entries that were not acknowledged.
        unsaved: u64,
        /// Where they were put (they went to stderr, too).
        path: PathBuf,
    },
    /// A feed has handed on more than, or something else than, this journal holds.
    #[error(
        "feed {feed} has handed on up to entry {seq} of a journal that is not this one (a backup that was restored?): entries would be lost \
         or come twice under one id. Give the node another node.name and remove {} to begin anew",
        path.display()
    )]
    Place {
        /// The file with the places of feeds.
        path: PathBuf,
        /// Which feed.
        feed: &'static str,
        /// Its place.
        seq: u64,
    },
    /// Two appenders for one shard, or a shard beyond `Options::shards`.
    #[error("shard {shard} has no free place in the journal")]
    Shard {
        /// The shard asked for.
        shard: usize,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

// === impl StoreError ===

impl StoreError {
    /// Sorts SQLite's error: damage and a full disk have their own advice.
    pub(crate) fn sqlite(what: &'static str, path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(ErrorCode::NotADatabase) => {
                Self::Damaged { path, last_whole: 0, why: "its first page is not a database's".to_owned() }
            }
            Some(ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path, last_whole: 0, why: source.to_string() }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Folder { path, source: io::Error::other(source) }
            }
            _ => Self::Sqlite { what, path, source },
        }
    }

    /// Sorts the system's error on the data folder.
    pub(crate) fn folder(path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::StorageFull {
            Self::DiskFull { path }
        } else {
            Self::Folder { path, source }
        }
    }
}
