//! Session descriptions of the model peers (RFC 8866, RFC 3264), written by hand.

use std::fmt::Write as _;
use std::net::IpAddr;

/// Which payloads, in order, and which way the media goes.
#[derive(Debug, Clone)]
pub struct Media<'a> {
    /// Payload numbers, static ones and 101 for telephone-event.
    pub payloads: &'a [u8],
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`.
    pub direction: &'a str,
    /// Version of the o= line.
    pub version: u32,
}

/// G.711 A-law and µ-law and events: what most phones offer.
pub const G711: Media<'static> = Media { payloads: &[8, 0, 101], direction: "sendrecv", version: 1 };
/// G.722 alone, which nobody here takes.
pub const G722: Media<'static> = Media { payloads: &[9], direction: "sendrecv", version: 1 };

/// One audio stream at `ip`.
pub fn write(ip: IpAddr, media: &Media<'_>) -> String {
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let mut text = format!(
        "v=0\r\no=- 7 {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP",
        media.version
    );
    for payload in media.payloads {
        let _ = write!(text, " {payload}");
    }
    text.push_str("\r\n");
    for payload in media.payloads {
        let name = match payload {
            0 => "PCMU/8000",
            4 => "G723/8000",
            8 => "PCMA/8000",
            9 => "G722/8000",
            18 => "G729/8000",
            _ => "telephone-event/8000",
        };
        let _ = write!(text, "a=rtpmap:{payload} {name}\r\n");
    }
    let _ = write!(text, "a={}\r\n", media.direction);
    text
}

/// The payload numbers of the first stream of `sdp`.
pub fn payloads(sdp: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(sdp);
    let line = text.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap_or_default();
    line.split(' ').skip(2).filter_map(|number| number.trim().parse().ok()).collect()
}

/// The direction that `sdp` names.
pub fn direction(sdp: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(sdp);
    ["sendonly", "recvonly", "inactive"]
        .into_iter()
        .find(|word| text.contains(&format!("a={word}")))
        .unwrap_or("sendrecv")
}

/// The answer of a peer at `ip`: the offer's first codec and its events, the direction that fits.
pub fn answer(offer: &[u8], ip: IpAddr, version: u32) -> String {
    let offered = payloads(offer);
    let codec = offered.iter().copied().find(|payload| *payload < 96);
    let taken: Vec<u8> =
        codec.into_iter().chain(offered.iter().copied().find(|payload| *payload == 101)).collect();
    let direction = match direction(offer) {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        same => same,
    };
    write(ip, &Media { payloads: &taken, direction, version })
}
