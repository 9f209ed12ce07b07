//! The forms of a record's fields: times as RFC 3339, counts of 10⁻⁵ units as decimals.

use units::{Currency, Money};

/// A [`Wall`] as RFC 3339, or null.
pub(super) mod time_opt {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use units::Wall;

    pub fn serialize<S: Serializer>(wall: &Option<Wall>, s: S) -> Result<S::Ok, S::Error> {
        match wall {
            Some(wall) => units::wall_text::serialize(wall, s),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Wall>, D::Error> {
        match <Option<std::borrow::Cow<'de, str>>>::deserialize(d)? {
            Some(text) => Wall::parse(&text)
                .map(Some)
                .ok_or_else(|| D::Error::custom(format_args!("not an RFC 3339 time: {text}"))),
            None => Ok(None),
        }
    }
}

/// A count of 10⁻⁵ units as `"0.12345"`.
pub(super) mod units_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(amount: &i64, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::plain(*amount).text())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        super::parse_plain(&text).map_err(D::Error::custom)
    }
}

/// The same, or null.
pub(super) mod units_text_opt {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(amount: &Option<i64>, s: S) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => s.serialize_str(&super::plain(*amount).text()),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
        let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(d)?;
        text.map(|text| super::parse_plain(&text)).transpose().map_err(D::Error::custom)
    }
}

/// Money whose currency stands in a field of its own.
const fn plain(amount: i64) -> Money {
    Money::of(amount, Currency::EUR)
}

fn parse_plain(text: &str) -> Result<i64, units::MoneyError> {
    Money::parse(text, Currency::EUR).map(|money| money.amount)
}
