//! The folder of traces: one pcap file a call, bounded in number and bytes, the oldest removed first.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use trace::{Envelope, PCAP_HEADER, pcap_record};
use units::Wall;

/// Files in the folder.
pub(crate) const FILES_MAX: usize = 1_000;
/// Bytes of all of them.
pub(crate) const FOLDER_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one; what a call says beyond them is not written.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Characters of the Call-ID in a file's name.
const ID_SHOWN_MAX: usize = 60;
const PREFIX: &str = "call-";
const SUFFIX: &str = ".pcap";

/// See the module.
pub(super) struct Folder {
    dir: PathBuf,
    files_max: usize,
    bytes_max: u64,
    /// Names in the order of their age, which is that of their letters.
    names: VecDeque<String>,
    sizes: HashMap<String, u64>,
    bytes: u64,
}

// === impl Folder ===

impl Folder {
    /// Makes the folder if it is absent, and counts what is in it.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        Self::bounded(dir, FILES_MAX, FOLDER_BYTES_MAX)
    }

    fn bounded(dir: &Path, files_max: usize, bytes_max: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Others' files are left alone, and not counted.
            if name.starts_with(PREFIX) && name.ends_with(SUFFIX) && entry.file_type()?.is_file() {
                found.push((name, entry.metadata()?.len()));
            }
        }
        found.sort();
        let mut folder = Self {
            dir: dir.to_path_buf(),
            files_max,
            bytes_max,
            names: found.iter().map(|(name, _)| name.clone()).collect(),
            bytes: found.iter().map(|(_, size)| size).sum(),
            sizes: found.into_iter().collect(),
        };
        folder.make_room(0)?;
        Ok(folder)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name of the file of a call that begins now.
    pub(super) fn name(at: Wall, call_id: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let shown: String =
            call_id.chars().take(ID_SHOWN_MAX).map(|c| if is_plain(c) { c } else { '_' }).collect();
        let time: String = at.rfc3339().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        format!("{PREFIX}{time}-{:08x}-{shown}{SUFFIX}", super::choice::hash(call_id) >> 32)
    }

    /// Appends a message to a call's file.
    pub(super) fn append(&mut self, name: &str, envelope: &Envelope, message: &[u8]) -> io::Result<()> {
        let size = self.sizes.get(name).copied();
        let mut bytes = if size.is_none() { PCAP_HEADER.to_vec() } else { Vec::new() };
        pcap_record(&mut bytes, envelope, message);
        if size.unwrap_or_default() + bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other("the call's file is full"));
        }
        self.make_room(bytes.len() as u64)?;
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(self.dir.join(name))?;
        file.write_all(&bytes)?;
        if size.is_none() {
            self.names.push_back(name.to_owned());
        }
        *self.sizes.entry(name.to_owned()).or_default() += bytes.len() as u64;
        self.bytes += bytes.len() as u64;
        self.make_room(0)
    }

    /// Removes the oldest files until one more and so many bytes fit.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        while self.names.len() > self.files_max || self.bytes + bytes > self.bytes_max {
            let Some(oldest) = self.names.pop_front() else { return Ok(()) };
            self.bytes = self.bytes.saturating_sub(self.sizes.remove(&oldest).unwrap_or_default());
            match fs::remove_file(self.dir.join(&oldest)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trace::Direction;
    use units::Transport;

    fn envelope(at: i64) -> Envelope {
        let (local, peer) = ("192.0.2.1:5060".parse(), "192.0.2.2:5060".parse());
        Envelope {
            at: Wall(at),
            direction: Direction::In,
            transport: Transport::Udp,
            local: local.expect("address"),
            peer: peer.expect("address"),
        }
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .expect("folder")
            .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_files_make_room_also_after_a_restart() {
        let temporary = tempfile::tempdir().expect("folder");
        let dir = temporary.path().join("trace");
        let mut folder = Folder::bounded(&dir, 3, 1_000).expect("folder");
        fs::write(dir.join("notes.txt"), "kept").expect("file");
        let names: Vec<String> =
            (0..6).map(|call| Folder::name(Wall(1_000 * call), &format!("{call}@h"))).collect();
        for name in &names {
            folder.append(name, &envelope(1), b"OPTIONS").expect("room");
            folder.append(name, &envelope(2), b"OPTIONS").expect("room");
        }
        assert_eq!(files(&dir), [&names[3..], &["notes.txt".to_owned()]].concat());
        let written = fs::read(dir.join(&names[5])).expect("file");
        assert_eq!(written.len(), 24 + 2 * (16 + 28 + 7));
        drop(folder);
        let mut folder = Folder::bounded(&dir, 3, 1_000).expect("folder");
        let last = Folder::name(Wall(90_000), "../../etc/x\u{0}y");
        assert!(!last.contains('/') && !last.contains('\u{0}'), "{last}");
        folder.append(&last, &envelope(3), &[b'x'; 700]).expect("room");
        // 1,000 bytes hold this one and one of the others.
        assert_eq!(files(&dir), [names[5].clone(), last, "notes.txt".to_owned()]);
    }

    #[test]
    fn one_call_does_not_fill_the_disk() {
        let temporary = tempfile::tempdir().expect("folder");
        let mut folder = Folder::open(temporary.path()).expect("folder");
        let full = (0..100).find(|_| folder.append("call-x.pcap", &envelope(1), &[b'x'; 60_000]).is_err());
        assert_eq!(full, Some(69));
    }
}
