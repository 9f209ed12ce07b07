//! Where the journal ends, in a small file beside it: what was cut off its end, with its log or without, is
//! missed.
//!
//! It is written after each commit and not forced to the disk, so it may say less than the journal after a
//! power cut, and never more. One line of JSON, filled up to a fixed length, so that writing it again needs
//! no room.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use ledger::{from_hex, hex};
use serde::{Deserialize, Serialize};

use crate::Reader;
use crate::walk::Head;

/// Its name in the data folder.
pub(crate) const FILE: &str = "journal.head";
/// Its length with the line feed.
const LENGTH: usize = 128;

/// The line.
#[derive(Serialize, Deserialize)]
struct Line {
    entry: u64,
    hash: String,
}

/// The file, while the journal is written.
pub(crate) struct HeadFile {
    file: File,
    /// Its disk refused once: said once.
    failed: bool,
}

/// What the file in `folder` says; none if there is none. What cannot be read is an error, in words.
pub(crate) fn read(folder: &Path) -> Result<Option<Head>, String> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("{} cannot be read: {e}", path.display())),
    };
    let line: Option<Line> = serde_json::from_str(text.trim_end()).ok();
    let head = line.and_then(|line| Some(Head { entries: line.entry, hash: from_hex(&line.hash)? }));
    head.map(Some).ok_or_else(|| format!("{} is not what was written there", path.display()))
}

/// Whether the journal in `folder`, which ends at `head`, holds what the file says was its end. A file that
/// cannot be read anchors nothing.
pub(crate) fn check(folder: &Path, head: Head) -> Result<(), String> {
    let anchor = match read(folder) {
        Ok(Some(anchor)) => anchor,
        Ok(None) => return Ok(()),
        Err(why) => {
            tracing::warn!(why, "the end of the journal is not anchored");
            return Ok(());
        }
    };
    is_held(folder, head, anchor, FILE)
}

/// Whether the journal that ends at `head` holds `anchor`, as `said` by this or that.
pub(crate) fn is_held(folder: &Path, head: Head, anchor: Head, said: &str) -> Result<(), String> {
    if anchor.entries > head.entries {
        return Err(format!(
            "it ends at entry {}, but {said} says that entry {} was written: entries were deleted at its end, or its log is missing \
             (of a backup that was restored on purpose, remove {FILE})",
            head.entries, anchor.entries
        ));
    }
    let hash = if anchor.entries == head.entries {
        head.hash
    } else {
        Reader::open(folder).and_then(|reader| reader.hash(anchor.entries)).map_err(|e| e.to_string())?
    };
    if hash == anchor.hash {
        Ok(())
    } else {
        Err(format!("its entry {} is not the one that {said} says was written", anchor.entries))
    }
}

// === impl HeadFile ===

impl HeadFile {
    /// Opens it, with `head` in it.
    pub(crate) fn begin(folder: &Path, head: Head) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(FILE))?;
        let mut begun = Self { file, failed: false };
        begun.write(head)?;
        begun.file.set_len(LENGTH as u64)?;
        begun.file.sync_all()?;
        Ok(begun)
    }

    /// The journal ends here now. A file that cannot be written is older than the journal, which is no error.
    pub(crate) fn put(&mut self, head: Head) {
        if let Err(error) = self.write(head)
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::warn!(%error, "{FILE} is no longer written: the end of the journal is not anchored");
        }
    }

    /// To the disk. An error is as in [`Self::put`].
    pub(crate) fn sync(&self) {
        let _ = self.file.sync_data();
    }

    fn write(&mut self, head: Head) -> io::Result<()> {
        let mut text = ledger::json::to_string(&Line { entry: head.entries, hash: hex(&head.hash) }, LENGTH)?
            .into_bytes();
        text.resize(LENGTH - 1, b' ');
        text.push(b'\n');
        self.file.write_all_at(&text, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_put_last() {
        let folder = tempfile::tempdir().expect("temporary");
        assert_eq!(read(folder.path()), Ok(None));
        let far = Head { entries: u64::MAX, hash: [0xAB; 32] };
        let mut file = HeadFile::begin(folder.path(), far).expect("writes");
        assert_eq!(read(folder.path()), Ok(Some(far)));
        let near = Head { entries: 7, hash: [1; 32] };
        file.put(near);
        assert_eq!(read(folder.path()), Ok(Some(near)), "a shorter line leaves nothing of the longer one");
        std::fs::write(folder.path().join(FILE), "x").expect("writes");
        assert!(read(folder.path()).is_err());
    }
}
