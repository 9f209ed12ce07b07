//! Credentials of SIP accounts and of gates: user names, and passwords or their HA1.
//!
//! Invariant: no finding says what a secret is.

use route::{Ha1, Login, Secret};

use crate::check::Check;
use crate::reader::Table;
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
    let (sha256, md5) = (digits(table, "ha1_sha256", 64, check), digits(table, "ha1_md5", 32, check));
    let is_hashed = table.has("ha1_sha256") || table.has("ha1_md5");
    if is_hashed {
        secret::refuse_open_configuration(table, check);
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

fn digits(table: &Table, key: &str, count: usize, check: &mut Check<'_>) -> Option<Secret> {
    let field = table.text(key)?;
    if field.value.len() != count || !field.value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        check.error(&field.span, format!("{key} must be {count} hex digits"));
        return None;
    }
    Some(Secret::new(&field.value.to_ascii_lowercase()))
}

/// A text that can stand between the quotes of a header.
pub(crate) fn quotable(table: &Table, key: &str, check: &mut Check<'_>) -> Option<Box<str>> {
    let field = table.text(key)?;
    let fits = (1..=QUOTED_MAX).contains(&field.value.len())
        && !field.value.contains(|c: char| c.is_control() || matches!(c, '"' | '\\'));
    if fits {
        return Some(field.value.into());
    }
    let rule = format!("write 1 to {QUOTED_MAX} bytes without quotes, backslashes and control characters");
    check.error(&field.span, format!("{key} {:?}: {rule}", field.value));
    None
}
