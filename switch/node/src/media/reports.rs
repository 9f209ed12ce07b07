//! Records of relayed calls that wait for what the relay has to say of their packets. Their money is settled;
//! the record follows when both legs' endpoints are closed, at the latest after [`WAIT_MS`], and before
//! anything is written or told that takes it for written.

use std::collections::VecDeque;

use ledger::{CallId, Transfer};
use media::relay::{EndpointId, EndpointReport};
use rating::Cdr;
use smallvec::SmallVec;
use units::{Now, Tick};

use super::quality::Sides;
use crate::counters::Counters;
use crate::ids::Ids;

/// Longest wait for the relay's word, ms: it answers within a turn of its thread.
const WAIT_MS: u64 = 500;

/// Records that wait, in the order in which they began to.
#[derive(Debug, Default)]
pub(crate) struct Unreported {
    queue: VecDeque<(Tick, u64)>,
    calls: Ids<u64, Ending>,
}

/// A record that waits.
#[derive(Debug)]
pub(crate) struct Ending {
    pub call: CallId,
    pub cdr: Box<Cdr>,
    /// Its `open` record was written.
    pub live: bool,
    pub transfers: Vec<Transfer>,
    /// Neither side's stream is fax at the end.
    pub is_voice: bool,
    /// The called side's first sound after its answer was ringback.
    pub rings_on: bool,
    sides: Sides,
    /// Endpoints that are not told closed yet, each with whether it is the caller's.
    waits_for: SmallVec<[(EndpointId, bool); 2]>,
}

// === impl Ending ===

impl Ending {
    pub(crate) fn new(call: CallId, cdr: Box<Cdr>, live: bool, transfers: Vec<Transfer>) -> Self {
        let (is_voice, sides) = (true, Sides::default());
        Self { call, cdr, live, transfers, is_voice, rings_on: false, sides, waits_for: SmallVec::new() }
    }

    /// What passed on one side.
    pub(super) fn take(&mut self, is_caller: bool, report: &EndpointReport) {
        let side = if is_caller { &mut self.sides.caller } else { &mut self.sides.called };
        *side = Some(*report).filter(|report| !report.is_count_only);
        let cdr = &mut self.cdr;
        let (ip, came, went, lost, jitter) = if is_caller {
            (
                &mut cdr.media_ip_a,
                &mut cdr.rtp_packets_a_in,
                &mut cdr.rtp_packets_a_out,
                &mut cdr.rtp_lost_a,
                &mut cdr.jitter_ms_a,
            )
        } else {
            (
                &mut cdr.media_ip_b,
                &mut cdr.rtp_packets_b_in,
                &mut cdr.rtp_packets_b_out,
                &mut cdr.rtp_lost_b,
                &mut cdr.jitter_ms_b,
            )
        };
        *ip = report.peer.map(|peer| peer.ip().to_canonical()).or(*ip);
        *came = Some(report.packets_in);
        *went = Some(report.packets_out);
        if report.is_count_only {
            return;
        }
        *lost = Some(report.lost);
        // To the nearest millisecond.
        *jitter = Some(report.jitter_us.saturating_add(500) / 1_000);
    }

    /// Nothing more is told of it: what its media was worth is rated and counted.
    pub(super) fn rate(&mut self, counters: &mut Counters) {
        self.sides.rate(&mut self.cdr, self.is_voice);
        if self.is_voice {
            self.sides.count(&self.cdr, self.rings_on, counters);
        }
    }
}

// === impl Unreported ===

impl Unreported {
    /// A record waits for these endpoints, each with whether it is the caller's. One that waits for nothing
    /// comes back at once.
    pub(crate) fn wait(
        &mut self,
        now: Now,
        id: u64,
        mut ending: Ending,
        waits_for: impl Iterator<Item = (EndpointId, bool)>,
    ) -> Option<Ending> {
        ending.waits_for.extend(waits_for);
        if ending.waits_for.is_empty() {
            return Some(ending);
        }
        self.queue.push_back((now.tick.plus_ms(WAIT_MS), id));
        self.calls.insert(id, ending);
        None
    }

    /// What passed through an endpoint; the record, if that was the last that it waited for.
    pub(crate) fn report(&mut self, endpoint: EndpointId, report: &EndpointReport) -> Option<Ending> {
        let ending = self.calls.get_mut(&endpoint.call)?;
        let at = ending.waits_for.iter().position(|(waits_for, _)| *waits_for == endpoint)?;
        let (_, is_caller) = ending.waits_for.remove(at);
        ending.take(is_caller, report);
        if !ending.waits_for.is_empty() {
            return None;
        }
        let ending = self.calls.remove(&endpoint.call);
        while self.queue.front().is_some_and(|(_, id)| !self.calls.contains_key(id)) {
            self.queue.pop_front();
        }
        ending
    }

    /// The recording of a call could not begin.
    pub(crate) fn not_recorded(&mut self, id: u64) {
        if let Some(ending) = self.calls.get_mut(&id) {
            ending.cdr.recording = None;
        }
    }

    /// The next record that has waited long enough.
    pub(crate) fn poll_late(&mut self, now: Tick) -> Option<Ending> {
        while let Some(&(until, id)) = self.queue.front() {
            if until > now {
                return None;
            }
            self.queue.pop_front();
            if let Some(ending) = self.calls.remove(&id) {
                return Some(ending);
            }
        }
        None
    }

    /// When [`Self::poll_late`] is wanted; `Tick::NEVER` if never.
    pub(crate) fn deadline(&self) -> Tick {
        self.queue.front().map_or(Tick::NEVER, |(until, _)| *until)
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }
}
