//! The call's record: everything that is known of it, in the contract's names.

use rating::cdr::Attempt;
use rating::{CallId, Cdr};
use route::AttemptEnd;
use units::{Currency, Name, Now};

use crate::call::{Call, End, Tried, TriedEnd};
use crate::event::{HangupBy, Settled};

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
}

impl Call {
    /// The CDR of a call that is still up, as its `open` record keeps it for the case that the node is lost.
    pub fn open_cdr(&self, now: Now) -> Cdr {
        let mut cdr = self.facts(now);
        cdr.answered_at = self.answered().map(|at| at.wall);
        cdr.hangup_by = "switch".into();
        cdr.sip_status = 200;
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
        let known = Cdr::new(CallId(self.id), &none, &self.gate.account, &self.gate.name, Currency::EUR, self.started.wall);
        Cdr {
            caller: self.caller.to_string(),
            called: self.called.to_string(),
            called_e164: self.number.map(|number| number.to_string()).unwrap_or_default(),
            codec_a: self.codec_a.map(|codec| codec.name().to_owned()),
            codec_b: self.codec_b.map(|codec| codec.name().to_owned()),
            carrier: self.attempts.last().map(|tried| tried.carrier.name.clone()),
            attempts: self.attempts.iter().map(Tried::record).collect(),
            ended_at: ended.wall,
            pdd_ms: self.pdd_ms,
            route_reason: (!self.route_reason.is_empty()).then(|| self.route_reason.to_string()),
            ..known
        }
    }
}

impl Tried {
    fn record(&self) -> Attempt {
        let (status, reason) = match self.end {
            TriedEnd::UnderWay => (None, "under way".to_owned()),
            TriedEnd::Answered => (Some(200), "answered".to_owned()),
            TriedEnd::Abandoned => (None, "abandoned".to_owned()),
            TriedEnd::BadAnswer => (Some(200), "answer outside the offer".to_owned()),
            TriedEnd::Failed(end @ AttemptEnd::NoDialog) => (Some(200), end.to_string()),
            TriedEnd::Failed(AttemptEnd::Status(status)) => (Some(status), format!("refused with {status}")),
            TriedEnd::Failed(end) => (None, end.to_string()),
        };
        Attempt {
            carrier: self.carrier.name.clone(),
            started_at: self.started_at,
            status,
            cause: self.cause,
            reason,
            pdd_ms: self.pdd_ms,
            cost: None,
        }
    }
}
