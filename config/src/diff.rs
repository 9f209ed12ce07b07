//! What a reload changes, in plain words, one line per change: for the log, before the swap.

use std::collections::BTreeMap;
use std::sync::Arc;

use rating::{Deck, Decks};
use route::RouteTable;
use units::{Name, Period};

use crate::{AccountSettings, Settings};

/// Most carriers or gates named one by one in one line.
const NAMED_MAX: usize = 20;

/// Every difference between two configurations; empty if there is none.
pub fn diff(old: &Settings, new: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    restarts(old, new, &mut lines);
    periods(old, new, &mut lines);
    exchanges(&old.decks, &new.decks, &mut lines);
    decks(&old.decks, &new.decks, &mut lines);
    seeds(old, new, &mut lines);
    payment_methods(old, new, &mut lines);
    let gates = |s: &Settings| s.gates.iter().map(|g| (g.name.to_string(), (**g).clone())).collect();
    named("gate", &gates(old), &gates(new), gate_changes, &mut lines);
    let carriers = |s: &Settings| s.carriers.iter().map(|c| (c.name.to_string(), (**c).clone())).collect();
    named("carrier", &carriers(old), &carriers(new), carrier_changes, &mut lines);
    let numbers = |s: &Settings| s.numbers.iter().map(|n| (n.e164.to_string(), n.clone())).collect();
    named("number", &numbers(old), &numbers(new), number_changes, &mut lines);
    routes(old, new, &mut lines);
    lines
}

/// Sections that a running process cannot change.
fn restarts(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    let mut say = |what: &str, same: bool| {
        if !same {
            lines.push(format!("{what} changed: takes effect at the next restart"));
        }
    };
    let list = |s: &Settings| s.sip.listen.iter().map(ToString::to_string).collect::<Vec<_>>();
    say(
        &format!("sip.listen {} -> {}", list(old).join(" "), list(new).join(" ")),
        old.sip.listen == new.sip.listen,
    );
    say("sip.advertise", old.sip.advertise == new.sip.advertise);
    say("sip.t1_ms", old.sip.t1_ms == new.sip.t1_ms);
    let tcp = |s: &Settings| (s.sip.tcp_idle_secs, s.sip.tcp_per_source);
    say("sip.tcp_idle_secs or sip.tcp_per_source", tcp(old) == tcp(new));
    say("http.listen", old.http.listen == new.http.listen);
    say("http.admin_token_file", old.http.admin_token_file == new.http.admin_token_file);
    say("node.name", old.node.name == new.node.name);
    say("node.data_dir", old.node.data_dir == new.node.data_dir);
    say("node.ledger, node.slice_max or node.slice_secs", old.node.ledger == new.node.ledger);
    say("node.shards", old.node.shards == new.node.shards);
    say(
        "journal",
        old.journal
            == crate::Journal { unsaved_file_at: old.journal.unsaved_file_at.clone(), ..new.journal.clone() },
    );
    say("log", old.log == new.log);
    say("trace.ring_mb", old.trace.ring_mb == new.trace.ring_mb);
    say(
        "media.address, media.advertise, media.ports, media.threads, media.workers, media.fast_path, media.engine or media.engines",
        old.media.starts_as(&new.media),
    );
    let recorder = |s: &Settings| s.recording.as_ref().map(|r| (r.dir.clone(), r.max_minutes, r.max_gib));
    say("recording", recorder(old) == recorder(new));
    say("nats", old.nats == new.nats);
    say("mail", old.mail == new.mail);
    if !old.tls.shows_as(&new.tls) {
        lines.push(
            "sip.tls: other certificates or authorities: for connections that open from now on".to_owned(),
        );
    }
    let elsewhere = |s: &Settings| (s.trace.dir.clone(), s.trace.share, s.trace.hep.clone());
    if elsewhere(old) != elsewhere(new) {
        lines.push("trace.dir, trace.share or trace.hep changed: for messages from now on".to_owned());
    }
    if old.node.secret_file != new.node.secret_file {
        lines.push("node.secret_file changed".to_owned());
    }
    if old.stir != new.stir {
        lines.push("stir changed: for calls from now on".to_owned());
    }
    if old.sip.ws_origins != new.sip.ws_origins {
        lines.push("sip.ws_origins changed: for WebSockets that open from now on".to_owned());
    }
    strangers(old, new, lines);
    media(old, new, lines);
    limits(old, new, lines);
}

/// Numbers that a running process takes over.
fn limits(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    let probe =
        |s: &Settings| s.sip.dialog_probe_secs.map_or_else(|| "absent".to_owned(), |secs| secs.to_string());
    if old.sip.dialog_probe_secs != new.sip.dialog_probe_secs {
        lines.push(format!(
            "sip.dialog_probe_secs {} -> {}: for calls that begin from now on",
            probe(old),
            probe(new)
        ));
    }
    for (what, from, to) in [
        ("media.rtp_timeout_secs", old.media.rtp_timeout_secs, new.media.rtp_timeout_secs),
        ("media.rtp_timeout_hold_secs", old.media.rtp_timeout_hold_secs, new.media.rtp_timeout_hold_secs),
        ("media.warning_secs", old.media.warning_secs, new.media.warning_secs),
        ("node.drain_secs", old.node.drain_secs, new.node.drain_secs),
        ("node.max_calls", old.node.max_calls, new.node.max_calls),
        ("node.session_expires", old.node.session.expires_secs, new.node.session.expires_secs),
        ("node.min_session_expires", old.node.session.min_secs, new.node.session.min_secs),
    ] {
        if from != to {
            lines.push(format!("{what} {from} -> {to}"));
        }
    }
}

fn media(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    if old.media.mode != new.media.mode {
        lines.push("media.mode changed: for calls that begin from now on".to_owned());
    }
    if old.media.announcements != new.media.announcements {
        lines.push(format!(
            "media.announcements is {}: for calls that begin from now on",
            new.media.announcements
        ));
    }
    let tone = |s: &Settings| s.recording.as_ref().map(|recording| recording.consent_tone);
    if let (Some(before), Some(after)) = (tone(old), tone(new))
        && before != after
    {
        lines.push(format!("recording.consent_tone is {after}: for recordings that begin from now on"));
    }
    if old.media.prompts != new.media.prompts {
        lines.push("media.prompts or media.tones changed: for what is played from now on".to_owned());
    }
}

/// What unknown addresses and SIP accounts meet.
fn strangers(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    let limits =
        |s: &Settings| (s.sip.challenge_per_source, s.sip.lockout_after, s.sip.lockout_secs, s.sip.ban_after);
    if old.sip.domains != new.sip.domains || old.sip.realm != new.sip.realm {
        lines.push(format!("sip.domains changed: the realm of SIP accounts is {:?}", new.sip.realm));
    }
    if old.sip.hashes != new.sip.hashes {
        lines.push("sip.digest changed".to_owned());
    }
    if limits(old) != limits(new) {
        let keys = "sip.challenge_per_source, sip.lockout_after, sip.lockout_secs or sip.ban_after";
        lines.push(format!("{keys} changed"));
    }
}

fn periods(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    let by_name =
        |s: &Settings| s.periods.iter().map(|period| (period.name().to_string(), period.clone())).collect();
    let changes = |a: &Period, b: &Period| {
        which(&[
            ("zone", a.zone() != b.zone()),
            ("days", a.days() != b.days()),
            ("from", a.from() != b.from()),
            ("until", a.until() != b.until()),
        ])
    };
    named("period", &by_name(old), &by_name(new), changes, lines);
}

fn exchanges(old: &Decks, new: &Decks, lines: &mut Vec<String>) {
    let lacking = |some: &Decks, of: &Decks| {
        some.exchanges().iter().filter(|rate| !of.exchanges().iter().any(|r| r == *rate)).count()
    };
    let (added, removed) = (lacking(new, old), lacking(old, new));
    if added + removed > 0 {
        lines.push(format!(
            "conversion rates: {added} added, {removed} removed, {} in all",
            new.exchanges().iter().count()
        ));
    }
}

fn decks(old: &Decks, new: &Decks, lines: &mut Vec<String>) {
    for deck in old.iter().filter(|d| new.named(d.name()).is_none()) {
        lines.push(format!("deck {} removed ({} rows)", deck.name(), deck.len()));
    }
    for deck in new.iter() {
        match old.named(deck.name()) {
            None => {
                lines.push(format!("deck {} added ({} rows, {})", deck.name(), deck.len(), deck.currency()))
            }
            Some(before) if before.version() == deck.version() && before.currency() == deck.currency() => {}
            Some(before) => lines.push(deck_changes(before, deck)),
        }
    }
}

fn deck_changes(old: &Arc<Deck>, new: &Arc<Deck>) -> String {
    let rows = |deck: &Deck| -> BTreeMap<_, _> {
        deck.rows().map(|r| ((r.prefix, r.period.clone(), r.effective_from), r)).collect()
    };
    let (before, after) = (rows(old), rows(new));
    let added = after.keys().filter(|k| !before.contains_key(k)).count();
    let removed = before.keys().filter(|k| !after.contains_key(k)).count();
    let changed = after.iter().filter(|(k, row)| before.get(k).is_some_and(|b| b != *row)).count();
    let currency = if old.currency() == new.currency() {
        String::new()
    } else {
        format!(", currency {} -> {}", old.currency(), new.currency())
    };
    format!("deck {}: {added} rows added, {changed} changed, {removed} removed{currency}", new.name())
}

fn seeds(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    let by_name = |s: &Settings| -> BTreeMap<Name, AccountSettings> {
        s.accounts.iter().map(|a| (a.name.clone(), a.clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        lines.push(format!("account {name} added to the configuration: made if it does not exist"));
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        lines.push(format!("account {name} gone from the configuration: the account itself stays"));
    }
    for (name, a, b) in after.iter().filter_map(|(name, b)| Some((name, before.get(name)?, b))) {
        if a.terms != b.terms || a.limit != b.limit {
            lines.push(format!("account {name}: the terms changed, which an existing account ignores"));
        }
        if a.balance != b.balance || a.currency != b.currency {
            lines.push(format!(
                "account {name}: the first balance changed, which an existing account ignores"
            ));
        }
    }
}

/// Methods have no identity beyond their rules: what is new and what is gone is told in whole.
fn payment_methods(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    let words = |method: &rating::engine::PaymentMethod| {
        format!("payment_method {} in {}", method.name, method.currency)
    };
    let same = |a: &rating::engine::PaymentMethod, b: &rating::engine::PaymentMethod| {
        (&a.name, a.currency) == (&b.name, b.currency)
    };
    for method in &new.payment_methods {
        match old.payment_methods.iter().find(|before| same(before, method)) {
            None => lines.push(format!("{} added", words(method))),
            Some(before) if before != method => lines.push(format!("{} changed", words(method))),
            Some(_) => {}
        }
    }
    for method in old
        .payment_methods
        .iter()
        .filter(|before| !new.payment_methods.iter().any(|method| same(before, method)))
    {
        lines.push(format!("{} removed", words(method)));
    }
}

fn named<T: PartialEq>(
    kind: &str,
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    changes: fn(&T, &T) -> Vec<&'static str>,
    lines: &mut Vec<String>,
) {
    let mut say = |verb: &str, names: Vec<&String>| {
        let shown: Vec<&str> = names.iter().take(NAMED_MAX).map(|n| n.as_str()).collect();
        match names.len().saturating_sub(NAMED_MAX) {
            _ if names.is_empty() => {}
            0 => lines.push(format!("{kind} {verb}: {}", shown.join(", "))),
            more => lines.push(format!("{kind} {verb}: {} and {more} more", shown.join(", "))),
        }
    };
    say("added", new.keys().filter(|n| !old.contains_key(*n)).collect());
    say("removed", old.keys().filter(|n| !new.contains_key(*n)).collect());
    for (name, after) in new {
        if let Some(before) = old.get(name).filter(|b| *b != after) {
            lines.push(format!("{kind} {name} changed: {}", changes(before, after).join(", ")));
        }
    }
}

fn gate_changes(a: &route::GateSpec, b: &route::GateSpec) -> Vec<&'static str> {
    which(&[
        ("account", a.account != b.account),
        ("source", a.source != b.source),
        ("address", a.address != b.address),
        ("codecs", a.codecs != b.codecs),
        ("numbering", a.numbering != b.numbering),
        ("translate", a.translate != b.translate),
        ("blocked", a.blocked != b.blocked),
        ("blocked_callers", a.blocked_callers != b.blocked_callers),
        ("max_calls", a.max_calls != b.max_calls),
        ("max_cps", a.max_cps != b.max_cps),
        ("max_call_secs", a.max_call_secs != b.max_call_secs),
        ("session timer", a.session != b.session),
        ("reply_to", a.reply_to != b.reply_to),
        ("media, nat, srtp, transcode, dtmf or record", a.media != b.media),
        ("credentials", a.login != b.login || a.kind != b.kind),
    ])
}

fn carrier_changes(a: &route::CarrierSpec, b: &route::CarrierSpec) -> Vec<&'static str> {
    which(&[
        ("address", a.target != b.target),
        ("source", a.source != b.source),
        ("deck", a.deck != b.deck),
        ("codecs", a.codecs != b.codecs),
        ("max_calls", a.max_calls != b.max_calls),
        ("max_cps", a.max_cps != b.max_cps),
        ("probe_secs", a.probe_secs != b.probe_secs),
        ("down_after", a.down_after != b.down_after),
        ("down_secs", a.down_secs != b.down_secs),
        ("first_response_ms", a.first_response_ms != b.first_response_ms),
        ("no_answer_secs", a.no_answer_secs != b.no_answer_secs),
        ("next_on", a.next_on != b.next_on),
        ("hunt_after_early_media", a.hunt_after_early_media != b.hunt_after_early_media),
        ("translate", a.translate != b.translate),
        ("session timer", a.session != b.session),
        ("credentials", a.credentials != b.credentials),
        ("plus", a.plus != b.plus),
        ("user_phone", a.user_phone != b.user_phone),
        ("headers_add or headers_strip", a.headers != b.headers),
        ("redirect", a.redirect_hosts != b.redirect_hosts),
        ("reliable", a.reliable != b.reliable),
        ("overload_control", a.overload_control != b.overload_control),
        ("t1_ms or t2_ms", (a.t1_ms, a.t2_ms) != (b.t1_ms, b.t2_ms)),
        ("register", a.register_secs != b.register_secs),
        ("media, nat, srtp, transcode, dtmf or record", a.media != b.media),
    ])
}

fn number_changes(a: &route::OurNumber, b: &route::OurNumber) -> Vec<&'static str> {
    which(&[("account", a.account != b.account), ("target", a.target != b.target)])
}

fn which(differences: &[(&'static str, bool)]) -> Vec<&'static str> {
    differences.iter().filter(|&&(_, differs)| differs).map(|&(what, _)| what).collect()
}

fn routes(old: &Settings, new: &Settings, lines: &mut Vec<String>) {
    let (mut added, mut removed, mut changed) = (0_usize, 0_usize, 0_usize);
    let (mut before, mut after) =
        (named_routes(&old.routes, old).peekable(), named_routes(&new.routes, new).peekable());
    loop {
        let (a, b) = (before.peek().map(|r| r.0), after.peek().map(|r| r.0));
        match (a, b) {
            (None, None) => break,
            (Some(x), Some(y)) if x == y => changed += usize::from(before.next() != after.next()),
            (Some(x), Some(y)) if x > y => (added, _) = (added + 1, after.next()),
            (None, Some(_)) => (added, _) = (added + 1, after.next()),
            (Some(_), _) => (removed, _) = (removed + 1, before.next()),
        }
    }
    if added + removed + changed > 0 {
        lines.push(format!(
            "routes: {added} added, {changed} changed, {removed} removed, {} in all",
            new.routes.len()
        ));
    }
}

/// Routes with the carriers' names, so that ids of two loads that do not know each other compare.
fn named_routes<'a>(
    table: &'a RouteTable,
    of: &'a Settings,
) -> impl Iterator<Item = (units::Prefix, route::CarrierOrder, Vec<&'a str>)> {
    table.iter().map(|r| {
        (r.prefix, r.order, r.carriers.iter().filter_map(|&id| of.carriers.name(id).map(|n| &**n)).collect())
    })
}
