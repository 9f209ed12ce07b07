//! Packets of sides that are recorded or listened to, copied for whoever does that, and what they are told.

use std::collections::VecDeque;

use super::control::{EndpointId, ListenCommand};
use crate::record::RecordCommand;

/// Copies that wait until the driver takes them: a batch of packets.
const COPIES: usize = 64;
/// Longest packet that is copied, in octets: the longest of voice.
const COPY_MAX: usize = 1_500;

/// A packet as its side sent it, without its encryption.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Whose.
    pub endpoint: EndpointId,
    /// For whom.
    pub taken: Taken,
    bytes: u16,
    octets: [u8; COPY_MAX],
}

/// Who takes copies of a side's packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// The recorder.
    pub records: bool,
    /// A worker, for digits or ringback.
    pub listens: bool,
}

/// Memory is taken with the first side that is copied, and none for a packet.
#[derive(Debug, Default)]
pub(super) struct Copies {
    records: VecDeque<RecordCommand>,
    listens: VecDeque<ListenCommand>,
    copied: Vec<Copied>,
    taken: usize,
}

// === impl Taken ===

impl Taken {
    /// Whether anybody does.
    pub(super) const fn is_any(self) -> bool {
        self.records || self.listens
    }
}

// === impl Copied ===

impl Copied {
    /// The packet.
    pub fn packet(&self) -> &[u8] {
        self.octets.get(..usize::from(self.bytes)).unwrap_or_default()
    }
}

// === impl Copies ===

impl Copies {
    pub(super) const fn new() -> Self {
        Self { records: VecDeque::new(), listens: VecDeque::new(), copied: Vec::new(), taken: 0 }
    }

    pub(super) fn record(&mut self, command: RecordCommand) {
        self.copied.reserve_exact(COPIES.saturating_sub(self.copied.capacity()));
        self.records.push_back(command);
    }

    pub(super) fn listen(&mut self, command: ListenCommand) {
        self.copied.reserve_exact(COPIES.saturating_sub(self.copied.capacity()));
        self.listens.push_back(command);
    }

    /// Copies a packet; one for which there is no room is lost to them.
    pub(super) fn push(&mut self, endpoint: EndpointId, taken: Taken, packet: &[u8]) {
        if self.copied.len() == self.copied.capacity() {
            return;
        }
        let mut copied = Copied { endpoint, taken, bytes: 0, octets: [0; COPY_MAX] };
        if let (Some(octets), Ok(bytes)) = (copied.octets.get_mut(..packet.len()), packet.len().try_into()) {
            octets.copy_from_slice(packet);
            copied.bytes = bytes;
            self.copied.push(copied);
        }
    }

    pub(super) fn poll_record(&mut self) -> Option<RecordCommand> {
        self.records.pop_front()
    }

    pub(super) fn poll_listen(&mut self) -> Option<ListenCommand> {
        self.listens.pop_front()
    }

    /// The next copy, in their order.
    pub(super) fn poll(&mut self) -> Option<&Copied> {
        if self.taken == self.copied.len() {
            self.copied.clear();
            self.taken = 0;
            return None;
        }
        self.taken += 1;
        self.copied.get(self.taken - 1)
    }
}
