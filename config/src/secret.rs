//! Files with a secret: one line, readable by their owner alone.
//! Invariant: no finding says what is in one.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use route::Secret;

use crate::check::Check;
use crate::field::Field;
use crate::reader::Table;

/// Longest secret, bytes.
pub const SECRET_BYTES_MAX: usize = 1_024;

/// What the file named at `field` holds, without one line end; says there what is wrong with it.
pub(crate) fn read(field: &Field<String>, check: &mut Check<'_>) -> Option<Secret> {
    let text = text(field, SECRET_BYTES_MAX as u64 + 2, check)?;
    match password(&text) {
        Ok(secret) => Some(secret),
        Err(wrong) => {
            check.error(&field.span, format!("{} {wrong}", check.path(&field.value).display()));
            None
        }
    }
}

/// The secret in a text of one line, whose end is not part of it.
///
/// # Errors
/// What is wrong with the text, to be said behind its name.
pub fn password(text: &str) -> Result<Secret, &'static str> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        Err("is empty: write the secret on its first line")
    } else if line.len() > SECRET_BYTES_MAX {
        Err("is longer than 1024 bytes")
    } else if line.contains(char::is_control) {
        Err("has more than one line, or control characters: write the secret alone")
    } else {
        Ok(Secret::new(line))
    }
}

/// The first `bytes_max` bytes and one more of a file that its owner alone can read.
pub(crate) fn text(field: &Field<String>, bytes_max: u64, check: &mut Check<'_>) -> Option<String> {
    let (path, file) = check.open(field)?;
    let mode = match file.metadata() {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(e) => {
            check.error(&field.span, format!("cannot read {path}: {e}"));
            return None;
        }
    };
    if mode & 0o177 != 0 {
        let message = format!("{path} has mode {mode:04o}, a secret must be 0600: chmod 600 {path}");
        check.error(&field.span, message);
        return None;
    }
    let mut text = String::new();
    match file.take(bytes_max + 1).read_to_string(&mut text) {
        Ok(_) => Some(text),
        Err(e) => {
            check.error(&field.span, format!("cannot read {path}: {e}"));
            None
        }
    }
}

/// Says so if others than its owner may read a configuration that holds HA1s, which are as good as passwords.
pub(crate) fn refuse_open_configuration(table: &Table, key: &str, check: &mut Check<'_>) {
    let Some(mode) = check.mode.filter(|mode| mode & 0o177 != 0) else { return };
    let message = format!(
        "this file has mode {mode:04o}, and {key} in it is as good as a password: chmod 600 it, write a password_file, or seal it by \
         `tollgate seal`"
    );
    check.error(&table.at(key), message);
}
