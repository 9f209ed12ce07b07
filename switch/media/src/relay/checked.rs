//! What an endpoint's packets need before they are media: an address that ICE nominated, keys that a
//! handshake made. Invariant: where keys are to come, nothing plain is taken or sent before.

use std::net::SocketAddr;

use units::Tick;

use super::control::{MediaPeer, PeerKeys};
use super::counters::DropReason;
use super::endpoint::Endpoint;
use super::ice::{Checked, Ice};
use super::secure::Secure;
use super::secured::{Dtls, DtlsPeer, Secured};

impl Endpoint {
    /// Keys, and what has to come before them. Keys of a handshake stay as long as its sides are the same.
    pub(super) fn set_secured(&mut self, peer: &MediaPeer) {
        let (ice, dtls) = match peer.secured.as_deref() {
            Some(Secured { ice, dtls }) => (ice.as_ref(), *dtls),
            None => (None, None),
        };
        self.rest.ice = Ice::with(self.rest.ice.take(), ice);
        if dtls.is_none() || self.rest.dtls.as_deref().map(|before| before.peer) != dtls {
            self.secure = Secure::with(self.secure.take(), peer.keys.as_deref());
            self.awaits_keys = dtls.is_some();
            self.rest.dtls = dtls.map(|peer| Box::new(Dtls { peer, number: None, from: None }));
        }
        self.egress.keep_one_source(self.secure.is_some() || self.awaits_keys);
    }

    /// The handshake with its side made these keys.
    pub(super) fn set_keys(&mut self, keys: &PeerKeys) {
        self.secure = Secure::with(self.secure.take(), Some(keys));
        self.awaits_keys = self.secure.is_none();
    }

    /// The number of its handshake, if one was begun.
    pub(super) fn handshake(&self) -> Option<u32> {
        self.rest.dtls.as_deref()?.number
    }

    /// Begins the handshake that its side is waited for with, if it is not begun.
    pub(super) fn begin_handshake(&mut self, number: u32) -> Option<DtlsPeer> {
        let dtls = self.rest.dtls.as_deref_mut().filter(|dtls| dtls.number.is_none())?;
        dtls.number = Some(number);
        Some(dtls.peer)
    }

    /// Where datagrams of its handshake go: to where it last came from, else to its side.
    pub(super) fn handshake_to(&self, number: u32) -> Option<SocketAddr> {
        let dtls = self.rest.dtls.as_deref().filter(|dtls| dtls.number == Some(number))?;
        dtls.from.or_else(|| self.source.rtp_to()).filter(|to| to.is_ipv4() == self.is_ipv4)
    }

    /// Its side has ICE.
    pub(super) const fn is_checked(&self) -> bool {
        self.source.is_checked()
    }

    /// Judges what may be a check of its address, and writes the answer over it; its octets.
    pub(super) fn check(
        &mut self,
        now: Tick,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Result<usize, DropReason> {
        // Before any address is nominated, what passes its check is it: media may come at once, and a browser
        // nominates up to 50 ms later.
        let in_use = self.source.is_address(from) || self.source.rtp_to().is_none();
        let ice = self.rest.ice.as_deref_mut().ok_or(DropReason::Malformed);
        let checked = ice.and_then(|ice| ice.check(now, (from, in_use), packet));
        self.dropped += u64::from(checked.is_err());
        let Checked { bytes, is_good, nominates } = checked?;
        if nominates || is_good && in_use {
            self.source.nominate(from);
        }
        Ok(bytes)
    }

    /// A datagram of its handshake: it counts if its address passed a check, or is that of the SDP.
    pub(super) fn shakes_hands(&mut self, from: SocketAddr, packet: &[u8]) -> Result<(), DropReason> {
        let has_checked = self.rest.ice.as_deref().is_some_and(|ice| ice.has_checked(from));
        let is_dtls = packet.first().is_some_and(|first| (20..64).contains(first));
        if is_dtls && (has_checked || self.source.may_send(from).is_ok()) {
            if let Some(dtls) = self.rest.dtls.as_deref_mut() {
                dtls.from = Some(from);
            }
            return Ok(());
        }
        self.dropped += 1;
        Err(if is_dtls { DropReason::Foreign } else { DropReason::Malformed })
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
