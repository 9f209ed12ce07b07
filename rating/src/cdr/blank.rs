//! The record of a call of which nothing is known yet.

use ledger::CallId;
use units::{Cause, Currency, Name, Rate, Rounding, Wall};

use super::{Cdr, Direction, PartyKind, Protocol};

impl Cdr {
    /// A call of which only this is known: nothing billed, nothing tried, cause unspecified.
    pub fn new(
        id: CallId,
        node: &Name,
        account: &Name,
        gate: &Name,
        currency: Currency,
        started_at: Wall,
    ) -> Self {
        Self {
            id: id.to_string(),
            node: node.clone(),
            account: account.clone(),
            gate: gate.clone(),
            ..Self::blank(currency, started_at)
        }
    }

    // What belongs together has one line.
    #[rustfmt::skip]
    fn blank(currency: Currency, started_at: Wall) -> Self {
        let none = Name::default;
        Self {
            id: String::new(),
            node: none(),
            account: none(),
            gate: none(),
            caller: String::new(),
            called: String::new(),
            called_e164: String::new(),
            destination: none(),
            prefix: String::new(),
            deck: none(),
            deck_version: String::new(),
            codec_a: None, codec_b: None,
            call_id_a: String::new(),
            call_id_b: None,
            carrier: None,
            attempts: Vec::new(),
            started_at,
            answered_at: None,
            ended_at: started_at,
            pdd_ms: None,
            duration_ms: 0,
            billed_seconds: 0,
            initial: 0,
            increment: 0,
            rate: Rate::ZERO,
            connect_fee: Rate::ZERO,
            amount: 0,
            currency,
            deck_currency: None,
            exchange_rate: None,
            exchange_at: None,
            segments: Vec::new(),
            rounding: Rounding::HalfUp,
            cost: None,
            cost_currency: None,
            margin: None,
            cost_exchange_rate: None,
            parts: Vec::new(),
            tiers: Vec::new(),
            balance_before: 0,
            balance_after: 0,
            teardown_ms: 0,
            hangup_by: none(),
            cause_q850: Cause::UNSPECIFIED,
            sip_status: 0,
            reason: none(),
            route_reason: None,
            transport_a: none(),
            transport_b: None,
            direction: Direction::default(),
            origin: none(),
            origin_kind: PartyKind::default(),
            destination_kind: None,
            number: None,
            sip_account: None,
            protocol_a: Protocol::default(), protocol_b: None,
            source_ip_a: None, source_ip_b: None,
            user_agent_a: None, user_agent_b: None,
            attestation: None, verstat: None, h323_call_id: None, h323_conference_id: None,
            decision: None,
            media_ip_a: None, media_ip_b: None,
            rtp_packets_a_in: None, rtp_packets_a_out: None, rtp_packets_b_in: None, rtp_packets_b_out: None,
            rtp_lost_a: None, rtp_lost_b: None,
            jitter_ms_a: None, jitter_ms_b: None,
            mos_a: None, mos_b: None, transcoded: None, recording: None,
        }
    }
}
