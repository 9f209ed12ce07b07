//! Refusals of the contract's table that need no second user agent: numbers, limits of a gate, blocked
//! destinations. None leaves a lease.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{
    Books, CARRIERS, OFFER, PBX, Peer, SOON, Scenario, Sipp, Site, Tollgate, eventually, free_port, status_of,
};

fn reason(answer: &str) -> &str {
    answer.lines().find_map(|line| line.strip_prefix("Reason:")).unwrap_or_default().trim()
}

#[test]
fn numbers_that_cannot_be_called() {
    let site = Site::new()
        .deck("retail", "34,Spain,0.60,1,1,,,\n35,Nowhere,0.60,1,1,,,")
        .account("acme", "10.00")
        .gate("acme-pbx", "acme", PBX, "blocked = [\"34803\"]\n")
        .carrier("alpha", free_port(CARRIERS), "")
        .route("34", &["alpha"]);
    let switch = site.start();
    let mut pbx = Peer::new(PBX, switch.udp);
    let at = switch.udp;
    let cases = [
        (format!("sip:{at}"), 484, 28),
        (format!("sip:3@{at}"), 484, 28),
        (format!("sip:alice@{at}"), 404, 1),
        (format!("sip:3491123456x@{at}"), 404, 1),
        (format!("sip:{}@{at}", "34".repeat(20)), 404, 1),
        (format!("sip:0911234567@{at}"), 404, 1),
        (format!("sip:*21@{at}"), 404, 1),
        (format!("sip:33123456789@{at}"), 404, 3),
        (format!("sip:35123456789@{at}"), 404, 3),
        (format!("sip:34803123456@{at}"), 403, 21),
    ];
    for (uri, status, cause) in &cases {
        let answer = pbx.ask("INVITE", uri, OFFER, SOON).unwrap_or_else(|| panic!("no answer to {uri}"));
        assert_eq!(status_of(&answer), Some(*status), "{uri}\n{answer}");
        assert!(reason(&answer).starts_with(&format!("Q.850;cause={cause};text=")), "{uri}\n{answer}");
    }
    let cdrs = switch.api.wait_cdrs(cases.len());
    assert!(cdrs.iter().all(|cdr| cdr.text("amount") == "0.00000" && cdr.attempts().is_empty()), "{cdrs:?}");
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

/// Two calls that last until they are hung up from here: however slow the machine is, they are up when the
/// third comes.
fn hold_two(switch: &Tollgate) -> Sipp {
    let held = Scenario::caller("uac_cutoff", switch).calls(2).rate(100).start();
    eventually("two calls", SOON, || (switch.api.calls_in("answered") == 2).then_some(()));
    held
}

fn release(switch: &Tollgate, held: Sipp) {
    for call in switch.api.calls().iter().filter(|call| call["state"] == "answered") {
        assert_eq!(switch.api.delete(&format!("/calls/{}", call["id"].as_str().unwrap())).status, 204);
    }
    assert_eq!(held.finish().cut().len(), 2);
}

#[test]
fn a_gate_holds_its_limits() {
    let port = free_port(CARRIERS);
    let site = Site::new()
        .deck("retail", "34,Spain,0.60,1,1,,,")
        .account("acme", "10.00")
        .gate("acme-pbx", "acme", PBX, "max_calls = 2\nmax_cps = 6\n")
        .carrier("alpha", port, "")
        .route("34", &["alpha"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let held = hold_two(&switch);
    let gauge = |sample: &str, value: f64| {
        eventually(sample, SOON, || ((switch.api.metric(sample) - value).abs() < 0.5).then_some(()))
    };
    gauge("tollgate_calls_active{state=\"answered\"}", 2.0);
    gauge("tollgate_carrier_calls{carrier=\"alpha\"}", 2.0);
    gauge("tollgate_carrier_up{carrier=\"alpha\"}", 1.0);
    gauge("tollgate_ledger_imbalance_units", 0.0);
    // A second in which nothing began, by the switch's own clock.
    let lasts = |call: &Value| call["duration_ms"].as_u64() > Some(1_100);
    eventually("a quiet second", SOON, || switch.api.calls().iter().all(lasts).then_some(()));

    let mut pbx = Peer::new(PBX, switch.udp);
    let uri = format!("sip:34911234567@{}", switch.udp);
    let third = pbx.ask("INVITE", &uri, OFFER, SOON).expect("an answer");
    assert_eq!(status_of(&third), Some(503), "{third}");
    assert!(reason(&third).starts_with("Q.850;cause=34"), "{third}");
    assert!(!third.to_ascii_lowercase().contains("retry-after"), "it would black out the trunk: {third}");
    let requests: Vec<(String, String)> = (0..20).map(|_| pbx.request("INVITE", &uri, OFFER)).collect();
    for (text, _) in &requests {
        pbx.send(text.as_bytes());
    }
    // Nobody acknowledges, so answers come more than once.
    let (mut answered, mut too_fast) = (BTreeSet::new(), BTreeSet::new());
    while answered.len() < requests.len() {
        let answer = pbx.hear(SOON).expect("an answer to each");
        let Some((_, branch)) =
            requests.iter().find(|(_, branch)| answer.contains(&format!("branch={branch};")))
        else {
            continue;
        };
        if status_of(&answer) < Some(200) {
            continue;
        }
        assert_eq!(status_of(&answer), Some(503), "{answer}");
        let fast = answer.to_ascii_lowercase().contains("\r\nretry-after:");
        assert!(
            reason(&answer).starts_with(if fast { "Q.850;cause=42" } else { "Q.850;cause=34" }),
            "{answer}"
        );
        answered.insert(branch);
        if fast {
            too_fast.insert(branch);
        }
    }
    // The switch may have taken them in two different seconds.
    assert!(too_fast.len() >= 8, "{} of 20 were too fast for six a second", too_fast.len());
    release(&switch, held);
    let answered = || switch.api.cdrs().iter().filter(|cdr| cdr.number("sip_status") == 200).count();
    eventually("the records of both calls", SOON, || (answered() == 2).then_some(()));
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

#[test]
fn a_node_holds_its_limit() {
    let port = free_port(CARRIERS);
    let site = Site::acme("10.00", "34,Spain,0.60,1,1,,,")
        .carrier("alpha", port, "")
        .route("34", &["alpha"])
        .node("max_calls = 2");
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let held = hold_two(&switch);
    let mut pbx = Peer::new(PBX, switch.udp);
    let uri = format!("sip:34911234567@{}", switch.udp);
    let third = pbx.ask("INVITE", &uri, OFFER, SOON).expect("an answer");
    assert_eq!(status_of(&third), Some(503), "{third}");
    assert!(
        reason(&third).starts_with("Q.850;cause=42")
            && third.to_ascii_lowercase().contains("\r\nretry-after:"),
        "{third}"
    );
    release(&switch, held);
    switch.api.wait_cdrs(2);
    eventually("room for a call", SOON, || {
        (status_of(&pbx.ask("INVITE", &uri, OFFER, SOON)?) == Some(200)).then_some(())
    });
}
