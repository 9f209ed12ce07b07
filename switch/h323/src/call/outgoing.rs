//! A call that we make: the Setup.

use super::facts::{CallIds, Deadlines};
use super::fast_start::{self, FastStart};
use super::settings::Settings;
use super::state::{Call, Link, Phase, Role};
use crate::address;
use crate::asn1::H225_V4;
use crate::asn1::h225::{
    AliasAddress, CallIdentifier, CallType, H323UUPDUH323MessageBody as Body, PresentationIndicator,
    ScreeningIndicator, SetupUUIE, SetupUUIEConferenceGoal,
};
use crate::h245::Control;
use crate::media::Local;
use crate::q931::{
    BEARER_SPEECH, CalledParty, CallingParty, IeId, MessageType, Presentation, Screening, TypeOfNumber,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use units::Tick;

/// A call to make.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    /// Its names; drawn at random.
    pub ids: CallIds,
    /// Digits to call, `*` and `#` among them.
    pub called: String,
    /// Type of the called number.
    pub called_kind: TypeOfNumber,
    /// Who calls.
    pub calling: CallingParty,
    /// The caller's name to be shown.
    pub display: Option<String>,
    /// Where the call goes.
    pub destination: SocketAddr,
    /// Where we take call signalling.
    pub source: Option<SocketAddr>,
    /// Our side of the media.
    pub local: Local,
    /// endpointIdentifier of our registration, if a gatekeeper admitted the call.
    pub endpoint_id: Option<String>,
    /// Random.
    pub seed: u64,
}

impl Call {
    /// Makes a call; its first output is the Setup.
    pub fn outgoing(now: Tick, settings: Settings, dial: &Dial) -> Self {
        let mut control = Control::new(settings.timers.control(), dial.seed);
        control.set_local(now, &dial.local);
        let fast_start = if settings.fast_start { fast_start::offer(&dial.local) } else { Vec::new() };
        let mut call = Self {
            role: Role::Caller,
            phase: Phase::Setup,
            ids: dial.ids,
            setup: None,
            local: Some(dial.local.clone()),
            fast_start: if fast_start.is_empty() { FastStart::None } else { FastStart::Offered(Vec::new()) },
            peer_tunnels: None,
            link: Link::None,
            control_address: None,
            peer_control: None,
            control,
            told_media: None,
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            settings,
        };
        let body = call.setup_body(dial, fast_start);
        let mut elements = vec![(IeId::BearerCapability, BEARER_SPEECH.to_vec())];
        if let Some(name) = &dial.display {
            let name: Vec<u8> = name.bytes().filter(|octet| (0x20..0x7f).contains(octet)).take(80).collect();
            elements.push((IeId::Display, name));
        }
        if !dial.calling.digits.is_empty() || dial.calling.presentation.is_some() {
            elements.push((IeId::CallingParty, dial.calling.content()));
        }
        let called = CalledParty { kind: dial.called_kind, plan: 1, digits: dialled(&dial.called) };
        elements.push((IeId::CalledParty, called.content()));
        call.send(MessageType::Setup, &elements, body);
        call.deadlines.phase = Some(now.plus_ms(call.settings.timers.setup_ms));
        call
    }

    fn setup_body(&self, dial: &Dial, fast_start: Vec<Vec<u8>>) -> Body {
        let calling = dialled(&dial.calling.digits);
        let is_shown =
            !matches!(dial.calling.presentation, Some(Presentation::Restricted | Presentation::NotAvailable));
        let mut source = Vec::new();
        if is_shown && !calling.is_empty() {
            source.push(AliasAddress::DialledDigits(calling));
        }
        if let Some(name) = dial.display.as_ref().filter(|name| is_shown && !name.is_empty()) {
            source.push(AliasAddress::H323ID(name.chars().take(64).collect()));
        }
        Body::Setup(Box::new(SetupUUIE {
            protocol_identifier: H225_V4,
            source_address: Some(source).filter(|source| !source.is_empty()),
            source_info: self.endpoint(),
            destination_address: Some(vec![AliasAddress::DialledDigits(dialled(&dial.called))]),
            dest_call_signal_address: Some(address::h225(dial.destination)),
            active_mc: false,
            conference_id: dial.ids.conference_id,
            conference_goal: SetupUUIEConferenceGoal::Create,
            call_type: CallType::PointToPoint,
            source_call_signal_address: dial.source.map(address::h225),
            call_identifier: Some(CallIdentifier { guid: dial.ids.call_id }),
            fast_start: Some(fast_start).filter(|channels| !channels.is_empty()),
            media_wait_for_connect: Some(false),
            can_overlap_send: Some(false),
            endpoint_identifier: dial.endpoint_id.clone(),
            multiple_calls: Some(false),
            maintain_connection: Some(false),
            presentation_indicator: dial.calling.presentation.map(|presentation| match presentation {
                Presentation::Allowed => PresentationIndicator::PresentationAllowed,
                Presentation::Restricted => PresentationIndicator::PresentationRestricted,
                Presentation::NotAvailable => PresentationIndicator::AddressNotAvailable,
            }),
            screening_indicator: dial.calling.screening.map(|screening| match screening {
                Screening::UserNotScreened => ScreeningIndicator::UserProvidedNotScreened,
                Screening::UserPassed => ScreeningIndicator::UserProvidedVerifiedAndPassed,
                Screening::UserFailed => ScreeningIndicator::UserProvidedVerifiedAndFailed,
                Screening::Network => ScreeningIndicator::NetworkProvided,
            }),
            ..SetupUUIE::default()
        }))
    }
}

/// The characters of a number that H.225.0 knows.
pub fn dialled(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | ',')).take(128).collect()
}
