//! A real browser: JsSIP in Chromium registers over WSS and calls a carrier that speaks UDP.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::harness::browser::PageServer;
use crate::harness::{Authority, Books, SOON, SPAIN, Scenario, Site, free_port};

/// No address of gates is a stranger's: the carrier is not where the browser is.
const CARRIER: &str = "127.0.0.21";
const OURS: &str = "sip.tollgate.example";

#[test]
fn a_page_registers_over_wss_and_its_call_is_billed() {
    let pages = PageServer::start();
    let beta = free_port(CARRIER);
    let site = Site::new()
        .deck("retail", "34,Spain,0.60,1,1,,,")
        .account("acme", "10.00")
        .toml("[[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"alice\"\npassword_file = \"alice\"")
        .toml(&format!("[[carrier]]\nname = \"beta\"\naddress = \"sip:{CARRIER}:{beta};transport=udp\""))
        .route("34", &["beta"])
        .also_listening("wss")
        .sip(&format!("domains = [\"{OURS}\"]\nws_origins = [\"{}\"]", pages.origin()))
        .toml("[sip.tls]\ncertificate = \"tls/ours.pem\"\nkey = \"tls/ours.key\"");
    fs::write(site.path("alice"), "s3cret").unwrap();
    fs::set_permissions(site.path("alice"), fs::Permissions::from_mode(0o600)).unwrap();
    Authority::new(&site.path("tls")).sign("ours", OURS);
    let switch = site.start();
    let answering = Scenario::called("uas_answer", CARRIER, beta).calls(1).start();

    let mut page = pages.open(&json!({
        "socket": format!("wss://{}/", switch.at("wss")), "user": "alice", "password": "s3cret",
        "domain": OURS, "number": SPAIN, "talk_ms": 1500,
    }));
    page.wait("registered", SOON);
    let registered = switch.api.get("/registrations").items();
    assert_eq!(registered.len(), 1, "{registered:?}");
    page.wait("answer", SOON);
    page.wait("confirmed", SOON);
    assert!(page.wait("ended", SOON).starts_with("local"), "the page hangs up");
    answering.finish();
    page.wait("unregistered", SOON);

    let cdr = switch.api.wait_cdrs(1).remove(0);
    assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), ("wss", "udp"), "{cdr:?}");
    assert_eq!((cdr.text("origin"), cdr.text("origin_kind")), ("alice", "sip_account"), "{cdr:?}");
    // 0.60 a minute by the second: 0.01 for each of at least one second.
    cdr.talked(1_500, 1_000);
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}
