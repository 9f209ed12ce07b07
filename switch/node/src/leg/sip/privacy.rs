//! What a carrier learns of who calls (RFC 3323, RFC 3325, RFC 8224): nothing of a caller who withholds the
//! number, in no header. Invariant: P-Asserted-Identity, Remote-Party-ID, Diversion and History-Info never
//! cross; they are claims of a gate about others.

use sip::{Message, Name, NameAddr};

/// The From of a caller who withholds the number (RFC 3323 §4.1.1.3).
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
/// A number of fewer digits is in too many headers by chance.
const NUMBER_DIGITS_MIN: usize = 5;

/// How a caller is shown to a carrier.
#[derive(Debug)]
pub(crate) struct Presentation<'a> {
    invite: &'a Message,
    withheld: bool,
    /// Digits that would give the caller away; of a caller who withholds them only.
    secrets: Vec<String>,
}

impl<'a> Presentation<'a> {
    /// What the INVITE of `caller`, the user part of its From, asks for.
    pub(crate) fn of(invite: &'a Message, caller: &str) -> Self {
        let withheld = is_withheld(invite, caller);
        let identities = [Name::From, Name::PAssertedIdentity, Name::PPreferredIdentity, Name::RemotePartyId];
        let values = identities.into_iter().filter(|_| withheld).flat_map(|name| invite.values(name));
        let secrets =
            values.filter_map(user_digits).filter(|digits| digits.len() >= NUMBER_DIGITS_MIN).collect();
        Self { invite, withheld, secrets }
    }

    /// The From value without its tag; `shown` is the one of a caller who withholds nothing.
    pub(crate) fn from(&self, shown: &str) -> String {
        if self.withheld { ANONYMOUS } else { shown }.to_owned()
    }

    /// Whether a header of the INVITE crosses, besides those that always do. A signature of the caller's
    /// number (RFC 8224) holds as long as that number is shown; it contains it, so that it goes where the
    /// number does.
    pub(crate) fn passes(&self, name: Name, text: &str) -> bool {
        match name {
            Name::Privacy => true,
            Name::Identity => !self.withheld,
            Name::Other => !self.withheld || !self.gives_away(text),
            _ => false,
        }
    }

    /// Whether a header that we do not know holds one of the caller's numbers.
    fn gives_away(&self, text: &str) -> bool {
        let mut named = self.invite.all_headers().filter(|(_, name, _)| name.eq_ignore_ascii_case(text));
        named.any(|(_, _, value)| {
            let digits: String = value.chars().filter(char::is_ascii_digit).collect();
            self.secrets.iter().any(|secret| digits.contains(secret.as_str()))
        })
    }
}

/// Whether a caller asks that nobody beyond learns who calls: by Privacy (RFC 3323 §4.2, RFC 3325 §9.3), by
/// Remote-Party-ID as older equipment does, or by an anonymous From.
fn is_withheld(invite: &Message, caller: &str) -> bool {
    let mut levels = invite.values(Name::Privacy).flat_map(|value| value.split([';', ','])).map(str::trim);
    if levels.any(|level| ["id", "user", "header"].iter().any(|known| known.eq_ignore_ascii_case(level))) {
        return true;
    }
    let hidden = invite.values(Name::RemotePartyId).filter_map(NameAddr::parse).any(|party| {
        let privacy = party.params.value("privacy").unwrap_or_default();
        ["full", "uri"].iter().any(|word| {
            privacy.split('-').next().is_some_and(|first| first.trim_matches('"').eq_ignore_ascii_case(word))
        })
    });
    hidden
        || caller.eq_ignore_ascii_case("anonymous")
        || invite.header(Name::From).is_some_and(|from| from.contains("anonymous.invalid"))
}

/// The digits of a party's user part.
fn user_digits(value: &str) -> Option<String> {
    let uri = NameAddr::parse(value)?.uri;
    let user = uri.split_once(':').map_or(uri, |(_, rest)| rest).split('@').next()?;
    Some(user.split(';').next()?.chars().filter(char::is_ascii_digit).collect())
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
