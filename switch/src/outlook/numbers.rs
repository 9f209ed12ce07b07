//! Calls to a number of ours: what it rings, where that is, and who pays, by the functions that the switch
//! itself decides by.

use std::sync::Arc;

use ::route::{Carrier, Gate, NumberTarget, OurNumber};
use call::{Destination, Origin, who_pays};
use units::{Cause, Now};
use web::documents::{RegistrationDoc, RouteDoc, RouteNumberDoc};

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

/// A call from a gate to a SIP account of its customer by its name.
pub(super) fn ring_by_name(ground: &Ground<'_>, gate: &Gate, account: &Arc<Gate>, outlook: &mut RouteDoc) {
    let Some(gate) = ground.gates.by_id(gate.id) else { return };
    let destination = Destination::SipAccount(Arc::clone(account));
    outlook.number = Some(RouteNumberDoc {
        e164: String::new(),
        account: account.account.to_string(),
        target: NumberTarget::SipAccount(account.name.clone()).to_string(),
        address: contacts(ground, &account.name, outlook),
        direction: "internal".to_owned(),
        pays: who_pays(&Origin::Gate(Arc::clone(gate)), &destination).words().to_owned(),
    });
}

fn ring(
    ground: &Ground<'_>,
    origin: &Origin,
    number: &Arc<OurNumber>,
    direction: &str,
    outlook: &mut RouteDoc,
) {
    let target = match &number.target {
        NumberTarget::Gate(name) => ground.gates.by_name(name).and_then(|gate| gate.called_at()),
        NumberTarget::SipAccount(_) => None,
        NumberTarget::Uri(uri) => Some(uri.target.clone()),
        NumberTarget::H323(target) => Some(target.clone()),
    };
    let address = match (&number.target, target) {
        (NumberTarget::SipAccount(name), _) => contacts(ground, name, outlook),
        (_, Some(target)) => Some(target.to_string()),
        (target, None) => {
            refuse(outlook, 480, Cause::SUBSCRIBER_ABSENT, format!("{target} has no address to call"));
            None
        }
    };
    outlook.number = Some(RouteNumberDoc {
        e164: number.e164.to_string(),
        account: number.account.to_string(),
        target: number.target.to_string(),
        address,
        direction: direction.to_owned(),
        pays: who_pays(origin, &Destination::Number(Arc::clone(number))).words().to_owned(),
    });
}

/// Where a SIP account rings, in the order of its contacts; those of one q ring together.
fn contacts(ground: &Ground<'_>, account: &str, outlook: &mut RouteDoc) -> Option<String> {
    let Some(live) = &ground.live else {
        return Some("where it is registered, which the running node knows".to_owned());
    };
    let of_account = live.contacts.iter().filter(|contact| contact.sip_account == account);
    let known: Vec<String> = of_account
        .filter(|contact| contact.reachable)
        .map(|contact| {
            let RegistrationDoc { contact, source, transport, q, .. } = contact;
            format!("{contact} by {transport} {source}, q {q}")
        })
        .collect();
    if known.is_empty() {
        let why = format!("SIP account {account} is registered nowhere that can be reached");
        refuse(outlook, 480, Cause::SUBSCRIBER_ABSENT, why);
        return None;
    }
    Some(known.join("; "))
}
