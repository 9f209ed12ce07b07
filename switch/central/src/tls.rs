//! TLS to the database by rustls: how far its certificate is judged, and the stream that tokio-postgres
//! speaks through.
//!
//! `require` hides what is said from who listens; only `verify-full` also knows who answers.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls_native_certs::load_native_certs;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::CentralError;

/// What is asked of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// That nobody reads along. Whoever answers is believed.
    Encrypted,
    /// And that an authority we know vouches for the certificate.
    KnownAuthority,
    /// And that the certificate is this host's.
    KnownHost,
}

/// Makes streams that demand it.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

/// One handshake to be.
pub(crate) struct Handshake {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
}

/// A TLS stream.
pub(crate) struct Stream<S>(TlsStream<S>);

/// Takes `sslmode` and `sslrootcert` out of an address: what is left of it, and the TLS that they ask for.
pub(crate) fn take(address: &str) -> Result<(String, Option<Tls>), CentralError> {
    let (base, query) = address.split_once('?').unwrap_or((address, ""));
    let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", value)) => roots = Some(decoded(value)?),
            Some(_) | None => rest.push(pair),
        }
    }
    let demand = match (mode.unwrap_or("disable"), &roots) {
        ("disable" | "prefer", None) => None,
        ("disable" | "prefer", Some(_)) => {
            return Err(CentralError::Address(
                "sslrootcert is of use with sslmode=verify-full only, or require".to_owned(),
            ));
        }
        ("require", None) => Some(Demand::Encrypted),
        ("require" | "verify-ca", _) => Some(Demand::KnownAuthority),
        ("verify-full", _) => Some(Demand::KnownHost),
        (other, _) => {
            return Err(CentralError::Address(format!(
                "sslmode={other} is none of disable, require, verify-ca and verify-full"
            )));
        }
    };
    let left = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    Ok((left, demand.map(|demand| Tls::new(demand, roots.as_deref())).transpose()?))
}

/// `%2F` and the like.
fn decoded(text: &str) -> Result<String, CentralError> {
    let wrong = || CentralError::Address(format!("sslrootcert={text} cannot be read"));
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(wrong)?;
        bytes.extend(hex::decode(digits).map_err(|_| wrong())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// The authorities in a PEM file; those of the system without one, or for `system`.
fn authorities(path: Option<&str>) -> Result<RootCertStore, CentralError> {
    let mut store = RootCertStore::empty();
    let Some(path) = path.filter(|path| *path != "system") else {
        // What the system has and we cannot read is no authority.
        store.add_parsable_certificates(load_native_certs().certs);
        return Ok(store);
    };
    let wrong = |why: &dyn std::fmt::Display| CentralError::Address(format!("sslrootcert {path}: {why}"));
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        store.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if store.is_empty() { Err(wrong(&"there is no certificate in it")) } else { Ok(store) }
}

// === impl Tls ===

impl Tls {
    fn new(demand: Demand, roots: Option<&str>) -> Result<Self, CentralError> {
        let wrong = |error: &dyn std::fmt::Display| CentralError::Address(format!("TLS: {error}"));
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().map_err(|error| wrong(&error))?;
        let judge = match demand {
            Demand::KnownHost => {
                return Ok(Self(Arc::new(
                    config.with_root_certificates(authorities(roots)?).with_no_client_auth(),
                )));
            }
            Demand::KnownAuthority => {
                let roots = Arc::new(authorities(roots)?);
                let strict =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
                Judge { provider, strict: Some(strict.map_err(|error| wrong(&error))?) }
            }
            Demand::Encrypted => Judge { provider, strict: None },
        };
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(judge));
        Ok(Self(Arc::new(config.with_no_client_auth())))
    }
}

/// Judges a certificate by less than its host's name.
#[derive(Debug)]
struct Judge {
    provider: Arc<CryptoProvider>,
    /// Judges all but the name; none where any certificate will do.
    strict: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(strict) = &self.strict else { return Ok(ServerCertVerified::assertion()) };
        match strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is judged last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

// === the way into tokio-postgres ===

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Handshake> {
        let host = ServerName::try_from(domain.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake { config: Arc::clone(&self.0), host })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { TlsConnector::from(self.config).connect(self.host, stream).await.map(Stream) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Stream<S> {
    /// The password is not bound to the certificate: `verify-full` says who answers.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_asks_for() {
        let base = "postgres://u:p@db.example:5432/tollgate";
        //        query                                      left            TLS, or the word of the refusal
        for (query, left, want) in [
            ("", "", Ok(false)),
            ("?sslmode=disable", "", Ok(false)),
            ("?connect_timeout=3&sslmode=require", "?connect_timeout=3", Ok(true)),
            ("?sslmode=verify-full&sslrootcert=system", "", Ok(true)),
            ("?sslmode=verify-full&sslrootcert=%2Fno%2Fsuch.pem", "", Err("/no/such.pem")),
            ("?sslrootcert=system", "", Err("verify-full")),
            ("?sslmode=verify", "", Err("sslmode=verify is none of")),
            ("?sslmode=require&sslrootcert=%2", "", Err("cannot be read")),
        ] {
            match (take(&format!("{base}{query}")), want) {
                (Ok((address, tls)), Ok(wanted)) => {
                    assert_eq!((address, tls.is_some()), (format!("{base}{left}"), wanted), "{query}")
                }
                (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{query}: {error}"),
                (outcome, _) => unreachable!("{query}: {:?}", outcome.map(|(address, _)| address)),
            }
        }
    }
}
