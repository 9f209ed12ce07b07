//! Where entries go that the journal could not take: one JSON line each, to a file on another path and to stderr.
//!
//! `body` is a string, byte for byte what would have been in the journal, so that its hash can be checked.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::Entry;

/// Its name where none was chosen.
pub(crate) const FILE: &str = "unsaved.jsonl";

/// The file is made at the first need, at the first place that takes it.
pub(crate) struct Unsaved {
    places: Vec<PathBuf>,
    tried: usize,
    file: Option<File>,
    count: u64,
}

// === impl Unsaved ===

impl Unsaved {
    /// `places` in the order of preference.
    pub(crate) fn new(places: Vec<PathBuf>) -> Self {
        Self { places, tried: 0, file: None, count: 0 }
    }

    /// Writes one entry. Cannot fail: stderr has it in any case.
    pub(crate) fn put(&mut self, seq: u64, hash: &[u8; 32], entry: &Entry) {
        self.count += 1;
        let line = line(seq, hash, entry);
        // If stderr is gone too there is nothing left to tell it to.
        let _told = io::stderr().lock().write_all(line.as_bytes());
        while self.tried < self.places.len() {
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

    /// Where they are (or `stderr` if no place took them).
    pub(crate) fn path(&self) -> PathBuf {
        self.places.get(self.tried).cloned().unwrap_or_else(|| PathBuf::from("stderr"))
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let path = self.path();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).open(path)?),
        };
        let whole = file.metadata()?.len();
        let written = file.write_all(line.as_bytes());
        if written.is_err() {
            // The line goes elsewhere; a part of it would spoil what is here. Should that fail too, the error of the write says it all.
            let _ = file.set_len(whole);
        }
        written
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

#[cfg(test)]
mod tests {
    use units::{Name, Wall};

    use super::*;
    use crate::Kind;

    #[test]
    fn entries_find_another_folder_if_theirs_is_gone() {
        let folder = tempfile::tempdir().expect("temporary");
        let mut unsaved = Unsaved::new(vec![folder.path().join("not").join("there"), folder.path().join(FILE)]);
        let body = br#"{"odd":"\u0000 text"}"#.to_vec();
        let entry = Entry { kind: Kind::CDR, account: Name::from("acme"), at: Wall(0), body: body.clone() };
        unsaved.put(7, &[0xAB; 32], &entry);
        unsaved.put(8, &[0xCD; 32], &entry);
        unsaved.sync();
        assert_eq!((unsaved.count(), unsaved.path()), (2, folder.path().join(FILE)));
        let text = std::fs::read_to_string(unsaved.path()).expect("written");
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!((lines.len(), &lines[1]["unsaved"], &lines[0]["at"]), (2, &8.into(), &"1970-01-01T00:00:00.000Z".into()));
        assert_eq!((lines[0]["body"].as_str(), lines[0]["hash"].as_str()), (std::str::from_utf8(&body).ok(), Some(&*"ab".repeat(32))));
    }

    #[test]
    fn without_any_folder_there_is_stderr() {
        let mut unsaved = Unsaved::new(Vec::new());
        unsaved.put(1, &[0; 32], &Entry { kind: Kind::OTHER, account: Name::from("acme"), at: Wall(0), body: Vec::new() });
        assert_eq!((unsaved.count(), unsaved.path()), (1, PathBuf::from("stderr")));
    }
}
