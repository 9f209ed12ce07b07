//! The file of the node's secret (`node.secret_file`): made once, read by its owner alone.
//! Invariant: no half-written secret is ever read.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use config::NodeSecret;

/// More than a secret has.
const FILE_BYTES_MAX: u64 = 256;

/// The secret of a file, which is made with random bytes if it is not there.
pub(crate) fn read_or_make(path: &Path) -> anyhow::Result<NodeSecret> {
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path).with_context(|| format!("cannot make node.secret_file {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn read(path: &Path, file: File) -> anyhow::Result<NodeSecret> {
    let reading = || format!("cannot read {}", path.display());
    let mode = file.metadata().with_context(reading)?.permissions().mode() & 0o777;
    if mode & 0o177 != 0 {
        let path = path.display();
        bail!("{path} has mode {mode:04o}, a secret must be 0600: chmod 600 {path}");
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).with_context(reading)?;
    NodeSecret::parse(text.trim_end())
        .with_context(|| format!("{} is no secret of a node: restore it from a backup", path.display()))
}

/// Written beside the file and linked into place: of two processes that make one the first wins.
fn make(path: &Path) -> anyhow::Result<NodeSecret> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("no random bytes from the system")?;
    let secret = NodeSecret::new(random);
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(secret.file_text().as_bytes())?;
        file.sync_all()?;
        fs::hard_link(&draft, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    let written = write();
    // It may not have been made at all.
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => Ok(secret),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => {
            read(path, File::open(path)?)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.secret");
        let secret = read_or_make(&path).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).expect("text").len(), 65);
        assert_eq!(read_or_make(&path).expect("read"), secret);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1, "no draft is left");
        assert_ne!(read_or_make(&folder.path().join("other")).expect("made"), secret);
    }

    #[test]
    fn a_secret_of_others_or_a_cut_one_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.secret");
        read_or_make(&path).expect("made");
        let text = fs::read_to_string(&path).expect("text");
        for mode in [0o640, 0o604, 0o700] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
            let error = read_or_make(&path).expect_err("refused");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        for wrong in ["", &text[..60], &text.replace(|c: char| c.is_ascii_hexdigit(), "x")] {
            fs::write(&path, wrong).expect("written");
            let error = read_or_make(&path).expect_err("refused");
            assert!(error.to_string().contains("no secret of a node"), "{error}");
        }
        let error = read_or_make(Path::new("/nowhere/node.secret")).expect_err("no folder");
        assert!(error.to_string().contains("cannot make node.secret_file"), "{error}");
    }
}
