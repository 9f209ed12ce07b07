//! After a restart: accounts as the journal holds them, one CDR and two BYEs for every call that was up,
//! accounts of the configuration made.

use std::sync::Arc;

use call::ReleaseReason;
use ledger::{OpenCall, Record, ShardBooks};
use rating::engine::{CarrierLeg, OpenAccount};
use rating::{Cdr, Engine};
use units::{Cause, Now, Number};

use crate::leg::RecordedLeg;
use crate::node::Node;
use crate::shard_of;

/// Of a gate that is not configured any more, as the default of `max_call_secs`.
const LONGEST_CALL_SECS: u32 = 14_400;

impl Node {
    /// Takes this shard's part of the journal. Once, before any input.
    pub fn restore(&mut self, now: Now, shard: ShardBooks) {
        let (mut engine, lost) = Engine::restored(shard);
        engine.set_decks(Arc::clone(&self.config.decks));
        self.money.engine = engine;
        self.start(now);
        for call in &lost {
            self.close_lost(now, call);
        }
        self.handle(now, crate::Input::Tick);
    }

    /// Begins with empty books.
    pub fn start_empty(&mut self, now: Now) {
        self.start(now);
        self.handle(now, crate::Input::Tick);
    }

    fn start(&mut self, now: Now) {
        if self.identity.shard == 0 {
            let version = env!("CARGO_PKG_VERSION").into();
            self.journal(true, Record::started(now.wall, self.identity.name.clone(), version));
        }
        self.bootstrap_accounts(now);
        self.schedule_probes(now);
        self.adopt_registrations(now);
    }

    /// Makes the accounts of the configuration that are this shard's and do not exist. Those that exist keep
    /// their balance.
    pub(crate) fn bootstrap_accounts(&mut self, now: Now) {
        if self.money.lending.is_some() {
            // The central ledger makes them, once over all nodes.
            return;
        }
        let config = Arc::clone(&self.config);
        for wanted in &config.accounts {
            let elsewhere = shard_of(&wanted.name, self.identity.shards) != self.identity.shard;
            if elsewhere || self.money.engine.account(&wanted.name).is_some() {
                continue;
            }
            let (opening, terms) = (wanted.balance.amount, wanted.terms.clone());
            let ask = OpenAccount {
                name: &wanted.name,
                currency: wanted.currency,
                opening,
                terms,
                limit: wanted.limit,
            };
            match self.money.engine.open_account(now, &ask) {
                Ok(record) => {
                    self.journal(true, record);
                }
                Err(refused) => {
                    tracing::error!(account = &*wanted.name, %refused, "account of the configuration not opened")
                }
            }
        }
    }

    /// A call that was up when the process died: billed to its last checkpoint, ended on both sides.
    fn close_lost(&mut self, now: Now, lost: &OpenCall) {
        let Ok(mut cdr) = Cdr::of_lost(lost) else {
            return tracing::error!(call = %lost.open.call, "open record without a readable CDR: the call stays open in the journal");
        };
        let number = cdr.called_e164.parse::<Number>().ok();
        let config = Arc::clone(&self.config);
        let carrier = cdr.carrier.as_deref().and_then(|name| config.carriers.by_name(name));
        let leg = carrier.zip(number.as_ref()).and_then(|(carrier, number)| {
            let attempt = u16::try_from(cdr.attempts.len()).unwrap_or(u16::MAX);
            Some(CarrierLeg {
                deck: carrier.deck.as_deref()?,
                number,
                answered_at: lost.open.answered_at,
                duration_ms: lost.answered_ms,
                attempt,
            })
        });
        let settlement = match self.money.engine.recover(now, lost, leg.as_ref()) {
            Ok(settlement) => settlement,
            Err(refused) => return tracing::error!(call = %lost.open.call, %refused, "lost call not settled"),
        };
        let why = ReleaseReason::cause(Cause::TEMPORARY);
        cdr.ended_at = lost.open.answered_at.plus_ms(i64::try_from(lost.answered_ms).unwrap_or(i64::MAX));
        cdr.set_settlement(&settlement);
        cdr.teardown_ms = self.unbilled(now, lost, &settlement);
        if let Some(attempt) = cdr.attempts.last_mut() {
            attempt.cost = cdr.cost;
        }
        cdr.cause_q850 = why.cause;
        cdr.reason = "node-lost".into();
        self.settled_record(true, lost.open.call, cdr, settlement.transfers);
        for (dialog, carrier) in [(&lost.open.dialog_a, None), (&lost.open.dialog_b, carrier)] {
            if RecordedLeg::is_gateways(dialog) {
                // Its connection ended with the process, and the call there with it.
                continue;
            }
            match RecordedLeg::read(dialog) {
                Some(leg) => self.sip.end_recorded(now, &self.config, (&leg, carrier), why),
                None => tracing::error!(
                    call = %lost.open.call, dialog = dialog.get(),
                    "a leg of a lost call cannot be ended: it was written by a newer Tollgate, or was changed; its peer ends it by its own timer"
                ),
            }
        }
    }

    /// What was talked, or may have been, since the last checkpoint until now, when both sides get their BYE,
    /// ms; it is at the operator's exposure. A call is up no longer than its gate allows.
    fn unbilled(&mut self, now: Now, lost: &OpenCall, settlement: &rating::engine::Settlement) -> u64 {
        let max_secs =
            self.config.gates.by_name(&lost.open.gate).map_or(LONGEST_CALL_SECS, |gate| gate.max_call_secs);
        let passed_ms = u64::try_from(now.wall.0.saturating_sub(lost.open.answered_at.0)).unwrap_or(0);
        // A clock that may be wrong measures nothing.
        let passed_ms =
            if self.clock.doubt().is_some() { 0 } else { passed_ms.min(u64::from(max_secs) * 1_000) };
        let passed_ms = passed_ms.max(lost.answered_ms).max(settlement.duration_ms);
        let [until_bye, billed] =
            [passed_ms, settlement.duration_ms].map(|ms| settlement.price.charge(ms).amount.amount);
        self.counters.operator_exposure_units += until_bye.saturating_sub(billed).unsigned_abs();
        passed_ms.saturating_sub(settlement.duration_ms)
    }
}
