//! Where entries go that the journal could not take: one JSON line each, to a file on another path and to
//! stderr.
//!
//! Each line has the number and the hash that the entry has, or would have had, in the journal; `body` is a
//! string, byte for byte what would have been there. The next start takes the lines in, see
//! [`crate::import`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ledger::{Hash, from_hex, hex};
use serde::{Deserialize, Serialize};
use units::{Name, Wall};

use crate::{Entry, Kind, StoreError};

/// Bytes written to try a place: one block.
const TRIAL: [u8; 4_096] = [b'\n'; 4_096];

/// One line.
#[derive(Serialize, Deserialize)]
struct Text<'a> {
    unsaved: u64,
    kind: u8,
    account: std::borrow::Cow<'a, str>,
    at: String,
    hash: String,
    body: std::borrow::Cow<'a, str>,
}

/// A line as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// In its file, from 1.
    pub(crate) number: u64,
    /// The place that the entry was to have in the journal.
    pub(crate) seq: u64,
    /// The chain's hash over it and all before.
    pub(crate) hash: Hash,
    pub(crate) entry: Entry,
}

/// The file is made at the first need.
pub(crate) struct Unsaved {
    /// None: stderr alone.
    place: Option<PathBuf>,
    file: Option<File>,
    count: u64,
}

/// Tries whether `path` can be written by this process: makes its folder, writes a block there and takes it
/// away. What a failed run left there stays as it is. With `is_only_asked` a folder that was made for it goes
/// too.
pub fn try_unsaved_place(path: &Path, is_only_asked: bool) -> Result<(), StoreError> {
    let unusable = |why: String| StoreError::UnsavedPlace { path: path.to_owned(), why };
    let said = |e: io::Error| unusable(format!("it cannot be written: {e}"));
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return Err(unusable("it is no regular file".to_owned())),
        Ok(_) => drop(OpenOptions::new().append(true).open(path).map_err(said)?),
        Err(_) => {}
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).collect();
    fs::create_dir_all(folder).map_err(said)?;
    let name = path.file_name().ok_or_else(|| unusable("it names no file".to_owned()))?;
    let trial = folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&trial).and_then(
            |mut file| {
                file.write_all(&TRIAL)?;
                file.sync_all()
            },
        );
    // What was not made cannot be taken away.
    let _ = fs::remove_file(&trial);
    if is_only_asked {
        missing.iter().for_each(|part| drop(fs::remove_dir(part)));
    }
    written.map_err(said)
}

/// All lines of the file at `path`, none if there is no file. A last line without its end was being written
/// when the process died: it is none.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(StoreError::Io {
                what: "cannot read the unsaved file",
                path: path.to_owned(),
                source,
            });
        }
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = bytes
        .get(..whole)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
        .zip(1..)
        .filter(|(line, _)| !line.is_empty());
    let parsed = lines.map(|(line, number)| {
        parse(number, line).ok_or_else(|| StoreError::Unsaved {
            path: path.to_owned(),
            why: format!("line {number} is not one that the switch writes"),
        })
    });
    parsed.collect()
}

/// Takes away the file whose lines are all in the journal.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    removed.map_err(|source| StoreError::Io {
        what: "cannot remove the unsaved file, which is in the journal now,",
        path: path.to_owned(),
        source,
    })
}

fn parse(number: u64, line: &[u8]) -> Option<Line> {
    let Text { unsaved, kind, account, at, hash, body } = serde_json::from_slice(line).ok()?;
    let entry = Entry {
        kind: Kind(kind),
        account: Name::from(&*account),
        at: Wall::parse(&at)?,
        body: body.as_bytes().to_vec(),
    };
    Some(Line { number, seq: unsaved, hash: from_hex(&hash)?, entry })
}

/// One line with its end.
fn write_line(seq: u64, hash: &Hash, entry: &Entry) -> String {
    let body = String::from_utf8_lossy(&entry.body);
    let text = Text {
        unsaved: seq,
        kind: entry.kind.0,
        account: (&*entry.account).into(),
        at: entry.at.rfc3339(),
        hash: hex(hash),
        body,
    };
    // Numbers and strings are always JSON.
    serde_json::to_string(&text).map_or_else(|_| String::new(), |line| line + "\n")
}

// === impl Unsaved ===

impl Unsaved {
    pub(crate) const fn new(place: Option<PathBuf>) -> Self {
        Self { place, file: None, count: 0 }
    }

    /// Writes one entry. Cannot fail: stderr has it in any case.
    pub(crate) fn put(&mut self, seq: u64, hash: &Hash, entry: &Entry) {
        self.count += 1;
        let line = write_line(seq, hash, entry);
        // If stderr is gone too there is nothing left to tell it to.
        let _told = io::stderr().lock().write_all(line.as_bytes());
        if let Err(error) = self.write(&line) {
            tracing::error!(path = %self.path().display(), %error, seq, "an unsaved entry is on stderr only: keep this log");
        }
    }

    /// Forces what was written to its disk.
    pub(crate) fn sync(&mut self) {
        if let Some(Err(error)) = self.file.as_ref().map(File::sync_all) {
            tracing::error!(path = %self.path().display(), %error, "unsaved entries may not be on disk; they are on stderr");
        }
    }

    /// Entries put.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Where they are.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.clone().unwrap_or_else(|| PathBuf::from("stderr"))
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let Some(place) = &self.place else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).mode(0o600).open(place)?),
        };
        let whole = file.metadata()?.len();
        let written = file.write_all(line.as_bytes());
        if written.is_err() {
            // A part of the line would spoil what is here. Should that fail too, the error of the write says
            // it all.
            let _ = file.set_len(whole);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(body: &[u8]) -> Entry {
        Entry { kind: Kind::CDR, account: Name::from("acme"), at: Wall(0), body: body.to_vec() }
    }

    #[test]
    fn lines_are_read_as_they_were_put() {
        let folder = tempfile::tempdir().expect("temporary");
        let path = folder.path().join("unsaved.jsonl");
        assert_eq!(read(&path).expect("none"), []);
        let mut unsaved = Unsaved::new(Some(path.clone()));
        let entry = entry(br#"{"odd":"\u0000 text"}"#);
        unsaved.put(7, &[0xAB; 32], &entry);
        unsaved.put(8, &[0xCD; 32], &entry);
        unsaved.sync();
        assert_eq!((unsaved.count(), unsaved.path()), (2, path.clone()));
        let line = |number, seq, byte| Line { number, seq, hash: [byte; 32], entry: entry.clone() };
        assert_eq!(read(&path).expect("reads"), [line(1, 7, 0xAB), line(2, 8, 0xCD)]);
        // The process died within the next line.
        let text = fs::read_to_string(&path).expect("reads");
        fs::write(&path, format!("{text}{}", &text[..40])).expect("writes");
        assert_eq!(read(&path).expect("reads").len(), 2);
        fs::write(&path, format!("{text}{}\n", &text[..40])).expect("writes");
        assert!(read(&path).expect_err("a line that is none").to_string().contains("line 3"));
    }

    #[test]
    fn without_any_place_there_is_stderr() {
        let mut unsaved = Unsaved::new(None);
        unsaved.put(1, &[0; 32], &entry(b""));
        assert_eq!((unsaved.count(), unsaved.path()), (1, PathBuf::from("stderr")));
    }

    #[test]
    fn a_place_is_tried_by_writing_there() {
        let folder = tempfile::tempdir().expect("temporary");
        let deep = folder.path().join("not/yet/there/unsaved.jsonl");
        try_unsaved_place(&deep, true).expect("can be made");
        assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 0, "asking leaves nothing");
        try_unsaved_place(&deep, false).expect("is made");
        assert_eq!(fs::read_dir(deep.parent().expect("a folder")).expect("reads").count(), 0);
        fs::write(&deep, "left by a failed run\n").expect("writes");
        try_unsaved_place(&deep, false).expect("is there");
        assert_eq!(fs::read_to_string(&deep).expect("reads"), "left by a failed run\n");
        for bad in
            [folder.path().to_owned(), deep.join("below a file"), PathBuf::from("/proc/no/such/place.jsonl")]
        {
            let error = try_unsaved_place(&bad, true).expect_err("cannot be written").to_string();
            assert!(error.contains("journal.unsaved_file"), "{error}");
        }
    }
}
