//! A real browser: JsSIP in Chromium registers over WSS, calls a carrier that speaks UDP and plain RTP, and
//! is called; its voice is DTLS-SRTP, and each side hears the other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::harness::browser::{Browser, PageServer};
use crate::harness::talker::Talker;
use crate::harness::{Authority, Books, SOON, SPAIN, Site, Tollgate, eventually};

/// No address of gates is a stranger's: the carrier is not where the browser is.
const CARRIER: &str = "127.0.0.21";
const OURS: &str = "sip.tollgate.example";
const NUMBER: &str = "34911000001";
/// What the page says, Hz; the carrier says 500.
const PAGES: u32 = 1_000;
const CARRIERS: i64 = 500;
/// Packets of two seconds.
const TWO_SECONDS: i64 = 100;
/// Packets that may come before there are keys: a fifth of a second.
const EARLY: i64 = 10;

/// A switch between a carrier that talks and the account of a page.
struct Between {
    site: Site,
    pages: Option<PageServer>,
    switch: Tollgate,
    carrier: Talker,
}

impl Between {
    /// `address` is the one of media.
    fn start(address: &str) -> Self {
        let pages = PageServer::start();
        let carrier = Talker::at(CARRIER, f64::from(PAGES));
        let port = carrier.port();
        let alice = "[[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"alice\"\npassword_file = \"alice\"\nsrtp = \"required\"";
        let site = Site::new()
            .deck("retail", "34,Spain,0.60,1,1,,,")
            .account("acme", "10.00")
            .toml(alice)
            .toml(&format!("[[carrier]]\nname = \"beta\"\naddress = \"sip:{CARRIER}:{port};transport=udp\""))
            .toml(&format!(
                "[[number]]\ne164 = \"{NUMBER}\"\naccount = \"acme\"\ntarget = \"sip_account:alice\""
            ))
            .route("34", &["beta"])
            .also_listening("wss")
            .media(&format!("mode = \"relay\"\naddress = \"{address}\"\nports = [20000, 20999]"))
            .node("max_calls = 200")
            .sip(&format!("domains = [\"{OURS}\"]\nws_origins = [\"{}\"]", pages.origin()))
            .toml("[sip.tls]\ncertificate = \"tls/ours.pem\"\nkey = \"tls/ours.key\"");
        fs::write(site.path("alice"), "s3cret").unwrap();
        fs::set_permissions(site.path("alice"), fs::Permissions::from_mode(0o600)).unwrap();
        Authority::new(&site.path("tls")).sign("ours", OURS);
        let switch = site.start();
        Self { site, pages: Some(pages), switch, carrier }
    }

    /// Opens the page, which registers; the rest of its orders.
    fn open(&mut self, mut orders: Value) -> Browser {
        orders["socket"] = json!(format!("wss://{}/", self.switch.at("wss")));
        for (key, value) in [("user", "alice"), ("password", "s3cret"), ("domain", OURS)] {
            orders[key] = json!(value);
        }
        let mut page = self.pages.take().unwrap().open(&orders, PAGES);
        page.wait("registered", SOON);
        assert_eq!(self.switch.api.get("/registrations").items().len(), 1);
        page
    }
}

/// What the page told after a step: a secured stream, and the carrier's tone in it.
fn heard_well(told: &str) -> Value {
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(
        (told["dtls"].as_str(), told["ice"].as_str()),
        (Some("connected"), Some("connected")),
        "{told}"
    );
    let (hz, db) = (told["hz"].as_i64().unwrap(), told["db"].as_i64().unwrap());
    assert!((CARRIERS - 15..=CARRIERS + 15).contains(&hz) && db > -60, "{told}");
    told
}

fn of(told: &Value, field: &str) -> i64 {
    told[field].as_i64().unwrap_or_else(|| panic!("no {field} in {told}"))
}

/// The value of the first line of a session that begins so.
fn line<'a>(session: &'a str, start: &str) -> &'a str {
    let found = session.lines().find_map(|line| line.strip_prefix(start));
    found.unwrap_or_else(|| panic!("no {start} in {session}"))
}

/// As the page calls: both hear each other, packets are counted as the browser counts them, and the call is
/// billed to the second.
#[test]
fn a_page_calls_and_both_sides_hear_each_other() {
    let mut between = Between::start("127.0.0.26");
    between.carrier.begin(between.switch.udp, None);
    let mut page = between.open(json!({ "number": SPAIN, "steps": [["talk", 3_000]] }));
    let offer = page.wait("our offer", SOON);
    let answer = page.wait("its answer", SOON);
    assert!(line(&offer, "m=audio ").contains(" UDP/TLS/RTP/SAVPF "), "{offer}");
    assert!(line(&answer, "m=audio ").contains(" UDP/TLS/RTP/SAVPF "), "{answer}");
    assert!(["active", "passive"].contains(&line(&answer, "a=setup:")), "{answer}");
    assert!(line(&answer, "a=candidate:").contains(" 1 "), "{answer}");
    for with in ["a=ice-lite", "a=rtcp-mux", "a=fingerprint:sha-256 ", "a=ice-ufrag:", "a=ice-pwd:"] {
        line(&answer, with);
    }
    page.wait("confirmed", SOON);
    let told = heard_well(&page.wait("talk", SOON));
    assert!(of(&told, "sent") > TWO_SECONDS && of(&told, "received") > TWO_SECONDS, "{told}");
    assert!(page.wait("ended", SOON).starts_with("local"), "the page hangs up");
    page.wait("unregistered", SOON);

    let invite = between.carrier.requests.recv_timeout(SOON).unwrap();
    assert!(line(&invite, "m=audio ").contains(" RTP/AVP "), "{invite}");
    assert!(!invite.contains("a=fingerprint") && !invite.contains("a=ice-"), "{invite}");
    let cdr = between.switch.api.wait_cdrs(1).remove(0);
    let heard = between.carrier.heard();
    assert!(heard.tones >= heard.packets * 9 / 10 && heard.other == 0, "{heard:?}");
    assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), ("wss", "udp"), "{cdr:?}");
    assert_eq!((cdr.text("origin"), cdr.text("origin_kind")), ("alice", "sip_account"), "{cdr:?}");
    assert_eq!(cdr.text("reason"), "normal", "{cdr:?}");
    let count = |what: &str| cdr.number(&format!("rtp_packets_{what}"));
    assert_eq!(count("b_out"), i64::try_from(heard.packets).unwrap(), "{cdr:?}");
    // What the page sends while the last flight of the handshake is on its way is dropped.
    assert!(count("a_in") + EARLY >= of(&told, "sent"), "{cdr:?}, {told}");
    assert_eq!(count("a_in"), count("b_out"), "{cdr:?}");
    assert!(count("a_out") >= of(&told, "received"), "{cdr:?}, {told}");
    // 0.60 a minute by the second: 0.01 for each of at least two seconds.
    cdr.talked(2_500, 1_000);
    Books::of("acme", "10.00").check(&between.switch.api, &between.site.data());
}

/// As the page is called: we offer; it holds and takes up again, and restarts ICE, and is heard after each.
#[test]
fn a_page_is_called_holds_and_restarts_ice() {
    let mut between = Between::start("127.0.0.27");
    let steps = json!([
        ["talk", 2_500],
        ["hold", 0],
        ["talk", 2_000],
        ["unhold", 0],
        ["talk", 2_500],
        ["restart", 0],
        ["talk", 2_500],
    ]);
    let mut page = between.open(json!({ "steps": steps }));
    between.carrier.begin(between.switch.udp, Some(NUMBER));
    let offer = page.wait("its offer", SOON);
    let answer = page.wait("our answer", SOON);
    assert!(line(&offer, "m=audio ").contains(" UDP/TLS/RTP/SAVPF "), "{offer}");
    assert_eq!((line(&offer, "a=setup:"), line(&answer, "a=setup:")), ("actpass", "active"));
    heard_well(&page.wait("talk", SOON));
    assert!(between.carrier.heard().tones > 50, "{:?}", between.carrier.heard());

    page.wait("hold", SOON);
    let held = between.carrier.heard();
    page.wait("talk", SOON);
    let after = between.carrier.heard();
    // The page sends nothing while it holds, or silence (RFC 3264 §8.4); what was on its way still came.
    assert!(after.tones - held.tones < 20, "{held:?}, then {after:?}");
    page.wait("unhold", SOON);
    heard_well(&page.wait("talk", SOON));
    let again = between.carrier.heard();
    assert!(again.tones - after.tones > 50, "{after:?}, then {again:?}");

    let restarted = page.wait("our offer", SOON);
    assert_ne!(line(&restarted, "a=ice-ufrag:"), line(&answer, "a=ice-ufrag:"), "it restarts");
    assert_eq!(line(&restarted, "a=fingerprint:"), line(&answer, "a=fingerprint:"));
    let ours = page.wait("its answer", SOON);
    assert_ne!(line(&ours, "a=ice-pwd:"), line(&offer, "a=ice-pwd:"), "a restart is answered by a restart");
    page.wait("restart", SOON);
    heard_well(&page.wait("talk", SOON));
    let last = between.carrier.heard();
    assert!(last.tones - again.tones > 50 && last.other == 0, "{again:?}, then {last:?}");
    page.wait("ended", SOON);
    let cdr = between.switch.api.wait_cdrs(1).remove(0);
    assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), ("udp", "wss"), "{cdr:?}");
    assert_eq!((cdr.text("number"), cdr.units("amount")), (NUMBER, 0), "{cdr:?}");
}

/// Its certificate is not the one that its session named: nothing of it is heard, nothing is told to it, and
/// the call ends.
#[test]
fn a_page_with_another_certificate_is_not_heard() {
    let mut between = Between::start("127.0.0.28");
    between.carrier.begin(between.switch.udp, None);
    let orders = json!({ "number": SPAIN, "steps": [["talk", 60_000]], "spoil": true });
    let mut page = between.open(orders);
    page.wait("its answer", SOON);
    assert!(page.wait("ended", SOON).starts_with("remote"), "the switch hangs up");
    let cdr = between.switch.api.wait_cdrs(1).remove(0);
    assert_eq!((cdr.number("rtp_packets_a_in"), cdr.number("rtp_packets_a_out")), (0, 0), "{cdr:?}");
    let ended = || (between.switch.api.metric("tollgate_media_sessions{kind=\"rtp\"}") == 0.0).then_some(());
    eventually("the ports are closed", SOON, ended);
    assert_eq!(between.carrier.heard().packets, 0);
}
