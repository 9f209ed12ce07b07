//! A call's price, in real time: deck row `34,Spain,0.12345,30,6`. 31 to 36 s bill 36 s, 0.12345·36/60 =
//! 0.07407; 61 to 66 s bill 66 s,
//! 0.135795, half-up 0.13580. Cancelled and failed calls cost nothing.

use serde_json::json;

use crate::harness::{Books, CARRIERS, SPAIN, STALL_MS, Scenario, Site, free_port, units};

/// A price list and calls with what they come to, shared with `tollgate price`, `rerate` and the calls in
/// `tests/scenario`.
const DECK: &str = include_str!("../../../tests/data/prices/deck.csv");
const CALLS: &str = include_str!("../../../tests/data/prices/calls.txt");
/// Numbers of the list whose first block covers whatever a busy machine makes of a second.
const NUMBERS: [&str; 6] =
    ["552112345678", "84912345678", "525123456", "16845123456", "6855123456", "75123456"];

/// A second on the wire to some of the list; then services by the piece from the same balance (RULES B2, X2,
/// X3).
#[test]
fn calls_of_the_price_list_and_charges_by_the_piece() {
    let port = free_port(CARRIERS);
    let rows = DECK.split_once('\n').unwrap().1.trim_end();
    let site = Site::acme("10.00", rows).carrier("alpha", port, "").route("", &["alpha"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let calls =
        NUMBERS.map(|number| Scenario::caller("uac_call", &switch).number(number).pause_ms(800).start());
    for call in calls {
        call.finish();
    }
    let listed: Vec<Vec<&str>> =
        CALLS.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let mut spent = 0;
    for cdr in switch.api.wait_cdrs(NUMBERS.len()) {
        let row = listed
            .iter()
            .find(|row| row[1] == cdr.text("called_e164") && row[2] == "1")
            .expect("in the list");
        assert!(cdr.number("duration_ms") < STALL_MS, "{cdr:?}");
        assert_eq!(
            (cdr.number("billed_seconds").to_string().as_str(), cdr.text("amount")),
            (row[3], row[4]),
            "{}: {cdr:?}",
            row[0]
        );
        spent += cdr.units("amount");
    }
    // 0.06173 and five times 0.12345
    assert_eq!(spent, units("0.67898"));

    let charge = |key: &str, body| switch.api.post("/accounts/acme/charges", Some(key), &body);
    for (key, body, amount) in [
        ("voicemail-1", json!({ "price": "0.05", "cause": "voicemail" }), "-0.05000"),
        ("fax-1", json!({ "pieces": 3, "price": "0.08", "cause": "fax to 3901" }), "-0.24000"),
        ("fax-2", json!({ "pieces": 9, "price": "0.00", "cause": "fax received" }), "0.00000"),
        ("fax-1", json!({ "pieces": 3, "price": "0.08", "cause": "fax to 3901" }), "-0.24000"),
    ] {
        let paid = charge(key, body);
        assert_eq!((paid.status, paid.body["amount"].as_str()), (201, Some(amount)), "{paid:?}");
    }
    let refused = charge("fax-3", json!({ "pieces": 1000, "price": "0.08", "cause": "fax to 3901" }));
    assert!(
        refused.is_problem(402)
            && refused.body["detail"].as_str().unwrap().contains("not enough money in your account"),
        "{refused:?}"
    );
    assert!(charge("fax-1", json!({ "pieces": 2, "price": "0.12", "cause": "fax to 3901" })).is_problem(422));
    assert!(charge("fax-4", json!({ "pieces": 0, "price": "0.08", "cause": "fax" })).is_problem(422));
    let statement = switch.api.get("/accounts/acme/statement").body;
    let causes: Vec<&str> = statement["movements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|movement| movement["cause"].as_str().unwrap())
        .collect();
    let said = [
        "charge: voicemail: 1 x 0.05000",
        "charge: fax to 3901: 3 x 0.08000",
        "charge: fax received: 9 x 0.00000",
    ];
    assert_eq!(causes[causes.len() - said.len()..], said, "{causes:?}");
    // Whole after a restart, and whole in the ledger.
    switch.stop();
    let again = site.start();
    Books { paid_in: units("-0.29000"), ..Books::of("acme", "10.00") }.check(&again.api, &site.data());
}

#[test]
fn calls_of_half_a_minute_and_a_minute_and_calls_that_fail() {
    let [answers, rings, busy] = std::array::from_fn(|_| free_port(CARRIERS));
    let site = Site::acme("10.00", "34,Spain,0.12345,30,6,,,")
        .carrier("alpha", answers, "")
        .carrier("rings", rings, "")
        .carrier("busy", busy, "")
        .route("34", &["alpha"])
        .route("346", &["rings"])
        .route("347", &["busy"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", answers).start();
    let _rings = Scenario::carrier("uas_ring", rings).start();
    let _busy = Scenario::carrier("uas_busy", busy).start();

    let short = Scenario::caller("uac_call", &switch).number(SPAIN).pause_ms(32_500).start();
    let long = Scenario::caller("uac_call", &switch).number(SPAIN).pause_ms(62_500).start();
    Scenario::caller("uac_cancel", &switch).number("34600000001").pause_ms(1_000).run();
    Scenario::caller("uac_refused", &switch).number("34700000001").wants(486).run();
    Scenario::caller("uac_refused", &switch).number("33123456789").wants(404).run();
    short.finish();
    long.finish();

    let cdrs = switch.api.wait_cdrs(5);
    // Calls that end within the same moment may be recorded in either order.
    let mut found: Vec<_> = cdrs
        .iter()
        .map(|cdr| {
            (
                cdr.text("called_e164"),
                cdr.number("sip_status"),
                cdr.number("billed_seconds"),
                cdr.text("amount"),
            )
        })
        .collect();
    found.sort_unstable();
    let expected = [
        ("33123456789", 404, 0, "0.00000"),
        ("34600000001", 487, 0, "0.00000"),
        ("34700000001", 486, 0, "0.00000"),
        (SPAIN, 200, 36, "0.07407"),
        (SPAIN, 200, 66, "0.13580"),
    ];
    assert_eq!(found, expected);
    for cdr in cdrs.iter().filter(|cdr| cdr.text("called_e164") == SPAIN) {
        // SIPp's pause is in the middle of what the increment covers, so that seconds of a busy machine
        // change no amount.
        let (ms, billed) = (cdr.number("duration_ms"), cdr.number("billed_seconds"));
        assert!((billed * 1_000 - 5_999..=billed * 1_000).contains(&ms), "{ms} ms billed as {billed} s");
        assert_eq!(
            (cdr.text("prefix"), cdr.text("destination"), cdr.text("rate")),
            ("34", "Spain", "0.12345")
        );
        assert_eq!((cdr.number("initial"), cdr.number("increment"), cdr.text("currency")), (30, 6, "EUR"));
        assert_eq!(
            (cdr.text("carrier"), cdr.text("hangup_by"), cdr.number("cause_q850")),
            ("alpha", "caller", 16)
        );
        assert_eq!(cdr.number("teardown_ms"), 0);
    }
    // 10 − 0.07407 − 0.13580
    assert_eq!(switch.api.account("acme")["balance"], "9.79013");
    Books::of("acme", "10.00").check(&switch.api, &site.data());
    switch.stop();
    // The same from the disk, after a restart.
    let again = site.start();
    assert_eq!(again.api.cdrs(), cdrs);
    Books::of("acme", "10.00").check(&again.api, &site.data());
}
