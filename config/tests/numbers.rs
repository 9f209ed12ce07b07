//! `[[number]]` and `[[gate]] address`: every mistake at its line and column, and what is not built yet said
//! so.

use std::fs;
use std::path::Path;

const GOOD: &str = include_str!("../samples/tollgate.toml");

/// The findings of a configuration beside the sample's files, as `tollgate check` prints them, must be these.
fn check(toml: &str, expected: &[&str]) {
    let dir = tempfile::tempdir().expect("folder");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    fs::create_dir(dir.path().join("decks")).expect("folder");
    for name in ["decks/retail.csv", "decks/alpha.csv", "routes.csv"] {
        fs::copy(samples.join(name), dir.path().join(name)).expect("copy");
    }
    fs::write(dir.path().join("t.toml"), toml).expect("write");
    let found =
        config::load(dir.path().join("t.toml")).map_or_else(|errors| errors, |settings| settings.warnings);
    let prefix = format!("{}/", dir.path().display());
    let found: Vec<String> = found.iter().map(|finding| finding.to_string().replace(&prefix, "")).collect();
    assert!(found == expected, "found:\n{}\nexpected:\n{}", found.join("\n"), expected.join("\n"));
}

/// Numbers of ours: every wrong one at its place, and what is not built yet said so.
#[test]
fn numbers_of_ours() {
    let number = |e164: &str, account: &str, target: &str| {
        format!("[[number]]\ne164 = \"{e164}\"\naccount = \"{account}\"\ntarget = \"{target}\"\n")
    };
    let good = [
        number("34911000001", "acme", "gate:acme-pbx"),
        number("+34911000002", "acme", "sip:alice@sip.example.net"),
        number("34911000003", "acme", "sip:+34@192.0.2.9:5070;transport=tcp"),
    ];
    check(&format!("{GOOD}{}", good.concat()), &[]);
    let lines = GOOD.lines().count();
    for (wrong, line, message) in [
        (
            number("34911000001", "nobody", "gate:acme-pbx"),
            3,
            "11: account \"nobody\" is not defined: add an [[account]]; one that exists keeps its balance",
        ),
        (
            number("34911000001", "acme", "gate:no-pbx"),
            4,
            "10: gate \"no-pbx\" is not defined: add a [[gate]] with this name",
        ),
        (
            number("911", "acme", "gate:acme-pbx") + &number("+911", "acme", "gate:acme-pbx"),
            6,
            "8: number 911 is defined twice: first at t.toml:LINE:8",
        ),
        (
            number("0034911000001", "acme", "gate:acme-pbx"),
            2,
            "8: \"0034911000001\" is not a number in E.164 form: write 3 to 15 digits with the country code first, as 34911000001",
        ),
        (
            number("34911000001", "acme", "sip_account:acme-pbx"),
            4,
            "10: SIP account \"acme-pbx\" is not defined: add a [[sip_account]] with this name",
        ),
        (
            number("34911000001", "acme", "number:34911000002"),
            4,
            "10: \"number\": a target of this form is not built yet; write \"gate:NAME\", \"sip_account:NAME\", \"sip:user@host\" or \"h323:host\"",
        ),
        (
            number("34911000001", "acme", "sip:alice@127.0.0.1:5060"),
            4,
            "10: 127.0.0.1:5060 is this switch itself: calls to the number would come back to it",
        ),
        (
            number("34911000001", "acme", "sip:alice@h.example;transport=tls"),
            4,
            "10: number's target sip:alice@h.example;transport=tls is called over TLS, but no tls: listener of its address family is there for what it sends back: add one to [sip] listen, as \"tls:192.0.2.1:5061\"",
        ),
        (
            number("34911000001", "acme", "alice"),
            4,
            "10: \"alice\" is not what a number can ring: write \"gate:NAME\", \"sip_account:NAME\", \"sip:user@host\" or \"h323:host\"",
        ),
    ] {
        let expected =
            format!("t.toml:{}:{}", lines + line, message.replace("LINE", &(lines + 2).to_string()));
        check(&format!("{GOOD}{wrong}"), &[&expected]);
    }
}

/// Where a gate is called: written, or its one single source; a number cannot ring one that has neither.
#[test]
fn a_gate_that_a_number_rings_needs_an_address() {
    let blocks = "[[gate]]\nname = \"wide\"\naccount = \"acme\"\nsource = [\"198.51.100.0/24\"]\n";
    let number = "[[number]]\ne164 = \"34911000001\"\naccount = \"acme\"\ntarget = \"gate:wide\"\n";
    let lines = GOOD.lines().count();
    let message =
        "gate \"wide\" has no address to call: write `address` in its [[gate]], or one single `source`";
    check(&format!("{GOOD}{blocks}{number}"), &[&format!("t.toml:{}:10: {message}", lines + 8)]);
    check(&format!("{GOOD}{blocks}address = \"sip:pbx.example:5070\"\n{number}"), &[]);
    let h323 = format!("{GOOD}{blocks}address = \"h323:198.51.100.1\"\n");
    check(&h323, &[]);
}
