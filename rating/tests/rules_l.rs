//! RULES L10–L17, L22, X2 as a price list: each line is a deck row, a talk and what it must come to.

use rating::{Deck, Price};
use units::{Currency, Number, Wall};

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
        let [number, talked, billed, amount] = line.split_whitespace().collect::<Vec<_>>().try_into().expect("four columns");
        let price = price(&deck, number, "2026-06-01T12:00:00Z");
        let charge = price.charge(talked.parse::<u64>().expect("seconds") * 1_000);
        assert_eq!((charge.billed_seconds.to_string(), charge.amount.to_string()), (billed.to_owned(), amount.to_owned()), "{line}");
        assert_eq!(price.steps(talked.parse::<u64>().expect("seconds") * 1_000).pop().map(|step| step.amount), Some(amount.to_owned()));
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
    assert_eq!(price(&deck, "34", "2026-06-01T12:00:00Z").rate, 12_346);
    // One second at 0.12345 is 0.0020575.
    bills("49,Germany,0.12345,1,1\n", "4930123456  1  1  0.00206");
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
fn l15_vietnam_60_1() {
    bills(
        "84,Vietnam,0.12345,60,1\n",
        "8424123456    1   60  0.12345
         8424123456   60   60  0.12345
         8424123456   61   61  0.12551
         8424123456  121  121  0.24896",
    );
}

#[test]
fn l16_mexico_60_60() {
    bills(
        "52,Mexico,0.12345,60,60\n",
        "525512345678    1   60  0.12345
         525512345678   60   60  0.12345
         525512345678   61  120  0.24690
         525512345678  121  180  0.37035",
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
    let deck = deck("55,Brazil,0.02,60,60,,,2026-07-01T00:00:00Z\n55,Brazil,0.03,60,60,,2026-07-01T00:00:00Z,\n");
    for (answered_at, amount) in [("2026-06-30T23:59:59.999Z", "0.02000"), ("2026-07-01T00:00:00Z", "0.03000")] {
        assert_eq!(price(&deck, "5511", answered_at).charge(60_000).amount.to_string(), amount, "{answered_at}");
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
