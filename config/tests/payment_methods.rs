//! `[[payment_method]]`: what is read, and every mistake at its line and column.

use config::Settings;
use rating::{PaymentMethod, Term};
use units::{Currency, Wall};

/// Four lines, so that a method begins in line 5.
const REST: &str = "[node]\nname = \"sw1\"\ndata_dir = \"data\"\n[sip]\n";
const LISTEN: &str = "listen = [\"udp:127.0.0.1:0\"]\n";

fn read(methods: &str) -> Result<Settings, Vec<String>> {
    let text = format!("{REST}{LISTEN}{methods}\n[media]\nmode = \"bypass\"\n");
    config::check_text("t.toml", &text).map_err(|found| found.iter().map(ToString::to_string).collect())
}

fn methods(text: &str) -> Vec<PaymentMethod> {
    read(text).expect("good").payment_methods
}

/// As an operator of RULES L18–L21, X1 and X8 would write it.
#[test]
fn a_price_list_of_payments() {
    let found = methods(
        r#"
[[payment_method]]
name = "paypal"
currency = "EUR"
minimum = "1.00"
pending_minutes = 15

[[payment_method]]
name = "bank"
currency = "EUR"
minimum = "300"
pending_days = 7
zone = "Europe/Madrid"
holidays = ["2026-12-08", "2026-12-25"]

[[payment_method]]
name = "bank"
currency = "USD"
minimum = "300"
pending_days = 7

[[payment_method]]
name = "voucher"
currency = "EUR"
amounts = ["10", "25.00", "50"]
pending_days = 0
"#,
    );
    let list: Vec<(&str, Currency, i64, &[i64])> = found
        .iter()
        .map(|method| (&*method.name, method.currency, method.minimum, &*method.amounts))
        .collect();
    let usd = "USD".parse().expect("a currency");
    let fixed: &[i64] = &[1_000_000, 2_500_000, 5_000_000];
    let expected: [(&str, Currency, i64, &[i64]); 4] = [
        ("paypal", Currency::EUR, 100_000, &[]),
        ("bank", Currency::EUR, 30_000_000, &[]),
        ("bank", usd, 30_000_000, &[]),
        ("voucher", Currency::EUR, 0, fixed),
    ];
    assert_eq!(list, expected);
    // Announced on Friday 27 November 2026 at 10:00 UTC. In Madrid Tuesday 8 December is a holiday, so the
    // seventh day is the 9th.
    let friday = Wall::parse("2026-11-27T10:00:00Z").expect("a time");
    let due: Vec<String> = found
        .iter()
        .map(|m| m.term.as_ref().map_or("never".to_owned(), |term| term.due(friday).rfc3339()))
        .collect();
    assert_eq!(
        due,
        ["2026-11-27T10:15:00.000Z", "2026-12-09T23:00:00.000Z", "2026-12-09T00:00:00.000Z", "never"]
    );
    assert!(matches!(found[0].term, Some(Term::Minutes(15))));
}

/// Each mistake alone in its method, with its place in that: `line:column: message`, where line 1 is
/// `[[payment_method]]`.
#[test]
fn every_mistake_has_its_place() {
    let name = "name = \"bank\"\n";
    let eur = "currency = \"EUR\"\n";
    let table: &[(&str, &[&str])] = &[
        ("name = \"bank\"", &["1:1: [[payment_method]] needs the key \"currency\""]),
        ("currency = \"EUR\"", &["1:1: [[payment_method]] needs the key \"name\""]),
        (
            "name = \"PayPal!\"\ncurrency = \"EUR\"",
            &[
                "2:8: payment_method name \"PayPal!\": 1 to 64 letters, digits, dots, hyphens, underscores, beginning with a letter or digit",
            ],
        ),
        (
            "name = \"bank\"\ncurrency = \"EURO\"",
            &["3:12: currency must be three letters, as EUR, not \"EURO\""],
        ),
        ("+minimum = 300", &["4:11: minimum must be an amount in quotes, as \"10.00\", not a whole number"]),
        ("+minimum = \"-1\"", &["4:11: minimum must not be negative"]),
        ("+minimum = \"0.000001\"", &["4:11: more than 5 decimal places: \"0.000001\""]),
        ("+amounts = \"10\"", &["4:11: amounts must be a list of texts, as [\"a\", \"b\"], not a text"]),
        ("+amounts = [\"10\", 25]", &["4:18: amounts holds texts in quotes, not a whole number"]),
        (
            "+amounts = [\"10\", \"0\", \"x\"]",
            &["4:18: an amount must be above zero", "4:23: not a decimal amount: \"x\""],
        ),
        ("+pending_minutes = -1", &["4:19: pending_minutes must be from 0 to 525600, not -1"]),
        ("+pending_minutes = \"15\"", &["4:19: pending_minutes must be a whole number, not a text"]),
        ("+pending_days = 367", &["4:16: pending_days must be from 0 to 366, not 367"]),
        (
            "+pending_days = 7\npending_minutes = 15",
            &["5:19: pending_minutes and pending_days: one of them says when a payment is late"],
        ),
        ("+zone = \"UTC\"", &["4:8: zone is of business days: it needs pending_days"]),
        (
            "+holidays = [\"2026-12-25\"]\npending_minutes = 15",
            &["4:12: holidays is of business days: it needs pending_days"],
        ),
        (
            "+pending_days = 7\nzone = \"Madrid\"",
            &["5:8: zone \"Madrid\" is not in the tz database: write it as \"Europe/Madrid\" or \"UTC\""],
        ),
        (
            "+pending_days = 7\nholidays = [\"2026-12-25\", \"25.12.2026\", \"2026-02-30\"]",
            &[
                "5:27: holiday \"25.12.2026\" must be a date, as \"2026-12-25\"",
                "5:41: holiday \"2026-02-30\" must be a date, as \"2026-12-25\"",
            ],
        ),
        ("+minimun = \"300\"", &["4:1: unknown key \"minimun\": did you mean \"minimum\"?"]),
        (
            "+[[payment_method]]\nname = \"bank\"\ncurrency = \"EUR\"",
            &["5:8: payment_method \"bank\" is defined twice for EUR"],
        ),
    ];
    for (text, expected) in table {
        let text = match text.strip_prefix('+') {
            Some(rest) => format!("{name}{eur}{rest}\n"),
            None => format!("{text}\n"),
        };
        let lines_before = REST.lines().count() + LISTEN.lines().count();
        let found = read(&format!("[[payment_method]]\n{text}")).expect_err(&text);
        let place = |finding: &String| {
            let (line, rest) =
                finding.strip_prefix("t.toml:").and_then(|rest| rest.split_once(':')).expect("a place");
            format!("{}:{rest}", line.parse::<usize>().expect("a line") - lines_before)
        };
        assert_eq!(found.iter().map(place).collect::<Vec<_>>(), *expected, "{text}");
    }
}
