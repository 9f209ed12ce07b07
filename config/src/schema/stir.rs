//! `[stir]`: signatures of callers' numbers.

use super::{Kind, Preset, Section, key};

/// `[stir]`.
pub const STIR: Section = Section {
    name: "stir",
    many: false,
    required: false,
    doc: "Signatures of callers' numbers (STIR/SHAKEN): ours toward carriers with `key`, those of callers where a gate, SIP account or carrier \
          has `verify`.",
    keys: &[
        key(
            "key",
            Kind::Path,
            Preset::Nothing,
            "PEM file, mode 0600, with the private key of P-256 that calls to carriers are signed with. Absent: nothing is signed.",
        ),
        key(
            "certificate_url",
            Kind::Text,
            Preset::Nothing,
            "With `key`: https address, port 443 or 8443, at which everybody can fetch its certificate.",
        ),
        key(
            "level_default",
            Kind::Word(&["A", "B", "C"]),
            Preset::Text("C"),
            "Level of a number of which nothing is known. A number is signed with A if it is within the gate's `caller_numbers`, its \
             `default_caller` or a `[[number]]` of its account; any other with this level, but at least B where the caller shows credentials \
             (a SIP account, or a gate with `username`).",
        ),
        key(
            "roots",
            Kind::Path,
            Preset::Nothing,
            "PEM file with the authorities that certificates of callers' numbers may be of; needed where anything has `verify`.",
        ),
        key(
            "private_hosts",
            Kind::Texts,
            Preset::Texts(&[]),
            "Hosts, as `certs.lab.example:8443` or `127.0.0.1:8443`, from which certificates are fetched though their address is not public or \
             their port neither 443 nor 8443: for laboratories and tests.",
        ),
    ],
};
