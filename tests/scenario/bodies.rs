//! Bodies of INVITEs: what is no session is refused with what says so.

use tests::sdp;

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage, addr};

/// What the caller hears to an INVITE with this body.
fn refused(content_type: &str, body: &str) -> (u16, Stage) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    let bytes = phone.dialog.request("INVITE", "", None);
    let head = String::from_utf8(bytes.to_vec()).unwrap();
    let head = head.replace(
        "Content-Length: 0\r\n\r\n",
        &format!("{content_type}Content-Length: {}\r\n\r\n{body}", body.len()),
    );
    stage.send(phone.at, &head.into());
    let last = stage.inbox(phone.at).pop().map_or(0, |message| message.status());
    (last, stage)
}

#[test]
fn sdps_that_no_call_can_be_made_of_are_488() {
    let sdp = |media: &str| {
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n{media}")
    };
    let payloads: String = (0..200).map(|number| format!(" {}", number % 128)).collect();
    for body in [
        sdp(""),
        sdp("m=audio 4000 RTP/AVP 8\r\nm=audio 4000 RTP/AVP 8\r\n"),
        sdp("m=audio 0 RTP/AVP 8\r\n"),
        sdp("m=audio 65536 RTP/AVP 8\r\n"),
        sdp("m=audio 4000 RTP/AVP 8\r\na=ptime:0\r\n"),
        sdp(&format!("m=audio 4000 RTP/AVP{payloads}\r\n")),
        sdp("m=audio 4000 RTP/AVP 8 101\r\na=fmtp\0:101 0-16\r\n"),
        sdp("m=audio 17002 RTP/AVP 4294967296\r\n").replace("t=0 0\r\n", ""),
        sdp("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 239.1.1.1/1\r\n"),
        sdp("m=image 4000 udptl t38\r\n"),
        sdp("m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"),
        sdp("m=audio 4000 RTP/AVP 8\r\n").replace("c=IN IP4 192.0.2.11\r\n", ""),
    ] {
        let (status, mut stage) = refused("Content-Type: application/sdp\r\n", &body);
        assert_eq!(status, 488, "{body}");
        stage.silence(addr(ALPHA));
        assert_eq!(
            (stage.cdr().sip_status, stage.cdr().cause_q850.0, stage.cdr().amount),
            (488, 65, 0),
            "{body}"
        );
    }
}

#[test]
fn corner_45_bodies_of_other_kinds_are_415_and_broken_ones_400() {
    let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
    let part = |head: &str, body: &str| format!("--b\r\n{head}\r\n\r\n{body}\r\n");
    let isup = |handling: &str| {
        part(
            &format!(
                "Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling={handling}"
            ),
            "\x01\x02",
        )
    };
    let whole = |parts: &str| format!("{parts}--b--\r\n");
    let related = "Content-Type: multipart/related;type=\"application/sdp\";boundary=b\r\n";
    let mixed = "Content-Type: multipart/mixed;boundary=b\r\n";
    for (content_type, body, expected) in [
        (mixed, whole(&(part("Content-Type: application/sdp", sdp) + &isup("optional"))), 0),
        (mixed, whole(&(isup("optional") + &part("Content-Type: application/sdp", sdp))), 0),
        (related, whole(&(part("Content-Type: application/sdp", sdp) + &isup("optional"))), 0),
        (related, whole(&(isup("required") + &part("Content-Type: application/sdp", sdp))), 415),
        (mixed, whole(&(part("Content-Type: application/sdp", sdp) + &isup("required"))), 415),
        (mixed, part("Content-Type: application/sdp", sdp), 400),
        (mixed, "no boundary at all".to_owned(), 400),
        ("Content-Type: multipart/mixed\r\n", whole(&part("Content-Type: application/sdp", sdp)), 400),
        ("Content-Type: application/pidf+xml\r\n", "<x/>".to_owned(), 415),
        ("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", sdp.to_owned(), 415),
        ("Content-Type: application/sdp\r\nContent-Encoding: identity\r\n", sdp.to_owned(), 0),
        ("", sdp.to_owned(), 400),
    ] {
        let (status, mut stage) = refused(content_type, &body);
        assert_eq!(status, expected, "{content_type}{body}");
        if expected == 0 {
            let invite = Callee::wait(&mut stage, ALPHA).invite;
            assert_eq!(
                (invite.content_type(), sdp::payloads(&invite.body())),
                ("application/sdp", vec![8]),
                "{body}"
            );
        }
    }
}

#[test]
fn a_call_that_was_forwarded_again_and_again_is_a_loop() {
    let diversion = "Diversion: <sip:34611111111@192.0.2.11>;reason=unconditional;counter=1\r\n";
    let history: String = (1..20)
        .map(|index| format!("History-Info: <sip:34611111111@192.0.2.11>;index={index}\r\n"))
        .collect();
    for (extra, loops) in [
        (diversion.repeat(3), false),
        (diversion.repeat(11), true),
        (diversion.replace("counter=1", "counter=99"), true),
        (history, true),
        (String::new(), false),
    ] {
        let mut stage = Stage::standard();
        let mut phone = stage.phone("c1", "34600000000");
        phone.invite_with(&mut stage, &extra);
        if loops {
            phone.refused(&mut stage, 482);
            stage.silence(addr(ALPHA));
        } else {
            Callee::wait(&mut stage, ALPHA);
        }
    }
}
