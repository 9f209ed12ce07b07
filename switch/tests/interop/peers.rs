//! Peers of other makers: Kamailio as a proxy between UDP and TLS, sipsak, SIPp over IPv6.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::harness::{Authority, Books, CARRIERS, PBX, SOON, SPAIN, Scenario, Site, eventually, free_port};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
/// Where Kamailio is: a gate and a carrier by its address, and spoken to over TLS on both sides.
const PROXY: &str = "127.0.0.13";
/// Whom it brings calls to.
const CALLED: &str = "127.0.0.21";
const OURS: &str = "sip.tollgate.example";
const THEIRS: &str = "sip.proxy.example";

/// What comes over UDP goes to the switch over TLS, and the reverse.
const KAMAILIO: &str = r#"
debug=1
log_stderror=yes
children=2
auto_aliases=no
dns=no
rev_dns=no
enable_tls=yes
listen=udp:PROXY:%UDP%
listen=tls:PROXY:%TLS%
tcp_source_ipv4=PROXY
loadmodule "kex.so"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "tls.so"
modparam("tls", "config", "FOLDER/tls.cfg")
request_route {
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (has_totag()) {
        if (loose_route()) t_relay();
        exit;
    }
    if (is_method("CANCEL")) { t_relay_cancel(); exit; }
    if (is_method("INVITE")) record_route();
    if (proto == TLS) $du = "sip:CALLED"; else $du = "sip:SWITCH;transport=tls";
    t_relay();
}
"#;

struct Kamailio(Child);

impl Kamailio {
    fn start(folder: &Path, more: &[(&str, &str)]) -> Self {
        let mut text = KAMAILIO.replace("FOLDER", &folder.display().to_string());
        for (mark, value) in more {
            text = text.replace(mark, value);
        }
        fs::write(folder.join("kamailio.cfg"), text).unwrap();
        let tls = format!(
            "[server:default]\nmethod = TLSv1.2+\nprivate_key = {0}/proxy.key\ncertificate = {0}/proxy.pem\n\
             [client:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n\
             ca_list = {0}/ca.pem\nserver_name = {OURS}\n",
            folder.display()
        );
        fs::write(folder.join("tls.cfg"), tls).unwrap();
        let log = fs::File::create(folder.join("kamailio.log")).unwrap();
        let child = Command::new("/usr/sbin/kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
            .arg(folder.join("kamailio.cfg"))
            .args(["-Y"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("no kamailio: apt-get install kamailio kamailio-tls-modules");
        Self(child)
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its main process, started by this test, ends its workers.
        let _ = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

/// SIPp calls over UDP, Kamailio carries the call to the switch under TLS, the switch brings it to Kamailio
/// as its carrier under TLS, and SIPp answers over UDP.
#[test]
fn kamailio_proxies_calls_to_and_from_tls() {
    let (udp, tls, called) = (free_port(PROXY), free_port(PROXY), free_port(CALLED));
    let site = Site::acme("10.00", BY_THE_SECOND);
    let authority = Authority::new(&site.path("tls"));
    authority.sign("ours", OURS);
    authority.sign("proxy", THEIRS);
    let site = site
        .gate("proxied", "acme", PROXY, "")
        .toml(&format!(
            "[[carrier]]\nname = \"beta\"\naddress = \"sip:{PROXY}:{tls};transport=tls\"\n\
             tls_name = \"{THEIRS}\"\ntls_ca = \"tls/ca.pem\""
        ))
        .route("34", &["beta"])
        .also_listening("tls")
        .toml("[sip.tls]\ncertificate = \"tls/ours.pem\"\nkey = \"tls/ours.key\"");
    let switch = site.start();
    let _proxy = Kamailio::start(
        &site.path("tls"),
        &[
            ("PROXY", PROXY),
            ("%UDP%", &udp.to_string()),
            ("%TLS%", &tls.to_string()),
            ("CALLED", &format!("{CALLED}:{called}")),
            ("SWITCH", &switch.at("tls").to_string()),
        ],
    );
    eventually("Kamailio's listeners", SOON, || std::net::TcpStream::connect((PROXY, tls)).ok());

    let answering = Scenario::called("uas_answer", CALLED, called).calls(5).start();
    let to = format!("{PROXY}:{udp}").parse().unwrap();
    Scenario::caller_of("uac_call", PBX, to).calls(5).rate(5).pause_ms(500).run();
    answering.finish();
    for cdr in switch.api.wait_cdrs(5) {
        assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), ("tls", "tls"), "{cdr:?}");
        assert_eq!((cdr.text("origin"), cdr.number("sip_status")), ("proxied", 200), "{cdr:?}");
        cdr.talked(500, 1_000);
    }
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

/// Both sides by IPv6, then from one to the other.
#[test]
fn sipp_calls_over_ipv6() {
    let (six, ours, four) = (free_port("::1"), free_port("::1"), free_port(CALLED));
    let site = Site::acme("10.00", BY_THE_SECOND)
        .gate("six", "acme", "::1", "")
        .toml(&format!("[[carrier]]\nname = \"beta\"\naddress = \"sip:{CALLED}:{four};transport=udp\""))
        .toml(&format!("[[carrier]]\nname = \"gamma\"\naddress = \"sip:[::1]:{six};transport=tcp\""))
        .route("341", &["beta"])
        .route("342", &["gamma"])
        .listening_too(&format!("udp:[::1]:{ours}"))
        .listening_too(&format!("tcp:[::1]:{ours}"));
    let switch = site.start();
    let mut ends = 0;
    for (from, to, transport_a) in [("::1", "341", "udp"), ("::1", "342", "tcp"), (PBX, "342", "udp")] {
        let answering = match to {
            "341" => Scenario::called("uas_answer", CALLED, four).calls(1).start(),
            _ => Scenario::called("uas_answer", "::1", six).over("tcp").calls(1).start(),
        };
        let at = if from == "::1" { format!("[::1]:{ours}").parse().unwrap() } else { switch.udp };
        Scenario::caller_of("uac_call", from, at)
            .over(transport_a)
            .number(&format!("{to}11234567"))
            .pause_ms(300)
            .run();
        answering.finish();
        ends += 1;
        let cdrs = switch.api.wait_cdrs(ends);
        let transport_b = if to == "341" { "udp" } else { "tcp" };
        let fits = |(a, b)| (a, b) == (transport_a, transport_b);
        assert!(cdrs.iter().any(|cdr| fits((cdr.text("transport_a"), cdr.text("transport_b")))), "{cdrs:?}");
        assert!(cdrs.iter().all(|cdr| cdr.number("sip_status") == 200), "{cdrs:?}");
    }
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

/// What sipsak prints of an exchange.
fn sipsak(args: &[&str]) -> (Output, String) {
    let output = Command::new("sipsak").args(args).output().expect("no sipsak: apt-get install sipsak");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

/// OPTIONS is answered 200, and a MESSAGE outside of a call is refused with what is allowed instead.
#[test]
fn sipsak_gets_options_and_message_answered() {
    // sipsak sends from wherever it is: from the address of the switch.
    let site = Site::new()
        .deck("retail", BY_THE_SECOND)
        .account("acme", "10.00")
        .gate("acme-pbx", "acme", CARRIERS, "")
        .toml(&format!("[[carrier]]\nname = \"beta\"\naddress = \"sip:{CALLED}:{};transport=udp\"", 5_060))
        .route("34", &["beta"]);
    let switch = site.start();
    let uri = format!("sip:{SPAIN}@{}", switch.udp);
    let (done, said) = sipsak(&["-vv", "-s", &uri]);
    assert!(done.status.success() && said.contains("SIP/2.0 200 "), "{said}");
    // Its own mode for messages crashes in Debian's package: it sends what a file says.
    let message = format!(
        "MESSAGE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIERS}:9;branch=z9hG4bK.m1;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:sipsak@{CARRIERS}>;tag=1\r\nTo: <{uri}>\r\nCall-ID: m1@{CARRIERS}\r\nCSeq: 1 MESSAGE\r\n\
         Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nHello"
    );
    let file = site.path("message.sip");
    fs::write(&file, message).unwrap();
    let (_, said) = sipsak(&["-vv", "-f", file.to_str().unwrap(), "-s", &uri]);
    assert!(said.contains("SIP/2.0 405 ") && said.contains("Allow: "), "{said}");
    // A call that never was leaves nothing in the books.
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}
