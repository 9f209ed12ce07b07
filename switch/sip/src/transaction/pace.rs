//! Timings that are not everybody's: T1 and T2 of single peers, by their address.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::TransactionTiming;
use crate::flow::Flow;

/// Timings that differ from one another; a peer with a further one has that of the layer.
const TIMINGS_MAX: usize = 255;

/// A timing by its place in the table, small enough for every transaction to keep: those under way keep
/// theirs when the table of peers changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Pace(u8);

/// All timings, and who has which.
#[derive(Debug)]
pub(super) struct Paces {
    /// The first is the layer's own.
    timings: Vec<TransactionTiming>,
    by_peer: BTreeMap<SocketAddr, Pace>,
}

// === impl Paces ===

impl Paces {
    pub(super) fn new(own: TransactionTiming) -> Self {
        Self { timings: vec![own], by_peer: BTreeMap::new() }
    }

    pub(super) fn of(&self, flow: &Flow) -> Pace {
        if self.by_peer.is_empty() {
            return Pace::default();
        }
        self.by_peer.get(&flow.peer).copied().unwrap_or_default()
    }

    pub(super) fn timing(&self, pace: Pace) -> TransactionTiming {
        self.timings.get(usize::from(pace.0)).copied().unwrap_or_default()
    }

    /// These peers have timings of their own from now on. Of two for one address the first counts.
    pub(super) fn set(&mut self, peers: impl IntoIterator<Item = (SocketAddr, TransactionTiming)>) {
        self.by_peer.clear();
        for (peer, timing) in peers {
            let pace = self.pace(timing);
            self.by_peer.entry(peer).or_insert(pace);
        }
    }

    fn pace(&mut self, timing: TransactionTiming) -> Pace {
        let known = self.timings.iter().position(|known| *known == timing);
        let at = known.or_else(|| {
            (self.timings.len() < TIMINGS_MAX).then(|| {
                self.timings.push(timing);
                self.timings.len() - 1
            })
        });
        Pace(at.and_then(|at| u8::try_from(at).ok()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_have_timings_of_their_own_and_there_are_so_many() {
        let own = TransactionTiming::RFC3261;
        let timing = |t1_ms| TransactionTiming { t1_ms, ..own };
        let mut paces = Paces::new(own);
        let peer: SocketAddr = "192.0.2.1:5060".parse().expect("address");
        let flow = Flow::udp("192.0.2.9:5060".parse().expect("address"), peer);
        assert_eq!(paces.timing(paces.of(&flow)), own);
        for t1_ms in (1_000..1_300).chain([1_000]) {
            let pace = paces.pace(timing(t1_ms));
            let expected = if t1_ms < 1_254 { timing(t1_ms) } else { own };
            assert_eq!(paces.timing(pace), expected, "{t1_ms}");
        }
        let pace = paces.pace(timing(1_000));
        paces.by_peer.insert(peer, pace);
        assert_eq!(paces.timing(paces.of(&flow)).t1_ms, 1_000);
    }
}
