//! Messages of call signalling as we write them, with what H.245 tunnels in them.

use super::state::{Call, Link, Output, Role};
use crate::asn1::H225_V4;
use crate::asn1::h225::{
    AlertingUUIE, CallIdentifier, CallProceedingUUIE, ConnectUUIE, EndpointType, FacilityReason,
    FacilityUUIE, GatewayInfo, H221NonStandard, H323UUPDU, H323UUPDUH323MessageBody as Body,
    H323UserInformation, ProgressUUIE, ReleaseCompleteUUIE, SupportedProtocols, TransportAddress,
    VendorIdentifier, VoiceCaps,
};
use crate::q931::{IeId, MessageType, MessageWriter};
use crate::{address, causes};
use units::Cause;

/// H.245 messages in one message of call signalling.
const TUNNELLED_MAX: usize = 16;

/// What goes into every answer to a Setup.
#[derive(Default)]
pub(super) struct Answer {
    pub fast_start: Option<Vec<Vec<u8>>>,
    pub fast_refused: bool,
    pub h245_address: Option<TransportAddress>,
}

// === impl Call ===

impl Call {
    /// Sends a message, with all of H.245 that waits to be tunnelled.
    pub(super) fn send(&mut self, kind: MessageType, elements: &[(IeId, Vec<u8>)], body: Body) {
        let mut tunnelled = Vec::new();
        while self.link == Link::Tunnelled
            && tunnelled.len() < TUNNELLED_MAX
            && let Some(message) = self.control.poll_message()
        {
            tunnelled.push(message);
        }
        let tunnels = self.settings.tunnelling && self.peer_tunnels != Some(false);
        let info = H323UserInformation {
            h323_uu_pdu: H323UUPDU {
                h323_message_body: body,
                h245_tunnelling: Some(tunnels),
                h245_control: Some(tunnelled).filter(|messages| !messages.is_empty()),
                ..H323UUPDU::default()
            },
            ..H323UserInformation::default()
        };
        let mut writer = MessageWriter::new(kind, self.ids.reference, self.role == Role::Callee);
        for (id, content) in elements {
            writer = writer.element(*id, content);
        }
        // what we say of ourselves fits: only ids, bounded numbers and addresses are in it
        if let Ok(frame) = writer.finish(&info) {
            self.outputs.push_back(Output::Signalling(frame));
        }
    }

    /// H.245 that nothing else carries.
    pub(super) fn send_tunnelled(&mut self) {
        self.send(MessageType::Facility, &[(IeId::Facility, Vec::new())], Body::Empty);
    }

    /// Asks the peer to connect to our H.245 listener.
    pub(super) fn send_start_h245(&mut self) {
        let body = Body::Facility(Box::new(FacilityUUIE {
            protocol_identifier: H225_V4,
            conference_id: Some(self.ids.conference_id),
            reason: FacilityReason::StartH245,
            call_identifier: self.call_identifier(),
            h245_address: self.control_address.map(address::h225),
            multiple_calls: Some(false),
            maintain_connection: Some(false),
            ..FacilityUUIE::default()
        }));
        self.send(MessageType::Facility, &[(IeId::Facility, Vec::new())], body);
    }

    pub(super) fn call_identifier(&self) -> Option<CallIdentifier> {
        Some(CallIdentifier { guid: self.ids.call_id })
    }

    /// What we are: a gateway for voice.
    pub(super) fn endpoint(&self) -> EndpointType {
        endpoint(self.settings.product)
    }

    pub(super) fn call_proceeding(&self, answer: Answer) -> Body {
        Body::CallProceeding(Box::new(CallProceedingUUIE {
            protocol_identifier: H225_V4,
            destination_info: self.endpoint(),
            h245_address: answer.h245_address,
            call_identifier: self.call_identifier(),
            fast_start: answer.fast_start,
            multiple_calls: Some(false),
            maintain_connection: Some(false),
            fast_connect_refused: answer.fast_refused.then_some(()),
            ..CallProceedingUUIE::default()
        }))
    }

    pub(super) fn alerting(&self, answer: Answer) -> Body {
        Body::Alerting(Box::new(AlertingUUIE {
            protocol_identifier: H225_V4,
            destination_info: self.endpoint(),
            h245_address: answer.h245_address,
            call_identifier: self.call_identifier(),
            fast_start: answer.fast_start,
            multiple_calls: Some(false),
            maintain_connection: Some(false),
            fast_connect_refused: answer.fast_refused.then_some(()),
            ..AlertingUUIE::default()
        }))
    }

    pub(super) fn progress_body(&self, answer: Answer) -> Body {
        Body::Progress(Box::new(ProgressUUIE {
            protocol_identifier: H225_V4,
            destination_info: self.endpoint(),
            h245_address: answer.h245_address,
            call_identifier: CallIdentifier { guid: self.ids.call_id },
            fast_start: answer.fast_start,
            multiple_calls: Some(false),
            maintain_connection: Some(false),
            fast_connect_refused: answer.fast_refused.then_some(()),
            ..ProgressUUIE::default()
        }))
    }

    pub(super) fn connect(&self, answer: Answer) -> Body {
        Body::Connect(Box::new(ConnectUUIE {
            protocol_identifier: H225_V4,
            h245_address: answer.h245_address,
            destination_info: self.endpoint(),
            conference_id: self.ids.conference_id,
            call_identifier: self.call_identifier(),
            fast_start: answer.fast_start,
            multiple_calls: Some(false),
            maintain_connection: Some(false),
            fast_connect_refused: answer.fast_refused.then_some(()),
            ..ConnectUUIE::default()
        }))
    }

    pub(super) fn release_body(&self, cause: Cause) -> Body {
        Body::ReleaseComplete(Box::new(ReleaseCompleteUUIE {
            protocol_identifier: H225_V4,
            reason: Some(causes::reason(cause)),
            call_identifier: self.call_identifier(),
            ..ReleaseCompleteUUIE::default()
        }))
    }
}

/// A gateway for voice, by its product's name.
pub fn endpoint(product: &str) -> EndpointType {
    EndpointType {
        vendor: Some(Box::new(VendorIdentifier {
            // no manufacturer's number of T.35 is ours
            vendor: H221NonStandard { t35_country_code: 0, t35_extension: 0, manufacturer_code: 0 },
            product_id: Some(product.bytes().take(256).collect()),
            version_id: Some(env!("CARGO_PKG_VERSION").bytes().collect()),
            ..VendorIdentifier::default()
        })),
        gateway: Some(Box::new(GatewayInfo {
            protocol: Some(vec![SupportedProtocols::Voice(Box::new(VoiceCaps {
                supported_prefixes: Some(Vec::new()),
                ..VoiceCaps::default()
            }))]),
            ..GatewayInfo::default()
        })),
        ..EndpointType::default()
    }
}
