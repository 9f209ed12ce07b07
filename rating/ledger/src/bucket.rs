//! Buckets: parts of an account with a kind, an order and an end of their own. Each is a balance in the
//! books; this is the rest of it.

use serde::{Deserialize, Serialize};
use units::{Currency, Name, Prefix, Wall, Zone};

use crate::{AccountId, Transfer};

/// What a bucket holds, in the order in which calls use them; the account's own money comes last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BucketKind {
    /// Seconds, in [`Currency::SEC`].
    Minutes,
    /// Money to try the service with.
    Test,
    /// Promotional money.
    Promo,
}

/// What a bucket serves and when. A later grant to the same bucket replaces them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketTerms {
    /// What it holds.
    pub kind: BucketKind,
    /// Among buckets of a kind the lower goes first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u8,
    /// The destinations that it pays for; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Prefix>,
    /// Calls authorized earlier do not use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Wall>,
    /// From here on it gives nothing new, and what is not reserved is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Wall>,
}

/// See [`RecordBody::BucketGranted`](crate::RecordBody::BucketGranted). The key and the words are in the
/// transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketGranted {
    /// Which; new ones are opened by it.
    #[serde(rename = "pocket")]
    pub bucket: Name,
    /// What it serves from now on.
    pub terms: BucketTerms,
    /// From promotions or minutes to the bucket.
    pub transfer: Transfer,
}

/// See [`RecordBody::BucketOpened`](crate::RecordBody::BucketOpened). What is in the bucket comes by slices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketOpened {
    /// The bucket, by its name in the account.
    #[serde(rename = "pocket")]
    pub bucket: Name,
    /// What it serves from now on.
    pub terms: BucketTerms,
    /// The last grant, for its age.
    pub granted_at: Wall,
}

/// See [`RecordBody::BucketExpired`](crate::RecordBody::BucketExpired).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketExpired {
    /// Which; the account's own money if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "pocket")]
    pub bucket: Option<Name>,
    /// What was not reserved, to breakage.
    pub transfer: Transfer,
}

/// One bucket of an account, as replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its balance.
    pub id: AccountId,
    /// Unique within the account.
    pub name: Name,
    /// What it serves.
    pub terms: BucketTerms,
    /// The last grant.
    pub granted_at: Wall,
    /// It was not said yet that few seconds are left.
    pub low_armed: bool,
    /// What was said of its end.
    pub warned: Option<Warned>,
    /// How often something of it expired: makes the keys of those transfers.
    pub expiries: u32,
}

/// The owner was told of an end ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warned {
    /// The end as it was then; another end is another story.
    pub expiry: Wall,
    /// The moment, wall time.
    pub at: Wall,
}

/// The owner is told so many days before credit expires.
const DAYS_AHEAD: [i64; 2] = [60, 14];

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(priority: &u8) -> bool {
    *priority == 0
}

/// When the owner is to be told next that something ends at `expiry`: 60 and 14 days ahead by the clocks of
/// `zone`, where that is after `since` and not told yet.
pub(crate) fn next_warning(expiry: Wall, since: Wall, warned: Option<Warned>, zone: &Zone) -> Option<Wall> {
    let told = warned.filter(|warned| warned.expiry == expiry);
    let due = |ahead: &i64| {
        let at = zone.plus_days(expiry, -ahead);
        (at > since && told.is_none_or(|told| at > told.at)).then_some(at)
    };
    DAYS_AHEAD.iter().find_map(due)
}

// === impl BucketKind ===

impl BucketKind {
    /// All, in the order of use.
    pub const ALL: [Self; 3] = [Self::Minutes, Self::Test, Self::Promo];

    /// As written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Test => "test",
            Self::Promo => "promo",
        }
    }

    /// What such a bucket of an account in `currency` counts.
    pub const fn currency(self, currency: Currency) -> Currency {
        match self {
            Self::Minutes => Currency::SEC,
            Self::Test | Self::Promo => currency,
        }
    }
}

impl std::str::FromStr for BucketKind {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.word() == s).ok_or("a pocket's kind is minutes, test or promo")
    }
}

// === impl BucketTerms ===

impl BucketTerms {
    /// For every destination, from now on, for ever.
    pub const fn of(kind: BucketKind) -> Self {
        Self { kind, priority: 0, prefixes: Vec::new(), valid_from: None, expires_at: None }
    }

    /// Whether it pays at `at` for calls to a number of these digits.
    pub fn serves(&self, digits: &[u8], at: Wall) -> bool {
        self.is_open(at)
            && (self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| prefix.covers(digits)))
    }

    /// Whether it gives anything at `at`.
    pub fn is_open(&self, at: Wall) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && !self.is_expired(at)
    }

    /// Whether its end has come.
    pub fn is_expired(&self, at: Wall) -> bool {
        self.expires_at.is_some_and(|end| end <= at)
    }
}

// === impl Bucket ===

impl Bucket {
    /// Where it stands among the others: kind, priority, end, age.
    pub fn rank(&self) -> impl Ord + '_ {
        let BucketTerms { kind, priority, expires_at, .. } = &self.terms;
        (*kind, *priority, expires_at.unwrap_or(Wall(i64::MAX)), self.granted_at, &self.name)
    }

    /// When its owner is to be told of its end: of promotional money, while there is some.
    pub(crate) fn next_warning(&self, zone: &Zone) -> Option<Wall> {
        let expiry = self.terms.expires_at.filter(|_| self.terms.kind == BucketKind::Promo)?;
        next_warning(expiry, self.granted_at, self.warned, zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> Wall {
        Wall::parse(text).expect("a time")
    }

    #[test]
    fn told_twice_ahead_and_again_only_of_another_end() {
        let (end, since) = (wall("2026-03-01T00:00:00Z"), wall("2025-03-01T00:00:00Z"));
        let (first, second) = (wall("2025-12-31T00:00:00Z"), wall("2026-02-15T00:00:00Z"));
        let told = |at| Some(Warned { expiry: end, at });
        assert_eq!(next_warning(end, since, None, &Zone::utc()), Some(first));
        assert_eq!(next_warning(end, since, told(first), &Zone::utc()), Some(second));
        assert_eq!(next_warning(end, since, told(second), &Zone::utc()), None);
        assert_eq!(
            next_warning(end, since, Some(Warned { expiry: since, at: second }), &Zone::utc()),
            Some(first)
        );
        assert_eq!(
            next_warning(end, wall("2026-01-01T00:00:00Z"), None, &Zone::utc()),
            Some(second),
            "granted for less than 60 days"
        );
        assert_eq!(next_warning(end, wall("2026-02-20T00:00:00Z"), None, &Zone::utc()), None);
    }

    #[test]
    fn serves_its_prefixes_in_its_time() {
        let terms = BucketTerms {
            prefixes: vec!["34".parse().expect("digits"), "351".parse().expect("digits")],
            valid_from: Some(Wall(10)),
            expires_at: Some(Wall(20)),
            ..BucketTerms::of(BucketKind::Minutes)
        };
        for (digits, at, serves) in [
            ("34911", 10, true),
            ("3519", 19, true),
            ("3519", 20, false),
            ("34", 9, false),
            ("35", 15, false),
            ("49", 15, false),
        ] {
            assert_eq!(terms.serves(digits.as_bytes(), Wall(at)), serves, "{digits} at {at}");
        }
        assert!(BucketTerms::of(BucketKind::Promo).serves(b"1", Wall(0)));
        let text = r#"{"kind":"minutes","prefixes":["34","351"],"valid_from":10,"expires_at":20}"#;
        assert_eq!(serde_json::to_string(&terms).expect("JSON"), text);
    }
}
