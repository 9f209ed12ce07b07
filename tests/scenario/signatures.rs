//! Our signatures of callers' numbers toward carriers (RFC 8224, RFC 8588), and those that callers bring.

use std::sync::Arc;

use bytes::Bytes;
use node::Signing;
use route::{Cidr, IdentityPolicy};
use sip::{Message, Name};
use stir::{Attestation, Passport};
use tests::plan::{Plan, SIP_DOMAIN, gate, number, sip_account};
use tests::signers::{TestSigner, tn};

use crate::phone::{Callee, Phone};
use crate::sip_accounts::{ALICE, challenged, of_invite};
use crate::stage::{ALPHA, PBX, Stage, addr};

const URL: &str = "https://cert.example.org/tollgate.pem";
const CALLED: &str = "34600000000";
/// Who calls in every test here.
const CALLER: &str = "34600000001";

fn signing(signer: &TestSigner, level_default: Attestation) -> Option<Arc<Signing>> {
    Some(Arc::new(Signing { signer: Arc::clone(&signer.signer), level_default }))
}

/// The standard plan, where we sign.
fn plan(signer: &TestSigner) -> Plan {
    Plan { stir: signing(signer, Attestation::C), ..Plan::standard() }
}

/// The INVITE that alpha gets for one with these headers.
fn sent(stage: &mut Stage, extra: &str) -> Message {
    stage.phone("c1", CALLED).invite_with(stage, extra);
    Callee::wait(stage, ALPHA).invite
}

fn secs(stage: &Stage) -> i64 {
    stage.now.wall.0 / 1_000
}

#[test]
fn a_call_to_a_carrier_is_signed() {
    let signer = TestSigner::new(URL);
    let mut plan = plan(&signer);
    plan.gates[0].caller_numbers = vec!["34600".into()];
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", CALLED);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let invite = callee.invite.clone();
    let value = invite.header(Name::Identity).expect("Identity");
    assert!(value.ends_with(&format!(";info=<{URL}>;alg=ES256;ppt=shaken")), "{value}");
    let passport = signer.verified(value, secs(&stage));
    assert_eq!((passport.attest, &passport.orig), (Attestation::A, &tn(CALLER)));
    assert_eq!((passport.dest, passport.iat), (vec![tn(CALLED)], secs(&stage)));
    assert_eq!(&*passport.origid, signer.signer.origid("gate acme-pbx"));
    assert_eq!(invite.header(Name::Date), Some("Mon, 05 Jan 2026 10:00:00 GMT"));
    assert_eq!(stage.node.take_counters().signed.get("A"), Some(&1));

    // It was asked for another session timer: the new INVITE has a new signature, of a later moment.
    stage.advance(2_000);
    callee.reply(&mut stage, 422, "Min-SE: 3600\r\n", None);
    stage.expect(addr(ALPHA), "ACK");
    let again = Callee::wait(&mut stage, ALPHA).invite;
    let passport = signer.verified(again.header(Name::Identity).expect("Identity"), secs(&stage));
    assert_eq!(passport.iat, secs(&stage));
}

#[test]
fn the_level_says_what_is_known_of_the_number() {
    let signer = TestSigner::new(URL);
    let level = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan(&signer);
        change(&mut plan);
        let mut stage = Stage::new(plan);
        let invite = sent(&mut stage, "");
        let passport = signer.verified(invite.header(Name::Identity).expect("Identity"), secs(&stage));
        (passport.attest, passport.orig.to_string())
    };
    let own = |level| (level, CALLER.to_owned());
    assert_eq!(level(&|_| {}), own(Attestation::C));
    assert_eq!(level(&|plan| plan.stir = signing(&signer, Attestation::B)), own(Attestation::B));
    let rented = |account: &'static str| {
        move |plan: &mut Plan| plan.numbers = vec![number(CALLER, account, "gate:acme-pbx")]
    };
    assert_eq!(level(&rented("acme")), own(Attestation::A));
    assert_eq!(level(&rented("shop")), own(Attestation::C), "another customer's number");
    // A number that it may not show gives way to the one that it has, and is never signed.
    let other = |plan: &mut Plan| {
        plan.gates[0].caller_numbers = vec!["34911".into()];
        plan.gates[0].default_caller = "34911000000".parse().ok();
    };
    assert_eq!(level(&other), (Attestation::A, "34911000000".to_owned()));
}

/// The customer shows credentials, so that it is known, if not its number.
#[test]
fn a_customer_with_credentials_is_known() {
    let signer = TestSigner::new(URL);
    let mut plan = plan(&signer);
    plan.domains = vec![SIP_DOMAIN];
    plan.gates[0].login = sip_account("alice", "acme").login;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", CALLED);
    let challenge = challenged(&mut stage, &mut phone);
    let credentials = of_invite(&phone, &challenge, ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    let invite = Callee::wait(&mut stage, ALPHA).invite;
    let passport = signer.verified(invite.header(Name::Identity).expect("Identity"), secs(&stage));
    assert_eq!(passport.attest, Attestation::B);
}

#[test]
fn nothing_is_signed_without_a_key_nor_for_others_than_carriers() {
    let mut stage = Stage::standard();
    let invite = sent(&mut stage, "");
    assert_eq!((invite.header(Name::Identity), invite.header(Name::Date)), (None, None));

    let signer = TestSigner::new(URL);
    let mut plan = plan(&signer);
    plan.gates.push(gate("shop", "acme", "192.0.2.12"));
    plan.numbers = vec![number("34911000001", "acme", "gate:shop")];
    let mut stage = Stage::new(plan);
    stage.phone("c1", "34911000001").invite(&mut stage);
    let invite = Callee::wait(&mut stage, "192.0.2.12:5060").invite;
    assert_eq!(invite.header(Name::Identity), None);
    // A caller without a number has nothing that could be signed.
    let mut stage = Stage::new(self::plan(&signer));
    let mut phone = stage.phone("c2", CALLED);
    phone.dialog.local = "<sip:alice@192.0.2.11>;tag=c2".to_owned();
    phone.invite(&mut stage);
    assert_eq!(Callee::wait(&mut stage, ALPHA).invite.header(Name::Identity), None);
}

/// A withheld number is in the signature too.
#[test]
fn corner_46_a_withheld_number_is_signed_for_trusted_sides_only() {
    let signer = TestSigner::new(URL);
    for (trust, brought) in [(false, false), (false, true), (true, false)] {
        let mut plan = plan(&signer);
        plan.gates[0].identity = IdentityPolicy { trust: true, ..IdentityPolicy::default() };
        plan.carriers[0].identity = IdentityPolicy { trust, ..IdentityPolicy::default() };
        let mut stage = Stage::new(plan);
        let own = TestSigner::new("https://cert.example.org/pbx.pem");
        let own =
            if brought { own.header(Attestation::A, CALLER, CALLED, secs(&stage)) } else { String::new() };
        let invite = sent(&mut stage, &format!("Privacy: id\r\n{own}"));
        let text = String::from_utf8_lossy(invite.as_bytes()).into_owned();
        if trust {
            let passport = signer.verified(invite.header(Name::Identity).expect("Identity"), secs(&stage));
            assert_eq!(passport.orig, tn(CALLER));
        } else {
            assert_eq!(invite.header(Name::Identity), None, "{text}");
            assert!(!text.contains("00000001"), "{text}");
        }
    }
}

#[test]
fn a_trusted_sides_own_signature_goes_on_if_it_is_of_this_call() {
    let (ours, theirs) = (TestSigner::new(URL), TestSigner::new("https://cert.example.org/pbx.pem"));
    let now = secs(&Stage::standard());
    let header = |orig, dest, iat| theirs.header(Attestation::B, orig, dest, iat);
    for (trust, header, goes_on) in [
        (true, header(CALLER, CALLED, now), true),
        (true, header(CALLER, CALLED, now - 61), false),
        (true, header("34600000002", CALLED, now), false),
        (true, header(CALLER, "34600000009", now), false),
        (true, "Identity: nonsense\r\n".to_owned(), false),
        (false, header(CALLER, CALLED, now), false),
    ] {
        let mut plan = plan(&ours);
        plan.gates[0].identity.trust = trust;
        let mut stage = Stage::new(plan);
        let invite = sent(&mut stage, &header);
        let values: Vec<&str> = invite.values(Name::Identity).collect();
        assert_eq!(values.len(), 1, "{values:?}");
        let signer = Passport::read(values[0]).expect("a PASSporT").x5u.to_string();
        assert_eq!(signer == theirs.url, goes_on, "{trust} {header}");
    }
    // Where we do not sign, what we do not understand passes as ever.
    let mut stage = Stage::standard();
    let invite = sent(&mut stage, "Identity: nonsense\r\n");
    assert_eq!(invite.header(Name::Identity), Some("nonsense"));
}

/// A source in a block of its own, and numbers as its country writes them.
#[test]
fn a_national_number_is_signed_in_international_form() {
    let signer = TestSigner::new(URL);
    let mut plan = plan(&signer);
    plan.gates[0].source = vec![Cidr::parse("192.0.2.11").expect("block")];
    plan.gates[0].numbering = route::Numbering::National("ES".parse().expect("country"));
    plan.gates[0].caller_numbers = vec!["34600".into()];
    let mut stage = Stage::new(plan);
    let mut phone = Phone::new(addr(PBX), "c1", "600000000");
    let bytes = phone.dialog.request("INVITE", "", Some(&phone.sdp("sendrecv")));
    let text =
        String::from_utf8(bytes.to_vec()).expect("text").replace("<sip:+34600000001@", "<sip:600000001@");
    stage.send(addr(PBX), &Bytes::from(text));
    let invite = Callee::wait(&mut stage, ALPHA).invite;
    let passport = signer.verified(invite.header(Name::Identity).expect("Identity"), secs(&stage));
    assert_eq!((passport.orig, passport.dest), (tn(CALLER), vec![tn(CALLED)]));
    assert_eq!(passport.attest, Attestation::A);
}
