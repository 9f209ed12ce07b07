//! Faults of prices and prefixes that were once accepted: each is an error at its place, wherever such a
//! thing is written.

use std::fs;

use rating::Deck;
use units::Wall;

const BASE: &str = r#"[node]
name = "sw1"
data_dir = "./data"

[sip]
listen = ["udp:127.0.0.1:5060"]

[[account]]
name = "acme"
currency = "EUR"
deck = "retail"

[[gate]]
name = "pbx"
account = "acme"
source = ["192.0.2.1"]
GATE

[[carrier]]
name = "alpha"
address = "sip:192.0.2.9:5060"
CARRIER

[[route]]
prefix = "PREFIX"
carriers = ["alpha"]

[[routes]]
file = "routes.csv"

[[deck]]
name = "retail"
file = "retail.csv"
currency = "EUR"
DECK

[media]
mode = "bypass"
"#;

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";

/// What a configuration says in its variable places.
#[derive(Default)]
struct Site<'a> {
    gate: &'a str,
    carrier: &'a str,
    prefix: &'a str,
    routes: &'a str,
    deck: &'a str,
    rows: &'a str,
}

impl Site<'_> {
    fn load(&self) -> Result<config::Settings, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let toml = BASE
            .replace("GATE", self.gate)
            .replace("CARRIER", self.carrier)
            .replace("PREFIX", self.prefix)
            .replace("DECK", self.deck);
        fs::write(folder.path().join("t.toml"), toml).expect("written");
        fs::write(folder.path().join("retail.csv"), format!("{HEADER}{}", self.rows)).expect("written");
        fs::write(folder.path().join("routes.csv"), format!("prefix,carriers\n{}", self.routes))
            .expect("written");
        let told = |found: &config::Diagnostic| {
            found.to_string().replace(&format!("{}/", folder.path().display()), "")
        };
        config::load(folder.path().join("t.toml")).map_err(|errors| errors.iter().map(told).collect())
    }

    fn errors(&self) -> Vec<String> {
        self.load().expect_err("refused")
    }
}

const ROWS: &str = "34,Spain,0.1,60,60,,,\n";

/// One prefix of each kind that no number in international form can begin with, in every place where prefixes
/// are written.
#[test]
fn fault_c1_a_prefix_that_can_never_match_is_an_error_everywhere() {
    let site = Site { rows: ROWS, ..Site::default() };
    assert_eq!(site.load().map(|settings| settings.warnings.len()), Ok(0));
    for (prefix, said) in [
        ("0044", "no number in international form begins with 0"),
        ("5511 5512", "no blanks between its digits"),
        ("44a", "a prefix is digits only"),
        ("4+4", "a prefix is digits only"),
    ] {
        let blocked = format!("blocked = [\"{prefix}\"]");
        let callers = format!("blocked_callers = [\"{prefix}\"]");
        let (row, rows) = (format!("{prefix},alpha\n"), format!("{ROWS}{prefix},UK,0.1,1,1,,,\n"));
        for (site, place) in [
            (Site { gate: &blocked, rows: ROWS, ..Site::default() }, "t.toml:17:12: "),
            (Site { gate: &callers, rows: ROWS, ..Site::default() }, "t.toml:17:20: "),
            (Site { prefix, rows: ROWS, ..Site::default() }, "t.toml:25:10: "),
            (Site { routes: &row, rows: ROWS, ..Site::default() }, "routes.csv:2:1: "),
            (Site { rows: &rows, ..Site::default() }, "retail.csv:3:1: "),
        ] {
            let errors = site.errors();
            assert!(
                errors.len() == 1 && errors[0].starts_with(place) && errors[0].contains(said),
                "{prefix:?} at {place}: {errors:?}"
            );
        }
    }
}

/// What the contract ignores stays ignored: one leading `+`, blanks at the ends.
#[test]
fn fault_c1_a_plus_and_blanks_at_the_ends_are_ignored_everywhere() {
    let site = Site {
        gate: "blocked = [\" +44 \"]\nblocked_callers = [\"+45\"]",
        prefix: " +34 ",
        routes: " +35 ,alpha\n",
        rows: "\" +34 \",Spain,0.1,60,60,,,\n",
        ..Site::default()
    };
    let settings = site.load().expect("good");
    let gate = settings.gates.by_name("pbx").expect("a gate");
    assert_eq!((gate.blocked.len(), &*gate.blocked[0], &*gate.blocked_callers[0]), (1, "44", "45"));
    for number in ["34911", "35911"] {
        assert!(settings.routes.find(&number.parse().expect("a number")).is_some(), "{number}");
    }
}

/// What a carrier's rules rewrite is E.164 digits: a rule that begins with anything else never applies.
#[test]
fn fault_c1_a_carriers_rule_that_can_never_apply_is_an_error() {
    for (rule, said) in [
        ("{ prefix = \"0044\", replace = \"44\" }", "begins with 0"),
        ("{ prefix = \"+44\", replace = \"44\" }", "digits"),
        ("{ prefix = \"*44\", replace = \"44\" }", "digits"),
        ("{ prefix = \"4420\", replace = \"\", length = 3 }", "length"),
    ] {
        let translate = format!("translate = [{rule}]");
        let errors = Site { carrier: &translate, rows: ROWS, ..Site::default() }.errors();
        assert!(
            errors.len() == 1 && errors[0].starts_with("t.toml:22:1") && errors[0].contains(said),
            "{rule}: {errors:?}"
        );
    }
    let gate = "translate = [{ prefix = \"0044\", replace = \"44\" }, { prefix = \"+\", replace = \"\" }]";
    assert!(
        Site { gate, rows: ROWS, ..Site::default() }.load().is_ok(),
        "a gate's rules see what was dialled"
    );
    let gate = "translate = [{ prefix = \"0044\", replace = \"44\", length = 2 }]";
    assert!(Site { gate, rows: ROWS, ..Site::default() }.load().is_err());
}

fn deck(settings: &config::Settings) -> &Deck {
    settings.decks.named("retail").expect("a deck")
}

/// 0.0000049 a minute: an error in five places, exact in seven, and 10,000 minutes of it are 0.049.
#[test]
fn fault_c3_rates_keep_the_places_that_the_deck_says() {
    let rows = "34,Spain,0.0000049,60,60,,,\n35,Portugal,0.12345678905,1,1,0.0000012,,\n";
    let errors = Site { rows, ..Site::default() }.errors();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].starts_with("retail.csv:2:10: rate: 0.0000049: above zero, but zero in 5 places"),
        "{errors:?}"
    );
    assert!(errors[1].starts_with("retail.csv:3:31: connect_fee: "), "{errors:?}");
    let settings = Site { rows, deck: "rate_places = 10", ..Site::default() }.load().expect("good");
    let warnings: Vec<String> = settings.warnings.iter().map(|w| w.message.clone()).collect();
    assert_eq!(warnings, ["rate: 0.12345678905 rounded to 0.1234567891"]);
    let of =
        |number: &str| deck(&settings).price(&number.parse().expect("a number"), Wall(0)).expect("a price");
    let (spain, portugal) = (of("34911"), of("35911"));
    assert_eq!(
        (spain.rate.to_string().as_str(), spain.charge(600_000_000).amount.amount),
        ("0.0000049", 4_900)
    );
    // One minute is 0.0000049, which is nothing in five places; ten are 0.000049 → 0.00005.
    assert_eq!((spain.charge(60_000).amount.amount, spain.charge(600_000).amount.amount), (0, 5));
    // 0.0000012 + 0.1234567891 · 59 / 60 = 0.121400375948…
    assert_eq!(
        (portugal.connect_fee.to_string().as_str(), portugal.charge(59_000).amount.amount),
        ("0.0000012", 12_140)
    );
    for (places, said) in [("4", "from 5 to 10"), ("11", "from 5 to 10"), ("\"7\"", "whole number")] {
        let errors =
            Site { rows: ROWS, deck: &format!("rate_places = {places}"), ..Site::default() }.errors();
        assert!(
            errors.len() == 1 && errors[0].starts_with("t.toml:35:15") && errors[0].contains(said),
            "{errors:?}"
        );
    }
}

/// RULES L12 stays: five places, half-up, unless the deck says otherwise.
#[test]
fn fault_c3_five_places_are_the_default() {
    let settings = Site { rows: "34,Spain,0.123456,1,1,,,\n", ..Site::default() }.load().expect("good");
    assert_eq!(deck(&settings).rows().next().expect("a row").rate.to_string(), "0.12346");
    assert_eq!(settings.warnings.len(), 1);
}

/// A price list whose rows were lost would price nothing and tell every customer so.
#[test]
fn fault_c4_a_deck_without_rows_is_refused_unless_allowed() {
    for rows in ["", "\n\n", "\r\n"] {
        let errors = Site { rows, ..Site::default() }.errors();
        assert!(
            errors.len() == 1 && errors[0].starts_with("retail.csv:1:1: no row under the header"),
            "{errors:?}"
        );
        assert!(errors[0].contains("allow_empty = true"), "{errors:?}");
        let settings = Site { rows, deck: "allow_empty = true", ..Site::default() }.load().expect("allowed");
        assert!(deck(&settings).is_empty());
    }
}

#[test]
fn fault_c4_a_reload_keeps_the_rows_that_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.toml");
    let toml = BASE.replace("GATE", "").replace("CARRIER", "").replace("PREFIX", "").replace("DECK", "");
    fs::write(&path, toml).expect("written");
    fs::write(folder.path().join("routes.csv"), "prefix,carriers\n").expect("written");
    fs::write(folder.path().join("retail.csv"), format!("{HEADER}{ROWS}")).expect("written");
    let before = config::load(&path).expect("good");
    fs::write(folder.path().join("retail.csv"), HEADER).expect("written");
    let errors = config::reload(&path, &before).expect_err("refused");
    assert!(errors.len() == 1 && errors[0].message.contains("no row under the header"), "{errors:?}");
}
