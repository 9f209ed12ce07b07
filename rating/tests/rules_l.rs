//! RULES L10–L17, L22, X2 and the price part of X7 as a price list: each line is a deck row, a talk and what
//! it must come to.

use rating::{Deck, Decks, Price, Rules};
use units::{Currency, Exchange, Exchanges, Number, Rate, Rounding, Wall};

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";

fn deck(rows: &str) -> Deck {
    Deck::load("retail", Currency::EUR, format!("{HEADER}{rows}").as_bytes()).expect("a good deck").0
}

fn price(deck: &Deck, number: &str, at: &str) -> Price {
    let number: Number = number.parse().expect("a number");
    deck.price(&number, Wall::parse(at).expect("a time")).expect("a price")
}

/// `number  talked s  billed s  amount`, one call a line.
fn bills(rows: &str, table: &str) {
    let deck = deck(rows);
    let mut lines = 0;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [number, talked, billed, amount] =
            line.split_whitespace().collect::<Vec<_>>().try_into().expect("four columns");
        let price = price(&deck, number, "2026-06-01T12:00:00Z");
        let charge = price.charge(talked.parse::<u64>().expect("seconds") * 1_000);
        assert_eq!(
            (charge.billed_seconds.to_string(), charge.amount.to_string()),
            (billed.to_owned(), amount.to_owned()),
            "{line}"
        );
        assert_eq!(
            price.steps(talked.parse::<u64>().expect("seconds") * 1_000).pop().map(|step| step.amount),
            Some(amount.to_owned())
        );
        lines += 1;
    }
    assert!(lines > 0);
}

#[test]
fn l11_no_connection_no_charge() {
    bills("34,Spain,0.12345,30,6,0.10000,,\n", "34911234567  0  0  0.00000");
}

#[test]
fn l12_five_decimals_half_up() {
    // 0.123456 is stored as 0.12346.
    let deck = deck("34,Spain,0.123456,1,1\n");
    assert_eq!(price(&deck, "34", "2026-06-01T12:00:00Z").rate, Rate::of_units(12_346));
    // One second at 0.12345 is 0.0020575.
    bills("49,Germany,0.12345,1,1\n", "4930123456  1  1  0.00206");
}

/// The same second rounded upward and downward, once.
#[test]
fn l12_another_rounding() {
    for (rounding, one, many) in [
        (Rounding::HalfUp, "0.00206", "0.06378"),
        (Rounding::Up, "0.00206", "0.06379"),
        (Rounding::Down, "0.00205", "0.06378"),
    ] {
        let csv = format!("{HEADER}49,Germany,0.12345,1,1\n");
        let rules = Rules { rounding, ..Rules::default() };
        let (deck, _) = Deck::load_by("retail", Currency::EUR, &rules, csv.as_bytes()).expect("a good deck");
        let price = price(&deck, "4930123456", "2026-06-01T12:00:00Z");
        // 0.0020575 and 0.0637825.
        assert_eq!(
            (price.charge(1_000).amount.to_string(), price.charge(31_000).amount.to_string()),
            (one.to_owned(), many.to_owned())
        );
        assert_eq!(
            price.steps(1_000).pop().map(|step| step.text),
            Some(format!("rounded once, {}", rounding.word()))
        );
    }
}

#[test]
fn l13_by_the_second() {
    bills(
        "49,Germany,0.12345,1,1\n44,United Kingdom,0.1,1,1\n",
        "4930123456   31   31   0.06378
         442071234   180  180   0.30000",
    );
}

#[test]
fn l14_brazil_30_6() {
    bills(
        "55,Brazil,0.12345,30,6\n",
        "551112345678   1  30  0.06173
         551112345678  30  30  0.06173
         551112345678  31  36  0.07407
         551112345678  61  66  0.13580",
    );
}

#[test]
fn l15_60_1() {
    for (prefix, name) in [("220", "Gambia"), ("64", "New Zealand"), ("84", "Vietnam")] {
        bills(
            &format!("{prefix},{name},0.12345,60,1\n"),
            &format!(
                "{prefix}24123456    1   60  0.12345
                 {prefix}24123456   60   60  0.12345
                 {prefix}24123456   61   61  0.12551
                 {prefix}24123456  121  121  0.24896"
            ),
        );
    }
}

/// The 22 names with their codes.
const MINUTES: &str = "American Samoa 1684, Cook Islands 682, Fiji 679, French Polynesia 689, Haiti 509, Kiribati 686, Lesotho 266, Maldives 960, \
                       Mexico 52, Nauru 674, New Caledonia 687, Niue 683, Papua New Guinea 675, Russian Federation 7, Samoa 685, \
                       Solomon Islands 677, Suriname 597, Togo 228, Tokelau 690, Tonga 676, Tuvalu 688, Vanuatu 678";

#[test]
fn l16_60_60() {
    let names: Vec<_> =
        MINUTES.split(", ").map(|entry| entry.rsplit_once(' ').expect("name and code")).collect();
    assert_eq!(names.len(), 22);
    let rows =
        names.iter().map(|(name, prefix)| format!("{prefix},{name},0.12345,60,60\n")).collect::<String>();
    for (_, prefix) in names {
        bills(
            &rows,
            &format!(
                "{prefix}5123456    1   60  0.12345
                 {prefix}5123456   60   60  0.12345
                 {prefix}5123456   61  120  0.24690
                 {prefix}5123456  121  180  0.37035"
            ),
        );
    }
}

/// Russia shares 7 with Kazakhstan, American Samoa is inside 1, New Zealand 64 beside 672, Samoa 685 is
/// another country.
#[test]
fn l14_to_l16_prefix_traps() {
    bills(
        "7,Russian Federation,0.12345,60,60\n76,Kazakhstan mobile,0.12345,1,1\n77,Kazakhstan,0.12345,1,1\n\
         1,United States,0.12345,1,1\n1684,American Samoa,0.12345,60,60\n\
         64,New Zealand,0.12345,60,1\n672,Norfolk Island,0.12345,1,1\n6721,Antarctica,0.12345,30,6\n685,Samoa,0.12345,60,60\n",
        "74951234567  31  60  0.12345
         77011234567  31  31  0.06378
         76001234567  31  31  0.06378
         78001234567  61 120  0.24690
         12125551234  31  31  0.06378
         16841234567  31  60  0.12345
         16831234567  31  31  0.06378
         6431234567   31  60  0.12345
         6431234567   61  61  0.12551
         67231234     31  31  0.06378
         67211234     31  36  0.07407
         6851234567   31  60  0.12345",
    );
}

#[test]
fn l17_increments_belong_to_the_row() {
    bills(
        "55,Brazil,0.12345,30,6\n5511,Sao Paulo,0.12345,60,60\n",
        "551112345678  31  60  0.12345
         552112345678  31  36  0.07407",
    );
}

#[test]
fn x2_a_forward_by_the_minute() {
    bills("39,Italy,0.10,60,60\n", "390212345678  61  120  0.20000");
}

#[test]
fn the_acceptance_call() {
    bills(
        "34,Spain,0.12345,30,6\n",
        "34911234567  31  36  0.07407
         34911234567  61  66  0.13580",
    );
}

/// X7: of 181 s by the minute the first two minutes are free, and 120 s are paid: the part after the
/// boundary, rounded by itself.
#[test]
fn x7_free_minutes_first() {
    let deck = deck("39,Italy,0.10,60,60\n");
    let price = price(&deck, "390212345678", "2026-06-01T12:00:00Z");
    let billed = price.billed_seconds(181_000);
    assert_eq!((billed, price.next_boundary(119), price.next_boundary(120)), (240, 120, 180));
    assert_eq!(price.cost_between(120, billed, true), 20_000);
}

/// L22: converted at the rate of its date, to the last digit; without one there is no price, never one to
/// one.
#[test]
fn l22_dollars_for_an_account_in_euros() {
    let csv = format!("{HEADER}49,Germany,0.12345,1,1,0.10000\n");
    let (deck, _) = Deck::load("wholesale", Currency::USD, csv.as_bytes()).expect("a good deck");
    let rate = |text: &str, at: &str| Exchange {
        from: Currency::USD,
        to: Currency::EUR,
        rate: text.parse().expect("a rate"),
        at: Wall::parse(at).expect("a time"),
    };
    let exchanges =
        Exchanges::new([rate("0.9215", "2026-01-01T00:00:00Z"), rate("0.85", "2026-06-01T00:00:00Z")]);
    let decks = Decks::default().with_exchanges(exchanges.into());
    for (at, seconds, amount) in [
        // (0.1 + 0.12345 · 31 / 60) · 0.9215 = 0.15092557375
        ("2026-05-31T23:59:59Z", 31, "0.15093"),
        // The same at 0.85 is 0.139215125.
        ("2026-06-01T00:00:00Z", 31, "0.13922"),
        ("2026-06-01T00:00:00Z", 0, "0.00000"),
    ] {
        let instant = Wall::parse(at).expect("a time");
        let exchange = decks.exchange(&deck, Currency::EUR, instant).expect("a rate");
        let price = price(&deck, "4930123456", at).exchanged(exchange);
        assert_eq!(price.charge(seconds * 1_000).amount.to_string(), amount, "{at} {seconds} s");
        assert_eq!((price.currency, price.deck_currency()), (Currency::EUR, Currency::USD));
    }
    let before = Wall::parse("2025-12-31T23:59:59Z").expect("a time");
    let refused = decks.exchange(&deck, Currency::EUR, before).expect_err("refused");
    assert_eq!(refused.to_string(), "no conversion rate from USD to EUR at that time");
    assert_eq!(decks.exchange(&deck, Currency::USD, before), Ok(None));
}

/// The fee is inside the one rounding, and is due with the first second.
#[test]
fn a_connect_fee_is_added_once() {
    bills(
        "1,Test,0.1,1,1,0.05\n",
        "1   0   0  0.00000
         1   1   1  0.05167
         1  60  60  0.15000",
    );
}

/// L10: calls answered before the date keep the old rate.
#[test]
fn l10_a_dated_change() {
    let deck =
        deck("55,Brazil,0.02,60,60,,,2026-07-01T00:00:00Z\n55,Brazil,0.03,60,60,,2026-07-01T00:00:00Z,\n");
    for (answered_at, amount) in
        [("2026-06-30T23:59:59.999Z", "0.02000"), ("2026-07-01T00:00:00Z", "0.03000")]
    {
        assert_eq!(
            price(&deck, "5511", answered_at).charge(60_000).amount.to_string(),
            amount,
            "{answered_at}"
        );
    }
}

/// Milliseconds are a begun second; nothing else enters billing.
#[test]
fn a_begun_second_counts() {
    let deck = deck("55,Brazil,0.12345,30,6\n");
    let price = price(&deck, "5511", "2026-06-01T12:00:00Z");
    for (ms, billed) in [(1, 30), (30_000, 30), (30_001, 36), (36_000, 36), (36_001, 42)] {
        assert_eq!(price.charge(ms).billed_seconds, billed, "{ms} ms");
    }
}
