//! The small gatekeeper against our own registration, against strangers, and by each way of being known.

use crate::ras::{Client, GATEKEEPER, address, admission, at, settings};
use h323::asn1::h225::{AdmissionRequest, DisengageRequest, RasMessage, RegistrationRejectReason};
use h323::per::{decode, encode};
use h323::ras::{
    Admitted, Gatekeeper, GatekeeperEvent, GatekeeperSettings, Member, RasEvent, RasOutput, RasSettings,
    Registration, Scheme, Secret, sealed, verifies,
};
use units::{Now, Tick};

fn gatekeeper(members: Vec<Member>) -> Gatekeeper {
    let settings = GatekeeperSettings {
        id: "tollgate".into(),
        ras: address("192.0.2.50:1719"),
        signalling: address("192.0.2.50:1720"),
        ttl_s: 120,
    };
    Gatekeeper::new(settings, members, 99)
}

/// Our registration at our gatekeeper, as by each way of being known.
#[test]
fn our_registration_at_our_gatekeeper() {
    let secret = |scheme| Secret { id: "pbx1".into(), password: "correct horse".into(), scheme };
    for (secret, by_source) in [
        (None, Some(1)),
        (Some(secret(Scheme::H2351)), None),
        (Some(secret(Scheme::Md5)), None),
        (Some(secret(Scheme::H2351)), Some(1)),
    ] {
        let members = vec![Member { key: 1, aliases: vec!["pbx1".into()], secret: secret.clone() }];
        let mut gatekeeper = gatekeeper(members);
        let us = RasSettings { discover: true, aliases: vec!["pbx1".into()], secret, ..settings() };
        let mut registration = Registration::new(us, 3);
        registration.start(at(0));
        let mut events = Vec::new();
        let mut run = |registration: &mut Registration, gatekeeper: &mut Gatekeeper, now: Now| {
            while let Some(output) = registration.poll_output() {
                match output {
                    RasOutput::Send(_, bytes) => {
                        let from = address("192.0.2.10:1719");
                        let Some((to, answer)) = gatekeeper.handle_message(now, from, by_source, &bytes)
                        else {
                            continue;
                        };
                        assert_eq!(to, from);
                        registration.handle_message(now, address(GATEKEEPER), &answer);
                    }
                    RasOutput::Event(event) => events.push(event),
                }
            }
        };
        run(&mut registration, &mut gatekeeper, at(0));
        assert_eq!(gatekeeper.addresses(1).collect::<Vec<_>>(), [address("192.0.2.10:1720")]);
        registration.admit(at(1), 8, &admission());
        run(&mut registration, &mut gatekeeper, at(1));
        registration.handle_timeout(at(90_000));
        run(&mut registration, &mut gatekeeper, at(90_000));
        gatekeeper.handle_timeout(Tick(200_000_000));
        assert_eq!(gatekeeper.registered(), 1, "kept alive");
        registration.end_call(at(90_001), 8);
        registration.stop(at(90_002));
        run(&mut registration, &mut gatekeeper, at(90_002));
        let admitted = Admitted { destination: address("192.0.2.50:1720"), called: None };
        assert_eq!(events, [RasEvent::Registered(address(GATEKEEPER)), RasEvent::Admitted(8, admitted)]);
        assert_eq!(gatekeeper.registered(), 0);
        let signalling = address("192.0.2.10:1720");
        assert_eq!(gatekeeper.poll_event(), Some(GatekeeperEvent::Registered { key: 1, signalling }));
        assert_eq!(gatekeeper.poll_event(), Some(GatekeeperEvent::Unregistered { key: 1, signalling }));
        assert_eq!(gatekeeper.poll_event(), None);
    }
}

/// The registration that a client sends, sealed.
fn register_bytes(aliases: &[&str], secret: Option<&Secret>, now: Now) -> (Vec<u8>, RasMessage) {
    let us = RasSettings { aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(), ..settings() };
    let client = Client::new(us);
    let mut message = client.sent[0].1.clone();
    let bytes = sealed(&mut message, secret, "tollgate", now.wall, 12345).unwrap();
    (bytes, message)
}

#[test]
fn strangers_and_wrong_passwords_get_silence() {
    let secret = Secret { id: "pbx1".into(), password: "right".into(), scheme: Scheme::H2351 };
    let wrong = Secret { password: "wrong".into(), ..secret.clone() };
    let members = vec![
        Member { key: 1, aliases: vec!["pbx1".into()], secret: Some(secret.clone()) },
        Member { key: 2, aliases: Vec::new(), secret: None },
    ];
    let mut gatekeeper = gatekeeper(members);
    let from = address("192.0.2.10:1719");
    for (aliases, secret) in [(["nobody"], None), (["pbx1"], None), (["pbx1"], Some(&wrong))] {
        let (bytes, _) = register_bytes(&aliases, secret, at(0));
        assert_eq!(gatekeeper.handle_message(at(0), from, None, &bytes), None);
    }
    let (bytes, _) = register_bytes(&["pbx1"], Some(&secret), at(0));
    assert_eq!(gatekeeper.handle_message(at(600_000), from, None, &bytes), None, "an old one, replayed");
    assert!(gatekeeper.handle_message(at(0), from, None, &bytes).is_some());
    let mut changed = bytes.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert_eq!(gatekeeper.handle_message(at(0), from, None, &changed), None, "changed on its way");
    assert_eq!(gatekeeper.handle_message(at(0), from, None, b"\x00"), None);
    assert_eq!(gatekeeper.registered(), 1);
}

/// The hash of a password as gatekeepers make it, by a value from outside: MD5 of the token's encoding.
#[test]
fn tokens_verify_only_with_the_right_secret() {
    for scheme in [Scheme::H2351, Scheme::Md5] {
        let secret = Secret { id: "pbx1".into(), password: "p\u{e4}ss".into(), scheme };
        let (bytes, _) = register_bytes(&["pbx1"], Some(&secret), at(0));
        let message: RasMessage = decode(&bytes).unwrap();
        assert!(verifies(&bytes, &message, &secret, at(0).wall));
        assert!(verifies(&bytes, &message, &secret, at(100_000).wall));
        assert!(!verifies(&bytes, &message, &secret, at(200_000).wall), "too old");
        for wrong in [
            Secret { password: "pass".into(), ..secret.clone() },
            Secret { id: "pbx2".into(), ..secret.clone() },
            Secret {
                scheme: if scheme == Scheme::Md5 { Scheme::H2351 } else { Scheme::Md5 },
                ..secret.clone()
            },
        ] {
            assert!(!verifies(&bytes, &message, &wrong, at(0).wall), "{wrong:?}");
        }
        assert!(!format!("{secret:?}").contains("ss"), "no password in a log");
    }
}

#[test]
fn drq_overtaking_release_complete() {
    let mut gatekeeper = gatekeeper(vec![Member { key: 1, aliases: Vec::new(), secret: None }]);
    let from = address("192.0.2.10:1719");
    let (bytes, _) = register_bytes(&["pbx1"], None, at(0));
    let (_, answer) = gatekeeper.handle_message(at(0), from, Some(1), &bytes).unwrap();
    let RasMessage::RegistrationConfirm(rcf) = decode(&answer).unwrap() else { panic!("no RCF") };
    assert_eq!(rcf.time_to_live, Some(120), "the shorter of both");
    let drq = RasMessage::DisengageRequest(Box::new(DisengageRequest {
        request_seq_num: 2,
        endpoint_identifier: rcf.endpoint_identifier,
        ..DisengageRequest::default()
    }));
    let from = address("192.0.2.10:50000");
    let (to, answer) = gatekeeper.handle_message(at(1), from, Some(1), &encode(&drq).unwrap()).unwrap();
    assert_eq!(to, from);
    assert!(matches!(decode(&answer), Ok(RasMessage::DisengageConfirm(_))));
    while let Some(event) = gatekeeper.poll_event() {
        assert!(matches!(event, GatekeeperEvent::Registered { .. }), "nothing of a call: {event:?}");
    }
    assert_eq!(gatekeeper.info_requests(1).len(), 1);
    gatekeeper.set_members(Vec::new());
    assert_eq!(gatekeeper.registered(), 0);
}

#[test]
fn keep_alives_of_unknown_endpoints_want_a_full_registration() {
    let mut gatekeeper = gatekeeper(vec![Member { key: 1, aliases: Vec::new(), secret: None }]);
    let mut client = Client::registered(settings(), Some(100));
    client.pass_ms(75_000);
    let (_, keep) = client.take();
    let from = address("192.0.2.10:1719");
    let bytes = encode(&keep).unwrap();
    assert_eq!(gatekeeper.handle_message(at(0), from, None, &bytes), None, "a stranger's");
    let (_, answer) = gatekeeper.handle_message(at(0), from, Some(1), &bytes).unwrap();
    let RasMessage::RegistrationReject(reject) = decode(&answer).unwrap() else { panic!("no RRJ") };
    assert_eq!(reject.reject_reason, RegistrationRejectReason::FullRegistrationRequired);
    // a member that is not registered is told so when it asks for a call
    let admit = RasMessage::AdmissionRequest(Box::new(AdmissionRequest {
        request_seq_num: 4,
        endpoint_identifier: "unknown".into(),
        ..AdmissionRequest::default()
    }));
    let (_, answer) = gatekeeper.handle_message(at(0), from, Some(1), &encode(&admit).unwrap()).unwrap();
    assert!(matches!(decode(&answer), Ok(RasMessage::AdmissionReject(_))));
}
