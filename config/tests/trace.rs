//! `[trace]` as `check` reads it, and what a reload says of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says where")]

use std::fs;

use config::{Settings, diff, load};

const BASE: &str = "[node]\nname = \"sw1\"\ndata_dir = \"data\"\n[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n\
                    [http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"t\"\n\
                    [[deck]]\nname = \"retail\"\nfile = \"retail.csv\"\ncurrency = \"EUR\"\n\
                    [[account]]\nname = \"acme\"\ncurrency = \"EUR\"\nbalance = \"1\"\ndeck = \"retail\"\n\
                    [[gate]]\nname = \"pbx\"\naccount = \"acme\"\nsource = [\"192.0.2.1\"]\n\
                    [media]\nmode = \"bypass\"\n";

fn read(rest: &str) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("retail.csv"), "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,1,1,1,,,\n").unwrap();
    fs::write(path("t.toml"), format!("{BASE}{rest}")).unwrap();
    load(path("t.toml")).map_err(|findings| findings.iter().map(|f| format!("{f}\n")).collect())
}

#[test]
fn traces_are_read() {
    let absent = read("").expect("valid").trace;
    assert_eq!((absent.ring_mb, absent.dir, absent.share, absent.hep), (64, None, 0, None));
    let all = read("[trace]\nring_mb = 0\ndir = \"trace\"\nshare = 0.015\nhep = \"udp:[::1]:9060\"\n")
        .expect("valid");
    assert_eq!((all.trace.ring_mb, all.trace.share), (0, 15_000));
    assert!(all.trace.dir.as_ref().is_some_and(|dir| dir.ends_with("trace")));
    assert_eq!(all.trace.hep.map(|homer| homer.to_string()).as_deref(), Some("[::1]:9060"));
    let named = read("[trace]\nhep = \"udp:Homer.example.net:9060\"\n").expect("valid").trace.hep;
    assert_eq!(named.map(|homer| homer.to_string()).as_deref(), Some("homer.example.net:9060"));
    for (written, millionths) in [("0", 0), ("1", 1_000_000), ("0.0", 0), ("1.0", 1_000_000), ("0.000001", 1)]
    {
        let settings = read(&format!("[trace]\ndir = \"trace\"\nshare = {written}\n")).expect("valid");
        assert_eq!(settings.trace.share, millionths, "{written}");
    }
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let line = BASE.lines().count() + 2;
    for (key, said) in [
        ("ring_mb = -1", "must be from 0"),
        ("share = 1.5", "from 0 to 1"),
        ("share = -0.1", "from 0 to 1"),
        ("share = 1e-3", "from 0 to 1"),
        ("share = nan", "from 0 to 1"),
        ("share = \"0.1\"", "a number from 0 to 1"),
        ("share = 0.5", "needs `dir`"),
        ("hep = \"127.0.0.1:9060\"", "udp:HOST:PORT"),
        ("hep = \"udp:homer.example.net\"", "udp:HOST:PORT"),
        ("hep = \"udp:300.1.1.1:9060\"", "udp:HOST:PORT"),
        ("hep = \"udp:a..b:9060\"", "udp:HOST:PORT"),
        ("hep = \"udp:0.0.0.0:9060\"", "udp:HOST:PORT"),
        ("dir = \"retail.csv\"", "must be a folder"),
        ("rings = 1", "unknown key"),
    ] {
        let findings = read(&format!("[trace]\n{key}\n")).expect_err(key);
        assert!(
            findings.contains(said) && findings.contains(&format!("t.toml:{line}:")),
            "{key}: {findings}"
        );
    }
}

#[test]
fn a_reload_says_what_it_changes() {
    let before = read("").expect("valid");
    let after = read("[trace]\nring_mb = 1\nhep = \"udp:127.0.0.1:9060\"\n").expect("valid");
    let lines = diff(&before, &after).join("\n");
    assert!(lines.contains("trace.ring_mb changed: takes effect at the next restart"), "{lines}");
    assert!(lines.contains("trace.hep changed: for messages from now on"), "{lines}");
}
