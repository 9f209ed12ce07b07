//! `[media]`, and what each peer says of its media: whether calls are relayed, by which addresses and ports.
//!
//! Invariant: where anything is relayed there is an address to relay by, and no listener on its ports.

use std::net::IpAddr;

use codecs::{DtmfForm, SrtpPolicy};
use route::{Carriers, Gates, MediaPath, MediaTerms, SessionTimer, Transcode, Transport};

use crate::base;
use crate::check::Check;
use crate::engines;
use crate::field::Field;
use crate::prompts;
use crate::reader::{Document, Table};
use crate::schema;
use crate::{Media, NodeSettings};

/// Ports of relayed media, if none are written.
const PORTS: (u16, u16) = (16_384, 32_766);

/// What holds for a gate, SIP account or carrier that does not say otherwise.
#[derive(Clone, Copy)]
pub(crate) struct PeerPresets {
    /// `node.session_expires`.
    pub session: SessionTimer,
    /// `media.mode`.
    pub path: MediaPath,
    /// There is something to relay by: `media.address`, or engines outside.
    pub can_relay: bool,
    /// `media.transcode`.
    pub transcode: bool,
}

// === impl PeerPresets ===

impl PeerPresets {
    pub(crate) fn of(node: &NodeSettings, media: &Media) -> Self {
        Self {
            session: node.session,
            path: media.mode,
            can_relay: media.can_relay(),
            transcode: media.transcode,
        }
    }
}

pub(crate) fn media(document: &Document, before: Option<&Media>, check: &mut Check<'_>) -> Media {
    let table = document.one(&schema::MEDIA);
    let mode = path(&table, "mode").unwrap_or_default();
    let engines = engines::engines(&table, check);
    let is_inside = table.text("engine").is_none_or(|field| field.value == "internal");
    if mode == MediaPath::Relay && is_inside && !table.has("address") {
        check.error(&table.at("mode"), need_of_address("mode = \"bypass\""));
    }
    if table.bool("transcode") && is_inside && !table.has("address") {
        check.error(&table.at("transcode"), need_of_address("transcode = false"));
    }
    let addresses = addresses(&table, "address", check);
    let advertise = addresses_advertised(&table, &addresses, check);
    Media {
        mode,
        addresses,
        advertise,
        ports: table.ports("ports").unwrap_or(PORTS),
        threads: table.int("threads").and_then(|n| u16::try_from(n).ok()).unwrap_or_default(),
        workers: table.int("workers").and_then(|n| u16::try_from(n).ok()).unwrap_or_default(),
        transcode: table.bool("transcode"),
        max_transcoding: table.int("max_transcoding").unwrap_or_default(),
        fast_path: table.text("fast_path").is_some_and(|field| field.value == "auto"),
        rtp_timeout_secs: table.int("rtp_timeout_secs").unwrap_or_default(),
        rtp_timeout_hold_secs: table.int("rtp_timeout_hold_secs").unwrap_or_default(),
        engines,
        announcements: announcements(&table, is_inside, check),
        warning_secs: table.int("warning_secs").unwrap_or_default(),
        prompts: prompts::prompts(&table, before.map(|before| &before.prompts), check),
    }
}

/// Media of ours for calls of every gate, also where calls are not relayed.
fn announcements(table: &Table, is_inside: bool, check: &mut Check<'_>) -> bool {
    let is_wanted = table.bool("announcements");
    if is_wanted && is_inside && !table.has("address") {
        check.error(&table.at("announcements"), need_of_address("announcements = false"));
    }
    is_wanted
}

/// What one peer says of its media.
pub(crate) fn terms(table: &Table, presets: &PeerPresets, check: &mut Check<'_>) -> MediaTerms {
    let own = path(table, "media");
    if own == Some(MediaPath::Relay) && !presets.can_relay {
        check.error(&table.at("media"), need_of_address("media = \"bypass\" here"));
    }
    let srtp = match table.text("srtp").as_ref().map(|field| &*field.value) {
        Some("optional") => SrtpPolicy::Optional,
        Some("required") => SrtpPolicy::Required,
        _ => SrtpPolicy::Off,
    };
    let dtmf = match table.text("dtmf").as_ref().map(|field| &*field.value) {
        Some("info") => DtmfForm::Info,
        Some("inband") => DtmfForm::Inband,
        _ => DtmfForm::Rfc4733,
    };
    if dtmf != DtmfForm::Rfc4733 && !presets.can_relay {
        check.error(&table.at("dtmf"), need_of_address("dtmf = \"rfc4733\" here"));
    }
    let is_keyed = srtp != SrtpPolicy::Off;
    if is_keyed && !presets.can_relay {
        check.error(&table.at("srtp"), need_of_address("srtp = \"off\" here"));
    }
    let transcode = match table.has("transcode") {
        true if !table.bool("transcode") => Transcode::Never,
        false if !presets.transcode => Transcode::Unsaid,
        has_own => {
            if has_own && !presets.can_relay {
                check.error(&table.at("transcode"), need_of_address("transcode = false here"));
            }
            Transcode::Wanted
        }
    };
    let record = table.bool("record");
    if record && !presets.can_relay {
        check.error(&table.at("record"), need_of_address("record = false here"));
    }
    // Each side has keys of its own: what is encrypted goes over the relay, and so do digits that the other
    // side has among its packets, and what is recorded.
    let is_relayed = is_keyed || dtmf != DtmfForm::Rfc4733 || record;
    let path = if is_relayed { MediaPath::Relay } else { own.unwrap_or(presets.path) };
    MediaTerms { path, nat: table.bool("nat"), srtp, transcode, dtmf, record }
}

/// Keys of SRTP that whoever reads the signalling reads too.
fn check_keys(document: &Document, (gates, carriers): (&Gates, &Carriers), check: &mut Check<'_>) {
    let listens = document.one(&schema::SIP).texts("listen");
    let has_tls =
        listens.iter().any(|field| field.value.starts_with("tls:") || field.value.starts_with("wss:"));
    let is_keyed = |terms: &MediaTerms| terms.srtp != SrtpPolicy::Off;
    let mut warn = |section: &'static schema::Section, name: &str, what: &str| {
        let tables = document.many(section);
        let Some(table) = tables.iter().find(|table| table.text("name").is_some_and(|own| own.value == name))
        else {
            return;
        };
        check.warning(
            &table.at("srtp"),
            format!("keys of srtp can be read by whoever reads the signalling: {what}"),
        );
    };
    for gate in gates.iter().filter(|gate| is_keyed(&gate.media) && !has_tls) {
        let section = if gate.is_sip_account() { &schema::SIP_ACCOUNT } else { &schema::GATE };
        warn(section, &gate.name, "add a tls: listener to [sip] listen, and let its calls come by that");
    }
    for carrier in carriers.iter().filter(|carrier| is_keyed(&carrier.media)) {
        if carrier.target.transport != Transport::Tls {
            warn(&schema::CARRIER, &carrier.name, "call it by TLS, address = \"sip:…;transport=tls\"");
        }
    }
}

/// Whether keys are safe on their way, and the ports fit the calls and what else listens, if anything is
/// relayed.
pub(crate) fn check_ports(
    document: &Document,
    media: &Media,
    node: &NodeSettings,
    (gates, carriers): (&Gates, &Carriers),
    check: &mut Check<'_>,
) {
    check_keys(document, (gates, carriers), check);
    // Ports of engines outside are on their machines.
    if !media.engines.is_empty() {
        return engines::refuse_elsewhere(document, check);
    }
    // Without an address there is an error already.
    if !media.relays(gates, carriers) || media.addresses.is_empty() {
        return;
    }
    let table = document.one(&schema::MEDIA);
    let (first, last) = media.ports;
    let calls = media.calls_max();
    if calls < node.max_calls {
        let message = format!(
            "ports {first} to {last} hold {calls} relayed calls, two pairs of ports each, and node.max_calls is {}: write more ports, or a smaller max_calls",
            node.max_calls
        );
        check.warning(&table.at("ports"), message);
    }
    let mut is_warned = false;
    for field in document.one(&schema::SIP).texts("listen") {
        let Ok(listen) = base::parse_listen(&field.value) else { continue };
        let (ip, port) = (listen.addr.ip(), listen.addr.port());
        let shares =
            |address: &IpAddr| ip == *address || ip.is_ipv4() == address.is_ipv4() && ip.is_unspecified();
        let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
        if !is_warned && !media.addresses.iter().any(|address| address.is_ipv4() == ip.is_ipv4()) {
            let message = format!(
                "{listen} takes calls over {family}, and media.address has no {family} address: peers whose media is {family} are refused with 488; add one to [media] address"
            );
            check.warning(&field.span, message);
            is_warned = true;
        }
        if listen.transport == Transport::Udp
            && (first..=last).contains(&port)
            && media.addresses.iter().any(shares)
        {
            let message = format!(
                "{listen} lies within media.ports, {first} to {last}: relayed media would come to it; choose another port, or other media.ports"
            );
            check.error(&field.span, message);
        }
    }
}

fn need_of_address(instead: &str) -> String {
    format!(
        "relayed media needs an address to come to: write address = \"192.0.2.1\", one of this machine's, into [media], or {instead}"
    )
}

fn path(table: &Table, key: &str) -> Option<MediaPath> {
    Some(match &*table.text(key)?.value {
        "relay" => MediaPath::Relay,
        _ => MediaPath::Bypass,
    })
}

/// One address, or one of each family.
fn addresses(table: &Table, key: &str, check: &mut Check<'_>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for Field { value, span } in table.texts(key) {
        let ip = match value.parse::<IpAddr>() {
            Ok(ip) if !ip.is_unspecified() && !ip.is_multicast() => ip.to_canonical(),
            _ => {
                let message = format!("{key} must be an IP address that media can be sent to, not {value:?}");
                check.error(&span, message);
                continue;
            }
        };
        if addresses.iter().any(|other| other.is_ipv4() == ip.is_ipv4()) {
            let message =
                format!("{key} takes one IPv4 and one IPv6 address, and {value:?} is the second of its kind");
            check.error(&span, message);
            continue;
        }
        addresses.push(ip);
    }
    addresses
}

/// What peers are told in place of `address`.
fn addresses_advertised(table: &Table, addresses: &[IpAddr], check: &mut Check<'_>) -> Vec<IpAddr> {
    let advertise = self::addresses(table, "advertise", check);
    for ip in &advertise {
        if !addresses.iter().any(|address| address.is_ipv4() == ip.is_ipv4()) {
            let message =
                format!("advertise {ip} stands for no address of its family: write that into address");
            check.error(&table.at("advertise"), message);
        }
    }
    advertise
}
