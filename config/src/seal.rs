//! Sealed values as they are read: the node's secret, and what it opens.

use std::path::PathBuf;

use route::Secret;

use crate::check::Check;
use crate::field::Field;
use crate::node_secret::{NodeSecret, SECRET_BYTES, SealedFor, SecretFile, Unopened};
use crate::reader::Table;
use crate::secret;

/// Reads the secret that `[node]` names, if it is there; its path.
pub(crate) fn node_secret(table: &Table, check: &mut Check<'_>) -> Option<PathBuf> {
    let field = table.text("secret_file")?;
    let path = check.path(&field.value);
    let is_absent = std::fs::metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    check.node_secret = if check.dir.is_none() || is_absent {
        SecretFile::Absent(path.clone())
    } else {
        read(&field, check).map_or(SecretFile::Wrong, SecretFile::Known)
    };
    Some(path)
}

fn read(field: &Field<String>, check: &mut Check<'_>) -> Option<NodeSecret> {
    let text = secret::text(field, SECRET_BYTES as u64 * 2 + 2, check)?;
    let secret = NodeSecret::parse(text.trim_end_matches(['\r', '\n']));
    if secret.is_none() {
        let message = format!(
            "{} is no secret of a node, which is {} hex digits: restore it from a backup; without it whatever it sealed has to be sealed \
             anew",
            check.path(&field.value).display(),
            SECRET_BYTES * 2
        );
        check.error(&field.span, message);
    }
    secret
}

/// What a sealed value holds; says at its place why it does not open.
pub(crate) fn opened(field: &Field<String>, of: &SealedFor<'_>, check: &mut Check<'_>) -> Option<Secret> {
    let key = of.key;
    let wrong = match &check.node_secret {
        SecretFile::Wrong => return None,
        SecretFile::Unnamed => {
            format!("{key} is sealed, and [node] names no secret_file: write that with which it was sealed")
        }
        SecretFile::Absent(path) => {
            format!("{key} is sealed, and {} is not there: restore it from a backup", path.display())
        }
        SecretFile::Known(secret) => match secret.open(&field.value, of) {
            Ok(value) => return Some(value),
            Err(Unopened::Malformed) => {
                format!("{key} is no sealed value: write what `tollgate seal` printed, whole")
            }
            Err(Unopened::Foreign) => format!(
                "{key} does not open: it was sealed with another secret_file, or for another user than {:?}, or another realm than {:?}: \
                 run `tollgate seal` again",
                of.username, of.realm
            ),
        },
    };
    check.error(&field.span, wrong);
    None
}
