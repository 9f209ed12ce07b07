//! `[sip]`: listeners and timers, and what is shown and demanded under TLS.

use super::{Key, Kind, Preset, Section, key};

/// `[sip]`.
pub const SIP: Section = Section {
    name: "sip",
    many: false,
    required: true,
    doc: "SIP listeners and timers.",
    keys: &[
        key(
            "listen",
            Kind::Texts,
            Preset::Required,
            "Where to listen, as `udp:192.0.2.1:5060` or `tcp:[2001:db8::1]:5060`; `tls:` and `wss:` need `[sip.tls]`; `ws:` and \
             `wss:` are WebSockets for browsers (RFC 7118), on any path. Port 0 takes a free one.",
        ),
        key(
            "advertise",
            Kind::Text,
            Preset::Nothing,
            "Address told to peers in Via, Contact and SDP. Absent: the listener's own; required if one listens on 0.0.0.0 or [::].",
        ),
        key("t1_ms", Kind::Int(50, 4_000), Preset::Int(500), "Timer T1 of RFC 3261, milliseconds."),
        key(
            "tcp_idle_secs",
            Kind::Int(10, 86_400),
            Preset::Int(300),
            "Seconds after which an idle connection (TCP, TLS, WebSocket) without a call is closed.",
        ),
        key(
            "tcp_per_source",
            Kind::Int(1, 100_000),
            Preset::Int(64),
            "Most connections (TCP, TLS, WebSocket) from one address.",
        ),
        key(
            "ws_origins",
            Kind::Texts,
            Preset::Nothing,
            "Web pages whose browsers may open a WebSocket, as `https://phone.example.net`: what `Origin` says. Absent: any. A client that \
             names no origin is no browser, and is not asked.",
        ),
        key(
            "domains",
            Kind::Texts,
            Preset::Nothing,
            "Domains of SIP accounts, as `sip.example.net`; the first is the realm of their digests. Absent: our own addresses, and the \
             realm is `advertise`, else the address of the first listener. Means nothing without a `[[sip_account]]`: strangers hear nothing then.",
        ),
        key(
            "digest",
            Kind::Word(&["both", "sha-256", "md5"]),
            Preset::Text("both"),
            "Hashes that challenges offer: `both`, SHA-256 first; `sha-256` alone; or `md5` alone, for phones that give up at a challenge whose \
             hash they do not know (baresip before 2.0 is one). Credentials by another hash are not taken.",
        ),
        key(
            "challenge_per_source",
            Kind::Int(1, 10_000),
            Preset::Int(10),
            "Challenges a second to one unknown address (of IPv6: to one /64); to what comes beyond that it hears nothing.",
        ),
        key(
            "lockout_after",
            Kind::Int(1, 1_000),
            Preset::Int(5),
            "Wrong credentials from one unknown address within `lockout_secs`, after which it hears nothing for as long. Gates' and \
             carriers' addresses are never locked out.",
        ),
        key("lockout_secs", Kind::Int(1, 604_800), Preset::Int(900), "See `lockout_after` and `ban_after`."),
        key(
            "ban_after",
            Kind::Int(0, 1_000_000),
            Preset::Int(100),
            "Where there are SIP accounts: requests of one unknown address within `lockout_secs` that only scanners send so many of, after which \
             it hears nothing for as long: challenged and never answered, for other domains, unreadable. Right credentials begin the count anew, and \
             an address that gave some within `lockout_secs` is not locked out by it. 0: never.",
        ),
        key(
            "dialog_probe_secs",
            Kind::Int(0, 86_400),
            Preset::Nothing,
            "Seconds without a request from a peer that knows no session timer, after which it is asked by OPTIONS in the dialog whether \
             its call still lives; two 481 or 408, or no answer twice, end it. 0: never. Absent: half of the peer's `session_expires`.",
        ),
    ],
};

/// `[sip.tls]`.
pub const SIP_TLS: Section = Section {
    name: "sip.tls",
    many: false,
    required: false,
    doc: "What `tls:` and `wss:` listeners show and demand. All files are read again with the configuration; connections that are open stay \
          so. The certificate is shown to carriers that ask for one.",
    keys: &[
        key(
            "certificate",
            Kind::Path,
            Preset::Required,
            "PEM file: the certificate, then those that lead to its authority. Shown to who names none of the names of `[[sip.tls.extra]]`.",
        ),
        key("key", Kind::Path, Preset::Required, "PEM file with its private key (PKCS#8, PKCS#1 or SEC1)."),
        key(
            "client_ca",
            Kind::Path,
            Preset::Nothing,
            "PEM file with the authorities of clients' certificates. With it one that is shown is verified.",
        ),
        key(
            "verify_clients",
            Kind::Bool,
            Preset::Bool(false),
            "Whether a client must show a certificate of `client_ca`.",
        ),
    ],
};

/// `[[sip.tls.extra]]`.
pub const SIP_TLS_EXTRA: Section = Section {
    name: "sip.tls.extra",
    many: true,
    required: false,
    doc: "A further certificate, shown to who asks for one of its names (SNI); the names are those in the certificate.",
    keys: &[
        key("certificate", Kind::Path, Preset::Required, "As in `[sip.tls]`."),
        key("key", Kind::Path, Preset::Required, "As in `[sip.tls]`."),
    ],
};

/// `reliable` of gates, SIP accounts and carriers.
pub(super) const RELIABLE: Key = key(
    "reliable",
    Kind::Word(&["auto", "off"]),
    Preset::Text("auto"),
    "Provisional responses that are acknowledged by PRACK (RFC 3262): `auto` where the other side says that it can; `off`: never, and a call \
     from there that requires it is refused with 420.",
);
