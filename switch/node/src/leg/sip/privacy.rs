//! What the called side learns of who calls (RFC 3323, RFC 3325, RFC 8224). Invariants: a withheld number
//! stands in nothing that goes to a side which we do not trust; what a side that we do not trust says of
//! others never crosses; a gate shows only numbers that it owns.

use route::{HeaderRules, IdentityForm, IdentityPolicy, PrivacyPolicy};
use sip::{Builder, Message, Name, NameAddr};
use stir::Verstat;

use super::crossing::Crossing;
use super::parties::{self, escaped_user};

/// The From of a caller who withholds the number (RFC 3323 §4.1.1.3).
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
/// A number of fewer digits is in too many headers by chance.
const NUMBER_DIGITS_MIN: usize = 5;
/// Digits at a number's end that give it away, with whatever code in front.
const TELLING_DIGITS: usize = 8;
/// Words that stand where a number would, of a caller who has none to show.
const NOBODY: [&str; 5] = ["anonymous", "restricted", "private", "unavailable", "unknown"];

/// How a caller is shown to one called side.
#[derive(Debug)]
pub(crate) struct Presentation<'a> {
    /// The caller's INVITE, if it spoke SIP.
    invite: Option<&'a Message>,
    /// User part of From; none of a caller who is not shown there.
    shown: Option<String>,
    /// User part of the identity header; none if there is none.
    asserted: Option<String>,
    form: Option<IdentityForm>,
    /// The caller wishes to stay unknown, and that wish counts.
    withheld: bool,
    /// The called side is told all the same.
    told: bool,
    /// The wish goes on as it came.
    wish_passes: bool,
    /// What the caller's side says of others goes on: both sides are trusted.
    claims_pass: bool,
    /// The caller's signature of the number goes on.
    signature_passes: bool,
    /// What came of verifying the number, told to trusted sides (3GPP TS 24.229 §7.2A.20).
    verstat: &'static str,
    /// Digits that would give the caller away; of a caller who withholds them only.
    secrets: Vec<String>,
}

impl<'a> Presentation<'a> {
    /// How `caller`, the user part of its From, is shown to a side with this policy; `is_withheld`: it
    /// wishes to stay unknown by another word than its INVITE's.
    pub(crate) fn of(
        crossing: Option<&'a Crossing>,
        (caller, is_withheld_elsewhere): (&str, bool),
        to: IdentityPolicy,
    ) -> Self {
        let invite = crossing.map(|crossing| &*crossing.invite);
        let from = crossing.map(|crossing| crossing.party.identity()).unwrap_or_default();
        let gate = crossing.and_then(|crossing| crossing.party.gate());
        let asks = is_withheld_elsewhere
            || invite.is_some_and(|invite| is_withheld(invite, caller))
            || is_nobody(caller);
        let withheld = asks && from.privacy != PrivacyPolicy::Ignore;

        let named = invite.and_then(|invite| asserted_user(invite, from.trust));
        let in_from = Some(caller).filter(|caller| !is_nobody(caller)).map(str::to_owned);
        let may_show = |number: &String| gate.is_none_or(|gate| gate.may_show(number));
        let default = gate.and_then(|gate| gate.default_caller.as_ref()).map(|number| format!("+{number}"));
        let is_own = in_from.as_ref().or(named.as_ref()).is_none_or(may_show);
        let claimed = [named, in_from.clone()].into_iter().flatten().find(may_show);
        let number = claimed.or_else(|| default.clone());
        let in_from = match in_from {
            Some(user) if may_show(&user) => Some(user),
            Some(_) => default,
            // An anonymous From whose wish does not count: what else is known of the caller.
            None if !withheld => number.clone(),
            None => None,
        };

        let told = withheld && to.trust;
        let form = to.told_by();
        let plain_from =
            !withheld || (told && (form == Some(IdentityForm::From) || from.privacy == PrivacyPolicy::Pass));
        let shown = match (plain_from, told && form == Some(IdentityForm::From)) {
            (false, _) => None,
            (true, true) => number.clone(),
            (true, false) => in_from,
        };
        let asserted = number.filter(|_| !withheld || told);
        let secrets = invite.filter(|_| withheld && !told).map(secrets).unwrap_or_default();
        let wish_passes = from.privacy != PrivacyPolicy::Ignore;
        let claims_pass = from.trust && to.trust;
        let signature_passes = (!withheld || told) && is_own;
        let verstat = crossing.and_then(|crossing| crossing.verstat).filter(|_| to.trust && is_own);
        Self {
            invite,
            shown,
            asserted,
            form,
            withheld,
            told,
            wish_passes,
            claims_pass,
            signature_passes,
            verstat: verstat.map_or("", verstat_parameter),
            secrets,
        }
    }

    /// The number by which the called side is told who calls: that of the identity header, else From's. None
    /// of a caller who withholds it.
    pub(crate) fn number(&self) -> Option<&str> {
        let is_beside = matches!(self.form, Some(IdentityForm::Asserted | IdentityForm::RemoteParty));
        self.asserted.as_deref().filter(|_| is_beside).or(self.shown.as_deref())
    }

    /// Whether the caller's own signature of the number goes on.
    pub(crate) const fn signature_passes(&self) -> bool {
        self.signature_passes
    }

    /// Another signature takes the place of the caller's own, or none does.
    pub(crate) const fn drop_signature(&mut self) {
        self.signature_passes = false;
    }

    /// The From value without its tag; `here` is our address there.
    pub(crate) fn from(&self, here: &str) -> String {
        match &self.shown {
            Some(user) => format!("<sip:{}@{here}>", escaped_user(user)),
            None => ANONYMOUS.to_owned(),
        }
    }

    /// Adds the headers that say who calls, and those of the INVITE that cross and are not stripped.
    pub(crate) fn identify(&self, builder: Builder, here: &str, rules: Option<&HeaderRules>) -> Builder {
        let mut builder = builder;
        if let Some(user) = &self.asserted {
            let (user, verstat) = (escaped_user(user), self.verstat);
            builder = match self.form {
                Some(IdentityForm::Asserted) => {
                    builder.header_fmt(Name::PAssertedIdentity, format_args!("<sip:{user}{verstat}@{here}>"))
                }
                Some(IdentityForm::RemoteParty) => builder.header_fmt(
                    Name::RemotePartyId,
                    format_args!(
                        "<sip:{user}@{here}>;party=calling;screen=yes;privacy={}",
                        if self.withheld { "full" } else { "off" }
                    ),
                ),
                Some(IdentityForm::From) | None => builder,
            };
        }
        let Some(invite) = self.invite else { return builder };
        // The wish was made in another way than by this header.
        if self.told && invite.header(Name::Privacy).is_none() {
            builder = builder.header(Name::Privacy, "id");
        }
        let is_stripped = |text: &str| rules.is_some_and(|rules| rules.strips(text));
        builder.copy(invite, |name, text| !is_stripped(text) && self.passes(invite, name, text))
    }

    /// Whether a header of the INVITE crosses. A signature of the caller's number (RFC 8224) holds as long as
    /// that number is shown; it contains it, so that it goes where the number does.
    fn passes(&self, invite: &Message, name: Name, text: &str) -> bool {
        match name {
            Name::Privacy => self.wish_passes,
            Name::Identity => self.signature_passes,
            Name::Diversion | Name::HistoryInfo => self.claims_pass,
            name => parties::passes(name) && !self.gives_away(invite, name, text),
        }
    }

    /// Whether a header holds one of the caller's numbers.
    fn gives_away(&self, invite: &Message, name: Name, text: &str) -> bool {
        if self.secrets.is_empty() {
            return false;
        }
        let same = |other: Name, its: &str| {
            other == name && (other != Name::Other || its.eq_ignore_ascii_case(text))
        };
        let mut named = invite.all_headers().filter(|(other, its, _)| same(*other, its));
        named.any(|(_, _, value)| {
            let digits = digits_of(value);
            self.secrets.iter().any(|secret| digits.contains(secret.as_str()))
        })
    }
}

/// Its parameter of a telephone number in a user part.
const fn verstat_parameter(verstat: Verstat) -> &'static str {
    match verstat {
        Verstat::Passed => ";verstat=TN-Validation-Passed",
        Verstat::Failed => ";verstat=TN-Validation-Failed",
        Verstat::None => ";verstat=No-TN-Validation",
    }
}

/// Whether a user part stands for nobody.
pub(crate) fn is_nobody(user: &str) -> bool {
    NOBODY.iter().any(|word| user.eq_ignore_ascii_case(word))
}

/// Whether a caller asks that nobody beyond learns who calls: by Privacy (RFC 3323 §4.2, RFC 3325 §9.3), by
/// Remote-Party-ID as older equipment does, or by an anonymous From.
fn is_withheld(invite: &Message, caller: &str) -> bool {
    let split = |c: char| matches!(c, ';' | ',' | '"') || c.is_ascii_whitespace();
    let mut levels = invite.values(Name::Privacy).flat_map(|value| value.split(split));
    if levels.any(|level| ["id", "user", "header"].iter().any(|known| known.eq_ignore_ascii_case(level))) {
        return true;
    }
    let hidden = invite.values(Name::RemotePartyId).filter_map(NameAddr::parse).any(|party| {
        let privacy = party.params.value("privacy").unwrap_or_default();
        ["full", "uri"].iter().any(|word| {
            privacy.split('-').next().is_some_and(|first| first.trim_matches('"').eq_ignore_ascii_case(word))
        })
    });
    let from = invite.from().ok();
    let display = from.as_ref().is_some_and(|from| is_nobody(from.display_text().trim()));
    let host = from.as_ref().is_some_and(|from| from.uri.to_ascii_lowercase().contains("anonymous.invalid"));
    hidden || is_nobody(caller) || display || host
}

/// The user part of the first identity that counts: what a trusted side asserts, else what the caller prefers
/// (RFC 3325 §6), which is a claim like From.
fn asserted_user(invite: &Message, trusted: bool) -> Option<String> {
    let of = |name: Name| {
        let user = |value| parties::calling_party(&NameAddr::parse(value)?.parse_uri()?).into();
        invite.values(name).find_map(user).filter(|user: &String| !user.is_empty() && !is_nobody(user))
    };
    if trusted {
        return of(Name::PAssertedIdentity).or_else(|| of(Name::RemotePartyId));
    }
    of(Name::PPreferredIdentity)
}

/// The digits by which a caller who withholds the number would be known.
fn secrets(invite: &Message) -> Vec<String> {
    let identities = [Name::From, Name::PAssertedIdentity, Name::PPreferredIdentity, Name::RemotePartyId];
    let users = identities.into_iter().flat_map(|name| invite.values(name)).filter_map(|value| {
        let uri = NameAddr::parse(value)?.uri;
        let user = uri.split_once(':').map_or(uri, |(_, rest)| rest).split('@').next()?;
        Some(digits_of(user.split(';').next()?))
    });
    let numbers = users.filter(|digits| digits.len() >= NUMBER_DIGITS_MIN);
    numbers.map(|digits| digits[digits.len().saturating_sub(TELLING_DIGITS)..].to_owned()).collect()
}

/// The digits of a text, also of those that are percent-escaped (RFC 3261 §19.1.2).
fn digits_of(text: &str) -> String {
    let mut digits = String::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'%', [b'3', digit @ b'0'..=b'9', tail @ ..]) => {
                digits.push(char::from(*digit));
                rest = tail;
            }
            (digit @ b'0'..=b'9', _) => digits.push(char::from(digit)),
            _ => {}
        }
    }
    digits
}

/// Most times that a call may have been forwarded before it came here; more is a loop of forwardings (RFC
/// 5806, RFC 7044). The counter of the telephone network ends at 7 (ITU-T Q.763 §3.45).
pub(crate) const FORWARDS_MAX: usize = 10;

/// How often a call was forwarded, as its Diversion headers, with their counters, or its History-Info entries
/// tell.
pub(crate) fn forwards(invite: &Message) -> usize {
    let counter = |value: &str| {
        NameAddr::parse(value).and_then(|party| party.params.value("counter")?.parse::<u16>().ok())
    };
    let diverted =
        invite.values(Name::Diversion).map(|value| usize::from(counter(value).unwrap_or(1))).sum::<usize>();
    diverted.max(invite.values(Name::HistoryInfo).count().saturating_sub(1))
}
