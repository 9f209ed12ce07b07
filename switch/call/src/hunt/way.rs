//! The parties to dial, in order, as the admission of a call says.

use std::sync::Arc;

use route::OurNumber;

use crate::destination::{Callee, Destination};
use crate::event::Admission;

/// One party to dial, and why it is there.
pub(super) struct Place {
    /// None if the configuration no longer has it.
    pub callee: Option<Callee>,
    /// It charges more than the call brings.
    pub is_loss: bool,
    /// The CDR's `route_reason`.
    pub reason: Box<str>,
}

impl Admission {
    /// The party at a place from 0; none after the last.
    pub(super) fn at(&self, place: usize) -> Option<Place> {
        match self {
            Self::Carriers { plan, carriers } => {
                let step = plan.steps.get(place)?;
                let callee = carriers.by_id(step.carrier).map(Arc::clone).map(Callee::Carrier);
                Some(Place { callee, is_loss: step.is_loss, reason: plan.reason(step).to_string().into() })
            }
            Self::Number(callee) if place == 0 => {
                let OurNumber { e164, account, target } = &*callee.number;
                let reason = format!("number {e164} of {account} rings {target}").into();
                Some(Place { callee: Some(Callee::Number(Arc::clone(callee))), is_loss: false, reason })
            }
            Self::Number(_) => None,
            Self::SipAccount(callee) => {
                callee.contacts.get(place)?;
                let (name, account) = (&callee.account.name, &callee.account.account);
                let reason = match callee.number.as_deref() {
                    Some(OurNumber { e164, account, target }) => {
                        format!("number {e164} of {account} rings {target}")
                    }
                    None => format!("SIP account {name} of {account}"),
                };
                let callee = Some(Callee::Contact(Arc::clone(callee), place));
                Some(Place { callee, is_loss: false, reason: reason.into() })
            }
        }
    }

    /// Whether the party at a place is dialled together with the one before it.
    pub(super) fn rings_with_previous(&self, place: usize) -> bool {
        match self {
            Self::Carriers { .. } | Self::Number(_) => false,
            Self::SipAccount(callee) => callee.rings_with_previous(place),
        }
    }

    pub(super) fn destination(&self) -> Destination {
        match self {
            Self::Carriers { .. } => Destination::Carriers,
            Self::Number(callee) => Destination::Number(Arc::clone(&callee.number)),
            Self::SipAccount(callee) => match &callee.number {
                Some(number) => Destination::Number(Arc::clone(number)),
                None => Destination::SipAccount(Arc::clone(&callee.account)),
            },
        }
    }

    /// Carriers left out, as `beta (down), gamma (full)`.
    pub(super) fn left_out(&self) -> Box<str> {
        let Self::Carriers { plan, carriers } = self else { return Box::default() };
        let one = |&(id, why): &(route::CarrierId, route::LeftOut)| {
            format!("{} ({why})", carriers.name(id).map_or("?", |name| &**name))
        };
        plan.left_out.iter().map(one).collect::<Vec<_>>().join(", ").into()
    }
}
