//! The packets that are held, by sequence number (RFC 3550 appendix A.1). Invariant: those that are held lie
//! within [`PACKETS_MAX`] numbers from the one that is due.

use std::time::Duration;

use crate::packet::Packet;

/// Most packets that are held: 320 ms of the shortest ones.
pub const PACKETS_MAX: usize = 32;
/// Most octets of one payload that are held.
pub const PAYLOAD_MAX: usize = 1600;
/// A number that is so much ahead, or so much behind, begins a new order if the next one follows it.
const AHEAD_MAX: i64 = 3000;
const BEHIND_MAX: i64 = 100;
/// Numbers behind the one that is due, of which it is known whether they came.
const REMEMBERED: u64 = 64;

/// What a packet is to the player.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Sound of so many samples.
    Sound(usize),
    /// It describes a pause, which begins with it.
    Noise(usize),
    /// It takes its place in the order and is not played: an event.
    Other,
}

/// A packet that is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    extended: u64,
    pub(super) payload_type: u8,
    pub(super) timestamp: u32,
    pub(super) kind: Kind,
    pub(super) arrived: Duration,
    length: usize,
}

/// Where a packet belongs.
pub(super) enum Admitted {
    At { extended: u64, is_new_order: bool },
    Late,
    Duplicate,
    Strange,
}

pub(super) struct Order {
    places: [Option<Place>; PACKETS_MAX],
    payloads: Box<[u8]>,
    ssrc: Option<u32>,
    /// The highest number that came, counted on through 2¹⁶.
    highest: u64,
    /// The number that is due.
    next: u64,
    /// Whether one was played already: before, an earlier number may still become the first.
    began: bool,
    /// Whether numbers before `next` came, the lowest bit for the one right before it.
    came: u64,
    /// The source and number that would follow a strange one.
    candidate: Option<(u32, u16)>,
}

// === impl Order ===

impl Order {
    pub(super) fn new() -> Self {
        Self {
            places: [None; PACKETS_MAX],
            payloads: vec![0; PACKETS_MAX * PAYLOAD_MAX].into_boxed_slice(),
            ssrc: None,
            highest: 0,
            next: 0,
            began: false,
            came: 0,
            candidate: None,
        }
    }

    pub(super) fn admit(&mut self, ssrc: u32, sequence: u16) -> Admitted {
        let ahead = i64::from(sequence.wrapping_sub(self.highest as u16) as i16);
        let fits = self.ssrc == Some(ssrc) && (-BEHIND_MAX..AHEAD_MAX).contains(&ahead);
        if !fits {
            let is_first = self.ssrc.is_none();
            let follows = self.candidate == Some((ssrc, sequence));
            self.candidate = Some((ssrc, sequence.wrapping_add(1)));
            if !is_first && !follows {
                return Admitted::Strange;
            }
            self.begin_anew(ssrc, sequence);
            return Admitted::At { extended: self.highest, is_new_order: !is_first };
        }
        self.candidate = None;
        let extended = self.highest.saturating_add_signed(ahead);
        if extended < self.next {
            if !self.began && self.highest - extended < PACKETS_MAX as u64 {
                self.next = extended;
                return Admitted::At { extended, is_new_order: false };
            }
            let behind = self.next - extended;
            let came = behind <= REMEMBERED && self.came >> (behind - 1) & 1 == 1;
            return if came { Admitted::Duplicate } else { Admitted::Late };
        }
        if self.place(extended).is_some() {
            return Admitted::Duplicate;
        }
        self.highest = self.highest.max(extended);
        Admitted::At { extended, is_new_order: false }
    }

    fn begin_anew(&mut self, ssrc: u32, sequence: u16) {
        self.places = [None; PACKETS_MAX];
        self.ssrc = Some(ssrc);
        // Far enough from zero that earlier numbers have their place, with the same 16 lowest bits.
        self.highest = (1 << 32) + u64::from(sequence);
        self.next = self.highest;
        self.began = false;
        self.came = 0;
        self.candidate = None;
    }

    /// Gives up the oldest packets until `extended` has a place, and says how many were held.
    pub(super) fn make_room(&mut self, extended: u64) -> u64 {
        let mut given_up = 0;
        let first = (extended + 1).saturating_sub(PACKETS_MAX as u64);
        if first > self.next {
            given_up = self.places.iter().flatten().filter(|place| place.extended < first).count() as u64;
            self.advance(first - self.next);
        }
        given_up
    }

    pub(super) fn hold(&mut self, extended: u64, packet: &Packet<'_>, kind: Kind, now: Duration) {
        let slot = slot(extended);
        let length = packet.payload.len().min(PAYLOAD_MAX);
        self.payloads[slot * PAYLOAD_MAX..][..length].copy_from_slice(&packet.payload[..length]);
        self.places[slot] = Some(Place {
            extended,
            payload_type: packet.payload_type,
            timestamp: packet.timestamp,
            kind,
            arrived: now,
            length,
        });
    }

    /// The earliest packet that is held and will be played.
    pub(super) fn first(&self) -> Option<Place> {
        self.first_played().map(|(_, place)| place)
    }

    /// The earliest packet that is held, and how many numbers before it are missing.
    pub(super) fn head(&self) -> Option<(u64, Place)> {
        self.held().next()
    }

    /// Numbers before the first that will be played count as never sent.
    pub(super) fn begin(&mut self) {
        if let Some((before, _)) = self.first_played() {
            self.advance(before);
        }
        self.began = true;
    }

    fn first_played(&self) -> Option<(u64, Place)> {
        self.held().find(|(_, place)| place.kind != Kind::Other)
    }

    fn held(&self) -> impl Iterator<Item = (u64, Place)> {
        (0..PACKETS_MAX as u64).filter_map(|before| Some((before, self.place(self.next + before)?)))
    }

    /// So many numbers are over.
    pub(super) fn advance(&mut self, count: u64) {
        for _ in 0..count.min(PACKETS_MAX as u64) {
            let came = self.place(self.next).is_some();
            self.places[slot(self.next)] = None;
            self.came = self.came << 1 | u64::from(came);
            self.next += 1;
        }
        let more = count.saturating_sub(PACKETS_MAX as u64);
        if more > 0 {
            self.next += more;
            self.came = 0;
        }
    }

    /// The payload of a packet that is held or was played last.
    pub(super) fn payload(&self, place: &Place) -> &[u8] {
        &self.payloads[slot(place.extended) * PAYLOAD_MAX..][..place.length]
    }

    pub(super) fn highest(&self) -> u32 {
        // What is beyond 32 bits is where counting began.
        self.highest as u32
    }

    /// The timestamp of the latest packet that is held.
    pub(super) fn newest_timestamp(&self) -> Option<u32> {
        self.place(self.highest).map(|place| place.timestamp)
    }

    fn place(&self, extended: u64) -> Option<Place> {
        self.places[slot(extended)].filter(|place| place.extended == extended)
    }
}

fn slot(extended: u64) -> usize {
    (extended % PACKETS_MAX as u64) as usize
}
