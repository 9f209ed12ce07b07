//! Accounts of the configuration that are not as the node has them: a reload opens accounts and never changes
//! one, so it says so, with the command that would.

use std::fmt::Write as _;

use config::{AccountSettings, Settings};
use rating::ProfitGuard;
use units::Money;
use web::Backend;
use web::documents::{AccountDoc, TermsDoc};

/// Most accounts that are looked at, and most that are told.
const LOOK_MAX: usize = 10_000;
const TOLD_MAX: usize = 100;

/// A line for each account whose terms in `settings` are not those of the node; and for each gate whose
/// account nobody opened.
pub(crate) async fn unlike(backend: &dyn Backend, settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    for wanted in settings.accounts.iter().take(LOOK_MAX) {
        // One that is not there yet is being opened as the file says.
        match backend.account(wanted.name.to_string()).await {
            Ok(account) => lines.extend(account.and_then(|account| line(wanted, &account))),
            // The ledger of several nodes does not answer: nobody waits for it here.
            Err(_) => return lines,
        }
    }
    let more = lines.len().saturating_sub(TOLD_MAX);
    lines.truncate(TOLD_MAX);
    if more > 0 {
        lines.push(format!("{more} more accounts keep terms that differ from the configuration's"));
    }
    for gate in settings.gates.iter().take(LOOK_MAX) {
        let in_file = settings.accounts.iter().any(|wanted| wanted.name == gate.account);
        if !in_file && matches!(backend.account(gate.account.to_string()).await, Ok(None)) {
            let account = &gate.account;
            lines.push(format!("gate {}: its account was not opened, so its calls are refused: tollgate account add {account}", gate.name));
        }
    }
    lines
}

/// What differs, in the order of the file's keys, and how to take the file's side.
fn line(wanted: &AccountSettings, account: &AccountDoc) -> Option<String> {
    let name = &wanted.name;
    if account.currency != wanted.currency.as_str() {
        let (has, wants) = (&account.currency, wanted.currency);
        return Some(format!(
            "account {name} is in {has} for ever, the configuration says {wants}: open another account"
        ));
    }
    let terms = account.terms.as_ref()?;
    let mut command = String::new();
    let mut differs = Vec::new();
    for (key, option, has, wants) in sides(wanted, terms) {
        if has != wants {
            differs.push(format!("{key} {} (configuration: {})", shown(&has), shown(&wants)));
            for one in wants.split(' ') {
                let value = if one.is_empty() { "none" } else { one };
                // Writing to a String cannot fail.
                let _ = write!(command, " {option} {value}");
            }
        }
    }
    let what = differs.join(", ");
    (!differs.is_empty()).then(|| {
        format!("account {name} keeps {what}; to change it: tollgate account change {name}{command}")
    })
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "none" } else { value }
}

/// Key of the file, option of the command, what the account has and what the file says.
fn sides(wanted: &AccountSettings, has: &TermsDoc) -> [(&'static str, &'static str, String, String); 9] {
    let wants = &wanted.terms;
    let money = |units: i64| Money::of(units, wanted.currency).to_string();
    let text = |value: Option<String>| value.unwrap_or_default();
    let guard = |guard: ProfitGuard| guard.word().to_owned();
    [
        ("decks", "--deck", has.decks.join(" "), wants.decks.join(" ")),
        ("credit_limit", "--credit", has.credit.clone(), money(wanted.limit.amount.saturating_neg())),
        ("profit_guard", "--profit-guard", has.profit_guard.clone(), guard(wants.profit_guard)),
        ("low_balance", "--low-balance", text(has.low_balance.clone()), text(wants.low_balance.map(money))),
        (
            "idle_days",
            "--idle-days",
            text(has.idle_days.map(|n| n.to_string())),
            text(wants.idle_days.map(|n| n.to_string())),
        ),
        (
            "idle_months",
            "--idle-months",
            text(has.idle_months.map(|n| n.to_string())),
            text(wants.idle_months.map(|n| n.to_string())),
        ),
        ("zone", "--zone", text(has.zone.clone()), text(wants.zone.as_ref().map(ToString::to_string))),
        ("email", "--email", text(has.email.clone()), text(wants.email.as_ref().map(ToString::to_string))),
        (
            "language",
            "--language",
            text(has.language.clone()),
            text(wants.language.as_ref().map(ToString::to_string)),
        ),
    ]
}
