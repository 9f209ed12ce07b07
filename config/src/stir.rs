//! `[stir]`: with what callers' numbers are signed, and by whom their signatures may be.

use std::io::Read as _;
use std::sync::Arc;

use stir::{Attestation, CertificateUrl, Roots, Signer};

use crate::check::Check;
use crate::field::Field;
use crate::reader::{Document, Table};
use crate::schema;
use crate::secret;
use crate::tls;

/// Largest file of roots, and of a key, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most private hosts.
const HOSTS_MAX: usize = 64;

/// `[stir]`.
#[derive(Clone, Default, Debug)]
pub struct Stir {
    /// Signs calls to carriers.
    pub signer: Option<Arc<Signer>>,
    /// Level of a number of which nothing is known; there if `signer` is.
    pub level_default: Option<Attestation>,
    /// Authorities whose certificates are believed.
    pub roots: Option<Arc<Roots>>,
    /// Hosts with ports that may have any address, lower case.
    pub private_hosts: Vec<String>,
    /// What certificates are fetched by: the system's authorities are believed. There if `roots` is.
    pub https: Option<Arc<rustls::ClientConfig>>,
    /// What was read, to tell a change.
    seen: Vec<u8>,
}

impl PartialEq for Stir {
    fn eq(&self, other: &Self) -> bool {
        self.seen == other.seen
    }
}

pub(crate) fn stir(document: &Document, check: &mut Check<'_>) -> Stir {
    let table = document.one(&schema::STIR);
    let mut stir = Stir { private_hosts: private_hosts(&table, check), ..Stir::default() };
    if let Some(field) = table.text("roots")
        && let Some(pem) = bytes(&field, check)
    {
        let path = check.path(&field.value);
        let roots = Roots::from_pem(&pem).map_err(|fault| format!("{} {fault}", path.display()));
        stir.roots = check.parsed(&field.span, roots).map(Arc::new);
        stir.seen.extend_from_slice(&pem);
        stir.https = tls::client_of_system(&field.span, check);
    }
    signer(&table, &mut stir, check);
    stir.seen.extend_from_slice(stir.private_hosts.join(" ").as_bytes());
    refuse_verification_without_roots(document, &table, check);
    stir
}

fn signer(table: &Table, stir: &mut Stir, check: &mut Check<'_>) {
    let (key, url) = (table.text("key"), table.text("certificate_url"));
    let (Some(key), Some(url)) = (&key, &url) else {
        if key.is_some() || url.is_some() {
            let there = if key.is_some() { "key" } else { "certificate_url" };
            check.error(&table.at(there), "key and certificate_url are written both or not at all");
        }
        return;
    };
    let Some(pem) = secret::text(key, FILE_BYTES_MAX, check) else { return };
    if let Ok(Err(fault)) = CertificateUrl::parse(&url.value).map(|url| url.check_port()) {
        check.error(&url.span, format!("{:?} would be refused by whoever verifies: {fault}", url.value));
    }
    let level = table.text("level_default").and_then(|field| Attestation::parse(&field.value));
    match Signer::new(&pem, &url.value) {
        Ok(signer) => {
            stir.seen.extend_from_slice(signer.origid("").as_bytes());
            stir.seen.extend_from_slice(url.value.as_bytes());
            stir.seen.extend(level.map(|level| level as u8));
            stir.signer = Some(Arc::new(signer));
            stir.level_default = level;
        }
        Err(fault @ stir::KeyFault::Key) => {
            let path = check.path(&key.value);
            check.error(&key.span, format!("{} {fault}", path.display()));
        }
        Err(fault @ stir::KeyFault::Url(_)) => {
            check.error(&url.span, format!("{:?} {fault}", url.value));
        }
    }
}

fn bytes(field: &Field<String>, check: &mut Check<'_>) -> Option<Vec<u8>> {
    let (path, file) = check.open(field)?;
    let mut bytes = Vec::new();
    match file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        Ok(read) if read as u64 <= FILE_BYTES_MAX => return Some(bytes),
        Ok(_) => check.error(&field.span, format!("{path} is larger than {FILE_BYTES_MAX} bytes")),
        Err(error) => check.error(&field.span, format!("cannot read {path}: {error}")),
    }
    None
}

/// Read as the addresses of certificates are, so that they compare.
fn private_hosts(table: &Table, check: &mut Check<'_>) -> Vec<String> {
    let fields = table.texts("private_hosts");
    if fields.len() > HOSTS_MAX {
        check.error(&table.at("private_hosts"), format!("private_hosts has more than {HOSTS_MAX} hosts"));
    }
    let mut hosts = Vec::new();
    for Field { value, span } in fields.into_iter().take(HOSTS_MAX) {
        match CertificateUrl::parse(&format!("https://{value}")) {
            Ok(url) if !value.contains('/') => hosts.push(url.authority()),
            Ok(_) | Err(_) => {
                let message = format!("{value:?} is no host with its port: write 127.0.0.1:8443");
                check.error(&span, message);
            }
        }
    }
    hosts
}

/// Whatever is verified has to lead to somebody who is believed.
fn refuse_verification_without_roots(document: &Document, stir: &Table, check: &mut Check<'_>) {
    if stir.has("roots") {
        return;
    }
    for section in [&schema::GATE, &schema::SIP_ACCOUNT, &schema::CARRIER] {
        for table in document.many(section) {
            if table.text("verify").is_some_and(|field| field.value != "off") {
                check.error(
                    &table.at("verify"),
                    "verify needs to know whose certificates are believed: write roots, a PEM file, in [stir]",
                );
            }
        }
    }
}
