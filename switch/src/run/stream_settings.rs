//! What a reload changes for connections that open from then on; those that are open stay as they are.

/// Certificates, authorities and names.
#[derive(Default)]
pub(crate) struct StreamSettings {
    pub tls: config::Tls,
}

// === impl StreamSettings ===

impl StreamSettings {
    pub(crate) fn of(settings: &config::Settings) -> Self {
        Self { tls: settings.tls.clone() }
    }
}
