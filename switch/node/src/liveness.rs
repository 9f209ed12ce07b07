//! Whether a peer without session timer still has its call: OPTIONS in the dialog after a long silence (RFC
//! 3261 §12.2.1.2).
//! Invariant: only two answers of 481 or 408, or no answer twice in a row, end a leg; any other answer proves
//! life.

use call::{Event, LegId, Loss};
use sip::dialog::Sender;
use sip::transaction::ClientId;
use sip::{Method, Name};
use units::{Now, Tick};

use crate::events::side_of;
use crate::leg::{Leg, LegState};
use crate::node::{Client, Node};
use crate::session::SessionState;
use crate::slot::{CallRef, Slot};

/// Between a first 481 or 408 and the question that decides.
const AGAIN_MS: u64 = 5_000;
/// The same after an ICMP error, which may be a host that starts again: as long as a request without answer
/// would have waited.
const UNREACHABLE_MS: u64 = 32_000;
/// So many in a row end the leg.
const MISSES: u8 = 2;

/// How a leg's peer is watched.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Liveness {
    /// Silence after which it is asked; 0: never.
    every_ms: u32,
    next: Tick,
    misses: u8,
    /// The question is out.
    asked: bool,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(u16),
    NoAnswer,
    Unreachable,
}

// === impl Liveness ===

impl Liveness {
    pub(crate) const fn begin(now: Tick, every_ms: u32) -> Self {
        Self { every_ms, next: now.plus_ms(every_ms as u64), misses: 0, asked: false }
    }

    /// A request of the peer came, or an answer to one of ours.
    pub(crate) const fn heard(&mut self, now: Tick) {
        self.misses = 0;
        self.next = now.plus_ms(self.every_ms as u64);
    }

    /// When to ask; never where a session timer does the same.
    pub(crate) const fn deadline(&self, session: &SessionState) -> Tick {
        if self.every_ms == 0 || self.asked || session.expires_secs > 0 { Tick::NEVER } else { self.next }
    }

    /// True if that was the last.
    fn missed(&mut self, now: Tick, pause_ms: u64) -> bool {
        self.misses += 1;
        self.next = now.plus_ms(pause_ms);
        self.misses >= MISSES
    }
}

// === impl Node ===

impl Node {
    /// How a leg is watched whose peer has this session timer in the configuration.
    pub(crate) fn watch(&self, now: Now, session_secs: u32) -> Liveness {
        Liveness::begin(now.tick, self.tables.timing.dialog_probe_ms.unwrap_or(session_secs * 500))
    }

    /// Asks the peers of a call that have been silent for too long.
    pub(crate) fn ask_the_silent(&mut self, now: Now, slot: &mut Slot, id: LegId) {
        let due = |leg: &&Leg| matches!(leg.state, LegState::Confirmed) && leg.liveness.deadline(&leg.session) <= now.tick;
        let Some(leg) = slot.leg(id).filter(due) else { return };
        let flow = self.next_hop(leg);
        let contact = self.contact_of(slot, &flow);
        let here = self.tables.advertised_text(flow.local);
        let me = slot.me;
        let (client, branch) = self.layer.mint_client();
        let Some(leg) = slot.leg_mut(id) else { return self.layer.abandon(client) };
        let Some(dialog) = leg.dialog.as_mut() else { return self.layer.abandon(client) };
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: &contact };
        let bytes = dialog.request(Method::Options, &sender).header(Name::Accept, "application/sdp").build();
        leg.liveness.asked = true;
        self.clients.insert(client, Client::Liveness(me, id));
        self.layer.send(now.tick, client, flow, Method::Options, bytes);
    }

    /// The question has its answer, or will have none.
    pub(crate) fn liveness_answered(&mut self, now: Now, at: CallRef, id: LegId, client: ClientId, outcome: Outcome) {
        self.clients.remove(&client);
        let Some(mut slot) = self.slots.take(at) else { return };
        if let Some(leg) = slot.leg_mut(id) {
            leg.liveness.asked = false;
            let lost = match outcome {
                Outcome::Status(408 | 481) => leg.liveness.missed(now.tick, AGAIN_MS),
                // It has waited for 64·T1 already.
                Outcome::NoAnswer => leg.liveness.missed(now.tick, 0),
                Outcome::Unreachable => leg.liveness.missed(now.tick, UNREACHABLE_MS),
                Outcome::Status(_) => {
                    leg.liveness.heard(now.tick);
                    false
                }
            };
            if lost && matches!(leg.state, LegState::Confirmed) {
                tracing::info!(call = %ledger::CallId(slot.call.id()), side = ?side_of(id), ?outcome, "the leg is lost");
                // Should it live after all, it must not stay (§12.2.1.2).
                self.hang_up_lost(now, &mut slot, id);
                self.drive_slot(now, &mut slot, Event::Lost { side: side_of(id), loss: Loss::DialogGone });
            }
        }
        self.park(now, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_misses_in_a_row_end_it() {
        let mut watched = Liveness::begin(Tick(0), 900_000);
        assert_eq!(watched.deadline(&SessionState::default()), Tick(900_000_000));
        assert!(!watched.missed(Tick(0), 0));
        watched.heard(Tick(0));
        assert!(!watched.missed(Tick(0), 0));
        assert!(watched.missed(Tick(0), 0));
        assert_eq!(Liveness::begin(Tick(0), 0).deadline(&SessionState::default()), Tick::NEVER);
    }
}
