//! A relay thread's side of the workers: packets that go to them, and what comes back.

use std::collections::VecDeque;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use media::relay::{Copied, DropReason, EndpointId, ListenCommand, Relay, StreamId, TranscodeCommand};

use crate::worker::{Carried, PACKET_MAX, ToWorker, WorkerCommand};

/// The workers, as one relay thread knows them.
pub(crate) struct WorkersOf {
    /// The number of the thread.
    pub(crate) thread: u16,
    pub(crate) workers: Vec<Sender<(u16, ToWorker)>>,
    pub(crate) back: Receiver<Carried>,
    /// Commands that found no room, in order.
    pub(crate) waiting: VecDeque<WorkerCommand>,
}

// === impl WorkersOf ===

impl WorkersOf {
    /// Passes on what the relay asks of the workers; what finds no room is kept for the next turn.
    pub(crate) fn command(&mut self, relay: &mut Relay) {
        while let Some(command) = relay.poll_transcode() {
            self.waiting.push_back(WorkerCommand::Transcode(command));
        }
        while let Some(command) = relay.poll_listen() {
            self.waiting.push_back(WorkerCommand::Listen(command));
        }
        while let Some(command) = self.waiting.pop_front() {
            let worker = match &command {
                WorkerCommand::Transcode(command) => self.of(stream_of(command)),
                WorkerCommand::Listen(command) => self.of_endpoint(endpoint_of(command)),
            };
            let sent = worker.try_send((self.thread, ToWorker::Command(command)));
            if let Err(TrySendError::Full((_, ToWorker::Command(command)))) = sent {
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

    /// Gives a packet to whoever listens to its side; one that finds no room is not heard.
    pub(crate) fn hear(&self, copied: &Copied) {
        let heard = ToWorker::Heard(copied.clone());
        let _is_taken = self.of_endpoint(copied.endpoint).try_send((self.thread, heard));
    }

    /// The next packet that came back, copied into `buffer`: of which stream, and how long.
    pub(crate) fn take_back(&self, buffer: &mut [u8]) -> Option<(StreamId, usize)> {
        let Carried { stream, bytes, octets } = self.back.try_recv().ok()?;
        let bytes = usize::from(bytes);
        buffer.get_mut(..bytes)?.copy_from_slice(octets.get(..bytes)?);
        Some((stream, bytes))
    }

    fn of_endpoint(&self, endpoint: EndpointId) -> &Sender<(u16, ToWorker)> {
        let place = endpoint.call.wrapping_mul(2).wrapping_add(endpoint.leg.into());
        &self.workers[place as usize % self.workers.len()]
    }

    fn of(&self, stream: StreamId) -> &Sender<(u16, ToWorker)> {
        &self.workers[stream.slot as usize % self.workers.len()]
    }
}

const fn endpoint_of(command: &ListenCommand) -> EndpointId {
    match command {
        ListenCommand::Begin(endpoint, _) | ListenCommand::End(endpoint) => *endpoint,
    }
}

const fn stream_of(command: &TranscodeCommand) -> StreamId {
    match command {
        TranscodeCommand::Begin(stream, _) | TranscodeCommand::End(stream) => *stream,
    }
}
