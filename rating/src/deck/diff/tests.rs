use std::sync::Arc;

use units::{Currency, Period, Rounding};

use super::*;
use crate::deck::Rules;

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";
/// Instants by one letter, so that tables stay narrow. The new version is loaded at `C`.
const INSTANTS: [(&str, &str); 5] = [
    ("A", "2026-01-01T00:00:00Z"),
    ("B", "2026-02-01T00:00:00Z"),
    ("C", "2026-03-01T00:00:00Z"),
    ("D", "2026-04-01T00:00:00Z"),
    ("E", "2026-05-01T00:00:00Z"),
];

fn deck(rows: &str) -> Deck {
    let rows = INSTANTS
        .iter()
        .fold(rows.to_owned(), |rows, (letter, instant)| rows.replace(&format!("@{letter}"), instant));
    let rows: String = rows.split(';').map(|row| format!("{}\n", row.trim())).collect();
    Deck::load("retail", Currency::EUR, format!("{HEADER}{rows}").as_bytes()).expect("a good deck").0
}

fn instant(letter: &str) -> Wall {
    INSTANTS
        .iter()
        .find(|(known, _)| *known == letter)
        .and_then(|(_, text)| Wall::parse(text))
        .expect("an instant")
}

fn letter(at: Wall) -> &'static str {
    INSTANTS.iter().find(|(_, text)| Wall::parse(text) == Some(at)).map_or("?", |(letter, _)| *letter)
}

fn money(paid: Option<Paid>) -> String {
    paid.map_or("-".to_owned(), |paid| paid.rate.to_string())
}

#[test]
fn rows() {
    #[rustfmt::skip]
    let table = [
        // old                                new                                      what became of them
        ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,30,6,,,",                 "same 1"),
        ("55,Brazil,.02,30,6,,,",             "55,Brazil,.03,30,6,,,",                 "up 55, same 0"),
        ("55,Brazil,.02,30,6,,,",             "55,Brazil,.01,60,60,.5,,",              "down 55, same 0"),
        ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,60,6,,,",                 "up 55, same 0"),
        ("55,Brazil,.02,30,6,.1,,",           "55,Brazil,.02,30,6,,,",                 "down 55, same 0"),
        ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,60,1,,,",                 "aside 55, same 0"),
        ("55,Brazil,.02,30,6,,,",             "55,Brasil,.02,30,6,,,",                 "aside 55, same 0"),
        ("55,Brazil,.02,30,6,,,;7,RU,1,1,1,,,", "7,RU,1,1,1,,,;8,X,1,1,1,,,",          "removed 55, added 8, same 1"),
        ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,30,6,,,@D;55,Brazil,.03,30,6,,@D,", "aside 55, added 55, same 0"),
    ];
    for (old, new, expected) in table {
        let (changes, same) = deck(old).row_changes(&deck(new));
        let mut said = String::new();
        for change in &changes {
            said += &match change {
                RowChange::Added(_, row) => format!("added {}, ", row.prefix),
                RowChange::Removed(_, row) => format!("removed {}, ", row.prefix),
                RowChange::Changed { new, direction, .. } => {
                    format!("{direction:?} {}, ", new.1.prefix).to_lowercase()
                }
            };
        }
        assert_eq!(format!("{said}same {same}"), expected, "{old} -> {new}");
    }
}

#[test]
fn prices_by_instant() {
    #[rustfmt::skip]
    let table = [
        // old                                     new                                           loaded at C
        ("55,B,.02,1,1,,,",                        "55,B,.02,1,1,,,",                            ""),
        ("55,B,.02,1,1,,,",                        "55,B,.03,1,1,,,",                            "55 0.02000 0.03000 C;"),
        ("55,B,.02,1,1,,,",                        "55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",        "55 0.02000 0.03000 D;"),
        // announced before, and now the present
        ("55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",    "55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",        ""),
        ("55,B,.02,1,1,,,@B;55,B,.03,1,1,,@B,",    "55,B,.03,1,1,,,",                            ""),
        // announced and taken back, or changed
        ("55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",    "55,B,.02,1,1,,,",                            "55 0.03000 0.02000 D;"),
        ("55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",    "55,B,.02,1,1,,,@D;55,B,.04,1,1,,@D,",        "55 0.02000 0.04000 D;"),
        // at once and again
        ("55,B,.02,1,1,,,",                        "55,B,.03,1,1,,,@E;55,B,.04,1,1,,@E,",        "55 0.02000 0.03000 C;55 0.03000 0.04000 E;"),
        // the past is the past
        ("55,B,.02,1,1,,,@B;55,B,.03,1,1,,@B,",    "55,B,.09,1,1,,,@B;55,B,.03,1,1,,@B,",        ""),
        ("55,B,.02,1,1,,,",                        "55,B,.02,1,1,,,@B;55,B,.03,1,1,,@B,",        "55 0.02000 0.03000 C;"),
        // rows come and go
        ("7,R,1,1,1,,,",                           "7,R,1,1,1,,,;76,K,2,1,1,,@D,",               "76 1.00000 2.00000 D;"),
        ("7,R,1,1,1,,,;76,K,2,1,1,,,",             "7,R,1,1,1,,,",                               "76 2.00000 1.00000 C;"),
        ("7,R,1,1,1,,,",                           "7,R,1,1,1,,,@D",                             "7 1.00000 - D;"),
        ("7,R,1,1,1,,,",                           "7,R,1,1,1,,,;76,K,1,1,1,,,",                 ""),
        ("7,R,1,1,1,,,;76,K,2,1,1,,,",             "7,R,3,1,1,,,",                               "7 1.00000 3.00000 C;76 2.00000 3.00000 C;"),
        ("7,R,1,1,1,,,",                           "76,K,2,1,1,,,",                              "7 1.00000 - C;76 1.00000 2.00000 C;"),
        ("76,K,2,1,1,,,@D",                        "7,R,1,1,1,,,",                               "7 - 1.00000 C;76 2.00000 1.00000 C;"),
        // another step is another price at the same rate
        ("55,B,.02,1,1,,,",                        "55,B,.02,60,60,,,",                          "55 0.02000 0.02000 C;"),
        ("55,B,.02,1,1,,,",                        "55,Brasil,.02,1,1,,,",                       ""),
    ];
    for (old, new, expected) in table {
        let changes = price_changes(&deck(old), &deck(new), instant("C"));
        let line =
            |c: &PriceChange| format!("{} {} {} {};", c.prefix, money(c.old), money(c.new), letter(c.from));
        assert_eq!(changes.iter().map(line).collect::<String>(), expected, "{old} -> {new}");
    }
}

#[test]
fn effects_come_by_size_and_destinations_together() {
    let old = deck(
        "55,Brazil,.02,1,1,,,;5511,Brazil,.02,1,1,,,;34,Spain,.03,1,1,,,;7,Russia,0,1,1,,,;44,UK,.04,1,1,,,;1,US,.03,1,1,,,",
    );
    let new = deck(
        "55,Brazil,.03,1,1,,,;5511,Brazil,.03,1,1,,,;34,Spain,.01,1,1,,,;7,Russia,1,1,1,,,;44,UK,.04,1,1,,,;1,US,.02,1,1,,,",
    );
    let effects = Effect::of(&price_changes(&old, &new, instant("C")));
    let said: Vec<_> = effects.iter().map(|e| (&*e.destination, e.prefixes, e.percent)).collect();
    assert_eq!(
        said,
        [
            ("Spain", 1, Some(-6_667)),
            ("Brazil", 2, Some(5_000)),
            ("US", 1, Some(-3_333)),
            ("Russia", 1, None)
        ]
    );
}

/// Peak and night, from 08:00 and 22:00 on where nothing else is said.
fn timed(rows: &str, periods: &[(&str, u32, u32)], rounding: Rounding, currency: Currency) -> Deck {
    let period = |(name, from, until): &(&str, u32, u32)| {
        Period::new(name, Arc::new(units::Zone::utc()), 0x7F, from * 3_600, until * 3_600).expect("a period")
    };
    let rules = Rules { periods: periods.iter().map(period).collect(), rounding, ..Rules::default() };
    let csv = format!("prefix,destination,rate,initial,increment,period\n{}\n", rows.replace(';', "\n"));
    Deck::load_by("retail", currency, &rules, csv.as_bytes()).expect("a good deck").0
}

const USUAL: [(&str, u32, u32); 2] = [("peak", 8, 20), ("night", 22, 6)];

#[test]
fn a_row_for_a_period_comes_from_or_gives_way_to_the_price_of_all_times() {
    let of = |rows| timed(rows, &USUAL, Rounding::HalfUp, Currency::EUR);
    let line = |c: &PriceChange| {
        format!("{}{} {} {}", c.prefix, c.period.as_deref().unwrap_or(""), money(c.old), money(c.new))
    };
    for (old, new, expected) in [
        ("34,S,.1,1,1,", "34,S,.1,1,1,;34,S,.3,1,1,peak", "34peak 0.10000 0.30000"),
        ("34,S,.1,1,1,;34,S,.3,1,1,peak", "34,S,.1,1,1,", "34peak 0.30000 0.10000"),
        (
            "3,E,.2,1,1,peak;3,E,.1,1,1,",
            "3,E,.2,1,1,peak;3,E,.1,1,1,;34,S,.5,1,1,peak",
            "34peak 0.20000 0.50000",
        ),
        (
            "3,E,.2,1,1,peak;3,E,.1,1,1,",
            "3,E,.2,1,1,peak;3,E,.1,1,1,;34,S,.5,1,1,night",
            "34night 0.10000 0.50000",
        ),
        ("34,S,.3,1,1,peak", "34,S,.3,1,1,peak;34,S,.3,1,1,night", "34night - 0.30000"),
    ] {
        let changes = price_changes(&of(old), &of(new), instant("C"));
        assert_eq!(changes.iter().map(line).collect::<Vec<_>>(), [expected], "{old} -> {new}");
    }
}

#[test]
fn another_currency_is_another_price() {
    let of = |currency| timed("34,S,.1,1,1,;35,P,.2,1,1,", &[], Rounding::HalfUp, currency);
    let changes = price_changes(&of(Currency::EUR), &of(Currency::USD), instant("C"));
    assert_eq!(changes.iter().map(|c| (money(c.old), money(c.new))).collect::<Vec<_>>().len(), 2);
    assert!(changes.iter().all(|change| change.old == change.new && change.from == instant("C")));
}

#[test]
fn hours_their_order_and_rounding_change_prices_without_a_row() {
    let rows = "34,S,.1,1,1,;34,S,.3,1,1,peak;34,S,.05,1,1,night";
    let of = |periods: &[(&str, u32, u32)], rounding| timed(rows, periods, rounding, Currency::EUR);
    let usual = of(&USUAL, Rounding::HalfUp);
    assert!(RuleChanges::of(&usual, &usual).is_empty());
    let later = of(&[("peak", 9, 20), ("night", 22, 6)], Rounding::HalfUp);
    let changes = RuleChanges::of(&usual, &later);
    let hours: Vec<_> = changes
        .periods
        .iter()
        .map(|change| (&**change.new.name(), change.old.from(), change.new.from()))
        .collect();
    assert_eq!((hours, changes.rounding, changes.order.len()), (vec![("peak", 28_800, 32_400)], None, 0));
    assert!(price_changes(&usual, &later, instant("C")).is_empty(), "no row differs");
    let turned = RuleChanges::of(&usual, &of(&[USUAL[1], USUAL[0]], Rounding::Up));
    assert_eq!(
        (turned.order, turned.rounding),
        (vec!["night".into(), "peak".into()], Some((Rounding::HalfUp, Rounding::Up)))
    );
    // A period that no row names may change as it likes, and one that is new is in no old price.
    let plain =
        |periods: &[(&str, u32, u32)]| timed("34,S,.1,1,1,", periods, Rounding::HalfUp, Currency::EUR);
    assert!(RuleChanges::of(&plain(&USUAL), &plain(&[("peak", 9, 20)])).is_empty());
    assert!(RuleChanges::of(&plain(&USUAL), &later).is_empty());
}
