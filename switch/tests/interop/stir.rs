//! STIR/SHAKEN with the real program: a switch that signs, one that verifies, and a web server with the
//! certificate. `SECURITY.md` 49.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use stir::{Attestation, Claims, Signer, Tn};

use crate::harness::{
    Authority, CARRIERS, Cdr, OFFER, PBX, Peer, SOON, SPAIN, Site, Tollgate, eventually, free_port, status_of,
};

const CALLER: &str = "34600000000";
/// A TNAuthList (RFC 8226) with the service provider 709J, for openssl.
const TN_AUTH_LIST: &str = "1.3.6.1.5.5.7.1.26=DER:30:08:A0:06:16:04:37:30:39:4A";

/// What the web server does with a request.
type Page = Box<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// A web server under TLS.
struct Web {
    at: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Web {
    /// Answers every request by what `page` makes of its path; an empty answer is none, for as long as the
    /// test lasts.
    fn start(at: (&str, u16), config: Arc<ServerConfig>, page: Page) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let at = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, page, held) = (Arc::clone(&asked), Arc::new(page), Arc::new(Mutex::new(Vec::new())));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, page, count, held) =
                    (Arc::clone(&config), Arc::clone(&page), Arc::clone(&count), Arc::clone(&held));
                std::thread::spawn(move || {
                    let mut line = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                    let mut head = [0; 2_048];
                    let Ok(read) = line.read(&mut head) else { return };
                    let text = String::from_utf8_lossy(&head[..read]).into_owned();
                    count.fetch_add(1, Ordering::SeqCst);
                    let answer = page(text.split(' ').nth(1).unwrap_or_default());
                    if answer.is_empty() {
                        return held.lock().unwrap().push(line);
                    }
                    let _ = line.write_all(&answer).and_then(|()| line.flush());
                });
            }
        });
        Self { at, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn page(status: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A signer's key and certificate, of an authority of its own; in `folder`.
fn sti(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let leaf = "-addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature";
    for arguments in [
        format!("req -x509 {key} -keyout root.key -out root.pem -days 9 -subj /CN=STI-root"),
        format!("req -x509 {key} -keyout other.key -out other.pem -days 9 -subj /CN=other-root"),
        format!(
            "req -x509 {key} -CA root.pem -CAkey root.key -keyout key.pem -out cert.pem -days 5 -subj /CN=SHAKEN-709J {leaf} -addext {TN_AUTH_LIST}"
        ),
    ] {
        let run = Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()).output();
        let run = run.unwrap();
        assert!(run.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&run.stderr));
    }
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A site that verifies; `stir` has a key, its certificate and their root.
fn verifying() -> (Site, Authority) {
    let site = Site::new().deck("retail", "34,Spain,0.60,1,1,,,").account("acme", "10.00");
    let site = site.gate("acme-pbx", "acme", PBX, "verify = \"reject\"");
    let site = site.carrier("alpha", free_port(CARRIERS), "").route("34", &["alpha"]);
    sti(&site.path("stir"));
    let authority = Authority::new(&site.path("tls"));
    authority.sign("web", CARRIERS);
    (site, authority)
}

/// The verifier's settings; certificates come from this host too.
fn settings(host: SocketAddr) -> String {
    format!("[stir]\nroots = \"stir/root.pem\"\nprivate_hosts = [\"{host}\"]")
}

/// A header for a call, made so many seconds from now.
fn signed(site: &Site, url: &str, iat_off: i64) -> String {
    let pem = fs::read_to_string(site.path("stir/key.pem")).unwrap();
    // Our own signer writes no address that it would refuse itself: that is put in behind its back, and the
    // signature is wrong then.
    let plain = if url.starts_with("https://") { url } else { "https://x.example/" };
    let signer = Signer::new(&pem, plain).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (orig, dest) = (Tn::canonical(CALLER).unwrap(), Tn::canonical(SPAIN).unwrap());
    let iat = i64::try_from(now).unwrap() + iat_off;
    let claims = Claims { attest: Attestation::B, orig: &orig, dest: &dest, iat, origin: "pbx" };
    let value = signer.identity(&claims).replace(plain, url);
    let (header, rest) = value.split_once('.').unwrap();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap().replace(plain, url);
    format!("Identity: {}.{rest}\r\n", URL_SAFE_NO_PAD.encode(header))
}

/// Calls with this header; the final answer.
fn call(switch: &Tollgate, header: &str) -> String {
    let mut pbx = Peer::new(PBX, switch.udp);
    let (text, _) = pbx.request("INVITE", &format!("sip:{SPAIN}@{}", switch.udp), OFFER);
    let from = text.split("\r\n").find(|line| line.starts_with("From:")).unwrap().to_owned();
    let ours = format!("From: <sip:+{CALLER}@{PBX}>;tag=t1");
    let text = text.replace(&from, &ours).replacen("Content-Type", &format!("{header}Content-Type"), 1);
    pbx.send(text.as_bytes());
    loop {
        let answer = pbx.hear(SOON).expect("an answer");
        if status_of(&answer).is_some_and(|status| status >= 200) {
            return answer;
        }
    }
}

fn found(cdr: &Cdr) -> (String, String) {
    (cdr.text("verstat").to_owned(), cdr.0["attestation"].as_str().unwrap_or_default().to_owned())
}

/// One after the other at one switch: a good certificate, then everything that is none, each at an address of
/// its own.
#[test]
fn attack_49_a_certificate_is_fetched_from_where_it_may_be() {
    let (site, authority) = verifying();
    let cert = fs::read(site.path("stir/cert.pem")).unwrap();
    let other = fs::read(site.path("stir/other.pem")).unwrap();
    let web = Web::start(
        (CARRIERS, 0),
        authority.server("web"),
        Box::new(move |path| match path {
            "/good.pem" => page("200 OK", "Cache-Control: max-age=600\r\n", &cert),
            "/moved.pem" => page("301 Moved", "Location: /good.pem\r\n", b""),
            "/huge.pem" => page("200 OK", "", &vec![b'x'; 1 << 20]),
            "/other.pem" => page("200 OK", "", &other),
            "/html.pem" => page("200 OK", "", b"<html></html>"),
            "/slow.pem" => Vec::new(),
            _ => page("404 Not Found", "", b""),
        }),
    );
    let site = site.toml(&settings(web.at)).believing(&authority.path("ca.pem"));
    let switch = site.start();
    let url = |path: &str| format!("https://{}/{path}", web.at);
    // It leads to a carrier that is not there: verified, and not reached.
    for _ in 0..2 {
        let answer = call(&switch, &signed(&site, &url("good.pem"), 0));
        assert!(matches!(status_of(&answer), Some(500..=599)), "{answer}\n{}", switch.log());
    }
    assert_eq!(web.asked(), 1, "kept");
    let passed = ("TN-Validation-Passed".to_owned(), "B".to_owned());
    assert!(switch.api.wait_cdrs(2).iter().all(|cdr| found(cdr) == passed));
    let mut calls = 2;
    for (url, status, words) in [
        (url("missing.pem"), 436, "answers 404"),
        (url("moved.pem"), 436, "redirects (301)"),
        (url("huge.pem"), 436, "larger than 65536 bytes"),
        (url("other.pem"), 437, "not signed by any of the given roots"),
        (url("html.pem"), 437, "no certificate can be read"),
        (url("slow.pem"), 436, "within 2 s"),
        (format!("https://127.0.0.9:{}/good.pem", web.at.port()), 436, "neither 443 nor 8443"),
        ("https://127.0.0.9:8443/good.pem".to_owned(), 436, "127.0.0.9 is no public address"),
        ("https://[::ffff:127.0.0.1]/good.pem".to_owned(), 436, "is no public address"),
        ("https://169.254.169.254/latest/meta-data".to_owned(), 436, "169.254.169.254 is no public address"),
        ("https://localhost/good.pem".to_owned(), 436, "localhost"),
        (format!("http://{}/good.pem", web.at), 436, "it is not https"),
        ("file:///dev/random".to_owned(), 436, "it is not https"),
    ] {
        let answer = call(&switch, &signed(&site, &url, 0));
        calls += 1;
        assert_eq!(status_of(&answer), Some(status), "{url}: {answer}\n{}", switch.log());
        eventually(words, SOON, || switch.log().contains(words).then_some(()));
        let cdr = switch.api.wait_cdrs(calls).remove(calls - 1);
        assert_eq!((cdr.number("sip_status"), cdr.text("amount")), (i64::from(status), "0.00000"), "{url}");
    }
    assert_eq!(web.asked(), 7, "nothing was asked for at other addresses");
    let stale = call(&switch, &signed(&site, &url("good.pem"), -120));
    assert!(stale.starts_with("SIP/2.0 403 Stale Date\r\n"), "{stale}");
    let bare = call(&switch, "");
    assert!(bare.starts_with("SIP/2.0 428 Use Identity Header\r\n"), "{bare}");
}

/// One switch signs, the next one verifies.
#[test]
fn what_one_switch_signs_the_next_one_verifies() {
    /// Only these ports are those of a certificate's address.
    const WEB: (&str, u16) = ("127.0.0.77", 8_443);
    let (second, authority) = verifying();
    authority.sign("web", WEB.0);
    let cert = fs::read(second.path("stir/cert.pem")).unwrap();
    let web = Web::start(WEB, authority.server("web"), Box::new(move |_| page("200 OK", "", &cert)));
    let second = second.gate("first-switch", "acme", CARRIERS, "verify = \"reject\"");
    let second = second.toml(&settings(web.at)).believing(&authority.path("ca.pem"));
    let verifier = second.start();

    let first = Site::new().deck("retail", "34,Spain,0.60,1,1,,,").account("acme", "10.00");
    let first = first.gate("acme-pbx", "acme", PBX, "caller_numbers = [\"34600\"]");
    let first = first.carrier("next", verifier.udp.port(), "").route("34", &["next"]);
    fs::copy(second.path("stir/key.pem"), first.path("key.pem")).unwrap();
    let first =
        first.toml(&format!("[stir]\nkey = \"key.pem\"\ncertificate_url = \"https://{}/cert.pem\"", web.at));
    let signing = first.start();
    let answer = call(&signing, "");
    // The last carrier of the two is not there.
    assert!(matches!(status_of(&answer), Some(500..=599)), "{answer}\n{}", verifier.log());
    let verified = verifier.api.wait_cdrs(1).remove(0);
    assert_eq!(found(&verified), ("TN-Validation-Passed".to_owned(), "A".to_owned()), "{verified:?}");
    let signed = signing.api.wait_cdrs(1).remove(0);
    assert_eq!(
        (signed.0["attestation"].as_str(), signed.0["verstat"].is_null()),
        (Some("A"), true),
        "{signed:?}"
    );
    assert_eq!(web.asked(), 1);
}
