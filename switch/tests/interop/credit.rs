//! Balances that run out: shared by many calls at once, and topped up in mid-call. Rate 0.60 a minute by the
//! second: 0.01 a second.

use crate::harness::{Books, CARRIERS, Cdr, SOON, STALL_MS, Scenario, Site, eventually, free_port, units};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";

/// 60 s for twenty calls: each is cut or refused, all that is billed was talked, and not one cent more than
/// there was is spent.
#[test]
fn twenty_calls_share_one_minute() {
    let port = free_port(CARRIERS);
    let site = Site::acme("0.60", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let log = Scenario::caller("uac_cutoff", &switch).calls(20).rate(1_000).run();

    let (cut, refused) = (log.cut(), log.refused());
    assert_eq!(cut.len() + refused.len(), 20, "{}", log.0);
    assert!(cut.len() >= 10, "only {} of 20 were cut", cut.len());
    for (call, _, reason) in &cut {
        assert!(reason.starts_with("SIP;cause=402"), "call {call} was cut with {reason:?}");
    }
    let cdrs = switch.api.wait_cdrs(20);
    let by_caller = |call: u32| -> &Cdr {
        cdrs.iter().find(|cdr| cdr.text("caller") == format!("caller{call}")).unwrap()
    };
    for (call, ms, _) in &cut {
        let cdr = by_caller(*call);
        let billed = cdr.number("billed_seconds");
        assert_eq!(cdr.number("duration_ms"), billed * 1_000, "a cut call lasts exactly its leased seconds");
        assert_eq!((cdr.number("sip_status"), cdr.text("hangup_by")), (200, "switch"), "{cdr:?}");
        // The caller's own clock, which a busy machine reads late at either end.
        assert!(
            (*ms as i64 - billed * 1_000).abs() < STALL_MS,
            "call {call}: talked {ms} ms, billed {billed} s"
        );
    }
    for call in &refused {
        let cdr = by_caller(*call);
        assert_eq!(
            (cdr.number("sip_status"), cdr.text("amount"), cdr.number("cause_q850")),
            (402, "0.00000", 21),
            "{cdr:?}"
        );
    }
    let billed: i64 = cdrs.iter().map(|cdr| cdr.number("billed_seconds")).sum();
    let spent: i64 = cdrs.iter().map(|cdr| cdr.units("amount")).sum();
    assert!(spent <= units("0.60000"), "{spent} spent of 60000");
    assert_eq!(spent, billed * 1_000);
    // A shard hands its counts on twice a second.
    let counted = || switch.api.metric("tollgate_calls_cut_no_balance_total") as usize;
    eventually("the counter of cut calls", SOON, || (counted() == cut.len()).then_some(()));
    Books::of("acme", "0.60").check(&switch.api, &site.data());
    eprintln!("twenty calls: {} cut, {} refused, billed {billed} s, spent {spent}", cut.len(), refused.len());
}

/// 10 s of money; 5 more paid in on the way: the call is cut after 15 s, to the second.
#[test]
fn a_top_up_in_mid_call_lengthens_it() {
    let port = free_port(CARRIERS);
    let site = Site::acme("0.10", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    let alpha = Scenario::carrier("uas_answer", port).calls(1).start();
    let call = Scenario::caller("uac_cutoff", &switch).start();
    let live = eventually("half of the money talked", SOON, || {
        switch.api.calls().into_iter().find(|call| call["duration_ms"].as_u64() >= Some(5_000))
    });
    assert_eq!(
        (live["state"].as_str(), live["account"].as_str(), live["carrier"].as_str()),
        (Some("answered"), Some("acme"), Some("alpha"))
    );
    let paid = switch.api.top_up("acme", "0.05", "mid-call");
    assert_eq!((paid.status, &paid.body["amount"]), (201, &"0.05000".into()), "{paid:?}");
    let log = call.finish();
    alpha.finish();
    let cut = log.cut();
    assert!(
        matches!(cut[..], [(1, ms, reason)] if (ms as i64 - 15_000).abs() < STALL_MS && reason.starts_with("SIP;cause=402")),
        "{}",
        log.0
    );
    let cdrs = switch.api.wait_cdrs(1);
    assert_eq!(
        (cdrs[0].number("duration_ms"), cdrs[0].number("billed_seconds"), cdrs[0].text("amount")),
        (15_000, 15, "0.15000")
    );
    assert_eq!(switch.api.account("acme")["balance"], "0.00000");
    Books { paid_in: units("0.05000"), ..Books::of("acme", "0.10") }.check(&switch.api, &site.data());
}

/// Less than one increment: refused before any carrier is tried.
#[test]
fn without_the_first_increment_no_carrier_is_tried() {
    let port = free_port(CARRIERS);
    let site =
        Site::acme("0.05999", "34,Spain,0.12,30,6,,,").carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let log = Scenario::caller("uac_refused", &switch).wants(402).run();
    assert!(log.0.contains("Q.850;cause=21"), "{}", log.0);
    let cdrs = switch.api.wait_cdrs(1);
    assert_eq!(
        (cdrs[0].attempts().len(), cdrs[0].text("amount"), cdrs[0].number("sip_status")),
        (0, "0.00000", 402)
    );
    assert_eq!(switch.api.top_up("acme", "0.00001", "the missing piece").status, 201);
    Scenario::caller("uac_call", &switch).pause_ms(100).run();
    let cdrs = switch.api.wait_cdrs(2);
    assert_eq!((cdrs[1].text("amount"), cdrs[1].text("balance_after")), ("0.06000", "0.00000"));
    Books { paid_in: 1, ..Books::of("acme", "0.05999") }.check(&switch.api, &site.data());
}
