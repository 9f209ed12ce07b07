//! A caller who withholds the number stays unknown to carriers (RFC 3323, RFC 3325); a signature of it goes
//! where it goes (RFC 8224). Corner 46.

use sip::Name;

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, Stage};

/// The INVITE that the carrier gets for one of the caller's with these headers.
fn sent(extra: &str) -> sip::Message {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, extra);
    Callee::wait(&mut stage, ALPHA).invite
}

fn text(message: &sip::Message) -> String {
    String::from_utf8_lossy(message.as_bytes()).into_owned()
}

const NUMBER: &str = "34600000001";

#[test]
fn fault_b10_a_withheld_number_stands_in_no_header() {
    let claims = format!(
        "P-Asserted-Identity: <sip:+{NUMBER}@192.0.2.11>\r\nRemote-Party-ID: <sip:+{NUMBER}@192.0.2.11>;party=calling\r\n\
         P-Preferred-Identity: <tel:+{NUMBER}>\r\nDiversion: <sip:+34611111111@192.0.2.11>;reason=unconditional\r\n\
         History-Info: <sip:+34611111111@192.0.2.11>;index=1\r\nP-Charge-Info: <sip:{NUMBER}@192.0.2.11>\r\n\
         Identity: eyJhbGciOiJFUzI1NiJ9.x.y;info=<https://c.example/c.pem>;alg=ES256\r\nX-Account: 7\r\n"
    );
    for privacy in [
        "Privacy: id\r\n",
        "Privacy: user\r\n",
        "Privacy: header;id\r\n",
        "Privacy: ID;critical\r\n",
        "Privacy: none\r\nPrivacy: id\r\n",
        "Remote-Party-ID: <sip:+34600000001@192.0.2.11>;privacy=full;screen=yes\r\n",
    ] {
        let invite = sent(&format!("{privacy}{claims}"));
        let text = text(&invite);
        assert!(!text.contains("600000001"), "{privacy}: {text}");
        assert!(!text.contains("611111111") && !text.contains("Identity:"), "{privacy}: {text}");
        let from = invite.header(Name::From).unwrap();
        assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="), "{from}");
        assert_eq!(
            invite.header_named("X-Account"),
            Some("7"),
            "what says nothing of the caller still passes"
        );
        if privacy.starts_with("Privacy") {
            assert_eq!(
                invite
                    .headers(Name::Privacy)
                    .map(|value| format!("Privacy: {value}\r\n"))
                    .collect::<String>(),
                privacy
            );
        }
    }
}

#[test]
fn fault_b10_it_stays_so_at_the_next_carrier_and_in_the_dialog() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, "Privacy: id\r\n");
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 503);
    let mut beta = Callee::wait(&mut stage, BETA);
    assert!(!text(&beta.invite).contains(NUMBER));
    beta.answer(&mut stage);
    let ack = stage.expect(beta.at, "ACK");
    assert!(!text(&ack).contains(NUMBER));
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    let bye = beta.bye_comes(&mut stage);
    assert!(!text(&bye).contains(NUMBER));
    stage.over();
    // The operator knows who called.
    assert_eq!(stage.cdr().caller, format!("+{NUMBER}"));
}

#[test]
fn a_number_that_is_not_withheld_is_shown_and_claims_about_others_are_not() {
    let claims = "P-Asserted-Identity: <sip:+34699999999@192.0.2.11>\r\nRemote-Party-ID: <sip:+34699999999@192.0.2.11>;privacy=off\r\n\
                  Diversion: <sip:+34611111111@192.0.2.11>\r\nHistory-Info: <sip:+34611111111@192.0.2.11>;index=1\r\n";
    for privacy in ["", "Privacy: none\r\n"] {
        let invite = sent(&format!("{privacy}{claims}"));
        assert!(
            invite.header(Name::From).unwrap().starts_with(&format!("<sip:+{NUMBER}@192.0.2.1:5060>;tag="))
        );
        let text = text(&invite);
        assert!(!text.contains("699999999") && !text.contains("611111111"), "{text}");
    }
}

#[test]
fn fault_b10_a_signature_of_the_shown_number_passes_unchanged() {
    let identity = "eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7InRuIjoiMzQ2MDAwMDAwMDEifX0.c2ln;info=<https://c.example/c.pem>;alg=ES256;ppt=shaken";
    let invite = sent(&format!("Identity: {identity}\r\n"));
    assert_eq!(invite.header(Name::Identity), Some(identity));
}
