//! How calls are driven: events go in, actions are performed, legs are heard, and the call is parked with its
//! next deadline.

use call::{Actions, Event, LegId};
use units::wheel::TimerId;
use units::{Now, Tick};

use crate::ids::{CallRef, TimerKey, id_in_run};
use crate::leg::{CallFacts, Context, Leg};
use crate::node::Node;
use crate::slot::Slot;

impl Node {
    /// Gives a call an event and carries out what it wants.
    pub(crate) fn drive(&mut self, now: Now, at: CallRef, event: Event) {
        let Some(mut slot) = self.calls.take(at) else { return };
        // Another call may be in hand: what its legs told is not for this one.
        let others = std::mem::take(&mut self.calls.leg_events);
        self.drive_slot(now, &mut slot, event);
        self.take_leg_events(now, &mut slot);
        self.calls.leg_events = others;
        self.park(now, slot);
    }

    /// As [`Node::drive`], for a call that is in hand; what its legs tell waits for
    /// [`Node::take_leg_events`].
    pub(crate) fn drive_slot(&mut self, now: Now, slot: &mut Slot, event: Event) {
        let Some(event) = self.keep_event(now, slot, event) else { return };
        let mut actions = std::mem::take(&mut self.calls.scratch);
        slot.call.handle(now, event, &mut actions);
        self.perform(now, slot, &mut actions);
        self.calls.scratch = actions;
    }

    /// Performs actions until none is left; their answers may bring new ones.
    pub(crate) fn perform(&mut self, now: Now, slot: &mut Slot, actions: &mut Actions) {
        while !self.waits_for_ports(now, slot, actions)
            && let Some(action) = actions.pop_front()
        {
            if let Some(event) = self.execute(now, slot, action) {
                slot.call.handle(now, event, actions);
            }
        }
    }

    /// Gives a leg something to do, and its call what comes of it; false if there is no such leg.
    pub(crate) fn on_leg(
        &mut self,
        now: Now,
        slot: &mut Slot,
        id: LegId,
        work: impl FnOnce(&mut Leg, &mut Context<'_>),
    ) -> bool {
        let is_there = self.verb(now, slot, id, work).is_some();
        self.take_leg_events(now, slot);
        is_there
    }

    /// Gives a leg something to do; what it tells waits for [`Node::take_leg_events`]. None if there is no
    /// such leg.
    pub(crate) fn verb<T>(
        &mut self,
        now: Now,
        slot: &mut Slot,
        id: LegId,
        work: impl FnOnce(&mut Leg, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let (call, leg) = slot.facts_and_leg(id);
        Some(work(leg?, &mut self.context(now, call)))
    }

    /// What a leg of a call works with.
    pub(crate) fn context<'a>(&'a mut self, now: Now, call: CallFacts<'a>) -> Context<'a> {
        Context {
            now,
            call,
            config: &self.config,
            names: &self.peers.names,
            endpoint: &mut self.sip,
            counters: &mut self.counters,
            events: &mut self.calls.leg_events,
        }
    }

    /// Gives a call what its legs told, in order; what it then wants may make them tell more.
    pub(crate) fn take_leg_events(&mut self, now: Now, slot: &mut Slot) {
        while let Some((leg, event)) = self.calls.leg_events.pop_front() {
            if let Some(event) = self.keep_leg_event(now, slot, (leg, event)) {
                self.leg_event(now, slot, leg, event);
            }
        }
    }

    /// Puts a call back, with its timer; or forgets it if nothing will happen any more.
    pub(crate) fn park(&mut self, now: Now, mut slot: Box<Slot>) {
        if self.subscriptions.watch_calls() {
            self.subscriptions.note(now.tick, &slot);
        }
        if slot.call.is_over() && slot.all_gone() {
            self.timers.cancel(slot.timer);
            self.calls.by_id.remove(&id_in_run(slot.call.id()));
            self.calls.release(slot.me);
            slot.legs_mut().for_each(|leg| leg.close(&mut self.sip));
            return;
        }
        let wanted = slot.deadline();
        // A timer that comes too early is harmless; only an earlier deadline needs a new one.
        if wanted < slot.timer_at || slot.timer_at <= now.tick {
            self.timers.cancel(slot.timer);
            slot.timer_at = wanted;
            slot.timer = if wanted == Tick::NEVER {
                TimerId::NONE
            } else {
                self.timers.insert(wanted, TimerKey::Call(slot.me))
            };
        }
        self.calls.put(slot);
    }

    pub(crate) fn call_timer(&mut self, now: Now, at: CallRef) {
        let Some(mut slot) = self.calls.take(at) else { return };
        slot.timer = TimerId::NONE;
        slot.timer_at = Tick::NEVER;
        if slot.call.deadline() <= now.tick {
            self.drive_slot(now, &mut slot, Event::Timeout);
            self.take_leg_events(now, &mut slot);
        }
        self.wait_no_longer(now, &mut slot);
        self.announced_long_enough(now, &mut slot);
        let mut due = slot.due(now.tick);
        while let Some(id) = due {
            self.on_leg(now, &mut slot, id, Leg::timeout);
            due = slot.due(now.tick).filter(|next| *next != id);
        }
        self.park(now, slot);
    }
}
