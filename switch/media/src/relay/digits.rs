//! Keypad digits of a side whose other side tells and takes them by signalling: its events (RFC 4733) are
//! told to the shard and not passed, and what the shard is told becomes events to it.

use std::collections::VecDeque;

use units::Tick;
use voice::Packet;
use voice::dtmf::{Digit, Event, EventSender};

use super::egress::Egress;
use super::header::RtpHeader;

/// Clock of events, in Hz, and of a millisecond.
const CLOCK: u32 = 8_000;
const MS: u32 = CLOCK / 1_000;
/// One packet of an event tells so much of it, ms.
const STEP_MS: u64 = 20;
/// Between two digits, ms (ITU-T Q.24: at least 40).
const PAUSE_MS: u64 = 60;
/// Digits that wait to be sent; more are dropped.
const WAITING_MAX: usize = 16;
/// Digits of one side are told no faster, microseconds: nobody keys more than 25 a second.
const APART_US: u64 = 40_000;

/// A digit that is sent or was heard. Never shown: it may be of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyedDigit {
    /// Which key.
    pub digit: Digit,
    /// How long it was pressed, ms.
    pub duration_ms: u16,
}

/// Digits on their way to a side, in place of what comes for it.
#[derive(Debug)]
pub(super) struct Sending {
    payload: u8,
    begun: Option<(EventSender, Tick)>,
    waiting: VecDeque<KeyedDigit>,
    due: Tick,
    is_over: bool,
}

/// What was heard of the digits of a side.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// The event under way, or the last one: where it began, what it is, how long it was at least.
    last: Option<(u32, Digit, u16)>,
    is_told: bool,
    told_at: Option<Tick>,
}

impl std::fmt::Debug for KeyedDigit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyedDigit(*, {} ms)", self.duration_ms)
    }
}

// === impl Sending ===

impl Sending {
    pub(super) fn new(now: Tick, payload: u8) -> Self {
        Self { payload, begun: None, waiting: VecDeque::new(), due: now, is_over: false }
    }

    pub(super) fn push(&mut self, digit: KeyedDigit) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(digit);
        }
    }

    pub(super) const fn due(&self) -> Tick {
        self.due
    }

    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Writes the next packet that is due: what goes on in the stream behind it, and its length.
    pub(super) fn poll(
        &mut self,
        now: Tick,
        egress: &Egress,
        begun: (u32, u16, u32),
        buffer: &mut [u8],
    ) -> Option<(RtpHeader, usize)> {
        if self.is_over || self.due > now {
            return None;
        }
        let (ssrc, sequence, timestamp) = egress.next(now, CLOCK).unwrap_or(begun);
        if self.begun.is_none() {
            let Some(KeyedDigit { digit, duration_ms }) = self.waiting.pop_front() else {
                self.is_over = true;
                return None;
            };
            let sender = EventSender::new(digit, timestamp, u32::from(duration_ms) * MS);
            self.begun = Some((sender, now));
        }
        let (sender, since) = self.begun.as_mut()?;
        let Some(sent) = sender.next(STEP_MS as u32 * MS) else {
            self.begun = None;
            self.due = now.plus_ms(PAUSE_MS);
            return None;
        };
        self.due = Tick(self.due.0.max(now.0.saturating_sub(STEP_MS * 1_000))).plus_ms(STEP_MS);
        let packet = Packet {
            payload_type: self.payload,
            marker: sent.marker,
            sequence,
            timestamp: sent.timestamp,
            ssrc,
            payload: &sent.event.write(),
        };
        let bytes = packet.write(buffer)?;
        // The stream's own time goes on while its events stand still.
        let passed = u32::try_from(now.ms_since(*since)).unwrap_or_default().wrapping_mul(MS);
        let timestamp = sent.timestamp.wrapping_add(passed);
        Some((RtpHeader { payload: self.payload, sequence, timestamp, ssrc }, bytes))
    }
}

// === impl Hearing ===

impl Hearing {
    /// A packet of events; the digit, once it ended.
    pub(super) fn hear(&mut self, now: Tick, header: RtpHeader, packet: &[u8]) -> Option<KeyedDigit> {
        let event = Packet::read(packet).and_then(|packet| Event::parse(packet.payload))?;
        let digit = Digit::from_code(event.code)?;
        let before = self.last.filter(|(begun, ..)| *begun != header.timestamp);
        // One whose end was lost ended when the next began.
        let missed = before.filter(|_| !self.is_told);
        if self.last.is_none_or(|(begun, ..)| begun != header.timestamp) {
            self.is_told = false;
        }
        self.last = Some((header.timestamp, digit, event.duration));
        let ended = match missed {
            Some((_, digit, duration)) => Some((digit, duration)),
            None if event.end && !self.is_told => {
                self.is_told = true;
                Some((digit, event.duration))
            }
            None => None,
        };
        let (digit, duration) = ended?;
        if self.told_at.is_some_and(|at| now.0.saturating_sub(at.0) < APART_US) {
            return None;
        }
        self.told_at = Some(now);
        let duration_ms = u16::try_from(u32::from(duration) / MS).unwrap_or(u16::MAX).max(1);
        Some(KeyedDigit { digit, duration_ms })
    }
}
