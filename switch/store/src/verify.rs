//! `ledger verify`: reads the whole journal without writing, beside a running switch or on a damaged file.

use std::path::Path;

use crate::walk::{Head, Stop};
use crate::{StoreError, schema, wal, walk};

/// Where a journal stops to be whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The last whole entry.
    pub last_whole: u64,
    /// What is wrong after it.
    pub why: String,
}

/// What a journal holds.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Whole entries.
    pub entries: u64,
    /// Hash of the last one.
    pub head: [u8; 32],
    /// Why not all is whole.
    pub damage: Option<Damage>,
}

/// Reads the journal in `folder` from its first entry.
pub fn verify(folder: &Path) -> Result<Verification, StoreError> {
    let path = schema::file(folder);
    if !path.exists() {
        return Err(StoreError::Missing { path });
    }
    let conn = schema::open_to_read(&path)?;
    let mut head = Head::START;
    let damage = match walk::walk(&conn, &mut head, &mut |_, _, _| Ok(())) {
        Ok(()) => wal::check(folder).err(),
        Err(Stop::Damaged(why) | Stop::Refused(why)) => Some(why),
        Err(Stop::Sqlite(e)) => return Err(StoreError::sqlite("cannot read", &path, e)),
    };
    let damage = damage.map(|why| Damage { last_whole: head.entries, why });
    Ok(Verification { entries: head.entries, head: head.hash, damage })
}
