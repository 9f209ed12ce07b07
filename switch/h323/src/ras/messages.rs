//! RAS requests that we make as an endpoint.

use super::settings::{Admission, RasSettings};
use crate::asn1::H225_V4;
use crate::asn1::h225::{
    AdmissionRequest, AliasAddress, CallIdentifier, CallModel, CallType, DisengageReason, DisengageRequest,
    EndpointType, GatekeeperRequest, InfoRequestResponse, InfoRequestResponsePerCallInfoItem, RasMessage,
    RegistrationRequest, SupportedPrefix, SupportedProtocols, TransportChannelInfo, UnregistrationRequest,
    VendorIdentifier,
};
use crate::asn1::h235::AuthenticationMechanism;
use crate::call::{CallIds, dialled, endpoint};
use crate::{address, per};

/// Units of 100 bit/s: G.711 both ways.
pub const BANDWIDTH: u32 = 1280;
/// MD5 and HMAC-SHA1-96 as a gatekeeper request offers them.
const ALGORITHMS: [per::Oid; 2] =
    [per::Oid::of(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5]), per::Oid::of(&[0, 8, 0x81, 0x6b, 0, 2, 6])];

/// A number as dialled digits, everything else as a name.
pub fn alias(text: &str) -> AliasAddress {
    let is_number =
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | ','));
    if is_number {
        AliasAddress::DialledDigits(text.chars().take(128).collect())
    } else {
        AliasAddress::H323ID(text.chars().take(128).collect())
    }
}

fn aliases(settings: &RasSettings) -> Option<Vec<AliasAddress>> {
    let aliases: Vec<AliasAddress> = settings.aliases.iter().map(|text| alias(text)).collect();
    Some(aliases).filter(|aliases| !aliases.is_empty())
}

/// A gateway for voice, with the prefixes that it serves.
fn gateway(settings: &RasSettings) -> EndpointType {
    let mut kind = endpoint(settings.product);
    if let Some(gateway) = &mut kind.gateway
        && let Some([SupportedProtocols::Voice(voice)]) = gateway.protocol.as_deref_mut()
    {
        let prefixes = settings.prefixes.iter().map(|prefix| SupportedPrefix {
            prefix: AliasAddress::DialledDigits(dialled(prefix)),
            ..SupportedPrefix::default()
        });
        voice.supported_prefixes = Some(prefixes.collect());
    }
    kind
}

fn vendor(settings: &RasSettings) -> VendorIdentifier {
    endpoint(settings.product).vendor.map(|vendor| *vendor).unwrap_or_default()
}

pub fn discover(settings: &RasSettings, number: u16) -> RasMessage {
    let has_secret = settings.secret.is_some();
    RasMessage::GatekeeperRequest(Box::new(GatekeeperRequest {
        request_seq_num: number,
        protocol_identifier: H225_V4,
        ras_address: address::h225(settings.ras),
        endpoint_type: gateway(settings),
        gatekeeper_identifier: settings.gatekeeper_id.clone(),
        endpoint_alias: aliases(settings),
        authentication_capability: has_secret.then(|| vec![AuthenticationMechanism::PwdHash]),
        algorithm_oi_ds: has_secret.then(|| ALGORITHMS.to_vec()),
        supports_alt_gk: Some(()),
        ..GatekeeperRequest::default()
    }))
}

/// A registration; with the endpoint's id a lightweight one that keeps it alive.
pub fn register(
    settings: &RasSettings,
    number: u16,
    keep: Option<&str>,
    gatekeeper: Option<&str>,
) -> RasMessage {
    RasMessage::RegistrationRequest(Box::new(RegistrationRequest {
        request_seq_num: number,
        protocol_identifier: H225_V4,
        discovery_complete: settings.discover,
        call_signal_address: vec![address::h225(settings.signalling)],
        ras_address: vec![address::h225(settings.ras)],
        terminal_type: gateway(settings),
        terminal_alias: if keep.is_some() { None } else { aliases(settings) },
        gatekeeper_identifier: gatekeeper.map(str::to_owned),
        endpoint_vendor: vendor(settings),
        time_to_live: Some(settings.ttl_s.max(1)),
        keep_alive: Some(keep.is_some()),
        endpoint_identifier: keep.map(str::to_owned),
        will_supply_uui_es: Some(false),
        maintain_connection: Some(false),
        supports_alt_gk: Some(()),
        ..RegistrationRequest::default()
    }))
}

pub fn unregister(settings: &RasSettings, number: u16, id: &str) -> RasMessage {
    RasMessage::UnregistrationRequest(Box::new(UnregistrationRequest {
        request_seq_num: number,
        call_signal_address: vec![address::h225(settings.signalling)],
        endpoint_identifier: Some(id.to_owned()),
        ..UnregistrationRequest::default()
    }))
}

pub fn admit(settings: &RasSettings, number: u16, id: &str, admission: &Admission) -> RasMessage {
    let calling = dialled(&admission.calling);
    let source = if calling.is_empty() {
        aliases(settings).unwrap_or_default()
    } else {
        vec![AliasAddress::DialledDigits(calling)]
    };
    RasMessage::AdmissionRequest(Box::new(AdmissionRequest {
        request_seq_num: number,
        call_type: CallType::PointToPoint,
        call_model: Some(CallModel::Direct),
        endpoint_identifier: id.to_owned(),
        destination_info: Some(vec![AliasAddress::DialledDigits(dialled(&admission.called))])
            .filter(|_| !dialled(&admission.called).is_empty()),
        src_info: source,
        src_call_signal_address: Some(address::h225(settings.signalling)),
        band_width: BANDWIDTH,
        call_reference_value: admission.ids.reference,
        conference_id: admission.ids.conference_id,
        active_mc: false,
        answer_call: admission.is_answer,
        can_map_alias: Some(true),
        call_identifier: Some(CallIdentifier { guid: admission.ids.call_id }),
        will_supply_uui_es: Some(false),
        ..AdmissionRequest::default()
    }))
}

pub fn disengage(number: u16, id: &str, ids: &CallIds, is_answer: bool) -> RasMessage {
    RasMessage::DisengageRequest(Box::new(DisengageRequest {
        request_seq_num: number,
        endpoint_identifier: id.to_owned(),
        conference_id: ids.conference_id,
        call_reference_value: ids.reference,
        disengage_reason: DisengageReason::NormalDrop,
        call_identifier: Some(CallIdentifier { guid: ids.call_id }),
        answered_call: Some(is_answer),
        ..DisengageRequest::default()
    }))
}

/// Our calls, as an Info Request asks for them or as they are reported by themselves.
pub fn report<'a>(
    settings: &RasSettings,
    number: u16,
    id: &str,
    calls: impl Iterator<Item = (&'a CallIds, bool)>,
    is_unsolicited: bool,
) -> RasMessage {
    let calls: Vec<InfoRequestResponsePerCallInfoItem> = calls
        .map(|(ids, is_answer)| InfoRequestResponsePerCallInfoItem {
            call_reference_value: ids.reference,
            conference_id: ids.conference_id,
            originator: Some(!is_answer),
            h245: TransportChannelInfo::default(),
            call_signalling: TransportChannelInfo {
                recv_address: Some(address::h225(settings.signalling)),
                ..TransportChannelInfo::default()
            },
            call_type: CallType::PointToPoint,
            band_width: BANDWIDTH,
            call_model: CallModel::Direct,
            call_identifier: Some(CallIdentifier { guid: ids.call_id }),
            ..InfoRequestResponsePerCallInfoItem::default()
        })
        .collect();
    RasMessage::InfoRequestResponse(Box::new(InfoRequestResponse {
        request_seq_num: number,
        endpoint_type: gateway(settings),
        endpoint_identifier: id.to_owned(),
        ras_address: address::h225(settings.ras),
        call_signal_address: vec![address::h225(settings.signalling)],
        endpoint_alias: aliases(settings),
        per_call_info: Some(calls).filter(|calls| !calls.is_empty()),
        need_response: Some(false),
        unsolicited: Some(is_unsolicited),
        ..InfoRequestResponse::default()
    }))
}
