//! When packets come one by one at a high rate, each would wake the thread for itself; then a short sleep
//! lets some gather.
//!
//! A wake-up costs more than the packet that it is for. At low rates nobody waits: a call's packets go on as
//! they come.

use std::time::Duration;

/// A wait this short says that packets come densely.
const DENSE: Duration = Duration::from_micros(250);
/// So many dense waits in a row, less what sparse ones took off, and the thread begins to let packets gather.
const SURE: u8 = 8;
/// Beyond this, more dense waits make nothing surer, so that one pause of the load ends it soon.
const MOST: u8 = 16;
/// For so long; the longest that a packet waits for others.
const GATHER: Duration = Duration::from_millis(2);

/// How densely packets come.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    dense: u8,
}

impl Pace {
    /// The thread waited so long for what it has now.
    pub(crate) const fn waited(&mut self, wait: Duration) {
        self.dense = if wait.as_nanos() > DENSE.as_nanos() {
            self.dense / 2
        } else if self.dense < MOST {
            self.dense + 1
        } else {
            MOST
        };
    }

    /// How long to sleep before looking again, if at all.
    pub(crate) const fn pause(&self) -> Option<Duration> {
        if self.dense < SURE { None } else { Some(GATHER) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(waits_us: &[u64]) -> Option<Duration> {
        let mut pace = Pace::default();
        for us in waits_us {
            pace.waited(Duration::from_micros(*us));
        }
        pace.pause()
    }

    #[test]
    fn only_a_dense_stream_gathers() {
        assert_eq!(after(&[100; 7]), None, "the packets of one call");
        assert_eq!(after(&[100; 8]), Some(GATHER));
        assert_eq!(after(&[10_000; 100]), None);
        // A busy stream with a gap now and then goes on; a load that ended does not.
        assert_eq!(after(&[&[100; 20][..], &[2_000], &[100]].concat()), Some(GATHER));
        assert_eq!(after(&[&[100; 20][..], &[2_000; 2], &[100]].concat()), None);
    }
}
