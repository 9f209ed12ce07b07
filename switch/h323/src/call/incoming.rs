//! A Setup that came: who calls whom, or why not.

use super::facts::{CallIds, Deadlines, SetupInfo};
use super::fast_start::{self, FastStart};
use super::settings::Settings;
use super::state::{Call, Link, Output, Phase, Role};
use crate::address;
use crate::asn1::h225::{
    AliasAddress, EndpointType, H323UUPDU, H323UUPDUH323MessageBody as Body, PartyNumber,
    PresentationIndicator, ScreeningIndicator, SetupUUIE, SetupUUIEConferenceGoal as Goal,
};
use crate::h245::Control;
use crate::q931::{
    CalledParty, CallingParty, CauseIe, IeId, Message, MessageType, MessageWriter, Presentation, Screening,
    ia5_text,
};
use std::collections::VecDeque;
use units::{Cause, Tick};

/// Characters kept of a name.
const NAME_MAX: usize = 64;
const ALIASES_MAX: usize = 16;

/// A Setup that makes no call.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// What to send before the connection is closed.
    pub frame: Option<Vec<u8>>,
    /// Why, for the log.
    pub why: &'static str,
}

impl Call {
    /// Takes a Setup: the content of a TPKT frame. `seed` is random.
    ///
    /// Errors: a Release Complete to send, where one can be made.
    pub fn incoming(now: Tick, settings: Settings, seed: u64, frame: &[u8]) -> Result<Self, Refused> {
        let message = Message::parse(frame).map_err(|_| Refused { frame: None, why: "no Q.931 message" })?;
        let refuse = |cause: Cause, why| Refused { frame: release_complete(&message, cause), why };
        if message.kind != MessageType::Setup || message.from_destination || message.call_reference == 0 {
            return Err(refuse(Cause(81), "a message without a call"));
        }
        let info =
            message.user_user().map_err(|_| refuse(Cause::PROTOCOL, "a Setup without H.225.0 in it"))?;
        let pdu = info.h323_uu_pdu;
        let Body::Setup(setup) = &pdu.h323_message_body else {
            return Err(refuse(Cause::PROTOCOL, "a Setup that holds another message"));
        };
        match setup.conference_goal {
            Goal::CapabilityNegotiation | Goal::CallIndependentSupplementaryService => {
                return Err(refuse(Cause(29), "a Setup without a call"));
            }
            _ => {}
        }
        let control = Control::new(settings.timers.control(), seed);
        let mut call = Self {
            role: Role::Callee,
            phase: Phase::Setup,
            ids: CallIds {
                reference: message.call_reference,
                call_id: setup.call_identifier.as_ref().map_or(setup.conference_id, |id| id.guid),
                conference_id: setup.conference_id,
            },
            setup: None,
            local: None,
            fast_start: FastStart::None,
            peer_tunnels: Some(pdu.h245_tunnelling == Some(true)),
            link: Link::None,
            control_address: None,
            peer_control: None,
            control,
            told_media: None,
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            settings,
        };
        let channels = fast_start::channels(setup.fast_start.as_deref().unwrap_or_default());
        let mut facts = facts(&message, setup);
        if call.settings.fast_start && !channels.is_empty() {
            facts.offers = fast_start::offers(&channels);
            call.fast_start = FastStart::Offered(channels);
        } else if setup.fast_start.is_some() {
            call.fast_start = FastStart::Refused;
        }
        call.setup = Some(Box::new(facts));
        call.begin(now, &pdu);
        Ok(call)
    }

    fn begin(&mut self, now: Tick, pdu: &H323UUPDU) {
        if self.is_tunnelled() {
            self.handle_tunnelled(now, pdu);
        } else {
            self.link = Link::Listening;
            self.outputs.push_back(Output::ListenControl);
        }
        self.flush(now);
    }
}

/// A Release Complete for a message that has no call here; none for one that ends a call, or belongs to none.
pub fn release_complete(message: &Message<'_>, cause: Cause) -> Option<Vec<u8>> {
    if message.kind == MessageType::ReleaseComplete || message.call_reference == 0 {
        return None;
    }
    let cause = CauseIe { cause, location: 0 };
    MessageWriter::new(MessageType::ReleaseComplete, message.call_reference, !message.from_destination)
        .element(IeId::Cause, &cause.content())
        .finish_bare()
        .ok()
}

fn facts(message: &Message<'_>, setup: &SetupUUIE) -> SetupInfo {
    let called = setup.destination_address.as_deref().unwrap_or_default();
    let called_ie = message.element(IeId::CalledParty).and_then(CalledParty::parse);
    let digits = called.iter().find_map(alias_digits).filter(|digits| !digits.is_empty());
    let display = message.element(IeId::Display).map(ia5_text).filter(|name| !name.is_empty());
    SetupInfo {
        called: digits.or(called_ie.map(|party| party.digits)).unwrap_or_default(),
        called_aliases: called.iter().take(ALIASES_MAX).filter_map(alias_text).collect(),
        calling: calling(message, setup),
        display: display.or_else(|| names(setup).next()).map(shortened),
        product: product(&setup.source_info),
        source: setup.source_call_signal_address.as_ref().and_then(address::of_h225),
        offers: Vec::new(),
        media_wait_for_connect: setup.media_wait_for_connect == Some(true),
        multiple_calls: setup.multiple_calls == Some(true),
    }
}

/// The calling number: of Q.931 first, then of H.225.0; what either says of privacy holds.
fn calling(message: &Message<'_>, setup: &SetupUUIE) -> CallingParty {
    let mut party = message.element(IeId::CallingParty).and_then(CallingParty::parse).unwrap_or_default();
    if party.digits.is_empty() {
        let source = setup.source_address.as_deref().unwrap_or_default();
        party.digits = source.iter().find_map(alias_digits).unwrap_or_default();
    }
    let indicated = setup.presentation_indicator.as_ref().and_then(|indicator| match indicator {
        PresentationIndicator::PresentationAllowed => Some(Presentation::Allowed),
        PresentationIndicator::PresentationRestricted => Some(Presentation::Restricted),
        PresentationIndicator::AddressNotAvailable => Some(Presentation::NotAvailable),
        PresentationIndicator::UnknownExtension(..) => None,
    });
    party.presentation = match (party.presentation, indicated) {
        (Some(Presentation::Restricted), _) | (_, Some(Presentation::Restricted)) => {
            Some(Presentation::Restricted)
        }
        (said, indicated) => said.or(indicated),
    };
    party.screening = party.screening.or(setup.screening_indicator.and_then(|indicator| match indicator {
        ScreeningIndicator::UserProvidedNotScreened => Some(Screening::UserNotScreened),
        ScreeningIndicator::UserProvidedVerifiedAndPassed => Some(Screening::UserPassed),
        ScreeningIndicator::UserProvidedVerifiedAndFailed => Some(Screening::UserFailed),
        ScreeningIndicator::NetworkProvided => Some(Screening::Network),
        ScreeningIndicator::UnknownExtension(_) => None,
    }));
    party
}

/// The digits of an alias that is a number.
pub fn alias_digits(alias: &AliasAddress) -> Option<String> {
    match alias {
        AliasAddress::DialledDigits(digits) => Some(digits.clone()),
        AliasAddress::PartyNumber(PartyNumber::E164Number(number)) => {
            Some(number.public_number_digits.clone())
        }
        AliasAddress::PartyNumber(PartyNumber::PrivateNumber(number)) => {
            Some(number.private_number_digits.clone())
        }
        _ => None,
    }
}

/// An alias as text.
pub fn alias_text(alias: &AliasAddress) -> Option<String> {
    match alias {
        AliasAddress::H323ID(text) | AliasAddress::UrlID(text) | AliasAddress::EmailID(text) => {
            Some(shortened(text.clone()))
        }
        _ => alias_digits(alias),
    }
}

fn names(setup: &SetupUUIE) -> impl Iterator<Item = String> {
    let source = setup.source_address.as_deref().unwrap_or_default();
    source.iter().filter_map(|alias| match alias {
        AliasAddress::H323ID(name) => Some(name.clone()),
        _ => None,
    })
}

/// What an endpoint calls its product, as ASCII.
pub fn product(endpoint: &EndpointType) -> Option<String> {
    let vendor = endpoint.vendor.as_ref()?;
    let part = |octets: &Option<Vec<u8>>| octets.as_deref().map(ia5_text).filter(|text| !text.is_empty());
    let (product, version) = (part(&vendor.product_id)?, part(&vendor.version_id));
    Some(shortened(version.map_or(product.clone(), |version| format!("{product} {version}"))))
}

fn shortened(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
}
