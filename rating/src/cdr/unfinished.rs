//! What the `open` record of a call keeps of its call record: that which neither its price nor its end will
//! tell.

use std::net::IpAddr;

use ledger::{OpenCall, RecordError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use units::{Name, Wall};

use super::{Attempt, Cdr, Direction, PartyKind, Protocol};

/// The fields of a [`Cdr`] that are known at the answer and never again if the node is lost, under the same
/// names.
#[derive(Debug, Serialize, Deserialize)]
struct Unfinished {
    node: Name,
    caller: String,
    called: String,
    called_e164: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codec_a: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codec_b: Option<String>,
    call_id_a: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_id_b: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carrier: Option<Name>,
    attempts: Vec<Attempt>,
    #[serde(with = "units::wall_text")]
    started_at: Wall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pdd_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    route_reason: Option<String>,
    transport_a: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transport_b: Option<Name>,
    #[serde(default, skip_serializing_if = "is_default")]
    direction: Direction,
    #[serde(default)]
    origin: Name,
    #[serde(default, skip_serializing_if = "is_default")]
    origin_kind: PartyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_kind: Option<PartyKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sip_account: Option<Name>,
    #[serde(default, skip_serializing_if = "is_default")]
    protocol_a: Protocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    protocol_b: Option<Protocol>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_ip_a: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_ip_b: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent_a: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent_b: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attestation: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verstat: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h323_call_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h323_conference_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
}

/// What most calls have is not written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Cdr {
    /// What an `open` record keeps of it.
    pub fn into_unfinished(self) -> Result<Box<RawValue>, RecordError> {
        let Self { node, caller, called, called_e164, codec_a, codec_b, .. } = self;
        let Self { call_id_a, call_id_b, carrier, attempts, started_at, pdd_ms, .. } = self;
        let Self { route_reason, transport_a, transport_b, direction, origin, origin_kind, .. } = self;
        let Self { destination_kind, number, sip_account, protocol_a, protocol_b, .. } = self;
        let Self { source_ip_a, source_ip_b, user_agent_a, user_agent_b, .. } = self;
        let Self { attestation, verstat, h323_call_id, h323_conference_id, decision, .. } = self;
        let unfinished = Unfinished {
            node,
            caller,
            called,
            called_e164,
            codec_a,
            codec_b,
            call_id_a,
            call_id_b,
            carrier,
            attempts,
            started_at,
            pdd_ms,
            route_reason,
            transport_a,
            transport_b,
            direction,
            origin,
            origin_kind,
            destination_kind,
            number,
            sip_account,
            protocol_a,
            protocol_b,
            source_ip_a,
            source_ip_b,
            user_agent_a,
            user_agent_b,
            attestation,
            verstat,
            h323_call_id,
            h323_conference_id,
            decision,
        };
        /// Of a call over one carrier, with names of some length.
        const LENGTH: usize = 1_024;
        Ok(ledger::json::to_raw(&unfinished, LENGTH)?)
    }

    /// The record of a call that was up when its node was lost: answered, hung up by the switch; price,
    /// duration and end are still to come.
    pub fn of_lost(lost: &OpenCall) -> Result<Self, RecordError> {
        let open = &lost.open;
        let known: Unfinished = serde_json::from_str(open.cdr.get())?;
        let new = Self::new(
            open.call,
            &known.node,
            &lost.account,
            &open.gate,
            open.price.currency,
            known.started_at,
        );
        Ok(Self {
            caller: known.caller,
            called: known.called,
            called_e164: known.called_e164,
            codec_a: known.codec_a,
            codec_b: known.codec_b,
            call_id_a: known.call_id_a,
            call_id_b: known.call_id_b,
            carrier: known.carrier,
            attempts: known.attempts,
            answered_at: Some(open.answered_at),
            pdd_ms: known.pdd_ms,
            hangup_by: "switch".into(),
            sip_status: 200,
            route_reason: known.route_reason,
            transport_a: known.transport_a,
            transport_b: known.transport_b,
            direction: known.direction,
            origin: known.origin,
            origin_kind: known.origin_kind,
            destination_kind: known.destination_kind,
            number: known.number,
            sip_account: known.sip_account,
            protocol_a: known.protocol_a,
            protocol_b: known.protocol_b,
            source_ip_a: known.source_ip_a,
            source_ip_b: known.source_ip_b,
            user_agent_a: known.user_agent_a,
            user_agent_b: known.user_agent_b,
            attestation: known.attestation,
            verstat: known.verstat,
            h323_call_id: known.h323_call_id,
            h323_conference_id: known.h323_conference_id,
            decision: known.decision,
            ..new
        })
    }
}
