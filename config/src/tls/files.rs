//! PEM files: certificates, keys, authorities; whatever is wrong is said at the key that names the file.

use std::io::Read;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys};

use crate::check::Check;
use crate::diagnostic::Span;
use crate::field::Field;

/// Largest PEM file: all authorities of a system are a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Authorities, and the bytes of their file.
pub(super) struct Authorities {
    pub roots: RootCertStore,
    pub bytes: Vec<u8>,
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The whole of a file of at most [`FILE_BYTES_MAX`] bytes.
fn bytes(field: &Field<String>, check: &mut Check<'_>) -> Option<Vec<u8>> {
    let (name, file) = check.open(field)?;
    let mut bytes = Vec::new();
    match file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        Ok(read) if read as u64 <= FILE_BYTES_MAX => return Some(bytes),
        Ok(_) => check.error(&field.span, format!("{name} is larger than {FILE_BYTES_MAX} bytes")),
        Err(error) => check.error(&field.span, format!("cannot read {name}: {error}")),
    }
    None
}

fn certificates(field: &Field<String>, check: &mut Check<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let bytes = bytes(field, check)?;
    let name = check.path(&field.value);
    let name = name.display();
    let mut all = Vec::new();
    for one in CertificateDer::pem_slice_iter(&bytes) {
        match one {
            Ok(one) => all.push(one),
            Err(error) => {
                let message = format!("{name} is no PEM file of certificates: {error}");
                check.error(&field.span, message);
                return None;
            }
        }
    }
    if all.is_empty() {
        let message = format!(
            "there is no certificate in {name}: it must begin with -----BEGIN CERTIFICATE-----, \
             the server's first, then those that lead to its authority"
        );
        check.error(&field.span, message);
        return None;
    }
    Some(all)
}

fn key(field: &Field<String>, check: &mut Check<'_>) -> Option<PrivateKeyDer<'static>> {
    let bytes = bytes(field, check)?;
    let path = check.path(&field.value);
    let name = path.display();
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => {
            warn_if_readable(&path, field, check);
            Some(key)
        }
        Err(rustls::pki_types::pem::Error::NoItemsFound) => {
            let hint = if memchr::memmem::find(&bytes, b"ENCRYPTED").is_some() {
                "it is encrypted, and nobody is asked for its password: write it out with `openssl pkey`"
            } else {
                "it must begin with -----BEGIN PRIVATE KEY-----"
            };
            check.error(&field.span, format!("there is no private key in {name}: {hint}"));
            None
        }
        Err(error) => {
            check.error(&field.span, format!("{name} is no PEM file of a private key: {error}"));
            None
        }
    }
}

fn warn_if_readable(path: &std::path::Path, field: &Field<String>, check: &mut Check<'_>) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_or(0, |about| about.permissions().mode());
    if mode & 0o007 != 0 {
        let name = path.display();
        let message = format!("everybody on this machine can read the private key {name}: chmod 600 {name}");
        check.warning(&field.span, message);
    }
}

/// A certificate with its chain and its key.
pub(super) fn certified(
    certificate: &Field<String>,
    key_field: &Field<String>,
    check: &mut Check<'_>,
) -> Option<Arc<CertifiedKey>> {
    let chain = certificates(certificate, check);
    let key = key(key_field, check);
    let (chain, key) = (chain?, key?);
    judge(&chain, certificate, check)?;
    match CertifiedKey::from_der(chain, key, &provider()) {
        Ok(certified) => Some(Arc::new(certified)),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let (key, certificate) = (&key_field.value, &certificate.value);
            let message = format!("the private key in {key} is not that of the certificate in {certificate}");
            check.error(&key_field.span, message);
            None
        }
        Err(error) => {
            check.error(
                &key_field.span,
                format!("the private key in {} cannot be used: {error}", key_field.value),
            );
            None
        }
    }
}

/// Whether a certificate can be read, and whether today is within its time; the latter is a warning, since a
/// reload on the day after must not fail.
fn judge(chain: &[CertificateDer<'_>], field: &Field<String>, check: &mut Check<'_>) -> Option<()> {
    let (first, others) = chain.split_first()?;
    let parsed = match ParsedCertificate::try_from(first) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = format!("the first certificate in {} cannot be read: {error}", field.value);
            check.error(&field.span, message);
            return None;
        }
    };
    let algorithms = provider().signature_verification_algorithms.all;
    // Nobody is trusted here: its dates are looked at before its authority.
    let nobody = RootCertStore::empty();
    let verdict =
        verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, others, UnixTime::now(), algorithms);
    let wrong = match verdict {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "has expired: peers refuse it, renew it",
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => "is not valid yet: peers refuse it until then",
        Ok(()) | Err(_) => return Some(()),
    };
    check.warning(&field.span, format!("the certificate in {} {wrong}", field.value));
    Some(())
}

/// The authorities in a PEM file.
pub(super) fn authorities(field: &Field<String>, check: &mut Check<'_>) -> Option<Authorities> {
    let mut roots = RootCertStore::empty();
    let mut seen = Vec::new();
    for certificate in certificates(field, check)? {
        seen.extend_from_slice(&certificate);
        if let Err(error) = roots.add(certificate) {
            let message = format!("a certificate in {} is no authority's: {error}", field.value);
            check.error(&field.span, message);
            return None;
        }
    }
    Some(Authorities { roots, bytes: seen })
}

/// The authorities of the system.
pub(super) fn of_system(at: &Span, check: &mut Check<'_>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // What the system has and we cannot read is no authority.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let message = "the system has no certificates of authorities, so no peer's will be believed: install ca-certificates, or write tls_ca";
        check.warning(at, message);
    }
    roots
}
