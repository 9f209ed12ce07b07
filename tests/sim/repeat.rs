//! What the model peers send again until it is answered (RFC 3261 §17), and what they are woken for. Written
//! apart from the layer under test.

use std::collections::BTreeMap;

use bytes::Bytes;

/// T1, T2 and 64·T1 of RFC 3261.
const T1_MS: u64 = 500;
const T2_MS: u64 = 4_000;
const TIMEOUT_MS: u64 = 32_000;

/// What a peer wants done.
#[derive(Default)]
pub struct Out {
    pub sends: Vec<Bytes>,
    /// In so many milliseconds.
    pub alarms: Vec<(u64, Alarm)>,
}

/// Why a peer is woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alarm {
    Repeat(u32),
    Step { call: usize, step: Step },
}

/// What a script does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Begin,
    Cancel,
    Ring,
    Media,
    Decide,
    Fork,
    Bye,
    Hold,
    Resume,
    Vanish,
    Refresh,
    Info,
}

/// What is repeated, per call and leg at most one of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Invite,
    Cancel,
    Bye,
    /// The final answer to the first INVITE.
    Final,
    /// A re-INVITE or UPDATE.
    Offer,
    /// Our 2xx to the other's re-INVITE.
    Accept,
}

/// Whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    pub call: usize,
    pub leg: usize,
    pub purpose: Purpose,
}

struct Repeat {
    owner: Owner,
    bytes: Bytes,
    interval_ms: u64,
    capped: bool,
    left_ms: u64,
    silent: bool,
}

/// Everything that one peer repeats.
#[derive(Default)]
pub struct Repeats {
    next: u32,
    live: BTreeMap<u32, Repeat>,
}

impl Repeats {
    /// Sends now, and again at T1, 2·T1 … until stopped. On a stream only a 2xx is sent again (§13.3.1.4).
    pub fn start(&mut self, owner: Owner, bytes: Bytes, reliable: bool, out: &mut Out) {
        self.stop(owner);
        out.sends.push(bytes.clone());
        let capped = owner.purpose != Purpose::Invite;
        let silent = reliable && !bytes.starts_with(b"SIP/2.0 2");
        self.next += 1;
        let interval_ms = if silent { TIMEOUT_MS } else { T1_MS };
        self.live
            .insert(self.next, Repeat { owner, bytes, interval_ms, capped, left_ms: TIMEOUT_MS, silent });
        out.alarms.push((interval_ms, Alarm::Repeat(self.next)));
    }

    pub fn stop(&mut self, owner: Owner) {
        self.live.retain(|_, repeat| repeat.owner != owner);
    }

    pub fn stop_call(&mut self, call: usize) {
        self.live.retain(|_, repeat| repeat.owner.call != call);
    }

    /// Sends again; gives back whose time has run out.
    pub fn alarm(&mut self, id: u32, out: &mut Out) -> Option<Owner> {
        let repeat = self.live.get_mut(&id)?;
        repeat.left_ms = repeat.left_ms.saturating_sub(repeat.interval_ms);
        if repeat.left_ms == 0 {
            return self.live.remove(&id).map(|repeat| repeat.owner);
        }
        if !repeat.silent {
            out.sends.push(repeat.bytes.clone());
        }
        let doubled = repeat.interval_ms * 2;
        repeat.interval_ms = if repeat.capped { doubled.min(T2_MS) } else { doubled }.min(repeat.left_ms);
        out.alarms.push((repeat.interval_ms, Alarm::Repeat(id)));
        None
    }
}
