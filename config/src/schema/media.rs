//! `[media]`: whether calls are relayed and by what, transcoding, and what the switch says into calls.

use super::{Kind, Preset, Section, key};

/// `[media]`.
pub const MEDIA: Section = Section {
    name: "media",
    many: false,
    required: false,
    doc: "How voice travels.",
    keys: &[
        key(
            "mode",
            Kind::Word(&["bypass", "relay"]),
            Preset::Text("relay"),
            "How media travels between peers that do not say otherwise: `relay`, over this machine, which needs `address`, or over \
             `engines`; `bypass`, directly between them. A call goes directly only if both of its sides say so.",
        ),
        key(
            "engine",
            Kind::Word(&["internal", "rtpengine"]),
            Preset::Text("internal"),
            "Who relays: `internal`, this machine; `rtpengine`, the daemons of that name in `engines`, for operators who outgrow one machine. \
             They pass voice and fax and count packets; what is recorded, played, transcoded, encrypted or keyed as INFO needs the internal one. \
             At the next restart.",
        ),
        key(
            "engines",
            Kind::Texts,
            Preset::Nothing,
            "Addresses of the engines' ng protocol (`listen-ng` of rtpengine), as `[\"udp:127.0.0.1:22222\"]`, at most 16. Each call keeps to one \
             of those that answer; a new call goes to the next where its own does not. A network that only they and this machine reach. At the \
             next restart.",
        ),
        key(
            "address",
            Kind::Addresses,
            Preset::Nothing,
            "Address of this machine that relayed media comes to, or a list of one IPv4 and one IPv6 address. At the next restart.",
        ),
        key(
            "advertise",
            Kind::Addresses,
            Preset::Nothing,
            "Behind NAT: what peers are told in place of `address`, or a list of one IPv4 and one IPv6 address. At the next restart.",
        ),
        key(
            "ports",
            Kind::Ports,
            Preset::Nothing,
            "First and last UDP port of relayed media. A call takes two pairs, an even port and the next one each. Absent: `[16384, 32766]`. \
             At the next restart.",
        ),
        key(
            "threads",
            Kind::Int(0, 256),
            Preset::Int(0),
            "Threads of the relay; 0: half of the cores, at least one. At the next restart.",
        ),
        key(
            "workers",
            Kind::Int(0, 256),
            Preset::Int(0),
            "Threads that transcode; 0: as many as the relay has. At the next restart.",
        ),
        key(
            "transcode",
            Kind::Bool,
            Preset::Bool(false),
            "`true`: where the two sides of a call share no codec, each talks one of its own, and voice is made the other's. Gates, SIP accounts \
             and carriers may say otherwise. Needs `address`.",
        ),
        key(
            "max_transcoding",
            Kind::Int(0, 1_000_000),
            Preset::Int(0),
            "Calls that are transcoded at once; further ones that need it are refused with 503. 0: as many as the workers have time for, by \
             what each call takes of them.",
        ),
        key(
            "fast_path",
            Kind::Word(&["off", "auto"]),
            Preset::Text("off"),
            "`auto`: unencrypted voice between two IPv4 sides goes on in the kernel once its stream has settled, where the machine allows it \
             (Linux 6.6, CAP_BPF and CAP_NET_ADMIN); such packets pass no firewall of this machine. At the next restart.",
        ),
        key(
            "rtp_timeout_secs",
            Kind::Int(3, 86_400),
            Preset::Int(60),
            "Without RTP or RTCP from a side for so long a relayed call ends (`rtp-timeout`); a side that holds, suppresses silence or sends \
             fax is not silent.",
        ),
        key(
            "rtp_timeout_hold_secs",
            Kind::Int(3, 604_800),
            Preset::Int(3_600),
            "The same while a side holds or may be silent.",
        ),
        key(
            "prompts",
            Kind::Path,
            Preset::Nothing,
            "Folder of WAV files (PCM of 8 kHz, 16 bits, one channel) in place of the prompts that are built in: `LANG/low-balance.wav`, \
             `no-credit.wav`, `not-in-service.wav`, `test-call.wav`, LANG the language of the account: `en` `es` `ru` `vi` `it` `nl`. A file that \
             is absent is the one built in.",
        ),
        key(
            "announcements",
            Kind::Bool,
            Preset::Bool(false),
            "Before a call of a gate is refused that nobody was dialled for, its caller hears why (183), then has the same final answer: \
             `no-credit` (402), `not-in-service` (404), a busy tone (480) or that of congestion (503) for 4 s. Needs `address`.",
        ),
        key(
            "warning_secs",
            Kind::Int(0, 3_600),
            Preset::Int(60),
            "When the money of a relayed call lasts for so many seconds more, its caller hears a warning, and its owner has a notice: once, and \
             again after a payment that carried it further. 0: nothing is heard, and the notice comes a minute before the end.",
        ),
        key(
            "tones",
            Kind::Text,
            Preset::Text("es"),
            "Country of ringback, busy and congestion tones, by its code of ISO 3166: one of `ar` `at` `be` `br` `ca` `ch` `cn` `de` `es` `fr` `gb` `it` `mx` \
             `nl` `pl` `pt` `ru` `se` `us`.",
        ),
    ],
};
