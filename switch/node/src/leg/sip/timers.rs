//! What is due on a leg with time alone: its session timer, the question whether its peer lives, and the end
//! of a caller's INVITE.

use call::Loss;
use sip::{Method, Name};
use units::Tick;

use super::endpoint::Client;
use super::leg::{Exchange, LegState, OfferPurpose, SipLeg};
use super::liveness::{AGAIN_MS, Outcome, UNREACHABLE_MS};
use super::reliable::Reliable;
use super::sender::sender;
use super::session_timer::{Due, SessionState};
use crate::leg::{Context, LegEvent};

impl SipLeg {
    pub(crate) fn deadline(&self) -> Tick {
        match self.state {
            LegState::Incoming { .. } => self.incoming().map_or(Tick::NEVER, |incoming| {
                let prack = incoming.reliable.as_deref().map_or(Tick::NEVER, Reliable::deadline);
                incoming.expires_at.min(prack)
            }),
            LegState::Confirmed => self.session.deadline().min(self.liveness.deadline(&self.session)),
            LegState::Calling { .. } => {
                self.outgoing().map_or(Tick::NEVER, |outgoing| outgoing.address_until)
            }
            LegState::Accepted { .. }
            | LegState::Abandoned { .. }
            | LegState::Answered { .. }
            | LegState::Leaving
            | LegState::Gone => Tick::NEVER,
        }
    }

    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        match self.state {
            LegState::Incoming { .. } => {
                self.repeat_provisional(cx);
                self.end_of_invite(cx);
            }
            LegState::Confirmed => {
                self.ask_the_silent(cx);
                self.session_timer(cx);
            }
            LegState::Calling { .. } => self.next_of_silent(cx),
            LegState::Accepted { .. }
            | LegState::Abandoned { .. }
            | LegState::Answered { .. }
            | LegState::Leaving
            | LegState::Gone => {}
        }
    }

    /// A caller's INVITE that says how long it means something (RFC 3261 §13.3.1).
    fn end_of_invite(&mut self, cx: &mut Context<'_>) {
        let (id, now) = (self.id, cx.now.tick);
        // It was answered in time; the caller only does not know.
        if self.holds() {
            return;
        }
        if let Some(incoming) = self.incoming_mut().filter(|incoming| incoming.expires_at <= now) {
            incoming.expires_at = Tick::NEVER;
            cx.emit(id, LegEvent::Cancelled);
        }
    }

    fn session_timer(&mut self, cx: &mut Context<'_>) {
        match self.session.due(cx.now.tick) {
            Due::Nothing => {}
            Due::Expired => {
                self.session = SessionState::default();
                cx.emit(self.id, LegEvent::Lost { loss: Loss::SessionExpired });
            }
            Due::Refresh if matches!(self.exchange, Exchange::None) => {
                self.session.refreshing = true;
                let (method, sdp) = if self.takes_update {
                    (Method::Update, None)
                } else {
                    (Method::Invite, self.local.last_sent())
                };
                self.send_exchange(cx, method, OfferPurpose::Refresh, sdp);
            }
            Due::Refresh => self.postpone_refresh(cx.now.tick),
        }
    }
}

// === impl SipLeg: whether its peer lives ===

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
        let options = request.header(Name::Accept, "application/sdp").build();
        self.submit(cx, client, (flow, true), Method::Options, options);
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
                self.liveness.alive(cx.now.tick);
                false
            }
        };
        if lost && self.is_confirmed() {
            tracing::info!(call = %ledger::CallId(cx.call.id), leg = ?self.id, ?outcome, "the leg is lost");
            // Should it live after all, it must not stay (§12.2.1.2).
            self.release_lost(cx);
            cx.emit(self.id, LegEvent::Lost { loss: Loss::DialogGone });
        }
    }
}
