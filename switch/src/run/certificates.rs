//! Fetches certificates that callers' numbers are signed by (RFC 8224 §6.2 step 2): their addresses come from
//! outside, so that only public ones are connected to, over verified TLS, for two seconds and 64 KiB.
//!
//! Invariant: whatever is asked for is answered, and soon: a call waits for it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use node::Certificate;
use rustls::pki_types::ServerName;
use stir::{CertificateUrl, Credential, Fault, is_public};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsConnector;

use crate::run::certificate_settings::CertificateSettings;
use crate::run::router::{Router, ShardMessage};

mod http;

/// Requests that wait to be taken.
pub(crate) const ASKED_MAX: usize = 1_024;
/// Fetches at once; those that wait for one of these places use up their time.
const PARALLEL_MAX: usize = 16;
/// Fetches that run or wait for a place; more are answered at once.
const PENDING_MAX: usize = 256;
/// From the request to the answer: names, connection, TLS and the file.
const LIMIT: Duration = Duration::from_secs(2);
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;
/// How long it is remembered that nothing could be fetched, seconds.
const KEEP_UNREACHABLE_SECS: u32 = 30;
/// How long it is remembered that what was fetched is not believed, seconds.
const KEEP_REFUSED_SECS: u32 = 300;

/// A shard's request.
pub(crate) struct Asked {
    pub shard: u8,
    pub url: CertificateUrl,
}

/// What all fetches share.
struct Fetcher {
    router: Arc<Router>,
    resolver: OnceLock<TokioResolver>,
    places: Semaphore,
}

/// Serves the shards until the process ends.
pub(crate) async fn serve(router: Arc<Router>, mut asked: mpsc::Receiver<Asked>) {
    let places = Semaphore::new(PARALLEL_MAX);
    let fetcher = Arc::new(Fetcher { router, resolver: OnceLock::new(), places });
    let pending = Arc::new(Semaphore::new(PENDING_MAX));
    while let Some(Asked { shard, url }) = asked.recv().await {
        let fetcher = Arc::clone(&fetcher);
        match Arc::clone(&pending).try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(async move {
                let certificate = fetcher.certificate(url).await;
                fetcher.tell(shard, certificate);
                drop(place);
            })),
            Err(_) => fetcher.tell(shard, not_fetched(url, "too many are being fetched")),
        }
    }
}

/// What a shard is told of a certificate that was not fetched.
pub(crate) fn not_fetched(url: CertificateUrl, why: &str) -> Certificate {
    Certificate { url, outcome: Err(Fault::Fetch(why.into())), keep_secs: KEEP_UNREACHABLE_SECS }
}

// === impl Fetcher ===

impl Fetcher {
    fn tell(&self, shard: u8, certificate: Certificate) {
        if let Err(fault) = &certificate.outcome {
            let url = &certificate.url;
            tracing::info!(%url, %fault, "no certificate of callers' numbers");
        }
        self.router.post(shard, ShardMessage::Certificate(Box::new(certificate)));
    }

    async fn certificate(&self, url: CertificateUrl) -> Certificate {
        let settings = self.router.stream_settings.load().certificates.clone();
        let fetched = tokio::time::timeout(LIMIT, self.fetch(&settings, &url)).await;
        let (body, keep_secs) = match fetched {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(fault)) => {
                return Certificate { url, outcome: Err(fault), keep_secs: KEEP_UNREACHABLE_SECS };
            }
            Err(_) => return not_fetched(url, "nothing came of it within 2 s"),
        };
        let outcome = self.believed(&settings, &body);
        let keep_secs = if outcome.is_ok() { keep_secs } else { KEEP_REFUSED_SECS };
        Certificate { url, outcome, keep_secs }
    }

    fn believed(&self, settings: &CertificateSettings, body: &[u8]) -> Result<Arc<Credential>, Fault> {
        let Some(roots) = &settings.roots else { return Err(Fault::Fetch("stir.roots is gone".into())) };
        let now_secs = self.router.clock.now().wall.0.div_euclid(1_000);
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        Ok(Arc::new(roots.check(body, now_secs, algorithms.all)?))
    }

    /// The file, and for how many seconds it holds.
    async fn fetch(
        &self,
        settings: &CertificateSettings,
        url: &CertificateUrl,
    ) -> Result<(Vec<u8>, u32), Fault> {
        let failed = |why: String| Fault::Fetch(why.into());
        let is_private = settings.is_private(url);
        if !is_private {
            url.check_port()?;
        }
        let https = settings.https.clone().ok_or_else(|| failed("stir.roots is gone".to_owned()))?;
        let name = ServerName::try_from(url.host.to_string())
            .map_err(|_| failed(format!("{} is no name of a host", url.host)))?;
        // The I/O thread has other work too.
        let _place = self.places.acquire().await.map_err(|error| failed(error.to_string()))?;
        let addresses = self.addresses(url, is_private).await.map_err(failed)?;
        let stream = connect(&addresses, is_private).await.map_err(failed)?;
        let secured = TlsConnector::from(https)
            .connect(name, stream)
            .await
            .map_err(|error| failed(format!("no TLS: {error}")))?;
        http::get(secured, url).await.map_err(failed)
    }

    /// Addresses of its host that may be connected to.
    async fn addresses(&self, url: &CertificateUrl, is_private: bool) -> Result<Vec<SocketAddr>, String> {
        let ips = match url.host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => {
                let found = self.resolver()?.lookup_ip(format!("{}.", url.host.trim_end_matches('.'))).await;
                found.map_err(|error| format!("its host does not resolve: {error}"))?.iter().collect()
            }
        };
        let (fine, others): (Vec<IpAddr>, Vec<IpAddr>) =
            ips.into_iter().partition(|ip| is_private || is_public(*ip));
        match (fine.is_empty(), others.first()) {
            (true, Some(other)) => Err(format!("{other} is no public address")),
            (true, None) => Err("its host has no address".to_owned()),
            (false, _) => {
                Ok(fine.into_iter().take(ADDRESSES_MAX).map(|ip| SocketAddr::new(ip, url.port)).collect())
            }
        }
    }

    fn resolver(&self) -> Result<&TokioResolver, String> {
        if let Some(resolver) = self.resolver.get() {
            return Ok(resolver);
        }
        let made = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        let made = made.map_err(|error| format!("the system's resolver cannot be used: {error}"))?;
        Ok(self.resolver.get_or_init(|| made))
    }
}

/// Connects to the first address that answers, and looks once more to where.
async fn connect(addresses: &[SocketAddr], is_private: bool) -> Result<TcpStream, String> {
    let mut last = String::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let peer = stream.peer_addr().map_err(|error| error.to_string())?;
                if is_private || is_public(peer.ip()) {
                    return Ok(stream);
                }
                last = format!("{} is no public address", peer.ip());
            }
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Err(last)
}
