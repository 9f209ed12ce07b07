//! Reload and drain under 200 calls a second: no call fails, and calls keep the price that they began with.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{
    Books, CARRIERS, Cdr, OFFER, PBX, Peer, SOON, STALL_MS, Scenario, Site, eventually, free_port, status_of,
};

const CALLS_PER_S: u32 = 200;
/// The number of the call that a drain waits for.
const LAST: &str = "34600000001";
const RELOADED: &str = "tollgate_config_last_reload_success";

#[test]
fn reload_under_load() {
    let port = free_port(CARRIERS);
    let site =
        Site::acme("1000.00", "34,Spain,0.60,1,1,,,").carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let load = Scenario::caller("uac_call", &switch).calls(1_600).rate(CALLS_PER_S).pause_ms(300).start();
    eventually("calls", SOON, || (switch.api.calls_in("answered") >= 10).then_some(()));

    // Another price and another carrier: applied to calls that begin later.
    site.write_deck("retail", "34,Spain,1.20,1,1,,,");
    let site = site.carrier("beta", free_port(CARRIERS), "");
    site.write();
    switch.signal("HUP");
    eventually("the reload", SOON, || switch.log().contains("beta").then_some(()));
    eventually("its metric", SOON, || (switch.api.metric(RELOADED) == 1.0).then_some(()));

    // A wrong file changes nothing and says why.
    site.write_with("[[route]]\nprefix = \"35\"\ncarriers = [\"nobody\"]\n");
    site.write_deck("retail", "34,Spain,9.99,0,1,,,");
    switch.signal("HUP");
    eventually("the refused reload", SOON, || (switch.api.metric(RELOADED) == 0.0).then_some(()));
    let told = |log: &str| log.contains("nobody") && log.contains("retail.csv:2:");
    eventually("every error of the wrong file in the log", SOON, || told(&switch.log()).then_some(()));

    // And back.
    site.write();
    site.write_deck("retail", "34,Spain,1.20,1,1,,,");
    for _ in 0..5 {
        let reloads = || switch.log().matches("reloaded: ").count();
        let before = reloads();
        switch.signal("HUP");
        eventually("another reload", SOON, || (reloads() > before).then_some(()));
    }
    eventually("the good reload", SOON, || (switch.api.metric(RELOADED) == 1.0).then_some(()));
    load.finish();
    // On a slow machine the load may be over before the reloads are.
    Scenario::caller("uac_call", &switch).pause_ms(300).run();

    let cdrs = switch.api.wait_cdrs(1_601);
    let mut by_rate: BTreeMap<&str, usize> = BTreeMap::new();
    for cdr in &cdrs {
        assert_eq!((cdr.number("sip_status"), cdr.text("carrier")), (200, "alpha"), "{cdr:?}");
        *by_rate.entry(cdr.text("rate")).or_default() += 1;
    }
    assert_eq!(by_rate.keys().copied().collect::<Vec<_>>(), ["0.60000", "1.20000"], "{by_rate:?}");
    Books::of("acme", "1000.00").check(&switch.api, &site.data());
    switch.stop();
    eprintln!("reload under load: 1601 calls, none failed, {by_rate:?}");
}

#[test]
fn drain_under_load() {
    let port = free_port(CARRIERS);
    let site =
        Site::acme("1000.00", "34,Spain,0.60,1,1,,,").carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    // Calls come and go at 200 a second. One that lasts until it is hung up from here is up when the signal
    // comes.
    let load = Scenario::caller("uac_call", &switch).calls(800).rate(CALLS_PER_S).pause_ms(1_500).start();
    eventually("all calls begun", SOON, || {
        (switch.api.calls_in("answered") + switch.api.cdrs().len() >= 800).then_some(())
    });
    let last = Scenario::caller("uac_cutoff", &switch).number(LAST).start();
    let is_last = |call: &Value| {
        call["called"].as_str().is_some_and(|to| to.contains(LAST)) && call["state"] == "answered"
    };
    let call = eventually("the last call", SOON, || switch.api.calls().into_iter().find(is_last));
    switch.signal("TERM");

    // New calls are refused with 503 and a Retry-After, calls in progress go on.
    let mut pbx = Peer::new(PBX, switch.udp);
    let uri = format!("sip:34911234567@{}", switch.udp);
    // The gate's shard hears of the drain later than the log; then it answers OPTIONS by 503.
    eventually("the drain at the gate's shard", SOON, || {
        let answer = pbx.ask("OPTIONS", &uri, "", SOON).expect("an answer to OPTIONS");
        (status_of(&answer) == Some(503)).then_some(())
    });
    let answer = pbx.ask("INVITE", &uri, OFFER, SOON).expect("an answer while draining");
    assert_eq!(status_of(&answer), Some(503), "{answer}");
    let lower = answer.to_ascii_lowercase();
    assert!(lower.contains("\r\nretry-after:") && lower.contains("q.850;cause=42"), "{answer}");
    load.finish();
    assert_eq!(switch.api.delete(&format!("/calls/{}", call["id"].as_str().unwrap())).status, 204);
    assert_eq!(last.finish().cut().len(), 1);
    let status = switch.ended(SOON);
    assert!(status.success(), "{status}");

    let again = site.start();
    // What overload and drain refuse writes no record.
    let cdrs = again.api.wait_cdrs(801);
    let by = |cdr: &Cdr| if cdr.text("called_e164") == LAST { "operator" } else { "caller" };
    assert!(
        cdrs.iter().all(|cdr| cdr.number("sip_status") == 200 && cdr.text("hangup_by") == by(cdr)),
        "{cdrs:#?}"
    );
    Books::of("acme", "1000.00").check(&again.api, &site.data());
}

/// A second SIGTERM does not wait: every call is hung up on both sides and settled before the end.
#[test]
fn a_second_term_settles_every_call() {
    let port = free_port(CARRIERS);
    let site =
        Site::acme("1000.00", "34,Spain,0.60,1,1,,,").carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    let alpha = Scenario::carrier("uas_answer", port).calls(20).start();
    let callers = Scenario::caller("uac_cutoff", &switch).calls(20).rate(100).start();
    eventually("twenty calls", SOON, || (switch.api.calls_in("answered") == 20).then_some(()));
    switch.signal("TERM");
    eventually("the drain", SOON, || switch.log().contains("draining").then_some(()));
    // A second goes by in every call that the drain leaves alone.
    let durations = |at_least: u64| {
        switch.api.calls().iter().filter(|call| call["duration_ms"].as_u64() >= Some(at_least)).count()
    };
    let longest =
        switch.api.calls().iter().filter_map(|call| call["duration_ms"].as_u64()).max().expect("calls");
    eventually("calls that go on", SOON, || (durations(longest + 1_000) == 20).then_some(()));
    assert_eq!(switch.api.calls_in("answered"), 20, "the first signal lets calls be");
    assert!(!switch.api.get("/calls").items().is_empty());
    switch.signal("TERM");
    let status = switch.ended(SOON);
    assert!(status.success(), "{status}");
    assert_eq!(callers.finish().cut().len(), 20);
    alpha.finish();

    let again = site.start();
    let cdrs = again.api.wait_cdrs(20);
    for cdr in &cdrs {
        assert_eq!((cdr.number("sip_status"), cdr.text("hangup_by")), (200, "switch"), "{cdr:?}");
        assert!((1..=20 + STALL_MS / 1_000).contains(&cdr.number("billed_seconds")), "{cdr:?}");
    }
    Books::of("acme", "1000.00").check(&again.api, &site.data());
}
