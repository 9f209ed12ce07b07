//! What a reload changes for connections that open from then on; those that are open stay as they are.

use crate::run::certificate_settings::CertificateSettings;

/// Certificates, authorities and names, and whose web pages may connect.
#[derive(Default)]
pub(crate) struct StreamSettings {
    pub tls: config::Tls,
    /// Origins of web pages that may open a WebSocket; none: any.
    pub ws_origins: Option<Vec<String>>,
    /// By what certificates of callers' numbers are fetched and believed.
    pub certificates: CertificateSettings,
}

// === impl StreamSettings ===

impl StreamSettings {
    pub(crate) fn of(settings: &config::Settings) -> Self {
        Self {
            tls: settings.tls.clone(),
            ws_origins: settings.sip.ws_origins.clone(),
            certificates: CertificateSettings::of(&settings.stir),
        }
    }
}
