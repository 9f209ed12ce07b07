//! `[media] engine` and `engines`: who relays media, and what an outside engine does not do.
//!
//! Invariant: nothing is configured that the engine cannot do; `check` says it in words.

use std::net::SocketAddr;

use crate::check::Check;
use crate::field::Field;
use crate::reader::{Document, Table};
use crate::schema::{self, Section};

/// Most engines: a call tries one after the other, within the time that a caller waits.
const ENGINES_MAX: usize = 16;
/// The word for those outside.
const OUTSIDE: &str = "rtpengine";

/// Control addresses of the engines outside; none: the relay of this machine.
pub(crate) fn engines(table: &Table, check: &mut Check<'_>) -> Vec<SocketAddr> {
    let is_outside = table.text("engine").is_some_and(|field| field.value == OUTSIDE);
    let fields = table.texts("engines");
    if !is_outside {
        if table.has("engines") {
            let message =
                "engines are asked by engine = \"rtpengine\" only: write that, or leave engines out";
            check.error(&table.at("engines"), message);
        }
        return Vec::new();
    }
    if fields.is_empty() {
        let message = "engine = \"rtpengine\" needs to know where: write engines = [\"udp:127.0.0.1:22222\"], the address of its ng protocol (listen-ng)";
        check.error(&table.at("engine"), message);
    }
    if fields.len() > ENGINES_MAX {
        check.error(&table.at("engines"), format!("engines has more than {ENGINES_MAX} entries"));
    }
    let mut engines = Vec::new();
    for Field { value, span } in fields {
        match parse(&value) {
            Some(engine) if engines.contains(&engine) => {
                check.error(&span, format!("{value:?} is there twice"));
            }
            Some(engine) => engines.push(engine),
            None => {
                let message = format!(
                    "{value:?} is no engine: write udp:127.0.0.1:22222, the address of its ng protocol (listen-ng)"
                );
                check.error(&span, message);
            }
        }
    }
    refuse_in_media(table, check);
    engines
}

fn parse(text: &str) -> Option<SocketAddr> {
    let address: SocketAddr = text.strip_prefix("udp:")?.parse().ok()?;
    let (ip, port) = (address.ip().to_canonical(), address.port());
    let is_usable = port != 0 && !ip.is_unspecified() && !ip.is_multicast();
    is_usable.then_some(SocketAddr::new(ip, port))
}

/// Keys of `[media]` that an outside engine cannot follow, and those that say nothing to it.
fn refuse_in_media(table: &Table, check: &mut Check<'_>) {
    let is_fast = table.text("fast_path").is_some_and(|field| field.value == "auto");
    for (key, is_wanted, instead) in [
        ("fast_path", is_fast, "fast_path = \"off\" (rtpengine has a kernel module of its own)"),
        ("transcode", table.bool("transcode"), "transcode = false"),
        ("announcements", table.bool("announcements"), "announcements = false"),
        ("prompts", table.has("prompts"), "no prompts"),
    ] {
        if is_wanted {
            check.error(&table.at(key), cannot(key, instead));
        }
    }
    for key in ["address", "advertise", "threads", "workers", "max_transcoding"] {
        if table.has(key) {
            let message =
                format!("{key} is of the internal engine: with engine = \"rtpengine\" it has no effect");
            check.warning(&table.at(key), message);
        }
    }
    if table.has("warning_secs") && table.int("warning_secs").is_some_and(|secs| secs > 0) {
        let message = "nothing is played into calls by engine = \"rtpengine\": of warning_secs there is the notice only";
        check.warning(&table.at("warning_secs"), message);
    }
}

/// What peers want of their media, and recordings, that an outside engine does not do.
pub(crate) fn refuse_elsewhere(document: &Document, check: &mut Check<'_>) {
    if document.has(&schema::RECORDING) {
        let at = document.one(&schema::RECORDING).at("dir");
        check.error(&at, cannot("[recording]", "no such section"));
    }
    for section in [&schema::GATE, &schema::SIP_ACCOUNT, &schema::CARRIER] {
        refuse_of_peers(document, section, check);
    }
}

fn refuse_of_peers(document: &Document, section: &'static Section, check: &mut Check<'_>) {
    for table in document.many(section) {
        let says = |key: &str, words: &[&str]| {
            table.text(key).is_some_and(|field| words.contains(&field.value.as_str()))
        };
        for (key, is_wanted, instead) in [
            ("srtp", says("srtp", &["optional", "required"]), "srtp = \"off\" here"),
            ("dtmf", says("dtmf", &["info", "inband"]), "dtmf = \"rfc4733\" here"),
            ("transcode", table.bool("transcode"), "transcode = false here"),
            ("record", table.bool("record"), "record = false here"),
        ] {
            if is_wanted {
                check.error(&table.at(key), cannot(key, instead));
            }
        }
    }
}

fn cannot(what: &str, instead: &str) -> String {
    format!(
        "{what} needs the packets on this machine: write engine = \"internal\" into [media], or {instead}"
    )
}
