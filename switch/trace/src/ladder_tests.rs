use super::*;

const OFFER: &str =
    "v=0\r\nc=IN IP4 192.0.2.11\r\nm=audio 4000 RTP/AVP 8 18 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn request(method: &str, body: &str) -> String {
    format!("{method} sip:34911234567@192.0.2.1 SIP/2.0\r\nCSeq: 1 {method}\r\nTo: <sip:x@y>\r\n\r\n{body}")
}

fn response(status: &str, method: &str, more: &str) -> String {
    format!("SIP/2.0 {status}\r\nCSeq: 1 {method}\r\n{more}\r\n")
}

fn step(ms: i64, direction: Direction, leg: usize, text: &str) -> Step<'_> {
    Step { at: Wall(1_000 + ms), direction, leg, transport: "udp", peer: "192.0.2.11:5060", text }
}

#[test]
fn a_failover_is_read_at_a_glance() {
    use Direction::{In, Out};
    let (invite, trying) = (request("INVITE", OFFER), response("100 Trying", "INVITE", ""));
    let refused =
        response("503 Service Unavailable", "INVITE", "Reason: Q.850;cause=34\r\nRetry-After: 30\r\n");
    let (ok, ack, bye) = (response("200 OK", "INVITE", ""), request("ACK", ""), request("BYE", ""));
    let done = response("200 OK", "BYE", "");
    let legs = ["caller", "alpha", "beta"].map(str::to_owned);
    let steps = [
        step(0, In, 0, &invite),
        step(1, Out, 0, &trying),
        step(1, Out, 1, &invite),
        step(501, Out, 1, &invite),
        step(520, In, 1, &refused),
        step(521, Out, 1, &ack),
        step(521, Out, 2, &invite),
        step(1_900, In, 2, &ok),
        step(1_901, Out, 0, &ok),
        step(61_901, In, 0, &bye),
        step(61_902, Out, 0, &done),
    ];
    let drawn = ladder(&legs, &steps);
    let has = |text: &str| assert!(drawn.contains(text), "{text}\n{drawn}");
    has(
        "    +0.000  |---------- INVITE ---------->|                             |                             |  sip:34911234567@192.0.2.1; sdp PCMA,G729,telephone-event 192.0.2.11:4000\n",
    );
    has(
        "    +0.001  |                             |---------- INVITE ---------->|                             |  sip",
    );
    has("|                             |<- 503 Service Unavailable --|");
    has("|                             |------------------------- INVITE ------------------------->|");
    has("retransmission 1; sip:34911234567");
    has("Reason: Q.850;cause=34; Retry-After: 30");
    has(" 200 (BYE) ");
    has(
        "alpha: refused with 503 Service Unavailable after 0.519 s (Reason: Q.850;cause=34; Retry-After: 30)\n",
    );
    has("beta: answered with 200 OK after 1.379 s\n");
    has("+61.901");
    let bars: Vec<usize> = drawn.lines().skip(2).take(11).map(|line| line.find('|').unwrap_or(0)).collect();
    assert_eq!(bars, [MARGIN; 11], "columns are straight\n{drawn}");
}

#[test]
fn silence_and_cancelled_carriers_are_told() {
    use Direction::{In, Out};
    let (invite, cancel) = (request("INVITE", ""), request("CANCEL", ""));
    let ringing = response("180 Ringing", "INVITE", "");
    let terminated = response("487 Request Terminated", "INVITE", "");
    let legs = ["caller", "alpha", "beta", "gamma"].map(str::to_owned);
    let steps = [
        step(0, Out, 1, &invite),
        step(500, Out, 1, &invite),
        step(1_500, Out, 1, &invite),
        step(2_000, Out, 2, &invite),
        step(2_100, In, 2, &ringing),
        step(9_000, Out, 2, &cancel),
        step(9_010, In, 2, &terminated),
    ];
    let drawn = ladder(&legs, &steps);
    assert!(drawn.contains("alpha: no response to 3 INVITEs in 1.500 s\n"), "{drawn}");
    assert!(
        drawn.contains("beta: refused with 487 Request Terminated after 7.010 s, cancelled by us\n"),
        "{drawn}"
    );
    assert!(drawn.contains("gamma: its INVITE is not kept any more\n"), "{drawn}");
    assert!(drawn.contains("retransmission 2"), "{drawn}");
}

/// SECURITY.md 13; and a terminal gets no orders.
#[test]
fn attack_13_any_text_is_drawn() {
    let long = "x".repeat(300);
    let sdp =
        format!("v=0\r\nc=IN IP4 {long}\r\nm={long} {long} RTP/AVP {long} 8\r\na=rtpmap:8 {long}/1\r\n");
    let texts = [
        request("INVITE", &sdp),
        response(&format!("486 {long}"), "INVITE", "Warning:\r\nWarning: \r\nReason: \r\n"),
        "SIP/2.0 4".to_owned(),
        "SIP/2.0 \u{1b}[31m\u{202e}é".to_owned(),
        String::new(),
        "\r\n\r\nm=".to_owned(),
    ];
    let legs: Vec<String> = (0..9).map(|leg| format!("leg{leg}{long}")).collect();
    let steps: Vec<Step<'_>> = texts
        .iter()
        .flat_map(|text| {
            (0..10).flat_map(move |leg| [Direction::In, Direction::Out].map(|way| step(5, way, leg, text)))
        })
        .collect();
    let drawn = ladder(&legs, &steps);
    assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'));
    assert!(drawn.lines().skip(2).all(|line| line.chars().count() < 1_500));
    assert!(ladder(&[], &steps).lines().count() > 10);
    assert!(!ladder(&[], &[]).is_empty());
}
