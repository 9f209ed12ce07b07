//! What is due on a leg with time alone: its session timer, the question whether its peer lives, and the end of a caller's INVITE.

use call::Loss;
use sip::Method;
use units::Tick;

use super::SipLeg;
use super::leg::{Exchange, LegState, OfferPurpose};
use super::session_timer::{Due, SessionState};
use crate::leg::{Context, LegEvent};

impl SipLeg {
    pub(crate) fn deadline(&self) -> Tick {
        match self.state {
            LegState::Incoming { .. } => self.incoming().map_or(Tick::NEVER, |incoming| incoming.expires_at),
            LegState::Confirmed => self.session.deadline().min(self.liveness.deadline(&self.session)),
            LegState::Accepted { .. }
            | LegState::Calling { .. }
            | LegState::Abandoned { .. }
            | LegState::Answered { .. }
            | LegState::Leaving
            | LegState::Gone => Tick::NEVER,
        }
    }

    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        match self.state {
            LegState::Incoming { .. } => self.end_of_invite(cx),
            LegState::Confirmed => {
                self.ask_the_silent(cx);
                self.session_timer(cx);
            }
            LegState::Accepted { .. }
            | LegState::Calling { .. }
            | LegState::Abandoned { .. }
            | LegState::Answered { .. }
            | LegState::Leaving
            | LegState::Gone => {}
        }
    }

    /// A caller's INVITE that says how long it means something (RFC 3261 §13.3.1).
    fn end_of_invite(&mut self, cx: &mut Context<'_>) {
        let (id, now) = (self.id, cx.now.tick);
        if let Some(incoming) = self.incoming_mut().filter(|incoming| incoming.expires_at <= now) {
            incoming.expires_at = Tick::NEVER;
            cx.tell(id, LegEvent::Cancelled);
        }
    }

    fn session_timer(&mut self, cx: &mut Context<'_>) {
        match self.session.due(cx.now.tick) {
            Due::Nothing => {}
            Due::Expired => {
                self.session = SessionState::default();
                cx.tell(self.id, LegEvent::Lost { loss: Loss::SessionExpired });
            }
            Due::Refresh if matches!(self.exchange, Exchange::None) => {
                self.session.refreshing = true;
                let (method, sdp) = if self.takes_update { (Method::Update, None) } else { (Method::Invite, self.local.said()) };
                self.send_exchange(cx, method, OfferPurpose::Refresh, sdp);
            }
            Due::Refresh => self.postpone_refresh(cx.now.tick),
        }
    }
}
