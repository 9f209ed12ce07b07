//! The call's record: everything that is known of it, in the contract's names.

use std::net::IpAddr;

use rating::cdr::{Attempt, Protocol};
use rating::{CallId, Cdr};
use route::AttemptEnd;
use units::{Currency, Name, Now};

use crate::call::Call;
use crate::destination::Destination;
use crate::event::{HangupBy, Settled};
use crate::payer::{direction, who_pays};
use crate::phase::{End, Tried, TriedEnd};
use crate::refusal::Refusal;

/// What only the legs know.
#[derive(Debug, Clone, Default)]
pub struct LegFacts {
    /// `node.name`.
    pub node: Option<Name>,
    /// Call-ID of the caller's leg.
    pub call_id_a: String,
    /// Call-ID of the last carrier's leg.
    pub call_id_b: Option<String>,
    /// `udp`, `tcp` or `tls`.
    pub transport_a: &'static str,
    /// The same of the carrier's leg.
    pub transport_b: Option<&'static str>,
    /// Of the caller's leg.
    pub protocol_a: Protocol,
    /// Of the called leg, if there was one.
    pub protocol_b: Option<Protocol>,
    /// Address that the caller's INVITE came from.
    pub source_ip_a: Option<IpAddr>,
    /// Address that the last called party was dialled at, or answered from.
    pub source_ip_b: Option<IpAddr>,
    /// The caller's User-Agent.
    pub user_agent_a: Option<Name>,
    /// The called party's Server or User-Agent.
    pub user_agent_b: Option<Name>,
    /// `callIdentifier` and `conferenceID` of the leg that speaks H.323, the caller's first.
    pub h323_ids: Option<([u8; 16], [u8; 16])>,
    /// How much is said of the caller's number, by its signature or by ours.
    pub attestation: Option<&'static str>,
    /// What came of verifying it.
    pub verstat: Option<&'static str>,
}

/// Adds what the legs know.
pub fn complete(cdr: &mut Cdr, facts: LegFacts) {
    if let Some(node) = facts.node {
        cdr.node = node;
    }
    cdr.call_id_a = facts.call_id_a;
    cdr.call_id_b = facts.call_id_b;
    cdr.transport_a = facts.transport_a.into();
    cdr.transport_b = facts.transport_b.map(Into::into);
    cdr.protocol_a = facts.protocol_a;
    cdr.protocol_b = facts.protocol_b;
    cdr.source_ip_a = facts.source_ip_a;
    cdr.source_ip_b = facts.source_ip_b;
    cdr.user_agent_a = facts.user_agent_a;
    cdr.user_agent_b = facts.user_agent_b;
    let (call, conference) = facts.h323_ids.unzip();
    let hex = |id: [u8; 16]| format!("{:032x}", u128::from_be_bytes(id));
    (cdr.h323_call_id, cdr.h323_conference_id) = (call.map(hex), conference.map(hex));
    cdr.attestation = facts.attestation.map(Into::into);
    cdr.verstat = facts.verstat.map(Into::into);
}

impl Call {
    /// The CDR of a call that is still up, as its `open` record keeps it for the case that the node is lost.
    pub fn open_cdr(&self, now: Now) -> Cdr {
        let mut cdr = self.facts(now);
        cdr.answered_at = self.answered().map(|at| at.wall);
        cdr.hangup_by = "switch".into();
        cdr.sip_status = Refusal::NONE;
        cdr
    }

    pub(crate) fn cdr(&self, end: &End, settled: &Settled) -> Cdr {
        let mut cdr = self.facts(end.at);
        cdr.answered_at = end.answered.map(|at| at.wall);
        cdr.hangup_by = match end.by {
            HangupBy::Caller => "caller",
            HangupBy::Carrier => "callee",
            HangupBy::Switch | HangupBy::Shutdown => "switch",
            HangupBy::Operator => "operator",
        }
        .into();
        cdr.cause_q850 = end.cause;
        cdr.sip_status = end.status;
        cdr.reason = end.reason.into();
        match settled {
            Settled::Untouched(balance) => {
                cdr.currency = balance.currency;
                cdr.balance_before = balance.amount;
                cdr.balance_after = balance.amount;
                if let Some(price) = &self.price {
                    cdr.set_price(price);
                }
            }
            Settled::Lease(settlement) => {
                cdr.set_settlement(settlement);
                // A lease that was answered for a call that was not.
                cdr.answered_at = end.answered.map(|at| at.wall);
                if let (Some(_), Some(attempt)) = (&settlement.cost, cdr.attempts.last_mut()) {
                    attempt.cost = cdr.cost;
                }
            }
        }
        cdr
    }

    fn facts(&self, ended: Now) -> Cdr {
        let none = Name::from("");
        let known = Cdr::new(
            CallId(self.id),
            &none,
            self.account(),
            &self.gate_name(),
            Currency::EUR,
            self.started.wall,
        );
        Cdr {
            caller: self.caller.to_string(),
            called: self.called.to_string(),
            called_e164: self.number.map(|number| number.to_string()).unwrap_or_default(),
            codec_a: self.codecs.caller.map(|codec| codec.name().to_owned()),
            codec_b: self.codecs.called.map(|codec| codec.name().to_owned()),
            carrier: self
                .attempts
                .last()
                .and_then(|tried| tried.callee.carrier())
                .map(|carrier| carrier.name.clone()),
            attempts: self.attempts.iter().map(Tried::record).collect(),
            ended_at: ended.wall,
            pdd_ms: self.pdd_ms,
            route_reason: (!self.route_reason.is_empty()).then(|| self.route_reason.to_string()),
            direction: direction(&self.origin, self.destination.as_ref()),
            origin: self.origin.name().clone(),
            origin_kind: self.origin.kind(),
            sip_account: self.sip_account(),
            destination_kind: self.destination.as_ref().map(Destination::kind),
            number: self
                .destination
                .as_ref()
                .and_then(Destination::number)
                .map(|number| number.e164.to_string()),
            decision: self.decision(),
            ..known
        }
    }

    /// The SIP account that rings; else the one that calls.
    fn sip_account(&self) -> Option<Name> {
        let rung = self.destination.as_ref().and_then(Destination::sip_account);
        let calling = || self.origin.gate().filter(|gate| gate.is_sip_account()).map(|gate| &gate.name);
        rung.or_else(calling).cloned()
    }

    /// Why it went where it did and who pays, in one line: what the contract calls the decision trace.
    fn decision(&self) -> Option<String> {
        let destination = self.destination.as_ref()?;
        let (kind, name, pays) =
            (self.origin.kind().as_str(), self.origin.name(), who_pays(&self.origin, destination).words());
        let mut text = match destination {
            Destination::Carriers => format!("from {kind} {name} to carriers: {pays}"),
            Destination::Number(number) => {
                format!(
                    "from {kind} {name} to number {} of {}, which rings {}: {pays}",
                    number.e164, number.account, number.target
                )
            }
            Destination::SipAccount(account) => {
                format!("from {kind} {name} to SIP account {} of {}: {pays}", account.name, account.account)
            }
        };
        if !self.left_out.is_empty() {
            text.push_str("; left out: ");
            text.push_str(&self.left_out);
        }
        Some(text)
    }
}

impl Tried {
    fn record(&self) -> Attempt {
        let (status, reason) = match self.end {
            TriedEnd::UnderWay => (None, "under way".to_owned()),
            TriedEnd::Answered => (Some(Refusal::NONE), "answered".to_owned()),
            TriedEnd::Abandoned => (None, "abandoned".to_owned()),
            TriedEnd::BadAnswer => (Some(Refusal::NONE), "answer outside the offer".to_owned()),
            TriedEnd::Failed(end @ AttemptEnd::NoDialog) => (Some(Refusal::NONE), end.to_string()),
            TriedEnd::Failed(AttemptEnd::Status(status)) => (Some(status), format!("refused with {status}")),
            TriedEnd::Failed(end) => (None, end.to_string()),
        };
        Attempt {
            carrier: self.callee.name(),
            started_at: self.started_at,
            status,
            cause: self.cause,
            reason,
            pdd_ms: self.pdd_ms,
            cost: None,
        }
    }
}
