//! Messages of call signalling that come for a call.

use super::fast_start::{self, FastStart};
use super::state::{Call, Event, Phase, ReleasedBy, Role};
use crate::asn1::H225_V4;
use crate::asn1::h225::{
    CallIdentifier, FacilityReason, H323UUPDU, H323UUPDUH323MessageBody as Body, StatusUUIE, TransportAddress,
};
use crate::causes;
use crate::h245::digits_of_text;
use crate::q931::{CauseIe, IeId, Message, MessageType, Progress, UserUserError};
use units::{Cause, Tick};

/// Q.850 30: the answer to a status enquiry.
const STATUS_ANSWER: Cause = Cause(30);
/// Call states of Q.931 §2.1, as far as we are in them.
const STATES: [(Phase, u8, u8); 4] =
    [(Phase::Setup, 1, 6), (Phase::Proceeding, 3, 9), (Phase::Alerting, 4, 7), (Phase::Connected, 10, 10)];

/// What the messages that answer a Setup have in common.
struct Parts<'a> {
    fast_start: Option<&'a [Vec<u8>]>,
    is_refused: bool,
    h245_address: Option<&'a TransportAddress>,
}

impl Call {
    /// A message on the call's connection: the content of a TPKT frame.
    pub fn handle_signalling(&mut self, now: Tick, frame: &[u8]) {
        if self.phase == Phase::Released {
            return;
        }
        let Ok(message) = Message::parse(frame) else {
            return self.finish(Cause::PROTOCOL, ReleasedBy::Protocol, true);
        };
        let pdu = match message.user_user() {
            Ok(info) => Some(info.h323_uu_pdu),
            // a message without H.225.0 in it still says what it is
            Err(UserUserError::Missing) => None,
            Err(_) if message.kind == MessageType::ReleaseComplete => None,
            Err(_) => return self.finish(Cause::PROTOCOL, ReleasedBy::Protocol, true),
        };
        if message.kind == MessageType::ReleaseComplete {
            return self.released(&message, pdu.as_ref());
        }
        let body = pdu.as_ref().map_or(&Body::Empty, |pdu| &pdu.h323_message_body);
        let parts = parts(body);
        self.take_fast_start(&parts);
        if let Some(pdu) = &pdu {
            self.handle_tunnelled(now, pdu);
        }
        self.take_control_address(parts.h245_address);
        self.handle_kind(now, &message, body);
        if self.phase == Phase::Released {
            return;
        }
        self.open_control_if_due();
        self.start_control_if_due(now);
        if self.phase == Phase::Connected && self.deadlines.phase.take().is_some() {
            self.expect_media(now);
        }
        self.flush(now);
    }

    #[expect(clippy::collapsible_match, reason = "a guard changes nothing")]
    fn handle_kind(&mut self, now: Tick, message: &Message<'_>, body: &Body) {
        let is_answer = self.role == Role::Caller;
        let in_band = message
            .element(IeId::ProgressIndicator)
            .and_then(Progress::parse)
            .is_some_and(Progress::is_heard);
        let timers = self.settings.timers;
        match message.kind {
            MessageType::SetupAcknowledge | MessageType::CallProceeding if is_answer => {
                if self.forward_to(Phase::Proceeding) {
                    self.deadlines.phase = Some(now.plus_ms(timers.progress_ms));
                    self.tell(Event::Proceeding);
                }
            }
            MessageType::Alerting if is_answer => {
                if self.forward_to(Phase::Alerting) {
                    self.deadlines.phase = Some(now.plus_ms(timers.ringing_ms));
                    self.tell(Event::Alerting { in_band });
                }
            }
            MessageType::Progress if is_answer && self.phase < Phase::Connected => {
                if self.forward_to(Phase::Proceeding) {
                    self.deadlines.phase = Some(now.plus_ms(timers.progress_ms));
                }
                self.tell(Event::Progress { in_band });
            }
            MessageType::Connect if is_answer => {
                if self.forward_to(Phase::Connected) {
                    // without an answer to fast start until now it is refused (H.323 §8.1.7.1)
                    if matches!(self.fast_start, FastStart::Offered(_)) {
                        self.fast_start = FastStart::Refused;
                    }
                    if self.peer_tunnels.is_none() {
                        self.peer_tunnels = Some(false);
                    }
                    self.tell(Event::Connected);
                }
            }
            MessageType::Information => {
                let text = message.element(IeId::Keypad).unwrap_or_default();
                digits_of_text(text).into_iter().for_each(|digit| self.tell(Event::Digit(digit)));
            }
            MessageType::StatusInquiry => self.send_status(),
            MessageType::Status => self.on_status(message),
            MessageType::Facility => self.on_facility(body),
            _ => {}
        }
    }

    /// Only ever forward: a second Call Proceeding changes nothing.
    fn forward_to(&mut self, phase: Phase) -> bool {
        let is_forward = phase > self.phase;
        self.phase = self.phase.max(phase);
        is_forward
    }

    fn take_fast_start(&mut self, parts: &Parts<'_>) {
        if self.role != Role::Caller || !matches!(self.fast_start, FastStart::Offered(_)) {
            return;
        }
        if let (Some(channels), Some(local)) = (parts.fast_start, &self.local) {
            match fast_start::accepted(channels, local) {
                Some(started) => {
                    self.control.fast_started(Some(started.sending), Some(started.receiving));
                    self.fast_start = FastStart::Accepted;
                }
                None => self.fast_start = FastStart::Refused,
            }
        } else if parts.is_refused {
            self.fast_start = FastStart::Refused;
        }
    }

    fn released(&mut self, message: &Message<'_>, pdu: Option<&H323UUPDU>) {
        let reason = pdu.and_then(|pdu| match &pdu.h323_message_body {
            Body::ReleaseComplete(body) => body.reason.as_ref(),
            _ => None,
        });
        let said = message.element(IeId::Cause).and_then(CauseIe::parse).map(|element| element.cause);
        let cause = said.unwrap_or_else(|| causes::of_reason(reason));
        self.finish(cause, ReleasedBy::Peer, false);
    }

    fn on_facility(&mut self, body: &Body) {
        let Body::Facility(facility) = body else { return };
        match facility.reason {
            // a call is not led elsewhere: it ends here, and its next route is tried
            FacilityReason::CallForwarded
            | FacilityReason::RouteCallToGatekeeper
            | FacilityReason::RouteCallToMC
                if self.phase < Phase::Connected =>
            {
                self.finish(Cause::UNSPECIFIED, ReleasedBy::Peer, true);
            }
            _ => {}
        }
    }

    fn send_status(&mut self) {
        let state = STATES.iter().find(|(phase, ..)| *phase == self.phase);
        let state = state.map_or(0, |(_, caller, callee)| match self.role {
            Role::Caller => *caller,
            Role::Callee => *callee,
        });
        let body = Body::Status(Box::new(StatusUUIE {
            protocol_identifier: H225_V4,
            call_identifier: CallIdentifier { guid: self.ids.call_id },
            ..StatusUUIE::default()
        }));
        let cause = CauseIe { cause: STATUS_ANSWER, location: 0 }.content().to_vec();
        self.send(MessageType::Status, &[(IeId::Cause, cause), (IeId::CallState, vec![state])], body);
    }

    /// A peer in the null state has no call (Q.931 §5.8.11).
    fn on_status(&mut self, message: &Message<'_>) {
        if message
            .element(IeId::CallState)
            .and_then(|state| state.first())
            .is_some_and(|state| state & 0x3f == 0)
        {
            self.finish(Cause(101), ReleasedBy::Peer, false);
        }
    }
}

fn parts(body: &Body) -> Parts<'_> {
    let (fast_start, refused, h245_address) = match body {
        Body::CallProceeding(body) => (&body.fast_start, body.fast_connect_refused, &body.h245_address),
        Body::Alerting(body) => (&body.fast_start, body.fast_connect_refused, &body.h245_address),
        Body::Progress(body) => (&body.fast_start, body.fast_connect_refused, &body.h245_address),
        Body::Connect(body) => (&body.fast_start, body.fast_connect_refused, &body.h245_address),
        Body::Facility(body) => (&body.fast_start, body.fast_connect_refused, &body.h245_address),
        _ => return Parts { fast_start: None, is_refused: false, h245_address: None },
    };
    Parts {
        fast_start: fast_start.as_deref(),
        is_refused: refused.is_some(),
        h245_address: h245_address.as_ref(),
    }
}
