//! `[[gate]]` and `[[sip_account]]`: what a customer calls from, and what such calls may do.

use super::h323::H323_TERMS;
use super::sip::RELIABLE;
use super::{
    CODECS, DTMF, IDENTITY, Key, Kind, MEDIA_PATH, NAT, PRIVACY, Preset, RECORD, SECS_MAX, SESSION, SRTP,
    Section, TLS_CA, TLS_NAME, TRANSCODE, TRUST, VERIFY, key,
};

const NUMBERING: Key = key(
    "numbering",
    Kind::Word(&["e164", "national"]),
    Preset::Text("e164"),
    "How called numbers are written: country code first, or as dialled inside `country`.",
);

const COUNTRY: Key =
    key("country", Kind::Text, Preset::Nothing, "Two letters, with `numbering = \"national\"`.");

const TRANSLATE: Key = key("translate", Kind::Rules, Preset::Nothing, super::TRANSLATE);

const BLOCKED: Key =
    key("blocked", Kind::Texts, Preset::Texts(&[]), "Called prefixes, E.164 digits, answered 403.");

const BLOCKED_CALLERS: Key = key(
    "blocked_callers",
    Kind::Texts,
    Preset::Texts(&[]),
    "Prefixes of the caller's number, E.164 digits, answered 403; the caller is brought into international form first.",
);

const MAX_CALLS: Key =
    key("max_calls", Kind::Int(1, 1_000_000), Preset::Nothing, "Most calls at once. Absent: no limit.");

const MAX_CPS: Key =
    key("max_cps", Kind::Int(1, 100_000), Preset::Nothing, "Most new calls in any second. Absent: no limit.");

const MAX_CALL_SECS: Key = key(
    "max_call_secs",
    Kind::Int(1, SECS_MAX),
    Preset::Int(14_400),
    "Longest call, seconds from the answer.",
);

const CALLER_NUMBERS: Key = key(
    "caller_numbers",
    Kind::Texts,
    Preset::Texts(&[]),
    "Prefixes, E.164 digits, of the numbers that its calls may show; the caller is brought into international form first. Absent: any.",
);

const DEFAULT_CALLER: Key = key(
    "default_caller",
    Kind::Text,
    Preset::Nothing,
    "Number, E.164 digits, shown instead of one that it may not show. Absent: such a caller is shown as anonymous.",
);

/// `[[gate]]`.
pub const GATE: Section = Section {
    name: "gate",
    many: true,
    required: false,
    doc: "Addresses that a customer calls from.",
    keys: &[
        key("name", Kind::Text, Preset::Required, "Unique among gates and SIP accounts."),
        key("account", Kind::Text, Preset::Required, "Who pays."),
        key(
            "source",
            Kind::Texts,
            Preset::Texts(&[]),
            "Addresses and blocks, IPv4 and IPv6; the longest block wins over all gates, an empty list matches nothing.",
        ),
        key(
            "address",
            Kind::Text,
            Preset::Nothing,
            "Where it is called, as `sip:192.0.2.1:5060;transport=udp` or `h323:192.0.2.1:1720`, when a number of ours rings it. Absent: its \
             first single `source`, port 5060, UDP; of a gate without `sip` in `protocol`, port 1720.",
        ),
        key(
            "protocol",
            Kind::Texts,
            Preset::Texts(&["sip"]),
            "What its calls come by, `sip`, `h323` or both; by one that is not named its addresses are a stranger's.",
        ),
        H323_TERMS,
        key(
            "h323_alias",
            Kind::Texts,
            Preset::Texts(&[]),
            "Aliases, H.323 names or numbers, by which it may register at the small gatekeeper, `h323.ras`.",
        ),
        TLS_NAME,
        TLS_CA,
        CODECS,
        NUMBERING,
        key(
            "reply_to",
            Kind::Word(&["auto", "source", "via"]),
            Preset::Text("auto"),
            "The port to which answers over UDP go when a Via has no `rport`: `via` its own, `source` the one that the request came from; \
             `auto` the Via's if its host is the source's address, else the source's.",
        ),
        COUNTRY,
        TRANSLATE,
        BLOCKED,
        BLOCKED_CALLERS,
        MAX_CALLS,
        MAX_CPS,
        MAX_CALL_SECS,
        key(
            "username",
            Kind::Text,
            Preset::Nothing,
            "With `password_file`: the address alone is not enough, and its calls have to come with this user's digest (RFC 7616, SHA-256 or MD5).",
        ),
        key("password_file", Kind::Path, Preset::Nothing, "File with the user's password, mode 0600."),
        SESSION,
        TRUST,
        IDENTITY,
        PRIVACY,
        RELIABLE,
        VERIFY,
        CALLER_NUMBERS,
        DEFAULT_CALLER,
        MEDIA_PATH,
        NAT,
        SRTP,
        TRANSCODE,
        DTMF,
        RECORD,
    ],
};

/// `[[sip_account]]`.
pub const SIP_ACCOUNT: Section = Section {
    name: "sip_account",
    many: true,
    required: false,
    doc: "A phone or PBX that is known by its credentials, from wherever it calls. Once there is one, unknown addresses that ask for one of \
          `sip.domains` are challenged; without any they hear nothing.",
    keys: &[
        key("name", Kind::Text, Preset::Required, "Unique among gates and SIP accounts."),
        key("account", Kind::Text, Preset::Required, "Who pays."),
        key(
            "username",
            Kind::Text,
            Preset::Required,
            "User of the digest (RFC 7616); unique among SIP accounts.",
        ),
        key(
            "password_file",
            Kind::Path,
            Preset::Nothing,
            "File with the password, mode 0600. Either this or `ha1_sha256` and `ha1_md5`.",
        ),
        key(
            "ha1_sha256",
            Kind::Text,
            Preset::Nothing,
            "SHA-256 of `username:realm:password`, 64 hex digits, in place of the password; the realm is the first of `sip.domains`. \
             Whoever reads it can log in: a configuration with it in must be readable by its owner alone, unless it is sealed: `tollgate seal \
             --username NAME < PASSWORD_FILE` prints both lines (`node.secret_file`).",
        ),
        key(
            "ha1_md5",
            Kind::Text,
            Preset::Nothing,
            "The same by MD5, 32 hex digits, for phones that know nothing better.",
        ),
        key("max_contacts", Kind::Int(1, 100), Preset::Int(5), "Most phones that are registered at a time."),
        CODECS,
        NUMBERING,
        COUNTRY,
        TRANSLATE,
        BLOCKED,
        BLOCKED_CALLERS,
        MAX_CALLS,
        MAX_CPS,
        MAX_CALL_SECS,
        SESSION,
        TRUST,
        IDENTITY,
        PRIVACY,
        RELIABLE,
        VERIFY,
        CALLER_NUMBERS,
        DEFAULT_CALLER,
        MEDIA_PATH,
        NAT,
        SRTP,
        TRANSCODE,
        DTMF,
        RECORD,
    ],
};
