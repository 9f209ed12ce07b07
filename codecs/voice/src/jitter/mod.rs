//! A jitter buffer: packets in as they come, packets and gaps out in the order and time in which they are to
//! be played. It holds back as much as the arrival times ask for, within bounds, and what it holds is
//! bounded.
//!
//! Whoever plays asks at its own pace, one frame or packet after the other. A packet that is not there when
//! it is due counts as lost if a later one is; if none is, what is played is stretched until it comes, so
//! that a delay that grows is followed. A delay that shrinks is told as surplus, for the player to shorten
//! what it plays.

mod delay;
mod order;

use std::time::Duration;

use crate::packet::Packet;
use delay::Delay;
pub use order::{Kind, PACKETS_MAX, PAYLOAD_MAX};
use order::{Order, Place};

/// Packets are lost, not held back, beyond such a jump of the timestamp, in samples: one second.
const JUMP_SAMPLES: i64 = 8000;
/// Samples of a pause without a packet, after which the stream counts as ended: 60 s.
const PAUSE_MAX: i64 = 480_000;

/// How a buffer is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JitterSettings {
    /// Units of the timestamp a second, a multiple of 8,000.
    pub clock_hz: u32,
    /// Samples of the shortest stretch that the decoder fills.
    pub frame_samples: usize,
    /// Least and most that is held back.
    pub delay: (Duration, Duration),
    /// How long what is played is stretched before the stream counts as ended.
    pub ends_after: Duration,
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pushed {
    /// It is held.
    Held,
    /// It came after its time.
    Late,
    /// It is held already, or was played.
    Duplicate,
    /// Its number is far from those before: should the next one follow it, both begin anew.
    Strange,
    /// Its payload is longer than [`PAYLOAD_MAX`].
    TooLong,
}

/// What is to be played next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Popped<'a> {
    /// Nothing, before the first packet is due and after the last.
    Nothing,
    /// A packet.
    Packet {
        /// Its payload number.
        payload_type: u8,
        /// What it is.
        kind: Kind,
        /// Its payload.
        payload: &'a [u8],
        /// More is held than need be: this is the time to shorten.
        surplus: bool,
    },
    /// So many samples in place of what was lost or did not come yet.
    Lost {
        /// How many.
        samples: usize,
        /// The payload of the packet after, where these samples are the whole rest of the gap before it.
        next: Option<(u8, &'a [u8])>,
    },
    /// So many samples of a pause.
    Pause {
        /// How many.
        samples: usize,
    },
}

/// Counts since the buffer was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JitterCounters {
    /// Packets that were held.
    pub received: u64,
    /// Packets that were not there when they were due.
    pub lost: u64,
    /// Runs of lost packets that followed each other.
    pub loss_runs: u64,
    /// Packets that came after their time; they count as lost too.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Packets given up because more came than are held.
    pub overflow: u64,
    /// Samples played in place of those that were lost or did not come yet.
    pub concealed_samples: u64,
    /// How often numbers or timestamps jumped or the source changed, and the order began anew.
    pub restarts: u64,
    /// Interarrival jitter in units of the timestamp (RFC 3550 §6.4.1).
    pub jitter: u32,
    /// The highest number that came, with how often 2¹⁶ was passed above it (RFC 3550 §6.4.1).
    pub highest_sequence: u32,
}

// === impl JitterCounters ===

impl JitterCounters {
    /// Packets that were not played, of a hundred.
    pub fn loss_percent(&self) -> f64 {
        // A late packet is among those that are lost.
        let expected = self.received + self.lost;
        if expected == 0 { 0.0 } else { self.lost as f64 * 100.0 / expected as f64 }
    }

    /// How much longer runs of losses are than if each loss were chance (G.107 §3.5): 1 or more.
    pub fn burst_ratio(&self) -> f64 {
        if self.loss_runs == 0 {
            return 1.0;
        }
        let mean_run = self.lost as f64 / self.loss_runs as f64;
        (mean_run * (1.0 - self.loss_percent() / 100.0)).max(1.0)
    }

    fn lose(&mut self, packets: u64) {
        self.lost += packets;
        self.loss_runs += u64::from(packets > 0);
    }
}

/// Packets held back.
pub struct JitterBuffer {
    settings: JitterSettings,
    order: Order,
    delay: Delay,
    counters: JitterCounters,
    /// Playing began: what is due next.
    due: Option<Due>,
    /// Samples of the last packet of sound.
    packet_samples: usize,
}

/// What is due next.
struct Due {
    timestamp: u32,
    /// Samples played in place of packets that had not come yet.
    stretched: i64,
    /// In a pause that was described, and how long without a packet.
    pause: Option<i64>,
}

// === impl JitterBuffer ===

impl JitterBuffer {
    /// Holds nothing.
    pub fn new(settings: JitterSettings) -> Self {
        Self {
            settings,
            order: Order::new(),
            delay: Delay::new(settings.clock_hz, settings.delay),
            counters: JitterCounters::default(),
            due: None,
            packet_samples: settings.frame_samples,
        }
    }

    /// Counts so far.
    pub fn counters(&self) -> JitterCounters {
        let (jitter, highest_sequence) = (self.delay.jitter(), self.order.highest());
        JitterCounters { jitter, highest_sequence, ..self.counters }
    }

    /// How long packets are held back at present.
    pub fn delay(&self) -> Duration {
        self.delay.target()
    }

    /// When the first packet that is held is due, before playing begins.
    pub fn starts_at(&self) -> Option<Duration> {
        if self.due.is_some() {
            return None;
        }
        self.order.first().map(|place| place.arrived + self.delay.target())
    }

    /// Takes a packet.
    pub fn push(&mut self, packet: &Packet<'_>, kind: Kind, now: Duration) -> Pushed {
        if packet.payload.len() > PAYLOAD_MAX {
            return Pushed::TooLong;
        }
        let pushed = match self.order.admit(packet.ssrc, packet.sequence) {
            order::Admitted::Strange => return Pushed::Strange,
            order::Admitted::Duplicate => Pushed::Duplicate,
            order::Admitted::Late => Pushed::Late,
            order::Admitted::At { extended, is_new_order } => {
                if is_new_order {
                    self.restart();
                }
                self.counters.overflow += self.order.make_room(extended);
                self.order.hold(extended, packet, kind, now);
                Pushed::Held
            }
        };
        match pushed {
            Pushed::Held => self.counters.received += 1,
            Pushed::Late => self.counters.late += 1,
            Pushed::Duplicate => self.counters.duplicate += 1,
            Pushed::Strange | Pushed::TooLong => {}
        }
        if pushed != Pushed::Duplicate && kind != Kind::Other {
            self.delay.arrived(packet.timestamp, now);
        }
        pushed
    }

    /// What is to be played now: called once for each stretch that is played.
    pub fn pop(&mut self, now: Duration) -> Popped<'_> {
        if self.due.is_none() && !self.begin(now) {
            return Popped::Nothing;
        }
        let Some(due) = &mut self.due else { return Popped::Nothing };
        let ratio = i64::from((self.settings.clock_hz / 8000).max(1));
        let frame = self.settings.frame_samples as i64;
        while let Some((missing, place)) = self.order.head() {
            if place.kind == Kind::Other {
                self.counters.lose(missing);
                self.order.advance(missing + 1);
                continue;
            }
            let gap = i64::from(place.timestamp.wrapping_sub(due.timestamp) as i32) / ratio;
            let rest = gap - due.stretched;
            let is_gap = rest >= (frame + 1) / 2;
            if missing == 0 && (is_gap || due.pause.is_some()) && gap < JUMP_SAMPLES {
                // Speech after a pause, described or not, is held back anew, by what is needed now: the gap
                // itself is not believed, since there are senders whose timestamps run too fast.
                if now < place.arrived + self.delay.target() {
                    due.pause = due.pause.map(|paused| paused + frame);
                    due.timestamp = due.timestamp.wrapping_add((frame * ratio) as u32);
                    return Popped::Pause { samples: frame as usize };
                }
            } else if is_gap && gap < JUMP_SAMPLES {
                let samples = (self.packet_samples as i64).min(rest).max(frame) / frame * frame;
                due.timestamp = due.timestamp.wrapping_add((samples * ratio) as u32);
                self.counters.concealed_samples += samples as u64;
                let is_rest = missing == 1 && rest - samples < (frame + 1) / 2;
                let next = is_rest.then(|| (place.payload_type, self.order.payload(&place)));
                return Popped::Lost { samples: samples as usize, next };
            } else if !(0..JUMP_SAMPLES).contains(&gap) && gap.abs() > frame {
                self.counters.restarts += 1;
            }
            self.counters.lose(missing);
            self.order.advance(missing + 1);
            return self.play(place, ratio);
        }
        self.wait(frame, ratio)
    }

    /// Whether the first packet is due.
    fn begin(&mut self, now: Duration) -> bool {
        let Some(first) = self.order.first() else { return false };
        if now < first.arrived + self.delay.target() {
            return false;
        }
        self.due = Some(Due { timestamp: first.timestamp, stretched: 0, pause: None });
        self.order.begin();
        true
    }

    fn play(&mut self, place: Place, ratio: i64) -> Popped<'_> {
        let (samples, pause) = match place.kind {
            Kind::Sound(samples) => {
                self.packet_samples = samples.max(1);
                (samples, None)
            }
            Kind::Noise(samples) => (samples, Some(0)),
            Kind::Other => (0, None),
        };
        let end = place.timestamp.wrapping_add((samples as i64 * ratio) as u32);
        self.due = Some(Due { timestamp: end, stretched: 0, pause });
        let held = self.order.newest_timestamp().map_or(0, |newest| newest.wrapping_sub(end) as i32);
        let surplus = self.delay.has_surplus(held, samples);
        Popped::Packet {
            payload_type: place.payload_type,
            kind: place.kind,
            payload: self.order.payload(&place),
            surplus,
        }
    }

    /// Nothing is held.
    fn wait(&mut self, frame: i64, ratio: i64) -> Popped<'_> {
        let Some(due) = &mut self.due else { return Popped::Nothing };
        if let Some(paused) = &mut due.pause {
            *paused += frame;
            due.timestamp = due.timestamp.wrapping_add((frame * ratio) as u32);
            if *paused <= PAUSE_MAX {
                return Popped::Pause { samples: frame as usize };
            }
        } else {
            due.stretched += frame;
            if due.stretched * 125 <= i64::try_from(self.settings.ends_after.as_micros()).unwrap_or(i64::MAX)
            {
                self.counters.concealed_samples += frame as u64;
                return Popped::Lost { samples: frame as usize, next: None };
            }
        }
        self.due = None;
        Popped::Nothing
    }

    fn restart(&mut self) {
        self.counters.restarts += 1;
        self.due = None;
        self.delay.restart();
    }
}

#[cfg(test)]
mod tests;
