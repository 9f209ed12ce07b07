//! Whether a peer without session timer still has its call: OPTIONS in the dialog after a long silence (RFC
//! 3261 §12.2.1.2).
//! Invariant: only two answers of 481 or 408, or no answer twice in a row, end a leg; any other answer proves
//! life.

use call::Loss;
use sip::{Method, Name};
use units::{Now, Tick};

use super::session_timer::SessionState;
use super::{Client, SipLeg, sender};
use crate::leg::{Context, LegEvent};
use crate::tables::Timing;

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

    /// As the configuration wants it of a peer with this session timer.
    pub(crate) fn of(now: Now, timing: Timing, session_secs: u32) -> Self {
        Self::begin(now.tick, timing.dialog_probe_ms.unwrap_or(session_secs * 500))
    }
}

// === impl SipLeg ===

impl SipLeg {
    /// Asks a peer that has been silent for too long.
    pub(crate) fn ask_the_silent(&mut self, cx: &mut Context<'_>) {
        if !self.is_confirmed() || self.liveness.deadline(&self.session) > cx.now.tick {
            return;
        }
        let flow = self.next_hop(cx);
        let (contact, here) = (cx.contact(&flow), cx.here(&flow));
        let (client, branch) = cx.endpoint.layer.mint_client();
        let Some(dialog) = self.dialog.as_mut() else { return cx.endpoint.layer.abandon(client) };
        let request = dialog.request(Method::Options, &sender(&flow, &here, &branch, &contact));
        self.liveness.asked = true;
        cx.endpoint.clients.insert(client, Client::Liveness(cx.call.at, self.id));
        cx.endpoint.layer.send(cx.now.tick, client, flow, Method::Options, request.header(Name::Accept, "application/sdp").build());
    }

    /// The question has its answer, or will have none.
    pub(crate) fn liveness_answered(&mut self, cx: &mut Context<'_>, outcome: Outcome) {
        self.liveness.asked = false;
        let lost = match outcome {
            Outcome::Status(408 | 481) => self.liveness.missed(cx.now.tick, AGAIN_MS),
            // It has waited for 64·T1 already.
            Outcome::NoAnswer => self.liveness.missed(cx.now.tick, 0),
            Outcome::Unreachable => self.liveness.missed(cx.now.tick, UNREACHABLE_MS),
            Outcome::Status(_) => {
                self.liveness.heard(cx.now.tick);
                false
            }
        };
        if lost && self.is_confirmed() {
            tracing::info!(call = %ledger::CallId(cx.call.id), leg = ?self.id, ?outcome, "the leg is lost");
            // Should it live after all, it must not stay (§12.2.1.2).
            self.release_lost(cx);
            cx.tell(self.id, LegEvent::Lost { loss: Loss::DialogGone });
        }
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
