//! What a carrier wants to be different in its INVITEs, and where its redirections may lead.

use route::{Cidr, HEADERS_MAX, HeaderRules, Host, RedirectHosts, Target};
use units::Name;

use crate::check::Check;
use crate::reader::Table;

/// Most blocks that redirections may lead to.
const HOSTS_MAX: usize = 256;

/// Headers added and stripped; none if nothing is written.
pub(crate) fn headers(table: &Table, check: &mut Check<'_>) -> Option<Box<HeaderRules>> {
    let (added, stripped) = (table.texts("headers_add"), table.texts("headers_strip"));
    for (key, written) in [("headers_add", added.len()), ("headers_strip", stripped.len())] {
        if written > HEADERS_MAX {
            check.error(&table.at(key), format!("{key} has more than {HEADERS_MAX} entries"));
        }
    }
    let mut rules = HeaderRules::default();
    for field in added.iter().take(HEADERS_MAX) {
        rules.add.extend(check.parsed(&field.span, HeaderRules::parse_added(&field.value)));
    }
    for field in stripped.iter().take(HEADERS_MAX) {
        let checked = check.parsed(&field.span, HeaderRules::check_name(&field.value));
        rules.strip.extend(checked.map(|()| Box::from(&*field.value)));
    }
    (rules != HeaderRules::default()).then(|| Box::new(rules))
}

/// Where redirections are followed; none where they are not.
pub(crate) fn redirect_hosts(table: &Table, check: &mut Check<'_>) -> Option<Box<RedirectHosts>> {
    let fields = table.texts("redirect_hosts");
    let follows = table.text("redirect").is_some_and(|field| field.value == "follow");
    if !follows {
        if !fields.is_empty() {
            check.error(
                &table.at("redirect_hosts"),
                "redirect_hosts means something only with redirect = \"follow\"",
            );
        }
        return None;
    }
    if fields.is_empty() {
        check.error(
            &table.at("redirect"),
            "redirect = \"follow\" needs to know where to: write redirect_hosts = [\"192.0.2.0/24\"]",
        );
    }
    if fields.len() > HOSTS_MAX {
        check.error(
            &table.at("redirect_hosts"),
            format!("redirect_hosts has more than {HOSTS_MAX} entries: use blocks, as 192.0.2.0/24"),
        );
    }
    let mut hosts = RedirectHosts::default();
    for field in fields.iter().take(HOSTS_MAX) {
        // What has a slash, or is an address, is a block; anything else a name, with or without a port.
        match Cidr::parse(&field.value) {
            Ok(block) => hosts.blocks.push(block),
            Err(wrong) => match named(&field.value) {
                Some(name) => hosts.names.push(name),
                None => _ = check.parsed(&field.span, Err::<Cidr, _>(wrong)),
            },
        }
    }
    Some(Box::new(hosts))
}

/// A host name with the port where one is written.
fn named(text: &str) -> Option<(Name, Option<u16>)> {
    let target: Target = format!("sip:{text}").parse().ok().filter(|_| !text.contains(';'))?;
    match target.host {
        Host::Name(name) if name.contains('.') => Some((name, target.port)),
        Host::Name(_) | Host::Ip(_) => None,
    }
}
