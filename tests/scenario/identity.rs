//! Who calls, as each side is told (RFC 3323, RFC 3325): by trust, by form, by the numbers that a gate owns.
//! Corner 46.

use bytes::Bytes;
use route::{IdentityForm, IdentityPolicy, PrivacyPolicy};
use sip::{Message, Name};
use tests::plan::Plan;

use crate::phone::Callee;
use crate::stage::{ALPHA, PBX, Stage, addr};

/// The caller of every test, as From and as the network names it.
const NUMBER: &str = "34600000001";

/// The INVITE that alpha gets for one with this From and these headers.
fn sent(plan: Plan, from: &str, extra: &str) -> Message {
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34600000000");
    let sdp = phone.sdp("sendrecv");
    let text = phone.dialog.request("INVITE", extra, Some(&sdp));
    let text = String::from_utf8(text.to_vec()).unwrap();
    let (head, rest) = text.split_once("From: ").unwrap();
    let (_, tail) = rest.split_once(";tag=").unwrap();
    let bytes = Bytes::from(format!("{head}From: {from};tag={tail}"));
    stage.send(addr(PBX), &bytes);
    Callee::wait(&mut stage, ALPHA).invite
}

fn plan(gate: IdentityPolicy, alpha: IdentityPolicy) -> Plan {
    let mut plan = Plan::standard();
    plan.gates[0].identity = gate;
    plan.carriers[0].identity = alpha;
    plan
}

const STRANGER: IdentityPolicy = IdentityPolicy {
    trust: false,
    form: None,
    privacy: PrivacyPolicy::Honour,
    verify: route::Verification::Off,
};
const TRUSTED: IdentityPolicy = IdentityPolicy { trust: true, ..STRANGER };

const PLAIN: &str = "<sip:+34600000001@192.0.2.11>";
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.as_bytes()).into_owned()
}

/// Header, URI before the host and parameters after it.
fn told(invite: &Message, name: Name) -> Option<String> {
    invite.header(name).map(|value| value.split(";tag=").next().unwrap().replace("192.0.2.1:5060", "us"))
}

/// Whatever way a caller asks for privacy, no byte of the number reaches a side that is not trusted, and the
/// trusted one gets it.
#[test]
fn corner_46_twelve_spellings_of_privacy() {
    let asserted = format!("P-Asserted-Identity: <sip:+{NUMBER}@192.0.2.11>\r\n");
    let spellings = [
        (PLAIN, "Privacy: id"),
        (PLAIN, "privacy: ID"),
        (PLAIN, "PRIVACY:user;id"),
        (PLAIN, "Privacy: header"),
        (PLAIN, "Privacy: none;id;critical"),
        (PLAIN, "Privacy: session , user"),
        (PLAIN, "Privacy:\r\n \"id\""),
        (PLAIN, "Privacy: critical\r\nPrivacy: id"),
        (PLAIN, "Remote-Party-ID: <sip:+34600000001@192.0.2.11>;party=calling;privacy=full"),
        (PLAIN, "Remote-Party-ID: \"x\" <sip:+34600000001@192.0.2.11>;privacy=uri-network;screen=no"),
        ("\"anonymous\" <sip:+34600000001@192.0.2.11>", "Subject: none"),
        ("<sip:restricted@192.0.2.11>", "Subject: none"),
        (ANONYMOUS, "Privacy: user"),
    ];
    let leaks = "Subject: from 0034 600-000-001\r\nUser-to-User: +34%3600000001\r\nX-CLI: 600000001\r\n";
    for (from, privacy) in spellings {
        for gate in [STRANGER, TRUSTED] {
            let extra = format!("{privacy}\r\n{asserted}{leaks}");
            let extra = if from == PLAIN { extra } else { extra.replace("Subject: none\r\n", "") };
            let withheld = sent(plan(gate, STRANGER), from, &extra);
            let plain = text(&withheld);
            assert!(!plain.contains("00000001"), "{privacy}: {plain}");
            assert!(!plain.contains("600-000"), "{privacy}: {plain}");
            assert_eq!(told(&withheld, Name::From).as_deref(), Some(ANONYMOUS), "{privacy}");
        }
        let trusted = sent(plan(TRUSTED, TRUSTED), from, &format!("{privacy}\r\n{asserted}"));
        let identity = told(&trusted, Name::PAssertedIdentity);
        assert_eq!(identity.as_deref(), Some("<sip:+34600000001@us>"), "{privacy}");
        assert_eq!(told(&trusted, Name::From).as_deref(), Some(ANONYMOUS), "{privacy}");
        assert!(trusted.header(Name::Privacy).is_some(), "{privacy}: {}", text(&trusted));
    }
}

#[test]
fn the_identity_goes_in_the_form_that_the_side_reads() {
    let form = |form| IdentityPolicy { form: Some(form), ..TRUSTED };
    // Policy of the carrier; whether withheld; From, P-Asserted-Identity, Remote-Party-ID.
    let from = Some("<sip:+34600000001@us>");
    let anonymous = Some(ANONYMOUS);
    let rpid = |privacy| format!("<sip:+34600000001@us>;party=calling;screen=yes;privacy={privacy}");
    let (off, full) = (rpid("off"), rpid("full"));
    let untrusted_pai = IdentityPolicy { trust: false, ..form(IdentityForm::Asserted) };
    let table = [
        (STRANGER, "", from, None, None),
        (STRANGER, "Privacy: id\r\n", anonymous, None, None),
        (untrusted_pai, "", from, from, None),
        (untrusted_pai, "Privacy: id\r\n", anonymous, None, None),
        (TRUSTED, "", from, from, None),
        (TRUSTED, "Privacy: id\r\n", anonymous, from, None),
        (form(IdentityForm::RemoteParty), "", from, None, Some(&*off)),
        (form(IdentityForm::RemoteParty), "Privacy: id\r\n", anonymous, None, Some(&*full)),
        (form(IdentityForm::From), "", from, None, None),
        (form(IdentityForm::From), "Privacy: id\r\n", from, None, None),
    ];
    for (alpha, privacy, from, pai, rpid) in table {
        let invite = sent(plan(STRANGER, alpha), PLAIN, privacy);
        let got = [Name::From, Name::PAssertedIdentity, Name::RemotePartyId].map(|name| told(&invite, name));
        assert_eq!(got.each_ref().map(Option::as_deref), [from, pai, rpid], "{alpha:?} {privacy}");
    }
}

#[test]
fn only_a_trusted_side_is_believed_about_others() {
    let claims = "P-Asserted-Identity: <sip:+34699999999@192.0.2.11>\r\n\
                  Diversion: <sip:+34611111111@192.0.2.11>\r\nHistory-Info: <sip:+34611111111@192.0.2.11>;index=1\r\n";
    for (gate, alpha, number, diverted) in [
        (STRANGER, TRUSTED, "+34600000001", false),
        (TRUSTED, TRUSTED, "+34699999999", true),
        (TRUSTED, STRANGER, "", false),
    ] {
        let invite = sent(plan(gate, alpha), PLAIN, claims);
        let asserted = told(&invite, Name::PAssertedIdentity).unwrap_or_default();
        let expected = if number.is_empty() { String::new() } else { format!("<sip:{number}@us>") };
        assert_eq!(asserted, expected);
        assert_eq!(told(&invite, Name::From).as_deref(), Some("<sip:+34600000001@us>"));
        let passed = [Name::Diversion, Name::HistoryInfo].map(|name| invite.header(name).is_some());
        assert_eq!(passed, [diverted; 2], "{gate:?} {alpha:?}");
    }
}

#[test]
fn privacy_is_passed_or_ignored_as_the_gate_is_configured() {
    let privacy = |privacy| IdentityPolicy { privacy, ..STRANGER };
    let from = "<sip:+34600000001@us>";
    for (gate, alpha, shown, wish, identity) in [
        (privacy(PrivacyPolicy::Pass), TRUSTED, from, true, Some(from)),
        (privacy(PrivacyPolicy::Pass), STRANGER, ANONYMOUS, true, None),
        (privacy(PrivacyPolicy::Ignore), TRUSTED, from, false, Some(from)),
        (privacy(PrivacyPolicy::Ignore), STRANGER, from, false, None),
    ] {
        let invite = sent(plan(gate, alpha), PLAIN, "Privacy: id\r\n");
        assert_eq!(told(&invite, Name::From).as_deref(), Some(shown), "{gate:?} {alpha:?}");
        assert_eq!(invite.header(Name::Privacy).is_some(), wish, "{gate:?} {alpha:?}");
        assert_eq!(told(&invite, Name::PAssertedIdentity).as_deref(), identity, "{gate:?} {alpha:?}");
    }
}

#[test]
fn a_gate_shows_numbers_of_its_own_only() {
    let signature = "Identity: eyJhbGciOiJFUzI1NiJ9.x.y;info=<https://c.example/c.pem>;alg=ES256\r\n";
    let own = |default: Option<&str>| {
        let mut plan = plan(STRANGER, TRUSTED);
        plan.gates[0].caller_numbers = vec!["34911".into()];
        plan.gates[0].default_caller = default.map(|number| number.parse().unwrap());
        plan
    };
    for (from, extra, default, shown, identity, signed) in [
        ("<sip:+34911000001@h>", "", Some("34911000000"), "+34911000001", "+34911000001", true),
        ("<sip:0034911000001@h>", "", None, "0034911000001", "0034911000001", true),
        (PLAIN, "", Some("34911000000"), "+34911000000", "+34911000000", false),
        ("\"Bank\" <sip:bank@h>", "", Some("34911000000"), "+34911000000", "+34911000000", false),
        // What it prefers counts as what From says: if it is its own.
        (PLAIN, "P-Preferred-Identity: <sip:+34911000002@h>\r\n", None, "", "+34911000002", false),
        (
            PLAIN,
            "P-Preferred-Identity: <tel:+44700>\r\n",
            Some("34911000000"),
            "+34911000000",
            "+34911000000",
            false,
        ),
        (PLAIN, "P-Asserted-Identity: <sip:+34911000002@h>\r\n", None, "", "", false),
    ] {
        let invite = sent(own(default), from, &format!("{extra}{signature}"));
        let expected = if shown.is_empty() { ANONYMOUS.to_owned() } else { format!("<sip:{shown}@us>") };
        assert_eq!(told(&invite, Name::From), Some(expected), "{from} {extra}");
        let expected = (!identity.is_empty()).then(|| format!("<sip:{identity}@us>"));
        assert_eq!(told(&invite, Name::PAssertedIdentity), expected, "{from} {extra}");
        assert_eq!(invite.header(Name::Identity).is_some(), signed, "{from} {extra}");
    }
}
