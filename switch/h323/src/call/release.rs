//! The end of a call: one Release Complete, one event, and nothing after it.

use super::facts::Deadlines;
use super::state::{Call, Event, Link, Output, Phase, ReleasedBy};
use crate::q931::{CauseIe, IeId, MessageType, write_frame};
use units::{Cause, Tick};

impl Call {
    /// Ends the call, whatever its state.
    pub fn release(&mut self, _now: Tick, cause: Cause) {
        self.finish(cause, ReleasedBy::Us, true);
    }

    /// The connection of its signalling is gone.
    pub fn signalling_closed(&mut self, _now: Tick) {
        self.finish(Cause::TEMPORARY, ReleasedBy::Connection, false);
    }

    /// A Release Complete goes out even where the peer is said to close its connection alone: some wait for
    /// it.
    pub(super) fn finish(&mut self, cause: Cause, by: ReleasedBy, is_told: bool) {
        if self.phase == Phase::Released {
            return;
        }
        self.phase = Phase::Released;
        self.deadlines = Deadlines::default();
        self.control.end();
        match self.link {
            Link::Open => {
                self.drain_to_connection();
                self.outputs.push_back(Output::CloseControl);
            }
            Link::Listening | Link::Opening => self.outputs.push_back(Output::CloseControl),
            Link::None | Link::Tunnelled | Link::Closed => {}
        }
        if is_told {
            let element = CauseIe { cause, location: 0 }.content().to_vec();
            let body = self.release_body(cause);
            self.send(MessageType::ReleaseComplete, &[(IeId::Cause, element)], body);
        }
        self.tell(Event::Released { cause, by });
        self.outputs.push_back(Output::Close);
    }

    /// Everything that H.245 has to say, on its own connection.
    pub(super) fn drain_to_connection(&mut self) {
        while let Some(message) = self.control.poll_message() {
            let mut frame = Vec::with_capacity(message.len() + 4);
            if write_frame(&mut frame, &message) {
                self.outputs.push_back(Output::Control(frame));
            }
        }
    }
}
