//! Finds damage in the write-ahead log, which SQLite would take for its end and silently write over.
//!
//! Each commit is forced to disk before the next begins, so an honest crash spoils at most the last one. If a
//! frame is bad and another commit follows it, durable entries were harmed. Layout:
//! <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
//!
//! ```text
//! header: magic 4 | version 4 | page size 4 | sequence 4 | salts 8 | checksum 8         all big-endian
//! frame:  page number 4 | pages after commit, or 0: 4 | salts 8 | checksum 8 | page
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::schema;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377F_0682;

/// Running sums of the log, over pairs of words whose byte order the magic tells.
struct Checksum {
    sums: (u32, u32),
    big_endian: bool,
}

/// What the frames so far allow to say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// All are whole.
    Whole,
    /// Frame `bad` is not; its own commit has not ended yet.
    Bad { bad: u64 },
    /// And its commit has ended, so that nothing of this log may follow.
    Over { bad: u64 },
}

/// Says what is wrong with the log beside the journal, if anything is. Nobody may be writing it.
pub(crate) fn check(folder: &Path) -> Result<(), String> {
    let path = schema::wal_file(folder);
    let unreadable = |e: io::Error| format!("its log {} cannot be read: {e}", path.display());
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(unreadable(e)),
    };
    let length = file.metadata().map_err(unreadable)?.len();
    // A header alone, whole or not, carries no entries.
    if length <= (HEADER + FRAME_HEADER) as u64 {
        return Ok(());
    }
    match scan(&mut BufReader::with_capacity(1 << 20, file)).map_err(unreadable)? {
        Ok(None) => Ok(()),
        Ok(Some(frame)) => {
            Err(format!("frame {frame} of its log {} was changed, and commits follow it", path.display()))
        }
        Err(()) => Err(format!("the header of its log {} was changed", path.display())),
    }
}

/// The first bad frame that a crash does not explain; `Err` if the header is bad.
fn scan(log: &mut impl Read) -> io::Result<Result<Option<u64>, ()>> {
    let mut header = [0; HEADER];
    log.read_exact(&mut header)?;
    let (magic, page_size) = (word(&header, 0), word(&header, 8));
    let mut sum = Checksum { sums: (0, 0), big_endian: magic & 1 == 1 };
    sum.add(&header[..24]);
    let sane = magic & !1 == MAGIC && page_size.is_power_of_two() && (512..=65_536).contains(&page_size);
    if !sane || !sum.is(&header[24..]) {
        return Ok(Err(()));
    }
    let salts = &header[16..24];
    let mut frame = vec![0; FRAME_HEADER + page_size as usize];
    let mut seen = Seen::Whole;
    let mut number = 0;
    // A frame cut off by the end of the file is not one.
    while read_whole(log, &mut frame)? {
        number += 1;
        let (head, page) = frame.split_at(FRAME_HEADER);
        let (ours, ends_commit) = (&head[8..16] == salts, word(head, 4) != 0);
        sum.add(&head[..8]);
        sum.add(page);
        let whole = ours && word(head, 0) != 0 && sum.is(&head[16..]);
        seen = match seen {
            Seen::Whole if whole => Seen::Whole,
            Seen::Whole if ours && ends_commit => Seen::Over { bad: number },
            Seen::Whole => Seen::Bad { bad: number },
            Seen::Bad { bad } if ours && ends_commit => Seen::Over { bad },
            Seen::Bad { bad } => Seen::Bad { bad },
            Seen::Over { bad } if ours => return Ok(Ok(Some(bad))),
            Seen::Over { bad } => Seen::Over { bad },
        };
    }
    Ok(Ok(None))
}

fn read_whole(log: &mut impl Read, frame: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(frame) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// The big-endian word at `at`; 0 where there is none.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_be_bytes(*word))
}

// === impl Checksum ===

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let read = if self.big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        let (mut a, mut b) = self.sums;
        let (words, _rest) = bytes.as_chunks::<4>();
        let (pairs, _odd) = words.as_chunks::<2>();
        for [first, second] in pairs {
            a = a.wrapping_add(read(*first)).wrapping_add(b);
            b = b.wrapping_add(read(*second)).wrapping_add(a);
        }
        self.sums = (a, b);
    }

    fn is(&self, written: &[u8]) -> bool {
        (word(written, 0), word(written, 4)) == self.sums
    }
}
