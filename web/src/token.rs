//! The operator's token: one line of 64 hexadecimal digits in a file that only its owner can read.
//! Invariant: a file that others can read is refused, since the token in it may be known already.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Random bytes in a new token.
const TOKEN_BYTES: usize = 32;
/// Longest token file, in bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// Shortest token that is taken, in characters.
const TOKEN_CHARS_MIN: usize = 16;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file could not be read, made or written.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// The verb.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// Group or others have rights on the file.
    #[error(
        "{path} has mode {mode:04o}: others may have read the token. Delete the file for a new one, or chmod 600 it if you are sure"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Empty, too short, too long, or more than one word.
    #[error(
        "{path} holds no token: one line of at least {TOKEN_CHARS_MIN} visible ASCII characters is needed; delete the file for a new one"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the token, or makes the file with a new random one (mode 0600).
pub fn admin_token(path: &Path) -> Result<String, TokenError> {
    match read_token(path) {
        Err(TokenError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => create(path),
        read => read,
    }
}

/// Reads the token of an existing file.
pub fn read_token(path: &Path) -> Result<String, TokenError> {
    let io = |source| TokenError::Io { what: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(TokenError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    let token = text.trim();
    if token.len() < TOKEN_CHARS_MIN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenError::Malformed { path: path.to_owned() });
    }
    Ok(token.to_owned())
}

/// Writes a new token beside the file and links it into place, so that no half-written file is ever read.
fn create(path: &Path) -> Result<String, TokenError> {
    let io = |what| move |source| TokenError::Io { what, path: path.to_owned(), source };
    let mut random = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|error| io("find random bytes for")(error.into()))?;
    let token = hex::encode(random);
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        writeln!(file, "{token}")?;
        file.sync_all()?;
        fs::hard_link(&draft, path)
    };
    let written = write();
    let removed = fs::remove_file(&draft);
    match written {
        Ok(()) => removed.map_err(io("finish"))?,
        // Another process was faster: its token counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => return read_token(path),
        Err(error) => return Err(io("make")(error)),
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn makes_a_token_once_and_only_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.token");
        let token = admin_token(&path).unwrap();
        assert_eq!(token.len(), 64);
        assert!(token.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(admin_token(&path).unwrap(), token);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
        let other = dir.path().join("other.token");
        assert_ne!(admin_token(&other).unwrap(), token);
    }

    #[test]
    fn refuses_a_file_that_others_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.token");
        admin_token(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = admin_token(&path).unwrap_err();
            assert!(matches!(error, TokenError::Exposed { mode: m, .. } if m == mode), "{error}");
        }
    }

    #[test]
    fn refuses_a_file_without_a_token() {
        let dir = tempfile::tempdir().unwrap();
        for (i, text) in ["", "\n", "short", "two words that are long enough"].iter().enumerate() {
            let path = dir.path().join(format!("t{i}"));
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert!(matches!(admin_token(&path), Err(TokenError::Malformed { .. })), "{text:?}");
        }
        assert!(matches!(read_token(&dir.path().join("none")), Err(TokenError::Io { .. })));
        assert!(matches!(admin_token(&dir.path().join("no/such/folder")), Err(TokenError::Io { .. })));
    }
}
