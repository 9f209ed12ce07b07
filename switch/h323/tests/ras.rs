//! RAS: our registration against a gatekeeper that the test plays.

use h323::asn1::H225_V4;
use h323::asn1::h225::{
    AdmissionConfirm, AdmissionReject, AdmissionRejectReason, AliasAddress, AltGKInfo, AlternateGK,
    CallModel, DisengageRequest, GatekeeperConfirm, InfoRequest, RasMessage, RegistrationConfirm,
    RegistrationReject, RegistrationRejectReason, RequestInProgress, TransportAddress,
    TransportAddressIpAddress, UnregistrationRequest,
};
use h323::call::CallIds;
use h323::per::{decode, encode};
use h323::ras::{Admission, Admitted, RasEvent, RasOutput, RasSettings, Registration};
use std::net::SocketAddr;
use units::{Cause, Now, Tick, Wall};

pub fn at(ms: u64) -> Now {
    Now { tick: Tick(ms * 1000), wall: Wall(1_780_000_000_000 + ms as i64) }
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn transport(text: &str) -> TransportAddress {
    let SocketAddr::V4(v4) = address(text) else { panic!("{text}") };
    TransportAddress::IpAddress(TransportAddressIpAddress { ip: v4.ip().octets(), port: v4.port() })
}

pub const GATEKEEPER: &str = "192.0.2.50:1719";
const OTHER: &str = "192.0.2.51:1719";

pub fn settings() -> RasSettings {
    RasSettings {
        gatekeeper: address(GATEKEEPER),
        gatekeeper_id: None,
        discover: false,
        aliases: vec!["tollgate".into(), "4420".into()],
        prefixes: vec!["44".into()],
        signalling: address("192.0.2.10:1720"),
        ras: address("192.0.2.10:1719"),
        ttl_s: 300,
        secret: None,
        product: "tollgate",
        wait_ms: 3_000,
        tries: 3,
        retry_ms: 30_000,
    }
}

pub fn admission() -> Admission {
    Admission {
        ids: CallIds { reference: 5, call_id: [5; 16], conference_id: [6; 16] },
        called: "442071234567".into(),
        calling: "12025550123".into(),
        is_answer: false,
    }
}

/// A registration and what it put out.
pub struct Client {
    pub registration: Registration,
    pub sent: Vec<(SocketAddr, RasMessage)>,
    events: Vec<RasEvent>,
    ms: u64,
}

impl Client {
    pub fn new(settings: RasSettings) -> Self {
        let mut client = Self {
            registration: Registration::new(settings, 7),
            sent: Vec::new(),
            events: Vec::new(),
            ms: 0,
        };
        client.registration.start(at(0));
        client.drain();
        client
    }

    fn drain(&mut self) {
        while let Some(output) = self.registration.poll_output() {
            match output {
                RasOutput::Send(to, bytes) => self.sent.push((to, decode(&bytes).unwrap())),
                RasOutput::Event(event) => self.events.push(event),
            }
        }
    }

    pub fn take(&mut self) -> (SocketAddr, RasMessage) {
        assert_eq!(self.sent.len(), 1, "{:#?}", self.sent);
        self.sent.remove(0)
    }

    fn give(&mut self, from: &str, message: &RasMessage) {
        let now = at(self.ms);
        self.registration.handle_message(now, address(from), &encode(message).unwrap());
        self.drain();
    }

    pub fn pass_ms(&mut self, ms: u64) {
        let end = self.ms + ms;
        while let Some(due) = self.registration.next_deadline().filter(|due| due.0 <= end * 1000) {
            self.ms = self.ms.max(due.0.div_ceil(1000));
            self.registration.handle_timeout(at(self.ms));
            self.drain();
        }
        self.ms = end;
    }

    fn admit(&mut self, call: u64) {
        self.registration.admit(at(self.ms), call, &admission());
        self.drain();
    }

    /// Registered for `ttl_s`.
    pub fn registered(settings: RasSettings, ttl_s: Option<u32>) -> Self {
        let mut client = Self::new(settings);
        let (_, request) = client.take();
        client.give(GATEKEEPER, &confirm(number(&request), ttl_s, Vec::new()));
        assert_eq!(client.registration.endpoint_id(), Some("ep1"));
        client
    }
}

fn confirm(number: u16, ttl_s: Option<u32>, alternates: Vec<AlternateGK>) -> RasMessage {
    RasMessage::RegistrationConfirm(Box::new(RegistrationConfirm {
        request_seq_num: number,
        protocol_identifier: H225_V4,
        gatekeeper_identifier: Some("gk".into()),
        endpoint_identifier: "ep1".into(),
        time_to_live: ttl_s,
        alternate_gatekeeper: Some(alternates).filter(|list| !list.is_empty()),
        ..RegistrationConfirm::default()
    }))
}

fn refuse(number: u16, reason: RegistrationRejectReason, alternates: Vec<AlternateGK>) -> RasMessage {
    RasMessage::RegistrationReject(Box::new(RegistrationReject {
        request_seq_num: number,
        protocol_identifier: H225_V4,
        reject_reason: reason,
        alt_gk_info: Some(AltGKInfo { alternate_gatekeeper: alternates, alt_g_kis_permanent: false })
            .filter(|info| !info.alternate_gatekeeper.is_empty()),
        ..RegistrationReject::default()
    }))
}

fn alternate(at: &str, priority: u8, need_to_register: bool) -> AlternateGK {
    AlternateGK { ras_address: transport(at), gatekeeper_identifier: None, need_to_register, priority }
}

fn admission_confirm(number: u16, irr_frequency: Option<u16>) -> RasMessage {
    RasMessage::AdmissionConfirm(Box::new(AdmissionConfirm {
        request_seq_num: number,
        band_width: 1280,
        call_model: CallModel::Direct,
        dest_call_signal_address: transport("192.0.2.77:1720"),
        irr_frequency,
        ..AdmissionConfirm::default()
    }))
}

fn number(message: &RasMessage) -> u16 {
    match message {
        RasMessage::GatekeeperRequest(request) => request.request_seq_num,
        RasMessage::RegistrationRequest(request) => request.request_seq_num,
        RasMessage::AdmissionRequest(request) => request.request_seq_num,
        RasMessage::UnregistrationRequest(request) => request.request_seq_num,
        RasMessage::DisengageRequest(request) => request.request_seq_num,
        other => panic!("{other:?}"),
    }
}

#[test]
fn discovery_then_registration_then_the_end() {
    let mut client = Client::new(RasSettings { discover: true, ..settings() });
    let (to, request) = client.take();
    assert!(matches!(request, RasMessage::GatekeeperRequest(_)));
    assert_eq!(to, address(GATEKEEPER));
    client.give(
        GATEKEEPER,
        &RasMessage::GatekeeperConfirm(Box::new(GatekeeperConfirm {
            request_seq_num: number(&request),
            protocol_identifier: H225_V4,
            gatekeeper_identifier: Some("gk".into()),
            ras_address: transport(OTHER),
            ..GatekeeperConfirm::default()
        })),
    );
    let (to, request) = client.take();
    assert_eq!(to, address(OTHER), "where the confirmation says");
    let RasMessage::RegistrationRequest(register) = &request else { panic!("{request:?}") };
    assert_eq!(register.gatekeeper_identifier.as_deref(), Some("gk"));
    assert_eq!(
        register.terminal_alias,
        Some(vec![AliasAddress::H323ID("tollgate".into()), AliasAddress::DialledDigits("4420".into())])
    );
    client.give(OTHER, &confirm(register.request_seq_num, Some(300), Vec::new()));
    assert_eq!(client.events, [RasEvent::Registered(address(OTHER))]);
    client.registration.stop(at(1));
    client.drain();
    let (_, request) = client.take();
    assert!(matches!(request, RasMessage::UnregistrationRequest(_)));
    assert_eq!(client.registration.endpoint_id(), None);
}

#[test]
fn requests_repeat_with_the_same_number() {
    let mut client = Client::new(settings());
    client.pass_ms(20_000);
    let numbers: Vec<u16> = client.sent.iter().map(|(_, message)| number(message)).collect();
    assert_eq!(numbers.len(), 3, "three tries, then a pause");
    assert!(numbers.iter().all(|of| *of == numbers[0]));
    client.sent.clear();
    client.pass_ms(30_000);
    assert_ne!(number(&client.sent[0].1), numbers[0], "a new request after the pause");
}

#[test]
fn a_lightweight_registration_goes_out_at_three_quarters_of_the_time_to_live() {
    let mut client = Client::registered(settings(), Some(100));
    client.pass_ms(74_999);
    assert!(client.sent.is_empty());
    client.pass_ms(1);
    let (_, request) = client.take();
    let RasMessage::RegistrationRequest(keep) = &request else { panic!("{request:?}") };
    assert_eq!((keep.keep_alive, keep.endpoint_identifier.as_deref()), (Some(true), Some("ep1")));
    assert_eq!(keep.terminal_alias, None);
    client.give(GATEKEEPER, &confirm(keep.request_seq_num, Some(100), Vec::new()));
    client.pass_ms(74_000);
    assert!(client.sent.is_empty());
    assert_eq!(client.events.len(), 1, "the same registration is told once");
}

/// A time to live of one second makes no storm.
#[test]
fn rrq_storm_with_tiny_ttl() {
    let mut client = Client::registered(settings(), Some(1));
    for _ in 0..4 {
        client.pass_ms(15_000);
        let (_, request) = client.take();
        client.give(GATEKEEPER, &confirm(number(&request), Some(1), Vec::new()));
    }
    assert_eq!(client.ms, 60_000, "four in a minute: every 15 of 20 seconds");
}

#[test]
fn a_lost_registration_is_made_anew() {
    // refused: a full one is required
    let mut client = Client::registered(settings(), Some(100));
    client.pass_ms(75_000);
    let (_, request) = client.take();
    let reason = RegistrationRejectReason::FullRegistrationRequired;
    client.give(GATEKEEPER, &refuse(number(&request), reason, Vec::new()));
    let (_, request) = client.take();
    let RasMessage::RegistrationRequest(full) = &request else { panic!("{request:?}") };
    assert_eq!(full.keep_alive, Some(false));
    client.give(GATEKEEPER, &confirm(full.request_seq_num, Some(100), Vec::new()));
    assert_eq!(client.events.len(), 3);
    // ended by the gatekeeper: confirmed, then registered again
    let end = UnregistrationRequest { request_seq_num: 9, ..UnregistrationRequest::default() };
    client.give(GATEKEEPER, &RasMessage::UnregistrationRequest(Box::new(end)));
    client.pass_ms(5_000);
    assert!(matches!(client.sent[0].1, RasMessage::UnregistrationConfirm(_)));
    assert!(matches!(client.sent[1].1, RasMessage::RegistrationRequest(_)));
}

#[test]
fn a_stranger_cannot_end_a_registration() {
    let mut client = Client::registered(settings(), Some(100));
    let end = UnregistrationRequest { request_seq_num: 9, ..UnregistrationRequest::default() };
    client.give("198.51.100.1:1719", &RasMessage::UnregistrationRequest(Box::new(end)));
    assert!(client.sent.is_empty(), "and hears nothing");
    assert_eq!(client.registration.endpoint_id(), Some("ep1"));
}

#[test]
fn alternates_are_tried_by_priority() {
    let mut client = Client::new(settings());
    let (_, request) = client.take();
    let list = vec![alternate("192.0.2.53:1719", 9, true), alternate(OTHER, 1, true)];
    client.give(GATEKEEPER, &refuse(number(&request), RegistrationRejectReason::ResourceUnavailable, list));
    let (to, _) = client.take();
    assert_eq!(to, address(OTHER));
    client.pass_ms(9_000);
    assert_eq!(client.sent.last().unwrap().0, address("192.0.2.53:1719"), "the first did not answer");
    client.pass_ms(9_000);
    client.sent.clear();
    client.pass_ms(30_000);
    assert_eq!(client.sent[0].0, address(GATEKEEPER), "after all of them the configured one");
}

/// An alternate that shares its registrations takes over without a new one.
#[test]
fn an_alternate_that_needs_no_registration_is_only_told() {
    let mut client = Client::new(settings());
    let (_, request) = client.take();
    client.give(GATEKEEPER, &confirm(number(&request), Some(100), vec![alternate(OTHER, 0, false)]));
    client.pass_ms(75_000 + 9_000);
    let (to, request) = client.sent.last().unwrap();
    assert_eq!(*to, address(OTHER));
    let RasMessage::RegistrationRequest(keep) = request else { panic!("{request:?}") };
    assert_eq!(keep.keep_alive, Some(true));
    assert_eq!(client.events.last(), Some(&RasEvent::Registered(address(OTHER))));
    assert_eq!(client.registration.endpoint_id(), Some("ep1"));
}

#[test]
fn calls_are_admitted_or_refused() {
    let mut client = Client::registered(settings(), Some(300));
    client.admit(1);
    let (_, request) = client.take();
    let RasMessage::AdmissionRequest(arq) = &request else { panic!("{request:?}") };
    assert_eq!(arq.destination_info, Some(vec![AliasAddress::DialledDigits("442071234567".into())]));
    assert_eq!(arq.src_info, [AliasAddress::DialledDigits("12025550123".into())]);
    assert_eq!(arq.endpoint_identifier, "ep1");
    client.give(GATEKEEPER, &admission_confirm(arq.request_seq_num, None));
    let admitted = Admitted { destination: address("192.0.2.77:1720"), called: None };
    assert_eq!(client.events.last(), Some(&RasEvent::Admitted(1, admitted)));
    for (reason, cause) in [
        (AdmissionRejectReason::CalledPartyNotRegistered, 20),
        (AdmissionRejectReason::ResourceUnavailable, 34),
        (AdmissionRejectReason::IncompleteAddress, 28),
        (AdmissionRejectReason::UnallocatedNumber, 1),
    ] {
        client.admit(2);
        let (_, request) = client.take();
        client.give(
            GATEKEEPER,
            &RasMessage::AdmissionReject(Box::new(AdmissionReject {
                request_seq_num: number(&request),
                reject_reason: reason,
                ..AdmissionReject::default()
            })),
        );
        assert_eq!(client.events.last(), Some(&RasEvent::Refused(2, Cause(cause))));
    }
}

#[test]
fn without_a_registration_or_an_answer_a_call_is_refused() {
    let mut client = Client::new(settings());
    client.admit(1);
    assert_eq!(client.events, [RasEvent::Refused(1, Cause::OUT_OF_ORDER)]);
    let mut client = Client::registered(settings(), Some(300));
    client.admit(2);
    client.pass_ms(8_999);
    assert_eq!(client.events.len(), 1);
    client.pass_ms(1);
    assert_eq!(client.events.last(), Some(&RasEvent::Refused(2, Cause::OUT_OF_ORDER)));
}

#[test]
fn a_request_in_progress_buys_time() {
    let mut client = Client::registered(settings(), Some(300));
    client.admit(1);
    let (_, request) = client.take();
    let rip = RequestInProgress { request_seq_num: number(&request), delay: 20_000, ..Default::default() };
    client.give(GATEKEEPER, &RasMessage::RequestInProgress(Box::new(rip)));
    client.pass_ms(19_000);
    assert!(client.sent.is_empty(), "nothing is repeated while the gatekeeper works");
    client.give(GATEKEEPER, &admission_confirm(number(&request), None));
    assert!(matches!(client.events.last(), Some(RasEvent::Admitted(1, _))));
}

/// An answer from another port of the same host counts; the mapped number is taken.
#[test]
fn acf_without_alias_and_from_another_port() {
    let mut client = Client::registered(settings(), Some(300));
    client.admit(1);
    let (_, request) = client.take();
    client.give("198.51.100.1:1719", &admission_confirm(number(&request), None));
    assert_eq!(client.events.len(), 1, "another host's counts not");
    client.give("192.0.2.50:40000", &admission_confirm(number(&request), None));
    let Some(RasEvent::Admitted(1, admitted)) = client.events.last() else { panic!("{:?}", client.events) };
    assert_eq!(admitted.called, None);
}

#[test]
fn calls_are_reported_and_disengaged() {
    let mut client = Client::registered(settings(), Some(3600));
    client.admit(1);
    let (_, request) = client.take();
    client.give(GATEKEEPER, &admission_confirm(number(&request), Some(60)));
    client.pass_ms(60_000);
    let (_, report) = client.take();
    let RasMessage::InfoRequestResponse(irr) = &report else { panic!("{report:?}") };
    assert_eq!(irr.unsolicited, Some(true));
    assert_eq!(irr.per_call_info.as_ref().unwrap()[0].call_reference_value, 5);
    // asked for, with a reply address that is another host's
    let ask = InfoRequest {
        request_seq_num: 77,
        reply_address: Some(transport("198.51.100.1:9")),
        ..InfoRequest::default()
    };
    client.give("192.0.2.50:1719", &RasMessage::InfoRequest(Box::new(ask)));
    let (to, report) = client.take();
    assert_eq!(to, address(GATEKEEPER), "no reflection");
    let RasMessage::InfoRequestResponse(irr) = &report else { panic!("{report:?}") };
    assert_eq!((irr.request_seq_num, irr.per_call_info.as_ref().map(Vec::len)), (77, Some(1)));
    client.registration.end_call(at(client.ms), 1);
    client.drain();
    let (_, request) = client.take();
    let RasMessage::DisengageRequest(drq) = &request else { panic!("{request:?}") };
    assert_eq!(drq.call_identifier.as_ref().unwrap().guid, [5; 16]);
}

#[test]
fn endpoints_ignoring_drq() {
    let mut client = Client::registered(settings(), Some(3600));
    client.admit(1);
    let (_, request) = client.take();
    client.give(GATEKEEPER, &admission_confirm(number(&request), None));
    client.registration.end_call(at(client.ms), 1);
    client.drain();
    client.pass_ms(60_000);
    assert_eq!(client.sent.len(), 3, "three times, then it is let go");
    assert_eq!(client.registration.endpoint_id(), Some("ep1"));
}

/// The gatekeeper wants the call ended: it is told, and confirmed; the call ends by its signalling.
#[test]
fn drq_of_the_gatekeeper() {
    let mut client = Client::registered(settings(), Some(3600));
    client.admit(1);
    let (_, request) = client.take();
    client.give(GATEKEEPER, &admission_confirm(number(&request), None));
    let drq = DisengageRequest {
        request_seq_num: 3,
        endpoint_identifier: "ep1".into(),
        call_reference_value: 5,
        ..DisengageRequest::default()
    };
    client.give("192.0.2.50:5555", &RasMessage::DisengageRequest(Box::new(drq)));
    assert!(matches!(client.take(), (_, RasMessage::DisengageConfirm(_))));
    assert_eq!(client.events.last(), Some(&RasEvent::Disengaged(1)));
}
