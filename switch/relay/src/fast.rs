//! The streams of one thread that go on in the kernel: handed over when they are settled, counted each second
//! and whenever it matters, taken back before anything else happens to them.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;

use fastpath::{FastPath, LOOPBACK, Passed, Stream};
use media::relay::{Elsewhere, Relay, Settled, Slot};
use units::Tick;

/// Streams are handed over and counted so often, in microseconds.
const EVERY_US: u64 = 1_000_000;
/// Slots that are looked at before packets have their turn.
const SLOTS_AT_ONCE: u32 = 32;
/// Second bytes of RTCP where it shares the port of RTP (RFC 5761 §4): it is the thread's anyway.
const RTCP: std::ops::RangeInclusive<u8> = 192..=223;

/// See the module.
pub(crate) struct FastStreams {
    path: Arc<FastPath>,
    /// By slot.
    streams: Vec<State>,
    /// The next slot to look at.
    next: u32,
    /// When it is looked at.
    next_at: Tick,
    has_failed: bool,
    packets: u64,
}

/// Where a stream goes on.
enum State {
    /// In the thread.
    Here,
    /// In the thread, since no interface leads from there to there.
    Refused(SocketAddr, SocketAddr),
    /// In the kernel.
    Kernel(Box<Handed>),
}

/// A stream that goes on in the kernel.
struct Handed {
    port: SocketAddrV4,
    settled: Settled,
    /// What is counted already.
    counted: Passed,
}

// === impl FastStreams ===

impl FastStreams {
    pub(crate) const fn new(path: Arc<FastPath>) -> Self {
        Self { path, streams: Vec::new(), next: 0, next_at: Tick(0), has_failed: false, packets: 0 }
    }

    /// Packets that went on in the kernel and are counted.
    pub(crate) const fn packets(&self) -> u64 {
        self.packets
    }

    /// When to call [`Self::sweep`] next.
    pub(crate) const fn next_deadline(&self) -> Tick {
        self.next_at
    }

    /// Hands over what is settled of the first `slots` slots and counts the rest, each once a second. `ours`
    /// says the RTP port of a slot.
    pub(crate) fn sweep(
        &mut self,
        now: Tick,
        relay: &mut Relay,
        slots: u32,
        ours: impl Fn(Slot) -> Option<SocketAddr>,
    ) {
        if now < self.next_at {
            return;
        }
        let end = self.next.saturating_add(SLOTS_AT_ONCE).min(slots);
        for slot in (self.next..end).map(Slot) {
            match self.streams.get(slot.0 as usize) {
                Some(State::Kernel(_)) => self.count(now, relay, slot),
                _ => self.hand_over(relay, slot, &ours),
            }
        }
        self.next = end;
        if end == slots {
            (self.next, self.next_at) = (0, Tick(now.0.saturating_add(EVERY_US)));
        }
    }

    /// Counts what went on of a stream until now.
    pub(crate) fn count(&mut self, now: Tick, relay: &mut Relay, slot: Slot) {
        if let Some(State::Kernel(handed)) = self.streams.get_mut(slot.0 as usize)
            && let Ok(Some(passed)) = self.path.passed(handed.port)
        {
            self.packets += credit(now, relay, slot, handed, passed);
        }
    }

    /// From now on the packets of a stream are the thread's again.
    pub(crate) fn take_back(&mut self, now: Tick, relay: &mut Relay, slot: Slot) {
        let Some(state) = self.streams.get_mut(slot.0 as usize) else { return };
        if let State::Kernel(mut handed) = std::mem::replace(state, State::Here)
            && let Ok(Some(passed)) = self.path.take(handed.port)
        {
            self.packets += credit(now, relay, slot, &mut handed, passed);
        }
    }

    /// Whether a packet that came to the thread is of a stream that is in the kernel, and not as the kernel
    /// knows it: something begins anew.
    pub(crate) fn is_new(&self, slot: Slot, from: SocketAddr, packet: &[u8]) -> bool {
        let Some(State::Kernel(handed)) = self.streams.get(slot.0 as usize) else { return false };
        handed.settled.from == from && packet.get(1).is_some_and(|kind| !RTCP.contains(kind))
    }

    fn hand_over(&mut self, relay: &Relay, slot: Slot, ours: impl Fn(Slot) -> Option<SocketAddr>) {
        let Some(settled) = relay.settled(slot) else { return };
        let (Some(port), Some(leaves)) = (ours(slot), ours(Slot(settled.partner))) else { return };
        let place = slot.0 as usize;
        if self.streams.len() <= place {
            self.streams.resize_with(place + 1, || State::Here);
        }
        let ways = (settled.from, settled.to);
        if matches!(self.streams[place], State::Refused(from, to) if (from, to) == ways) {
            return;
        }
        self.streams[place] = match self.try_hand_over(&settled, port, leaves) {
            Ok(Some(handed)) => State::Kernel(Box::new(handed)),
            Ok(None) => State::Refused(ways.0, ways.1),
            Err(error) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    tracing::warn!(%error, "a stream cannot go on in the kernel, and stays with the relay");
                }
                State::Refused(ways.0, ways.1)
            }
        };
    }

    /// None if it is not of IPv4, or does not leave this machine.
    fn try_hand_over(
        &self,
        settled: &Settled,
        port: SocketAddr,
        leaves: SocketAddr,
    ) -> std::io::Result<Option<Handed>> {
        let (SocketAddr::V4(from), SocketAddr::V4(to)) = (settled.from, settled.to) else { return Ok(None) };
        let (SocketAddr::V4(port), SocketAddr::V4(ours)) = (port, leaves) else { return Ok(None) };
        let comes_by = FastPath::interface_to(*port.ip(), *from.ip())?;
        let interface = FastPath::interface_to(*ours.ip(), *to.ip())?;
        if comes_by == LOOPBACK || interface == LOOPBACK {
            return Ok(None);
        }
        self.path.attach(comes_by).map_err(std::io::Error::other)?;
        let (highest, highest_timestamp) = settled.highest;
        let &Settled { ssrc, payload, told_ssrc, told_payload, sequence, timestamp, .. } = settled;
        let stream = Stream {
            from,
            ssrc,
            payload,
            highest,
            highest_timestamp,
            ours,
            to,
            interface,
            told_ssrc,
            told_payload,
            sequence,
            timestamp,
        };
        self.path.insert(port, &stream)?;
        Ok(Some(Handed { port, settled: *settled, counted: Passed::default() }))
    }
}

impl Drop for FastStreams {
    fn drop(&mut self) {
        for state in &self.streams {
            if let State::Kernel(handed) = state {
                let _gone = self.path.take(handed.port);
            }
        }
    }
}

/// Counts what went on since it was counted last: how many packets.
fn credit(now: Tick, relay: &mut Relay, slot: Slot, handed: &mut Handed, passed: Passed) -> u64 {
    let before = std::mem::replace(&mut handed.counted, passed);
    let packets = passed.packets.saturating_sub(before.packets);
    if packets > 0 {
        let age_us = u64::try_from(passed.age().as_micros()).unwrap_or(u64::MAX);
        relay.passed_elsewhere(
            slot,
            &handed.settled,
            &Elsewhere {
                packets,
                highest: (passed.highest, passed.timestamp),
                cycles: passed.cycles.saturating_sub(before.cycles),
                gaps: passed.gaps.saturating_sub(before.gaps),
                last: Tick(now.0.saturating_sub(age_us)),
            },
        );
    }
    packets
}
