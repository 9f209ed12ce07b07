//! Certificates: what TLS listeners show and demand, and whom TLS connections of ours are verified for.
//!
//! Invariant: a [`TlsId`] means one name and one file of authorities as long as the process lives, so that a
//! connection is never used for a peer whose certificate it did not show.

mod files;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use route::{Host, Target, Transport};
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use units::TlsId;

use crate::check::Check;
use crate::diagnostic::Span;
use crate::field::Field;
use crate::reader::{Document, Table};

/// Most peers with TLS settings of their own, over all configurations of one process.
const PEERS_MAX: usize = 65_535;
/// Names said of one peer in the log.
const CALLED_MAX: usize = 4;

/// All of TLS in one configuration.
#[derive(Clone, Default)]
pub struct Tls {
    /// What listeners show and demand; none without `[sip.tls]`.
    pub server: Option<Arc<ServerConfig>>,
    /// Certificates and authorities of the listeners as read, to tell a change.
    seen: Vec<u8>,
    /// Name and authorities by id, of this configuration and those before.
    keys: Vec<(String, Option<PathBuf>)>,
    by_id: BTreeMap<TlsId, TlsPeer>,
}

/// A peer to which TLS connections are opened.
#[derive(Clone)]
pub struct TlsPeer {
    /// What its certificate must show.
    pub name: ServerName<'static>,
    /// Whose name that is, for the log: `carrier alpha`.
    pub called: String,
    /// Whose certificates are believed, and what is shown of ours.
    pub config: Arc<ClientConfig>,
}

/// Peers of one configuration as they are met.
pub(crate) struct TlsBuilder {
    tls: Tls,
    own: Option<Arc<CertifiedKey>>,
    /// Families in which a `tls:` listener stands, IPv4 first.
    listens: (bool, bool),
    met: BTreeMap<TlsId, Met>,
    roots: BTreeMap<Option<PathBuf>, Arc<RootCertStore>>,
}

struct Met {
    name: ServerName<'static>,
    called: Vec<String>,
    ca: Option<PathBuf>,
}

// === impl Tls ===

impl Tls {
    /// Whom connections with this id are verified for; none for those that came in by themselves.
    pub fn peer(&self, id: TlsId) -> Option<&TlsPeer> {
        self.by_id.get(&id)
    }

    /// Whether listeners show and demand the same.
    pub(crate) fn shows_as(&self, other: &Self) -> bool {
        self.seen == other.seen
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("keys", &self.keys).finish_non_exhaustive()
    }
}

// === impl TlsBuilder ===

impl TlsBuilder {
    /// Reads `[sip.tls]` for the `encrypted` listeners, as they are written; ids follow those of the
    /// configuration before.
    pub(crate) fn new(
        document: &Document,
        encrypted: &[Field<String>],
        before: Option<&Tls>,
        check: &mut Check<'_>,
    ) -> Self {
        let read = server::read(document, encrypted, check);
        let mut listens = (false, false);
        for field in encrypted {
            let written = field.value.to_ascii_lowercase();
            if let Some(address) = written.strip_prefix("tls:") {
                let is_ipv6 = address.starts_with('[');
                listens = (listens.0 || !is_ipv6, listens.1 || is_ipv6);
            }
        }
        let keys = before.map(|before| before.keys.clone()).unwrap_or_default();
        Self {
            tls: Tls { server: read.config, seen: read.seen, keys, by_id: BTreeMap::new() },
            own: read.own,
            listens,
            met: BTreeMap::new(),
            roots: BTreeMap::new(),
        }
    }

    /// A target with the id of its TLS settings; `table` is where `tls_name` and `tls_ca` would stand,
    /// `called` whose it is and `at` its place.
    pub(crate) fn peer_of(
        &mut self,
        table: &Table,
        called: String,
        at: &Span,
        target: Target,
        check: &mut Check<'_>,
    ) -> Target {
        if target.transport != Transport::Tls {
            self.none(table, check);
            return target;
        }
        let written = table.text("tls_name");
        let (name, name_at) = match &written {
            Some(field) => (field.value.clone(), field.span.clone()),
            None => (plain(&target.host), at.clone()),
        };
        let ca = table.text("tls_ca");
        let path = ca.as_ref().map(|field| check.path(&field.value));
        if !self.roots.contains_key(&path) {
            let roots = match &ca {
                Some(field) => files::authorities(field, check).map(|read| read.roots),
                None => Some(files::of_system(at, check)),
            };
            // A file that could not be read has its error.
            self.roots.insert(path.clone(), Arc::new(roots.unwrap_or_else(RootCertStore::empty)));
        }
        self.met((called, at), (name, &name_at), path, target, check)
    }

    /// As [`Self::peer_of`] where nothing says whose certificate is wanted: the host's, of the system's
    /// authorities.
    pub(crate) fn peer_by_host(
        &mut self,
        called: String,
        at: &Span,
        target: Target,
        check: &mut Check<'_>,
    ) -> Target {
        if target.transport != Transport::Tls {
            return target;
        }
        self.roots.entry(None).or_insert_with(|| Arc::new(files::of_system(at, check)));
        let name = plain(&target.host);
        self.met((called, at), (name, at), None, target, check)
    }

    /// Says that TLS settings mean nothing without TLS.
    pub(crate) fn none(&self, table: &Table, check: &mut Check<'_>) {
        for key in ["tls_name", "tls_ca"] {
            if table.has(key) {
                let message = format!("{key} means something only where `address` has transport=tls");
                check.error(&table.at(key), message);
            }
        }
    }

    fn met(
        &mut self,
        (called, at): (String, &Span),
        (name, name_at): (String, &Span),
        ca: Option<PathBuf>,
        target: Target,
        check: &mut Check<'_>,
    ) -> Target {
        let reached = match target.host {
            Host::Ip(ip) if ip.is_ipv4() => self.listens.0,
            Host::Ip(_) => self.listens.1,
            Host::Name(_) => self.listens.0 || self.listens.1,
        };
        if !reached {
            let message = format!(
                "{called} is called over TLS, but no tls: listener of its address family is there for what it sends back: \
                 add one to [sip] listen, as \"tls:192.0.2.1:5061\""
            );
            check.error(at, message);
        }
        let Ok(server) = ServerName::try_from(name.clone()) else {
            check.error(name_at, format!("{name:?} is neither a DNS name nor an IP address"));
            return target;
        };
        let Some(id) = self.id((name.to_ascii_lowercase(), ca.clone())) else {
            check.error(at, format!("more than {PEERS_MAX} different names and authorities for TLS"));
            return target;
        };
        let met = self.met.entry(id).or_insert_with(|| Met { name: server, called: Vec::new(), ca });
        if met.called.len() < CALLED_MAX {
            met.called.push(called);
        }
        Target { tls: id, ..target }
    }

    fn id(&mut self, key: (String, Option<PathBuf>)) -> Option<TlsId> {
        let keys = &mut self.tls.keys;
        let at = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            keys.push(key);
            keys.len() - 1
        });
        // Id 0 is nobody's.
        u16::try_from(at + 1).ok().map(TlsId)
    }

    /// What all that was met is verified by.
    pub(crate) fn finish(mut self, check: &mut Check<'_>) -> Tls {
        let mut configs: BTreeMap<Option<PathBuf>, Arc<ClientConfig>> = BTreeMap::new();
        for (ca, roots) in &self.roots {
            match client(roots, self.own.as_ref()) {
                Ok(config) => _ = configs.insert(ca.clone(), Arc::new(config)),
                Err(error) => check.error(&(0..0), format!("TLS: {error}")),
            }
        }
        for (id, Met { name, called, ca }) in self.met {
            if let Some(config) = configs.get(&ca) {
                let peer = TlsPeer { name, called: called.join(", "), config: Arc::clone(config) };
                self.tls.by_id.insert(id, peer);
            }
        }
        self.tls
    }
}

/// A client that believes the system's authorities and shows nothing of ours.
pub(crate) fn client_of_system(at: &Span, check: &mut Check<'_>) -> Option<Arc<ClientConfig>> {
    let roots = Arc::new(files::of_system(at, check));
    match client(&roots, None) {
        Ok(config) => Some(Arc::new(config)),
        Err(error) => {
            check.error(at, format!("TLS: {error}"));
            None
        }
    }
}

fn client(
    roots: &Arc<RootCertStore>,
    own: Option<&Arc<CertifiedKey>>,
) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(files::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(roots));
    Ok(match own {
        Some(own) => {
            let shown = SingleCertAndKey::from(Arc::clone(own));
            config.with_client_cert_resolver(Arc::new(shown))
        }
        None => config.with_no_client_auth(),
    })
}

/// A host without the brackets of IPv6.
fn plain(host: &Host) -> String {
    match host {
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name.to_string(),
    }
}
