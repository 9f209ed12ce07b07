//! Where entries go that the journal could not take: one JSON line each, to a file on another path and to stderr.
//!
//! `body` is a string, byte for byte what would have been in the journal, so that its hash can be checked.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::Entry;

const FILE: &str = "unsaved.jsonl";

/// The file is made at the first need, in the first folder that takes it.
pub(crate) struct Unsaved {
    folders: Vec<PathBuf>,
    tried: usize,
    file: Option<File>,
    count: u64,
}

// === impl Unsaved ===

impl Unsaved {
    /// `folders` in the order of preference.
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, tried: 0, file: None, count: 0 }
    }

    /// Writes one entry. Cannot fail: stderr has it in any case.
    pub(crate) fn put(&mut self, seq: u64, hash: &[u8; 32], entry: &Entry) {
        self.count += 1;
        let line = line(seq, hash, entry);
        // If stderr is gone too there is nothing left to tell it to.
        let _told = io::stderr().lock().write_all(line.as_bytes());
        while self.tried < self.folders.len() {
            match self.write(&line) {
                Ok(()) => return,
                Err(e) => {
                    tracing::error!(path = %self.path().display(), error = %e, "cannot write unsaved entries here");
                    self.file = None;
                    self.tried += 1;
                }
            }
        }
    }

    /// Forces what was written to its disk.
    pub(crate) fn sync(&mut self) {
        if let Some(Err(e)) = self.file.as_ref().map(File::sync_all) {
            tracing::error!(path = %self.path().display(), error = %e, "unsaved entries may not be on disk; they are on stderr");
        }
    }

    /// Entries put.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Where they are (or `stderr` if no folder took them).
    pub(crate) fn path(&self) -> PathBuf {
        self.folders.get(self.tried).map_or_else(|| PathBuf::from("stderr"), |folder| folder.join(FILE))
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let path = self.path();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).open(path)?),
        };
        file.write_all(line.as_bytes())
    }
}

fn line(seq: u64, hash: &[u8; 32], entry: &Entry) -> String {
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let value = serde_json::json!({
        "unsaved": seq, "kind": entry.kind.0, "account": &*entry.account, "at": entry.at.rfc3339(), "hash": hash,
        "body": String::from_utf8_lossy(&entry.body),
    });
    format!("{value}\n")
}
