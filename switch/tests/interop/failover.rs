//! The first carrier does not take the call, the second does: one CDR, two attempts, billed once.

use std::net::UdpSocket;

use crate::harness::{Books, CARRIERS, Cdr, STALL_MS, Scenario, Site, Tollgate, free_port};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";

struct Stage {
    switch: Tollgate,
    site: Site,
}

/// alpha at `alpha`, beta answering behind it.
fn stage(transport: &str, alpha: u16, beta: u16, more: &str) -> Stage {
    let site = Site::acme("10.00", BY_THE_SECOND).carrier_over(transport, "alpha", alpha, more);
    let site = site.carrier_over(transport, "beta", beta, "").route("34", &["alpha", "beta"]);
    let switch = site.start();
    Stage { site, switch }
}

impl Stage {
    /// One call of about a second, which beta must carry after alpha gave `status`; its CDR.
    fn one_call(&self, transport: &str, status: u64) -> Cdr {
        Scenario::caller("uac_call", &self.switch).over(transport).pause_ms(600).run();
        let cdr = self.switch.api.wait_cdrs(1).remove(0);
        assert_eq!(cdr.attempts(), [("alpha".to_owned(), status), ("beta".to_owned(), 200)], "{cdr:?}");
        assert_eq!((cdr.text("carrier"), cdr.number("sip_status")), ("beta", 200));
        cdr.talked(600, 1_000);
        Books::of("acme", "10.00").check(&self.switch.api, &self.site.data());
        cdr
    }
}

#[test]
fn after_a_503() {
    for transport in ["udp", "tcp"] {
        let (alpha, beta) = (free_port(CARRIERS), free_port(CARRIERS));
        let stage = stage(transport, alpha, beta, "");
        let refusing = Scenario::carrier("uas_refuse", alpha).over(transport).calls(1).start();
        let answering = Scenario::carrier("uas_answer", beta).over(transport).calls(1).start();
        let cdr = stage.one_call(transport, 503);
        assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), (transport, transport));
        refusing.finish();
        answering.finish();
    }
}

/// Nobody at alpha's port: the system says so at once (ICMP, or a refused connection), long before
/// `first_response_ms`.
#[test]
fn after_a_dead_carrier() {
    for transport in ["udp", "tcp"] {
        let beta = free_port(CARRIERS);
        let stage = stage(transport, free_port(CARRIERS), beta, "first_response_ms = 32000\n");
        let answering = Scenario::carrier("uas_answer", beta).over(transport).calls(1).start();
        let cdr = stage.one_call(transport, 0);
        assert!(cdr.number("pdd_ms") < 32_000, "{cdr:?}");
        answering.finish();
    }
}

/// Somebody listens at alpha's port and says nothing: after `first_response_ms` it is beta's turn.
#[test]
fn after_a_silent_carrier() {
    let (alpha, beta) = (free_port(CARRIERS), free_port(CARRIERS));
    let silent = UdpSocket::bind((CARRIERS, alpha)).unwrap();
    let stage = stage("udp", alpha, beta, "first_response_ms = 800\n");
    let answering = Scenario::carrier("uas_answer", beta).calls(1).start();
    let cdr = stage.one_call("udp", 0);
    let pdd_ms = cdr.number("pdd_ms");
    assert!((800..800 + STALL_MS).contains(&pdd_ms), "{cdr:?}");
    answering.finish();
    let mut buffer = [0; 4_096];
    let (count, _) = silent.recv_from(&mut buffer).unwrap();
    assert!(buffer[..count].starts_with(b"INVITE "), "the silent carrier was never asked");
}

/// All carriers fail: the caller hears the best answer, never a carrier's 503, and pays nothing. Every
/// attempt is in the CDR.
#[test]
fn when_every_carrier_fails() {
    let (alpha, beta) = (free_port(CARRIERS), free_port(CARRIERS));
    let stage = stage("udp", alpha, beta, "");
    let first = Scenario::carrier("uas_refuse", alpha).calls(1).start();
    let second = Scenario::carrier("uas_refuse", beta).answers("404 Not Found").calls(1).start();
    Scenario::caller("uac_refused", &stage.switch).wants(404).run();
    first.finish();
    second.finish();
    let first = Scenario::carrier("uas_refuse", alpha).calls(1).start();
    let second = Scenario::carrier("uas_refuse", beta).calls(1).start();
    Scenario::caller("uac_refused", &stage.switch).wants(500).run();
    first.finish();
    second.finish();
    let cdrs = stage.switch.api.wait_cdrs(2);
    assert_eq!(cdrs[0].attempts(), [("alpha".to_owned(), 503), ("beta".to_owned(), 404)]);
    assert_eq!(cdrs[1].attempts(), [("alpha".to_owned(), 503), ("beta".to_owned(), 503)]);
    assert!(cdrs.iter().all(|cdr| cdr.text("amount") == "0.00000"));
    Books::of("acme", "10.00").check(&stage.switch.api, &stage.site.data());
}
