//! What comes for a leg, given to its machine, and what the machine puts out, carried out.

use std::net::SocketAddr;
use std::sync::Arc;

use call::{Loss, Progress};
use h323::call::{Call, Event, Output, ReleasedBy};
use h323::media::Media;
use media::Session;
use route::AttemptEnd;
use units::Cause;
use voice::dtmf::{Digit, Info};

use super::leg::{H323Leg, State};
use super::sessions;
use crate::leg::{Context, LegEvent};

/// Shortest and longest digit that is passed on, milliseconds.
const DIGIT_MS: (u16, u16) = (40, 10_000);

// === impl H323Leg: what comes ===

impl H323Leg {
    /// A frame of its signalling.
    pub(crate) fn signalling_frame(&mut self, cx: &mut Context<'_>, content: &[u8]) {
        self.is_heard = true;
        self.with_machine(cx, |call, cx| call.handle_signalling(cx.now.tick, content));
    }

    /// A frame of its H.245 connection.
    pub(crate) fn control_frame(&mut self, cx: &mut Context<'_>, content: &[u8]) {
        self.with_machine(cx, |call, cx| call.handle_control(cx.now.tick, content));
    }

    /// Its listener for H.245 stands.
    pub(crate) fn control_listening(&mut self, cx: &mut Context<'_>, at: SocketAddr) {
        self.with_machine(cx, |call, cx| call.control_listening(cx.now.tick, at));
    }

    /// Its H.245 connection stands.
    pub(crate) fn control_opened(&mut self, cx: &mut Context<'_>) {
        self.with_machine(cx, |call, cx| call.control_opened(cx.now.tick));
    }

    /// Its H.245 connection is gone.
    pub(crate) fn control_closed(&mut self, cx: &mut Context<'_>, conn: u64) {
        if self.control == Some(conn) {
            self.control = None;
            self.with_machine(cx, |call, cx| call.control_closed(cx.now.tick));
        }
    }

    /// The connection of its signalling is gone, or never came to be.
    pub(crate) fn signalling_closed(&mut self, cx: &mut Context<'_>) {
        if self.call.is_none() {
            return self.unreachable(cx);
        }
        self.with_machine(cx, |call, cx| call.signalling_closed(cx.now.tick));
    }

    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        self.with_machine(cx, |call, cx| call.handle_timeout(cx.now.tick));
    }

    /// Gives the machine something, and carries out what comes of it.
    pub(super) fn with_machine(
        &mut self,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut Call, &mut Context<'_>),
    ) {
        let Some(call) = self.call.as_deref_mut() else { return };
        work(call, cx);
        while let Some(output) = self.call.as_deref_mut().and_then(Call::poll_output) {
            self.carry_out(cx, output);
        }
    }

    fn carry_out(&mut self, cx: &mut Context<'_>, output: Output) {
        let whose = self.whose(cx);
        match output {
            Output::Signalling(bytes) => cx.gateways.send(self.signalling, bytes),
            Output::Control(bytes) => {
                if let Some(conn) = self.control {
                    cx.gateways.send(conn, bytes);
                }
            }
            Output::OpenControl(address) => {
                self.close_control(cx);
                // A peer leads us nowhere but to itself.
                if address.ip().to_canonical() == self.source.to_canonical() {
                    let from = self.local.map(|local| local.ip());
                    self.control = Some(cx.gateways.dial_control(address, from, whose));
                } else {
                    self.with_machine(cx, |call, cx| call.control_closed(cx.now.tick));
                }
            }
            Output::ListenControl => {
                self.close_control(cx);
                if let Some(local) = self.local {
                    self.control = Some(cx.gateways.listen(local.ip(), self.source, whose));
                }
            }
            Output::CloseControl => self.close_control(cx),
            Output::Event(event) => self.told(cx, event),
            Output::Close => cx.gateways.leave(self.signalling, whose),
        }
    }

    fn close_control(&mut self, cx: &mut Context<'_>) {
        if let Some(conn) = self.control.take() {
            cx.gateways.close(conn);
        }
    }
}

// === impl H323Leg: what the machine tells ===

impl H323Leg {
    fn told(&mut self, cx: &mut Context<'_>, event: Event) {
        match event {
            Event::Proceeding => self.progress(cx, Progress::Trying, false),
            Event::Alerting { in_band } => self.progress(cx, Progress::Ringing, in_band),
            Event::Progress { in_band } => self.progress(cx, Progress::InProgress, in_band),
            Event::Connected => {
                self.is_answered = true;
                self.answer_if_known(cx);
            }
            Event::Media(media) => self.media(cx, &media),
            Event::Digit(digit) => {
                let (shortest, longest) = DIGIT_MS;
                let duration_ms = digit.duration_ms.clamp(shortest, longest);
                if let Some(digit) = Digit::from_char(digit.symbol) {
                    cx.emit(self.id, LegEvent::Digit(Info { digit, duration_ms }));
                }
            }
            Event::Released { cause, by } => self.released(cx, cause, by),
        }
    }

    fn progress(&mut self, cx: &mut Context<'_>, progress: Progress, in_band: bool) {
        if self.state == State::Calling {
            let session = self.session().filter(|_| in_band);
            cx.emit(self.id, LegEvent::Progress { branch: 0, progress, session });
        }
    }

    /// What the peer says of its media, as the other side may be told it.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.theirs.as_ref()?.session().map(Arc::new)
    }

    fn answer_if_known(&mut self, cx: &mut Context<'_>) {
        if self.state != State::Calling || !self.is_answered {
            return;
        }
        if let Some(session) = self.session() {
            self.state = State::Confirmed;
            cx.emit(self.id, LegEvent::Answered { branch: 0, session: Some(session) });
        }
    }

    /// Channels changed. Before the answer that is the answer's session; afterwards hold, its end, or another
    /// address.
    fn media(&mut self, cx: &mut Context<'_>, media: &Media) {
        let Some(channel) = sessions::agreed(media, self.theirs.as_ref()) else { return };
        let before = self.theirs.replace(channel.clone());
        match self.state {
            State::Calling => self.answer_if_known(cx),
            State::Incoming | State::Confirmed => {
                let was = before.map_or(media::Direction::SendRecv, |before| before.direction);
                let Some(session) = self.session() else { return };
                if was != channel.direction && self.state == State::Confirmed {
                    self.offer_change(cx, session);
                } else {
                    cx.emit(self.id, LegEvent::Moved { session });
                }
            }
            State::Gone => {}
        }
    }

    /// The other side is told of hold or its end; one such offer at a time.
    pub(super) fn offer_change(&mut self, cx: &mut Context<'_>, session: Arc<Session>) {
        if self.offering.is_none() {
            self.offering = self.theirs.as_ref().map(|theirs| theirs.direction);
            cx.emit(self.id, LegEvent::Offer { session: Some(session) });
        }
    }

    fn released(&mut self, cx: &mut Context<'_>, cause: Cause, by: ReleasedBy) {
        let before = std::mem::replace(&mut self.state, State::Gone);
        if by == ReleasedBy::Us {
            return;
        }
        let event = match before {
            State::Incoming => LegEvent::Cancelled,
            State::Calling => LegEvent::Ended { end: self.end_of_attempt(cause, by), cause: Some(cause) },
            State::Confirmed if by == ReleasedBy::Peer => LegEvent::Released { cause: Some(cause) },
            State::Confirmed => LegEvent::Lost { loss: Loss::DialogGone },
            State::Gone => return,
        };
        cx.emit(self.id, event);
    }

    /// A connection that breaks before a word is as one that never was: the next route is tried.
    fn end_of_attempt(&self, cause: Cause, by: ReleasedBy) -> AttemptEnd {
        match by {
            ReleasedBy::Connection if !self.is_heard => AttemptEnd::Unreachable,
            ReleasedBy::Timer if cause == Cause::NO_ANSWER => AttemptEnd::NoAnswer { rang: true },
            ReleasedBy::Timer if !self.is_heard => AttemptEnd::Timeout,
            _ => AttemptEnd::Status(h323::causes::sip_status(cause)),
        }
    }
}
