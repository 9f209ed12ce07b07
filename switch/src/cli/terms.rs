//! `tollgate account grant` and `account change`: credit and minutes given, and what an account calls by.

use std::io::Write;

use serde_json::{Map, Value, json};
use units::Wall;
use web::AccountDoc;
use web::documents::GrantDoc;

use super::client::segment;
use super::keyed_post::{KeyedPost, Shown, print_lines};
use super::{plain, stdout, when};

/// Arguments of `grant`.
#[derive(clap::Args)]
pub(crate) struct Grant {
    /// The account's name
    name: String,
    /// The bucket: a new one is opened, another grant adds to it and replaces its terms
    bucket: String,
    /// minutes, test or promo
    #[arg(long, value_name = "KIND", default_value = "promo")]
    kind: String,
    /// Money, as 5.00, in the account's currency
    #[arg(long, value_name = "AMOUNT", required_unless_present = "seconds", conflicts_with = "seconds")]
    amount: Option<String>,
    /// Free seconds, of kind minutes
    #[arg(long, value_name = "N")]
    seconds: Option<u32>,
    /// Among buckets of a kind the lower goes first
    #[arg(long, value_name = "N", default_value_t = 0)]
    priority: u8,
    /// A destination that it pays for, again for more; all if absent
    #[arg(long, value_name = "DIGITS")]
    prefix: Vec<String>,
    /// From when on, RFC 3339 or a date; at once if absent
    #[arg(long, value_name = "TIME", value_parser = when::moment)]
    from: Option<Wall>,
    /// Until when, RFC 3339 or a date; for ever if absent
    #[arg(long, value_name = "TIME", value_parser = when::moment)]
    until: Option<Wall>,
    /// The cause in your words
    #[arg(long, value_name = "TEXT", default_value = "")]
    reference: String,
    #[command(flatten)]
    order: KeyedPost,
}

/// What a new account calls by.
#[derive(clap::Args)]
pub(crate) struct NewTerms {
    /// A deck, again for more: the first that prices a number is taken
    #[arg(long, value_name = "NAME", required = true)]
    deck: Vec<String>,
    /// How far below zero calls may take the balance
    #[arg(long, value_name = "AMOUNT")]
    credit: Option<String>,
    /// block, warn or off
    #[arg(long, value_name = "MODE")]
    profit_guard: Option<String>,
    /// Its owner is told below this amount
    #[arg(long, value_name = "AMOUNT")]
    low_balance: Option<String>,
    /// The balance ends so many days after the last payment or paid usage
    #[arg(long, value_name = "N")]
    idle_days: Option<u32>,
    /// The same in calendar months
    #[arg(long, value_name = "N", conflicts_with = "idle_days")]
    idle_months: Option<u32>,
    /// By whose clocks its days end, as Europe/Madrid
    #[arg(long, value_name = "NAME")]
    zone: Option<String>,
    /// Where notices go
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Of notices, as es
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
}

impl NewTerms {
    /// As the API takes them; what is not said is left to it.
    pub(super) fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("decks".to_owned(), json!(self.deck));
        let given = [
            ("credit", json!(self.credit)),
            ("profit_guard", json!(self.profit_guard)),
            ("low_balance", json!(self.low_balance)),
            ("idle_days", json!(self.idle_days)),
            ("idle_months", json!(self.idle_months)),
            ("zone", json!(self.zone)),
            ("email", json!(self.email)),
            ("language", json!(self.language)),
        ];
        body.extend(
            given
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value)),
        );
        body
    }
}

/// Arguments of `change`; what is absent stays, `none` takes away.
#[derive(clap::Args)]
pub(crate) struct Change {
    /// The account's name
    pub(super) name: String,
    /// A deck, again for more: the first that prices a number is taken
    #[arg(long, value_name = "NAME")]
    deck: Vec<String>,
    /// block, warn or off
    #[arg(long, value_name = "MODE")]
    profit_guard: Option<String>,
    /// Its owner is told below this amount
    #[arg(long, value_name = "AMOUNT|none")]
    low_balance: Option<String>,
    /// The balance ends so many days after the last payment or paid usage
    #[arg(long, value_name = "N|none")]
    idle_days: Option<String>,
    /// The same in calendar months, of which 12 are a year; months replace days
    #[arg(long, value_name = "N|none", conflicts_with = "idle_days")]
    idle_months: Option<String>,
    /// By whose clocks the account's days begin and end, as Europe/Madrid
    #[arg(long, value_name = "ZONE|none")]
    zone: Option<String>,
    /// Where notices go
    #[arg(long, value_name = "ADDRESS|none")]
    email: Option<String>,
    /// Of notices, as es
    #[arg(long, value_name = "CODE|none")]
    language: Option<String>,
    /// How far below zero calls may take the balance
    #[arg(long, value_name = "AMOUNT")]
    credit: Option<String>,
    #[command(flatten)]
    pub(super) shown: Shown,
}

impl Grant {
    /// Gives it.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let body = json!({
            "pocket": self.bucket, "kind": self.kind, "amount": self.amount, "seconds": self.seconds, "priority": self.priority,
            "prefixes": self.prefix, "valid_from": self.from.map(Wall::rfc3339),
            "expires_at": self.until.map(Wall::rfc3339), "reference": self.reference,
        });
        self.order.send(&format!("/accounts/{}/grants", segment(&self.name)), &body, |done: &GrantDoc| {
            print_lines(&[
                ("account", &done.account),
                ("pocket", &done.bucket),
                ("kind", &done.kind),
                ("amount", &done.amount),
                ("currency", &done.currency),
                ("left", &done.left),
                ("reference", &done.reference),
                ("key", &done.idempotency_key),
            ])
        })
    }
}

impl Change {
    /// Changes it; the account afterwards.
    pub(super) fn run(&self) -> anyhow::Result<AccountDoc> {
        let text = |value: &str| if value == "none" { Value::Null } else { value.into() };
        let mut body = Map::new();
        if !self.deck.is_empty() {
            body.insert("decks".to_owned(), json!(self.deck));
        }
        let given = [
            ("profit_guard", &self.profit_guard),
            ("low_balance", &self.low_balance),
            ("zone", &self.zone),
            ("email", &self.email),
            ("language", &self.language),
            ("credit", &self.credit),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                body.insert(field.to_owned(), text(value));
            }
        }
        for (field, count) in [("idle_days", &self.idle_days), ("idle_months", &self.idle_months)] {
            if let Some(count) = count {
                let count = if count == "none" { Value::Null } else { json!(count.parse::<u32>()?) };
                body.insert(field.to_owned(), count);
            }
        }
        self.shown.client()?.patch(&format!("/accounts/{}", segment(&self.name)), &Value::Object(body))
    }
}

/// Terms and buckets of an account, after its balances.
pub(super) fn print_terms(account: &AccountDoc) -> anyhow::Result<()> {
    let mut out = stdout();
    if let Some(terms) = &account.terms {
        let none = || "none".to_owned();
        let idle = match (terms.idle_months, terms.idle_days) {
            (Some(months), _) => format!("{months} months"),
            (None, Some(days)) => format!("{days} days"),
            (None, None) => none(),
        };
        for (label, value) in [
            ("decks", terms.decks.join(" ")),
            ("credit", terms.credit.clone()),
            ("guard", terms.profit_guard.clone()),
            ("low mark", terms.low_balance.clone().unwrap_or_else(none)),
            (
                "idle",
                terms.idle_end.as_ref().map_or_else(|| idle.clone(), |end| format!("{idle}, until {end}")),
            ),
            ("zone", terms.zone.clone().unwrap_or_else(|| "UTC".to_owned())),
            ("notices", terms.email.clone().unwrap_or_else(none)),
        ] {
            writeln!(out, "{label:10} {}", plain(&value))?;
        }
    }
    for bucket in &account.buckets {
        let until = bucket.expires_at.as_ref().map_or_else(String::new, |end| format!(", until {end}"));
        let serves = if bucket.prefixes.is_empty() {
            String::new()
        } else {
            format!(", for {}", bucket.prefixes.join(" "))
        };
        let [name, kind, left, unit] =
            [&bucket.name, &bucket.kind, &bucket.left, &bucket.currency].map(|text| plain(text));
        writeln!(
            out,
            "pocket     {name}: {kind} {left} {unit}, leased {}{serves}{until}",
            plain(&bucket.leased)
        )?;
    }
    out.flush()?;
    Ok(())
}
