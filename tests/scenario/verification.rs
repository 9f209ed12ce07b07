//! Signatures of callers' numbers as they come in (RFC 8224 §6.2): good ones, bad ones, certificates that
//! come late or never.

use std::sync::Arc;

use node::{Certificate, Input};
use rating::Cdr;
use route::{IdentityPolicy, Verification};
use sip::Name;
use stir::{Attestation, CertificateUrl, CredentialFault, Fault};
use tests::plan::{Plan, number};
use tests::signers::TestSigner;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, PBX, Stage, addr};

const URL: &str = "https://cert.example.org/pbx.pem";
const CALLED: &str = "34600000000";
const CALLER: &str = "34600000001";

struct Scene {
    stage: Stage,
    signer: TestSigner,
}

impl Scene {
    fn new(verify: Verification) -> Self {
        let mut plan = Plan::standard();
        plan.gates[0].identity = IdentityPolicy { verify, ..IdentityPolicy::default() };
        Self { stage: Stage::new(plan), signer: TestSigner::new(URL) }
    }

    fn now(&self) -> i64 {
        self.stage.now.wall.0 / 1_000
    }

    /// A good header, of this moment.
    fn header(&self) -> String {
        self.signer.header(Attestation::A, CALLER, CALLED, self.now())
    }

    fn calls(&mut self, extra: &str) -> Phone {
        let mut phone = self.stage.phone(&format!("c{}", self.stage.cdrs.len()), CALLED);
        phone.invite_with(&mut self.stage, extra);
        phone
    }

    /// The driver brings the certificate that was asked for.
    fn certificate(&mut self) {
        let credential = self.signer.credential(&self.signer.root, self.now());
        self.brings(credential.map_err(Fault::from));
    }

    fn brings(&mut self, outcome: Result<Arc<stir::Credential>, Fault>) {
        let url = CertificateUrl::parse(URL).expect("url");
        self.stage.input(Input::Certificate(Certificate { url, outcome, keep_secs: 600 }));
    }

    /// How often the driver was asked for the certificate.
    fn asked(&mut self) -> usize {
        std::mem::take(&mut self.stage.certificates).len()
    }

    /// The call rings at the carrier, and its caller gives up.
    fn rings_and_ends(&mut self, phone: Phone) -> Arc<Cdr> {
        let callee = Callee::wait(&mut self.stage, ALPHA);
        self.ends(phone, callee)
    }

    fn ends(&mut self, mut phone: Phone, mut callee: Callee) -> Arc<Cdr> {
        callee.ring(&mut self.stage);
        phone.cancel(&mut self.stage);
        let cancel = self.stage.expect(addr(ALPHA), "CANCEL");
        callee.answer_to(&mut self.stage, &cancel, 200, None);
        callee.reply(&mut self.stage, 487, "", None);
        phone.refused(&mut self.stage, 487);
        Arc::clone(self.stage.cdrs.last().expect("a record"))
    }

    /// The call is refused; its record.
    fn refused(&mut self, mut phone: Phone, status: u16) -> Arc<Cdr> {
        phone.refused(&mut self.stage, status);
        let cdr = Arc::clone(self.stage.cdrs.last().expect("a record"));
        assert_eq!((cdr.sip_status, cdr.amount), (status, 0));
        assert!(cdr.attempts.is_empty());
        cdr
    }
}

fn found(cdr: &Cdr) -> (Option<&str>, Option<&str>) {
    (cdr.verstat.as_deref(), cdr.attestation.as_deref())
}

const PASSED: Option<&str> = Some("TN-Validation-Passed");
const FAILED: Option<&str> = Some("TN-Validation-Failed");
const NONE: Option<&str> = Some("No-TN-Validation");

#[test]
fn a_good_signature_passes_and_the_certificate_is_asked_for_once() {
    let mut scene = Scene::new(Verification::Reject);
    let header = scene.header();
    let phone = scene.calls(&header);
    scene.stage.advance(200);
    scene.stage.expect(addr(PBX), "100 INVITE");
    scene.stage.silence(addr(ALPHA));
    assert_eq!(scene.asked(), 1);
    let header = scene.header();
    let mut second = scene.stage.phone("other", CALLED);
    second.invite_with(&mut scene.stage, &header);
    assert_eq!(scene.asked(), 0, "it is on its way");
    scene.certificate();
    let callees = [Callee::wait(&mut scene.stage, ALPHA), Callee::wait(&mut scene.stage, ALPHA)];
    for (phone, callee) in [phone, second].into_iter().zip(callees) {
        assert_eq!(found(&scene.ends(phone, callee)), (PASSED, Some("A")));
    }
    // From now on nobody waits, for as long as it holds.
    scene.stage.advance(60_000);
    let header = scene.header();
    let third = scene.calls(&header);
    assert_eq!(scene.asked(), 0);
    assert_eq!(found(&scene.rings_and_ends(third)), (PASSED, Some("A")));
    scene.stage.advance(600_000);
    let header = scene.header();
    scene.calls(&header);
    assert_eq!(scene.asked(), 1);
}

/// Each bad one with the answer of RFC 8224 §6.2.2; where it is only logged, the call goes on.
#[test]
fn bad_signatures_are_refused_each_in_its_way() {
    let other = TestSigner::new(URL);
    let now = Scene::new(Verification::Log).now();
    let good = TestSigner::new(URL);
    let header = |orig, dest, iat| good.header(Attestation::A, orig, dest, iat);
    let good_one = header(CALLER, CALLED, now);
    let cases = [
        (String::new(), 428, NONE, "identity-missing"),
        (good_one.replace("alg=ES256", "alg=RS256"), 428, NONE, "identity-missing"),
        (good_one.replace("ppt=shaken", "ppt=div"), 428, NONE, "identity-missing"),
        ("Identity: nonsense;ppt=shaken\r\n".to_owned(), 438, FAILED, "identity-malformed"),
        (format!("{good_one}{good_one}"), 438, FAILED, "identity-malformed"),
        (good_one.replace("/pbx.pem>", "/other.pem>"), 436, FAILED, "identity-certificate-unavailable"),
        (header("34600000002", CALLED, now), 438, FAILED, "identity-mismatch"),
        (header(CALLER, "34600000009", now), 438, FAILED, "identity-mismatch"),
        (header(CALLER, CALLED, now - 61), 403, FAILED, "identity-stale"),
        (header(CALLER, CALLED, now + 61), 403, FAILED, "identity-stale"),
        (other.header(Attestation::A, CALLER, CALLED, now), 438, FAILED, "identity-signature"),
    ];
    for verify in [Verification::Reject, Verification::Log] {
        for (header, status, verstat, word) in &cases {
            let mut scene = Scene::new(verify);
            scene.signer = good.clone();
            let phone = scene.calls(header);
            if *word == "identity-signature" {
                scene.certificate();
            }
            let cdr = if verify == Verification::Reject {
                let cdr = scene.refused(phone, *status);
                assert_eq!(&*cdr.reason, *word, "{header}");
                cdr
            } else {
                scene.rings_and_ends(phone)
            };
            assert_eq!(found(&cdr), (*verstat, None), "{header}");
            scene.stage.over();
        }
    }
}

#[test]
fn a_stale_date_is_said_in_the_words_of_the_rfc() {
    let mut scene = Scene::new(Verification::Reject);
    let old = scene.signer.header(Attestation::A, CALLER, CALLED, scene.now() - 3_600);
    let mut phone = scene.calls(&old);
    let refusal = phone.refused(&mut scene.stage, 403);
    assert!(refusal.as_bytes().starts_with(b"SIP/2.0 403 Stale Date\r\n"));
}

#[test]
fn a_certificate_that_is_not_believed_or_does_not_come_verifies_nothing() {
    let refused = |fault: CredentialFault| Err(Fault::Credential(fault));
    for (outcome, status, verstat) in [
        (refused(CredentialFault::Chain("UnknownIssuer".into())), 437, FAILED),
        (refused(CredentialFault::NotNow), 437, FAILED),
        (Err(Fault::Fetch("10.0.0.1 is no public address".into())), 436, NONE),
    ] {
        for verify in [Verification::Reject, Verification::Log] {
            let mut scene = Scene::new(verify);
            let header = scene.header();
            let phone = scene.calls(&header);
            scene.brings(outcome.clone());
            let cdr = match verify {
                Verification::Reject => scene.refused(phone, status),
                Verification::Log | Verification::Off => scene.rings_and_ends(phone),
            };
            assert_eq!(found(&cdr), (verstat, None), "{outcome:?}");
            // That is remembered too.
            scene.calls(&header);
            assert_eq!(scene.asked(), 1, "once for both calls");
        }
    }
}

#[test]
fn a_call_waits_for_two_and_a_half_seconds_at_most() {
    for verify in [Verification::Reject, Verification::Log] {
        let mut scene = Scene::new(verify);
        let header = scene.header();
        let phone = scene.calls(&header);
        scene.stage.advance(2_499);
        scene.stage.silence(addr(ALPHA));
        scene.stage.advance(1);
        let cdr = match verify {
            Verification::Reject => scene.refused(phone, 436),
            Verification::Log | Verification::Off => scene.rings_and_ends(phone),
        };
        assert_eq!(found(&cdr), (NONE, None));
        // It comes at last: nobody waits any more.
        scene.certificate();
        scene.stage.over();
    }
}

#[test]
fn a_caller_may_give_up_while_its_call_waits() {
    let mut scene = Scene::new(Verification::Reject);
    let header = scene.header();
    let mut phone = scene.calls(&header);
    phone.cancel(&mut scene.stage);
    phone.expect(&mut scene.stage, "200 CANCEL");
    let cdr = scene.refused(phone, 487);
    assert_eq!(cdr.verstat.as_deref(), NONE);
    scene.certificate();
    scene.stage.silence(addr(ALPHA));
    scene.stage.over();
}

#[test]
fn an_operator_or_the_end_of_the_process_ends_a_call_that_waits() {
    let mut scene = Scene::new(Verification::Log);
    let header = scene.header();
    let phone = scene.calls(&header);
    scene.stage.input(Input::Stop);
    scene.refused(phone, 503);
    scene.certificate();
    scene.stage.silence(addr(ALPHA));
    scene.stage.over();
}

#[test]
fn a_reload_forgets_certificates_and_leaves_waiting_calls_their_time() {
    let mut scene = Scene::new(Verification::Reject);
    let header = scene.header();
    let phone = scene.calls(&header);
    scene.stage.reload();
    // It was verified by roots that are no more.
    scene.certificate();
    scene.stage.silence(addr(ALPHA));
    scene.stage.advance(2_500);
    scene.refused(phone, 436);
    assert_eq!(scene.asked(), 1);
    let header = scene.header();
    let phone = scene.calls(&header);
    assert_eq!(scene.asked(), 1);
    scene.certificate();
    assert_eq!(found(&scene.rings_and_ends(phone)), (PASSED, Some("A")));
}

/// A carrier's call to a number of ours; the number that a trusted one asserts is the one that is shown.
#[test]
fn a_carriers_signature_is_of_the_number_that_is_shown() {
    for (trust, orig, passed) in [
        (false, CALLER, true),
        (false, "34600000009", false),
        (true, "34600000009", true),
        (true, CALLER, false),
    ] {
        let mut plan = Plan::standard();
        let verify = Verification::Reject;
        plan.carriers[0].identity = IdentityPolicy { trust, verify, ..IdentityPolicy::default() };
        plan.numbers = vec![number("34911000001", "acme", "gate:acme-pbx")];
        // Trusted sides are told.
        plan.gates[0].identity.trust = true;
        let mut scene = Scene { stage: Stage::new(plan), signer: TestSigner::new(URL) };
        let header = scene.signer.header(Attestation::C, orig, "34911000001", scene.now());
        let mut phone = Phone::new(addr(ALPHA), "n1", "34911000001");
        let asserted = "P-Asserted-Identity: <sip:+34600000009@198.51.100.1>\r\n";
        phone.invite_with(&mut scene.stage, &format!("{asserted}{header}"));
        if passed {
            scene.certificate();
            let invite = Callee::wait(&mut scene.stage, PBX).invite;
            let told = invite.header(Name::PAssertedIdentity).expect("P-Asserted-Identity");
            assert_eq!(told, format!("<sip:+{orig};verstat=TN-Validation-Passed@192.0.2.1:5060>"));
        } else {
            scene.refused(phone, 438);
        }
    }
}

/// Long and repeated headers, and whatever else stands there: an answer, and nothing billed.
#[test]
fn attack_49_hostile_identity_headers_are_answered() {
    let good = Scene::new(Verification::Log).header();
    let long = format!("Identity: {}\r\n", "a".repeat(30_000));
    let many = good.repeat(20);
    let dots = format!("Identity: {};ppt=shaken\r\n", ".".repeat(5_000));
    let brackets = format!("Identity: x.y.z;info=<{};ppt=shaken\r\n", "<".repeat(5_000));
    let file = good.replace(URL, "file:///dev/random");
    for header in [&*long, &*many, &*dots, &*brackets, &*file, "Identity:\r\n", "Identity: ;;;=\r\n"] {
        let mut scene = Scene::new(Verification::Reject);
        let phone = scene.calls(header);
        let answer = scene.stage.inbox(addr(PBX)).pop().expect("an answer");
        assert!(matches!(answer.status(), 400 | 428 | 436 | 438), "{}: {header:.100}", answer.status());
        assert_eq!(scene.asked(), 0);
        drop(phone);
        scene.stage.silence(addr(ALPHA));
    }
}
