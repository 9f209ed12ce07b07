//! Which media addresses of peers are accepted in a relayed call: none that would make us send to ourselves,
//! to a group, or to a machine's inside that the peer is not on.

use std::net::{IpAddr, SocketAddr};

use media::relay::RtcpPlace;
use media::{Described, Direction, MediaKind, Session};

use super::shard_media::ShardMedia;
use crate::ConfigSnapshot;

/// Where a session comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    /// Address of its signalling.
    pub signalling: IpAddr,
    /// It is the first offer of its side.
    pub is_first_offer: bool,
    /// The family of the address of ours that its side was told, if it was.
    pub told_ipv4: Option<bool>,
}

impl ShardMedia {
    /// Whether media may be sent where the open streams of a session want it. `0.0.0.0` is hold, but
    /// not in a first offer to talk; a host name is nothing that could be judged.
    pub(super) fn accepts(&self, config: &ConfigSnapshot, sender: Sender, session: &Session) -> bool {
        let is_fax = session.is_fax();
        let mut relayed = session
            .targets()
            .filter(|(stream, _)| stream.kind == MediaKind::Audio || is_fax && stream.is_fax());
        relayed.all(|(stream, target)| {
            // The address that a check comes from is it, whatever is said.
            if stream.has_ice() {
                return true;
            }
            let Some((address, port)) = target.and_then(|target| Some((target.address?, target.port))) else {
                return false;
            };
            if address.is_unspecified() {
                return !(sender.is_first_offer && stream.direction == Direction::SendRecv);
            }
            self.may_send(config, sender, SocketAddr::new(address, port))
        })
    }

    /// Where RTCP is to go: what was said, if that may be.
    pub(super) fn rtcp_of(&self, config: &ConfigSnapshot, sender: Sender, said: &Described) -> RtcpPlace {
        match said.rtcp {
            RtcpPlace::At(address) if !self.may_send(config, sender, address) => RtcpPlace::Next,
            place => place,
        }
    }

    fn may_send(&self, config: &ConfigSnapshot, sender: Sender, to: SocketAddr) -> bool {
        let address = to.ip().to_canonical();
        let listeners = config.listeners.iter().map(|(_, local)| config.advertised(*local).ip());
        let reached = match sender.told_ipv4 {
            Some(ipv4) => ipv4 == address.is_ipv4(),
            None => self.reaches(address.is_ipv4()),
        };
        reached
            && !address.is_multicast()
            && !address.is_unspecified()
            && (!address.is_loopback() || sender.signalling.to_canonical().is_loopback())
            && !self.is_own(address, to.port(), listeners)
    }
}
