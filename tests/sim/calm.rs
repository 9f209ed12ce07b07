//! What must be true of a run on a good network, where nothing excuses the switch.

use ledger::RecordBody;
use rating::Cdr;

use crate::caller;
use crate::carrier::{Call, Script};
use crate::leg::Leg;
use crate::world::World;

pub fn end(world: &World, cdrs: &[Cdr]) -> Result<(), String> {
    for cdr in cdrs {
        price(world, cdr)?;
        attempts(world, cdr)?;
        expired(world, cdr)?;
    }
    for call in world.trunks.iter().flat_map(|trunk| &trunk.calls) {
        let cdr = cdrs.iter().find(|cdr| cdr.call_id_b.as_deref() == Some(call.invite.call_id()));
        measured(world, call, cdr)?;
        // A carrier that has said anything at all is told when nobody waits any more.
        let spoke = !matches!(call.script, Script::Silent | Script::Slow { .. });
        if spoke && !call.vanished && call.status.is_none() {
            return Err(format!("{:?} was left ringing: {cdr:?}", call.script));
        }
        legs(world, call.legs.iter())?;
        offers(world, call.legs.first(), call.vanished)?;
    }
    for call in world.pbxs.iter().flat_map(|pbx| &pbx.calls) {
        legs(world, call.leg.iter())?;
        offers(world, call.leg.as_ref(), call.vanished)?;
        cancelled(world, call)?;
    }
    late_costs(world, cdrs)
}

/// A round trip to one side and one to the other, with what a model peer takes for it.
fn two_trips_us(world: &World) -> u64 {
    4 * world.profile.delay_us.1.max(5_000) + 10_000
}

/// An offer is answered as soon as the other side has answered; by 487 at the latest.
fn offers(world: &World, leg: Option<&Leg>, vanished: bool) -> Result<(), String> {
    let Some(leg) = leg.filter(|_| !vanished) else { return Ok(()) };
    if let Some(cseq) = leg.offering {
        return Err(format!("offer {cseq} was never answered: {:?}", leg.dialog));
    }
    let silent = world.pbxs.iter().flat_map(|pbx| &pbx.calls).any(|call| call.vanished)
        || world.trunks.iter().flat_map(|trunk| &trunk.calls).any(|call| call.vanished);
    if !silent && leg.offer_lag > two_trips_us(world) {
        return Err(format!("an offer waited {} ms: {:?}", leg.offer_lag / 1_000, leg.dialog));
    }
    Ok(())
}

/// A CANCEL that was confirmed in time brings the final answer at once, whatever the carrier does.
fn cancelled(world: &World, call: &caller::Call) -> Result<(), String> {
    let (Some(confirmed), Some(final_at)) = (call.cancel_confirmed, call.final_at) else { return Ok(()) };
    if final_at > confirmed + two_trips_us(world) {
        return Err(format!(
            "{} waited {} ms after its CANCEL was confirmed",
            call.id,
            (final_at - confirmed) / 1_000
        ));
    }
    Ok(())
}

/// Every answer of a carrier whose price is known costs: in the CDR of the call that it carried, else by
/// itself.
fn late_costs(world: &World, cdrs: &[Cdr]) -> Result<(), String> {
    let booked: Vec<(String, String)> = world
        .disk
        .records()
        .filter_map(|record| match &record.body {
            RecordBody::CostBooked(cost) => Some((cost.call.to_string(), cost.carrier.to_string())),
            _ => None,
        })
        .collect();
    for (trunk, call) in
        world.trunks.iter().flat_map(|trunk| trunk.calls.iter().map(move |call| (trunk, call)))
    {
        let id = call.invite.call_id();
        let same =
            |cdr: &&Cdr| cdr.call_id_b.as_deref().is_some_and(|b| b[..b.len() - 1] == id[..id.len() - 1]);
        let spec =
            world.profile.plan.carriers.iter().find(|spec| spec.target.host_port() == trunk.at.to_string());
        let (Some(cdr), Some(spec)) = (cdrs.iter().find(same), spec) else { continue };
        let carried = cdr.call_id_b.as_deref() == Some(id) && cdr.cost.is_some();
        let apart = booked.iter().any(|(of, carrier)| *of == cdr.id && **carrier == *spec.name);
        let answered = call.legs.first().is_some_and(|leg| leg.acked);
        if answered && spec.deck.is_some() && !carried && !apart {
            return Err(format!(
                "{} answered ({:?}) and its cost is not booked: {cdr:?}",
                spec.name, call.script
            ));
        }
    }
    Ok(())
}

/// Faults of the switch toward a leg; the ACK of a late offer waits for the other side and is excused.
fn legs<'a>(world: &World, legs: impl Iterator<Item = &'a Leg>) -> Result<(), String> {
    for leg in legs {
        let late = world
            .pbxs
            .iter()
            .flat_map(|pbx| &pbx.calls)
            .any(|call| matches!(call.script, crate::caller::Script::Late(_)));
        let excused = |fault: &&&str| late && fault.contains("2xx to INVITE");
        if let Some(fault) = leg.faults.iter().find(|fault| !excused(fault)) {
            return Err(format!("{fault}: {:?}", leg.dialog));
        }
    }
    Ok(())
}

/// The row is that of the longest prefix in the deck's text, valid at the answer.
fn price(world: &World, cdr: &Cdr) -> Result<(), String> {
    if cdr.initial == 0 {
        return Ok(());
    }
    let at = cdr.answered_at.unwrap_or(cdr.started_at).rfc3339();
    let rows = world.profile.plan.decks[0].1.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let valid = rows.filter(|row| {
        let (from, until) = (row[6], row[7]);
        // Times of one day and one form compare as text, but for the milliseconds.
        let after = |bound: &str| !bound.is_empty() && at >= bound.replace('Z', ".000Z");
        cdr.called_e164.starts_with(row[0]) && (from.is_empty() || after(from)) && !after(until)
    });
    let Some(row) = valid.max_by_key(|row| row[0].len()) else {
        return Err(format!("no row prices {cdr:?}"));
    };
    let found = (
        &*cdr.prefix,
        ten_places(row[2]),
        ten_places(row[5]),
        cdr.initial.to_string(),
        cdr.increment.to_string(),
    );
    if (found.0, found.1, found.2, &*found.3, &*found.4)
        != (row[0], cdr.rate.count(), cdr.connect_fee.count(), row[3], row[4])
    {
        return Err(format!("priced by {row:?}: {cdr:?}"));
    }
    Ok(())
}

fn ten_places(text: &str) -> i64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{rest:0<10}").parse().unwrap_or(0)
}

/// One entry for each carrier that saw an INVITE.
fn attempts(world: &World, cdr: &Cdr) -> Result<(), String> {
    let Some(id) = cdr.call_id_b.as_deref().and_then(|id| id.get(..id.len() - 1)) else { return Ok(()) };
    let mut seen: Vec<&str> =
        world.trunks.iter().flat_map(|trunk| &trunk.calls).map(|call| call.invite.call_id()).collect();
    seen.retain(|call_id| call_id.get(..call_id.len() - 1) == Some(id));
    seen.sort_unstable();
    seen.dedup();
    let skipped = ["unreachable", "full", "down", "no common codec"];
    let dialled = cdr.attempts.iter().filter(|attempt| !skipped.contains(&&*attempt.reason)).count();
    // An INVITE on its way when the caller gave up may never have mattered, but it arrives.
    if dialled != seen.len() {
        return Err(format!("{} carriers were dialled, {dialled} are told: {cdr:?}", seen.len()));
    }
    Ok(())
}

/// A session expires only by the neglect of a peer.
fn expired(world: &World, cdr: &Cdr) -> Result<(), String> {
    if &*cdr.reason != "session-expired" {
        return Ok(());
    }
    let caller = world
        .pbxs
        .iter()
        .flat_map(|pbx| &pbx.calls)
        .any(|call| *call.id == *cdr.call_id_a && (call.neglects || call.vanished));
    let id = cdr.call_id_b.as_deref();
    let carrier = world.trunks.iter().flat_map(|trunk| &trunk.calls);
    let mut carrier = carrier.filter(|call| Some(call.invite.call_id()) == id);
    if caller || carrier.any(|call| call.neglects || call.vanished) {
        Ok(())
    } else {
        Err(format!("nobody neglected the session: {cdr:?}"))
    }
}

/// What the carrier measured is what was billed.
fn measured(world: &World, call: &Call, cdr: Option<&Cdr>) -> Result<(), String> {
    let [leg] = &call.legs[..] else { return Ok(()) };
    let (Some(cdr), Some(over)) = (cdr, leg.over) else { return Ok(()) };
    if cdr.answered_at.is_none() || call.vanished || call.status != Some(200) {
        return Ok(());
    }
    let measured = (over - leg.answered) / 1_000;
    let billed = cdr.duration_ms + cdr.teardown_ms;
    // One way there and one way back; streams take 5 ms.
    let tolerance = 2 * world.profile.delay_us.1.max(5_000) / 1_000 + 2;
    if measured.abs_diff(billed) > tolerance {
        return Err(format!("the carrier measured {measured} ms, billed were {billed} ms: {cdr:?}"));
    }
    Ok(())
}
