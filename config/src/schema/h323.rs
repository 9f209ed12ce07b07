//! `[h323]`, and what gates and carriers say of H.323.

use super::{Key, Kind, Preset, Section, key};

/// `[h323]`.
pub const H323: Section = Section {
    name: "h323",
    many: false,
    required: false,
    doc: "H.323: where gateways call. Calls are relayed, so `media.address` is needed. See docs/h323.md.",
    keys: &[
        key(
            "listen",
            Kind::Text,
            Preset::Nothing,
            "Address and port of call signalling (H.225.0), as `192.0.2.1:1720`; port 0 takes a free one. Absent: no gate can call by H.323.",
        ),
        key(
            "ras",
            Kind::Text,
            Preset::Nothing,
            "Address and port of the small gatekeeper, as `192.0.2.1:1719`: gates that insist on one register and are admitted there. Absent: none.",
        ),
        key("gatekeeper_id", Kind::Text, Preset::Text("tollgate"), "Identifier of the small gatekeeper."),
        key(
            "per_source",
            Kind::Int(1, 100_000),
            Preset::Int(16),
            "Most signalling connections from one address. Several calls may share one.",
        ),
    ],
};

/// What stands between the braces of `h323 = { … }`.
static TERMS: Section = Section {
    name: "h323 = { … }",
    many: false,
    required: false,
    doc: "",
    keys: &[
        key("fast_start", Kind::Bool, Preset::Bool(true), "Channels in Setup."),
        key("tunnelling", Kind::Bool, Preset::Bool(true), "H.245 inside H.225.0."),
        key("early_h245", Kind::Bool, Preset::Bool(true), "H.245 before the answer."),
        key("dtmf", Kind::Word(route::H323Dtmf::WORDS), Preset::Text("auto"), "Form of digits."),
    ],
};

/// `h323` of gates and carriers.
pub(super) const H323_TERMS: Key = key(
    "h323",
    Kind::Fields(&TERMS),
    Preset::Nothing,
    "What is used of H.323 here, all of it unless written: `fast_start`, channels offered and taken in Setup; `tunnelling`, H.245 inside \
     H.225.0 where the other side can; `early_h245`, H.245 before the answer, so that codecs are known when the bill begins; `dtmf`, the form \
     in which digits are told, `auto` for the first that the other side takes.",
);
