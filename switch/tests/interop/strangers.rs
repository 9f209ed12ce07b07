//! Who is no gate and no carrier hears nothing: not over UDP, not over TCP, whatever he says; and he is
//! counted.

use std::io::Write as _;
use std::net::UdpSocket;
use std::time::Duration;

use crate::harness::{
    CARRIERS, OFFER, PBX, Peer, SOON, STRANGER, Site, connect, eventually, free_port, status_of, until_closed,
};

const COUNTER: &str = "tollgate_auth_rejected_total{reason=\"unknown_source\"}";
const SILENCE: Duration = Duration::from_millis(1_500);

#[test]
fn nothing_comes_back_over_udp() {
    let site = Site::acme("10.00", "34,Spain,0.60,1,1,,,")
        .carrier("alpha", free_port(CARRIERS), "")
        .route("34", &["alpha"]);
    let switch = site.start();
    let mut stranger = Peer::new(STRANGER, switch.udp);
    let before = switch.api.metric(COUNTER);
    let uri = format!("sip:34911234567@{}", switch.udp);
    for method in ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "ACK", "PUBLISH", "NONSENSE"] {
        let (text, _) = stranger.request(method, &uri, if method == "INVITE" { OFFER } else { "" });
        stranger.send(text.as_bytes());
    }
    // Not even a complaint about its form: a bad request, a response to nothing, a keep-alive, an empty
    // datagram.
    stranger.send(b"INVITE sip:x SIP/2.0\r\nVia: garbage\r\n\r\n");
    stranger.send(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.12;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\nCall-ID: 1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\r\n");
    stranger.send(&[0, 255, 13, 10, 1]);
    stranger.send(b"\r\n\r\n");
    stranger.send(b"");
    assert_eq!(stranger.hear(SILENCE), None);
    // The same request of the gate is answered, and the stranger's eleven real messages are all counted.
    let mut pbx = Peer::new(PBX, switch.udp);
    let answer = pbx.ask("OPTIONS", &format!("sip:{}", switch.udp), "", SOON).expect("an answer to the gate");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
    eventually("the strangers' counter", SOON, || {
        (switch.api.metric(COUNTER) - before >= 11.0).then_some(())
    });
    assert!(switch.api.cdrs().is_empty(), "a stranger made a CDR");
}

#[test]
fn connections_are_closed_without_a_byte() {
    let site = Site::acme("10.00", "34,Spain,0.60,1,1,,,")
        .carrier("alpha", free_port(CARRIERS), "")
        .route("34", &["alpha"]);
    let switch = site.start();
    let before = switch.api.metric(COUNTER);
    let mut silent = connect(STRANGER, switch.tcp);
    assert_eq!(until_closed(&mut silent, SOON), Some(Vec::new()));
    let mut talker = connect(STRANGER, switch.tcp);
    // It may be closed before this is written.
    let _ = talker.write_all(
        format!("OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/TCP {STRANGER};branch=z9hG4bK1\r\n\r\n", switch.tcp)
            .as_bytes(),
    );
    assert_eq!(until_closed(&mut talker, SOON), Some(Vec::new()));
    eventually("the strangers' counter", SOON, || (switch.api.metric(COUNTER) - before >= 2.0).then_some(()));
    // The gate's connection stays, and its keep-alive is answered (RFC 5626 §4.4.1).
    let mut pbx = connect(PBX, switch.tcp);
    pbx.write_all(b"\r\n\r\n").unwrap();
    assert_eq!(until_closed(&mut pbx, SILENCE), None, "the gate's connection was closed");
}

/// The keep-alive of phones behind a NAT (RFC 5626 §4.4.2) tells a gate its address, and a stranger nothing.
#[test]
fn stun_is_answered_to_who_is_known() {
    let site = Site::acme("10.00", "34,Spain,0.60,1,1,,,")
        .carrier("alpha", free_port(CARRIERS), "")
        .route("34", &["alpha"]);
    let switch = site.start();
    let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let ask = |ip: &str, within: Duration| {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(within)).unwrap();
        socket.send_to(&request, switch.udp).unwrap();
        let mut buffer = [0; 128];
        let (count, _) = socket.recv_from(&mut buffer).ok()?;
        Some((buffer[..count].to_vec(), socket.local_addr().unwrap()))
    };
    let (answer, here) = ask(PBX, SOON).expect("an answer to the gate");
    assert_eq!((&answer[..2], &answer[8..20]), (&[1, 1][..], &[7; 12][..]));
    let port = u16::from_be_bytes([answer[26] ^ 0x21, answer[27] ^ 0x12]);
    let ip: Vec<u8> =
        answer[28..32].iter().zip([0x21, 0x12, 0xa4, 0x42]).map(|(byte, key)| byte ^ key).collect();
    assert_eq!((port, ip), (here.port(), vec![127, 0, 0, 11]));
    assert!(ask(STRANGER, SILENCE).is_none());
}
