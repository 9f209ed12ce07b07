//! By what certificates of callers' numbers are fetched and believed.

use std::sync::Arc;

use stir::{CertificateUrl, Roots};

/// What a reload changes.
#[derive(Clone, Default)]
pub(crate) struct CertificateSettings {
    pub roots: Option<Arc<Roots>>,
    pub private_hosts: Vec<String>,
    /// Whose web servers are believed.
    pub https: Option<Arc<rustls::ClientConfig>>,
}

// === impl CertificateSettings ===

impl CertificateSettings {
    pub(crate) fn of(stir: &config::Stir) -> Self {
        let (roots, private_hosts) = (stir.roots.clone(), stir.private_hosts.clone());
        Self { roots, private_hosts, https: stir.https.clone() }
    }

    /// Whether a host may have any address and port.
    pub(crate) fn is_private(&self, url: &CertificateUrl) -> bool {
        self.private_hosts.contains(&url.authority())
    }
}
