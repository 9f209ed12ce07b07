//! Certificates of a test's own authority, made by the program `openssl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
/// What `openssl ca` wants to be told; it alone makes certificates of the past.
const AUTHORITY: &str = "[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\nnew_certs_dir = .\ndefault_md = sha256\npolicy = names\n\
                         rand_serial = yes\nunique_subject = no\n[names]\ncommonName = supplied\n";

/// A folder with an authority, and what it signs.
pub struct Authority(PathBuf);

fn openssl(folder: &Path, arguments: &str) {
    let output =
        Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Authority {
    /// In a folder that exists: `ca.pem`.
    pub fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        openssl(folder, &format!("req -x509 {NEW_KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"));
        fs::write(folder.join("ca.cnf"), AUTHORITY).unwrap();
        fs::write(folder.join("index.txt"), "").unwrap();
        Self(folder.to_path_buf())
    }

    /// `FILE.pem` and `FILE.key` for a name.
    pub fn sign(&self, file: &str, name: &str) {
        self.sign_until(file, name, "20400101000000Z");
    }

    /// The same, for a time that ends then.
    pub fn sign_until(&self, file: &str, name: &str, end: &str) {
        let kind = if name.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
        fs::write(self.0.join("names"), format!("subjectAltName={kind}:{name}\n")).unwrap();
        openssl(&self.0, &format!("req -new {NEW_KEY} -keyout {file}.key -out {file}.csr -subj /CN={name}"));
        openssl(
            &self.0,
            &format!(
                "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in {file}.csr -out {file}.pem \
                 -startdate 20200101000000Z -enddate {end} -extfile names"
            ),
        );
    }

    /// `FILE.pem` and `FILE.key` for a name, signed by nobody else.
    pub fn self_signed(&self, file: &str, name: &str) {
        openssl(
            &self.0,
            &format!(
                "req -x509 {NEW_KEY} -keyout {file}.key -out {file}.pem -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name} \
                 -addext basicConstraints=critical,CA:FALSE"
            ),
        );
    }

    /// A file of the folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    fn chain(&self, file: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_file_iter(self.path(&format!("{file}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{file}.key"))).unwrap();
        (chain.map(Result::unwrap).collect(), key)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()).unwrap();
        roots
    }

    /// A server that shows `FILE.pem`.
    pub fn server(&self, file: &str) -> Arc<ServerConfig> {
        let (chain, key) = self.chain(file);
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(chain, key).unwrap())
    }

    /// A client that believes this authority, and shows `FILE.pem` if that is wanted.
    pub fn client(&self, file: Option<&str>) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(self.roots());
        Arc::new(match file.map(|file| self.chain(file)) {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
            None => config.with_no_client_auth(),
        })
    }
}
