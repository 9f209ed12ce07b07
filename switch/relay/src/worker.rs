//! A worker: a thread that transcodes the streams that relay threads give it, and listens for digits and
//! ringback in the sound of sides. Each stream and side stays with one worker. Every second the workers say
//! how many more calls they have time for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use media::relay::{Copied, ListenCommand, Listeners, MediaEvent, StreamId, TranscodeCommand};
use media::transcode::{Channels, Transcoders};
use net::Waker;
use units::Tick;

use crate::driver::Driver;

/// Longest packet on its way to a worker and back, in bytes: 60 ms of G.711, or the longest of Opus.
pub(crate) const PACKET_MAX: usize = 1_500;
/// Packets that wait for a worker, and for a relay thread; a call has a hundred in a second.
pub(crate) const RING: usize = 2_048;
/// Of what waits so many are taken before what is due is sent.
const TAKEN_AT_ONCE: usize = 32;
/// Busy for so much of its time, in thousandths, a worker takes no further call.
const BUSY_MAX: u64 = 800;
/// Calls that a worker may begin with, before it is known what they cost.
const FIRST_CALLS: u64 = 16;
const MEASURED_EVERY_US: u64 = 1_000_000;
const IDLE: Duration = Duration::from_millis(500);

/// A packet of a stream, in memory that moves with it: none is taken for a packet.
pub(crate) struct Carried {
    pub(crate) stream: StreamId,
    pub(crate) bytes: u16,
    pub(crate) octets: [u8; PACKET_MAX],
}

/// What a relay thread sends a worker.
pub(crate) enum ToWorker {
    Command(WorkerCommand),
    Packet(Carried),
    /// Sound that is listened to.
    Heard(Copied),
}

/// What a worker is to do from now on.
pub(crate) enum WorkerCommand {
    Transcode(TranscodeCommand),
    Listen(ListenCommand),
}

/// The way back to one relay thread.
#[derive(Clone)]
pub(crate) struct WayBack {
    pub(crate) ring: Sender<Carried>,
    pub(crate) waker: Waker,
}

/// What the workers measured of themselves.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Microseconds of work in the last second.
    busy: AtomicU64,
    streams: AtomicU32,
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) loads: Vec<Load>,
    pub(crate) channels: Arc<Channels>,
}

/// See the module.
pub(crate) struct Worker<C, E> {
    pub(crate) driver: Driver<C, E>,
    pub(crate) number: usize,
    pub(crate) inputs: Receiver<(u16, ToWorker)>,
    pub(crate) back: Vec<WayBack>,
    pub(crate) shared: Arc<Workers>,
}

// === impl Workers ===

impl Workers {
    /// Says how many more calls there is time for: by what the present ones take.
    pub(crate) fn measure(&self) {
        let sum = |of: fn(&Load) -> u64| self.loads.iter().map(of).sum::<u64>();
        let streams = sum(|load| u64::from(load.streams.load(Ordering::Relaxed)));
        let busy = sum(|load| load.busy.load(Ordering::Relaxed));
        let workers = self.loads.len() as u64;
        // Calls that ring have a channel, and no stream yet.
        let in_use = u64::from(self.channels.in_use());
        self.channels.set_room(room(workers, busy, streams / 2, in_use));
    }
}

/// Calls that there is time for beside those that have a channel, if so many took these microseconds of a
/// second of all workers.
fn room(workers: u64, busy_us: u64, calls: u64, in_use: u64) -> u32 {
    let most = match busy_us.checked_div(calls) {
        Some(each_us) if calls > 1 => workers * BUSY_MAX * (MEASURED_EVERY_US / 1_000) / each_us.max(1),
        Some(_) | None => workers * FIRST_CALLS,
    };
    u32::try_from(most.saturating_sub(in_use)).unwrap_or(u32::MAX)
}

// === impl Worker ===

impl<C: Fn() -> Tick, E: Fn(MediaEvent)> Worker<C, E> {
    /// Runs until no relay thread is left.
    pub(crate) fn run(self) {
        let mut transcoders = Transcoders::<u16>::default();
        let mut listeners = Listeners::default();
        let mut out = Carried { stream: StreamId { slot: 0, number: 0 }, bytes: 0, octets: [0; PACKET_MAX] };
        let mut wakes = vec![false; self.back.len()];
        let (mut now, mut busy, mut measured) = ((self.driver.clock)(), 0, (self.driver.clock)());
        loop {
            let due = transcoders.next_deadline();
            let wait = due.map_or(IDLE, |due| Duration::from_micros(due.0.saturating_sub(now.0)).min(IDLE));
            let first = self.inputs.recv_timeout(wait);
            if matches!(first, Err(RecvTimeoutError::Disconnected)) {
                return;
            }
            let began = (self.driver.clock)();
            let more = self.inputs.try_iter().take(TAKEN_AT_ONCE);
            for (thread, input) in first.into_iter().chain(more) {
                match input {
                    ToWorker::Command(WorkerCommand::Transcode(command)) => {
                        transcoders.command(thread, command);
                    }
                    ToWorker::Command(WorkerCommand::Listen(command)) => listeners.command(command),
                    ToWorker::Heard(copied) => {
                        listeners.hear(copied.endpoint, copied.packet(), &self.driver.events);
                    }
                    ToWorker::Packet(packet) => {
                        let octets = packet.octets.get(..usize::from(packet.bytes)).unwrap_or_default();
                        transcoders.push(began, thread, packet.stream, octets);
                    }
                }
            }
            while let Some((thread, stream, bytes)) = transcoders.poll(began, &mut out.octets) {
                (out.stream, out.bytes) = (stream, u16::try_from(bytes).unwrap_or_default());
                self.give_back(thread, &out, &mut wakes);
            }
            for (back, wake) in self.back.iter().zip(&mut wakes) {
                if std::mem::take(wake) {
                    back.waker.wake();
                }
            }
            now = (self.driver.clock)();
            busy += now.0.saturating_sub(began.0);
            if now.0.saturating_sub(measured.0) >= MEASURED_EVERY_US {
                self.tell(
                    busy * MEASURED_EVERY_US / (now.0 - measured.0),
                    transcoders.len() + listeners.len(),
                );
                (busy, measured) = (0, now);
            }
        }
    }

    /// One that finds no room is lost, as a packet on the network would be.
    fn give_back(&self, thread: u16, packet: &Carried, wakes: &mut [bool]) {
        let thread = usize::from(thread);
        let (Some(back), Some(wake)) = (self.back.get(thread), wakes.get_mut(thread)) else { return };
        let Carried { stream, bytes, octets } = *packet;
        let _is_taken = back.ring.try_send(Carried { stream, bytes, octets });
        *wake = true;
    }

    fn tell(&self, busy_us: u64, streams: usize) {
        if let Some(load) = self.shared.loads.get(self.number) {
            load.busy.store(busy_us, Ordering::Relaxed);
            load.streams.store(u32::try_from(streams).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        if self.number == 0 {
            self.shared.measure();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_taken_as_long_as_there_is_time() {
        assert_eq!(room(2, 0, 0, 0), 32, "nothing is known yet");
        assert_eq!(room(2, 5_000, 1, 30), 2, "of one call little is known, and others ring");
        // A call takes a hundredth of a worker: 160 are four fifths of two.
        assert_eq!(room(2, 100_000, 10, 10), 150);
        assert_eq!(room(2, 100_000, 10, 40), 120, "thirty ring");
        assert_eq!(room(1, 800_000, 40, 40), 0);
        assert_eq!(room(1, 1_000_000, 40, 40), 0);
        assert_eq!(room(1, 0, 40, 40), 799_960);
    }
}
