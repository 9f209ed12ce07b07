//! The time of what is sent: when the next packet is made, and its timestamp.

use std::time::Duration;

pub(super) struct OutClock {
    /// Units of the timestamp a second.
    hz: u32,
    frame_samples: usize,
    /// When the next packet is made; none while nothing comes.
    due: Option<Duration>,
    /// The timestamp of `due`, or of when nothing came any more.
    timestamp: u32,
    /// When nothing came any more; none before the first packet.
    idle_since: Option<Duration>,
    /// Frames of the present packet that are done.
    pub(super) frames_done: usize,
}

// === impl OutClock ===

impl OutClock {
    pub(super) fn new(hz: u32, frame_samples: usize, timestamp: u32) -> Self {
        Self { hz, frame_samples, due: None, timestamp, idle_since: None, frames_done: 0 }
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Units of so many frames.
    pub(super) fn units(&self, frames: usize) -> u32 {
        (frames * self.frame_samples) as u32 * (self.hz / 8000)
    }

    pub(super) fn units_of(&self, time: Duration) -> u32 {
        (time.as_micros() * u128::from(self.hz) / 1_000_000) as u32
    }

    /// The timestamp of a frame of the present packet.
    pub(super) fn of_frame(&self, frame: usize) -> u32 {
        self.timestamp.wrapping_add(self.units(frame))
    }

    /// The timestamp of what is sent next, if that is at `at`.
    pub(super) fn next_at(&self, at: Duration) -> u32 {
        let since = self.idle_since.filter(|_| self.due.is_none());
        let idle = since.map_or(Duration::ZERO, |since| at.saturating_sub(since));
        self.timestamp.wrapping_add(self.units_of(idle))
    }

    /// The stream's time at `now`.
    pub(super) fn at(&self, now: Duration) -> u32 {
        match self.due {
            Some(due) if due > now => self.timestamp.wrapping_sub(self.units_of(due - now)),
            Some(due) => self.timestamp.wrapping_add(self.units_of(now - due)),
            None => self.next_at(now),
        }
    }

    /// The stream's time at `now` is this one from now on.
    pub(super) fn set_at(&mut self, timestamp: u32, now: Duration) {
        let ours = self.at(now);
        self.timestamp = self.timestamp.wrapping_add(timestamp.wrapping_sub(ours));
    }

    /// Packets are made from `at` on; the timestamp went on meanwhile.
    pub(super) fn wake(&mut self, at: Duration) {
        self.timestamp = self.next_at(at);
        self.due = Some(at);
    }

    /// The packet that was due is done.
    pub(super) fn advance(&mut self, frames: usize) {
        self.timestamp = self.of_frame(frames);
        self.frames_done = 0;
        self.due = self.due.map(|due| due + self.time(frames));
    }

    /// Nothing comes any more: what was begun of the present packet passes.
    pub(super) fn fall_idle(&mut self) {
        let done = self.frames_done;
        self.timestamp = self.of_frame(done);
        self.idle_since = self.due.take().map(|due| due + self.time(done));
        self.frames_done = 0;
    }

    /// What should have been sent before `now` is left out.
    pub(super) fn skip_to(&mut self, now: Duration) {
        self.timestamp = self.at(now);
        self.due = Some(now);
        self.frames_done = 0;
    }

    fn time(&self, frames: usize) -> Duration {
        Duration::from_micros((frames * self.frame_samples) as u64 * 125)
    }
}
