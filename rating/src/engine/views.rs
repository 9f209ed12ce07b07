//! How accounts and buckets look to who asks, and the text of their amounts and times.

use ledger::BucketKind;
use serde::{Serialize, Serializer};
use units::{Money, Name, Prefix, Wall};

/// A bucket as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketView {
    /// Unique within the account.
    pub name: Name,
    /// `minutes`, `test` or `promo`.
    pub kind: BucketKind,
    /// Among those of a kind the lower goes first.
    pub priority: u8,
    /// Posted: money, or seconds with five places.
    #[serde(serialize_with = "as_text")]
    pub left: Money,
    /// Held for calls in progress.
    #[serde(serialize_with = "as_text")]
    pub leased: Money,
    /// The destinations that it pays for; all if empty.
    #[serde(serialize_with = "as_digits")]
    pub prefixes: Vec<Prefix>,
    /// From when on.
    #[serde(serialize_with = "as_time_or_none")]
    pub valid_from: Option<Wall>,
    /// When it ends; never if absent.
    #[serde(serialize_with = "as_time_or_none")]
    pub expires_at: Option<Wall>,
}

fn as_digits<S: Serializer>(prefixes: &[Prefix], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(prefixes.iter().map(ToString::to_string))
}

pub(super) fn as_text<S: Serializer>(money: &Money, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&money.text())
}

pub(super) fn as_time<S: Serializer>(wall: &Wall, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&wall.rfc3339())
}

pub(super) fn as_time_or_none<S: Serializer>(wall: &Option<Wall>, s: S) -> Result<S::Ok, S::Error> {
    match wall {
        Some(wall) => as_time(wall, s),
        None => s.serialize_none(),
    }
}
