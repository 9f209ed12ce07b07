//! `[h323]`, and what gates and carriers say of H.323.
//!
//! Invariant: whoever may call by H.323 has a listener to come to, and what is called by it asks for nothing
//! that only SIP has.

use std::net::SocketAddr;

use route::{H323Dtmf, H323Terms, Protocols, Target, Transport};

use crate::H323;
use crate::check::Check;
use crate::field::Field;
use crate::reader::{Document, Table};
use crate::schema;

/// Most aliases of a gate.
const ALIASES_MAX: usize = 64;
/// Longest alias, characters (H.225.0, AliasAddress).
const ALIAS_CHARS_MAX: usize = 128;
/// Longest identifier of a gatekeeper, characters (H.225.0, GatekeeperIdentifier).
const GATEKEEPER_ID_CHARS_MAX: usize = 128;
/// Keys of a carrier that only SIP has a meaning for; those of TLS have an error of their own.
const OF_SIP: [&str; 17] = [
    "username",
    "password_file",
    "realm",
    "register",
    "register_expires",
    "probe_secs",
    "t1_ms",
    "t2_ms",
    "overload_control",
    "reliable",
    "session_expires",
    "user_phone",
    "headers_add",
    "headers_strip",
    "redirect",
    "redirect_hosts",
    "verify",
];

/// `[h323]`; none if nobody can call by it and nobody registers.
pub(crate) fn h323(document: &Document, check: &mut Check<'_>) -> Option<H323> {
    if !document.has(&schema::H323) {
        return None;
    }
    let table = document.one(&schema::H323);
    let listen = address(&table, "listen", "192.0.2.1:1720", check);
    let ras = address(&table, "ras", "192.0.2.1:1719", check);
    if let Some(field) = table.text("ras") {
        check.error(&field.span, "ras: the small gatekeeper is not built yet: leave it out");
    }
    let id = table.text("gatekeeper_id").map(|field| field.value).unwrap_or_default();
    if id.is_empty() || id.chars().count() > GATEKEEPER_ID_CHARS_MAX {
        let rule = format!("gatekeeper_id must have 1 to {GATEKEEPER_ID_CHARS_MAX} characters");
        check.error(&table.at("gatekeeper_id"), rule);
    }
    if listen.is_none() && ras.is_none() && !table.has("listen") && !table.has("ras") {
        let message = "[h323] listens nowhere: write listen = \"192.0.2.1:1720\"";
        check.warning(&table.span, message);
    }
    Some(H323 { listen, ras, gatekeeper_id: id, per_source: table.int("per_source").unwrap_or_default() })
}

fn address(table: &Table, key: &str, example: &str, check: &mut Check<'_>) -> Option<SocketAddr> {
    let Field { value, span } = table.text(key)?;
    let wrong = |_| format!("{key} {value:?} is not an address and port: write {example}");
    check.parsed(&span, value.parse::<SocketAddr>().map_err(wrong))
}

/// By what a gate calls.
pub(crate) fn protocols(document: &Document, table: &Table, check: &mut Check<'_>) -> Protocols {
    let mut protocols = Protocols { sip: false, h323: false };
    for Field { value, span } in table.texts("protocol") {
        match &*value {
            "sip" => protocols.sip = true,
            "h323" => {
                protocols.h323 = true;
                if !document.one(&schema::H323).has("listen") {
                    let message = "nothing listens for H.323: add [h323] with listen = \"192.0.2.1:1720\"";
                    check.error(&span, message);
                }
            }
            _ => check.error(&span, format!("protocol {value:?} is not known: sip or h323")),
        }
    }
    if table.has("protocol") && table.texts("protocol").is_empty() {
        check.error(
            &table.at("protocol"),
            "protocol is empty, so no call could come: leave it out for [\"sip\"]",
        );
    }
    if protocols.h323 && table.has("username") {
        let message = "username means a digest with each call, which H.323 has not: leave h323 out of protocol, or write two gates";
        check.error(&table.at("username"), message);
    }
    protocols
}

/// `h323 = { … }` of a gate or carrier.
pub(crate) fn terms(table: &Table) -> H323Terms {
    let inner = table.fields("h323");
    let dtmf = inner.text("dtmf").and_then(|field| field.value.parse::<H323Dtmf>().ok());
    H323Terms {
        fast_start: inner.bool("fast_start"),
        tunnelling: inner.bool("tunnelling"),
        early_h245: inner.bool("early_h245"),
        dtmf: dtmf.unwrap_or_default(),
    }
}

/// A gate's aliases.
pub(crate) fn aliases(table: &Table, check: &mut Check<'_>) -> Vec<Box<str>> {
    let fields = table.texts("h323_alias");
    if !fields.is_empty() {
        let message = "h323_alias is for the small gatekeeper, which is not built yet: leave it out";
        check.error(&table.at("h323_alias"), message);
    }
    if fields.len() > ALIASES_MAX {
        check.error(&table.at("h323_alias"), format!("h323_alias has more than {ALIASES_MAX} aliases"));
    }
    let mut aliases = Vec::new();
    for Field { value, span } in fields.into_iter().take(ALIASES_MAX) {
        if value.is_empty() || value.chars().count() > ALIAS_CHARS_MAX || value.contains(char::is_control) {
            check.error(&span, format!("an alias has 1 to {ALIAS_CHARS_MAX} characters, not {value:?}"));
        }
        aliases.push(value.into());
    }
    aliases
}

/// What is said of H.323 where it is not spoken.
pub(crate) fn refuse_terms_of_nobody(table: &Table, speaks: bool, how: &str, check: &mut Check<'_>) {
    for key in ["h323", "h323_alias"] {
        if !speaks && table.has(key) {
            check.error(&table.at(key), format!("{key} means something only with {how}"));
        }
    }
}

/// The gatekeeper of a carrier, and what only SIP carriers have.
pub(crate) fn gatekeeper(table: &Table, target: &Target, check: &mut Check<'_>) -> Option<SocketAddr> {
    let speaks = target.transport == Transport::H323;
    if !speaks {
        for key in ["gatekeeper", "h323"] {
            if table.has(key) {
                let message = format!("{key} means something only where address is h323:…");
                check.error(&table.at(key), message);
            }
        }
        return None;
    }
    for key in OF_SIP.into_iter().filter(|key| table.has(key)) {
        check.error(&table.at(key), format!("{key} means something only where address is sip:…"));
    }
    if let Some(field) = table.text("gatekeeper") {
        check.error(&field.span, "gatekeeper: admission by a gatekeeper is not built yet: leave it out");
    }
    address(table, "gatekeeper", "192.0.2.1:1719", check)
}

/// What H.323 cannot have beside it: keys, and media that is not relayed.
pub(crate) fn check_media(table: &Table, can_relay: bool, at: &str, check: &mut Check<'_>) {
    if table.text("srtp").is_some_and(|field| field.value != "off") {
        check.error(&table.at("srtp"), "H.323 has no keys for srtp here: write srtp = \"off\"");
    }
    if table.text("media").is_some_and(|field| field.value == "bypass") {
        check.error(&table.at("media"), "calls by H.323 are relayed: leave media = \"bypass\" out");
    }
    if !can_relay {
        let message = "calls by H.323 are relayed, which needs an address: write address = \"192.0.2.1\", one of this machine's, into [media]";
        check.error(&table.at(at), message);
    }
}
