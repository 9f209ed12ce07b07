//! The recordings of one recorder.

use std::collections::BTreeMap;
use std::time::Duration;

use units::Tick;
use voice::wav::StereoWriter;
use voice::{Listener, Packet};

use super::{RecordCommand, RecordedSide};
use crate::relay::EndpointId;

/// Samples of one step: 20 ms.
const STEP: usize = 160;
const STEP_US: u64 = 20_000;
/// What is written of one step, in octets.
const STEP_OCTETS: usize = STEP * 4;
/// Packets are held back for so long: nobody waits for the sound, and what comes late has its place.
const DELAY: (Duration, Duration) = (Duration::from_millis(60), Duration::from_millis(200));
/// A recording is written in turns of this many microseconds.
const TURN_US: u64 = 100_000;
/// Steps of one turn at most: what is more behind is silence. Two seconds.
const STEPS_MAX: u64 = 100;
/// The header says how much there is once a second, so that a file whose switch broke off can be heard.
const HEADER_EVERY: u32 = 50;

/// Where recordings are kept.
pub trait Shelf {
    /// One that is open.
    type File;
    /// Opens a file of this name; none where that is not possible, which the shelf says to whom it concerns.
    fn open(&mut self, name: &str) -> Option<Self::File>;
    /// Adds octets; false where no more fit, and the file ends.
    fn append(&mut self, file: &mut Self::File, octets: &[u8]) -> bool;
    /// Puts the header, of one length always, to the file's beginning: first of all.
    fn put_header(&mut self, file: &mut Self::File, header: &[u8]);
}

/// The recordings of one recorder, by call.
pub struct Recordings<S: Shelf> {
    shelf: S,
    steps_max: u64,
    calls: BTreeMap<Call, Recording<S::File>>,
    turn: Option<Tick>,
}

/// Shard and number of a call.
type Call = (u16, u64);

struct Recording<File> {
    /// None where it could not be opened or came to its end; nothing is decoded then.
    open: Option<Open<File>>,
    /// The caller's and the callee's.
    sides: [Option<Side>; 2],
}

struct Open<File> {
    file: File,
    writer: StereoWriter,
    began: Tick,
    steps: u64,
}

struct Side {
    endpoint: EndpointId,
    how: Box<RecordedSide>,
    /// Of the payload number that came last.
    listener: Option<(u8, Listener)>,
}

const fn call_of(endpoint: EndpointId) -> Call {
    (endpoint.shard, endpoint.call)
}

const fn time(at: Tick) -> Duration {
    Duration::from_micros(at.0)
}

// === impl Recordings ===

impl<S: Shelf> Recordings<S> {
    /// Of so many minutes each at most.
    pub const fn new(shelf: S, minutes_max: u32) -> Self {
        let steps_max = minutes_max as u64 * 60_000_000 / STEP_US;
        Self { shelf, steps_max, calls: BTreeMap::new(), turn: None }
    }

    /// Begins, changes or ends a side. The first side's name opens the file; false where that failed.
    pub fn command(&mut self, now: Tick, command: RecordCommand) -> bool {
        let (endpoint, how) = match command {
            RecordCommand::Begin(endpoint, how) => (endpoint, how),
            RecordCommand::End(endpoint) => {
                self.end(now, endpoint);
                return true;
            }
        };
        let shelf = &mut self.shelf;
        let recording = self.calls.entry(call_of(endpoint)).or_insert_with(|| {
            let open = shelf.open(&how.file).map(|mut file| {
                let writer = StereoWriter::default();
                shelf.put_header(&mut file, &writer.header());
                Open { file, writer, began: now, steps: 0 }
            });
            Recording { open, sides: [None, None] }
        });
        let side = &mut recording.sides[usize::from(!how.is_caller)];
        *side = Some(Side { endpoint, how, listener: None });
        let is_open = recording.open.is_some();
        self.turn.get_or_insert(now);
        is_open
    }

    /// A packet of a side came, as it was sent.
    pub fn push(&mut self, now: Tick, endpoint: EndpointId, packet: &[u8]) {
        let Some(recording) = self.calls.get_mut(&call_of(endpoint)) else { return };
        if recording.open.is_none() {
            return;
        }
        let side = recording.sides.iter_mut().flatten().find(|side| side.endpoint == endpoint);
        if let (Some(side), Some(packet)) = (side, Packet::read(packet)) {
            side.push(now, &packet);
        }
    }

    /// Writes what is due by now.
    pub fn turn(&mut self, now: Tick) {
        if self.turn.is_none_or(|turn| now < turn) {
            return;
        }
        for recording in self.calls.values_mut() {
            recording.write(&mut self.shelf, self.steps_max, now);
        }
        self.turn = (!self.calls.is_empty()).then(|| Tick(now.0 + TURN_US));
    }

    /// When to call [`Self::turn`] next.
    pub const fn next_deadline(&self) -> Option<Tick> {
        self.turn
    }

    /// Completes all files.
    pub fn end_all(&mut self, now: Tick) {
        for (_, mut recording) in std::mem::take(&mut self.calls) {
            recording.write(&mut self.shelf, self.steps_max, now);
            recording.close(&mut self.shelf);
        }
    }

    /// Calls that are recorded.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Where they are kept.
    pub const fn shelf(&mut self) -> &mut S {
        &mut self.shelf
    }

    fn end(&mut self, now: Tick, endpoint: EndpointId) {
        let call = call_of(endpoint);
        let Some(recording) = self.calls.get_mut(&call) else { return };
        recording.write(&mut self.shelf, self.steps_max, now);
        let ended = recording.sides.iter_mut().find(|s| s.as_ref().is_some_and(|s| s.endpoint == endpoint));
        let Some(side) = ended else { return };
        *side = None;
        if recording.sides.iter().all(Option::is_none)
            && let Some(mut recording) = self.calls.remove(&call)
        {
            recording.close(&mut self.shelf);
        }
    }
}

impl<S: Shelf> std::fmt::Debug for Recordings<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recordings").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

// === impl Recording ===

impl<File> Recording<File> {
    /// Writes the steps up to `now`.
    fn write<S: Shelf<File = File>>(&mut self, shelf: &mut S, steps_max: u64, now: Tick) {
        let Some(open) = &mut self.open else { return };
        let due = (now.0.saturating_sub(open.began.0) / STEP_US).min(steps_max);
        let (mut octets, mut samples) = ([0; STEP_OCTETS], [[0; STEP]; 2]);
        while open.steps < due {
            let at = Tick(open.began.0 + open.steps * STEP_US);
            let is_behind = due - open.steps > STEPS_MAX;
            for (side, samples) in self.sides.iter_mut().zip(&mut samples) {
                match side {
                    Some(side) if !is_behind => side.take(at, samples),
                    _ => samples.fill(0),
                }
            }
            let before = open.writer;
            let bytes = open.writer.write(&samples[0], &samples[1], &mut octets);
            open.steps += 1;
            if bytes == 0 || !shelf.append(&mut open.file, &octets[..bytes]) {
                open.writer = before;
                return self.close(shelf);
            }
            if open.steps.is_multiple_of(u64::from(HEADER_EVERY)) {
                shelf.put_header(&mut open.file, &open.writer.header());
            }
        }
        if open.steps == steps_max {
            self.close(shelf);
        }
    }

    fn close<S: Shelf<File = File>>(&mut self, shelf: &mut S) {
        if let Some(mut open) = self.open.take() {
            shelf.put_header(&mut open.file, &open.writer.header());
        }
    }
}

// === impl Side ===

impl Side {
    fn push(&mut self, now: Tick, packet: &Packet<'_>) {
        let number = packet.payload_type;
        let is_present = self.listener.as_ref().is_some_and(|(present, _)| *present == number);
        if let Some(codec) = self.how.voices.codec(number)
            && !is_present
        {
            let listener = Listener::new(codec, number, self.how.voices.noise, DELAY);
            self.listener = listener.map(|listener| (number, listener));
        }
        let Some((_, listener)) = &mut self.listener else { return };
        // Events are no sound, and nobody hears them here: digits are secrets.
        let (kind, packet) = match listener.kind(packet) {
            Some(kind) => (kind, *packet),
            None => (voice::jitter::Kind::Other, Packet { payload: &[], ..*packet }),
        };
        listener.push(&packet, kind, time(now));
    }

    fn take(&mut self, at: Tick, samples: &mut [i16; STEP]) {
        let Some((_, listener)) = &mut self.listener else { return samples.fill(0) };
        let _is_whole = listener.fill(time(at), STEP, |_| {});
        listener.take(samples);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use codecs::Codec;
    use voice::wav::{self, WAV_HEADER};

    use super::*;
    use crate::record::Voices;

    type Kept = Rc<RefCell<BTreeMap<String, Vec<u8>>>>;

    /// Keeps files in memory, as many octets of each as it is given.
    struct Memory {
        files: Kept,
        room: usize,
    }

    impl Shelf for Memory {
        type File = String;

        fn open(&mut self, name: &str) -> Option<String> {
            (self.room > 0).then(|| {
                self.files.borrow_mut().insert(name.to_owned(), vec![0; WAV_HEADER]);
                name.to_owned()
            })
        }

        fn append(&mut self, file: &mut String, octets: &[u8]) -> bool {
            let mut files = self.files.borrow_mut();
            let kept = files.get_mut(file).expect("open");
            let fits = kept.len() + octets.len() <= self.room;
            if fits {
                kept.extend_from_slice(octets);
            }
            fits
        }

        fn put_header(&mut self, file: &mut String, header: &[u8]) {
            self.files.borrow_mut().get_mut(file).expect("open")[..WAV_HEADER].copy_from_slice(header);
        }
    }

    fn recordings(room: usize, minutes: u32) -> (Recordings<Memory>, Kept) {
        let files = Kept::default();
        (Recordings::new(Memory { files: Rc::clone(&files), room }, minutes), files)
    }

    const fn of(leg: u8) -> EndpointId {
        EndpointId { shard: 1, call: 5, leg }
    }

    fn begin(leg: u8, number: u8, codec: Codec) -> RecordCommand {
        let voices = Voices { codecs: [(number, codec)].into_iter().collect(), noise: None };
        let side = RecordedSide { file: "a.wav".into(), is_caller: leg == 0, voices };
        RecordCommand::Begin(of(leg), Box::new(side))
    }

    /// A packet of 20 ms of one loudness, in A-law or µ-law.
    fn packet(number: u8, sequence: u16, octet: u8) -> Vec<u8> {
        let payload = &[octet; 160];
        let timestamp = u32::from(sequence) * 160;
        let packet = Packet { payload_type: number, marker: false, sequence, timestamp, ssrc: 9, payload };
        let mut octets = vec![0; 172];
        assert_eq!(packet.write(&mut octets), Some(172));
        octets
    }

    /// Both channels.
    fn channels(file: &[u8]) -> (Vec<i16>, Vec<i16>) {
        let samples = file[WAV_HEADER..].as_chunks::<4>().0;
        let sample = |low, high| i16::from_le_bytes([low, high]);
        samples.iter().map(|&[a, b, c, d]| (sample(a, b), sample(c, d))).unzip()
    }

    #[test]
    fn both_sides_are_channels_of_one_file_and_silence_has_its_time() {
        let (mut recordings, files) = recordings(usize::MAX, 10);
        let start = 5_000_000;
        assert!(recordings.command(Tick(start), begin(0, 8, Codec::Pcma)));
        assert!(recordings.command(Tick(start), begin(1, 0, Codec::Pcmu)));
        for n in 0..150_u16 {
            let now = Tick(start + u64::from(n) * 20_000);
            // the caller talks for the first second, the callee for the third
            if n < 50 {
                recordings.push(now, of(0), &packet(8, n, 0xAA));
            }
            if n >= 100 {
                recordings.push(now, of(1), &packet(0, n, 0x00));
            }
            // then keys a digit, which is not heard
            if (50..60).contains(&n) {
                recordings.push(now, of(0), &packet(101, n, 5));
            }
            recordings.turn(now);
        }
        recordings.command(Tick(start + 3_000_000), RecordCommand::End(of(0)));
        assert_eq!(recordings.len(), 1);
        recordings.command(Tick(start + 3_000_000), RecordCommand::End(of(1)));
        assert!(recordings.is_empty());
        let files = files.borrow();
        let file = &files["a.wav"];
        assert_eq!(file[..WAV_HEADER], wav::header(2, 3 * 8_000 * 4));
        let (left, right) = channels(file);
        assert_eq!((left.len(), right.len()), (24_000, 24_000));
        let loud = |samples: &[i16], second: usize| {
            samples[second * 8_000..][..8_000].iter().filter(|sample| sample.unsigned_abs() > 1_000).count()
        };
        // held back by 60 ms
        assert!((7_400..=7_600).contains(&loud(&left, 0)), "{}", loud(&left, 0));
        assert!(loud(&left, 1) < 2_200 && loud(&left, 2) == 0, "{} {}", loud(&left, 1), loud(&left, 2));
        assert_eq!((loud(&right, 0), loud(&right, 1)), (0, 0));
        assert!((7_400..=7_600).contains(&loud(&right, 2)), "{}", loud(&right, 2));
    }

    #[test]
    fn a_file_ends_with_its_longest_time_or_with_the_room() {
        let (mut recordings, files) = recordings(usize::MAX, 1);
        recordings.command(Tick(0), begin(0, 8, Codec::Pcma));
        for second in 1..100 {
            recordings.turn(Tick(second * 1_000_000));
        }
        recordings.command(Tick(100_000_000), RecordCommand::End(of(0)));
        assert_eq!(files.borrow()["a.wav"].len(), WAV_HEADER + 60 * 32_000);

        let (mut recordings, files) = self::recordings(100_000, 10);
        recordings.command(Tick(0), begin(0, 8, Codec::Pcma));
        (1..100).for_each(|second| recordings.turn(Tick(second * 1_000_000)));
        let files = files.borrow();
        let file = &files["a.wav"];
        assert!((100_000 - STEP_OCTETS..=100_000).contains(&file.len()));
        // it can be heard as far as it goes
        assert_eq!(file[..WAV_HEADER], wav::header(2, (file.len() - WAV_HEADER) as u32));
    }

    #[test]
    fn what_cannot_be_opened_is_said_once_and_decodes_nothing() {
        let (mut recordings, files) = recordings(0, 10);
        assert!(!recordings.command(Tick(0), begin(0, 8, Codec::Pcma)));
        recordings.push(Tick(0), of(0), &packet(8, 1, 0xAA));
        recordings.turn(Tick(1_000_000));
        assert!(files.borrow().is_empty());
        recordings.command(Tick(2_000_000), RecordCommand::End(of(0)));
        assert!(recordings.is_empty());
    }

    #[test]
    fn a_side_may_change_its_codec() {
        let (mut recordings, files) = recordings(usize::MAX, 10);
        recordings.command(Tick(0), begin(0, 8, Codec::Pcma));
        for n in 0..100_u16 {
            let now = Tick(u64::from(n) * 20_000);
            if n == 50 {
                recordings.command(now, begin(0, 0, Codec::Pcmu));
            }
            let (number, octet) = if n < 50 { (8, 0xAA) } else { (0, 0x00) };
            recordings.push(now, of(0), &packet(number, n, octet));
            recordings.turn(now);
        }
        recordings.end_all(Tick(2_000_000));
        let (left, _) = channels(&files.borrow()["a.wav"]);
        let loud = left.iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
        // held back by 60 ms twice, and what was held at the change is lost
        assert!(loud > 14_000, "{loud}");
    }
}
