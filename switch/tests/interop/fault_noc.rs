//! What an operations centre sees of the real program: the end by two signals, strangers and carriers in its
//! log, SIP in its log.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::harness::{CARRIERS, OFFER, PBX, Peer, SOON, Site, eventually, free_port, status_of};

/// Answers every INVITE with 200 and nothing else, ever.
fn deaf_carrier(port: u16) {
    let socket = UdpSocket::bind((CARRIERS, port)).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok((count, peer)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if let Some(reply) = answer(&text, port) {
                socket.send_to(reply.as_bytes(), peer).unwrap();
            }
        }
    });
}

fn answer(invite: &str, port: u16) -> Option<String> {
    invite.strip_prefix("INVITE ")?;
    let kept = invite.lines().take_while(|line| !line.is_empty()).filter(|line| {
        ["Via", "From", "Call-ID", "CSeq"].iter().any(|name| line.split(':').next() == Some(name))
    });
    let kept: Vec<&str> = kept.collect();
    let to = invite.lines().find(|line| line.starts_with("To:"))?;
    let (head, body) = (kept.join("\r\n"), OFFER.replace("127.0.0.11", CARRIERS));
    let length = body.len();
    Some(format!(
        "SIP/2.0 200 OK\r\n{head}\r\n{to};tag=deaf\r\nContact: <sip:{CARRIERS}:{port}>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    ))
}

fn site(port: u16) -> Site {
    Site::acme("10.00", "34,Spain,0.60,1,1,,,")
        .carrier("alpha", port, "down_after = 1\nfirst_response_ms = 200")
        .route("34", &["alpha"])
}

/// Neither side answers its BYE. The first SIGTERM waits for the call, the second does not wait for the
/// peers; the call has its record.
#[test]
fn fault_b11k_a_second_sigterm_ends_at_once_with_every_call_settled() {
    let port = free_port(CARRIERS);
    deaf_carrier(port);
    let site = site(port);
    let switch = site.start();
    let mut pbx = Peer::new(PBX, switch.udp);
    let answer =
        pbx.ask("INVITE", &format!("sip:34911234567@{}", switch.udp), OFFER, SOON).expect("an answer");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
    eventually("the answered call", SOON, || {
        (switch.api.metric("tollgate_calls_active{state=\"answered\"}") >= 1.0).then_some(())
    });
    switch.signal("TERM");
    eventually("the drain", SOON, || switch.log().contains("draining").then_some(()));
    let begun = Instant::now();
    switch.signal("TERM");
    let status = switch.ended(Duration::from_secs(25));
    let took = begun.elapsed();
    assert!(status.success() && took < Duration::from_secs(8), "{status} after {took:?}");
    let again = site.start();
    let cdrs = again.api.cdrs();
    assert_eq!(cdrs.len(), 1, "{cdrs:?}");
    assert_eq!(
        (cdrs[0].0["sip_status"].as_u64(), cdrs[0].0["reason"].as_str()),
        (Some(200), Some("shutdown")),
        "{cdrs:?}"
    );
    again.stop();
}

/// Lines of the log that are JSON documents, which all of them are.
fn lines(log: &str) -> Vec<serde_json::Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn fault_e1_strangers_carriers_and_sip_are_in_the_log() {
    let port = free_port(CARRIERS);
    let site = site(port).toml("[log]\nfilter = \"info,sip=debug\"");
    let switch = site.start();
    let uri = format!("sip:34911234567@{}", switch.udp);
    for last in 1..=40 {
        let mut stranger = Peer::new(&format!("127.0.77.{last}"), switch.udp);
        let (text, _) = stranger.request("OPTIONS", &uri, "");
        stranger.send(text.as_bytes());
        stranger.send(text.as_bytes());
    }
    let counter = "tollgate_auth_rejected_total{reason=\"unknown_source\"}";
    eventually("the strangers' count", SOON, || (switch.api.metric(counter) >= 80.0).then_some(()));
    // Nobody is at the carrier's port: the call fails, and with it the carrier, the only one.
    let mut pbx = Peer::new(PBX, switch.udp);
    let (text, branch) = pbx.request("INVITE", &uri, OFFER);
    pbx.send(
        text.replace(
            "\r\nContact:",
            "\r\nAuthorization: Digest username=\"u\", response=\"5ec3e7\"\r\nContact:",
        )
        .as_bytes(),
    );
    assert!(pbx.final_answer(&branch, SOON).is_some());
    let all_down = eventually("the carrier's line", SOON, || {
        let log = lines(&switch.log());
        log.iter()
            .find(|line| {
                line["message"].as_str().is_some_and(|text| text.starts_with("all carriers are down"))
            })
            .cloned()
    });
    assert_eq!((all_down["last"].as_str(), all_down["level"].as_str()), (Some("alpha"), Some("ERROR")));
    let log = lines(&switch.log());
    let down: Vec<_> = log
        .iter()
        .filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with("carrier down")))
        .collect();
    assert_eq!(down.len(), 1, "{down:?}");
    assert!(
        down[0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("INVITE") || reason.contains("reached")),
        "{down:?}"
    );
    let named: Vec<_> = log.iter().filter_map(|line| line["source"].as_str()).collect();
    assert!(
        !named.is_empty() && named.len() <= 10 && named.iter().all(|ip| ip.starts_with("127.0.77.")),
        "{named:?}"
    );
    let sip: Vec<_> = log.iter().filter(|line| line["target"] == "sip").collect();
    let invite = sip.iter().find(|line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("INVITE") && text.contains(&branch))
    });
    let invite = invite.expect("the caller's INVITE");
    assert_eq!((invite["direction"].as_str(), invite["transport"].as_str()), (Some("in"), Some("UDP")));
    assert!(
        invite["message"]
            .as_str()
            .is_some_and(|text| text.contains("| Authorization: Digest ***") && !text.contains("5ec3e7"))
    );
    assert!(sip.iter().any(|line| line["direction"] == "out"
        && line["message"].as_str().is_some_and(|text| text.starts_with("SIP/2.0 "))));
    switch.stop();
}

/// The address of a peer is what it says.
#[test]
fn the_deaf_carrier_speaks_sip() {
    let to: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let mut peer = Peer::new(PBX, to);
    let (invite, _) = peer.request("INVITE", "sip:34911234567@127.0.0.1", OFFER);
    assert_eq!(answer(&invite, 5_060).as_deref().and_then(status_of), Some(200));
    assert!(answer("BYE sip:x SIP/2.0\r\n\r\n", 5_060).is_none());
}
