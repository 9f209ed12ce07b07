//! What an endpoint's packets need before they are media: an address that ICE nominated, keys that a handshake
//! made. Invariant: where keys are to come, nothing plain is taken or sent before.

use std::net::SocketAddr;

use units::Tick;

use super::control::{MediaPeer, PeerKeys};
use super::counters::DropReason;
use super::endpoint::Endpoint;
use super::ice::{Checked, Ice};
use super::secure::Secure;
use super::secured::{DtlsPeer, Secured};

impl Endpoint {
    /// Keys, and what has to come before them. Keys of a handshake stay as long as its sides are the same.
    pub(super) fn set_secured(&mut self, peer: &MediaPeer) {
        let (ice, dtls) = match peer.secured.as_deref() {
            Some(Secured { ice, dtls }) => (ice.as_ref(), dtls.map(Box::new)),
            None => (None, None),
        };
        self.rest.ice = Ice::with(self.rest.ice.take(), ice);
        if dtls.is_none() || self.rest.dtls != dtls {
            self.secure = Secure::with(self.secure.take(), peer.keys.as_deref());
            self.awaits_keys = dtls.is_some();
            self.rest.dtls = dtls;
        }
        self.egress.keep_one_source(self.secure.is_some() || self.awaits_keys);
    }

    /// The handshake with its side made these keys.
    pub(super) fn set_keys(&mut self, keys: &PeerKeys) {
        self.secure = Secure::with(self.secure.take(), Some(keys));
        self.awaits_keys = self.secure.is_none();
    }

    /// With whom a handshake is made.
    pub(super) fn dtls(&self) -> Option<DtlsPeer> {
        self.rest.dtls.as_deref().copied()
    }

    /// Its side has ICE.
    pub(super) const fn is_checked(&self) -> bool {
        self.source.is_checked()
    }

    /// Judges what may be a check of its address, and writes the answer over it; its octets, and whether
    /// packets go to another address now.
    pub(super) fn check(
        &mut self,
        now: Tick,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Result<(usize, bool), DropReason> {
        let in_use = self.source.is_address(from);
        let ice = self.rest.ice.as_deref_mut().ok_or(DropReason::Malformed);
        let checked = ice.and_then(|ice| ice.check(now, (from, in_use), packet));
        self.dropped += u64::from(checked.is_err());
        let Checked { bytes, nominates } = checked?;
        if nominates && !in_use {
            self.source.nominate(from);
        }
        Ok((bytes, nominates && !in_use))
    }

    /// Whether a handshake may be made with this address: one that passed a check, or that the SDP says.
    pub(super) fn may_shake_hands(&self, from: SocketAddr) -> bool {
        let has_checked = self.rest.ice.as_deref().is_some_and(|ice| ice.has_checked(from));
        self.source.is_address(from) || has_checked
    }

    /// Whether its side may be sent sound at all.
    pub(super) fn is_reached(&self, now: Tick) -> Result<(), DropReason> {
        if self.awaits_keys {
            return Err(DropReason::Unkeyed);
        }
        if self.is_checked() && !self.rest.ice.as_deref().is_some_and(|ice| ice.consents(now)) {
            return Err(DropReason::Consent);
        }
        Ok(())
    }

    /// Its packets need neither keys nor checks.
    pub(super) const fn is_plain(&self) -> bool {
        self.secure.is_none() && !self.awaits_keys && !self.is_checked()
    }
}
