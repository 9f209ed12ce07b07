//! Numbers of ours: whose each is, and what a call to it rings.
//!
//! Invariant: a number has one owner and one target; the table is immutable, so every shard and every
//! receiving thread reads the same.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use units::{Name, Number};

use crate::{BuildError, GateSpec, NumberRefused, Target, TargetError, Transport, normalise};

/// Longest user part of a target, in characters.
const USER_MAX: usize = 128;

/// A number of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OurNumber {
    /// In E.164 digits.
    pub e164: Number,
    /// The account that rents it.
    pub account: Name,
    /// What it rings.
    pub target: NumberTarget,
}

/// What a number of ours rings: `gate:NAME`, `sip_account:NAME`,
/// `sip:user@host[:port][;transport=udp|tcp]` or `h323:host[:port]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NumberTarget {
    /// A gate, where it is called.
    Gate(Name),
    /// A SIP account, where it is registered.
    SipAccount(Name),
    /// A SIP URI elsewhere.
    Uri(UserUri),
    /// An H.323 gateway elsewhere, where the number's digits are dialled.
    H323(Target),
}

/// A SIP URI with a user, as a number's target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserUri {
    /// The user part, as written.
    pub user: Box<str>,
    /// Host, port and transport.
    pub target: Target,
}

/// Why text is no target of a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberTargetError {
    /// None of the known forms.
    #[error(
        "{0:?} is not what a number can ring: write \"gate:NAME\", \"sip_account:NAME\", \"sip:user@host\" or \"h323:host\""
    )]
    Syntax(String),
    /// A form that is reserved.
    #[error(
        "{0:?}: a target of this form is not built yet; write \"gate:NAME\", \"sip_account:NAME\", \"sip:user@host\" or \"h323:host\""
    )]
    NotBuilt(String),
    /// The user part of a SIP URI cannot be sent as it is.
    #[error("{0:?} has no user part that can be dialled: write sip:user@host")]
    User(String),
    /// Host, port or transport.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// All numbers of ours, found by their digits.
#[derive(Clone, Debug, Default)]
pub struct OurNumbers {
    /// By number.
    sorted: Vec<Arc<OurNumber>>,
}

// === impl NumberTarget ===

impl FromStr for NumberTarget {
    type Err = NumberTargetError;
    fn from_str(s: &str) -> Result<Self, NumberTargetError> {
        let syntax = || NumberTargetError::Syntax(s.chars().take(160).collect());
        let Some((form, rest)) = s.split_once(':') else {
            return Err(if s == "voicemail" { NumberTargetError::NotBuilt(s.to_owned()) } else { syntax() });
        };
        match form {
            "gate" | "sip_account" if rest.is_empty() => Err(syntax()),
            "gate" => Ok(Self::Gate(rest.into())),
            "sip_account" => Ok(Self::SipAccount(rest.into())),
            "h323" => Ok(Self::H323(s.parse()?)),
            "number" => Err(NumberTargetError::NotBuilt(form.to_owned())),
            "sip" | "sips" => {
                let (user, host) = rest
                    .split_once('@')
                    .ok_or_else(|| NumberTargetError::User(s.chars().take(160).collect()))?;
                if !is_user(user) {
                    return Err(NumberTargetError::User(s.chars().take(160).collect()));
                }
                Ok(Self::Uri(UserUri { user: user.into(), target: format!("{form}:{host}").parse()? }))
            }
            _ => Err(syntax()),
        }
    }
}

impl fmt::Display for NumberTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(name) => write!(f, "gate:{name}"),
            Self::SipAccount(name) => write!(f, "sip_account:{name}"),
            Self::H323(target) => write!(f, "{target}"),
            Self::Uri(uri) => {
                write!(f, "sip:{}@{}", uri.user, uri.target.host_port())?;
                if uri.target.transport == Transport::Udp {
                    Ok(())
                } else {
                    write!(f, ";transport={}", uri.target.transport)
                }
            }
        }
    }
}

/// What RFC 3261 §25.1 allows in a user part, without a password.
fn is_user(user: &str) -> bool {
    (1..=USER_MAX).contains(&user.len())
        && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&b))
}

// === impl OurNumbers ===

impl OurNumbers {
    /// Builds the table.
    pub fn new(numbers: Vec<OurNumber>) -> Result<Self, BuildError> {
        let mut sorted: Vec<Arc<OurNumber>> = numbers.into_iter().map(Arc::new).collect();
        sorted.sort_by_key(|number| number.e164);
        match sorted.windows(2).find(|pair| pair[0].e164 == pair[1].e164) {
            Some(twice) => Err(BuildError::TwiceNumbered(twice[0].e164)),
            None => Ok(Self { sorted }),
        }
    }

    /// The number, if it is one of ours.
    pub fn find(&self, number: &Number) -> Option<&Arc<OurNumber>> {
        self.sorted.binary_search_by_key(number, |ours| ours.e164).ok().and_then(|at| self.sorted.get(at))
    }

    /// The number of ours that a peer which writes E.164 dialled, as a carrier does: `+34…`, `0034…` or
    /// `34…`.
    pub fn find_dialled(&self, dialled: &str) -> Option<&Arc<OurNumber>> {
        // Nothing to look for: the common case of a switch without numbers.
        if self.sorted.is_empty() {
            return None;
        }
        self.find(&normalise_e164(dialled).ok()?)
    }

    /// All, by number.
    pub fn iter(&self) -> impl Iterator<Item = &OurNumber> {
        self.sorted.iter().map(|number| &**number)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

/// A called number from a peer without translation rules that writes E.164.
pub fn normalise_e164(dialled: &str) -> Result<Number, NumberRefused> {
    static PLAIN: LazyLock<GateSpec> = LazyLock::new(|| GateSpec::new("", ""));
    normalise(dialled, &PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(digits: &str, account: &str) -> OurNumber {
        OurNumber {
            e164: digits.parse().expect("digits"),
            account: account.into(),
            target: NumberTarget::Gate("pbx".into()),
        }
    }

    #[test]
    fn finds_numbers_however_a_carrier_writes_them() {
        let ours =
            OurNumbers::new(vec![number("34911000002", "b"), number("34911000001", "a")]).expect("numbers");
        for (dialled, account) in [
            ("+34911000001", Some("a")),
            ("0034911000002", Some("b")),
            ("34911000001", Some("a")),
            ("tel:+34-911-000-001", Some("a")),
            ("34911000003", None),
            ("3491100000", None),
            ("911000001", None),
            ("", None),
            ("alice", None),
        ] {
            assert_eq!(ours.find_dialled(dialled).map(|number| &*number.account), account, "{dialled}");
        }
        assert_eq!(OurNumbers::default().find_dialled("34911000001"), None);
    }

    #[test]
    fn a_number_stands_once() {
        let twice = OurNumbers::new(vec![
            number("34911000001", "a"),
            number("34911000002", "a"),
            number("34911000001", "b"),
        ]);
        assert_eq!(
            twice.map(|_| ()).map_err(|e| e.to_string()),
            Err("number 34911000001 is defined twice".to_owned())
        );
    }

    #[test]
    fn reads_targets_and_says_what_is_not_built() {
        for (text, written) in [
            ("gate:acme-pbx", "gate:acme-pbx"),
            ("sip_account:alice", "sip_account:alice"),
            ("sip:alice@sip.example.net", "sip:alice@sip.example.net"),
            ("sip:+34911@192.0.2.9:5070;transport=tcp", "sip:+34911@192.0.2.9:5070;transport=tcp"),
            ("h323:192.0.2.1", "h323:192.0.2.1"),
            ("h323:gw.example:1721", "h323:gw.example:1721"),
            ("sip:a%20b@[2001:db8::1]:5062", "sip:a%20b@[2001:db8::1]:5062"),
        ] {
            assert_eq!(text.parse::<NumberTarget>().map(|target| target.to_string()).as_deref(), Ok(written));
        }
        for text in ["number:34911000001", "voicemail"] {
            let error = text.parse::<NumberTarget>().expect_err(text).to_string();
            assert!(error.contains("not built yet"), "{error}");
        }
        for text in [
            "",
            "gate:",
            "sip_account:",
            "alice",
            "sip:host",
            "sip:@host",
            "sip:a@",
            "sip:a b@host",
            "sip:a@b@c",
            "sip:a:pw@host",
            "sips:a@b;transport=udp",
            "sip:a@b?x=y",
            "h323:a@b",
        ] {
            let error = text.parse::<NumberTarget>().expect_err(text).to_string();
            assert!(!error.contains("not built yet"), "{text}: {error}");
        }
    }
}
