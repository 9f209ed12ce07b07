//! A count of 10⁻⁵ units as `"0.12345"` in records; the currency stands in a field of its own.

use serde::{Deserialize, Deserializer, Serializer};
use units::{Currency, Money};

pub fn serialize<S: Serializer>(amount: &i64, s: S) -> Result<S::Ok, S::Error> {
    // The currency does not show in the text.
    s.serialize_str(&Money::of(*amount, Currency::EUR).text())
}

pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
    read(&text).map_err(serde::de::Error::custom)
}

fn read(text: &str) -> Result<i64, units::MoneyError> {
    Money::parse(text, Currency::EUR).map(|money| money.amount)
}

/// The same, or null.
pub mod opt {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(amount: &Option<i64>, s: S) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::serialize(amount, s),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
        let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(d)?;
        text.map(|text| super::read(&text).map_err(serde::de::Error::custom)).transpose()
    }
}
