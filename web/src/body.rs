//! Request bodies: JSON of a known shape, at most [`crate::BODY_BYTES_MAX`], read to the end before anything
//! is done. Invariant: unknown and repeated fields, wrong types and trailing text are refused with their line
//! and column.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, Deserializer, Unexpected, Visitor};
use units::{Currency, Money};

use crate::problem::Problem;

/// Reads the whole body of `request` as a `T`.
pub async fn read_json<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the body as JSON in UTF-8, with Content-Type: application/json",
        ));
    }
    let bytes = Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {} bytes", crate::BODY_BYTES_MAX),
        ),
        _ => Problem::bad_request("the body ended before it was whole"),
    })?;
    if bytes.is_empty() {
        return Err(Problem::bad_request("the body is empty; a JSON object is needed"));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not as documented: {error}")))
}

/// A decimal that must come as a JSON string: a JSON number may have lost digits before it reached us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecimalText(pub String);

impl<'de> serde::Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

/// Units of 10⁻⁵ from a plain decimal: digits and at most one point, no sign, no exponent; more than five
/// places are an error.
pub fn amount_units(text: &str) -> Result<i64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(format!("{text:?} is not a plain decimal such as \"5.00\""));
    }
    // The currency plays no part in reading digits.
    Money::parse_entered(text, Currency::EUR).map(|money| money.amount).map_err(|error| error.to_string())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let mut parts = value.split(';').map(str::trim);
    let is_essence = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    // JSON is UTF-8 (RFC 8259 §8.1); whoever says that it is something else would be read wrong.
    is_essence
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            Some(_) | None => true,
        })
}

struct DecimalVisitor;

const AS_STRING: &str = "money as a string, such as \"5.00\" (a JSON number may lose digits)";

impl Visitor<'_> for DecimalVisitor {
    type Value = DecimalText;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(AS_STRING)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<DecimalText, E> {
        Ok(DecimalText(text.to_owned()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<DecimalText, E> {
        Err(E::invalid_type(Unexpected::Signed(number), &AS_STRING))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<DecimalText, E> {
        Err(E::invalid_type(Unexpected::Unsigned(number), &AS_STRING))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<DecimalText, E> {
        Err(E::invalid_type(Unexpected::Other("a JSON number"), &AS_STRING))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_plain_decimals_only() {
        for (text, units) in
            [("5", 500_000), ("5.00", 500_000), ("0.00001", 1), ("5.000000", 500_000), ("0", 0)]
        {
            assert_eq!(amount_units(text), Ok(units), "{text}");
        }
        let bad = [
            "",
            "-1",
            "+1",
            "NaN",
            "1e9",
            "1_000",
            " 1",
            "1 ",
            ".5",
            "5.",
            "1,00",
            "0.123456",
            "1.2.3",
            "٣",
            "99999999999999999999",
        ];
        for text in bad {
            assert!(amount_units(text).is_err(), "{text}");
        }
    }
}
