//! The ways in which a call goes: cancelled, busy, no common codec, early media, late answer, hung up by
//! either side; each over UDP and TCP on both legs, each with the right answer and the right charge.

use crate::harness::{Books, CARRIERS, Cdr, SOON, Scenario, Site, Tollgate, eventually, free_port};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
/// What a second costs by that, 10⁻⁵ EUR.
const CENT: i64 = 1_000;

struct Line {
    transport: &'static str,
    port: u16,
    switch: Tollgate,
    site: Site,
}

/// The story told over UDP, then over TCP.
fn over_both(story: impl Fn(&Line)) {
    for transport in ["udp", "tcp"] {
        let port = free_port(CARRIERS);
        let site = Site::acme("10.00", BY_THE_SECOND)
            .carrier_over(transport, "alpha", port, "")
            .route("34", &["alpha"]);
        let switch = site.start();
        story(&Line { transport, port, site, switch });
    }
}

impl Line {
    fn carrier(&self, scenario: &'static str) -> Scenario {
        Scenario::carrier(scenario, self.port).over(self.transport).calls(1)
    }

    fn caller(&self, scenario: &'static str) -> Scenario {
        Scenario::caller(scenario, &self.switch).over(self.transport)
    }

    /// The only CDR, after the books were checked.
    fn cdr(&self) -> Cdr {
        let cdr = self.switch.api.wait_cdrs(1).remove(0);
        Books::of("acme", "10.00").check(&self.switch.api, &self.site.data());
        assert_eq!(cdr.text("transport_a"), self.transport);
        cdr
    }

    fn costs_nothing(&self, status: i64, cause: i64) -> Cdr {
        let cdr = self.cdr();
        assert_eq!((cdr.number("sip_status"), cdr.number("cause_q850")), (status, cause), "{cdr:?}");
        assert_eq!(
            (cdr.text("amount"), cdr.number("billed_seconds"), cdr.number("duration_ms")),
            ("0.00000", 0, 0),
            "{cdr:?}"
        );
        assert!(cdr.0["answered_at"].is_null(), "{cdr:?}");
        cdr
    }
}

#[test]
fn cancelled_while_ringing() {
    over_both(|line| {
        let carrier = line.carrier("uas_ring").start();
        line.caller("uac_cancel").pause_ms(500).run();
        carrier.finish();
        let cdr = line.costs_nothing(487, 16);
        assert_eq!(cdr.text("hangup_by"), "caller");
        assert!(cdr.number("pdd_ms") >= 0);
    });
}

#[test]
fn busy() {
    over_both(|line| {
        let carrier = line.carrier("uas_busy").start();
        line.caller("uac_refused").wants(486).run();
        carrier.finish();
        assert_eq!(line.costs_nothing(486, 17).attempts(), [("alpha".to_owned(), 486)]);
    });
}

#[test]
fn wideband_only() {
    over_both(|line| {
        let _carrier = line.carrier("uas_answer").start();
        line.caller("uac_g722").run();
        assert_eq!(line.costs_nothing(488, 65).attempts(), []);
    });
}

#[test]
fn answered_and_hung_up_by_the_caller() {
    over_both(|line| {
        let carrier = line.carrier("uas_answer").start();
        line.caller("uac_call").pause_ms(1_400).run();
        carrier.finish();
        let cdr = line.cdr();
        cdr.talked(1_400, CENT);
        assert_eq!(cdr.text("hangup_by"), "caller", "{cdr:?}");
        assert_eq!(
            (cdr.text("codec_a"), cdr.text("codec_b"), cdr.text("transport_b")),
            ("PCMA", "PCMA", line.transport)
        );
        assert_ne!(cdr.text("call_id_a"), cdr.text("call_id_b"), "the carrier sees the caller's Call-ID");
    });
}

#[test]
fn hung_up_by_the_carrier() {
    over_both(|line| {
        let carrier = line.carrier("uas_hangup").pause_ms(1_300).start();
        let log = line.caller("uac_cutoff").run();
        carrier.finish();
        assert_eq!(log.cut().len(), 1, "{}", log.0);
        let cdr = line.cdr();
        cdr.talked(1_300, CENT);
        assert_eq!((cdr.text("hangup_by"), cdr.number("cause_q850")), ("callee", 16), "{cdr:?}");
    });
}

/// Not a millisecond of the `pause_ms` before the answer is billed. Judged by the record's own times: of what
/// a busy machine saw late, both sides of the comparison know.
fn free_before_the_answer(cdr: &Cdr, pause_ms: i64) {
    let waited = cdr.between_ms("started_at", "answered_at");
    assert!(waited >= pause_ms / 2 && cdr.number("pdd_ms") <= waited, "{waited} ms: {cdr:?}");
    // Two clocks, and a millisecond for each rounding.
    let talked = cdr.between_ms("answered_at", "ended_at");
    assert!((cdr.number("duration_ms") - talked).abs() < pause_ms / 2, "{talked} ms: {cdr:?}");
}

/// Voice before the answer is free: 900 ms of it, then 300 ms of talk.
#[test]
fn early_media() {
    over_both(|line| {
        let carrier = line.carrier("uas_early_media").pause_ms(900).start();
        line.caller("uac_call").pause_ms(300).run();
        carrier.finish();
        let cdr = line.cdr();
        cdr.talked(300, CENT);
        free_before_the_answer(&cdr, 900);
    });
}

/// Ringing is free as well, and seen as such in the list of live calls.
#[test]
fn late_answer() {
    over_both(|line| {
        let carrier = line.carrier("uas_late_answer").pause_ms(3_000).start();
        let caller = line.caller("uac_call").pause_ms(300).start();
        let ringing = eventually("a ringing call", SOON, || {
            line.switch.api.calls().into_iter().find(|call| call["state"] == "ringing")
        });
        assert_eq!(
            (ringing["duration_ms"].as_u64(), ringing["answered_at"].is_null()),
            (Some(0), true),
            "{ringing}"
        );
        caller.finish();
        carrier.finish();
        let cdr = line.cdr();
        cdr.talked(300, CENT);
        free_before_the_answer(&cdr, 3_000);
    });
}
