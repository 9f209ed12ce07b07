//! Which carriers are up, as one shard sees it: consecutive failures take one down, a success or a probe
//! brings it back.
//!
//! Invariant: a carrier that is down is tried by one call per hold-down at most; carriers without probes
//! recover by that call.

use std::sync::Arc;

use units::Tick;

use crate::{AttemptEnd, Carrier, CarrierId, Carriers};

/// What the next call may do with a carrier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Dial.
    Up,
    /// Down, but its hold-down is over: one call may try it, see [`Health::begin`].
    Trial,
    /// Skip.
    Down,
    /// Skip: it asked for a pause, which is not over.
    Paused,
}

/// Longest pause that a carrier may ask for by Retry-After, seconds: what is longer counts as this, and the
/// carrier is asked again then.
pub const PAUSE_SECS_MAX: u32 = 3_600;

/// The state of every carrier, indexed by id.
#[derive(Clone, Debug, Default)]
pub struct Health {
    states: Vec<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    failures: u32,
    /// From when one call may try again; `None`: up.
    retry_at: Option<Tick>,
    /// Until when it asked not to be called; `Tick(0)`: it did not.
    paused_until: Tick,
    /// When the next OPTIONS is due; `NEVER` without probes.
    probe_at: Tick,
}

impl Default for State {
    fn default() -> Self {
        Self { failures: 0, retry_at: None, paused_until: Tick(0), probe_at: Tick::NEVER }
    }
}

impl Health {
    /// Every carrier up, first probes due one interval from `now`, spread so that not all leave at once.
    pub fn new(carriers: &Carriers, now: Tick) -> Self {
        let mut health = Self::default();
        health.adopt(carriers, now);
        health
    }

    /// Follows a reload: carriers keep their standing, new ones are up, probe times follow the new interval.
    pub fn adopt(&mut self, carriers: &Carriers, now: Tick) {
        self.states.resize(carriers.ids(), State::default());
        for (at, state) in self.states.iter_mut().enumerate() {
            let carrier = u16::try_from(at).ok().and_then(|id| carriers.by_id(CarrierId(id)));
            match carrier {
                // Whoever comes back under an old name starts anew.
                None => *state = State::default(),
                Some(carrier) if carrier.probe_secs == 0 => state.probe_at = Tick::NEVER,
                Some(carrier) => {
                    let interval_ms = u64::from(carrier.probe_secs) * 1_000;
                    let first = now.plus_ms(interval_ms * (u64::from(carrier.id.0) % 16 + 1) / 16);
                    state.probe_at = state.probe_at.min(first);
                }
            }
        }
    }

    /// What a call may do with `carrier` at `now`.
    pub fn standing(&self, carrier: CarrierId, now: Tick) -> Standing {
        let state = self.state(carrier);
        if state.is_some_and(|s| now < s.paused_until) {
            return Standing::Paused;
        }
        match state.and_then(|s| s.retry_at) {
            None => Standing::Up,
            Some(at) if at <= now => Standing::Trial,
            Some(_) => Standing::Down,
        }
    }

    /// Whether metrics should say that it is up at `now`: a carrier on trial or in a pause is not.
    pub fn is_up(&self, carrier: CarrierId, now: Tick) -> bool {
        self.state(carrier).is_none_or(|s| s.retry_at.is_none() && now >= s.paused_until)
    }

    /// The carrier answered 503 with Retry-After (RFC 3261 §21.5.4): it is skipped for so many seconds from
    /// `now`, at most [`PAUSE_SECS_MAX`], whatever it answers to other calls meanwhile. A longer pause is
    /// never made shorter.
    pub fn pause(&mut self, carrier: CarrierId, secs: u32, now: Tick) {
        if let Some(state) = self.state_mut(carrier) {
            let until = now.plus_ms(u64::from(secs.min(PAUSE_SECS_MAX)) * 1_000);
            state.paused_until = state.paused_until.max(until);
        }
    }

    /// Claims the right to dial `carrier` now. False: it is down, or another call tries it already.
    pub fn begin(&mut self, carrier: &Carrier, now: Tick) -> bool {
        let standing = self.standing(carrier.id, now);
        if let (Standing::Trial, Some(state)) = (standing, self.state_mut(carrier.id)) {
            // A trial that ends in neither way (the caller hung up) leaves the carrier to the next hold-down.
            state.retry_at = Some(hold_down(carrier, now));
        }
        matches!(standing, Standing::Up | Standing::Trial)
    }

    /// The carrier gave any sign of life: a provisional or final response below 500, an answer to a probe.
    /// True if it came back up.
    pub fn succeeded(&mut self, carrier: CarrierId) -> bool {
        self.state_mut(carrier).is_some_and(|state| {
            state.failures = 0;
            state.retry_at.take().is_some()
        })
    }

    /// The carrier failed: timeout, unreachable, 500, 502, 503, 504. True if that took it down.
    pub fn failed(&mut self, carrier: &Carrier, now: Tick) -> bool {
        let Some(state) = self.state_mut(carrier.id) else { return false };
        state.failures = state.failures.saturating_add(1);
        let down = state.failures >= carrier.down_after.max(1);
        let was_up = state.retry_at.is_none();
        if down {
            state.retry_at = Some(hold_down(carrier, now));
        }
        down && was_up
    }

    /// Counts how an attempt ended. True if the carrier changed between up and down.
    pub fn record(&mut self, carrier: &Carrier, end: AttemptEnd, now: Tick) -> bool {
        match end.blames_carrier() {
            Some(true) => self.failed(carrier, now),
            Some(false) => self.succeeded(carrier.id),
            None => false,
        }
    }

    /// When the next OPTIONS is due; `None` if no carrier has probes.
    pub fn next_probe(&self) -> Option<Tick> {
        self.states.iter().map(|s| s.probe_at).min().filter(|&at| at != Tick::NEVER)
    }

    /// A carrier whose probe is due at `now`; its next one is set an interval later. Call until `None`.
    pub fn poll_probe<'a>(&mut self, carriers: &'a Carriers, now: Tick) -> Option<&'a Arc<Carrier>> {
        let at = self.states.iter().position(|s| s.probe_at <= now && s.probe_at != Tick::NEVER)?;
        let state = self.states.get_mut(at)?;
        let carrier = u16::try_from(at).ok().and_then(|id| carriers.by_id(CarrierId(id)));
        let interval_secs = carrier.map_or(0, |c| c.probe_secs);
        state.probe_at =
            if interval_secs == 0 { Tick::NEVER } else { now.plus_ms(u64::from(interval_secs) * 1_000) };
        carrier
    }

    fn state(&self, carrier: CarrierId) -> Option<&State> {
        self.states.get(usize::from(carrier.0))
    }

    fn state_mut(&mut self, carrier: CarrierId) -> Option<&mut State> {
        self.states.get_mut(usize::from(carrier.0))
    }
}

fn hold_down(carrier: &Carrier, now: Tick) -> Tick {
    now.plus_ms(u64::from(carrier.down_secs) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CarrierSpec;

    fn carriers(change: impl FnOnce(&mut CarrierSpec)) -> Carriers {
        let mut spec = CarrierSpec::new("alpha", "sip:192.0.2.1".parse().expect("target"));
        change(&mut spec);
        let other = CarrierSpec::new("beta", "sip:192.0.2.2".parse().expect("target"));
        Carriers::new(vec![spec, other], None).expect("valid")
    }

    fn at(secs: u64) -> Tick {
        Tick(0).plus_ms(secs * 1_000)
    }

    const ALPHA: CarrierId = CarrierId(0);
    const BUSY: AttemptEnd = AttemptEnd::Status(486);

    #[test]
    fn consecutive_failures_take_it_down() {
        let carriers = carriers(|_| ());
        let alpha = carriers.by_id(ALPHA).expect("there");
        let mut health = Health::new(&carriers, at(0));
        for _ in 0..4 {
            assert!(!health.record(alpha, AttemptEnd::Timeout, at(1)));
        }
        assert!(!health.record(alpha, BUSY, at(1)), "an answer, though busy, is a sign of life");
        for _ in 0..4 {
            assert!(!health.record(alpha, AttemptEnd::Status(503), at(2)));
        }
        assert_eq!(health.standing(ALPHA, at(2)), Standing::Up);
        assert!(health.record(alpha, AttemptEnd::Unreachable, at(2)));
        assert_eq!(health.standing(ALPHA, at(2)), Standing::Down);
        assert!(!health.is_up(ALPHA, at(2)) && health.is_up(CarrierId(1), at(2)));
        assert!(!health.record(alpha, AttemptEnd::Full, at(2)), "full says nothing about the carrier");
    }

    #[test]
    fn one_call_tries_after_the_hold_down() {
        let carriers = carriers(|spec| (spec.down_after, spec.down_secs) = (1, 30));
        let alpha = carriers.by_id(ALPHA).expect("there");
        let mut health = Health::new(&carriers, at(0));
        health.failed(alpha, at(10));
        assert!(!health.begin(alpha, at(39)));
        assert_eq!(health.standing(ALPHA, at(40)), Standing::Trial);
        assert!(health.begin(alpha, at(40)));
        assert!(!health.begin(alpha, at(40)), "the second call does not try");
        assert!(health.begin(alpha, at(70)), "an abandoned trial does not block for ever");
        assert!(health.succeeded(ALPHA));
        assert!(health.begin(alpha, at(70)) && health.begin(alpha, at(70)));
    }

    #[test]
    fn a_pause_ends_with_time_alone() {
        let carriers = carriers(|_| ());
        let alpha = carriers.by_id(ALPHA).expect("there");
        let mut health = Health::new(&carriers, at(0));
        health.pause(ALPHA, 60, at(10));
        health.pause(ALPHA, 5, at(11));
        assert!(!health.begin(alpha, at(69)) && !health.is_up(ALPHA, at(69)));
        assert!(!health.succeeded(ALPHA), "it was not down");
        assert_eq!(health.standing(ALPHA, at(69)), Standing::Paused);
        assert_eq!(health.standing(ALPHA, at(70)), Standing::Up);
        health.pause(ALPHA, u32::MAX, at(100));
        assert_eq!(health.standing(ALPHA, at(100 + u64::from(PAUSE_SECS_MAX))), Standing::Up);
    }

    #[test]
    fn a_failed_trial_holds_it_down_again() {
        let carriers = carriers(|spec| (spec.down_after, spec.down_secs) = (3, 30));
        let alpha = carriers.by_id(ALPHA).expect("there");
        let mut health = Health::new(&carriers, at(0));
        (0..3).for_each(|_| _ = health.failed(alpha, at(0)));
        assert!(health.begin(alpha, at(30)));
        assert!(!health.failed(alpha, at(34)), "it was down already");
        assert_eq!(health.standing(ALPHA, at(63)), Standing::Down);
        assert_eq!(health.standing(ALPHA, at(64)), Standing::Trial);
    }

    #[test]
    fn probes_leave_on_time_and_never_without_an_interval() {
        let silent = carriers(|_| ());
        let mut health = Health::new(&silent, at(0));
        assert_eq!(health.next_probe(), None);
        assert_eq!(health.poll_probe(&silent, at(1_000_000)), None);

        let probed = carriers(|spec| spec.probe_secs = 16);
        health.adopt(&probed, at(100));
        assert_eq!(health.next_probe(), Some(at(101)));
        assert_eq!(health.poll_probe(&probed, at(100)).map(|c| c.id), None);
        assert_eq!(health.poll_probe(&probed, at(101)).map(|c| c.id), Some(ALPHA));
        assert_eq!(health.poll_probe(&probed, at(101)).map(|c| c.id), None);
        assert_eq!(health.next_probe(), Some(at(117)));
        health.adopt(&silent, at(102));
        assert_eq!(health.next_probe(), None);
    }

    #[test]
    fn a_reload_keeps_the_standing_of_those_that_stay() {
        let carriers = carriers(|spec| spec.down_after = 1);
        let mut health = Health::new(&carriers, at(0));
        health.failed(carriers.by_id(ALPHA).expect("there"), at(0));
        health.adopt(&carriers, at(1));
        assert_eq!(health.standing(ALPHA, at(1)), Standing::Down);
        let without = Carriers::new(vec![], Some(&carriers)).expect("valid");
        health.adopt(&without, at(2));
        health.adopt(&carriers, at(3));
        assert_eq!(health.standing(ALPHA, at(3)), Standing::Up);
    }
}
