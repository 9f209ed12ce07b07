//! Decks from files: what is taken, what is refused and where it says so, and which row wins at which
//! instant.

use proptest::prelude::*;

use super::*;

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";

fn load(rows: &str) -> Result<(Deck, Vec<Warning>), Vec<DeckError>> {
    Deck::load("retail", Currency::EUR, format!("{HEADER}{rows}").as_bytes())
}

fn deck(rows: &str) -> Deck {
    load(rows).map(|(deck, _)| deck).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn errors(csv: &str) -> Vec<String> {
    let errors = Deck::load("retail", Currency::EUR, csv.as_bytes()).expect_err("must be refused");
    errors.iter().map(ToString::to_string).collect()
}

fn destination(deck: &Deck, number: &str, at: &str) -> Option<String> {
    let at = Wall::parse(at).expect("a time");
    deck.price(&number.parse().expect("a number"), at).map(|price| price.destination.to_string())
}

#[test]
fn any_column_order_crlf_bom_and_visual_prefixes() {
    let csv = "\u{feff}Increment, rate,prefix,INITIAL,destination\r\n6,0.12345, +3491 ,30,\"Spain, Madrid\"\r\n\r\n1,1,7,1,Россия\r\n";
    let (deck, warnings) = Deck::load("retail", Currency::EUR, csv.as_bytes()).expect("a good deck");
    assert!(warnings.is_empty());
    let rows: Vec<_> = deck.rows().collect();
    assert_eq!(rows.len(), 2);
    let row = &rows[0];
    assert_eq!(
        (row.prefix.to_string().as_str(), &*row.destination, row.rate, row.connect_fee.count()),
        ("3491", "Spain, Madrid", Rate::of_units(12_345), 0)
    );
    assert_eq!(row.increments.to_string(), "30/6");
    assert_eq!((row.effective_from, row.effective_until), (None, None));
    assert_eq!(&*rows[1].destination, "Россия");
}

#[test]
fn five_fields_of_eight_are_a_row() {
    let deck = deck("34,Spain,0.12345,30,6\n");
    assert_eq!(destination(&deck, "34911234567", "2026-01-01T00:00:00Z"), Some("Spain".to_owned()));
    assert_eq!(destination(&deck, "35911234567", "2026-01-01T00:00:00Z"), None);
    assert_eq!(destination(&deck, "3", "2026-01-01T00:00:00Z"), None);
}

#[test]
fn a_sixth_place_is_rounded_half_up_and_said() {
    let (deck, warnings) =
        load("34,Spain,0.123456,1,1,0.000005,,\n35,Portugal,0.1000000,1,1\n").expect("a good deck");
    let row = deck.rows().next().expect("a row");
    assert_eq!((row.rate, row.connect_fee), (Rate::of_units(12_346), Rate::of_units(1)));
    let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["2:10: rate: 0.123456 rounded to 0.12346", "2:23: connect_fee: 0.000005 rounded to 0.00001"]
    );
}

#[test]
fn every_wrong_row_is_told_with_its_place_and_none_is_loaded() {
    let rows = "34,Spain,NaN,1,1,,,\n\
                35,Portugal,0.1,0,0,,,\n\
                \n\
                36,Hungary,1e9,1,1,,,\n\
                37,\"East, \"\"old\"\"\",-1,1,1,-2,,\n\
                ,Nowhere,12345678901234567890123456789,1,1,,,\n\
                38,Yugoslavia,0.1,1,1,,2026-02-01T00:00:00Z,2026-02-01T00:00:00Z\n\
                39,Italy,0.1,1,1,,tomorrow,\n\
                4x,,0.1,1.5,90000,,,\n\
                40,Romania,0.1,1,1,,,,,\n\
                41,Switzerland\n";
    let found = errors(&format!("{HEADER}{rows}"));
    let expected = [
        "2:10: rate: NaN: not a decimal",
        "3:17: initial: \"0\"",
        "3:19: increment: \"0\"",
        "5:12: rate: 1e9: not a decimal",
        "6:20: rate: -1: must not be negative",
        "6:27: connect_fee: -2: must not be negative",
        "7:1: prefix: empty",
        "7:10: rate: 12345678901234567890123456789: more than 28 digits",
        "8:45: effective_until: must be later",
        "9:19: effective_from: \"tomorrow\"",
        "10:1: prefix: \"4x\"",
        "10:4: destination: empty",
        "10:9: initial: \"1.5\"",
        "10:13: increment: \"90000\"",
        "11:23: 10 fields under 8 columns",
        "12:15: rate: empty",
        "12:15: initial: \"\"",
        "12:15: increment: \"\"",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn headers_that_are_none() {
    assert_eq!(errors("").len(), 1);
    assert!(errors("34,Spain,0.1,1,1\n").iter().any(|error| error.starts_with("1:1: unknown column \"34\"")));
    assert_eq!(
        errors("prefix,destination,rate,initial,conect_fee,rate\n")
            .iter()
            .map(|e| e.split(';').next().expect("text"))
            .collect::<Vec<_>>(),
        [
            "1:1: the header must name the column increment",
            "1:33: unknown column \"conect_fee\"",
            "1:44: column rate is named twice"
        ]
    );
    assert!(errors("\u{0}\u{0}").len() >= 5);
    let utf16 = Deck::load("retail", Currency::EUR, &b"\xFF\xFEp\0"[..]).expect_err("refused");
    assert!(utf16[0].message.contains("UTF-16"));
    let latin1 = Deck::load(
        "retail",
        Currency::EUR,
        &b"prefix,destination,rate,initial,increment\n34,Espa\xF1a,1,1,1\n"[..],
    );
    assert_eq!(
        (latin1.as_ref().expect_err("refused")[0].line, latin1.expect_err("refused")[0].column),
        (2, 4)
    );
}

#[test]
fn one_prefix_twice_only_at_different_times() {
    let rows =
        "34,Old,0.1,1,1,,,2026-02-01T00:00:00Z\n34,New,0.2,1,1,,2026-02-01T00:00:00Z,\n3,Europe,0.3,1,1\n";
    let deck = deck(rows);
    assert_eq!(destination(&deck, "349", "2026-01-31T23:59:59.999Z"), Some("Old".to_owned()));
    assert_eq!(destination(&deck, "349", "2026-02-01T00:00:00Z"), Some("New".to_owned()));

    let overlap = errors(&format!("{HEADER}34,A,0.1,1,1\n35,B,0.1,1,1\n+34,C,0.2,1,1\n"));
    assert_eq!(overlap, ["4:1: prefix 34: in force at the same time as the row of line 2"]);
    let overlap = errors(&format!(
        "{HEADER}34,A,0.1,1,1,,2026-03-01T00:00:00Z,\n34,B,0.1,1,1,,2026-01-01T00:00:00Z,2026-03-01T00:00:00.001Z\n"
    ));
    assert_eq!(overlap, ["3:1: prefix 34: in force at the same time as the row of line 2"]);
}

#[test]
fn a_row_out_of_force_gives_way_to_the_next_shorter() {
    let deck = deck(
        "3491,Madrid promo,0.01,1,1,,2026-02-01T00:00:00Z,2026-03-01T00:00:00Z\n34,Spain,0.1,1,1\n3,Europe,0.3,1,1,,2026-01-01T00:00:00Z,\n",
    );
    for (number, at, expected) in [
        ("3491", "2026-02-15T00:00:00Z", Some("Madrid promo")),
        ("3491", "2026-03-01T00:00:00Z", Some("Spain")),
        ("3491", "2025-01-01T00:00:00Z", Some("Spain")),
        ("33", "2026-01-01T00:00:00Z", Some("Europe")),
        ("33", "2025-12-31T23:59:59Z", None),
    ] {
        assert_eq!(destination(&deck, number, at).as_deref(), expected, "{number} at {at}");
    }
}

/// Each of ten rows is wrong in its own way: every one is named with its place, none is loaded, and the right
/// row beside them neither.
#[test]
fn ten_wrong_rows_are_ten_findings() {
    #[rustfmt::skip]
    let table = [
        // row                                        line:column: how the finding begins
        ("34,Spain,NaN,1,1",                          "3:10: rate: NaN: not a decimal number"),
        ("35,Portugal,1e9,1,1",                       "4:13: rate: 1e9: not a decimal number"),
        ("36,Hungary,-1,1,1",                         "5:12: rate: -1: must not be negative"),
        ("37,Lithuania,12345678901234567890123456789,1,1", "6:14: rate: 12345678901234567890123456789: more than 28 digits"),
        ("38,Ukraine,1000000000,1,1",                 "7:12: rate: 1000000000: above the highest rate"),
        ("39,Italy,0.1,0,0",                          "8:14: initial: \"0\": must be whole seconds from 1"),
        ("40,Romania,0.1,1,86401",                    "9:18: increment: \"86401\": must be whole seconds from 1"),
        ("4x,Nowhere,0.1,1,1",                        "10:1: prefix: \"4x\": a prefix is digits only"),
        ("41,,0.1,1,1",                               "11:4: destination: empty"),
        ("55,Brazil again,0.1,1,1",                   "12:1: prefix 55: in force at the same time as the row of line 2"),
    ];
    let rows: String = table.iter().map(|(row, _)| format!("{row}\n")).collect();
    let found = errors(&format!("prefix,destination,rate,initial,increment\n55,Brazil,0.1,30,6\n{rows}"));
    // 0/0 is wrong twice.
    let second = found
        .iter()
        .position(|error| error.starts_with("8:16: increment: \"0\""))
        .expect("the increment too");
    let found: Vec<_> =
        found.iter().enumerate().filter(|(at, _)| *at != second).map(|(_, error)| error).collect();
    assert_eq!(found.len(), table.len(), "{found:#?}");
    for (found, (row, begins)) in found.iter().zip(table) {
        assert!(found.starts_with(begins), "{row}\n{found}\nis not\n{begins}");
    }
}

#[test]
fn the_version_follows_content_not_layout() {
    let one = deck("34,Spain,0.1,1,1\n35,Portugal,0.2,1,1\n").version();
    let same = Deck::load(
        "other",
        Currency::EUR,
        &b"rate,prefix,destination,increment,initial\r\n0.20,35,Portugal,1,1\r\n0.100,+34,Spain,1,1\r\n"[..],
    );
    assert_eq!(same.expect("a good deck").0.version(), one);
    for other in [
        "34,Spain,0.10001,1,1\n35,Portugal,0.2,1,1\n",
        "34,Spain,0.1,1,6\n35,Portugal,0.2,1,1\n",
        "34,Spain,0.1,1,1\n",
    ] {
        assert_ne!(deck(other).version(), one, "{other}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), with_header in any::<bool>()) {
        let mut csv = if with_header { HEADER.as_bytes().to_vec() } else { Vec::new() };
        csv.extend(bytes);
        let _ = Deck::load("retail", Currency::EUR, &csv[..]);
    }

    #[test]
    fn never_panics_on_almost_csv(rows in proptest::collection::vec("[0-9a\",.\r\n +-]{0,40}", 0..8)) {
        if let Ok((deck, _)) = load(&rows.join("\n")) {
            prop_assert!(deck.rows().all(|row| row.rate >= Rate::ZERO && row.connect_fee >= Rate::ZERO));
        }
    }
}

/// Peak on working days from 08:00 to 20:00, night over midnight on all days, both by UTC.
fn timed(rows: &str) -> Result<Deck, Vec<String>> {
    let utc = Arc::new(units::Zone::utc());
    let peak = Period::new("peak", Arc::clone(&utc), 0b001_1111, 8 * 3_600, 20 * 3_600).expect("a period");
    let night = Period::new("night", utc, 0b111_1111, 22 * 3_600, 6 * 3_600).expect("a period");
    let rules = Rules { periods: [peak, night].into(), ..Rules::default() };
    let csv = format!(
        "prefix,destination,rate,initial,increment,next_rate,period,effective_from,effective_until\n{rows}"
    );
    let loaded = Deck::load_by("retail", Currency::EUR, &rules, csv.as_bytes());
    loaded.map(|(deck, _)| deck).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn segments(deck: &Deck, number: &str, at: &str) -> Vec<String> {
    let price =
        deck.price(&number.parse().expect("a number"), Wall::parse(at).expect("a time")).expect("a price");
    let line = |s: &ledger::Segment| {
        format!(
            "{} {}s {} {}",
            s.from,
            s.block,
            s.rate.count() / Rate::PER_UNIT,
            s.period.as_deref().unwrap_or("-")
        )
    };
    price.segments().iter().map(line).collect()
}

#[test]
fn another_rate_after_the_first_block() {
    let deck = timed("34,Spain,0.1,60,6,0.05,,,\n35,Portugal,0.1,60,6,0.10000,,,\n36,Hungary,0.1,60,6,,,,\n")
        .expect("a good deck");
    assert_eq!(segments(&deck, "34", "2026-01-01T00:00:00Z"), ["0 60s 10000 -", "60 6s 5000 -"]);
    let rows: Vec<_> = deck.rows().map(|row| row.next_rate).collect();
    assert_eq!(rows, [Some(Rate::of_units(5_000)), None, None]);
    for number in ["35", "36"] {
        assert_eq!(
            deck.price(&number.parse().expect("a number"), Wall(0)).expect("a price").tariff,
            None,
            "{number}"
        );
    }
}

#[test]
fn rows_take_turns_within_a_call() {
    let rows = "34,Spain,0.1,60,60,,,,\n34,Spain,0.3,60,1,0.2,peak,,\n34,Spain,0.05,30,30,,night,,\n35,Portugal,0.1,1,1,,,,\n";
    let deck = timed(rows).expect("a good deck");
    // A Friday, 12.5 s before 20:00, then until Saturday's night and so on; peak is back on Monday.
    let found = segments(&deck, "34", "2026-01-09T19:59:47.500Z");
    // The peak's next block begins at 60 s, after 20:00: the row without a period. Until 22:00 (7,212.5 s)
    // blocks begin at 7,200 at the latest, so the night begins with 7,260 s.
    assert_eq!(found[..3], ["0 60s 30000 peak", "60 60s 10000 -", "7260 30s 5000 night"]);
    assert!(found.iter().any(|line| line.ends_with(" 1s 20000 peak")), "{found:?}");
    assert!(found.len() > 12 && found.len() < MAX, "{}", found.len());
    // Rows of the same deck without periods are plain.
    assert_eq!(deck.price(&"35".parse().expect("a number"), Wall(0)).expect("a price").tariff, None);
}

const MAX: usize = 40;

#[test]
fn a_block_begun_before_the_edge_is_never_cut() {
    let deck = timed("34,Spain,0.3,1,1,,peak,,\n34,Spain,0.1,60,60,,,,\n").expect("a good deck");
    for (at, expected) in [
        // Exactly at the edge: the row that begins there.
        ("2026-01-09T20:00:00Z", ["0 60s 10000 -", "60 60s 10000 -"]),
        // The block that starts 1 ms before it is still the peak's, the next is not.
        ("2026-01-09T19:59:59.999Z", ["0 1s 30000 peak", "1 60s 10000 -"]),
        ("2026-01-09T19:59:59.000Z", ["0 1s 30000 peak", "1 60s 10000 -"]),
        ("2026-01-09T19:59:58.999Z", ["0 1s 30000 peak", "1 1s 30000 peak"]),
    ] {
        assert_eq!(segments(&deck, "349", at)[..2], expected, "{at}");
    }
}

#[test]
fn a_prefix_out_of_its_period_gives_way_and_in_a_call_goes_on() {
    let deck = timed("34,Spain by day,0.3,1,1,,peak,,\n3,Europe,0.1,1,1,,,,\n").expect("a good deck");
    assert_eq!(destination(&deck, "34", "2026-01-09T19:00:00Z").as_deref(), Some("Spain by day"));
    assert_eq!(destination(&deck, "34", "2026-01-09T20:00:00Z").as_deref(), Some("Europe"));
    // The row is fixed at the answer: no other prefix takes over.
    assert_eq!(segments(&deck, "34", "2026-01-09T19:00:00Z"), ["0 1s 30000 peak", "1 1s 30000 peak"]);
}

#[test]
fn of_two_periods_at_once_the_first_defined_counts() {
    let utc = Arc::new(units::Zone::utc());
    let day = |name, days| Period::new(name, Arc::clone(&utc), days, 0, 86_400).expect("a period");
    let rules =
        Rules { periods: [day("sunday", 0b100_0000), day("every", 0b111_1111)].into(), ..Rules::default() };
    let csv = "prefix,destination,rate,initial,increment,period\n34,S,0.2,1,1,every\n34,S,0.1,1,1,sunday\n";
    let (deck, _) = Deck::load_by("retail", Currency::EUR, &rules, csv.as_bytes()).expect("a good deck");
    assert_eq!(segments(&deck, "34", "2026-01-10T23:59:59Z")[..2], ["0 1s 20000 every", "1 1s 10000 sunday"]);
}

#[test]
fn dates_and_periods_together() {
    let rows = "34,Old,0.1,1,1,,peak,,2026-02-02T12:00:00Z\n34,New,0.2,1,1,,peak,2026-02-02T12:00:00Z,\n34,Else,0.3,1,1,,,,\n";
    let deck = timed(rows).expect("a good deck");
    for (at, expected) in [
        ("2026-02-02T11:59:59Z", "Old"),
        ("2026-02-02T12:00:00Z", "New"),
        ("2026-02-02T20:00:00Z", "Else"),
        ("2026-02-01T12:00:00Z", "Else"),
    ] {
        assert_eq!(destination(&deck, "34", at).as_deref(), Some(expected), "{at}");
    }
    // Calls answered before the date keep the old row (L10), also in the next week's peak.
    assert!(segments(&deck, "34", "2026-02-02T11:59:59Z").iter().all(|line| !line.contains(" 20000 ")));
    let twice =
        timed("34,A,0.1,1,1,,peak,,\n34,B,0.1,1,1,,night,,\n34,C,0.1,1,1,,peak,,\n").expect_err("refused");
    assert_eq!(twice, ["4:1: prefix 34, period peak: in force at the same time as the row of line 2"]);
}

#[test]
fn new_columns_are_refused_with_their_place() {
    let found =
        timed("34,A,0.1,1,1,-1,,,\n34,A,0.1,1,1,NaN,weekend,,\n34,A,0.1,1,1,1e9,,,\n").expect_err("refused");
    let expected = [
        "2:14: next_rate: -1: must not be negative",
        "3:14: next_rate: NaN: not a decimal",
        "3:18: period: \"weekend\" is not defined",
        "4:14: next_rate: 1e9",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert!(
        errors("prefix,destination,rate,initial,increment,period\n34,A,0.1,1,1,night\n")[0]
            .contains("none is")
    );
}

/// A deck without the new columns has the version that it always had.
#[test]
fn the_version_of_a_plain_deck_stays() {
    let plain = deck("34,Spain,0.12345,30,6\n");
    assert_eq!(crate::price::version_text(plain.version()).as_ref(), "3356eeca695bc51d");
    assert_eq!(timed("34,Spain,0.12345,30,6,,,,\n").expect("a good deck").version(), plain.version());
    for other in [
        "34,Spain,0.12345,30,6,0.1,,,\n",
        "34,Spain,0.12345,30,6,,night,,\n",
        "34,Spain,0.12345,30,6,,peak,,\n",
    ] {
        assert_ne!(timed(other).expect("a good deck").version(), plain.version(), "{other}");
    }
    let rules = Rules { rounding: Rounding::Up, ..Rules::default() };
    let csv = format!("{HEADER}34,Spain,0.12345,30,6\n");
    assert_ne!(
        Deck::load_by("retail", Currency::EUR, &rules, csv.as_bytes()).expect("a good deck").0.version(),
        plain.version()
    );
}
