//! Calls that wait until an engine outside has ports for them: what they want to be done, and what happens to
//! them meanwhile, is kept in its order and follows then.

use std::collections::VecDeque;

use call::{Action, Actions, Event, HangupBy, LegId};
use route::MediaPath;
use units::{Now, Tick};

use super::outside::Told;
use super::transcoding::may_be_transcoded;
use crate::ids::{CallRef, id_in_run};
use crate::io::Output;
use crate::leg::LegEvent;
use crate::node::Node;
use crate::slot::Slot;

/// Most of what happens that is kept; a peer that makes more happen has its call refused.
const KEPT_MAX: usize = 32;

/// What a call that waits will do.
#[derive(Debug, Default)]
pub(crate) struct WaitsForPorts {
    /// The first is what needs the ports.
    actions: Actions,
    kept: VecDeque<Kept>,
}

/// What happened.
#[derive(Debug)]
enum Kept {
    Call(Event),
    Leg(LegId, LegEvent),
}

impl Node {
    /// Whether an action has to wait for ports: then it does, with all that were to follow.
    pub(crate) fn waits_for_ports(&mut self, now: Now, slot: &mut Slot, actions: &mut Actions) -> bool {
        let Some(Action::Dial { callee, session, .. }) = actions.front() else { return false };
        if !self.media.outside.is_used() {
            return false;
        }
        let (ours, theirs) = (slot.call.origin().media(), callee.media());
        let path = theirs.map_or(self.config.media.path, |terms| terms.path);
        let is_bypassed =
            ours.path.with(path) == MediaPath::Bypass && !may_be_transcoded(slot, callee, session.as_deref());
        if is_bypassed || !self.accepts_first_offer(slot) {
            return false;
        }
        let called = self.calls_by_ipv4(callee);
        let said = session.as_ref().and_then(|session| session.described()?.rtp);
        let caller = said.map_or(slot.caller.source(), |rtp| rtp.ip()).to_canonical().is_ipv4();
        let id = slot.call.id();
        if self.media.outside.is_reserved(id_in_run(id), called)
            || !self.media.outside.reserve(now, (slot.me, id), (caller, called))
        {
            return false;
        }
        let waits = WaitsForPorts { actions: std::mem::take(actions), kept: VecDeque::new() };
        slot.waits_for_ports = Some(Box::new(waits));
        true
    }

    /// Keeps an event of a call that waits; gives it back where it is not to wait: the call does not wait, or
    /// has to end now.
    pub(crate) fn keep_event(&mut self, now: Now, slot: &mut Slot, event: Event) -> Option<Event> {
        let Some(waits) = slot.waits_for_ports.as_deref_mut() else { return Some(event) };
        let is_urgent =
            matches!(event, Event::Kill(HangupBy::Shutdown | HangupBy::Operator) | Event::Timeout);
        if !is_urgent && waits.kept.len() < KEPT_MAX {
            waits.kept.push_back(Kept::Call(event));
            return None;
        }
        self.go_on_without_ports(now, slot);
        Some(event)
    }

    /// As [`Self::keep_event`], for what a leg told.
    pub(crate) fn keep_leg_event(
        &mut self,
        now: Now,
        slot: &mut Slot,
        (leg, event): (LegId, LegEvent),
    ) -> Option<LegEvent> {
        let Some(waits) = slot.waits_for_ports.as_deref_mut() else { return Some(event) };
        if waits.kept.len() < KEPT_MAX {
            waits.kept.push_back(Kept::Leg(leg, event));
            return None;
        }
        self.go_on_without_ports(now, slot);
        Some(event)
    }

    /// Does what waited, with the ports or without.
    fn go_on_with_ports(&mut self, now: Now, slot: &mut Slot) {
        let Some(waits) = slot.waits_for_ports.take() else { return };
        let WaitsForPorts { mut actions, kept } = *waits;
        // Its ports are there, or it is told that there are none: it is not asked for again.
        if let Some(action) = actions.pop_front()
            && let Some(event) = self.execute(now, slot, action)
        {
            slot.call.handle(now, event, &mut actions);
        }
        self.perform(now, slot, &mut actions);
        for kept in kept {
            match kept {
                Kept::Call(event) => self.drive_slot(now, slot, event),
                Kept::Leg(leg, event) => {
                    if let Some(event) = self.keep_leg_event(now, slot, (leg, event)) {
                        self.leg_event(now, slot, leg, event);
                    }
                }
            }
        }
    }

    /// Whatever it waits for is refused.
    fn go_on_without_ports(&mut self, now: Now, slot: &mut Slot) {
        // Each time one action less waits.
        while slot.waits_for_ports.is_some() {
            self.media.outside.end(now, id_in_run(slot.call.id()));
            self.go_on_with_ports(now, slot);
        }
    }

    fn reserved(&mut self, now: Now, at: CallRef) {
        let Some(mut slot) = self.calls.take(at) else { return };
        self.go_on_with_ports(now, &mut slot);
        self.take_leg_events(now, &mut slot);
        self.park(now, slot);
    }

    /// What engines told, what they are told, and what is due.
    pub(crate) fn run_outside(&mut self, now: Now) {
        if !self.media.outside.is_used() {
            return;
        }
        loop {
            self.tell_outside(now);
            self.media.outside.run(now);
            let Some(told) = self.media.outside.poll() else { break };
            match told {
                Told::Media(event) => self.media_event(now, event),
                Told::Reserved(at) => self.reserved(now, at),
                Told::Engine { at, is_up } if self.identity.shard == 0 => match is_up {
                    true => tracing::info!(engine = %at, "rtpengine answers again: calls go there"),
                    false => {
                        tracing::warn!(engine = %at, "rtpengine does not answer: calls go to the others");
                    }
                },
                Told::Engine { .. } => {}
            }
        }
        while let Some((to, datagram)) = self.media.outside.poll_datagram() {
            self.outputs.push_back(Output::Engine { to, datagram });
        }
        let [came, went] = std::mem::take(&mut self.media.outside.packets);
        self.counters.engine_packets[0] += came;
        self.counters.engine_packets[1] += went;
    }

    /// Commands that our own relay would have are the engines'.
    fn tell_outside(&mut self, now: Now) {
        if !self.outputs.iter().any(|output| matches!(output, Output::Media(_))) {
            return;
        }
        for output in std::mem::take(&mut self.outputs) {
            match output {
                Output::Media(command) => self.media.outside.command(now, command),
                other => self.outputs.push_back(other),
            }
        }
    }

    pub(crate) fn outside_deadline(&self) -> Tick {
        self.media.outside.deadline()
    }
}
