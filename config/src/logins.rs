//! Credentials of SIP accounts and of gates: user names, and passwords or their HA1.
//!
//! Invariant: no finding says what a secret is.

use route::{Ha1, Login, Secret};

use crate::check::Check;
use crate::node_secret::{SealedFor, is_sealed};
use crate::reader::Table;
use crate::seal;
use crate::secret;

/// Longest user name and realm, bytes.
const QUOTED_MAX: usize = 128;

/// A gate's, if its address alone is not enough.
pub(crate) fn gate_login(table: &Table, realm: &str, check: &mut Check<'_>) -> Option<Box<Login>> {
    if table.has("username") != table.has("password_file") {
        let there = if table.has("username") { "username" } else { "password_file" };
        check.error(&table.at(there), "username and password_file are written both or not at all");
        return None;
    }
    let username = quotable(table, "username", check);
    let password = secret::read(&table.text("password_file")?, check);
    let (username, password) = (username?, password?);
    let ha1 = Ha1::of(&username, realm, &password);
    Some(Box::new(Login { username, ha1 }))
}

/// A SIP account's: a password, or what is made of it.
pub(crate) fn sip_account_login(table: &Table, realm: &str, check: &mut Check<'_>) -> Option<Box<Login>> {
    let username = quotable(table, "username", check);
    let of = (realm, username.as_deref());
    let (sha256, md5) = (ha1(table, ("ha1_sha256", 64), of, check), ha1(table, ("ha1_md5", 32), of, check));
    let is_hashed = table.has("ha1_sha256") || table.has("ha1_md5");
    if let Some(key) = HA1S.into_iter().find(|key| is_bare(table, key)) {
        secret::refuse_open_configuration(table, key, check);
    }
    let Some(file) = table.text("password_file") else {
        if !is_hashed {
            let at = table.at("username");
            check.error(&at, "a SIP account needs a password_file, or ha1_sha256 and ha1_md5");
            return None;
        }
        if !table.has("ha1_sha256") {
            let message = "without ha1_sha256 phones that know SHA-256 cannot log in: they take it first";
            check.warning(&table.at("ha1_md5"), message);
        }
        let ha1 = Ha1 { sha256, md5 };
        return Some(Box::new(Login { username: username?, ha1 }));
    };
    if is_hashed {
        check.error(&file.span, "password_file and ha1_sha256 or ha1_md5 exclude each other: write one kind");
    }
    let password = secret::read(&file, check);
    let (username, password) = (username?, password?);
    let ha1 = Ha1::of(&username, realm, &password);
    Some(Box::new(Login { username, ha1 }))
}

/// Keys of what is made of a password.
const HA1S: [&str; 2] = ["ha1_sha256", "ha1_md5"];

/// Whether an HA1 is there and not sealed.
fn is_bare(table: &Table, key: &str) -> bool {
    table.text(key).is_some_and(|field| !is_sealed(&field.value))
}

/// An HA1 of so many hex digits, sealed for its user or as it is.
fn ha1(
    table: &Table,
    (key, count): (&str, usize),
    (realm, username): (&str, Option<&str>),
    check: &mut Check<'_>,
) -> Option<Secret> {
    let field = table.text(key)?;
    let value = if is_sealed(&field.value) {
        seal::opened(&field, &SealedFor { key, username: username?, realm }, check)?
    } else {
        Secret::new(&field.value.to_ascii_lowercase())
    };
    let digits = value.expose();
    if digits.len() != count || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        check
            .error(&field.span, format!("{key} must be {count} hex digits, or what `tollgate seal` printed"));
        return None;
    }
    Some(value)
}

/// A text that can stand between the quotes of a header.
pub(crate) fn quotable(table: &Table, key: &str, check: &mut Check<'_>) -> Option<Box<str>> {
    let field = table.text(key)?;
    if is_user_name(&field.value) {
        return Some(field.value.into());
    }
    let rule = format!("write 1 to {QUOTED_MAX} bytes without quotes, backslashes and control characters");
    check.error(&field.span, format!("{key} {:?}: {rule}", field.value));
    None
}

/// Whether a text can be a user name or realm: it stands between the quotes of a header as it is.
pub fn is_user_name(text: &str) -> bool {
    (1..=QUOTED_MAX).contains(&text.len())
        && !text.contains(|c: char| c.is_control() || matches!(c, '"' | '\\'))
}
