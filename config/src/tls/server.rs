//! `[sip.tls]` and `[[sip.tls.extra]]`: what listeners show, by the name that a client asks for (SNI,
//! RFC 6066 §3), and what they demand of clients.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::files;
use crate::check::Check;
use crate::field::Field;
use crate::reader::{Document, Table};
use crate::schema;

/// Most certificates of one switch.
const CERTIFICATES_MAX: usize = 64;

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    pub config: Option<Arc<ServerConfig>>,
    /// The first certificate: what is shown to carriers too.
    pub own: Option<Arc<CertifiedKey>>,
    /// All of it as bytes, to tell a change.
    pub seen: Vec<u8>,
}

/// Certificates, the first of them for who names none of the others'.
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

// === impl ByName ===

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let shows = |certified: &&Arc<CertifiedKey>, name: &ServerName<'_>| {
            certified
                .end_entity_cert()
                .and_then(ParsedCertificate::try_from)
                .and_then(|parsed| verify_server_name(&parsed, name))
                .is_ok()
        };
        let found = named.and_then(|name| self.0.iter().find(|certified| shows(certified, &name)));
        found.or_else(|| self.0.first()).cloned()
    }
}

/// Reads both sections; without them the listeners under TLS, as they are written, are errors.
pub(super) fn read(document: &Document, encrypted: &[Field<String>], check: &mut Check<'_>) -> Read {
    let table = document.one(&schema::SIP_TLS);
    if !document.has(&schema::SIP_TLS) {
        for field in encrypted {
            let message =
                format!("{:?} needs a certificate: add [sip.tls] with certificate and key", field.value);
            check.error(&field.span, message);
        }
        return Read::default();
    }
    let extra = document.many(&schema::SIP_TLS_EXTRA);
    if let Some(over) = extra.get(CERTIFICATES_MAX - 1) {
        check.error(&over.span, format!("more than {CERTIFICATES_MAX} certificates"));
    }
    let tables = std::iter::once(&table).chain(extra).take(CERTIFICATES_MAX);
    let certified: Vec<_> = tables.filter_map(|table| pair(table, check)).collect();
    let mut seen: Vec<u8> = Vec::new();
    for certificate in certified.iter().flat_map(|certified| &certified.cert) {
        seen.extend_from_slice(certificate);
    }
    let demands = demands(&table, &mut seen, check);
    let own = certified.first().cloned();
    // What could not be read has its error.
    let config = demands.filter(|_| own.is_some()).and_then(|demands| {
        let config = built(demands, certified);
        check.parsed(&table.span, config.map_err(|error| format!("TLS: {error}")))
    });
    Read { config: config.map(Arc::new), own, seen }
}

fn pair(table: &Table, check: &mut Check<'_>) -> Option<Arc<CertifiedKey>> {
    files::certified(&table.text("certificate")?, &table.text("key")?, check)
}

/// What clients must show: nothing, what they like, or a certificate.
enum Demands {
    Nothing,
    Optional(RootCertStore),
    Certificate(RootCertStore),
}

fn demands(table: &Table, seen: &mut Vec<u8>, check: &mut Check<'_>) -> Option<Demands> {
    let verify = table.bool("verify_clients");
    seen.push(u8::from(verify));
    let Some(field) = table.text("client_ca") else {
        if verify {
            let message =
                "verify_clients needs client_ca, the file with the authorities of clients' certificates";
            check.error(&table.at("verify_clients"), message);
        }
        return Some(Demands::Nothing);
    };
    let read = files::authorities(&field, check)?;
    seen.extend_from_slice(&read.bytes);
    Some(if verify { Demands::Certificate(read.roots) } else { Demands::Optional(read.roots) })
}

fn built(demands: Demands, certified: Vec<Arc<CertifiedKey>>) -> Result<ServerConfig, String> {
    let provider = files::provider();
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let verifier =
        |roots| WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = match demands {
        Demands::Nothing => config.with_no_client_auth(),
        Demands::Optional(roots) => {
            let verifier = verifier(roots).allow_unauthenticated().build();
            config.with_client_cert_verifier(verifier.map_err(|error| error.to_string())?)
        }
        Demands::Certificate(roots) => {
            config.with_client_cert_verifier(verifier(roots).build().map_err(|error| error.to_string())?)
        }
    };
    Ok(config.with_cert_resolver(Arc::new(ByName(certified))))
}
