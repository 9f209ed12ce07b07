//! The recorder: one thread for the recordings of all relay threads. It alone writes files, so that a disk
//! that is slow costs no call its sound; packets that find no room on their way are silence in the recording.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use media::record::{RecordCommand, Recordings, Shelf};
use media::relay::{Copied, MediaEvent, Relay};
use units::Tick;

/// What waits for the recorder, commands and packets of all threads; a recorded call has a hundred in a
/// second.
pub(crate) const RING: usize = 4_096;
/// What it takes before it writes what is due.
const TAKEN_AT_ONCE: usize = 64;
const IDLE: Duration = Duration::from_millis(500);
/// Failures are logged so often at most, and the folder is counted anew, in microseconds.
const EVERY_US: u64 = 60_000_000;
/// Octets of a file that are written at once: a second.
const WRITTEN_AT_ONCE: usize = 32_000;

/// Where calls are recorded, and how much.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecorderSettings {
    /// The folder; made where there is none.
    pub folder: PathBuf,
    /// Longest recording, in minutes.
    pub minutes_max: u32,
    /// Octets of all files of the folder at most.
    pub octets_max: u64,
}

/// What a relay thread sends the recorder.
#[expect(
    clippy::large_enum_variant,
    reason = "a packet moves with its octets, and takes no memory of its own"
)]
pub(crate) enum ToRecorder {
    Command(RecordCommand),
    Packet(Copied),
}

/// The recorder, as a relay thread knows it.
pub(crate) struct RecorderOf {
    to: Option<Sender<ToRecorder>>,
    waiting: Option<RecordCommand>,
}

/// See the module.
pub(crate) struct Recorder<C, E> {
    clock: C,
    events: E,
    inputs: Receiver<ToRecorder>,
    recordings: Recordings<Folder>,
    /// When the folder is counted anew.
    counts_at: Tick,
}

/// The files of a folder.
struct Folder {
    settings: RecorderSettings,
    octets: u64,
    /// A failure was logged, less than a minute ago.
    is_told: bool,
}

// === impl RecorderOf ===

impl RecorderOf {
    pub(crate) const fn new(to: Option<Sender<ToRecorder>>) -> Self {
        Self { to, waiting: None }
    }

    /// Passes on what the relay asks of the recorder; what finds no room is kept for the next turn.
    pub(crate) fn command(&mut self, relay: &mut Relay) {
        let Some(to) = &self.to else { return relay.refuse_records() };
        while let Some(command) = self.waiting.take().or_else(|| relay.poll_record()) {
            if let Err(TrySendError::Full(ToRecorder::Command(command))) =
                to.try_send(ToRecorder::Command(command))
            {
                self.waiting = Some(command);
                return;
            }
        }
    }

    /// Gives it a packet; one that finds no room is lost to the recording.
    pub(crate) fn give(&self, copied: &Copied) {
        if let Some(to) = &self.to {
            let _is_taken = to.try_send(ToRecorder::Packet(copied.clone()));
        }
    }

    /// Whether a command waits.
    pub(crate) const fn is_behind(&self) -> bool {
        self.waiting.is_some()
    }
}

// === impl Recorder ===

impl<C: Fn() -> Tick, E: Fn(MediaEvent)> Recorder<C, E> {
    /// # Errors
    /// The folder cannot be made or read.
    pub(crate) fn new(
        settings: RecorderSettings,
        clock: C,
        events: E,
        inputs: Receiver<ToRecorder>,
    ) -> io::Result<Self> {
        let minutes_max = settings.minutes_max;
        let recordings = Recordings::new(Folder::open(settings)?, minutes_max);
        let counts_at = Tick(clock().0.saturating_add(EVERY_US));
        Ok(Self { clock, events, inputs, recordings, counts_at })
    }

    /// Runs until no relay thread is left, and completes the files then.
    pub(crate) fn run(mut self) {
        let inputs = self.inputs.clone();
        loop {
            let due = self.recordings.next_deadline();
            let now = (self.clock)();
            let wait = due.map_or(IDLE, |due| Duration::from_micros(due.0.saturating_sub(now.0)).min(IDLE));
            let first = inputs.recv_timeout(wait);
            let now = (self.clock)();
            if matches!(first, Err(RecvTimeoutError::Disconnected)) {
                return self.recordings.end_all(now);
            }
            for input in first.into_iter().chain(inputs.try_iter().take(TAKEN_AT_ONCE)) {
                match input {
                    ToRecorder::Packet(packet) => {
                        self.recordings.push(now, packet.endpoint, packet.packet());
                    }
                    ToRecorder::Command(command) => self.command(now, command),
                }
            }
            self.recordings.turn(now);
            self.look_after(now);
        }
    }

    fn command(&mut self, now: Tick, command: RecordCommand) {
        let begins = match &command {
            RecordCommand::Begin(endpoint, _) => Some(*endpoint),
            RecordCommand::End(_) => None,
        };
        if !self.recordings.command(now, command)
            && let Some(endpoint) = begins
        {
            (self.events)(MediaEvent::NotRecorded { endpoint });
        }
    }

    fn look_after(&mut self, now: Tick) {
        if now >= self.counts_at {
            self.counts_at = Tick(now.0.saturating_add(EVERY_US));
            self.recordings.shelf().count();
        }
    }
}

// === impl Folder ===

impl Folder {
    fn open(settings: RecorderSettings) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&settings.folder)?;
        let octets = octets_in(&settings.folder)?;
        Ok(Self { settings, octets, is_told: false })
    }

    /// Files may have been taken away.
    fn count(&mut self) {
        self.is_told = false;
        match octets_in(&self.settings.folder) {
            Ok(octets) => self.octets = octets,
            Err(error) => self.fail(&error),
        }
    }

    /// Says why something is not recorded.
    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(
                %error,
                "calls are not recorded in {}, or not to their end (told once a minute): see whether the disk is \
                 full or `recording.max_gib` is reached, and move recordings away",
                self.settings.folder.display()
            );
        }
    }
}

fn octets_in(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.try_fold(0, |sum, entry| {
        // One that was taken away meanwhile counts nothing.
        let octets = entry?.metadata().map_or(0, |meta| if meta.is_file() { meta.len() } else { 0 });
        Ok(sum + octets)
    })
}

fn is_full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "recording.max_gib is reached")
}

impl Shelf for Folder {
    type File = BufWriter<File>;

    fn open(&mut self, name: &str) -> Option<Self::File> {
        if self.octets >= self.settings.octets_max {
            self.fail(&is_full());
            return None;
        }
        let path = self.settings.folder.join(name);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let opened = opened.map(|file| BufWriter::with_capacity(WRITTEN_AT_ONCE, file));
        opened.map_err(|error| self.fail(&error)).ok()
    }

    fn append(&mut self, file: &mut Self::File, octets: &[u8]) -> bool {
        self.octets += octets.len() as u64;
        let written =
            if self.octets > self.settings.octets_max { Err(is_full()) } else { file.write_all(octets) };
        written.map_err(|error| self.fail(&error)).is_ok()
    }

    fn put_header(&mut self, file: &mut Self::File, header: &[u8]) {
        let written = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(header))
            .and_then(|()| file.seek(SeekFrom::End(0)));
        if let Err(error) = written {
            self.fail(&error);
        }
    }
}
