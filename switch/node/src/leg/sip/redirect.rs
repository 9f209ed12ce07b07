//! A carrier's 3xx that is followed (RFC 3261 §8.1.3.4), where its configuration allows that.
//! Invariant: at most [`REDIRECTS_MAX`] times an attempt, inside the allowed blocks only; the attempt stays
//! the carrier's, and so does its cost.

use std::net::SocketAddr;

use sip::{Message, Name, NameAddr, Scheme, Uri};

use super::leg::SipLeg;
use crate::leg::Context;

/// Most targets tried after a redirection of one attempt.
const REDIRECTS_MAX: u8 = 3;

impl SipLeg {
    /// Follows a redirection, or tries its next target after another failed; false if there is none.
    pub(super) fn follow_redirect(&mut self, cx: &mut Context<'_>, response: &Message) -> bool {
        let status = response.status();
        let Some(carrier) = self.party.carrier().cloned() else { return false };
        let Some(hosts) = carrier.redirect_hosts.as_deref() else { return false };
        let transport = self.flow.transport;
        let Some(outgoing) = self.outgoing_mut() else { return false };
        if (300..=399).contains(&status) {
            let mut found: Vec<_> = response.values(Name::Contact).filter_map(NameAddr::parse).collect();
            // Sorting keeps the order of equals.
            found.sort_by_key(|contact| std::cmp::Reverse(preference(contact)));
            let targets = found.iter().filter_map(|contact| {
                let uri = Uri::parse(contact.uri).filter(|uri| uri.scheme == Scheme::Sip)?;
                let named = uri.param("transport");
                let same = named.is_none_or(|named| named.eq_ignore_ascii_case(transport.uri_name()));
                let ip =
                    uri.host_ip().filter(|ip| same && hosts.0.iter().any(|block| block.contains(*ip)))?;
                let port = uri.port.unwrap_or_else(|| transport.default_port());
                (port != 0).then(|| (contact.uri.into(), SocketAddr::new(ip, port)))
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
