//! Who pays whom: customers, their buckets and the operator's own accounts, and which names they may have.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::Name;

/// Longest name of an account or bucket, in bytes.
const MAX_ACCOUNT_NAME: usize = 64;
/// Most tiers of an account's name: a reseller, its resellers, a customer.
pub const MAX_TIERS: usize = 8;
/// Between the tiers of a name.
const TIER: char = ':';
/// Between an account and its bucket.
const BUCKET: char = '/';

/// The operator's own accounts, one of each per currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SystemAccount {
    /// What customers paid for usage.
    Revenue,
    /// What carriers charge us for calls.
    CarrierCost,
    /// What we owe carriers.
    CarrierPayable,
    /// Money received from customers.
    Payments,
    /// Balances that accounts were opened with.
    Opening,
    /// Corrections made by the operator.
    Corrections,
    /// Differences left by rounding between currencies.
    Rounding,
    /// Payments announced and not yet booked.
    Transit,
    /// What banks kept of payments.
    Fees,
    /// Promotional and test credit given.
    Promotions,
    /// Seconds given, in [`Currency::SEC`].
    Minutes,
    /// What expired unused.
    Breakage,
    /// Usage of accounts below a reseller: the reseller's income, not ours.
    ResellerRevenue,
    /// Parts of balances that the central ledger lent to this node.
    Slices,
}

/// One side of a transfer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Party {
    /// Money held for a customer's account.
    Customer(Name),
    /// A part of an account with an order and an end of its own, written `acme/free-minutes`.
    Bucket {
        /// The account, by its name.
        account: Name,
        /// Unique within the account.
        bucket: Name,
    },
    /// One of the operator's own accounts, written `@revenue`.
    SystemAccount(SystemAccount),
}

/// A name that no account may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "account name {0:?}: use letters, digits or . _ - beginning with a letter or digit, `reseller:customer` for an account below another; \
     at most {MAX_ACCOUNT_NAME} bytes and {MAX_TIERS} tiers"
)]
pub struct AccountNameError(pub String);

/// One or more tiers, as `reseller:customer`, each a [`check_bucket_name`].
pub fn check_account_name(name: &str) -> Result<(), AccountNameError> {
    let fits = name.len() <= MAX_ACCOUNT_NAME && name.split(TIER).count() <= MAX_TIERS;
    if fits && name.split(TIER).all(is_plain_name) { Ok(()) } else { Err(name_error(name)) }
}

/// Letters, digits, `.`, `_`, `-`, beginning with a letter or digit: safe in paths, logs and the journal.
pub fn check_bucket_name(name: &str) -> Result<(), AccountNameError> {
    if name.len() <= MAX_ACCOUNT_NAME && is_plain_name(name) { Ok(()) } else { Err(name_error(name)) }
}

/// The account a tier above, which pays for the same calls by its own price list: `reseller` of
/// `reseller:customer`.
pub fn parent(account: &str) -> Option<&str> {
    account.rsplit_once(TIER).map(|(above, _)| above)
}

/// The top of an account's tree: all of a tree is in one shard.
pub fn root(account: &str) -> &str {
    account.split(TIER).next().unwrap_or(account)
}

fn is_plain_name(name: &str) -> bool {
    name.starts_with(char::is_alphanumeric)
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn name_error(name: &str) -> AccountNameError {
    AccountNameError(name.chars().take(MAX_ACCOUNT_NAME).collect())
}

// === impl House ===

impl SystemAccount {
    /// All of them, in the order of statements.
    pub const ALL: [Self; 14] = [
        Self::Revenue,
        Self::ResellerRevenue,
        Self::CarrierCost,
        Self::CarrierPayable,
        Self::Payments,
        Self::Transit,
        Self::Fees,
        Self::Opening,
        Self::Corrections,
        Self::Rounding,
        Self::Promotions,
        Self::Minutes,
        Self::Breakage,
        Self::Slices,
    ];

    /// As written in the journal, `@revenue`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revenue => "@revenue",
            Self::CarrierCost => "@carrier-cost",
            Self::CarrierPayable => "@carrier-payable",
            Self::Payments => "@payments",
            Self::Opening => "@opening",
            Self::Corrections => "@corrections",
            Self::Rounding => "@rounding",
            Self::Transit => "@transit",
            Self::Fees => "@fees",
            Self::Promotions => "@promotions",
            Self::Minutes => "@minutes",
            Self::Breakage => "@breakage",
            Self::ResellerRevenue => "@reseller-revenue",
            Self::Slices => "@slices",
        }
    }

    /// What corrects an account of this name: the operator's corrections; of an account below a reseller the
    /// reseller's income, where its usage went, since the operator neither earned nor loses it.
    pub fn corrects(account: &str) -> Self {
        if parent(account).is_some() { Self::ResellerRevenue } else { Self::Corrections }
    }
}

// === impl Party ===

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(name) => f.write_str(name),
            Self::Bucket { account, bucket } => write!(f, "{account}{BUCKET}{bucket}"),
            Self::SystemAccount(system_account) => f.write_str(system_account.name()),
        }
    }
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Customer(name) => s.serialize_str(name),
            Self::Bucket { .. } => s.collect_str(self),
            Self::SystemAccount(system_account) => s.serialize_str(system_account.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        if let Some((account, bucket)) = text.split_once(BUCKET) {
            return Ok(Self::Bucket { account: account.into(), bucket: bucket.into() });
        }
        if !text.starts_with('@') {
            return Ok(Self::Customer(Name::from(text)));
        }
        let system_account =
            SystemAccount::ALL.into_iter().find(|system_account| system_account.name() == text);
        system_account
            .map(Self::SystemAccount)
            .ok_or_else(|| D::Error::custom(format_args!("unknown house account {text}")))
    }
}

impl Party {
    /// The customer's account that it is, or is a part of.
    pub const fn account(&self) -> Option<&Name> {
        match self {
            Self::Customer(name) | Self::Bucket { account: name, .. } => Some(name),
            Self::SystemAccount(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_cannot_pass_for_system_account_accounts() {
        for good in ["acme", "a", "Telefónica.es", "0-1_2"] {
            assert!(check_account_name(good).is_ok(), "{good}");
        }
        for bad in
            ["", "@revenue", "a b", "a/b", "-a", &"a".repeat(65), "a:", ":a", "a::b", "a:b:c:d:e:f:g:h:i"]
        {
            assert!(check_account_name(bad).is_err(), "{bad}");
        }
        assert!(check_account_name("reseller:shop").is_ok() && check_bucket_name("reseller:shop").is_err());
    }

    #[test]
    fn a_name_tells_who_stands_above() {
        assert_eq!((parent("a:b:c"), root("a:b:c")), (Some("a:b"), "a"));
        assert_eq!((parent("a"), root("a")), (None, "a"));
    }

    #[test]
    fn a_bucket_is_a_party_of_its_account() {
        let bucket = Party::Bucket { account: "acme".into(), bucket: "free".into() };
        let text = serde_json::to_string(&bucket).expect("serialises");
        assert_eq!(text, r#""acme/free""#);
        assert_eq!(serde_json::from_str::<Party>(&text).expect("reads"), bucket);
        assert_eq!(bucket.account().map(|name| &**name), Some("acme"));
    }
}
