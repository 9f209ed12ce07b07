//! SIP from browsers (RFC 7118): calls over WS and WSS, what frames may be, and who may open one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::harness::websocket::{BINARY, CLOSE, PING, PONG, TEXT, WebSocket, request};
use crate::harness::{
    Authority, Books, CARRIERS, Caller, Line, PBX, SOON, SPAIN, STRANGER, Scenario, Site, Tollgate, connect,
    free_port, secure, status_of, until_closed,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const OURS: &str = "sip.tollgate.example";

/// As a browser names itself: it has no address that anybody could reach (RFC 7118 §5.2.1).
fn browser(via: &'static str, id: u32) -> Caller {
    Caller { via, here: "df7jal23ls0d.invalid".to_owned(), contact: ";transport=ws", id }
}

fn site() -> (Site, u16) {
    let beta = free_port(CARRIERS);
    let site = Site::acme("10.00", BY_THE_SECOND).carrier("beta", beta, "").route("34", &["beta"]);
    (site.also_listening("ws"), beta)
}

fn tcp(ip: &str, switch: &Tollgate) -> TcpStream {
    let stream = connect(ip, switch.at("ws"));
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// A whole call by one line, billed, with its transports in the record.
fn call_through(switch: &Tollgate, beta: u16, via: &'static str, line: &mut impl Line) {
    let answering = Scenario::carrier("uas_answer", beta).calls(1).start();
    let phone = browser(via, 1);
    let answer = phone.call(line, SPAIN).expect("an answer");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
    assert!(answer.contains(";transport=ws>"), "our Contact: {answer}");
    let bye = phone.bye(line, &answer).expect("an answer to the BYE");
    assert_eq!(status_of(&bye), Some(200), "{bye}");
    answering.finish();
    let cdr = switch.api.wait_cdrs(1).remove(0);
    let name = via.to_lowercase();
    assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), (&*name, "udp"), "{cdr:?}");
}

#[test]
fn a_browser_calls_over_ws() {
    let (site, beta) = site();
    let switch = site.start();
    let mut line = WebSocket::open(tcp(PBX, &switch), "").unwrap();
    call_through(&switch, beta, "WS", &mut line);
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

#[test]
fn a_browser_calls_over_wss() {
    let (site, beta) = site();
    let authority = Authority::new(&site.path("tls"));
    authority.sign("ours", OURS);
    let site =
        site.also_listening("wss").toml("[sip.tls]\ncertificate = \"tls/ours.pem\"\nkey = \"tls/ours.key\"");
    let switch = site.start();
    let under = secure(PBX, switch.at("wss"), OURS, authority.client(None)).into_stream();
    let mut line = WebSocket::open(under, "Origin: https://phone.example\r\n").unwrap();
    call_through(&switch, beta, "WSS", &mut line);
}

/// Text or binary, in one frame or in several, with a ping in between; a keep-alive as on streams; a close is
/// answered.
#[test]
fn frames_of_every_kind() {
    let (site, _) = site();
    let switch = site.start();
    let mut line = WebSocket::open(tcp(PBX, &switch), "").unwrap();
    let options = |id| browser("WS", id).text("OPTIONS");
    line.frame(BINARY, true, options(1).as_bytes());
    assert_eq!(line.hear().as_deref().and_then(status_of), Some(200));
    let text = options(2);
    let (first, rest) = text.as_bytes().split_at(100);
    line.frame(TEXT, false, first);
    line.frame(PING, true, b"alive?");
    assert_eq!(line.hear_frame(), Some((PONG, b"alive?".to_vec())));
    line.frame(0, true, rest);
    assert_eq!(line.hear().as_deref().and_then(status_of), Some(200));
    line.frame(TEXT, true, b"\r\n\r\n");
    assert_eq!(line.hear().as_deref(), Some("\r\n"));
    // What is no SIP is dropped, and the connection stays.
    line.frame(TEXT, true, b"{\"hello\":1}");
    line.frame(BINARY, true, &[0, 255, 1]);
    line.frame(TEXT, true, b"");
    line.send(&options(3));
    assert_eq!(line.hear().as_deref().and_then(status_of), Some(200));
    line.frame(CLOSE, true, &1_000_u16.to_be_bytes());
    assert_eq!(line.hear_frame().map(|(kind, _)| kind), Some(CLOSE));
    assert_eq!(line.hear_frame(), None);
}

/// Larger than a message may be, unmasked, of a reserved kind: closed.
#[test]
fn frames_that_may_not_be_end_the_connection() {
    let (site, _) = site();
    let switch = site.start();
    for bytes in [
        &[0x81, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0][..],
        &[0x81, 0x05, 1, 2, 3, 4, 5],
        &[0x83, 0x80, 0, 0, 0, 0],
    ] {
        let mut stream = tcp(PBX, &switch);
        stream.write_all(request("Sec-WebSocket-Protocol: sip\r\n").as_bytes()).unwrap();
        stream.write_all(bytes).unwrap();
        assert!(until_closed(&mut stream, SOON).is_some(), "{bytes:?}");
    }
    let mut line = WebSocket::open(tcp(PBX, &switch), "").unwrap();
    line.frame(TEXT, true, &vec![b'a'; 70_000]);
    assert_eq!(line.hear(), None);
    let mut other = WebSocket::open(tcp(PBX, &switch), "").unwrap();
    assert!(browser("WS", 1).options(&mut other).is_some(), "the switch goes on");
}

#[test]
fn who_asks_wrongly_is_told_and_strangers_hear_nothing() {
    let (site, _) = site();
    let switch = site.start();
    for (sent, status) in [
        (request(""), "400"),
        (request("Sec-WebSocket-Protocol: chat\r\n"), "400"),
        (request("Sec-WebSocket-Protocol: sip\r\n").replace("GET ", "POST "), "405"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "426"),
        ("OPTIONS sip:x SIP/2.0\r\n\r\n".to_owned(), "400"),
    ] {
        let mut stream = tcp(PBX, &switch);
        stream.write_all(sent.as_bytes()).unwrap();
        let heard = String::from_utf8(until_closed(&mut stream, SOON).expect("closed")).unwrap();
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{sent} {heard}");
    }
    let mut stranger = tcp(STRANGER, &switch);
    let _ = stranger.write_all(request("Sec-WebSocket-Protocol: sip\r\n").as_bytes());
    let mut heard = Vec::new();
    // A reset is a close as well.
    let _ = stranger.read_to_end(&mut heard);
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn pages_of_other_origins_may_not_connect() {
    let (site, _) = site();
    let site = site.sip("ws_origins = [\"https://phone.example\"]");
    let switch = site.start();
    assert!(WebSocket::open(tcp(PBX, &switch), "Origin: https://phone.example\r\n").is_ok());
    assert!(WebSocket::open(tcp(PBX, &switch), "").is_ok(), "who names none is no browser");
    let refused = WebSocket::open(tcp(PBX, &switch), "Origin: https://evil.example\r\n").err().unwrap();
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
}
