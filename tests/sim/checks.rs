//! What must hold after every step, and what must be true when all time has run out.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{RecordBody, SystemAccount};
use node::{Held, Node};
use rating::Cdr;
use units::Currency;

use crate::caller;
use crate::profile::{ACCOUNTS, Weather};
use crate::world::World;

/// After every step: debits are credits, no usage below a limit.
pub fn step(world: &World, shard: usize) -> Result<(), String> {
    let Some(node) = world.nodes.get(shard) else { return Ok(()) };
    let engine = node.engine();
    if engine.imbalance() != 0 {
        return Err(format!("debits are not credits: {:?}", engine.books().sums()));
    }
    for (name, id) in engine.books().customers() {
        let Some(balance) = engine.books().balance(id) else { continue };
        if balance.posted() - balance.reserved < balance.limit || balance.reserved < 0 {
            return Err(format!("{name} is overspent: {balance:?}"));
        }
    }
    Ok(())
}

/// At the end of all time.
pub fn end(world: &mut World) -> Result<(), String> {
    nothing_held(world)?;
    if world.failed {
        // What the disk refused was kept: it completes the story.
        world.disk.commit(usize::MAX);
    }
    let cdrs = world.disk.cdrs();
    records(world, &cdrs)?;
    money(world, &cdrs)?;
    if world.profile.weather == Weather::Hostile {
        return Ok(());
    }
    callers(world, &cdrs)?;
    trunks(world, &cdrs)?;
    if world.profile.weather == Weather::Calm {
        crate::calm::end(world, &cdrs)?;
    }
    Ok(())
}

fn nothing_held(world: &World) -> Result<(), String> {
    for node in &world.nodes {
        let held = node.held();
        if held != Held::default() {
            return Err(format!("something leaked: {held:?}"));
        }
        if !world.failed && !node.is_idle() {
            return Err("records are not acknowledged".to_owned());
        }
    }
    if !world.relay.open_ports().is_empty() {
        return Err(format!("ports are open: {:?}", world.relay.open_ports()));
    }
    let taken = world.places.taken();
    if taken.is_empty() { Ok(()) } else { Err(format!("places at carriers are kept: {taken:?}")) }
}

/// Every CDR: its amount by the reference pricer, its time by the observer at the door.
fn records(world: &World, cdrs: &[Cdr]) -> Result<(), String> {
    let ids: BTreeSet<&str> = cdrs.iter().map(|cdr| &*cdr.id).collect();
    if ids.len() != cdrs.len() {
        return Err("a CDR id is used twice".to_owned());
    }
    if !world.failed && world.crashes.is_empty() && world.published.len() != cdrs.len() {
        return Err(format!("{} CDRs are durable, {} were published", cdrs.len(), world.published.len()));
    }
    for cdr in cdrs {
        let (billed, amount) = match cdr.initial {
            0 => (0, 0),
            initial => tests::pricer::charge(
                cdr.rate.count(),
                cdr.connect_fee.count(),
                initial,
                cdr.increment,
                cdr.duration_ms,
            ),
        };
        if (cdr.billed_seconds, cdr.amount) != (billed, amount) {
            return Err(format!(
                "billed {} s, {} instead of {billed} s, {amount}: {cdr:?}",
                cdr.billed_seconds, cdr.amount
            ));
        }
        if cdr.balance_before != cdr.balance_after + cdr.amount || cdr.balance_after < 0 {
            return Err(format!("balances do not fit: {cdr:?}"));
        }
        if cdr.answered_at.is_none() && (cdr.duration_ms, cdr.amount) != (0, 0) {
            return Err(format!("billed without an answer: {cdr:?}"));
        }
        // Timers have milliseconds.
        if cdr.teardown_ms > 2 && !matches!(&*cdr.reason, "node-lost" | "rtp-timeout") {
            return Err(format!("the clock is exact, and yet the call was cut late: {cdr:?}"));
        }
        duration(world, cdr)?;
    }
    Ok(())
}

/// The time billed and the time beyond the lease are exactly the time between the 200 and the first BYE at
/// the switch's door.
fn duration(world: &World, cdr: &Cdr) -> Result<(), String> {
    if cdr.answered_at.is_none() {
        return Ok(());
    }
    let Some(answered) = world.tap.answered.get(&cdr.call_id_a) else {
        // It died between the record and the 200.
        if &*cdr.reason == "node-lost" && cdr.duration_ms == 0 {
            return Ok(());
        }
        return Err(format!("answered, but no 200 was sent: {cdr:?}"));
    };
    let billed = cdr.duration_ms + cdr.teardown_ms;
    if &*cdr.reason == "node-lost" {
        // Billed to the last checkpoint, which is at most 10 s and one commit before the crash.
        let Some(crash) = world.crashes.iter().find(|crash| **crash >= *answered) else {
            return Err(format!("nothing was lost: {cdr:?}"));
        };
        let talked = (crash - answered) / 1_000;
        let exposed = 10_000 + 2 * world.profile.commit_ms.1;
        if cdr.duration_ms > talked || cdr.duration_ms + exposed < talked {
            return Err(format!("{} ms of {talked} ms billed after a crash: {cdr:?}", cdr.duration_ms));
        }
        return Ok(());
    }
    if world.profile.weather == Weather::Hostile {
        // A forged packet is no witness.
        return Ok(());
    }
    let doubtful = world.crashes.iter().any(|crash| crash >= answered);
    let forked = world
        .trunks
        .iter()
        .flat_map(|trunk| &trunk.calls)
        .any(|call| Some(call.invite.call_id()) == cdr.call_id_b.as_deref() && call.legs.len() > 1);
    if doubtful || forked {
        return Ok(());
    }
    let other = cdr.call_id_b.as_deref().and_then(|id| world.tap.ended.get(id));
    let ended = world.tap.ended.get(&cdr.call_id_a).into_iter().chain(other).min();
    let Some(ended) = ended else { return Err(format!("ended without any BYE: {cdr:?}")) };
    let talked = (ended - answered) / 1_000;
    if billed != talked {
        return Err(format!("{billed} ms billed, {talked} ms between 200 and BYE: {cdr:?}"));
    }
    Ok(())
}

/// What the accounts hold is what they had and got less what their CDRs say, in memory and on disk.
fn money(world: &World, cdrs: &[Cdr]) -> Result<(), String> {
    let restored = world.disk.replay(world.profile.shards);
    let keys: BTreeMap<(usize, &str), i64> =
        world.top_ups.iter().map(|(account, key, amount)| ((*account, &**key), *amount)).collect();
    for (at, name) in ACCOUNTS.iter().enumerate() {
        let shard = usize::from(node::shard_of(name, world.profile.shards));
        let on_disk = restored.shards[shard]
            .books
            .id(name)
            .and_then(|id| restored.shards[shard].books.balance(id))
            .map(ledger::Balance::posted);
        let Some(view) = world.nodes.get(shard).and_then(|node: &Node| node.engine().account(name)) else {
            return Err(format!("account {name} is gone"));
        };
        let opening = world.profile.plan.accounts[at].1;
        let booked: i64 = keys
            .iter()
            .filter(|((of, key), _)| *of == at && world.disk.has_top_up(name, key))
            .map(|(_, amount)| amount)
            .sum();
        let spent: i64 = cdrs.iter().filter(|cdr| *cdr.account == **name).map(|cdr| cdr.amount).sum();
        let expected = opening + booked - spent;
        if view.balance.amount != expected || on_disk != Some(expected) {
            return Err(format!(
                "{name} has {} in memory, {on_disk:?} on disk, {expected} by its records",
                view.balance.amount
            ));
        }
        if view.leased.amount != 0 {
            return Err(format!("{name} still has {} leased", view.leased.amount));
        }
    }
    for (ticket, (account, key, _)) in world.top_ups.iter().enumerate() {
        let confirmed = world.confirmed.contains(&(ticket as u64));
        if confirmed && !world.disk.has_top_up(ACCOUNTS[*account], key) {
            return Err(format!("top-up {key} was confirmed and is lost"));
        }
    }
    let late: i64 = world
        .disk
        .records()
        .map(|record| match &record.body {
            RecordBody::CostBooked(booked) => {
                booked.transfers.iter().map(|transfer| transfer.amount.amount).sum()
            }
            _ => 0,
        })
        .sum();
    let cost = late + cdrs.iter().filter_map(|cdr| cdr.cost).sum::<i64>();
    let booked: i64 = restored
        .shards
        .iter()
        .map(|shard| shard.books.system_account(SystemAccount::CarrierPayable, Currency::EUR))
        .sum();
    if booked.abs() != cost {
        return Err(format!("carriers' cost is {booked} in the books, {cost} by the records"));
    }
    Ok(())
}

/// Every caller had one final answer and every call its record.
fn callers(world: &World, cdrs: &[Cdr]) -> Result<(), String> {
    let mut by_call: BTreeMap<&str, Vec<&Cdr>> = BTreeMap::new();
    for cdr in cdrs {
        by_call.entry(&cdr.call_id_a).or_default().push(cdr);
    }
    let certain = world.profile.loss == 0 && world.crashes.is_empty();
    for call in world.pbxs.iter().flat_map(|pbx| &pbx.calls) {
        let records = by_call.get(&*call.id).map_or(&[][..], Vec::as_slice);
        let about = || format!("{} {:?} final {:?}, records {records:?}", call.id, call.script, call.status);
        if world.crashes.is_empty() && !call.faults.is_empty() {
            return Err(format!("{}: {:?}", about(), call.faults));
        }
        if records.len() > 1 + world.crashes.len() {
            return Err(format!("more than one CDR: {}", about()));
        }
        if certain && call.status.is_none() && !call.vanished && !gate_gone(world, call) {
            return Err(format!("no final answer: {}", about()));
        }
        let unrecorded = call.retry_after && call.status == Some(503);
        match (call.status, records) {
            (Some(_), []) if world.crashes.is_empty() && !unrecorded && !bare(call) => {
                return Err(format!("no CDR: {}", about()));
            }
            (Some(status), [cdr]) if world.crashes.is_empty() && cdr.sip_status != status => {
                return Err(format!("CDR says {}: {}", cdr.sip_status, about()));
            }
            (Some(300..), [cdr]) if world.crashes.is_empty() && cdr.amount != 0 => {
                return Err(format!("charged for a failure: {}", about()));
            }
            _ => {}
        }
        if let Some(leg) = &call.leg
            && leg.over.is_none()
            && !call.vanished
            && ended_by_us(world, &call.id, leg.answered)
        {
            return Err(format!("the caller was never told that it is over: {}", about()));
        }
    }
    Ok(())
}

/// A gate taken away in mid-run: its INVITEs meet silence.
fn gate_gone(world: &World, _call: &caller::Call) -> bool {
    world.profile.weather == Weather::Busy || world.profile.plan.gates.len() < 4
}

/// Answered before any call was made.
fn bare(call: &caller::Call) -> bool {
    matches!(call.status, Some(422))
}

/// Whether an answered leg must have had its BYE: always, but for legs that a crash took before their record
/// was durable.
fn ended_by_us(world: &World, call_id: &str, answered: u64) -> bool {
    match world.crashes.iter().find(|crash| **crash >= answered) {
        None => true,
        Some(_) => world.restored.contains_key(call_id),
    }
}

/// Every carrier's answered leg was ended.
fn trunks(world: &World, cdrs: &[Cdr]) -> Result<(), String> {
    for (trunk, call) in
        world.trunks.iter().flat_map(|trunk| trunk.calls.iter().map(move |call| (trunk, call)))
    {
        let cdr = cdrs.iter().find(|cdr| cdr.call_id_b.as_deref() == Some(call.invite.call_id()));
        for leg in &call.legs {
            let lost = world.crashes.iter().any(|crash| *crash >= call.begun);
            if leg.over.is_none() && !call.vanished && !lost {
                return Err(format!(
                    "{} {:?} was never told that it is over: {cdr:?}",
                    trunk.at, call.script
                ));
            }
        }
    }
    Ok(())
}
