//! A call's price, in real time: deck row `34,Spain,0.12345,30,6`. 31 to 36 s bill 36 s, 0.12345·36/60 = 0.07407; 61 to 66 s bill 66 s,
//! 0.135795, half-up 0.13580. Cancelled and failed calls cost nothing.

use crate::harness::{Books, CARRIERS, SPAIN, Scenario, Site, free_port};

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
        .map(|cdr| (cdr.text("called_e164"), cdr.number("sip_status"), cdr.number("billed_seconds"), cdr.text("amount")))
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
        // SIPp's pause is in the middle of what the increment covers, so that seconds of a busy machine change no amount.
        let (ms, billed) = (cdr.number("duration_ms"), cdr.number("billed_seconds"));
        assert!((billed * 1_000 - 5_999..=billed * 1_000).contains(&ms), "{ms} ms billed as {billed} s");
        assert_eq!((cdr.text("prefix"), cdr.text("destination"), cdr.text("rate")), ("34", "Spain", "0.12345"));
        assert_eq!((cdr.number("initial"), cdr.number("increment"), cdr.text("currency")), (30, 6, "EUR"));
        assert_eq!((cdr.text("carrier"), cdr.text("hangup_by"), cdr.number("cause_q850")), ("alpha", "caller", 16));
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
