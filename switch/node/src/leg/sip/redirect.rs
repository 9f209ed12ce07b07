//! A carrier's 3xx that is followed (RFC 3261 §8.1.3.4), where its configuration allows that.
//! Invariant: at most [`REDIRECTS_MAX`] times an attempt, inside the allowed blocks only; the attempt stays
//! the carrier's, and so does its cost.

use std::net::SocketAddr;

use route::{RedirectHosts, Target};
use sip::flow::Transport;
use sip::{Message, Name, NameAddr, Scheme, Uri};

use super::leg::SipLeg;
use crate::leg::Context;
use crate::peers::Names;

/// Most targets tried after a redirection of one attempt.
const REDIRECTS_MAX: u8 = 3;

impl SipLeg {
    /// Follows a redirection, or tries its next target after another failed; false if there is none.
    pub(super) fn follow_redirect(&mut self, cx: &mut Context<'_>, response: &Message) -> bool {
        let status = response.status();
        let Some(carrier) = self.party.carrier().cloned() else { return false };
        let Some(hosts) = carrier.redirect_hosts.as_deref() else { return false };
        let (transport, names) = (self.flow.transport, cx.names);
        let Some(outgoing) = self.outgoing_mut() else { return false };
        if (300..=399).contains(&status) {
            let mut found: Vec<_> = response.values(Name::Contact).filter_map(NameAddr::parse).collect();
            // Sorting keeps the order of equals.
            found.sort_by_key(|contact| std::cmp::Reverse(preference(contact)));
            let targets = found.iter().flat_map(|contact| {
                let to = addresses_of(contact, transport, hosts, (&carrier.target, names));
                to.into_iter().map(|to| (Box::from(contact.uri), to))
            });
            let targets: Vec<_> = targets.take(usize::from(REDIRECTS_MAX)).collect();
            outgoing.redirects.get_or_insert_default().left = targets;
        } else if status >= 600 || !carrier.next_on.contains(status) {
            return false;
        }
        let Some(redirects) = outgoing.redirects.as_deref_mut() else { return false };
        if redirects.followed == REDIRECTS_MAX || redirects.left.is_empty() {
            return false;
        }
        let (uri, to) = redirects.left.remove(0);
        redirects.followed += 1;
        redirects.uri = Some(uri);
        outgoing.cseq += 1;
        outgoing.alternates.clear();
        self.redial(cx, to, None)
    }
}

/// Where a Contact leads that is inside the allowed hosts: an address, or those that a name was last resolved
/// to.
fn addresses_of(
    contact: &NameAddr<'_>,
    transport: Transport,
    hosts: &RedirectHosts,
    (carrier, names): (&Target, &Names),
) -> Vec<SocketAddr> {
    let Some(uri) = Uri::parse(contact.uri).filter(|uri| uri.scheme == Scheme::Sip) else {
        return Vec::new();
    };
    let named = uri.param("transport");
    if named.is_some_and(|named| !named.eq_ignore_ascii_case(transport.uri_name())) || uri.port == Some(0) {
        return Vec::new();
    }
    match uri.host_ip() {
        Some(ip) if hosts.has_address(ip) => {
            vec![SocketAddr::new(ip, uri.port.unwrap_or_else(|| transport.default_port()))]
        }
        Some(_) => Vec::new(),
        None => hosts
            .target_of(uri.host, uri.port, carrier)
            .map_or_else(Vec::new, |target| names.addresses(&RedirectHosts::key(&target)).to_vec()),
    }
}

/// A Contact's q in thousandths; 1 where none is written (RFC 3261 §20.10 leaves it open).
fn preference(contact: &NameAddr<'_>) -> u16 {
    let Some(text) = contact.params.value("q") else { return 1_000 };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.get(..part.len().min(3)).unwrap_or("");
    let thousandths = format!("{part:0<3}").parse().unwrap_or(0);
    if whole == "1" { 1_000 } else { thousandths }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_is_read_in_thousandths() {
        let of =
            |params: &str| preference(&NameAddr::parse(&format!("<sip:a@b>{params}")).expect("a contact"));
        let read = ["", ";q=1", ";q=1.0", ";q=0.5", ";q=0.25", ";q=0", ";q=0.1234", ";q=x"].map(of);
        assert_eq!(read, [1_000, 1_000, 1_000, 500, 250, 0, 123, 0]);
    }
}
