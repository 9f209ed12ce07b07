//! What is believed of peers that name callers, and what numbers a gate shows.

use route::{IdentityForm, IdentityPolicy, PrivacyPolicy, Verification};
use units::Number;

use crate::check::Check;
use crate::reader::Table;

pub(crate) fn identity(table: &Table) -> IdentityPolicy {
    let word = |key| table.text(key).map(|field| field.value);
    IdentityPolicy {
        trust: table.bool("trust"),
        form: match word("identity").as_deref() {
            Some("pai") => Some(IdentityForm::Asserted),
            Some("rpid") => Some(IdentityForm::RemoteParty),
            Some("from") => Some(IdentityForm::From),
            Some(_) | None => None,
        },
        privacy: match word("privacy").as_deref() {
            Some("pass") => PrivacyPolicy::Pass,
            Some("ignore") => PrivacyPolicy::Ignore,
            Some(_) | None => PrivacyPolicy::Honour,
        },
        verify: match word("verify").as_deref() {
            Some("log") => Verification::Log,
            Some("reject") => Verification::Reject,
            Some(_) | None => Verification::Off,
        },
    }
}

/// The number that a gate shows instead of one that it may not show.
pub(crate) fn default_caller(table: &Table, check: &mut Check<'_>) -> Option<Number> {
    let field = table.text("default_caller")?;
    let text = &field.value;
    let wrong = |why| format!("default_caller {text:?} is {why}: write E.164 digits, as \"34911000000\"");
    check.parsed(&field.span, route::normalise_e164(text).map_err(wrong))
}
