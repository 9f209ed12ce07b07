//! From where a side's packets may come, and where its own go (latching; RFC 7362, RFC 4961).
//!
//! The address is that of the side's SDP. Where it may be learnt, packets from that address or from the one
//! of its signalling may show another port (or the other of the two addresses): three in order, of one
//! source, with none of the present stream between. That happens once for each offer or answer; until then
//! packets go to the address of the SDP and nowhere else. Of two sources (SSRC) at the address the first is
//! kept in the same way, until three in order of the other come with none of its own between.
//! Invariant: a packet from another host changes nothing here.

use std::net::{IpAddr, SocketAddr};

use super::control::{MediaPeer, RtcpPlace};
use super::counters::DropReason;
use super::header::RtpHeader;

/// Packets in order that prove an address or a source.
const PROOF: u8 = 3;

/// A packet's place in what its side sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Of the present source.
    Present,
    /// The first that passes of another source, or from another address.
    Other,
    /// Not to be passed.
    Drop(DropReason),
}

/// Who may send to one endpoint. What good packets do not need is apart, so that they find the rest in few
/// lines of the processor's cache.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Packets pass from here, and go here unless the side wants none.
    address: Option<SocketAddr>,
    /// The present source.
    stream: Option<Stream>,
    /// `address` may still change.
    learns: bool,
    /// The side wants packets at an address.
    wants: bool,
    /// RTP and RTCP share a port on this side.
    is_muxed: bool,
    /// There is a candidate.
    is_tried: bool,
    /// Its address is the one that ICE nominated.
    is_checked: bool,
    rest: Box<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    /// What the side said last, with an address if it ever did: to see whether it says something else.
    said: Option<Said>,
    /// Another source or address that sends.
    candidate: Option<(SocketAddr, Stream)>,
    rtcp: Rtcp,
    /// Where the side's packets came from.
    heard_from: Option<SocketAddr>,
}

/// What a side says that decides about addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Said {
    rtp: Option<SocketAddr>,
    rtcp: RtcpPlace,
    signalling: IpAddr,
    learn: bool,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    /// Sequence number of the next packet in order.
    next: u16,
    /// Packets in order, to [`PROOF`].
    in_order: u8,
}

/// Where RTCP comes from and goes to where it has a port of its own.
#[derive(Debug, Default)]
struct Rtcp {
    address: Option<SocketAddr>,
    /// `address` may still change.
    learns: bool,
}

// === impl Stream ===

impl Stream {
    const fn new(ssrc: u32, sequence: u16) -> Self {
        Self { ssrc, next: sequence.wrapping_add(1), in_order: 1 }
    }

    /// Another packet of it.
    fn follow(&mut self, sequence: u16) {
        let in_order = if sequence == self.next { self.in_order } else { 0 };
        self.in_order = (in_order + 1).min(PROOF);
        self.next = sequence.wrapping_add(1);
    }

    const fn is_proven(&self) -> bool {
        self.in_order >= PROOF
    }
}

// === impl Said ===

impl Said {
    fn of(peer: &MediaPeer) -> Self {
        Self {
            rtp: peer.rtp.map(canonical),
            rtcp: match peer.rtcp {
                RtcpPlace::At(address) => RtcpPlace::At(canonical(address)),
                place => place,
            },
            signalling: peer.signalling.to_canonical(),
            learn: peer.learn,
        }
    }

    /// Whether the side's RTP is where it was.
    fn is_where(&self, before: Self) -> bool {
        let place = |said: &Self| (said.rtp, said.signalling, said.learn);
        place(self) == place(&before)
    }

    /// Where RTCP goes that has a port of its own.
    fn rtcp(&self) -> Option<SocketAddr> {
        match self.rtcp {
            RtcpPlace::Mux => None,
            RtcpPlace::At(address) => Some(address),
            RtcpPlace::Next => {
                let rtp = self.rtp?;
                Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?))
            }
        }
    }

    /// A host that may be the side.
    fn may_be(&self, host: IpAddr) -> bool {
        self.learn && (host == self.signalling || self.rtp.is_some_and(|rtp| rtp.ip() == host))
    }
}

// === impl Source ===

impl Source {
    /// What the side said in its last offer or answer. Where it says nothing new, packets go on where they
    /// went, and another address may be learnt; without an address (hold in its old form, RFC 3264 §8.4) it
    /// wants none, and may send from where it did.
    pub(super) fn set(&mut self, peer: &MediaPeer) {
        let said = Said::of(peer);
        let was_checked = std::mem::replace(&mut self.is_checked, peer.has_ice());
        if self.is_checked {
            return self.set_checked(said, was_checked);
        }
        let before = self.rest.said.filter(|_| !was_checked);
        self.wants = said.rtp.is_some();
        if self.wants || before.is_none() {
            let is_elsewhere = before.is_none_or(|before| !said.is_where(before));
            if is_elsewhere {
                self.address = said.rtp;
                self.stream = None;
            }
            if is_elsewhere || before.is_some_and(|before| before.rtcp != said.rtcp) {
                self.rest.rtcp.address = said.rtcp();
            }
            self.is_muxed = said.rtcp == RtcpPlace::Mux;
            self.rest.said = Some(said);
        }
        self.learns = said.learn;
        self.rest.rtcp.learns = said.learn;
        self.forget_candidate();
        if let Some(stream) = &mut self.stream {
            stream.in_order = 0;
        }
    }

    /// A side with ICE: nothing is learnt, and no address holds but one that it nominates.
    fn set_checked(&mut self, said: Said, was_checked: bool) {
        if !was_checked {
            (self.address, self.stream) = (None, None);
        }
        (self.wants, self.is_muxed, self.learns) = (true, true, false);
        self.rest.said = Some(said);
        self.rest.rtcp = Rtcp::default();
        self.forget_candidate();
        if let Some(stream) = &mut self.stream {
            stream.in_order = 0;
        }
    }

    /// ICE nominated this address. The stream may go on from there.
    pub(super) const fn nominate(&mut self, from: SocketAddr) {
        self.address = Some(from);
    }

    /// Its address is the one that ICE nominated, if any was.
    pub(super) const fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// Judges an RTP packet. `is_known`: its payload number is one that may come.
    pub(super) fn rtp(&mut self, from: SocketAddr, header: RtpHeader, is_known: bool) -> Verdict {
        let (ssrc, sequence) = (header.ssrc, header.sequence);
        if !self.is_address(from) {
            if !self.learns || !self.may_be(from) {
                return Verdict::Drop(DropReason::Foreign);
            }
            return if is_known {
                self.try_other(from, ssrc, sequence, DropReason::Learning)
            } else {
                Verdict::Drop(DropReason::Learning)
            };
        }
        match &mut self.stream {
            Some(stream) if stream.ssrc == ssrc => Verdict::Present,
            // The one of before an offer gives way at once: many change it with their session.
            Some(stream) if stream.in_order > 0 => self.try_other(from, ssrc, sequence, DropReason::Ssrc),
            _ => self.take(from, Stream::new(ssrc, sequence)),
        }
    }

    /// Whether a packet from there may be the side's at all.
    pub(super) fn may_send(&self, from: SocketAddr) -> Result<(), DropReason> {
        match self.is_address(from) || self.learns && self.may_be(from) {
            true => Ok(()),
            false => Err(DropReason::Foreign),
        }
    }

    /// A packet that was judged present is one, by its sequence number too.
    pub(super) fn prove(&mut self, from: SocketAddr, sequence: u16) {
        self.forget_candidate();
        if let Some(stream) = &mut self.stream {
            stream.follow(sequence);
            if self.learns && stream.is_proven() {
                self.keep(from);
            }
        }
    }

    /// The address and source that packets are taken from, if neither is in question.
    pub(super) fn proven(&self) -> Option<(SocketAddr, u32)> {
        let stream = self.stream.filter(Stream::is_proven)?;
        Some((self.address.filter(|_| !self.learns && !self.is_tried)?, stream.ssrc))
    }

    /// Where packets go may change without another word of the side.
    pub(super) const fn learns(&self) -> bool {
        self.learns
    }

    /// The present source went on, up to this number.
    pub(super) const fn went_on(&mut self, sequence: u16) {
        if let Some(stream) = &mut self.stream {
            stream.next = sequence.wrapping_add(1);
        }
    }

    /// Judges a datagram of UDPTL: by its address alone.
    pub(super) fn udptl(&mut self, from: SocketAddr) -> Verdict {
        if self.is_address(from) {
            let Some(stream) = self.stream else { return self.take(from, Stream::new(0, 0)) };
            self.prove(from, stream.next);
            return Verdict::Present;
        }
        if !self.learns || !self.may_be(from) {
            return Verdict::Drop(DropReason::Foreign);
        }
        let next = self.rest.candidate.map_or(0, |(_, stream)| stream.next);
        self.try_other(from, 0, next, DropReason::Learning)
    }

    /// Judges RTCP that `sender` sent, on the RTP port (RFC 5761) or on its own. On its own port the address
    /// may be learnt of the host whose RTP is taken, from the source that it takes.
    pub(super) fn rtcp(
        &mut self,
        from: SocketAddr,
        sender: u32,
        on_rtp_port: bool,
    ) -> Result<(), DropReason> {
        if on_rtp_port {
            return match self.is_address(from) {
                true => Ok(()),
                false if self.learns && self.may_be(from) => Err(DropReason::Learning),
                false => Err(DropReason::Foreign),
            };
        }
        if self.rest.rtcp.address.is_some_and(|address| is_same(address, from)) {
            return Ok(());
        }
        if self.is_muxed || !self.rest.rtcp.learns || !self.may_be(from) {
            return Err(DropReason::Foreign);
        }
        let is_of_stream = self.stream.is_some_and(|stream| stream.ssrc == sender && stream.is_proven())
            && self.address.is_some_and(|address| address.ip() == from.ip());
        if !is_of_stream {
            return Err(DropReason::Learning);
        }
        self.rest.rtcp = Rtcp { address: Some(from), learns: false };
        Ok(())
    }

    /// Where RTP goes.
    pub(super) fn rtp_to(&self) -> Option<SocketAddr> {
        self.address.filter(|_| self.wants)
    }

    /// Where RTCP goes: with RTP, or to an address of its own.
    pub(super) fn rtcp_to(&self) -> Option<SocketAddr> {
        let address = if self.is_muxed { self.address } else { self.rest.rtcp.address };
        address.filter(|_| self.wants)
    }

    /// RTP and RTCP share a port on this side.
    pub(super) const fn is_muxed(&self) -> bool {
        self.is_muxed
    }

    /// Where the side's packets came from.
    pub(super) fn heard_from(&self) -> Option<SocketAddr> {
        self.rest.heard_from
    }

    pub(super) fn is_address(&self, from: SocketAddr) -> bool {
        self.address.is_some_and(|address| is_same(address, from))
    }

    /// From a host that may be the side.
    fn may_be(&self, from: SocketAddr) -> bool {
        self.rest.said.is_some_and(|said| said.may_be(from.ip()))
    }

    fn forget_candidate(&mut self) {
        if self.is_tried {
            self.is_tried = false;
            self.rest.candidate = None;
        }
    }

    /// Another source passes from now on.
    fn take(&mut self, from: SocketAddr, stream: Stream) -> Verdict {
        self.forget_candidate();
        self.stream = Some(stream);
        self.rest.heard_from = Some(from);
        Verdict::Other
    }

    /// A packet of another source, or from another address: it is taken when it is the last of three in
    /// order.
    fn try_other(&mut self, from: SocketAddr, ssrc: u32, sequence: u16, reason: DropReason) -> Verdict {
        let mut stream = Stream::new(ssrc, sequence);
        if let Some((address, candidate)) = &self.rest.candidate
            && is_same(*address, from)
            && candidate.ssrc == ssrc
        {
            stream = *candidate;
            stream.follow(sequence);
        }
        if !stream.is_proven() {
            self.rest.candidate = Some((from, stream));
            self.is_tried = true;
            return Verdict::Drop(reason);
        }
        if self.learns {
            self.keep(from);
        }
        self.take(from, stream)
    }

    /// Nothing else is learnt until the next offer or answer.
    const fn keep(&mut self, from: SocketAddr) {
        self.address = Some(from);
        self.learns = false;
    }
}

/// IPv4 in IPv6's clothes is IPv4: our sockets take either, never one as the other.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The same host and port; the zone of a link-local address is ours to know, not the side's to say.
fn is_same(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip() == b.ip()
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
