//! Addresses of carriers that are configured by name (RFC 3263): SRV where no port is written, else A and AAAA; asked again in a while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use route::{Carrier, Host};

use crate::run::fabric::{Fabric, Letter};

/// How often names are asked again.
const EVERY: Duration = Duration::from_secs(60);
/// Most SRV targets followed.
const TARGETS_MAX: usize = 8;

/// Resolves for ever. Carriers with addresses are never asked about.
pub(crate) async fn resolve(fabric: Arc<Fabric>) {
    let mut resolver: Option<TokioResolver> = None;
    loop {
        let tables = fabric.tables.load_full();
        let named: Vec<&Carrier> = tables.carriers.iter().filter(|carrier| matches!(carrier.target.host, Host::Name(_))).collect();
        if !named.is_empty() && resolver.is_none() {
            match TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build) {
                Ok(built) => resolver = Some(built),
                Err(error) => tracing::error!(%error, "no resolver: carriers with names cannot be reached; check /etc/resolv.conf"),
            }
        }
        if let Some(resolver) = &resolver {
            for carrier in named {
                let addresses = addresses(resolver, carrier).await;
                if addresses.is_empty() {
                    tracing::warn!(carrier = &*carrier.name, "its name has no address");
                }
                fabric.broadcast(|| Letter::Resolved { carrier: carrier.name.clone(), addresses: addresses.clone() });
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn addresses(resolver: &TokioResolver, carrier: &Carrier) -> Vec<SocketAddr> {
    let Host::Name(name) = &carrier.target.host else { return Vec::new() };
    let port = carrier.target.port_or_default();
    if carrier.target.port.is_none() {
        let targets = services(resolver, &format!("_sip._{}.{name}.", carrier.target.transport)).await;
        let mut found = Vec::new();
        for (target, port) in targets {
            found.extend(hosts(resolver, &target, port).await);
        }
        if !found.is_empty() {
            return found;
        }
    }
    hosts(resolver, name, port).await
}

/// SRV targets by priority, heavier first.
async fn services(resolver: &TokioResolver, name: &str) -> Vec<(String, u16)> {
    let Ok(answer) = resolver.srv_lookup(name).await else { return Vec::new() };
    let mut found: Vec<_> = answer
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, u16::MAX - srv.weight, srv.target.to_utf8(), srv.port)),
            _ => None,
        })
        .collect();
    found.sort();
    found.into_iter().take(TARGETS_MAX).map(|(_, _, target, port)| (target, port)).collect()
}

async fn hosts(resolver: &TokioResolver, name: &str, port: u16) -> Vec<SocketAddr> {
    match resolver.lookup_ip(name).await {
        Ok(answer) => answer.iter().map(|ip| SocketAddr::new(ip, port)).collect(),
        Err(_) => Vec::new(),
    }
}
