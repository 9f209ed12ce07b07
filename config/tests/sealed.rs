//! Sealed HA1s of SIP accounts and the secret that opens them, as `check` reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing test says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use config::{NodeSecret, SealedFor, Settings, load};
use route::{Ha1, Secret};

const BASE: &str = "[sip]\nlisten = [\"udp:127.0.0.1:0\"]\ndomains = [\"sip.example.net\"]\n[http]\nlisten = \"127.0.0.1:0\"\n\
                    admin_token_file = \"t\"\n[media]\nmode = \"bypass\"\n[[deck]]\nname = \"retail\"\nfile = \"retail.csv\"\ncurrency = \"EUR\"\n\
                    [[account]]\nname = \"acme\"\ncurrency = \"EUR\"\nbalance = \"1\"\ndeck = \"retail\"\n\
                    [[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"al\"\n";
const NAMED: &str = "secret_file = \"node.secret\"\n";

/// `text` and mode of the secret's file, if there is one.
fn read(node: &str, rest: &str, secret: Option<(&str, u32)>) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("retail.csv"), "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,1,1,1,,,\n").unwrap();
    if let Some((text, mode)) = secret {
        fs::write(path("node.secret"), text).unwrap();
        fs::set_permissions(path("node.secret"), fs::Permissions::from_mode(mode)).unwrap();
    }
    let text = format!("[node]\nname = \"sw1\"\ndata_dir = \"data\"\n{node}{BASE}{rest}");
    fs::write(path("t.toml"), text).unwrap();
    // Anybody may read it: what is sealed is no secret.
    fs::set_permissions(path("t.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    load(path("t.toml")).map_err(|findings| findings.iter().map(|f| format!("{f}\n")).collect())
}

fn ha1() -> Ha1 {
    Ha1::of("al", "sip.example.net", &Secret::new("s3cret"))
}

/// Both HA1s of the password as `secret` seals them for `username`.
fn sealed(secret: &NodeSecret, username: &str) -> String {
    let Ha1 { sha256, md5 } = ha1();
    let seal = |key, ha1: Option<Secret>, nonce| {
        secret.seal(&ha1.unwrap(), &SealedFor { key, username, realm: "sip.example.net" }, [nonce; 12])
    };
    format!("ha1_sha256 = \"{}\"\nha1_md5 = \"{}\"\n", seal("ha1_sha256", sha256, 1), seal("ha1_md5", md5, 2))
}

#[test]
fn sealed_hashes_open_by_the_secret_that_sealed_them() {
    let secret = NodeSecret::new([7; 32]);
    let text = secret.file_text();
    let settings = read(NAMED, &sealed(&secret, "al"), Some((&text, 0o600))).expect("valid");
    assert_eq!(settings.gates.by_username("al").expect("there").login.as_ref().expect("known").ha1, ha1());
    assert!(settings.node.secret_file.is_some());
}

#[test]
fn what_does_not_open_is_said_without_a_secret_in_it() {
    let secret = NodeSecret::new([7; 32]);
    let (good, text) = (sealed(&secret, "al"), secret.file_text());
    let other = NodeSecret::new([8; 32]).file_text();
    let swapped =
        good.replace("ha1_sha256", "x").replace("ha1_md5", "ha1_sha256").replace("x =", "ha1_md5 =");
    for (node, rest, file, said) in [
        ("", &*good, None, "[node] names no secret_file"),
        (NAMED, &*good, None, "node.secret is not there: restore it from a backup"),
        (
            NAMED,
            &*good,
            Some((&*other, 0o600)),
            "ha1_md5 does not open: it was sealed with another secret_file",
        ),
        (NAMED, &*sealed(&secret, "bob"), Some((&*text, 0o600)), "another user than \"al\""),
        (NAMED, &*swapped, Some((&*text, 0o600)), "does not open"),
        (NAMED, "ha1_md5 = \"sealed:abc\"\n", Some((&*text, 0o600)), "is no sealed value"),
        (NAMED, &*good, Some((&*text, 0o640)), "has mode 0640, a secret must be 0600"),
        (NAMED, &*good, Some((&text[..63], 0o600)), ":4:15: "),
        (NAMED, &*good, Some(("", 0o600)), "is no secret of a node, which is 64 hex digits"),
    ] {
        let found = read(node, rest, file).expect_err(said);
        assert!(found.contains(said), "{said}: {found}");
        assert!(!found.contains(text.trim()) && !found.contains("s3cret"), "{found}");
    }
}
