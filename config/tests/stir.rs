//! `[stir]` and `verify` as `check` reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use config::{Settings, diff, load};
use stir::Attestation;
use tempfile::TempDir;

const BASE: &str = "[node]\nname = \"sw1\"\ndata_dir = \"data\"\n[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n\
                    [http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"t\"\n\
                    [media]\nmode = \"bypass\"\n\
                    [[deck]]\nname = \"retail\"\nfile = \"retail.csv\"\ncurrency = \"EUR\"\n\
                    [[account]]\nname = \"acme\"\ncurrency = \"EUR\"\nbalance = \"1\"\ndeck = \"retail\"\n\
                    [[gate]]\nname = \"pbx\"\naccount = \"acme\"\nsource = [\"192.0.2.1\"]\n";
/// RFC 8225 appendix A.
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFeZ1R208QCvcu5GuYyMfG4W7sH4m99/7eHSDLpdYllFoAoGCCqGSM49
AwEHoUQDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH78YTU8qLS8I5HLHSSmlATLcs
lQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END EC PRIVATE KEY-----
";
const SIGN: &str = "[stir]\nkey = \"key.pem\"\ncertificate_url = \"https://cert.example.org/tollgate.pem\"\n";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("retail.csv"), "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,1,1,1,,,\n").unwrap();
    for (name, text, mode) in [("key.pem", KEY, 0o600), ("open.pem", KEY, 0o644), ("empty.pem", "x", 0o600)] {
        fs::write(path(name), text).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    fs::write(path("roots.pem"), root.pem()).unwrap();
    folder
}

fn read_in(folder: &TempDir, rest: &str) -> Result<Settings, String> {
    let file = folder.path().join("t.toml");
    fs::write(&file, format!("{BASE}{rest}")).unwrap();
    load(file).map_err(|findings| findings.iter().map(|f| format!("{f}\n")).collect())
}

#[test]
fn signing_and_verifying_are_read() {
    let folder = folder();
    let absent = read_in(&folder, "").expect("valid").stir;
    assert!(absent.signer.is_none() && absent.roots.is_none() && absent.https.is_none());
    let signs = read_in(&folder, SIGN).expect("valid").stir;
    assert_eq!((signs.signer.is_some(), signs.level_default), (true, Some(Attestation::C)));
    let verifies = "verify = \"reject\"\n[stir]\nroots = \"roots.pem\"\nprivate_hosts = [\"Certs.Lab.example:8080\", \"[::1]:443\"]\n";
    let settings = read_in(&folder, verifies).expect("valid");
    assert!(settings.stir.roots.is_some() && settings.stir.https.is_some());
    assert_eq!(settings.stir.private_hosts, ["certs.lab.example:8080", "[::1]"]);
    let gate = settings.gates.iter().next().expect("a gate");
    assert_eq!(gate.identity.verify, route::Verification::Reject);
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let folder = folder();
    let line = BASE.lines().count();
    for (rest, at, words) in [
        ("verify = \"log\"\n".to_owned(), 1, "write roots, a PEM file, in [stir]"),
        ("verify = \"maybe\"\n".to_owned(), 1, "maybe"),
        ("[stir]\nkey = \"key.pem\"\n".to_owned(), 2, "written both or not at all"),
        (SIGN.replace("key.pem", "open.pem"), 2, "has mode 0644, a secret must be 0600: chmod 600"),
        (SIGN.replace("key.pem", "empty.pem"), 2, "has no private key of P-256"),
        (SIGN.replace("key.pem", "none.pem"), 2, "cannot read"),
        (SIGN.replace("https", "http"), 3, "would be refused by whoever verifies: it is not https"),
        (SIGN.replace(".org", ".org:444"), 3, "neither 443 nor 8443"),
        (format!("{SIGN}level_default = \"D\"\n"), 4, "D"),
        ("[stir]\nroots = \"empty.pem\"\n".to_owned(), 2, "has no certificate in it"),
        ("[stir]\nprivate_hosts = [\"x y\"]\n".to_owned(), 2, "is no host with its port"),
        ("[stir]\nprivate_hosts = [\"a/b\"]\n".to_owned(), 2, "is no host with its port"),
    ] {
        let findings = read_in(&folder, &rest).expect_err(&rest);
        let place = format!("t.toml:{}:", line + at);
        let said = findings.lines().any(|found| found.contains(&place) && found.contains(words));
        assert!(said, "{place} {words}: {findings}");
        assert!(!findings.contains("MHcCAQEE"), "the key stays a secret: {findings}");
    }
}

#[test]
fn a_reload_says_that_something_changed() {
    let folder = folder();
    let (none, signs) = (read_in(&folder, "").unwrap(), read_in(&folder, SIGN).unwrap());
    let level = read_in(&folder, &format!("{SIGN}level_default = \"B\"\n")).unwrap();
    let changed = ["stir changed: for calls from now on"];
    assert_eq!(diff(&none, &signs), changed);
    assert_eq!(diff(&signs, &level), changed);
    assert!(diff(&signs, &read_in(&folder, SIGN).unwrap()).is_empty());
}
