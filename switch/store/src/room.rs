//! Room that is kept back on the journal's disk, so that live calls can still be settled when everybody else
//! has filled it.
//!
//! The file holds nothing. It is allocated before the first entry of a run is written, and given up when a
//! write finds the disk full: the entries of calls that end take its place, and nothing new begins until it
//! can be allocated again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::StoreError;

/// Its name in the data folder.
pub(crate) const FILE: &str = "ballast";
/// A start wants this much beside it, bytes: for its own entries.
const START_ROOM_BYTES: u64 = 256 << 10;

/// The file.
pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

// === impl Ballast ===

impl Ballast {
    /// Of `bytes` in `folder`; 0: only the room for a start is looked for.
    pub(crate) fn new(folder: &Path, bytes: u64) -> Self {
        Self { path: folder.join(FILE), bytes }
    }

    /// Allocates it, and proves that there is a little room beside it. On an error what was there before is
    /// there still.
    pub(crate) fn keep(&self) -> Result<(), StoreError> {
        let before = fs::metadata(&self.path).map_or(0, |meta| meta.len());
        self.allocate().map_err(|source| {
            // It may be half allocated. Should that fail too, the first error says it all.
            let _ = if before == 0 { fs::remove_file(&self.path) } else { self.cut(before) };
            let (path, need_bytes) =
                (self.path.clone(), self.bytes.saturating_sub(before) + START_ROOM_BYTES);
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    StoreError::NoRoom { path, need_bytes }
                }
                _ => StoreError::Folder { path, source },
            }
        })
    }

    /// Gives its room to others; whether there was any.
    pub(crate) fn release(&self) -> bool {
        let held = fs::metadata(&self.path).is_ok_and(|meta| meta.len() > 0);
        held && self.cut(0).and_then(|()| fs::remove_file(&self.path)).is_ok()
    }

    fn allocate(&self) -> io::Result<()> {
        let file =
            OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&self.path)?;
        let wanted = self.bytes + START_ROOM_BYTES;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, wanted) {
            Ok(()) => {}
            // Not every file system can; then it is written.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(&file, wanted)?,
            Err(error) => return Err(error.into()),
        }
        file.set_len(self.bytes)?;
        file.sync_all()?;
        if self.bytes == 0 { fs::remove_file(&self.path) } else { Ok(()) }
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(length)?;
        file.sync_all()
    }
}

fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    static BLOCK: [u8; 65_536] = [0; 65_536];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(BLOCK.len() as u64);
        file.write_all(BLOCK.get(..part as usize).unwrap_or(&BLOCK))?;
        left -= part;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_until_it_is_needed() {
        let folder = tempfile::tempdir().expect("temporary");
        let ballast = Ballast::new(folder.path(), 1 << 20);
        assert!(!ballast.release(), "there is none yet");
        ballast.keep().expect("room");
        ballast.keep().expect("room again");
        assert_eq!(fs::metadata(folder.path().join(FILE)).expect("there").len(), 1 << 20);
        assert!(ballast.release() && !ballast.release());
        assert!(!folder.path().join(FILE).exists());
        Ballast::new(folder.path(), 0).keep().expect("room");
        assert!(!folder.path().join(FILE).exists(), "without ballast nothing stays");
    }

    #[test]
    fn what_cannot_be_allocated_leaves_nothing() {
        let folder = tempfile::tempdir().expect("temporary");
        // No disk has that much.
        let ballast = Ballast::new(folder.path(), 1 << 60);
        let error = ballast.keep().expect_err("no room");
        assert!(matches!(error, StoreError::NoRoom { .. }), "{error:?}");
        assert!(!folder.path().join(FILE).exists());
    }
}
