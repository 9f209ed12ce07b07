//! Registrations at carriers: when they are refreshed, and what is tried when one fails.
//! Invariant: a change of standing is said once; a failure that is repeated is not said again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use route::CarrierId;
use units::{Name, Now, Tick, Wall};

use crate::leg::Registration;

/// An answer is waited for so long, then the next address has its turn.
pub(crate) const ANSWER_MS: u64 = 10_000;
/// The first pause after a failure, doubled with each further one.
const PAUSE_MS: u64 = 5_000;
/// The longest pause, and the longest Retry-After that is followed.
const PAUSE_MS_MAX: u64 = 600_000;
/// Above this expiry, a refresh leaves a minute before it; below, a quarter of it.
const LONG_SECS: u32 = 240;

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegistrationState {
    /// Not answered yet since it began.
    Trying,
    /// The carrier knows where we are.
    Registered,
    /// It refused, or did not answer, and what it granted is over.
    Failed,
}

/// A registration, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationStanding {
    /// At which carrier.
    pub carrier: Name,
    /// How it stands.
    pub state: RegistrationState,
    /// Until when, while it is registered.
    pub until: Option<Wall>,
    /// Why it is not, in words; empty if it is.
    pub reason: String,
}

/// All registrations of this shard.
#[derive(Default)]
pub(crate) struct Registrations {
    pub all: BTreeMap<u32, Kept>,
    pub keys: u32,
    /// When the first of them is due.
    next: Option<Tick>,
}

/// One of them.
pub(crate) struct Kept {
    pub registration: Registration,
    pub state: RegistrationState,
    /// What was granted ends then.
    pub until: Tick,
    until_wall: Wall,
    /// When something is to be done; an answer may come before.
    pub due: Tick,
    /// An answer is waited for until `due`.
    pub is_out: bool,
    /// It is taken back.
    pub is_leaving: bool,
    /// Which of the carrier's addresses has its turn.
    turn: usize,
    pub failures: u32,
    reason: String,
}

// === impl RegistrationState ===

impl RegistrationState {
    /// The word that metrics and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Registered => "registered",
            Self::Failed => "failed",
        }
    }
}

// === impl Registrations ===

impl Registrations {
    pub(crate) fn deadline(&self) -> Tick {
        self.next.unwrap_or(Tick::NEVER)
    }

    /// Whether one waits for the answer to its last request.
    pub(crate) fn are_leaving(&self) -> bool {
        self.all.values().any(|kept| kept.is_leaving)
    }

    pub(crate) fn standings(&self) -> Vec<RegistrationStanding> {
        let shown = |kept: &Kept| RegistrationStanding {
            carrier: kept.registration.carrier.name.clone(),
            state: kept.state,
            until: (kept.state == RegistrationState::Registered).then_some(kept.until_wall),
            reason: kept.reason.clone(),
        };
        self.all.values().filter(|kept| !kept.is_leaving).map(shown).collect()
    }

    pub(crate) fn of(&self, carrier: CarrierId) -> Option<u32> {
        let is_its = |kept: &Kept| !kept.is_leaving && kept.registration.carrier.id == carrier;
        self.all.iter().find(|(_, kept)| is_its(kept)).map(|(key, _)| *key)
    }

    pub(crate) fn schedule(&mut self) {
        self.next = self.all.values().map(|kept| kept.due).min();
    }
}

// === impl Kept ===

impl Kept {
    pub(crate) fn new(registration: Registration, now: Now) -> Self {
        Self {
            registration,
            state: RegistrationState::Trying,
            until: Tick(0),
            until_wall: Wall(0),
            due: now.tick,
            is_out: false,
            is_leaving: false,
            turn: 0,
            failures: 0,
            reason: String::new(),
        }
    }

    pub(crate) fn granted(&mut self, now: Now, secs: u32) {
        let margin = if secs >= LONG_SECS { 60 } else { secs / 4 };
        (self.until, self.due) =
            (now.tick.plus_ms(u64::from(secs) * 1_000), now.tick.plus_ms(u64::from(secs - margin) * 1_000));
        self.until_wall = now.wall.plus_ms(i64::from(secs) * 1_000);
        (self.is_out, self.failures, self.turn) = (false, 0, 0);
        self.reason.clear();
        if self.state != RegistrationState::Registered {
            self.state = RegistrationState::Registered;
            let carrier = &*self.registration.carrier.name;
            tracing::info!(carrier, secs, "registered at the carrier");
        }
    }

    /// `after_secs` is what the carrier asks for; `is_final`: another address would not know better.
    pub(crate) fn failed(
        &mut self,
        now: Now,
        reason: String,
        after_secs: Option<u32>,
        is_final: bool,
        addresses: usize,
    ) {
        self.is_out = false;
        self.turn += 1;
        let is_round_over = is_final || self.turn >= addresses;
        if is_round_over {
            self.turn = 0;
            let doubled = PAUSE_MS << self.failures.min(16);
            self.failures = self.failures.saturating_add(1);
            let asked_ms = u64::from(after_secs.unwrap_or(0)) * 1_000;
            self.due = now.tick.plus_ms(doubled.max(asked_ms).min(PAUSE_MS_MAX));
        } else {
            self.due = now.tick;
        }
        self.reason = reason;
        if is_round_over {
            self.judge(now);
        }
    }

    /// Says once that it failed: not before what was granted is over.
    fn judge(&mut self, now: Now) {
        let is_over = self.state == RegistrationState::Registered && now.tick >= self.until;
        if is_over || self.state == RegistrationState::Trying {
            self.state = RegistrationState::Failed;
            let (carrier, reason) = (&*self.registration.carrier.name, &*self.reason);
            tracing::warn!(carrier, reason, "not registered at the carrier: tried again with growing pauses");
        }
        if self.state == RegistrationState::Registered {
            // No later than when it is over.
            self.due = self.due.min(self.until.max(now.tick.plus_ms(1_000)));
        }
    }
}

impl Kept {
    /// What was granted is over and nothing came instead.
    pub(crate) fn judge_lapse(&mut self, now: Now) {
        if self.state == RegistrationState::Registered && now.tick >= self.until {
            self.judge(now);
        }
    }

    /// The address that has its turn: of a registration that stands, the one where it stands.
    pub(crate) fn place(&self, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let stands = self.registration.flow.map(|flow| flow.peer).filter(|peer| addresses.contains(peer));
        match stands {
            Some(peer) if self.turn == 0 && self.failures == 0 => Some(peer),
            Some(_) | None => addresses.get(self.turn).or(addresses.first()).copied(),
        }
    }
}
