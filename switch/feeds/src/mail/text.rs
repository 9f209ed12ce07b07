//! A notice in the words of its reader: subject and body, plain text.
//!
//! Invariant: no value that came from outside can begin a new line, in the subject or in the body.

use fluent_bundle::FluentArgs;
use ledger::{Notice, NoticeEvent};
use units::{Language, Name, Wall};

use super::language::{self, TextError, Texts, plain};
use super::rates;

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

/// The notice to `account` of the instant `at`; nothing if its event is not mailed. `link` says where price
/// lists are: `{deck}` and `{version}` in it stand for the list's.
///
/// # Errors
/// If a locale file lacks something.
pub fn text_of(
    account: &Name,
    at: Wall,
    notice: &Notice,
    link: Option<&str>,
) -> Result<Option<Text>, TextError> {
    let texts = Texts::of(Language::of(notice.language.as_deref()))?;
    let mut values = FluentArgs::new();
    values.set("account", plain(account));
    let Some(id) = event(&texts, at, &notice.event, link, &mut values)? else { return Ok(None) };
    let subject = plain(&texts.text(&format!("{id}-subject"), &values)?);
    let (body, footer) = (texts.text(&format!("{id}-body"), &values)?, texts.text("footer", &values)?);
    Ok(Some(Text { subject, body: format!("{}\n\n-- \n{footer}\n", body.trim_end()) }))
}

/// Sets what the event's texts name, and returns how their ids begin.
fn event(
    texts: &Texts,
    at: Wall,
    event: &NoticeEvent,
    link: Option<&str>,
    values: &mut FluentArgs<'_>,
) -> Result<Option<&'static str>, TextError> {
    let id = match event {
        NoticeEvent::LowBalance { balance, threshold, currency } => {
            values.set("balance", texts.money(*balance, *currency)?);
            values.set("threshold", texts.money(*threshold, *currency)?);
            "low-balance"
        }
        NoticeEvent::LowMinutes { bucket, seconds } => {
            values.set("pocket", plain(bucket));
            values.set("minutes", seconds / 60);
            "low-minutes"
        }
        NoticeEvent::CreditExpires { bucket, amount, currency, at: end } => {
            of_bucket(values, bucket.as_ref());
            values.set("amount", texts.money(*amount, *currency)?);
            values.set("date", language::time(texts.language, *end));
            values.set("days", end.0.saturating_sub(at.0).max(0) / DAY_MS);
            "credit-expires"
        }
        NoticeEvent::CreditExpired { bucket, amount, currency } => {
            of_bucket(values, bucket.as_ref());
            values.set("amount", texts.money(*amount, *currency)?);
            "credit-expired"
        }
        NoticeEvent::TopUpBooked { amount, currency, reference, balance } => {
            values.set("amount", texts.money(*amount, *currency)?);
            values.set("balance", texts.money(*balance, *currency)?);
            values.set("reference", plain(reference));
            "top-up"
        }
        NoticeEvent::RatesChange(told) => {
            rates::fill(texts, at, told, link, values)?;
            "rates-change"
        }
        // It is over before anybody reads a mail.
        NoticeEvent::CallEnds { .. } => return Ok(None),
    };
    Ok(Some(id))
}

fn of_bucket(values: &mut FluentArgs<'_>, bucket: Option<&Name>) {
    values.set("kind", if bucket.is_some() { "pocket" } else { "balance" });
    values.set("pocket", bucket.map(|name| plain(name)).unwrap_or_default());
}
