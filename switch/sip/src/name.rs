//! Known header names with their compact forms (RFC 3261 §7.3.3, §20 and the extensions' registries).
//! Lookup ignores ASCII case and costs one hash and one comparison; unknown names are [`Name::Other`].

macro_rules! names {
    ($( $variant:ident $text:literal $compact:literal $shape:ident, )*) => {
        /// A header field's name. Every name that is not listed is [`Name::Other`]; its text stays in the
        /// message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Name { $( $variant, )* Other }

        const KNOWN: &[(Name, &str, &str, Shape)] =
            &[ $( (Name::$variant, $text, $compact, Shape::$shape), )* ];
    };
}

/// How often a header may stand in one message, and whether a comma separates values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// At most once, one value.
    Once,
    /// Any number of values, comma-separated or on lines of their own.
    List,
    /// May repeat, but a comma does not separate values (digest challenges, Date, free text).
    Lines,
}

names! {
    Via "Via" "v" List,
    From "From" "f" Once,
    To "To" "t" Once,
    CallId "Call-ID" "i" Once,
    CSeq "CSeq" "" Once,
    Contact "Contact" "m" List,
    MaxForwards "Max-Forwards" "" Once,
    ContentLength "Content-Length" "l" Once,
    ContentType "Content-Type" "c" Once,
    Route "Route" "" List,
    RecordRoute "Record-Route" "" List,
    Require "Require" "" List,
    ProxyRequire "Proxy-Require" "" List,
    Supported "Supported" "k" List,
    Unsupported "Unsupported" "" List,
    Allow "Allow" "" List,
    AllowEvents "Allow-Events" "u" List,
    Accept "Accept" "" List,
    AcceptContact "Accept-Contact" "a" List,
    AcceptEncoding "Accept-Encoding" "" List,
    AcceptLanguage "Accept-Language" "" List,
    AlertInfo "Alert-Info" "" List,
    AnswerMode "Answer-Mode" "" Once,
    AuthenticationInfo "Authentication-Info" "" Lines,
    Authorization "Authorization" "" Lines,
    CallInfo "Call-Info" "" List,
    ContentDisposition "Content-Disposition" "" Once,
    ContentEncoding "Content-Encoding" "e" List,
    ContentLanguage "Content-Language" "" List,
    Date "Date" "" Lines,
    Diversion "Diversion" "" List,
    ErrorInfo "Error-Info" "" List,
    Event "Event" "o" Once,
    Expires "Expires" "" Once,
    HistoryInfo "History-Info" "" List,
    Identity "Identity" "y" List,
    InReplyTo "In-Reply-To" "" List,
    Join "Join" "" Once,
    MaxBreadth "Max-Breadth" "" Once,
    MimeVersion "MIME-Version" "" Once,
    MinExpires "Min-Expires" "" Once,
    MinSe "Min-SE" "" Once,
    Organization "Organization" "" Lines,
    PAccessNetworkInfo "P-Access-Network-Info" "" List,
    PAssertedIdentity "P-Asserted-Identity" "" List,
    PChargingVector "P-Charging-Vector" "" Lines,
    PEarlyMedia "P-Early-Media" "" List,
    PPreferredIdentity "P-Preferred-Identity" "" List,
    Path "Path" "" List,
    Priority "Priority" "" Once,
    Privacy "Privacy" "" Lines,
    ProxyAuthenticate "Proxy-Authenticate" "" Lines,
    ProxyAuthorization "Proxy-Authorization" "" Lines,
    RAck "RAck" "" Once,
    RSeq "RSeq" "" Once,
    Reason "Reason" "" List,
    ReferSub "Refer-Sub" "" Once,
    ReferTo "Refer-To" "r" Once,
    ReferredBy "Referred-By" "b" Once,
    RejectContact "Reject-Contact" "j" List,
    RemotePartyId "Remote-Party-ID" "" List,
    Replaces "Replaces" "" Once,
    ReplyTo "Reply-To" "" Once,
    RequestDisposition "Request-Disposition" "d" List,
    RetryAfter "Retry-After" "" Once,
    Server "Server" "" Lines,
    ServiceRoute "Service-Route" "" List,
    SessionExpires "Session-Expires" "x" Once,
    SipEtag "SIP-ETag" "" Once,
    SipIfMatch "SIP-If-Match" "" Once,
    Subject "Subject" "s" Lines,
    SubscriptionState "Subscription-State" "" Once,
    TargetDialog "Target-Dialog" "" Once,
    Timestamp "Timestamp" "" Once,
    UserAgent "User-Agent" "" Lines,
    UserToUser "User-to-User" "" Lines,
    Warning "Warning" "" List,
    WwwAuthenticate "WWW-Authenticate" "" Lines,
}

const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;
const TABLE: [u8; SLOTS] = hash_table();
const COMPACT: [u8; 26] = compact_table();

const fn hash(text: &[u8]) -> usize {
    let middle = (text[text.len() / 2] | 0x20) as usize;
    let first = (text[0] | 0x20) as usize;
    let last = (text[text.len() - 1] | 0x20) as usize;
    (text.len().wrapping_mul(37) ^ first.wrapping_mul(5) ^ last.wrapping_mul(151) ^ middle.wrapping_mul(59))
        % SLOTS
}

const fn hash_table() -> [u8; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut at = 0;
    while at < KNOWN.len() {
        let mut slot = hash(KNOWN[at].1.as_bytes());
        while table[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = at as u8;
        at += 1;
    }
    table
}

const fn compact_table() -> [u8; 26] {
    let mut table = [EMPTY; 26];
    let mut at = 0;
    while at < KNOWN.len() {
        let compact = KNOWN[at].2.as_bytes();
        if compact.len() == 1 {
            table[(compact[0] - b'a') as usize] = at as u8;
        }
        at += 1;
    }
    table
}

impl Name {
    /// The header of this name, long or compact, in any case.
    #[inline]
    pub fn from_bytes(text: &[u8]) -> Name {
        match text {
            [] => Name::Other,
            [letter] if letter.is_ascii_alphabetic() => {
                Name::at(COMPACT[usize::from((letter | 0x20) - b'a')])
            }
            _ => {
                let mut slot = hash(text);
                loop {
                    let at = TABLE[slot];
                    let Some(known) = KNOWN.get(usize::from(at)) else { return Name::Other };
                    // nearly every sender writes the canonical form
                    if known.1.as_bytes() == text || known.1.as_bytes().eq_ignore_ascii_case(text) {
                        return known.0;
                    }
                    slot = (slot + 1) % SLOTS;
                }
            }
        }
    }

    #[inline]
    fn at(index: u8) -> Name {
        KNOWN.get(usize::from(index)).map_or(Name::Other, |known| known.0)
    }

    /// The canonical long name; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        KNOWN.get(self as usize).map_or("", |known| known.1)
    }

    /// True when a comma separates values of this header.
    pub fn is_list(self) -> bool {
        KNOWN.get(self as usize).is_some_and(|known| known.3 == Shape::List)
    }

    /// This name's bit in a set of names.
    pub(crate) const fn bit(self) -> u128 {
        1u128 << (self as u8)
    }
}

/// Headers that stand at most once in a message.
pub(crate) const ONCE: u128 = once();

const fn once() -> u128 {
    let mut set = 0;
    let mut at = 0;
    while at < KNOWN.len() {
        if matches!(KNOWN[at].3, Shape::Once) {
            set |= KNOWN[at].0.bit();
        }
        at += 1;
    }
    set
}

/// The first name of a set, in the order of the enum; [`Name::Other`] for the empty set.
pub(crate) fn first_of(set: u128) -> Name {
    Name::at(set.trailing_zeros().min(u32::from(EMPTY)) as u8)
}

const _: () = assert!(KNOWN.len() < 128, "names must fit one u128 set");

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (name, text, compact, _) in KNOWN {
            assert_eq!(Name::from_bytes(text.as_bytes()), *name);
            assert_eq!(Name::from_bytes(text.to_uppercase().as_bytes()), *name);
            assert_eq!(Name::from_bytes(text.to_lowercase().as_bytes()), *name);
            assert_eq!(KNOWN[*name as usize].0, *name, "order of the table is the order of the enum");
            assert_eq!(first_of(name.bit()), *name);
            if !compact.is_empty() {
                assert_eq!(Name::from_bytes(compact.to_uppercase().as_bytes()), *name);
            }
        }
    }

    #[test]
    fn strangers_are_other() {
        for text in ["", "x-internal", "Vi", "Viaa", "z", "1", "Content_Length", "To\u{1}"] {
            assert_eq!(Name::from_bytes(text.as_bytes()), Name::Other, "{text:?}");
        }
    }
}
