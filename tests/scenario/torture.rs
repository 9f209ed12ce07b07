//! All messages of RFC 4475 and RFC 5118 through the node, from a known gate, with the verdict that a user
//! agent gives.

use std::path::Path;

use bytes::Bytes;

use crate::stage::{PBX, Stage, addr};

/// No answer.
const DROP: u16 = 0;

/// RFC 4475, by section.
const TORTURE: [(&str, u16); 49] = [
    // Its To has a tag, so it belongs to a dialog, and we have none.
    ("wsinv", 481),
    ("intmeth", 501),
    // A valid INVITE to somebody who is no number.
    ("esc01", 404),
    ("escnull", 405),
    // Methods are never unescaped.
    ("esc02", 501),
    ("lwsdisp", 200),
    ("longreq", 404),
    ("dblreq", 405),
    ("semiuri", 200),
    ("transports", 200),
    ("mpart01", 405),
    ("unreason", DROP),
    ("noreason", DROP),
    ("badinv01", 400),
    ("clerr", 400),
    ("ncl", 400),
    ("scalar02", 400),
    ("scalarlg", DROP),
    ("quotbal", 400),
    ("ltgtruri", 400),
    ("lwsruri", 400),
    ("lwsstart", 400),
    ("trws", 400),
    ("escruri", 400),
    ("baddate", 404),
    ("regbadct", 400),
    ("badaspec", 200),
    ("baddn", 200),
    ("badvers", 505),
    ("mismatch01", 400),
    ("mismatch02", 400),
    ("bigcode", DROP),
    ("badbranch", 200),
    ("insuf", 400),
    ("unkscm", 416),
    ("novelsc", 416),
    ("unksm2", 405),
    ("bext01", 420),
    ("invut", 415),
    ("regaut01", 405),
    ("multi01", 400),
    ("mcl01", 400),
    ("bcast", DROP),
    ("zeromf", 200),
    ("cparam01", 405),
    ("cparam02", 405),
    ("regescrt", 405),
    ("sdp01", 406),
    // Without Contact (RFC 3261 §8.1.1.8) nothing could be sent to it later, not even BYE.
    ("inv2543", 400),
];

/// RFC 5118.
const IPV6: [(&str, u16); 12] = [
    ("ipv6-good", 405),
    ("ipv6-bad", 400),
    ("port-ambiguous", 405),
    ("port-unambiguous", 405),
    ("via-received-param-with-delim", 481),
    ("via-received-param-no-delim", 200),
    ("ipv6-in-sdp", 404),
    ("mult-ip-in-header", 481),
    ("mult-ip-in-sdp", 404),
    ("ipv4-mapped-ipv6", 404),
    ("ipv6-bug-abnf-3-colons", 200),
    ("ipv6-correct-abnf-2-colons", 200),
];

fn verdict(folder: &str, name: &str) -> u16 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(folder);
    let file = [path.join(format!("{name}.dat")), path.join(name)]
        .into_iter()
        .find(|file| file.is_file())
        .expect(name);
    let mut stage = Stage::standard();
    stage.send(addr(PBX), &Bytes::from(std::fs::read(file).expect(name)));
    let finals: Vec<u16> =
        stage.inbox(addr(PBX)).iter().map(sip::Message::status).filter(|status| *status != 100).collect();
    stage.over();
    assert!(finals.len() <= 1, "{name}: {finals:?}");
    finals.first().copied().unwrap_or(DROP)
}

fn all(folder: &str, expected: &[(&str, u16)]) {
    let wrong: Vec<_> = expected
        .iter()
        .map(|(name, status)| (*name, *status, verdict(folder, name)))
        .filter(|(_, a, b)| a != b)
        .collect();
    assert!(wrong.is_empty(), "name, expected, found: {wrong:?}");
}

#[test]
fn rfc_4475() {
    all("rfc4475", &TORTURE);
}

#[test]
fn rfc_5118() {
    all("rfc5118", &IPV6);
}
