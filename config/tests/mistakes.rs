//! Every mistake is reported, all at once, each at its line and column.

use std::fs;

use kit::{GOOD, folder};

mod kit;

/// The findings as `tollgate check` prints them, without the folder.
fn findings(toml: &str, files: &[(&str, &str)]) -> Vec<String> {
    let dir = folder(toml, files);
    let found = match config::load(dir.path().join("t.toml")) {
        Ok(settings) => settings.warnings,
        Err(errors) => errors,
    };
    assert!(!config::render(&found).is_empty() || found.is_empty());
    let prefix = format!("{}/", dir.path().display());
    found.iter().map(|d| d.to_string().replace(&prefix, "")).collect()
}

/// `toml` with findings, and the findings as they must be.
fn check(toml: &str, files: &[(&str, &str)], expected: &[&str]) {
    let found = findings(toml, files);
    assert!(found == expected, "found:\n{}\nexpected:\n{}", found.join("\n"), expected.join("\n"));
}

/// The sample with one text replaced.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

#[test]
fn the_sample_has_no_findings() {
    check(GOOD, &[], &[]);
    check(&GOOD.replace('\n', "\r\n"), &[], &[]);
}

#[test]
fn two_dozen_mistakes_in_one_file() {
    let toml = r#"[node]
name = "sw 1"
data_dir = 5
drain_sec = 30
shards = 1000

[sip]
listen = ["udp:127.0.0.1:5060", "udp:127.0.0.1:5060", "tls:127.0.0.1:5061", "here"]

[media]
mode = "relay"
ports = [20000]

[htp]
listen = "127.0.0.1:8080"

[[deck]]
name = "retail"
file = "decks/none.csv"
currency = "EURO"

[[deck]]
name = "retail"
file = "decks/retail.csv"
currency = "EUR"

[[account]]
name = "acme"
currency = "USD"
balance = 10.00
deck = "wholesale"

[[gate]]
name = "pbx"
account = "acne"
source = ["192.0.2.0/24", "192.0.2.1/24", "any"]
codecs = ["PCMA", "G722"]
numbering = "national"
max_cals = 7
max_cps = 0

[[gate]]
name = "pbx2"
source = ["192.0.2.0/24"]
session_expires = 30
translate = [{ prefix = "x" }, { prefx = "0" }]

[[carrier]]
name = "alpha"
address = "127.0.0.1:5080"
deck = "none"
next_on = ["5xx", 200, 487]
probe_secs = "never"

[[route]]
prefix = "34a"
carriers = ["alpha", "beta"]

[[route]]
prefix = ""
carriers = ["alpha", "alpha"]
order = "best"
"#;
    check(
        toml,
        &[],
        &[
            r#"t.toml:2:8: node name "sw 1": 1 to 64 letters, digits, dots, hyphens, underscores, beginning with a letter or digit"#,
            r#"t.toml:3:12: data_dir must be text in quotes, not a whole number"#,
            r#"t.toml:4:1: unknown key "drain_sec": did you mean "drain_secs"?"#,
            r#"t.toml:5:10: shards must be from 0 to 256, not 1000"#,
            r#"t.toml:8:33: udp:127.0.0.1:5060 is in use already: udp:127.0.0.1:5060 at t.toml:8:11"#,
            r#"t.toml:8:55: "tls:127.0.0.1:5061" needs a certificate: add [sip.tls] with certificate and key"#,
            r#"t.toml:8:77: "here" is not a listener: write udp:192.0.2.1:5060 or tcp:[2001:db8::1]:5060"#,
            r#"t.toml:11:8: relayed media needs an address to come to: write address = "192.0.2.1", one of this machine's, into [media], or mode = "bypass""#,
            r#"t.toml:12:9: ports must be two ports from 1024 to 65535, the first below the last"#,
            r#"t.toml:14:2: unknown section "htp": did you mean "http"?"#,
            r#"t.toml:19:8: cannot read decks/none.csv: No such file or directory (os error 2)"#,
            r#"t.toml:20:12: currency must be three letters, as EUR, not "EURO""#,
            r#"t.toml:23:8: deck "retail" is defined twice: first at t.toml:18:8"#,
            r#"t.toml:30:11: balance must be an amount in quotes, as "10.00", not a decimal number"#,
            r#"t.toml:31:8: deck "wholesale" is not defined: add a [[deck]] with this name"#,
            r#"t.toml:35:11: warning: account "acne" is not in this file: until it is opened in the running node its calls are refused: tollgate account add acne"#,
            r#"t.toml:36:27: "192.0.2.1/24" has host bits set: write 192.0.2.0/24 for the block, or leave out the prefix length for one address"#,
            r#"t.toml:36:43: "any" is not an IP address or block: write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"#,
            r#"t.toml:37:19: unknown codec "G722": use PCMA, PCMU, G729, G723 or OPUS"#,
            r#"t.toml:38:13: numbering "national" needs the country, as country = "ES""#,
            r#"t.toml:39:1: unknown key "max_cals": did you mean "max_calls"?"#,
            r#"t.toml:40:11: max_cps must be from 1 to 100000, not 0"#,
            r#"t.toml:42:1: [[gate]] needs the key "account""#,
            r#"t.toml:44:11: 192.0.2.0/24 belongs to "pbx" already, at t.toml:36:11"#,
            r#"t.toml:45:19: session_expires must be 0 or at least 90, not 30"#,
            r#"t.toml:46:34: unknown key "prefx": did you mean "prefix"?"#,
            r#"t.toml:50:11: "127.0.0.1:5080" is not a carrier address: write sip:192.0.2.1:5060;transport=udp, or h323:192.0.2.1:1720"#,
            r#"t.toml:51:8: deck "none" is not defined: add a [[deck]] with this name"#,
            r#"t.toml:52:19: "200" is not a final status: write one from 300 to 699, or 3xx, 4xx, 5xx, 6xx"#,
            r#"t.toml:52:24: 487 answers our own CANCEL: there is no next carrier after it"#,
            r#"t.toml:53:14: probe_secs must be a whole number, not a text"#,
            r#"t.toml:56:10: prefix "34a": a prefix is digits only"#,
            r#"t.toml:57:22: carrier "beta" is not defined: add a [[carrier]] with this name"#,
            r#"t.toml:61:12: carrier "alpha" is listed twice"#,
            r#"t.toml:62:9: order must be "listed" or "cheapest", not "best""#,
        ],
    );
}

#[test]
fn single_mistakes() {
    for (from, to, expected) in [
        (
            "mode = \"relay\"",
            "mode = \"direct\"",
            "t.toml:16:8: mode must be \"bypass\" or \"relay\", not \"direct\"",
        ),
        (
            "\"udp:127.0.0.1:5060\"",
            "\"udp:0.0.0.0:5060\"",
            "t.toml:9:11: \"udp:0.0.0.0:5060\" listens on every address: say in `advertise` which one peers are told",
        ),
        (
            "\"tcp:127.0.0.1:5060\"",
            "\"tcp:127.0.0.1:8080\"",
            "t.toml:12:10: tcp:127.0.0.1:8080 is in use already: tcp:127.0.0.1:8080 at t.toml:9:33",
        ),
        ("balance = \"10.00\"", "balance = \"-1\"", "t.toml:33:11: balance must not be negative"),
        ("balance = \"10.00\"", "balance = \"1e9\"", "t.toml:33:11: not a decimal amount: \"1e9\""),
        ("balance = \"10.00\"", "balance = \"NaN\"", "t.toml:33:11: not a decimal amount: \"NaN\""),
        (
            "balance = \"10.00\"",
            "balance = \"0.000001\"",
            "t.toml:33:11: more than 5 decimal places: \"0.000001\"",
        ),
        (
            "numbering = \"e164\" ",
            "country = \"ES\" ",
            "t.toml:41:11: country means something only with numbering = \"national\"",
        ),
        (
            "source = [\"127.0.0.11\",",
            "source = [\"0.0.0.0/0\",",
            "t.toml:39:11: \"0.0.0.0/0\" would match every address: list the peers' own addresses",
        ),
        (
            "transport=udp\"\n\n[[route]]",
            "transport=tls\"\n\n[[route]]",
            "t.toml:58:11: carrier beta is called over TLS, but no tls: listener of its address family is there for what it sends back: add one to [sip] listen, as \"tls:192.0.2.1:5061\"",
        ),
        ("[[routes]]   ", "[routes]   ", "t.toml:64:2: there may be many of these: write [[routes]]"),
        ("[http]", "[[http]]", "t.toml:11:3: there is only one of these: write [http]"),
        (
            "codecs = [\"PCMA\", \"PCMU\", \"G729\", \"G723\"]",
            "codecs = []",
            "t.toml:40:10: codecs is empty, so no call could pass: leave it out to allow all",
        ),
        (
            "listen = [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]",
            "listen = []",
            "t.toml:9:10: listen needs at least one address, as \"udp:192.0.2.1:5060\"",
        ),
    ] {
        check(&with(from, to), &[], &[expected]);
    }
}

#[test]
fn what_a_gate_shows_is_checked() {
    let own = "name = \"acme-pbx\"\ntrust = true\nidentity = \"rpid\"\nprivacy = \"pass\"\ncaller_numbers = [\"3491\"]\n\
               default_caller = \"+34911000000\"";
    check(&with("name = \"acme-pbx\"", own), &[], &[]);
    let gate =
        |line: &str| findings(&with("name = \"acme-pbx\"", &format!("name = \"acme-pbx\"\n{line}")), &[]);
    for (line, said) in [
        ("privacy = \"no\"", "honour"),
        ("caller_numbers = [\"\"]", "an empty prefix would fit every number"),
        ("caller_numbers = [\"0034\"]", "caller_numbers: prefix"),
        ("default_caller = \"bank\"", "bank"),
    ] {
        let found = gate(line);
        assert!(found.len() == 1 && found[0].contains(said), "{line}: {found:?}");
    }
}

#[test]
fn text_that_is_no_toml_is_reported_beside_the_rest() {
    let toml = with("drain_secs = 30", "drain_secs = = 30").replace("max_cps = 50", "max_cps = 0");
    let found = findings(&toml, &[]);
    assert!(found.first().is_some_and(|f| f.starts_with("t.toml:6:")), "{found:?}");
    assert!(found.iter().any(|f| f == "t.toml:43:11: max_cps must be from 1 to 100000, not 0"), "{found:?}");
    let twice = findings(&with("drain_secs = 30", "drain_secs = 30\nname = \"sw2\""), &[]);
    assert!(twice.iter().any(|f| f.starts_with("t.toml:7:1: duplicate key")), "{twice:?}");
}

#[test]
fn missing_sections_and_files() {
    check(
        "",
        &[],
        &[
            "t.toml:1:1: relayed media needs an address to come to: write address = \"192.0.2.1\", one of this machine's, into [media], or mode = \"bypass\"",
            "t.toml:1:1: section [node] is missing",
            "t.toml:1:1: section [sip] is missing",
        ],
    );
    let errors = config::load("/nonexistent/t.toml").expect_err("no file");
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["/nonexistent/t.toml:1:1: cannot read: No such file or directory (os error 2)"]
    );
    check(
        &with("file = \"routes.csv\"", "file = \"no.csv\""),
        &[],
        &["t.toml:65:8: cannot read no.csv: No such file or directory (os error 2)"],
    );
}

#[test]
fn only_plain_files_are_read() {
    check(
        &with("file = \"routes.csv\"", "file = \"/dev/zero\""),
        &[],
        &["t.toml:65:8: cannot read /dev/zero: not a plain file"],
    );
    check(
        &with("file = \"routes.csv\"", "file = \"decks\""),
        &[],
        &["t.toml:65:8: cannot read decks: not a plain file"],
    );
    let found = config::check_text("t.toml", GOOD).expect_err("files are not read");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn currencies_must_agree() {
    check(
        &with("currency = \"EUR\"\nbalance", "currency = \"USD\"\nbalance"),
        &[],
        &["t.toml:34:8: deck \"retail\" is in EUR, the account in USD: add an [[exchange]] from EUR to USD"],
    );
    let mixed = with(
        "file = \"decks/alpha.csv\"\ncurrency = \"EUR\"",
        "file = \"decks/alpha.csv\"\ncurrency = \"USD\"",
    )
    .replacen("transport=udp\"\n\n[[route]]", "transport=udp\"\ndeck = \"retail\"\n\n[[route]]", 1)
    .replacen("prefix = \"34\" ", "order = \"cheapest\"\nprefix = \"34\" ", 1);
    check(
        &mixed,
        &[],
        &[
            "t.toml:63:10: order \"cheapest\" cannot compare decks in EUR and USD: list these carriers in order",
        ],
    );
}

#[test]
fn mistakes_in_decks_and_routes_have_their_own_places() {
    let deck = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,NaN,1,1,,,\n35,Portugal,0.01,0,1,,,\n";
    let routes = "prefix,carriers\n34,alpha\n44,gamma\n4x,alpha\n";
    let found = findings(GOOD, &[("decks/retail.csv", deck), ("routes.csv", routes)]);
    let places: Vec<&str> = found
        .iter()
        .map(|f| f.splitn(4, ':').take(3).map(str::len).sum::<usize>() + 2)
        .zip(&found)
        .map(|(n, f)| &f[..n])
        .collect();
    assert_eq!(
        places,
        [
            "decks/retail.csv:2:10",
            "decks/retail.csv:3:18",
            "routes.csv:2:1",
            "routes.csv:3:4",
            "routes.csv:4:1"
        ],
        "{found:?}"
    );
    assert!(found[2].ends_with("prefix \"34\" has a route already, at t.toml:61:10"), "{found:?}");
}

#[test]
fn warnings_do_not_stop_the_load() {
    check(
        &with("source = [\"127.0.0.11\", \"192.0.2.0/24\"]", "source = []").replacen(
            "[[routes]]",
            "[[gate]]\nname = \"b\"\naccount = \"acme\"\nsource = [\"127.0.0.1\", \"127.0.0.1\"]\n\n[[routes]]",
            1,
        ),
        &[],
        &[
            "t.toml:39:10: warning: gate \"acme-pbx\" has no source, so nobody can call through it",
            "t.toml:48:11: warning: calls from 127.0.0.1, the address of carrier \"alpha\", count as gate \"b\"",
            "t.toml:58:11: warning: calls from 127.0.0.1, the address of carrier \"beta\", count as gate \"b\"",
            "t.toml:67:24: warning: 127.0.0.1 is listed twice, first at t.toml:67:11",
        ],
    );
}

#[test]
fn the_drawing_shows_the_line() {
    let dir = folder(&with("max_cps = 50", "max_cps = 0"), &[]);
    let errors = config::load(dir.path().join("t.toml")).expect_err("wrong");
    let drawn = config::render(&errors);
    assert!(
        drawn.contains("max_cps = 0")
            && drawn.contains("max_cps must be from 1 to 100000")
            && drawn.contains("t.toml:43:11"),
        "{drawn}"
    );
}

#[test]
fn a_reload_keeps_ids_and_says_what_changed() {
    let dir = folder(GOOD, &[]);
    let path = dir.path().join("t.toml");
    let old = config::load(&path).expect("good");
    assert_eq!(config::diff(&old, &config::reload(&path, &old).expect("good")), Vec::<String>::new());

    let toml = GOOD
        .replacen("name = \"acme-pbx\"", "name = \"acme-sbc\"", 1)
        .replacen("max_calls = 1000", "max_calls = 500\ndown_secs = 60", 1)
        .replacen("drain_secs = 30", "drain_secs = 60", 1)
        .replacen("tcp:127.0.0.1:5060", "tcp:127.0.0.1:5062", 1)
        .replacen(
            "[[carrier]]",
            "[[carrier]]\nname = \"first\"\naddress = \"sip:127.0.0.1:5090\"\n\n[[carrier]]",
            1,
        );
    fs::write(&path, toml).expect("write");
    let retail = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n34,Spain,0.2,30,6,,,\n44,United Kingdom,0.01200,1,1,,,\n7,Russia,0.03,1,1,,,\n";
    fs::write(dir.path().join("decks/retail.csv"), retail).expect("write");
    fs::write(dir.path().join("routes.csv"), "prefix,carriers\n33,beta\n44,alpha beta\n99,first\n")
        .expect("write");
    let new = config::reload(&path, &old).expect("good");
    assert_eq!(
        config::diff(&old, &new),
        [
            "sip.listen udp:127.0.0.1:5060 tcp:127.0.0.1:5060 -> udp:127.0.0.1:5060 tcp:127.0.0.1:5062 changed: takes effect at the next restart",
            "node.drain_secs 30 -> 60",
            "deck retail: 1 rows added, 1 changed, 8 removed",
            "gate added: acme-sbc",
            "gate removed: acme-pbx",
            "carrier added: first",
            "carrier alpha changed: max_calls, down_secs",
            "routes: 1 added, 1 changed, 5 removed, 4 in all",
        ]
    );
    let id = |s: &config::Settings, name: &str| s.carriers.by_name(name).map(|c| c.id);
    assert_eq!(id(&new, "alpha"), id(&old, "alpha"));
    assert_eq!(id(&new, "first"), Some(route::CarrierId(2)));

    fs::write(&path, "[node]").expect("write");
    assert!(config::reload(&path, &new).is_err());
}

const TIMES: &str = r#"
[[period]]
name = "peak"
zone = "Europe/Madrid"
days = ["mon", "tue", "wed", "thu", "fri"]
from = "08:00"
until = "20:00"

[[period]]
name = "night"
from = "22:00"
until = "06:00"

[[exchange]]
from = "EUR"
to = "USD"
rate = "1.0852"
at = "2026-01-01T00:00:00Z"
"#;

#[test]
fn periods_and_conversion_rates() {
    let timed = "prefix,destination,rate,initial,increment,next_rate,period\n34,Spain,0.1,60,6,0.05,\n34,Spain,0.2,60,6,,peak\n";
    check(&format!("{GOOD}{TIMES}"), &[("decks/retail.csv", timed)], &[]);
    // An account in dollars with a deck in euros is converted, since there is a rate.
    let dollars = with("currency = \"EUR\"\nbalance", "currency = \"USD\"\nbalance");
    check(&format!("{dollars}{TIMES}"), &[], &[]);
    check(
        &format!("{GOOD}{TIMES}"),
        &[(
            "decks/retail.csv",
            "prefix,destination,rate,initial,increment,period\n34,Spain,0.1,60,6,weekend\n",
        )],
        &[
            "decks/retail.csv:2:19: period: \"weekend\" is not defined by a [[period]] of the configuration; known are peak, night",
        ],
    );
}

#[test]
fn wrong_periods_and_conversion_rates() {
    let toml = r#"
[[period]]
name = "peak"
zone = "Europe/Atlantis"
days = ["monday", "tue"]
from = "8:00"
until = "24:01"
[[period]]
name = "peak"
days = []
from = "08:00"
until = "08:00"
[[exchange]]
from = "EUR"
to = "EUR"
rate = "0"
at = "today"
[[exchange]]
from = "EUR"
to = "USD"
rate = "1.1"
at = "2026-01-01T00:00:00Z"
[[exchange]]
from = "EUR"
to = "USD"
rate = "1.2"
at = "2026-01-01T01:00:00+01:00"
[[exchange]]
from = "USD"
to = "USD"
rate = "1"
at = "2026-01-01T00:00:00Z"
"#;
    let begin = GOOD.lines().count();
    let found = findings(&format!("{GOOD}{toml}"), &[]);
    let expected = [
        (
            4,
            8,
            "zone \"Europe/Atlantis\" is not in the tz database: write it as \"Europe/Madrid\" or \"UTC\"",
        ),
        (5, 9, "day \"monday\" must be one of mon, tue, wed, thu, fri, sat, sun"),
        (6, 8, "from \"8:00\" must be an hour from \"00:00\" to \"24:00\""),
        (7, 9, "until \"24:01\" must be an hour from \"00:00\" to \"24:00\""),
        (9, 8, "period \"peak\" is defined twice: first at t.toml:FIRST:8"),
        (
            16,
            8,
            "\"0\": a conversion rate is a decimal number above 0 and up to 1000000 with at most 10 decimal places, as 0.9215",
        ),
        (17, 6, "at \"today\" must be an RFC 3339 time, as \"2026-01-31T00:00:00Z\""),
        (27, 6, "from EUR to USD at this time is defined twice: first in line SECOND"),
        (30, 6, "from USD to USD: these are one currency"),
    ];
    let expected: Vec<String> = expected
        .iter()
        .map(|(line, column, text)| {
            let text =
                text.replace("FIRST", &(begin + 3).to_string()).replace("SECOND", &(begin + 18).to_string());
            format!("t.toml:{}:{column}: {text}", begin + line)
        })
        .collect();
    assert!(found == expected, "found:\n{}\nexpected:\n{}", found.join("\n"), expected.join("\n"));
    let empty = "\n[[period]]\nname = \"never\"\ndays = []\nfrom = \"08:00\"\nuntil = \"09:00\"\n[[period]]\nname = \"all\"\nfrom = \"08:00\"\nuntil = \"08:00\"\n";
    let found = findings(&format!("{GOOD}{empty}"), &[]);
    assert_eq!(
        found.iter().map(|line| line.split(": ").nth(1).expect("text")).collect::<Vec<_>>(),
        [
            "a period has at least one day",
            "a period's from and until must differ; a whole day is from 00:00 until 24:00"
        ]
    );
}

#[test]
fn feeds_are_checked_where_they_are_written() {
    let begin = GOOD.lines().count();
    let toml = format!(
        "{GOOD}\n[nats]\nurl = \"nats://u:p@127.0.0.1\"\nstream = \"C D\"\nsubject = \"a.>\"\nuser = \"x\"\n\n\
         [mail]\nsmtp = \"127.0.0.1:25\"\nfrom = \"a@b\\r\\nBcc: c@d\"\ntls = \"ssl\"\nprice_lists = \"example.net/a b\"\n"
    );
    let at = |line: usize, column: usize, what: &str| format!("t.toml:{}:{column}: {what}", begin + line);
    let expected = [
        at(3, 7, "no password in nats://: write user and password_file"),
        at(4, 10, "\"C D\": a stream's name has letters, digits, hyphens and underscores"),
        at(5, 11, "\"a.>\": a subject is words with dots between them, without * and >"),
        at(6, 8, "user and password_file are written both or not at all"),
        at(9, 8, "\"127.0.0.1:25\" is not a server: write smtp://192.0.2.1:25 or smtp://name.example"),
        at(10, 8, "\"a@b\\r\\nBcc: c@d\": write a plain mail address, as billing@example.net"),
        at(11, 7, "tls must be \"none\" or \"starttls\" or \"tls\", not \"ssl\""),
        at(12, 15, "\"example.net/a b\": write a URL, as https://example.net/prices/{deck}"),
    ];
    check(&toml, &[], &expected.iter().map(String::as_str).collect::<Vec<_>>());
    let toml = format!(
        "{GOOD}\n[nats]\nurl = \"nats://[::1]\"\n[mail]\nsmtp = \"smtp://127.0.0.1:2525\"\nfrom = \"a@b.example\"\ntls = \"none\"\n\
         user = \"x\"\npassword_file = \"p\"\n"
    );
    let clear = format!(
        "t.toml:{}:7: warning: the mail server's password goes over the network in clear: use tls = \"starttls\" or \"tls\"",
        begin + 7
    );
    check(&toml, &[], &[&clear]);
}
