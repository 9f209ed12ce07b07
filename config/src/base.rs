//! The sections that stand once: node, sip, http, journal, log; and that no two listeners want one
//! port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use route::{OfferedHashes, SessionTimer, Transport};
use units::{Currency, Money};

use crate::check::Check;
use crate::diagnostic::Span;
use crate::field::Field;
use crate::reader::{Document, Table};
use crate::schema;
use crate::seal;
use crate::{CentralLedger, H323, Http, Journal, Listen, Log, NodeSettings, Sip};

/// RFC 4028 §5: no shorter session may be asked for.
const SESSION_MIN_SECS: u32 = 90;
/// Most domains of SIP accounts.
const DOMAINS_MAX: usize = 64;
/// Longest domain, bytes (RFC 1035 §2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;

pub(crate) fn node(document: &Document, check: &mut Check<'_>) -> NodeSettings {
    let table = document.one(&schema::NODE);
    let name = check.name("node", &table, &mut Default::default()).unwrap_or_else(|| "?".into());
    let data_dir = table.text("data_dir").map(|f| check.path(&f.value)).unwrap_or_default();
    let min_secs = table.int("min_session_expires").unwrap_or(SESSION_MIN_SECS);
    let session = session(&table, SessionTimer { expires_secs: 0, min_secs }, check);
    NodeSettings {
        name,
        data_dir,
        secret_file: seal::node_secret(&table, check),
        ledger: ledger(&table, check),
        drain_secs: table.int("drain_secs").unwrap_or_default(),
        shards: table.int("shards").and_then(|n| u16::try_from(n).ok()).unwrap_or_default(),
        max_calls: table.int("max_calls").unwrap_or_default(),
        session,
    }
}

fn ledger(table: &Table, check: &mut Check<'_>) -> Option<CentralLedger> {
    let slice_max = table.text("slice_max").and_then(|field| {
        let amount = check.parsed(&field.span, Money::parse_entered(&field.value, Currency::EUR))?.amount;
        if amount <= 0 {
            check.error(&field.span, "slice_max must be above zero");
        }
        Some(amount)
    });
    let slice_secs = table.int("slice_secs").unwrap_or_default();
    let address = table.text("ledger")?;
    if !["postgres://", "postgresql://"].iter().any(|scheme| address.value.starts_with(scheme)) {
        check.error(&address.span, "ledger must be postgres://user:password@host:5432/database");
    }
    Some(CentralLedger { address: address.value, slice_max: slice_max.unwrap_or_default(), slice_secs })
}

/// The table's own `session_expires`, else `preset`'s.
pub(crate) fn session(table: &Table, preset: SessionTimer, check: &mut Check<'_>) -> SessionTimer {
    match table.int("session_expires") {
        None => preset,
        Some(secs) if secs != 0 && secs < preset.min_secs => {
            let least = preset.min_secs;
            check.error(
                &table.at("session_expires"),
                format!("session_expires must be 0 or at least {least}, not {secs}"),
            );
            preset
        }
        Some(expires_secs) => SessionTimer { expires_secs, ..preset },
    }
}

pub(crate) fn sip(document: &Document, check: &mut Check<'_>) -> Sip {
    let table = document.one(&schema::SIP);
    let fields = table.texts("listen");
    if table.has("listen") && fields.is_empty() {
        check.error(&table.at("listen"), "listen needs at least one address, as \"udp:192.0.2.1:5060\"");
    }
    let mut listen = Vec::new();
    for field in &fields {
        if let Some(one) = check.parsed(&field.span, parse_listen(&field.value)) {
            listen.push(one);
        }
    }
    let advertise = table.text("advertise").and_then(|f| check.parsed(&f.span, parse_advertise(&f.value)));
    if !table.has("advertise") {
        for field in &fields {
            if parse_listen(&field.value).is_ok_and(|l| l.addr.ip().is_unspecified()) {
                check.error(
                    &field.span,
                    format!(
                        "{:?} listens on every address: say in `advertise` which one peers are told",
                        field.value
                    ),
                );
            }
        }
    }
    let domains = domains(&table, check);
    let realm = domains.first().cloned().or_else(|| {
        let first = listen.first().map(|listen| listen.addr.ip());
        advertise.or(first).map(|ip| ip.to_string())
    });
    Sip {
        listen,
        advertise,
        domains,
        realm: realm.unwrap_or_default(),
        hashes: match table.text("digest").as_ref().map(|field| &*field.value) {
            Some("sha-256") => OfferedHashes::Sha256,
            Some("md5") => OfferedHashes::Md5,
            Some(_) | None => OfferedHashes::Both,
        },
        challenge_per_source: table.int("challenge_per_source").unwrap_or_default(),
        lockout_after: table.int("lockout_after").unwrap_or_default(),
        lockout_secs: table.int("lockout_secs").unwrap_or_default(),
        ban_after: table.int("ban_after").unwrap_or_default(),
        t1_ms: table.int("t1_ms").unwrap_or_default(),
        tcp_idle_secs: table.int("tcp_idle_secs").unwrap_or_default(),
        tcp_per_source: table.int("tcp_per_source").unwrap_or_default(),
        ws_origins: ws_origins(&table, check),
        dialog_probe_secs: table.int("dialog_probe_secs"),
    }
}

/// Listeners under TLS, as they are written.
pub(crate) fn encrypted(document: &Document) -> Vec<Field<String>> {
    let is_encrypted = |text: &str| parse_listen(text).is_ok_and(|listen| listen.transport.is_encrypted());
    let mut listen = document.one(&schema::SIP).texts("listen");
    listen.retain(|field| is_encrypted(&field.value));
    listen
}

pub(crate) fn parse_listen(text: &str) -> Result<Listen, String> {
    let wrong = || format!("{text:?} is not a listener: write udp:192.0.2.1:5060 or tcp:[2001:db8::1]:5060");
    let (transport, addr) = text.split_once(':').ok_or_else(wrong)?;
    let transport: Transport = transport.parse().map_err(|_| wrong())?;
    Ok(Listen { transport, addr: addr.parse().map_err(|_| wrong())? })
}

/// Host names and addresses that SIP accounts may write behind the `@`, lower case.
fn domains(table: &Table, check: &mut Check<'_>) -> Vec<String> {
    let fields = table.texts("domains");
    if table.has("domains") && fields.is_empty() {
        check.error(&table.at("domains"), "domains is empty: leave it out to serve our own addresses");
    }
    if fields.len() > DOMAINS_MAX {
        check.error(&table.at("domains"), format!("domains has more than {DOMAINS_MAX} entries"));
    }
    let mut domains = Vec::new();
    for Field { value, span } in fields {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if value.is_empty() || value.len() > DOMAIN_BYTES_MAX || !value.chars().all(plain) {
            check.error(&span, format!("{value:?} is no domain: write sip.example.net, or an address"));
        }
        domains.push(value.to_ascii_lowercase());
    }
    domains
}

/// Origins as browsers write them (RFC 6454 §6.2): scheme, host, and the port where it is not the scheme's.
fn ws_origins(table: &Table, check: &mut Check<'_>) -> Option<Vec<String>> {
    let mut origins = Vec::new();
    for Field { value, span } in table.texts("ws_origins") {
        let host = ["https://", "http://"].iter().find_map(|scheme| value.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@', ' '])) {
            let message = format!(
                "{value:?} is no origin: write https://phone.example.net, without a path, as browsers do"
            );
            check.error(&span, message);
        }
        origins.push(value.to_ascii_lowercase());
    }
    table.has("ws_origins").then_some(origins)
}

fn parse_advertise(text: &str) -> Result<IpAddr, String> {
    match text.parse::<IpAddr>() {
        Ok(ip) if !ip.is_unspecified() && !ip.is_multicast() => Ok(ip),
        _ => Err(format!("advertise must be an IP address that peers can reach, not {text:?}")),
    }
}

pub(crate) fn http(document: &Document, check: &mut Check<'_>) -> Http {
    let table = document.one(&schema::HTTP);
    let listen = table.text("listen").and_then(|f| {
        let wrong = |_| format!("{:?} is not an address and port: write 127.0.0.1:8080", f.value);
        check.parsed(&f.span, f.value.parse::<SocketAddr>().map_err(wrong))
    });
    let admin_token_file = table.text("admin_token_file").map(|f| check.path(&f.value)).unwrap_or_default();
    Http { listen: listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into()), admin_token_file }
}

pub(crate) fn journal(document: &Document, check: &Check<'_>) -> Journal {
    let table = document.one(&schema::JOURNAL);
    let (line, column) = check.source.place(table.at("unsaved_file").start);
    Journal {
        checkpoint_secs: table.int("checkpoint_secs").unwrap_or_default(),
        ballast_mib: table.int("ballast_mib").unwrap_or_default(),
        unsaved_file_at: (check.source.name.clone(), line, column),
        unsaved_file: table.text("unsaved_file").map(|f| check.path(&f.value)).unwrap_or_default(),
    }
}

pub(crate) fn log(document: &Document) -> Log {
    let table = document.one(&schema::LOG);
    let text = |key| table.text(key).map(|f| f.value).unwrap_or_default();
    Log { filter: text("filter"), json: text("format") != "text" }
}

/// No two listeners on one port. (Those of relayed media are looked at in `media`.)
pub(crate) fn refuse_shared_ports(
    document: &Document,
    http: &Http,
    h323: Option<&H323>,
    check: &mut Check<'_>,
) {
    let table = document.one(&schema::SIP);
    let mut taken: Vec<(Listen, Span)> = Vec::new();
    let fields =
        table.texts("listen").into_iter().filter_map(|f| Some((parse_listen(&f.value).ok()?, f.span)));
    let web = document.one(&schema::HTTP);
    let web = (Listen { transport: Transport::Tcp, addr: http.listen }, web.at("listen"));
    let gateways = document.one(&schema::H323);
    let listens = h323.map(|h323| {
        let of = |transport, addr: Option<SocketAddr>, key| {
            addr.map(|addr| (Listen { transport, addr }, gateways.at(key)))
        };
        [of(Transport::Tcp, h323.listen, "listen"), of(Transport::Udp, h323.ras, "ras")]
    });
    let gateways = listens.into_iter().flatten().flatten();
    for (one, span) in fields.chain([web]).chain(gateways) {
        if let Some((other, place)) = taken.iter().find(|(other, _)| collide(other, &one)) {
            let message = format!("{one} is in use already: {other} at {}", check.source.at(place));
            check.error(&span, message);
        }
        taken.push((one, span));
    }
}

fn collide(a: &Listen, b: &Listen) -> bool {
    let (x, y) = (a.addr, b.addr);
    let same_address = x.ip() == y.ip()
        || x.is_ipv4() == y.is_ipv4() && (x.ip().is_unspecified() || y.ip().is_unspecified());
    let of_one_kind = a.transport.is_reliable() == b.transport.is_reliable();
    of_one_kind && x.port() == y.port() && x.port() != 0 && same_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read() {
        for (text, written) in [
            ("udp:127.0.0.1:5060", "udp:127.0.0.1:5060"),
            ("TCP:[::1]:0", "tcp:[::1]:0"),
            ("tls:[::1]:5061", "tls:[::1]:5061"),
        ] {
            assert_eq!(parse_listen(text).map(|l| l.to_string()).as_deref(), Ok(written));
        }
        for text in [
            "",
            "udp",
            "udp:",
            "udp:127.0.0.1",
            "127.0.0.1:5060",
            "sctp:127.0.0.1:1",
            "udp:localhost:5060",
            "udp:1.2.3.4:99999",
        ] {
            assert!(parse_listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_collide_on_one_address_or_on_all() {
        let listen = |text| parse_listen(text).expect(text);
        for (a, b, both) in [
            ("udp:127.0.0.1:5060", "udp:127.0.0.1:5060", true),
            ("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", false),
            ("udp:127.0.0.1:5060", "udp:127.0.0.2:5060", false),
            ("udp:0.0.0.0:5060", "udp:127.0.0.2:5060", true),
            ("udp:0.0.0.0:5060", "udp:[::1]:5060", false),
            ("tls:127.0.0.1:5060", "tcp:127.0.0.1:5060", true),
            ("tls:127.0.0.1:5060", "wss:127.0.0.1:5060", true),
            ("udp:127.0.0.1:0", "udp:127.0.0.1:0", false),
        ] {
            assert_eq!(collide(&listen(a), &listen(b)), both, "{a} {b}");
        }
    }
}
