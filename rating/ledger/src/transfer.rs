//! Who pays whom: parties, keys and transfers. A transfer moves one positive amount from its debit to its credit side.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Currency, Money, Name};

/// Longest name of an account or pocket, in bytes.
const MAX_ACCOUNT_NAME: usize = 64;
/// Most tiers of an account's name: a reseller, its resellers, a customer.
pub const MAX_TIERS: usize = 8;
/// Between the tiers of a name.
const TIER: char = ':';
/// Between an account and its pocket.
const POCKET: char = '/';

/// A call, unique for ever: 128 bits, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CallId(pub u128);

/// The operator's own accounts, one of each per currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum House {
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
    Pocket {
        /// Whose.
        account: Name,
        /// Unique within the account.
        pocket: Name,
    },
    /// One of the operator's own accounts, written `@revenue`.
    House(House),
}

/// Idempotency: two transfers of one key are one transfer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// The opening balance: one per account.
    Opening,
    /// The `n`th movement of a call.
    Call(CallId, u16),
    /// Chosen by who asked for it; unique within its account.
    Given(Name),
    /// The `n`th time, from 1, that something of a pocket ended; of the main balance, where the name is empty.
    Expired(Name, u32),
    /// The `n`th further movement, from 1, of a request with a given key.
    Part(Name, u8),
}

/// Why money moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The balance that an account was opened with.
    Opening,
    /// A payment received.
    TopUp,
    /// A call's charge.
    Usage,
    /// What a carrier charges for a call.
    CarrierCost,
    /// An operator's correction, with its reason.
    Correction,
    /// Undoes an earlier transfer, with its cause.
    Reversal,
    /// A payment announced by its payer and not yet here.
    Announced,
    /// What a bank kept of a payment.
    Fee,
    /// Promotional or test credit, or seconds, given to an account.
    Grant,
    /// Unused at its end.
    Expired,
    /// Lent by the central ledger, or given back to it.
    Slice,
    /// A service paid by the piece: a fax page, a voicemail, a month of a number. What for is the memo.
    Charge,
}

/// `amount` (positive) leaves `debit` and enters `credit`, so every transfer sums to zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Its idempotency key.
    pub key: Key,
    /// Why.
    pub purpose: Purpose,
    /// Who has less afterwards.
    pub debit: Party,
    /// Who has more afterwards.
    pub credit: Party,
    /// How much, above zero.
    pub amount: Money,
    /// The cause in the words of who asked for it: a payment's reference, a correction's reason.
    pub memo: Option<Name>,
}

/// A name that no account may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "account name {0:?}: use letters, digits or . _ - beginning with a letter or digit, `reseller:customer` for an account below another; \
     at most {MAX_ACCOUNT_NAME} bytes and {MAX_TIERS} tiers"
)]
pub struct AccountNameError(pub String);

/// One or more tiers, as `reseller:customer`, each a [`check_pocket_name`].
pub fn check_account_name(name: &str) -> Result<(), AccountNameError> {
    let fits = name.len() <= MAX_ACCOUNT_NAME && name.split(TIER).count() <= MAX_TIERS;
    if fits && name.split(TIER).all(is_plain_name) { Ok(()) } else { Err(name_error(name)) }
}

/// Letters, digits, `.`, `_`, `-`, beginning with a letter or digit: safe in paths, logs and the journal.
pub fn check_pocket_name(name: &str) -> Result<(), AccountNameError> {
    if name.len() <= MAX_ACCOUNT_NAME && is_plain_name(name) { Ok(()) } else { Err(name_error(name)) }
}

/// The account a tier above, which pays for the same calls by its own price list: `reseller` of `reseller:customer`.
pub fn parent(account: &str) -> Option<&str> {
    account.rsplit_once(TIER).map(|(above, _)| above)
}

/// The top of an account's tree: all of a tree is in one shard.
pub fn root(account: &str) -> &str {
    account.split(TIER).next().unwrap_or(account)
}

fn is_plain_name(name: &str) -> bool {
    name.starts_with(char::is_alphanumeric) && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn name_error(name: &str) -> AccountNameError {
    AccountNameError(name.chars().take(MAX_ACCOUNT_NAME).collect())
}

// === impl CallId ===

impl CallId {
    /// 32 hex digits in lower case.
    fn hex(self) -> [u8; 32] {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair.copy_from_slice(&[b"0123456789abcdef"[usize::from(byte >> 4)], b"0123456789abcdef"[usize::from(byte & 15)]]);
        }
        digits
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for CallId {
    type Err = std::num::ParseIntError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(s, 16).map(Self)
    }
}

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

// === impl House ===

impl House {
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

    /// What corrects an account of this name: the operator's corrections; of an account below a reseller the reseller's income, where its
    /// usage went, since the operator neither earned nor loses it.
    pub fn corrects(account: &str) -> Self {
        if parent(account).is_some() { Self::ResellerRevenue } else { Self::Corrections }
    }
}

// === impl Party ===

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(name) => f.write_str(name),
            Self::Pocket { account, pocket } => write!(f, "{account}{POCKET}{pocket}"),
            Self::House(house) => f.write_str(house.name()),
        }
    }
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Customer(name) => s.serialize_str(name),
            Self::Pocket { .. } => s.collect_str(self),
            Self::House(house) => s.serialize_str(house.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        if let Some((account, pocket)) = text.split_once(POCKET) {
            return Ok(Self::Pocket { account: account.into(), pocket: pocket.into() });
        }
        if !text.starts_with('@') {
            return Ok(Self::Customer(Name::from(text)));
        }
        let house = House::ALL.into_iter().find(|house| house.name() == text);
        house.map(Self::House).ok_or_else(|| D::Error::custom(format_args!("unknown house account {text}")))
    }
}

// === impl Key ===

impl Key {
    /// The sequence of a further usage: from here on.
    const USAGE: u16 = 0x1000;

    /// A call's usage: of tier 0 (who calls) or above, and its segment: a call that spills from one balance to the next has several.
    pub fn usage(call: CallId, tier: u8, segment: u8) -> Self {
        let place = u16::from(tier % 16) << 8 | u16::from(segment);
        Self::Call(call, if place == 0 { 0 } else { Self::USAGE | place })
    }

    /// What the carrier of the `attempt`th attempt, from 0, charges for the call.
    pub fn cost(call: CallId, attempt: u16) -> Self {
        Self::Call(call, attempt.saturating_add(1).min(Self::USAGE - 1))
    }
}

/// `opening`, `call/<32 hex>/<n>`, `key/<as given>`, `part/<n>/<as given>` or `expired/<n>/<pocket>`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opening => f.write_str("opening"),
            Self::Call(call, sequence) => write!(f, "call/{call}/{sequence}"),
            Self::Given(key) => write!(f, "key/{key}"),
            Self::Expired(pocket, n) => write!(f, "expired/{n}/{pocket}"),
            Self::Part(key, n) => write!(f, "part/{n}/{key}"),
        }
    }
}

impl FromStr for Key {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a key is opening, call/<id>/<n>, key/<text>, part/<n>/<text> or expired/<n>/<pocket>";
        if s == "opening" {
            return Ok(Self::Opening);
        }
        if let Some(given) = s.strip_prefix("key/") {
            return Ok(Self::Given(Name::from(given)));
        }
        if let Some((n, pocket)) = s.strip_prefix("expired/").and_then(|rest| rest.split_once('/')) {
            return Ok(Self::Expired(Name::from(pocket), n.parse().map_err(|_| EXPECTED)?));
        }
        if let Some((number, given)) = s.strip_prefix("part/").and_then(|rest| rest.split_once('/')) {
            return Ok(Self::Part(Name::from(given), number.parse().map_err(|_| EXPECTED)?));
        }
        let (call, sequence) = s.strip_prefix("call/").and_then(|rest| rest.split_once('/')).ok_or(EXPECTED)?;
        Ok(Self::Call(call.parse().map_err(|_| EXPECTED)?, sequence.parse().map_err(|_| EXPECTED)?))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

impl Party {
    /// The customer's account that it is, or is a part of.
    pub const fn account(&self) -> Option<&Name> {
        match self {
            Self::Customer(name) | Self::Pocket { account: name, .. } => Some(name),
            Self::House(_) => None,
        }
    }
}

// === impl Transfer ===

impl Transfer {
    /// The customer whose books it belongs to: the debited one, else the credited one.
    pub fn customer(&self) -> Option<&Name> {
        self.debit.account().or_else(|| self.credit.account())
    }

    /// The same amount back, under a key of its own, with the cause.
    pub fn reversed(&self, key: Key, cause: Name) -> Self {
        let (debit, credit) = (self.credit.clone(), self.debit.clone());
        Self { key, purpose: Purpose::Reversal, debit, credit, amount: self.amount, memo: Some(cause) }
    }
}

/// A transfer as written: the amount as a decimal string beside its currency.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    key: Key,
    purpose: Purpose,
    debit: Party,
    credit: Party,
    #[serde(borrow)]
    amount: std::borrow::Cow<'a, str>,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memo: Option<Name>,
}

impl Serialize for Transfer {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Written {
            key: self.key.clone(),
            purpose: self.purpose,
            debit: self.debit.clone(),
            credit: self.credit.clone(),
            amount: self.amount.to_string().into(),
            currency: self.amount.currency,
            memo: self.memo.clone(),
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for Transfer {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(d)?;
        let amount = Money::parse(&written.amount, written.currency).map_err(D::Error::custom)?;
        let Written { key, purpose, debit, credit, memo, .. } = written;
        Ok(Self { key, purpose, debit, credit, amount, memo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_written_for_people() {
        let transfer = Transfer {
            key: Key::Call(CallId(0xA1), 1),
            purpose: Purpose::Usage,
            debit: Party::Customer("acme".into()),
            credit: Party::House(House::Revenue),
            amount: Money::of(7_407, Currency::EUR),
            memo: None,
        };
        let text = r#"{"key":"call/000000000000000000000000000000a1/1","purpose":"usage","debit":"acme","credit":"@revenue","amount":"0.07407","currency":"EUR"}"#;
        assert_eq!(serde_json::to_string(&transfer).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<Transfer>(text).expect("reads"), transfer);
        assert!(serde_json::from_str::<Transfer>(&text.replace("@revenue", "@pocket")).is_err());
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        for key in [Key::Opening, Key::Given("a/b".into()), Key::Part("part/1/x".into(), 255), Key::usage(CallId(7), 1, 2)] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for bad in ["", "part/x", "part/256/x", "call/1", "key"] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }

    #[test]
    fn account_names_cannot_pass_for_house_accounts() {
        for good in ["acme", "a", "Telefónica.es", "0-1_2"] {
            assert!(check_account_name(good).is_ok(), "{good}");
        }
        for bad in ["", "@revenue", "a b", "a/b", "-a", &"a".repeat(65), "a:", ":a", "a::b", "a:b:c:d:e:f:g:h:i"] {
            assert!(check_account_name(bad).is_err(), "{bad}");
        }
        assert!(check_account_name("reseller:shop").is_ok() && check_pocket_name("reseller:shop").is_err());
    }

    #[test]
    fn a_name_tells_who_stands_above() {
        assert_eq!((parent("a:b:c"), root("a:b:c")), (Some("a:b"), "a"));
        assert_eq!((parent("a"), root("a")), (None, "a"));
    }

    #[test]
    fn a_pocket_is_a_party_of_its_account() {
        let pocket = Party::Pocket { account: "acme".into(), pocket: "free".into() };
        let text = serde_json::to_string(&pocket).expect("serialises");
        assert_eq!(text, r#""acme/free""#);
        assert_eq!(serde_json::from_str::<Party>(&text).expect("reads"), pocket);
        assert_eq!(pocket.account().map(|name| &**name), Some("acme"));
    }
}
