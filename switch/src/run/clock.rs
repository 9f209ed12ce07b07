//! The only reader of clocks: one reading gives both the monotonic and the wall time. The last moment at
//! which the wall time was trusted is kept in the data folder, for the next start to compare with.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use store::{Journal, StoreError};
use units::{Now, Tick, Wall};

/// In the data folder, one line, RFC 3339.
const FILE: &str = "clock";

/// The last moment that a run before knew of: as it was kept, or else of the journal's last entry; none in a
/// new journal. Entries that were written by a clock in doubt are dated by it, so the journal alone does not
/// do.
pub(crate) fn last_moment(data_dir: &Path, journal: &Journal) -> Result<Option<Wall>, StoreError> {
    let kept = fs::read_to_string(data_dir.join(FILE)).ok().and_then(|text| Wall::parse(text.trim()));
    match kept {
        Some(kept) => Ok(Some(kept)),
        None => journal.reader()?.last_at(),
    }
}

/// Under another name first. A disk that refuses leaves the moment before.
pub(crate) fn keep_moment(data_dir: &Path, at: Wall) {
    let (new, file) = (data_dir.join("clock.new"), data_dir.join(FILE));
    if let Err(error) = write(&new, &(at.rfc3339() + "\n")).and_then(|()| fs::rename(&new, &file)) {
        tracing::debug!(%error, "the last moment of a right clock is not kept");
    }
}

/// For the owner alone, as all of the data folder.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// Counts from the start of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds for metrics, from an origin of its own.
    pub(crate) fn stopwatch() -> u64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn now(self) -> Now {
        let tick = Tick(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { tick, wall: Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn fault_a12_the_kept_moment_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        for moment in [Wall(1_795_348_800_000), Wall(1_795_348_810_000)] {
            keep_moment(folder.path(), moment);
            let file = folder.path().join(FILE);
            let kept = fs::read_to_string(&file).expect("kept");
            assert_eq!(Wall::parse(kept.trim()), Some(moment));
            assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }
}
