//! The streams of one worker.

use std::collections::BTreeMap;
use std::time::Duration;

use units::Tick;
use units::slab::Slab;
use units::wheel::{TimerId, Wheel};
use voice::Packet;
use voice::transcoder::Transcoder;

use crate::relay::{StreamId, TranscodeCommand};

/// Streams by name; `Key` tells those of several relay threads apart.
pub struct Transcoders<Key> {
    streams: Slab<Stream<Key>>,
    slots: BTreeMap<(Key, StreamId), u32>,
    timers: Wheel<u32>,
    /// One whose packets may be due: it is polled until it has none.
    polled: Option<u32>,
}

struct Stream<Key> {
    key: Key,
    id: StreamId,
    transcoder: Box<Transcoder>,
    timer: TimerId,
}

impl<Key: Copy + Ord> Default for Transcoders<Key> {
    fn default() -> Self {
        Self { streams: Slab::new(), slots: BTreeMap::new(), timers: Wheel::new(), polled: None }
    }
}

const fn time(at: Tick) -> Duration {
    Duration::from_micros(at.0)
}

// === impl Transcoders ===

impl<Key: Copy + Ord> Transcoders<Key> {
    /// Begins or ends a stream. One whose codecs the switch does not know is not begun.
    pub fn command(&mut self, key: Key, command: TranscodeCommand) {
        match command {
            TranscodeCommand::Begin(id, settings) => {
                self.end(key, id);
                let Some(transcoder) = Transcoder::new(settings) else { return };
                let transcoder = Box::new(transcoder);
                let (slot, _) = self.streams.insert(Stream { key, id, transcoder, timer: TimerId::NONE });
                self.slots.insert((key, id), slot);
            }
            TranscodeCommand::End(id) => self.end(key, id),
        }
    }

    /// A packet of a stream came; of one that is not known it is forgotten. To be followed by
    /// [`Self::poll`].
    pub fn push(&mut self, now: Tick, key: Key, id: StreamId, packet: &[u8]) {
        let Some(&slot) = self.slots.get(&(key, id)) else { return };
        let Some(stream) = self.streams.at_mut(slot) else { return };
        if let Some(packet) = Packet::read(packet) {
            let _taken = stream.transcoder.push(&packet, time(now));
            self.set_timer(slot);
        }
    }

    /// Writes the next packet that is due into `octets` and says whose it is and how long. To be called until
    /// there is none.
    pub fn poll(&mut self, now: Tick, octets: &mut [u8]) -> Option<(Key, StreamId, usize)> {
        loop {
            let slot = match self.polled.take() {
                Some(slot) => slot,
                None => self.timers.pop(now)?.1,
            };
            let Some(stream) = self.streams.at_mut(slot) else { continue };
            self.timers.cancel(std::mem::replace(&mut stream.timer, TimerId::NONE));
            let (key, id) = (stream.key, stream.id);
            let written = stream.transcoder.poll(time(now)).map(|packet| packet.write(octets));
            match written {
                Some(written) => {
                    self.polled = Some(slot);
                    if let Some(bytes) = written {
                        return Some((key, id, bytes));
                    }
                }
                None => self.set_timer(slot),
            }
        }
    }

    /// When to call [`Self::poll`] next.
    pub fn next_deadline(&self) -> Option<Tick> {
        if self.polled.is_some() { Some(Tick(0)) } else { self.timers.next_deadline() }
    }

    /// Streams that are transcoded.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn end(&mut self, key: Key, id: StreamId) {
        let Some(slot) = self.slots.remove(&(key, id)) else { return };
        if let Some(stream) = self.streams.remove(slot) {
            self.timers.cancel(stream.timer);
        }
        self.polled = self.polled.filter(|polled| *polled != slot);
    }

    fn set_timer(&mut self, slot: u32) {
        let Some(stream) = self.streams.at_mut(slot) else { return };
        self.timers.cancel(std::mem::replace(&mut stream.timer, TimerId::NONE));
        if let Some(due) = stream.transcoder.deadline() {
            // A tick later rather than sooner: before its time there is nothing.
            let due = u64::try_from(due.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
            stream.timer = self.timers.insert(Tick(due), slot);
        }
    }
}

impl<Key> std::fmt::Debug for Transcoders<Key> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcoders").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}
