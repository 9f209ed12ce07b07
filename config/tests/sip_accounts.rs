//! `[[sip_account]]` and gates with credentials, as `check` reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing test says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use config::{Settings, load};

const BASE: &str = "[node]\nname = \"sw1\"\ndata_dir = \"data\"\n[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n\
                    domains = [\"SIP.example.net\"]\n[http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"t\"\n\
                    [[deck]]\nname = \"retail\"\nfile = \"retail.csv\"\ncurrency = \"EUR\"\n\
                    [[account]]\nname = \"acme\"\ncurrency = \"EUR\"\nbalance = \"1\"\ndeck = \"retail\"\n\
                    [media]\nmode = \"bypass\"\n";

/// Loads with a configuration and a password file of this mode.
fn read(rest: &str, mode: u32) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("retail.csv"), "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,1,1,1,,,\n").unwrap();
    fs::write(path("secret"), "s3cret\n").unwrap();
    fs::set_permissions(path("secret"), fs::Permissions::from_mode(mode)).unwrap();
    fs::write(path("t.toml"), format!("{BASE}{rest}")).unwrap();
    fs::set_permissions(path("t.toml"), fs::Permissions::from_mode(mode)).unwrap();
    load(path("t.toml")).map_err(|findings| findings.iter().map(|f| format!("{f}\n")).collect())
}

const ALICE: &str = "[[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"al\"\n";

#[test]
fn a_sip_account_is_read() {
    let settings =
        read(&format!("{ALICE}password_file = \"secret\"\nmax_calls = 2\n"), 0o600).expect("valid");
    let alice = settings.gates.by_username("al").expect("there");
    assert_eq!((&*alice.name, alice.max_calls, alice.is_sip_account()), ("alice", 2, true));
    assert_eq!(settings.sip.realm, "sip.example.net");
    let md5 = alice.login.as_ref().and_then(|login| login.ha1.md5.as_ref()).expect("made").expose();
    // Of al:sip.example.net:s3cret, by another implementation.
    assert_eq!(md5, "033bc17e809307c7298d8c70274c5112");
    assert!(!format!("{settings:?}").contains(md5));
}

#[test]
fn hashes_stand_in_for_the_password() {
    let sha256 = "A".repeat(64);
    let settings = read(&format!("{ALICE}ha1_sha256 = \"{sha256}\"\n"), 0o600).expect("valid");
    let alice = settings.gates.by_username("al").expect("there");
    let ha1 = &alice.login.as_ref().expect("credentials").ha1;
    assert_eq!(ha1.sha256.as_ref().map(|hash| hash.expose().to_owned()), Some("a".repeat(64)));
    let warned = read(&format!("{ALICE}ha1_md5 = \"{}\"\n", "a".repeat(32)), 0o600).expect("valid").warnings;
    assert!(warned.iter().any(|finding| finding.to_string().contains("ha1_sha256")), "{warned:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let gate = "[[gate]]\nname = \"alice\"\naccount = \"acme\"\nsource = [\"192.0.2.1\"]\n";
    for (rest, mode, said) in [
        (format!("{ALICE}password_file = \"secret\"\n"), 0o644, "must be 0600"),
        (ALICE.to_owned(), 0o600, "needs a password_file"),
        (format!("{gate}{ALICE}password_file = \"secret\"\n"), 0o600, "is defined twice"),
        (format!("{ALICE}ha1_md5 = \"abc\"\n"), 0o600, "32 hex digits"),
        (
            format!("{ALICE}ha1_md5 = \"{}\"\n", "a".repeat(32)),
            0o640,
            ":25:11: this file has mode 0640, and ha1_md5 in it is as good as a password: chmod 600 it",
        ),
        (format!("{ALICE}password_file = \"secret\"\nha1_md5 = \"{}\"\n", "a".repeat(32)), 0o600, "exclude"),
        (
            format!(
                "{ALICE}password_file = \"secret\"\n{}password_file = \"secret\"\n",
                ALICE.replace("alice", "bob")
            ),
            0o600,
            "is another SIP account's",
        ),
        (format!("{gate}username = \"x\"\n"), 0o600, "written both or not at all"),
        (format!("{ALICE}password_file = \"secret\"\nsource = [\"192.0.2.1\"]\n"), 0o600, "source"),
    ] {
        let found = read(&rest, mode).expect_err(said);
        assert!(found.contains(said), "{said}: {found}");
        assert!(!found.contains("s3cret"));
    }
}
