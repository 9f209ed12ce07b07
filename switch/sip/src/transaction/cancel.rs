//! The CANCEL of an INVITE of ours: RFC 3261 §9.1. Its own transaction is figure 6 and nobody's business but
//! this module's. Invariant: no CANCEL before a 1xx, none after a final response.

use units::Tick;

use super::client_state::{Asking, Cancel, CancelTransaction, Happening, step_non_invite};
use super::layer::Layer;
use super::step::{Send, Step};
use super::timers::{Due, Fired, Timers};
use super::{Transmit, derive, non_invite_client as non_invite};

// === impl Layer ===

impl Layer {
    /// A 1xx came: the CANCEL that waited for it may go.
    pub(super) fn release_cancel(&mut self, now: Tick, slot: u32) {
        let Some(asking) = self.asking(slot) else { return };
        if let Cancel::Held(reason) = &mut asking.cancel {
            let reason = reason.take();
            self.send_cancel(now, slot, reason.as_deref());
        }
    }

    pub(super) fn send_cancel(&mut self, now: Tick, slot: u32, reason: Option<&str>) {
        let Some(asking) = self.asking(slot) else { return };
        let Some(bytes) = derive::cancel(&asking.bytes, reason) else {
            asking.cancel = Cancel::Over;
            return;
        };
        asking.cancel = Cancel::Sent(Box::new(CancelTransaction {
            state: non_invite::State::Terminated,
            bytes,
            timers: Timers::new(),
        }));
        let flow = asking.flow;
        let rules = self.rules(&flow);
        // the INVITE's own end is armed first: at 64·T1 it takes the CANCEL with it
        self.client_input(now, slot, Happening::Cancelled, None);
        self.cancel_step(now, slot, non_invite::State::start(&rules));
    }

    pub(super) fn drop_cancel(&mut self, slot: u32) {
        let Some(asking) = self.clients.at_mut(slot).and_then(|client| client.asking.as_mut()) else {
            return;
        };
        if let Cancel::Sent(cancel) = &mut asking.cancel {
            cancel.timers.stop(&mut self.wheel);
        }
        asking.cancel = Cancel::Over;
    }

    pub(super) fn cancel_timer(&mut self, now: Tick, slot: u32) {
        let Some(Asking { cancel: Cancel::Sent(cancel), .. }) = self.asking(slot) else { return };
        let Some(fired) = cancel.timers.fired(now) else { return };
        self.counters.retransmissions_sent += u64::from(fired == Fired::Repeat);
        self.cancel_input(now, slot, Happening::Timer(fired));
    }

    /// A response to the CANCEL, or its timer.
    pub(super) fn cancel_input(&mut self, now: Tick, slot: u32, happening: Happening) {
        let Some(Asking { cancel: Cancel::Sent(cancel), flow, .. }) = self.asking(slot) else { return };
        let (state, flow) = (cancel.state, *flow);
        if let Some(step) = step_non_invite(state, happening, &self.rules(&flow)) {
            self.cancel_step(now, slot, step);
        }
    }

    /// What becomes of the CANCEL itself tells the user nothing: the INVITE's end does.
    fn cancel_step(&mut self, now: Tick, slot: u32, step: Step<non_invite::State>) {
        let Some(asking) = self.clients.at_mut(slot).and_then(|client| client.asking.as_mut()) else {
            return;
        };
        let Asking { cancel: Cancel::Sent(cancel), flow, .. } = &mut **asking else { return };
        cancel.state = step.state;
        if step.send == Send::Stored {
            self.transmits.push_back(Transmit { flow: *flow, bytes: cancel.bytes.clone() });
        }
        cancel.timers.apply(&mut self.wheel, Due::Cancel(slot), now, &step);
        if step.state == non_invite::State::Terminated {
            self.drop_cancel(slot);
        }
    }

    fn asking(&mut self, slot: u32) -> Option<&mut Asking> {
        self.clients.at_mut(slot)?.asking.as_deref_mut()
    }
}
