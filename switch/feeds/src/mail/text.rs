//! A notice in the words of its reader: subject and body, plain text.
//!
//! Invariant: no value that came from outside can begin a new line, in the subject or in the body.

use fluent_bundle::FluentArgs;
use ledger::{Notice, NoticeEvent, RateChange};
use units::{Name, Wall};

use super::language::{Language, TextError, Texts};

/// One day, in ms.
const DAY_MS: i64 = 86_400_000;

/// What a mail says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// Lines with `\n`, the last one included.
    pub body: String,
}

/// The notice to `account` of the instant `at`; nothing if its event is not mailed.
///
/// # Errors
/// If a locale file lacks something.
pub fn text_of(account: &Name, at: Wall, notice: &Notice) -> Result<Option<Text>, TextError> {
    let texts = Texts::of(Language::of(notice.language.as_deref()))?;
    let mut values = FluentArgs::new();
    values.set("account", plain(account));
    let Some(id) = event(&texts, at, &notice.event, &mut values)? else { return Ok(None) };
    let subject = plain(&texts.text(&format!("{id}-subject"), &values)?);
    let (body, footer) = (texts.text(&format!("{id}-body"), &values)?, texts.text("footer", &values)?);
    Ok(Some(Text { subject, body: format!("{}\n\n-- \n{footer}\n", body.trim_end()) }))
}

/// Sets what the event's texts name, and returns how their ids begin.
fn event(texts: &Texts, at: Wall, event: &NoticeEvent, values: &mut FluentArgs<'_>) -> Result<Option<&'static str>, TextError> {
    let id = match event {
        NoticeEvent::LowBalance { balance, threshold, currency } => {
            values.set("balance", texts.money(*balance, *currency)?);
            values.set("threshold", texts.money(*threshold, *currency)?);
            "low-balance"
        }
        NoticeEvent::LowMinutes { pocket, seconds } => {
            values.set("pocket", plain(pocket));
            values.set("minutes", seconds / 60);
            "low-minutes"
        }
        NoticeEvent::CreditExpires { pocket, amount, currency, at: end } => {
            of_pocket(values, pocket.as_ref());
            values.set("amount", texts.money(*amount, *currency)?);
            values.set("date", texts.language.time(*end));
            values.set("days", end.0.saturating_sub(at.0).max(0) / DAY_MS);
            "credit-expires"
        }
        NoticeEvent::CreditExpired { pocket, amount, currency } => {
            of_pocket(values, pocket.as_ref());
            values.set("amount", texts.money(*amount, *currency)?);
            "credit-expired"
        }
        NoticeEvent::TopUpBooked { amount, currency, reference, balance } => {
            values.set("amount", texts.money(*amount, *currency)?);
            values.set("balance", texts.money(*balance, *currency)?);
            values.set("reference", plain(reference));
            "top-up"
        }
        NoticeEvent::RatesChange { deck, version: _, changes, more, currency } => {
            values.set("deck", plain(deck));
            values.set("currency", currency.to_string());
            values.set("count", (changes.len() as u64).saturating_add(*more));
            let mut table = table(texts, changes)?;
            if *more > 0 {
                values.set("more", *more);
                table = format!("{table}\n\n{}", texts.text("rates-change-more", values)?);
            }
            values.set("table", table);
            "rates-change"
        }
        // It is over before anybody reads a mail.
        NoticeEvent::CallEnds { .. } => return Ok(None),
    };
    Ok(Some(id))
}

fn of_pocket(values: &mut FluentArgs<'_>, pocket: Option<&Name>) {
    values.set("kind", if pocket.is_some() { "pocket" } else { "balance" });
    values.set("pocket", pocket.map(|name| plain(name)).unwrap_or_default());
}

/// Columns as wide as their widest cell; prices to the right.
fn table(texts: &Texts, changes: &[RateChange]) -> Result<String, TextError> {
    let none = FluentArgs::new();
    let word = |id: &str| texts.text(id, &none);
    let (added, removed) = (word("rates-added")?, word("rates-removed")?);
    let price = |rate: Option<i64>, otherwise: &str| rate.map_or_else(|| otherwise.to_owned(), |rate| texts.language.decimal(rate));
    let mut rows = vec![[word("rates-prefix")?, word("rates-destination")?, word("rates-old")?, word("rates-new")?, word("rates-from")?]];
    rows.extend(changes.iter().map(|change| {
        let (old, new) = (price(change.old, &added), price(change.new, &removed));
        [change.prefix.to_string(), plain(&change.destination), old, new, texts.language.time(change.from)]
    }));
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let lines: Vec<String> = rows
        .iter()
        .map(|[prefix, destination, old, new, from]| {
            let [a, b, c, d] = widths;
            format!("{prefix:a$}  {destination:b$}  {old:>c$}  {new:>d$}  {from}")
        })
        .collect();
    Ok(lines.join("\n"))
}

/// On one line, whatever it was.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}
