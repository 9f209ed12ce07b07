//! `[[carrier]]`: where calls are sent, within which limits, and what we are there.

use super::h323::H323_TERMS;
use super::sip::RELIABLE;
use super::{
    CODECS, DTMF, IDENTITY, Kind, MEDIA_PATH, NAT, PRIVACY, Preset, RECORD, SESSION, SRTP, Section, TLS_CA,
    TLS_NAME, TRANSCODE, TRANSLATE, TRUST, VERIFY, key,
};

/// `[[carrier]]`.
pub const CARRIER: Section = Section {
    name: "carrier",
    many: true,
    required: false,
    doc: "Where calls are sent.",
    keys: &[
        key("name", Kind::Text, Preset::Required, "Unique among carriers."),
        key(
            "address",
            Kind::Text,
            Preset::Required,
            "`sip:192.0.2.1:5060;transport=udp`, `tcp` or `tls`; `sips:` is another spelling of `transport=tls`. A name is looked up in DNS (RFC 3263): NAPTR, SRV, addresses; NAPTR chooses where neither port nor transport is written. Or `h323:192.0.2.1:1720`, by address.",
        ),
        H323_TERMS,
        key(
            "gatekeeper",
            Kind::Text,
            Preset::Nothing,
            "With an `h323:` address: address and port of the gatekeeper that admits each call there, and may say where else it goes.",
        ),
        TLS_NAME,
        TLS_CA,
        key(
            "source",
            Kind::Texts,
            Preset::Texts(&[]),
            "Further addresses that the carrier's requests come from.",
        ),
        key(
            "deck",
            Kind::Text,
            Preset::Nothing,
            "What the carrier charges. With one, it is tried only for numbers that the deck prices.",
        ),
        CODECS,
        key("max_calls", Kind::Int(1, 1_000_000), Preset::Nothing, "Most calls at once. Absent: no limit."),
        key(
            "max_cps",
            Kind::Int(1, 100_000),
            Preset::Nothing,
            "Most new calls in any second, all threads together; above it the next carrier is tried. Absent: no limit.",
        ),
        key(
            "probe_secs",
            Kind::Int(0, 86_400),
            Preset::Int(0),
            "Seconds between OPTIONS probes; 0: none is ever sent.",
        ),
        key(
            "down_after",
            Kind::Int(1, 1_000_000),
            Preset::Int(5),
            "Consecutive failures before the carrier is skipped.",
        ),
        key(
            "down_secs",
            Kind::Int(1, 86_400),
            Preset::Int(30),
            "Seconds that it is skipped before one call tries it again.",
        ),
        key(
            "first_response_ms",
            Kind::Int(100, 32_000),
            Preset::Int(4_000),
            "Without any response by then the next carrier is tried; the addresses of one carrier share the time, a second each at least.",
        ),
        key(
            "no_answer_secs",
            Kind::Int(1, 3_600),
            Preset::Int(180),
            "Seconds to wait for an answer; then 480 if the phone rang, else the next carrier.",
        ),
        key(
            "next_on",
            Kind::Statuses,
            Preset::Texts(&[
                "3xx", "401", "402", "403", "404", "405", "407", "408", "415", "420", "480", "483", "488",
                "5xx",
            ]),
            "Final answers after which the next carrier is tried.",
        ),
        key(
            "hunt_after_early_media",
            Kind::Bool,
            Preset::Bool(false),
            "Whether the next carrier is tried after this one sent voice before the answer.",
        ),
        key(
            "t1_ms",
            Kind::Int(50, 4_000),
            Preset::Nothing,
            "Timer T1 of RFC 3261 with its address, milliseconds: first pause before a repeat, 64 of them until a request has failed. Longer for \
             ways over satellites. Absent: `sip.t1_ms`.",
        ),
        key(
            "t2_ms",
            Kind::Int(50, 32_000),
            Preset::Nothing,
            "Timer T2 with its address, milliseconds: longest pause between repeats, never less than T1. Absent: 4000.",
        ),
        key(
            "overload_control",
            Kind::Bool,
            Preset::Bool(false),
            "Its INVITEs announce RFC 7339 in their Via: a carrier that knows it may say what part of our calls it has no room for; those go to the \
             next carrier, or are refused with 503.",
        ),
        key("translate", Kind::Rules, Preset::Nothing, TRANSLATE),
        SESSION,
        TRUST,
        IDENTITY,
        PRIVACY,
        RELIABLE,
        VERIFY,
        MEDIA_PATH,
        NAT,
        SRTP,
        TRANSCODE,
        DTMF,
        RECORD,
        key(
            "plus",
            Kind::Bool,
            Preset::Bool(false),
            "Numbers are dialled with a leading `+` where no rule of `translate` applies.",
        ),
        key(
            "user_phone",
            Kind::Bool,
            Preset::Bool(false),
            "Request-URI and To of its INVITEs say `;user=phone` (RFC 3261 §19.1.1): what they name is a telephone number.",
        ),
        key(
            "headers_add",
            Kind::Texts,
            Preset::Texts(&[]),
            "Headers added to the INVITE of each call, `[\"X-Trunk: acme\"]`; none that the switch writes or judges itself.",
        ),
        key(
            "headers_strip",
            Kind::Texts,
            Preset::Texts(&[]),
            "Names of headers of the caller's INVITE that do not go to this carrier. They go before `headers_add` come.",
        ),
        key(
            "redirect",
            Kind::Word(&["next", "follow"]),
            Preset::Text("next"),
            "What a 3xx does: the next carrier as `next_on` has it, or `follow`: its Contacts are tried by q, three at most, inside \
             `redirect_hosts`. It stays this carrier's attempt, at its cost.",
        ),
        key(
            "redirect_hosts",
            Kind::Texts,
            Preset::Texts(&[]),
            "Addresses, blocks and host names that `redirect = \"follow\"` may lead to. A name, `gw.example.net` or `gw.example.net:5062`, is looked \
             up beforehand as carriers' are, and is what a Contact has to name, port included.",
        ),
        key(
            "username",
            Kind::Text,
            Preset::Nothing,
            "Who we are when the carrier asks for digest credentials (401, 407), on any request; with `password_file`. Absent: a challenge is a \
             failure as any other.",
        ),
        key("password_file", Kind::Path, Preset::Nothing, "File with the password, one line, mode 0600."),
        key(
            "realm",
            Kind::Text,
            Preset::Nothing,
            "Answers challenges of this realm only. Absent: of any realm that comes from the carrier's own addresses.",
        ),
        key(
            "register",
            Kind::Bool,
            Preset::Bool(false),
            "Keeps a registration of `username` at the carrier, so that it knows where its calls to our numbers go; taken back when the process \
             ends. A call to that Contact rings the number in its To. Needs `username` and `password_file`.",
        ),
        key(
            "register_expires",
            Kind::Int(20, 86_400),
            Preset::Int(3_600),
            "Seconds for which it asks; what the carrier grants is followed, from 20 up.",
        ),
    ],
};
