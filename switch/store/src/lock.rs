//! The data folder belongs to one process at a time: an advisory lock (flock) on a file that names its
//! holder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::StoreError;

/// Name of the lock file in the data folder. It stays behind; only the lock on it counts.
const FILE: &str = "journal.lock";
/// A verification holds the lock for some milliseconds; a start waits this often for it.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// Held as long as this lives. The system lets go of it when the process ends, however it ends.
pub(crate) struct FolderLock {
    _file: File,
}

/// Whether somebody writes in a folder.
pub(crate) enum Peek {
    /// Nobody, and nobody can begin while this lives (unless there is no lock file, as in a copy).
    Idle(Option<FolderLock>),
    /// A switch runs.
    Busy,
}

// === impl FolderLock ===

impl FolderLock {
    /// Takes the folder for this process, or says who has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(|e| StoreError::folder(&path, e))?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse { path: folder.to_owned(), pid: holder(&path) });
                }
                Err(TryLockError::Error(e)) => return Err(StoreError::folder(&path, e)),
            }
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|e| StoreError::folder(&path, e))?;
        Ok(Self { _file: file })
    }

    /// Keeps writers out for a moment, if none is there.
    pub(crate) fn peek(folder: &Path) -> Peek {
        let Ok(file) = File::open(folder.join(FILE)) else { return Peek::Idle(None) };
        match file.try_lock_shared() {
            Ok(()) => Peek::Idle(Some(Self { _file: file })),
            Err(_) => Peek::Busy,
        }
    }
}

fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
