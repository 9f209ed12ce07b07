//! Calls to a number of ours: what it rings, where that is, and who pays, by the functions that the switch
//! itself decides by.

use std::sync::Arc;

use ::route::{Carrier, Gate, NumberTarget, OurNumber};
use call::{Destination, Origin, who_pays};
use units::{Cause, Now};
use web::documents::{RouteDoc, RouteNumberDoc};

use super::ground::{Ground, refuse};

/// A call from a carrier: nothing but a number of ours is for it.
pub(crate) fn look_from_carrier(carrier: &Arc<Carrier>, to: &str, now: Now, ground: &Ground<'_>) -> RouteDoc {
    let mut outlook = RouteDoc {
        source: ground.source.to_owned(),
        gate: String::new(),
        carrier: Some(carrier.name.to_string()),
        account: String::new(),
        to: to.to_owned(),
        to_e164: None,
        number: None,
        at: now.wall.rfc3339(),
        codecs: carrier.codecs.iter().map(|codec| codec.name().to_owned()).collect(),
        price: None,
        lease: None,
        available: None,
        route: None,
        carriers: Vec::new(),
        left_out: Vec::new(),
        refused: ground.live.as_ref().and_then(|live| live.unready.clone()),
    };
    match ground.numbers.find_dialled(to) {
        Some(number) => {
            outlook.to_e164 = Some(number.e164.to_string());
            outlook.account = number.account.to_string();
            ring(
                ground,
                &Origin::Carrier(Arc::clone(carrier), Arc::clone(number)),
                number,
                "inbound",
                &mut outlook,
            );
        }
        None => refuse(&mut outlook, 404, Cause::UNALLOCATED, "it is not a number of ours".to_owned()),
    }
    outlook
}

/// A call from a gate, its owner's or another customer's.
pub(super) fn ring_from_gate(
    ground: &Ground<'_>,
    gate: &Gate,
    number: &Arc<OurNumber>,
    outlook: &mut RouteDoc,
) {
    if let Some(gate) = ground.gates.by_id(gate.id) {
        ring(ground, &Origin::Gate(Arc::clone(gate)), number, "internal", outlook);
    }
}

fn ring(
    ground: &Ground<'_>,
    origin: &Origin,
    number: &Arc<OurNumber>,
    direction: &str,
    outlook: &mut RouteDoc,
) {
    let address = match &number.target {
        NumberTarget::Gate(name) => ground.gates.by_name(name).and_then(|gate| gate.called_at()),
        NumberTarget::Uri(uri) => Some(uri.target.clone()),
    };
    if address.is_none() {
        refuse(outlook, 480, Cause::SUBSCRIBER_ABSENT, format!("{} has no address to call", number.target));
    }
    outlook.number = Some(RouteNumberDoc {
        e164: number.e164.to_string(),
        account: number.account.to_string(),
        target: number.target.to_string(),
        address: address.map(|target| target.to_string()),
        direction: direction.to_owned(),
        pays: who_pays(origin, &Destination::Number(Arc::clone(number))).words().to_owned(),
    });
}
