//! What is written for ever: records of calls and notices, and what is told once they are durable.

use std::sync::Arc;

use ledger::{CallId, Record, RecordBody, Transfer};
use rating::Cdr;
use units::{Name, Now, Tick};

use crate::io::{AdminReply, Output, Pressure};
use crate::leg::{Leg, LegFacts};
use crate::media::Ending;
use crate::node::Node;
use crate::records::Waiting;
use crate::slot::Slot;

/// Longest time between two looks at the wall clock while something may expire, ms.
const EXPIRY_LOOK_MS: i64 = 60_000;

impl Node {
    /// Hands a record to the journal; its ticket. What happened in a period whose books are closed is dated
    /// on the first open moment.
    pub(crate) fn journal(&mut self, live: bool, mut record: Record) -> u64 {
        record.at = self.money.engine.date(record.at);
        self.records.last_ticket += 1;
        self.outputs.push_back(Output::Journal { live, record });
        self.records.last_ticket
    }

    /// How the journal stands now. If it failed, nothing that waits to be durable ever is: whoever asked is
    /// told so at once.
    pub(crate) fn journal_stands(&mut self, pressure: Pressure) {
        self.pressure = pressure;
        if pressure != Pressure::Failed {
            return;
        }
        for (written, waiting) in std::mem::take(&mut self.records.waiting) {
            match waiting {
                Waiting::Cdr(_) => self.records.waiting.push_back((written, waiting)),
                Waiting::Reply { ticket, .. } => {
                    self.outputs.push_back(Output::Reply { ticket, reply: not_confirmed() })
                }
            }
        }
    }

    /// A reply that may only be given once the record of this ticket is durable.
    pub(crate) fn reply_when_durable(&mut self, written: u64, ticket: u64, reply: AdminReply) {
        if self.pressure == Pressure::Failed && written > self.records.acknowledged {
            return self.outputs.push_back(Output::Reply { ticket, reply: not_confirmed() });
        }
        self.records.waiting.push_back((written, Waiting::Reply { ticket, reply: Box::new(reply) }));
    }

    /// A reply that may only be given once every record so far is durable. Of a journal that failed nothing
    /// will be.
    pub(crate) fn reply_when_all_is_durable(&mut self, ticket: u64, reply: AdminReply) {
        self.reply_when_durable(self.last_ticket(), ticket, reply);
        self.flush_durable();
    }

    pub(crate) const fn last_ticket(&self) -> u64 {
        self.records.last_ticket
    }

    /// Hands out what waits for nothing any more.
    pub(crate) fn flush_durable(&mut self) {
        self.durable(self.records.acknowledged);
    }

    pub(crate) fn durable(&mut self, upto: u64) {
        self.records.acknowledged = self.records.acknowledged.max(upto);
        let upto = self.records.acknowledged;
        while let Some((written, _)) = self.records.waiting.front() {
            if *written > upto {
                break;
            }
            match self.records.waiting.pop_front() {
                Some((_, Waiting::Cdr(cdr))) => self.outputs.push_back(Output::Publish(cdr)),
                Some((_, Waiting::Reply { ticket, reply })) => {
                    self.outputs.push_back(Output::Reply { ticket, reply: *reply })
                }
                None => break,
            }
        }
    }

    /// Something to tell an account's owner: a record as any other, counted by what it says.
    pub(crate) fn journal_notice(&mut self, record: Record) {
        if let RecordBody::Notice(notice) = &record.body {
            self.counters.noticed(notice.event.word());
        }
        self.journal(true, record);
    }

    /// What the engine has to tell beside the records of its callers.
    pub(crate) fn journal_notices(&mut self) {
        while let Some(record) = self.money.engine.poll_notice() {
            self.journal_notice(record);
        }
    }

    /// What comes with time alone, when it is due; and when to look again. Wall time may jump, so that is at
    /// most a minute later.
    pub(crate) fn run_expiry(&mut self, now: Now) {
        if self.money.engine.next_late().is_some_and(|at| at <= now.wall) {
            self.warn_of_late(now);
        }
        // A journal that cannot write ends nothing, nor does a clock that may be wrong.
        let may_end = !self.pressure.is_for_ends_only() && self.clock.doubt().is_none();
        if may_end && self.money.engine.next_expiry().is_some_and(|at| at <= now.wall) {
            for record in self.money.engine.expire(now) {
                self.journal_notice(record);
            }
        }
        let next = self.money.engine.next_expiry().into_iter().chain(self.money.engine.next_late()).min();
        self.money.expiry_at = next.map_or(Tick::NEVER, |at| {
            now.tick.plus_ms(at.0.saturating_sub(now.wall.0).clamp(1, EXPIRY_LOOK_MS).unsigned_abs())
        });
    }

    /// A payment that did not come in time is said once; how many there are is in the metrics.
    fn warn_of_late(&mut self, now: Now) {
        self.money.engine.look_for_late(now.wall);
        while let Some(late) = self.money.engine.poll_late() {
            let (announced, due) =
                (late.announced_at.rfc3339(), late.due.map(units::Wall::rfc3339).unwrap_or_default());
            tracing::warn!(
                account = &*late.account, key = %late.key,
                amount = %late.amount, currency = %late.amount.currency,
                announced, due,
                "an announced payment is late: book it, or reject it"
            );
        }
    }

    pub(crate) fn record_open(&mut self, now: Now, slot: &mut Slot) {
        let Some(lease) = slot.lease else { return };
        let Some(carrier) = slot.carriers.last() else { return };
        let (Some(a), Some(b)) = (slot.caller.recorded(), carrier.recorded()) else { return };
        let mut cdr = slot.call.open_cdr(now);
        call::complete(&mut cdr, self.leg_facts(slot));
        let Ok(cdr) = cdr.into_unfinished() else { return };
        if let Ok(record) = self.money.engine.open_record(lease, slot.call.gate_name(), (a, b), cdr) {
            self.journal(true, record);
            slot.recorded_open = true;
        }
    }

    pub(crate) fn record_checkpoint(&mut self, now: Now, slot: &Slot, elapsed_ms: u64) {
        if let Some(record) =
            slot.lease.and_then(|lease| self.money.engine.checkpoint(now, lease, elapsed_ms).ok())
        {
            self.journal(true, record);
        }
    }

    /// CDR and ledger entries in one record; that of a relayed call waits for what the relay tells.
    pub(crate) fn record_end(&mut self, now: Now, slot: &mut Slot, mut cdr: Box<Cdr>) {
        call::complete(&mut cdr, self.leg_facts(slot));
        self.count_end(&cdr);
        let transfers = std::mem::take(&mut slot.transfers);
        let (call, live) = (CallId(slot.call.id()), slot.recorded_open);
        self.media.outside.end(now, crate::ids::id_in_run(slot.call.id()));
        // What is announced after the end is no part of the call.
        if slot.media.is_none() || slot.announcement.is_some() {
            return self.settled_record(live, call, *cdr, transfers);
        }
        self.end_media(now, slot, Ending::new(call, cdr, live, transfers));
    }

    pub(crate) fn settled_record(&mut self, live: bool, call: CallId, cdr: Cdr, transfers: Vec<Transfer>) {
        // Its transfers are posted: rather no node than a call that was paid for and is nowhere.
        let raw = cdr.to_raw().expect("a CDR is always JSON");
        let record = Record::settled(cdr.ended_at, cdr.account.clone(), call, raw, transfers);
        let written = self.journal(live, record);
        self.records.waiting.push_back((written, Waiting::Cdr(Arc::new(cdr))));
    }

    pub(crate) fn record_cost(&mut self, now: Now, slot: &Slot, carrier: Name, transfers: Vec<Transfer>) {
        let booked = ledger::CostBooked { call: CallId(slot.call.id()), carrier, transfers };
        let account = slot.call.account().clone();
        self.journal(true, Record::new(now.wall, account, RecordBody::CostBooked(booked)));
    }

    fn count_end(&mut self, cdr: &Cdr) {
        let outcome = match (cdr.answered_at, cdr.sip_status) {
            (Some(_), _) => "answered",
            (None, 487) => "cancelled",
            (None, 486 | 600) => "busy",
            (None, 402) => "no_credit",
            (None, 400..=499) => "rejected",
            (None, _) => "failed",
        };
        self.counters.caller_attempt(outcome);
        if let (Some(_), Some(carrier)) = (cdr.answered_at, &cdr.carrier) {
            *self.counters.answered_ms.entry(carrier.clone()).or_default() += cdr.duration_ms;
        }
        if let Some(ms) = cdr.pdd_ms {
            self.counters.rang_after(ms);
        }
        if cdr.answered_at.is_some() && &*cdr.reason == "no-credit" {
            self.counters.calls_cut_no_balance += 1;
        }
    }

    fn leg_facts(&self, slot: &Slot) -> call::LegFacts {
        let LegFacts { call_id, protocol, transport, source, user_agent, .. } = slot.caller.facts();
        let called = slot.carriers.last().map(Leg::facts);
        let b = called.as_ref();
        let examined = slot.examination.as_deref();
        let signed = || b.and_then(|leg| leg.attested).filter(|_| examined.is_none());
        call::LegFacts {
            node: Some(self.identity.name.clone()),
            call_id_a: call_id,
            transport_a: transport,
            protocol_a: protocol,
            source_ip_a: Some(source),
            user_agent_a: user_agent,
            transport_b: b.map(|leg| leg.transport),
            protocol_b: b.map(|leg| leg.protocol),
            source_ip_b: b.map(|leg| leg.source),
            user_agent_b: b.and_then(|leg| leg.user_agent.clone()),
            attestation: examined
                .and_then(|examined| examined.attestation)
                .or_else(signed)
                .map(stir::Attestation::as_str),
            verstat: examined.map(|examined| examined.verstat.as_str()),
            call_id_b: called.map(|leg| leg.call_id),
        }
    }
}

/// To whoever asked for something that a failed journal did not write.
fn not_confirmed() -> AdminReply {
    let detail = "the journal failed before this was written: it is not confirmed. Ask again with the same key once the switch runs again";
    AdminReply::Unavailable(detail.to_owned())
}
