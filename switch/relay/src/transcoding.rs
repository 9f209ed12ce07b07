//! A relay thread's side of the workers: packets that go to them, and what comes back.

use std::collections::VecDeque;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use media::relay::{Action, DropReason, Relay, StreamId, TranscodeCommand};
use units::Tick;

use crate::worker::{Carried, PACKET_MAX, ToWorker};

/// Packets that came back are sent in so many at once before others have their turn.
const SENT_AT_ONCE: usize = 64;

/// The workers, as one relay thread knows them.
pub(crate) struct WorkersOf {
    /// The number of the thread.
    pub(crate) thread: u16,
    pub(crate) workers: Vec<Sender<(u16, ToWorker)>>,
    pub(crate) back: Receiver<Carried>,
    /// Commands that found no room, in order.
    pub(crate) waiting: VecDeque<TranscodeCommand>,
}

// === impl WorkersOf ===

impl WorkersOf {
    /// Passes on what the relay asks of the workers; what finds no room is kept for the next turn.
    pub(crate) fn command(&mut self, relay: &mut Relay) {
        while let Some(command) = relay.poll_transcode() {
            self.waiting.push_back(command);
        }
        while let Some(command) = self.waiting.pop_front() {
            let sent = self.of(stream_of(&command)).try_send((self.thread, ToWorker::Command(command)));
            if let Err(TrySendError::Full(_)) = sent {
                self.waiting.push_front(command);
                return;
            }
        }
    }

    /// Whether commands wait.
    pub(crate) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether packets came back that are not sent yet.
    pub(crate) fn has_packets(&self) -> bool {
        !self.back.is_empty()
    }

    /// Gives a packet to its stream's worker.
    pub(crate) fn give(&self, stream: StreamId, packet: &[u8]) -> Result<(), DropReason> {
        let mut carried = Carried { stream, bytes: 0, octets: [0; PACKET_MAX] };
        let octets = carried.octets.get_mut(..packet.len()).ok_or(DropReason::Malformed)?;
        octets.copy_from_slice(packet);
        carried.bytes = u16::try_from(packet.len()).unwrap_or_default();
        let sent = self.of(stream).try_send((self.thread, ToWorker::Packet(carried)));
        sent.map_err(|_| DropReason::Unsent)
    }

    /// Calls `send` with each packet that came back, ready for its way, in `buffer`.
    pub(crate) fn take_back(
        &self,
        now: Tick,
        (relay, buffer): (&mut Relay, &mut [u8]),
        mut send: impl FnMut(&mut Relay, Action, &[u8]),
    ) {
        for Carried { stream, bytes, octets } in self.back.try_iter().take(SENT_AT_ONCE) {
            let bytes = usize::from(bytes);
            let (Some(into), Some(packet)) = (buffer.get_mut(..bytes), octets.get(..bytes)) else { continue };
            into.copy_from_slice(packet);
            let action = relay.transcoded(now, stream, (buffer, bytes));
            send(relay, action, buffer);
        }
    }

    fn of(&self, stream: StreamId) -> &Sender<(u16, ToWorker)> {
        &self.workers[stream.slot as usize % self.workers.len()]
    }
}

const fn stream_of(command: &TranscodeCommand) -> StreamId {
    match command {
        TranscodeCommand::Begin(stream, _) | TranscodeCommand::End(stream) => *stream,
    }
}
