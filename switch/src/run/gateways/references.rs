//! Which calls live on a signalling connection that a gateway opened, and on which shard each is.

use std::collections::HashMap;
use std::net::SocketAddr;

use node::Signal;

/// Most calls on one connection; a Setup beyond it is dropped.
const CALLS_MAX: usize = 4_096;

/// Call references of a connection.
pub(super) struct References {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    shards: HashMap<u16, u8>,
    /// Shards that were told of the connection.
    told: Vec<u8>,
}

impl References {
    pub(super) fn new(local: SocketAddr, peer: SocketAddr) -> Self {
        Self { local, peer, shards: HashMap::new(), told: Vec::new() }
    }

    /// Whether no call lives on it.
    pub(super) fn are_none(&self) -> bool {
        self.shards.is_empty()
    }

    /// Shards that know it.
    pub(super) fn told(&self) -> &[u8] {
        &self.told
    }

    /// The shard of a frame's call, and whether it has to be told of the connection first; `find` says
    /// where a new call belongs. None: nobody's.
    pub(super) fn shard_of(
        &mut self,
        (reference, signal): (u16, Signal),
        find: impl FnOnce() -> Option<u8>,
    ) -> Option<(u8, bool)> {
        let shard = match (self.shards.get(&reference).copied(), signal) {
            (Some(shard), Signal::ReleaseComplete) => {
                self.shards.remove(&reference);
                shard
            }
            (Some(shard), Signal::Setup | Signal::Other) => shard,
            (None, Signal::Setup) if self.shards.len() < CALLS_MAX => {
                let shard = find()?;
                self.shards.insert(reference, shard);
                shard
            }
            (None, _) => return None,
        };
        let is_new = !self.told.contains(&shard);
        if is_new {
            self.told.push(shard);
        }
        Some((shard, is_new))
    }

    /// What we sent ends a call.
    pub(super) fn sent(&mut self, (reference, signal): (u16, Signal)) {
        if signal == Signal::ReleaseComplete {
            self.shards.remove(&reference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stays_on_its_shard_until_it_is_released() {
        let at: SocketAddr = "192.0.2.1:1720".parse().expect("address");
        let mut references = References::new(at, at);
        assert_eq!(references.shard_of((1, Signal::Other), || Some(9)), None);
        assert_eq!(references.shard_of((1, Signal::Setup), || Some(2)), Some((2, true)));
        assert_eq!(references.shard_of((1, Signal::Setup), || Some(3)), Some((2, false)));
        assert_eq!(references.shard_of((7, Signal::Setup), || Some(3)), Some((3, true)));
        assert_eq!(references.shard_of((8, Signal::Setup), || None), None);
        assert_eq!(references.told(), [2, 3]);
        assert_eq!(references.shard_of((1, Signal::ReleaseComplete), || None), Some((2, false)));
        assert_eq!(references.shard_of((1, Signal::Other), || Some(2)), None);
        assert!(!references.are_none());
        references.sent((7, Signal::Other));
        references.sent((7, Signal::ReleaseComplete));
        assert!(references.are_none());
    }

    #[test]
    fn calls_on_one_connection_are_bounded() {
        let at: SocketAddr = "192.0.2.1:1720".parse().expect("address");
        let mut references = References::new(at, at);
        for reference in 0..CALLS_MAX as u16 {
            assert!(references.shard_of((reference, Signal::Setup), || Some(0)).is_some());
        }
        assert_eq!(references.shard_of((CALLS_MAX as u16, Signal::Setup), || Some(0)), None);
    }
}
