//! Gates and carriers: every reference known, every block of addresses with one owner.

use std::collections::{BTreeMap, BTreeSet};

use codecs::{Codec, CodecSet};
use route::{
    CarrierSpec, Cidr, Country, Credentials, GateSpec, Gates, Host, MediaPath, Numbering, ReplyTo, Rule,
    StatusSet, Target, Translations, Transport,
};
use units::Prefix;

use crate::base;
use crate::callers::{default_caller, identity};
use crate::check::Check;
use crate::diagnostic::Span;
use crate::field::Field;
use crate::h323;
use crate::logins;
use crate::media::{self, PeerPresets};
use crate::money::DeckSet;
use crate::profile;
use crate::reader::{Document, Table};
use crate::schema;
use crate::secret;
use crate::tls::TlsBuilder;

/// Most blocks in one `source`, and most prefixes in one `blocked` list.
const LIST_MAX: usize = 10_000;
/// What is said of a gate's account that the file does not have: a running node knows whether it is there.
pub const OPENED_LATER: &str =
    "is not in this file: until it is opened in the running node its calls are refused";
/// Stands for an address that could not be read: TEST-NET-1, never dialled, since the load fails.
const UNREAD: &str = "sip:192.0.2.0";

/// Who owns a block, and where that stands.
type Owners = BTreeMap<Cidr, (String, Span)>;

pub(crate) fn gates(
    document: &Document,
    presets: &PeerPresets,
    tls: &mut TlsBuilder,
    realm: &str,
    seen: &mut BTreeMap<String, Span>,
    check: &mut Check<'_>,
) -> Vec<GateSpec> {
    let accounts = accounts(document);
    let mut owners = Owners::new();
    let mut gates = Vec::new();
    for table in document.many(&schema::GATE) {
        let name = check.name("gate", table, seen);
        let account = account(&accounts, table, check);
        let label = name.as_deref().unwrap_or("?");
        let mut gate = GateSpec {
            source: source(table, label, &mut owners, check),
            address: address(table, label, tls, check),
            protocols: h323::protocols(document, table, check),
            h323: h323::terms(table),
            h323_alias: h323::aliases(table, check),
            reply_to: reply_to(table),
            login: logins::gate_login(table, realm, check),
            ..calls_from(table, label, &account, presets, check)
        };
        let is_called = gate.address.as_ref().is_some_and(|target| target.transport == Transport::H323);
        let how = "protocol = [\"h323\"], or an h323: address";
        h323::refuse_terms_of_nobody(table, gate.protocols.h323 || is_called, how, check);
        if gate.protocols.h323 || is_called {
            let at = if gate.protocols.h323 { "protocol" } else { "address" };
            h323::check_media(table, presets.can_relay, at, check);
            gate.media.path = MediaPath::Relay;
        }
        if table.texts("source").is_empty() {
            check.warning(
                &table.at("source"),
                format!("gate {label:?} has no source, so nobody can call through it"),
            );
        }
        if name.is_some() {
            gates.push(gate);
        }
    }
    gates
}

/// Names of the accounts of this file.
pub(crate) fn accounts(document: &Document) -> BTreeSet<String> {
    document.many(&schema::ACCOUNT).iter().filter_map(|t| t.text("name")).map(|f| f.value).collect()
}

/// What a gate and a SIP account have in common: what calls from there may do.
pub(crate) fn calls_from(
    table: &Table,
    label: &str,
    account: &str,
    presets: &PeerPresets,
    check: &mut Check<'_>,
) -> GateSpec {
    GateSpec {
        codecs: codecs(table, check),
        numbering: numbering(table, check),
        translate: translations(table, check),
        blocked: prefixes(table, "blocked", check),
        blocked_callers: prefixes(table, "blocked_callers", check),
        max_calls: table.int("max_calls").unwrap_or(u32::MAX),
        max_cps: table.int("max_cps"),
        max_call_secs: table.int("max_call_secs").unwrap_or_default(),
        session: base::session(table, presets.session, check),
        identity: identity(table),
        reliable: table.text("reliable").is_none_or(|field| field.value != "off"),
        caller_numbers: prefixes(table, "caller_numbers", check),
        default_caller: default_caller(table, check),
        media: media::terms(table, presets, check),
        ..GateSpec::new(label, account)
    }
}

/// Who pays; a warning if this file does not have it.
pub(crate) fn account(accounts: &BTreeSet<String>, table: &Table, check: &mut Check<'_>) -> String {
    let Some(field) = table.text("account") else { return String::new() };
    if !accounts.contains(&field.value) {
        let name = &field.value;
        check.parsed(&field.span, rating::check_account_name(name));
        check.warning(&field.span, format!("account {name:?} {OPENED_LATER}: tollgate account add {name}"));
    }
    field.value
}

pub(crate) fn carriers(
    document: &Document,
    presets: &PeerPresets,
    decks: &DeckSet,
    tls: &mut TlsBuilder,
    check: &mut Check<'_>,
) -> Vec<CarrierSpec> {
    let mut seen = BTreeMap::new();
    let mut owners = Owners::new();
    let mut carriers = Vec::new();
    for table in document.many(&schema::CARRIER) {
        let name = check.name("carrier", table, &mut seen);
        let label = name.as_deref().unwrap_or("?");
        let deck = table.text("deck").filter(|field| decks.find(field, check).is_some());
        let Some(target) = target(table, label, tls, check) else { continue };
        let (t1_ms, t2_ms) = timers(table, check);
        let mut carrier = CarrierSpec {
            source: source(table, label, &mut owners, check),
            deck: deck.map(|f| f.value.as_str().into()),
            codecs: codecs(table, check),
            max_calls: table.int("max_calls").unwrap_or(u32::MAX),
            max_cps: table.int("max_cps"),
            probe_secs: table.int("probe_secs").unwrap_or_default(),
            down_after: table.int("down_after").unwrap_or_default(),
            down_secs: table.int("down_secs").unwrap_or_default(),
            first_response_ms: table.int("first_response_ms").unwrap_or_default(),
            no_answer_secs: table.int("no_answer_secs").unwrap_or_default(),
            next_on: statuses(table, check),
            hunt_after_early_media: table.bool("hunt_after_early_media"),
            translate: carrier_translations(table, check),
            session: base::session(table, presets.session, check),
            credentials: credentials(table, check),
            register_secs: register_secs(table, check),
            plus: table.bool("plus"),
            user_phone: table.bool("user_phone"),
            headers: profile::headers(table, check),
            redirect_hosts: profile::redirect_hosts(table, check),
            identity: identity(table),
            reliable: table.text("reliable").is_none_or(|field| field.value != "off"),
            media: media::terms(table, presets, check),
            overload_control: table.bool("overload_control"),
            t1_ms,
            t2_ms,
            h323: h323::terms(table),
            gatekeeper: h323::gatekeeper(table, &target, check),
            ..CarrierSpec::new(label, target)
        };
        if carrier.target.transport == Transport::H323 {
            h323::check_media(table, presets.can_relay, "address", check);
            carrier.media.path = MediaPath::Relay;
        }
        if name.is_some() {
            carriers.push(carrier);
        }
    }
    carriers
}

/// A request from an address that is both would count as the gate's.
pub(crate) fn warn_of_carriers_inside_gates(document: &Document, gates: &Gates, check: &mut Check<'_>) {
    for table in document.many(&schema::CARRIER) {
        let (Some(name), Some(address)) = (table.text("name"), table.text("address")) else { continue };
        let Ok(Target { host: Host::Ip(ip), .. }) = address.value.parse() else { continue };
        if let Some(gate) = gates.by_source(ip) {
            let message = format!(
                "calls from {ip}, the address of carrier {:?}, count as gate {:?}",
                name.value, gate.name
            );
            check.warning(&address.span, message);
        }
    }
}

/// Where a gate is called.
fn address(table: &Table, gate: &str, tls: &mut TlsBuilder, check: &mut Check<'_>) -> Option<Target> {
    let Some(field) = table.text("address") else {
        tls.none(table, check);
        return None;
    };
    let target = check.parsed(&field.span, field.value.parse::<Target>())?;
    Some(tls.peer_of(table, format!("gate {gate}"), &field.span, target, check))
}

/// The carrier's target; a stand-in if it could not be read, so that routes to the carrier make no further
/// errors.
fn target(table: &Table, carrier: &str, tls: &mut TlsBuilder, check: &mut Check<'_>) -> Option<Target> {
    let stand_in = || UNREAD.parse::<Target>().ok();
    let Some(field) = table.text("address") else { return stand_in() };
    let Some(target) = check.parsed(&field.span, field.value.parse::<Target>()) else { return stand_in() };
    Some(tls.peer_of(table, format!("carrier {carrier}"), &field.span, target, check))
}

/// What answers the carrier's digest challenges.
fn credentials(table: &Table, check: &mut Check<'_>) -> Option<Box<Credentials>> {
    if table.has("username") != table.has("password_file") {
        let there = if table.has("username") { "username" } else { "password_file" };
        check.error(&table.at(there), "username and password_file are written both or not at all");
        return None;
    }
    let realm = logins::quotable(table, "realm", check);
    let (username, file) = (logins::quotable(table, "username", check), table.text("password_file"));
    let (Some(username), Some(file)) = (username, file) else {
        if table.has("realm") && !table.has("username") {
            check.error(&table.at("realm"), "realm means something only with username and password_file");
        }
        return None;
    };
    let password = secret::read(&file, check)?;
    Some(Box::new(Credentials { username, password, realm }))
}

/// T1 and T2 with the carrier, where they are written.
fn timers(table: &Table, check: &mut Check<'_>) -> (Option<u32>, Option<u32>) {
    let (t1_ms, t2_ms) = (table.int("t1_ms"), table.int("t2_ms"));
    if let (Some(t1), Some(t2)) = (t1_ms, t2_ms)
        && t2 < t1
    {
        let message = format!("t2_ms is the longest pause between repeats: write at least t1_ms, here {t1}");
        check.error(&table.at("t2_ms"), message);
    }
    (t1_ms, t2_ms)
}

/// How long a registration there is asked for.
fn register_secs(table: &Table, check: &mut Check<'_>) -> Option<u32> {
    if !table.bool("register") {
        if table.has("register_expires") {
            check.error(
                &table.at("register_expires"),
                "register_expires means something only with register = true",
            );
        }
        return None;
    }
    if !table.has("username") {
        check
            .error(&table.at("register"), "register needs to know as whom: write username and password_file");
    }
    table.int("register_expires")
}

fn source(table: &Table, owner: &str, owners: &mut Owners, check: &mut Check<'_>) -> Vec<Cidr> {
    let mut blocks = Vec::new();
    let fields = table.texts("source");
    if fields.len() > LIST_MAX {
        check.error(
            &table.at("source"),
            format!("source has more than {LIST_MAX} entries: use blocks, as 192.0.2.0/24"),
        );
    }
    for field in fields.iter().take(LIST_MAX) {
        let Some(cidr) = check.parsed(&field.span, Cidr::parse(&field.value)) else { continue };
        match owners.get(&cidr) {
            None => {
                owners.insert(cidr, (owner.to_owned(), field.span.clone()));
                blocks.push(cidr);
            }
            Some((first, place)) if first != owner => {
                let message = format!("{cidr} belongs to {first:?} already, at {}", check.source.at(place));
                check.error(&field.span, message);
            }
            Some((_, place)) => {
                let message = format!("{cidr} is listed twice, first at {}", check.source.at(place));
                check.warning(&field.span, message);
            }
        }
    }
    blocks
}

fn codecs(table: &Table, check: &mut Check<'_>) -> CodecSet {
    let fields = table.texts("codecs");
    if table.has("codecs") && fields.is_empty() {
        check.error(&table.at("codecs"), "codecs is empty, so no call could pass: leave it out to allow all");
    }
    fields.iter().filter_map(|f| check.parsed(&f.span, f.value.parse::<Codec>())).collect()
}

fn reply_to(table: &Table) -> ReplyTo {
    match table.text("reply_to").as_ref().map(|field| &*field.value) {
        Some("source") => ReplyTo::Source,
        Some("via") => ReplyTo::Via,
        Some(_) | None => ReplyTo::Auto,
    }
}

fn numbering(table: &Table, check: &mut Check<'_>) -> Numbering {
    let national = table.text("numbering").is_some_and(|f| f.value == "national");
    match (national, table.text("country")) {
        (true, Some(field)) => check
            .parsed(&field.span, field.value.parse::<Country>())
            .map_or(Numbering::E164, Numbering::National),
        (true, None) => {
            check.error(
                &table.at("numbering"),
                "numbering \"national\" needs the country, as country = \"ES\"",
            );
            Numbering::E164
        }
        (false, Some(field)) => {
            check.error(&field.span, "country means something only with numbering = \"national\"");
            Numbering::E164
        }
        (false, None) => Numbering::E164,
    }
}

fn translations(table: &Table, check: &mut Check<'_>) -> Translations {
    let rules = table.rules("translate");
    let rules = rules.into_iter().map(|r| Rule {
        prefix: r.prefix.into(),
        replace: r.replace.into(),
        length: r.length,
    });
    check.parsed(&table.at("translate"), Translations::new(rules.collect())).unwrap_or_default()
}

/// What is rewritten toward a carrier is E.164 digits, so a rule that begins with anything else never
/// applies.
fn carrier_translations(table: &Table, check: &mut Check<'_>) -> Translations {
    for rule in table.rules("translate") {
        let wrong = match Prefix::read(rule.prefix.as_bytes()) {
            Err(wrong) => wrong.to_string(),
            Ok(_) if rule.prefix.starts_with('+') => {
                format!("{:?}: carriers' rules see digits without +", rule.prefix)
            }
            Ok(_) => continue,
        };
        check.error(&table.at("translate"), format!("translate: prefix {wrong}"));
    }
    translations(table, check)
}

fn statuses(table: &Table, check: &mut Check<'_>) -> StatusSet {
    let mut set = StatusSet::EMPTY;
    for Field { value, span } in table.texts("next_on") {
        if value == "487" {
            check.error(&span, "487 answers our own CANCEL: there is no next carrier after it");
            continue;
        }
        check.parsed(&span, set.insert(&value));
    }
    set
}

fn prefixes(table: &Table, key: &str, check: &mut Check<'_>) -> Vec<Box<str>> {
    let fields = table.texts(key);
    if fields.len() > LIST_MAX {
        check.error(&table.at(key), format!("{key} has more than {LIST_MAX} prefixes"));
    }
    let mut prefixes: Vec<Box<str>> = Vec::new();
    for field in fields.iter().take(LIST_MAX) {
        match Prefix::read(field.value.as_bytes()) {
            Ok(Prefix::EMPTY) => {
                check.error(&field.span, format!("{key}: an empty prefix would fit every number"));
            }
            Ok(prefix) => prefixes.push(prefix.to_string().into()),
            Err(wrong) => check.error(&field.span, format!("{key}: prefix {wrong}")),
        }
    }
    prefixes
}
