//! What an arrow of a ladder says, and what stands beside it.

use crate::scan;

/// Longest value of a header that is shown, characters.
const VALUE_MAX: usize = 80;
/// Codecs of a session that are shown.
const CODECS_MAX: usize = 8;
/// Payload types without an `a=rtpmap` (RFC 3551 §6).
const STATIC: &[(&str, &str)] = &[
    ("0", "PCMU"),
    ("3", "GSM"),
    ("4", "G723"),
    ("8", "PCMA"),
    ("9", "G722"),
    ("13", "CN"),
    ("15", "G728"),
    ("18", "G729"),
];

/// Text from the network as a terminal may see it.
pub(super) fn clean(text: &str) -> String {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_unsafe(c) { '?' } else { c }).collect()
}

/// Method or status, with the method that a status answers where it is not an INVITE.
pub(super) fn label(text: &str, room: usize) -> String {
    let line = clean(&String::from_utf8_lossy(scan::first_line(text.as_bytes())));
    let label = match line.strip_prefix("SIP/2.0 ") {
        None => line.split(' ').next().unwrap_or_default().to_owned(),
        Some(status) => {
            let cseq = scan::cseq(text.as_bytes()).unwrap_or_default();
            let method = cseq.rsplit(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
            match clean(&String::from_utf8_lossy(method)) {
                method if method == "INVITE" || method.is_empty() => status.to_owned(),
                method => format!("{} ({method})", status.get(..3).unwrap_or(status)),
            }
        }
    };
    let label = format!(" {label} ");
    if label.chars().count() <= room {
        return label;
    }
    let cut: String = label.chars().take(room.saturating_sub(2)).collect();
    format!("{}~ ", cut.trim_end())
}

/// Number called, session, and reasons that were given.
pub(super) fn note(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let bytes = text.as_bytes();
    if text.starts_with("INVITE ")
        && let Some(uri) = scan::start_uri(bytes)
        && scan::is_new_invite(bytes)
    {
        parts.push(short(uri));
    }
    parts.extend(session(text));
    let status: u16 = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0);
    let ends = status >= 300 || ["BYE ", "CANCEL "].iter().any(|method| text.starts_with(method));
    let names: &[&str] = if ends { &["Reason", "Warning", "Retry-After", "Error-Info"] } else { &[] };
    let contact: &[&str] = if (300..400).contains(&status) { &["Contact"] } else { &[] };
    for name in names.iter().chain(contact) {
        if let Some(value) = scan::header(bytes, &[name, if *name == "Contact" { "m" } else { name }])
            && !value.is_empty()
        {
            parts.push(format!("{name}: {}", short(value)));
        }
    }
    parts
}

fn short(value: &[u8]) -> String {
    let text = clean(&String::from_utf8_lossy(value));
    if text.chars().count() <= VALUE_MAX {
        return text;
    }
    text.chars().take(VALUE_MAX - 1).chain(['~']).collect()
}

/// Codecs, address and direction of the first medium: `sdp PCMA,G729 192.0.2.1:4000`.
fn session(text: &str) -> Option<String> {
    let (_, body) = text.split_once("\r\n\r\n")?;
    let lines = || body.lines().map(|line| line.trim_end_matches('\r'));
    let media = lines().find_map(|line| line.strip_prefix("m="))?;
    let mut words = media.split_ascii_whitespace();
    let (_, port, _) = (words.next()?, words.next()?, words.next());
    let name = |payload: &str| {
        let mapped = lines().find_map(|line| {
            let (number, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            (number == payload).then(|| codec.split('/').next().unwrap_or_default())
        });
        let known = || STATIC.iter().find(|(number, _)| *number == payload).map(|(_, name)| *name);
        short(mapped.or_else(known).unwrap_or(payload).as_bytes())
    };
    let codecs: Vec<String> = words.take(CODECS_MAX).map(name).collect();
    let address = lines().find_map(|line| line.strip_prefix("c=")?.split(' ').nth(2)).unwrap_or("?");
    let direction = ["sendonly", "recvonly", "inactive"]
        .into_iter()
        .find(|direction| lines().any(|line| line.strip_prefix("a=") == Some(direction)))
        .map(|direction| format!(" {direction}"))
        .unwrap_or_default();
    let (address, port) = (short(address.as_bytes()), short(port.as_bytes()));
    Some(format!("sdp {} {address}:{port}{direction}", codecs.join(",")))
}
