//! What DNS says of a name (RFC 3263 §4): NAPTR where neither transport nor port is written, SRV where no
//! port is, else A and AAAA. Of H.323 A and AAAA.
//!
//! Invariant: at most [`TARGETS_MAX`] targets are followed, at once, and none further than its addresses.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use route::{Host, Target, Transport};
use tokio::task::JoinSet;

/// Most SRV targets followed.
const TARGETS_MAX: usize = 8;

/// Draws a number from 0 to the given one, both included.
pub(super) type Draw = fn(u32) -> u32;

/// Asks.
#[derive(Clone)]
pub(super) struct Lookup {
    pub resolver: TokioResolver,
    /// What we have listeners for.
    pub speaks: Vec<Transport>,
    pub draw: Draw,
}

/// Where a name leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Best first.
    pub addresses: Vec<SocketAddr>,
    /// What NAPTR chose; none: as configured.
    pub transport: Option<Transport>,
}

/// A target of SRV.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Service {
    priority: u16,
    weight: u16,
    port: u16,
    target: String,
}

/// A step of RFC 3263, and for how long it holds.
struct Held<T> {
    what: T,
    lives: Duration,
}

// === impl Lookup ===

impl Lookup {
    /// All addresses of a target, best first, and how long they hold; an error if nobody could say, or if
    /// there are none. `had_transport`: NAPTR chose before, so that its silence is no answer.
    pub(super) async fn find(
        &self,
        target: &Target,
        had_transport: bool,
    ) -> Result<(Found, Duration), String> {
        let Host::Name(name) = &target.host else { return Ok(Default::default()) };
        if target.port.is_some() || target.transport == Transport::H323 {
            let held = self.hosts(name, target.port_or_default()).await?;
            return Ok((Found { addresses: held.what, transport: None }, held.lives));
        }
        let chosen = if target.is_written {
            None
        } else {
            match self.chosen(name).await {
                Ok(chosen) => chosen,
                Err(why) if had_transport => return Err(why),
                // Some servers do not answer what they do not know.
                Err(_) => None,
            }
        };
        let Some(Held { what: (transport, replacement, is_service), lives }) = chosen else {
            let (addresses, lives) = self.served(&service(target.transport, name), name, target).await?;
            return Ok((Found { addresses, transport: None }, lives));
        };
        let (addresses, then) = if is_service {
            self.served(&replacement, name, &Target { transport, ..target.clone() }).await?
        } else {
            let held = self.hosts(&replacement, transport.default_port()).await?;
            (held.what, held.lives)
        };
        Ok((Found { addresses, transport: Some(transport) }, lives.min(then)))
    }

    /// The NAPTR record of the first transport that we speak: its replacement, and whether that has SRV
    /// records (flag S) or addresses (flag A).
    async fn chosen(&self, name: &str) -> Result<Option<Held<(Transport, String, bool)>>, String> {
        let records = match self.resolver.lookup(format!("{name}."), RecordType::NAPTR).await {
            Ok(answer) => answer.answers().to_vec(),
            Err(error) if error.is_no_records_found() => return Ok(None),
            Err(error) => return Err(said(&error)),
        };
        let mut found: Vec<_> = records
            .iter()
            .filter_map(|record| match &record.data {
                RData::NAPTR(naptr) => Some((naptr, record)),
                _ => None,
            })
            .collect();
        found.sort_by_key(|(naptr, _)| (naptr.order, naptr.preference));
        let usable = found.into_iter().find_map(|(naptr, record)| {
            let transport = match &*naptr.services.to_ascii_uppercase() {
                b"SIP+D2U" => Transport::Udp,
                b"SIP+D2T" => Transport::Tcp,
                // A name that is to be verified is written with transport=tls.
                _ => return None,
            };
            let is_service = match &*naptr.flags {
                b"s" | b"S" => true,
                b"a" | b"A" => false,
                _ => return None,
            };
            let is_spoken = self.speaks.contains(&transport);
            let what = (transport, naptr.replacement.to_utf8(), is_service);
            is_spoken.then(|| Held { what, lives: lives([record]) })
        });
        Ok(usable)
    }

    /// The addresses behind a service; of a domain without such records those of its own name (§4.2).
    async fn served(
        &self,
        service: &str,
        name: &str,
        target: &Target,
    ) -> Result<(Vec<SocketAddr>, Duration), String> {
        let services = self.services(service).await?;
        if services.what.is_empty() {
            let held = self.hosts(name, target.port_or_default()).await?;
            return Ok((held.what, held.lives));
        }
        let mut asked = JoinSet::new();
        for (place, service) in services.what.into_iter().enumerate() {
            let lookup = self.clone();
            asked.spawn(async move { (place, lookup.hosts(&service.target, service.port).await) });
        }
        let (mut found, mut why, mut least) = (Vec::new(), String::new(), services.lives);
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((place, Ok(held))) => {
                    least = least.min(held.lives);
                    found.push((place, held.what));
                }
                Ok((_, Err(error))) => why = error,
                Err(error) => why = error.to_string(),
            }
        }
        found.sort_by_key(|(place, _)| *place);
        if found.is_empty() {
            return Err(why);
        }
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found.into_iter().flat_map(|(_, all)| all) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok((addresses, least))
    }

    /// SRV targets in the order in which they are tried; none if the domain has no such records.
    async fn services(&self, name: &str) -> Result<Held<Vec<Service>>, String> {
        let answer = match self.resolver.srv_lookup(name).await {
            Ok(answer) => answer,
            Err(error) if error.is_no_records_found() => {
                return Ok(Held { what: Vec::new(), lives: Duration::MAX });
            }
            Err(error) => return Err(said(&error)),
        };
        let found = answer.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Service {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_utf8(),
            }),
            _ => None,
        });
        let mut ordered = in_order(found.collect(), self.draw);
        ordered.truncate(TARGETS_MAX);
        Ok(Held { what: ordered, lives: lives(answer.answers()) })
    }

    async fn hosts(&self, name: &str, port: u16) -> Result<Held<Vec<SocketAddr>>, String> {
        let answer = self.resolver.lookup_ip(name).await.map_err(|error| said(&error))?;
        let what: Vec<SocketAddr> = answer.iter().map(|ip| SocketAddr::new(ip, port)).collect();
        if what.is_empty() {
            return Err("it has no address".to_owned());
        }
        Ok(Held { what, lives: lives(answer.as_lookup().answers()) })
    }
}

// === helpers ===

/// The name that SRV records of a transport stand under (RFC 3263 §4.1).
fn service(transport: Transport, name: &str) -> String {
    match transport {
        Transport::Tls => format!("_sips._tcp.{name}."),
        transport => format!("_sip._{transport}.{name}."),
    }
}

/// By priority; among equals drawn by weight (RFC 2782).
fn in_order(mut left: Vec<Service>, draw: Draw) -> Vec<Service> {
    let mut ordered = Vec::with_capacity(left.len());
    // Those of weight 0 first, so that they have a small chance.
    left.sort_by_key(|service| (service.priority, service.weight != 0));
    while let Some(priority) = left.first().map(|service| service.priority) {
        let equals = left.iter().take_while(|service| service.priority == priority);
        let sum: u32 = equals.clone().map(|service| u32::from(service.weight)).sum();
        let drawn = draw(sum);
        let mut running = 0;
        let at = equals.clone().position(|service| {
            running += u32::from(service.weight);
            running >= drawn
        });
        ordered.push(left.remove(at.unwrap_or(0)));
    }
    ordered
}

/// The shortest time to live of some records.
fn lives<'a>(records: impl IntoIterator<Item = &'a Record>) -> Duration {
    let least = records.into_iter().map(|record| record.ttl).min().unwrap_or(0);
    Duration::from_secs(u64::from(least))
}

fn said(error: &NetError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, port: u16) -> Service {
        Service { priority, weight, port, target: "a.test".to_owned() }
    }

    /// RFC 2782: chosen again and again, targets of one priority come first as often as they weigh.
    #[test]
    fn services_are_drawn_by_weight() {
        let all = vec![service(20, 100, 1), service(10, 0, 2), service(10, 30, 3), service(10, 10, 4)];
        let ports = |draw: Draw| in_order(all.clone(), draw).iter().map(|one| one.port).collect::<Vec<_>>();
        assert_eq!(ports(|_| 0), [2, 3, 4, 1]);
        assert_eq!(ports(|sum| sum), [4, 3, 2, 1]);
        assert_eq!(ports(|sum| sum / 2), [3, 4, 2, 1]);
        assert_eq!(in_order(Vec::new(), |sum| sum), []);
    }
}
