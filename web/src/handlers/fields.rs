//! Fields that several requests have: the idempotency key, amounts and currencies, each read by one rule.

use axum::http::HeaderMap;
use units::Currency;

use crate::body::{DecimalText, amount_units};
use crate::problem::Problem;

/// Longest idempotency key, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 128;

/// The key, if there is one; an empty, long, repeated or unprintable one is refused.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(first) = all.next() else { return Ok(None) };
    let text = first.to_str().unwrap_or_default().trim();
    let fits = !text.is_empty()
        && text.len() <= KEY_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if !fits || all.next().is_some() {
        let detail =
            format!("Idempotency-Key must be given once, 1 to {KEY_BYTES_MAX} printable ASCII characters");
        return Err(Problem::bad_request(detail).at("Idempotency-Key"));
    }
    Ok(Some(text.to_owned()))
}

/// The answer to a request that moves money without a key.
pub(super) fn key_needed() -> Problem {
    Problem::bad_request("this moves money: send an Idempotency-Key header, new for each payment and the same when you repeat one")
        .at("Idempotency-Key")
}

/// Units of 10⁻⁵ of an amount that is zero or more.
pub(super) fn units_of(field: &'static str, text: &DecimalText) -> Result<i64, Problem> {
    amount_units(&text.0).map_err(|detail| Problem::unprocessable(field, detail))
}

/// A currency by its ISO 4217 code.
pub(super) fn currency(text: &str) -> Result<Currency, Problem> {
    Currency::iso(text).map_err(|error| Problem::unprocessable("currency", error.to_string()))
}
