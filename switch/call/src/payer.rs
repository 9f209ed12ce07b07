//! Who pays for a call, and by what price: decided here and nowhere else, from where it comes and where it
//! goes.

use rating::cdr::Direction;

use crate::{Destination, Origin};

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payer {
    /// The caller's account by its deck; without a row there the call is refused.
    Caller,
    /// The caller's account by its deck; without a row there nobody, and the call is still made and recorded.
    CallerIfPriced,
    /// Nobody: a record in the account of the number's owner, 0.00000.
    Nobody,
}

/// Who pays for a call from `origin` to `destination`.
pub const fn who_pays(origin: &Origin, destination: &Destination) -> Payer {
    match (origin, destination) {
        (Origin::Gate(_), Destination::Carriers) => Payer::Caller,
        // A name has no price.
        (Origin::Gate(_), Destination::Number(_) | Destination::SipAccount(_)) => Payer::CallerIfPriced,
        // A carrier has no account here; what it is owed or owes for the call is between it and the operator.
        (
            Origin::Carrier(..),
            Destination::Carriers | Destination::Number(_) | Destination::SipAccount(_),
        ) => Payer::Nobody,
    }
}

/// Which way a call goes; one that was refused before its destination was known counts as what it would be
/// without numbers of ours.
pub(crate) const fn direction(origin: &Origin, destination: Option<&Destination>) -> Direction {
    match (origin, destination) {
        (Origin::Carrier(..), _) => Direction::Inbound,
        (Origin::Gate(_), Some(Destination::Number(_) | Destination::SipAccount(_))) => Direction::Internal,
        (Origin::Gate(_), Some(Destination::Carriers) | None) => Direction::Outbound,
    }
}

// === impl Payer ===

impl Payer {
    /// As the CDR's `decision` and `tollgate route` say it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Caller => "the caller pays by its deck",
            Self::CallerIfPriced => "the caller pays if its deck has a price",
            Self::Nobody => "nobody pays",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use route::{CarrierSpec, Carriers, GateSpec, Gates, NumberTarget, OurNumber};

    use super::*;

    #[test]
    fn the_whole_table() {
        let gates = Gates::new(vec![GateSpec::new("pbx", "acme")], None).expect("gates");
        let carriers =
            Carriers::new(vec![CarrierSpec::new("alpha", "sip:192.0.2.1".parse().expect("target"))], None)
                .expect("carriers");
        let gate = Origin::Gate(Arc::clone(gates.by_name("pbx").expect("gate")));
        let ours = |target| {
            Arc::new(OurNumber {
                e164: "34911000001".parse().expect("number"),
                account: "acme".into(),
                target,
            })
        };
        let number = |target: NumberTarget| Destination::Number(ours(target));
        let alpha = Arc::clone(carriers.by_name("alpha").expect("carrier"));
        let carrier = Origin::Carrier(alpha, ours(NumberTarget::Gate("pbx".into())));
        let to_gate = number(NumberTarget::Gate("pbx".into()));
        let to_uri = number("sip:u@192.0.2.9".parse().expect("target"));
        let to_account = number(NumberTarget::SipAccount("alice".into()));
        let by_name = Destination::SipAccount(Arc::clone(gates.by_name("pbx").expect("gate")));
        let table = [
            (&gate, &Destination::Carriers, Payer::Caller, "outbound", "gate", "carrier"),
            (&gate, &to_gate, Payer::CallerIfPriced, "internal", "gate", "gate"),
            (&gate, &to_uri, Payer::CallerIfPriced, "internal", "gate", "uri"),
            (&gate, &to_account, Payer::CallerIfPriced, "internal", "gate", "sip_account"),
            (&gate, &by_name, Payer::CallerIfPriced, "internal", "gate", "sip_account"),
            (&carrier, &to_account, Payer::Nobody, "inbound", "carrier", "sip_account"),
            (&carrier, &to_gate, Payer::Nobody, "inbound", "carrier", "gate"),
            (&carrier, &to_uri, Payer::Nobody, "inbound", "carrier", "uri"),
        ];
        for (origin, destination, payer, way, from, to) in table {
            assert_eq!(who_pays(origin, destination), payer);
            assert_eq!(direction(origin, Some(destination)).as_str(), way);
            assert_eq!((origin.kind().as_str(), destination.kind().as_str()), (from, to));
        }
        assert_eq!(direction(&gate, None), Direction::Outbound);
    }
}
