//! One leg's pair of ports: what comes of its side is judged and measured, what goes to its side is joined to
//! one stream.

use std::net::SocketAddr;

use smallvec::SmallVec;
use units::Tick;
use units::wheel::TimerId;

use super::control::{EndpointId, EndpointReport, MediaPeer, PeerPayload, StreamKind};
use super::copies::Taken;
use super::counters::DropReason;
use super::digits::{Hearing, KeyedDigit};
use super::egress::{Egress, Mapping};
use super::header::{self, RtpHeader};
use super::player::{Play, Playing};
use super::reception::Reception;
use super::report::{LEAST_US, Report};
use super::round_trip::RoundTrip;
use super::rtcp;
use super::secure::{self, Secure};
use super::settled::{Elsewhere, Settled};
use super::source::{Source, Verdict};

/// Clock of payload numbers of which nothing is known, in Hz.
const CLOCK: u32 = 8_000;

/// One of the two ports of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Component {
    /// The even port.
    Rtp,
    /// The odd one.
    Rtcp,
}

/// What came and was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard {
    /// RTP, and the clock of its payload in Hz.
    Rtp(RtpHeader, u32),
    /// RTCP.
    Rtcp,
    /// A datagram of UDPTL.
    Udptl,
}

/// One leg's pair of ports. What packets do not need is apart, as in [`Source`].
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Slot of the one that it is paired with.
    pub(super) partner: Option<u32>,
    pub(super) kind: StreamKind,
    pub(super) last: Option<Tick>,
    is_ipv4: bool,
    receives: bool,
    sends: bool,
    is_watched: bool,
    /// It sent no RTP since the answer.
    is_mute: bool,
    /// The last payload that came: most packets have the same.
    payload: Option<PeerPayload>,
    source: Source,
    reception: Reception,
    egress: Egress,
    secure: Option<Box<Secure>>,
    /// Who takes copies of what it sends.
    pub(super) taken: Taken,
    /// What it sends is transcoded.
    pub(super) transcoded: Option<Transcoded>,
    /// Events of its side that come by this payload number are not passed.
    events: Option<u8>,
    /// What is sent to its side in place of the other one's packets.
    playing: Option<Box<Playing>>,
    packets_in: u64,
    packets_out: u64,
    dropped: u64,
    two_way: TwoWay,
    rest: Box<Rest>,
}

#[derive(Debug)]
struct Rest {
    id: EndpointId,
    payloads: SmallVec<[PeerPayload; 8]>,
    silence: Silence,
    digits: Hearing,
    way: RoundTrip,
    own: OwnReports,
    /// How long it sent no RTP from the answer on, ms; none if it was not expected to when its first packet
    /// came, or if none came yet.
    mute_ms: Option<u32>,
}

/// When a side's silence is told.
#[derive(Debug)]
struct Silence {
    timeout_us: u64,
    hold_timeout_us: u64,
    /// From when on it counts, if it does.
    watched_since: Option<Tick>,
    is_told: bool,
    timer: TimerId,
}

/// The stream of a side that is transcoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transcoded {
    /// Of [`super::StreamId`].
    pub(super) number: u32,
    /// Clock of what is made of it, in Hz.
    pub(super) clock: u32,
}

/// What is reported to a side of a stream of ours.
#[derive(Clone, Copy, Debug, Default)]
struct OwnReports {
    /// Packets and octets of it.
    packets: u64,
    octets: u64,
    clock: u32,
    last: Option<Tick>,
}

/// Packets while both ways were agreed, after the answer.
#[derive(Clone, Copy, Debug, Default)]
struct TwoWay {
    came: u64,
    went: u64,
}

// === impl Endpoint ===

impl Endpoint {
    pub(super) fn new(id: EndpointId, ours: SocketAddr, timeout_ms: u32, hold_timeout_ms: u32) -> Self {
        let silence = Silence {
            timeout_us: u64::from(timeout_ms) * 1_000,
            hold_timeout_us: u64::from(hold_timeout_ms) * 1_000,
            watched_since: None,
            is_told: false,
            timer: TimerId::NONE,
        };
        Self {
            partner: None,
            kind: StreamKind::Rtp,
            last: None,
            is_ipv4: ours.is_ipv4(),
            receives: false,
            sends: false,
            is_watched: false,
            is_mute: false,
            payload: None,
            source: Source::default(),
            reception: Reception::default(),
            egress: Egress::default(),
            secure: None,
            taken: Taken::default(),
            transcoded: None,
            events: None,
            playing: None,
            packets_in: 0,
            packets_out: 0,
            dropped: 0,
            two_way: TwoWay::default(),
            rest: Box::new(Rest {
                id,
                payloads: SmallVec::new(),
                silence,
                digits: Hearing::default(),
                way: RoundTrip::default(),
                own: OwnReports::default(),
                mute_ms: None,
            }),
        }
    }

    /// As the shard named it.
    pub(super) fn id(&self) -> EndpointId {
        self.rest.id
    }

    /// What the side said in its last offer or answer.
    pub(super) fn set_peer(&mut self, now: Tick, peer: MediaPeer) {
        self.source.set(&peer);
        self.kind = peer.kind;
        self.receives = peer.receives;
        self.payload = None;
        self.secure = Secure::with(self.secure.take(), peer.keys.as_deref());
        self.egress.keep_one_source(self.secure.is_some());
        if let Some(playing) = self.playing.as_deref_mut()
            && (self.kind != StreamKind::Rtp || self.rest.payloads != peer.payloads)
        {
            playing.end();
        }
        self.rest.payloads = peer.payloads;
        let silence = &mut self.rest.silence;
        // An offer again and again would put the end of a dead stream off for ever, if each began anew.
        if silence.watched_since.is_some() && (silence.is_told || self.sends != peer.sends) {
            silence.watched_since = Some(now);
        }
        silence.is_told = false;
        self.sends = peer.sends;
    }

    /// From now on its silence is told.
    pub(super) fn watch(&mut self, now: Tick) {
        self.is_mute |= !self.is_watched;
        self.is_watched = true;
        self.rest.silence.watched_since = Some(now);
        self.rest.silence.is_told = false;
    }

    /// Another side's packets go to it from now on.
    pub(super) const fn pair(&mut self, with: u32) {
        self.partner = Some(with);
        self.egress.join();
    }

    /// What goes to it comes from elsewhere from now on.
    pub(super) const fn join(&mut self) {
        self.egress.join();
    }

    /// A packet of a stream of ours goes to it.
    pub(super) fn note_own(&mut self, clock: u32, packet: usize) {
        let own = &mut self.rest.own;
        own.clock = clock;
        own.packets += 1;
        own.octets += packet.saturating_sub(header::FIXED_BYTES) as u64;
    }

    /// Writes our own report over one of its side's, as long as it is not too soon; its length.
    pub(super) fn answer_report(&mut self, now: Tick, (buffer, bytes): (&mut [u8], usize)) -> Option<usize> {
        let own = self.rest.own;
        if own.last.is_some_and(|last| now.0.saturating_sub(last.0) < LEAST_US) {
            return None;
        }
        let datagram = buffer.get(..bytes)?;
        let (source, answers) = (rtcp::sender(datagram)?, rtcp::sent_at(datagram).unwrap_or(0));
        let (ssrc, timestamp) = self.egress.source_at(now, own.clock)?;
        let heard = (source, self.reception.report()?);
        let report = Report { at: now, sent: (ssrc, timestamp, own.packets, own.octets), heard, answers };
        let written = report.write(buffer)?;
        self.rest.own.last = Some(now);
        Some(written)
    }

    /// Whether sound may be sent to it now.
    pub(super) fn may_be_sent(&self, kind: StreamKind) -> Result<(), DropReason> {
        if self.kind != kind {
            return Err(DropReason::Unpaired);
        }
        if self.receives { Ok(()) } else { Err(DropReason::Held) }
    }

    /// Judges what came on one of its ports.
    pub(super) fn hear(
        &mut self,
        now: Tick,
        component: Component,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Result<(Heard, usize), DropReason> {
        let heard = match (self.kind, component) {
            (StreamKind::Udptl, Component::Rtp) => self.hear_udptl(from, packet),
            (StreamKind::Udptl, Component::Rtcp) => Err(DropReason::Malformed),
            (StreamKind::Rtp, Component::Rtcp) => self.hear_rtcp(now, from, packet, false),
            (StreamKind::Rtp, Component::Rtp) if self.source.is_muxed() && header::is_rtcp(packet) => {
                self.hear_rtcp(now, from, packet, true)
            }
            (StreamKind::Rtp, Component::Rtp) => self.hear_rtp(now, from, packet),
        };
        match heard {
            Ok((Heard::Rtcp, _)) => self.last = Some(now),
            Ok((Heard::Rtp(..) | Heard::Udptl, _)) => {
                self.last = Some(now);
                self.packets_in += 1;
                self.two_way.came += u64::from(self.is_two_way());
                if self.is_mute {
                    self.is_mute = false;
                    self.rest.mute_ms = self.expected_ms(now);
                }
            }
            Err(_) => self.dropped += 1,
        }
        heard
    }

    fn hear_rtp(
        &mut self,
        now: Tick,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Result<(Heard, usize), DropReason> {
        let mut bytes = packet.len();
        if let Some(secure) = &mut self.secure {
            // What comes from elsewhere costs no cipher.
            self.source.may_send(from)?;
            bytes = secure.takes.rtp(packet).map_err(secure::not_taken)?;
        }
        let packet = packet.get(..bytes).unwrap_or_default();
        let header = RtpHeader::read(packet).ok_or(DropReason::Malformed)?;
        let (clock, is_known) = self.clock_of(header.payload);
        match self.source.rtp(from, header, is_known) {
            Verdict::Drop(reason) => return Err(reason),
            Verdict::Other => self.reception.begin(now, header, clock),
            Verdict::Present if self.reception.take(now, header, clock) => {
                self.source.prove(from, header.sequence);
            }
            Verdict::Present => return Err(DropReason::Sequence),
        }
        Ok((Heard::Rtp(header, clock), bytes))
    }

    /// The clock of a payload number, and whether it is one that may come.
    fn clock_of(&mut self, payload: u8) -> (u32, bool) {
        if let Some(last) = self.payload.filter(|last| last.number == payload) {
            return (last.clock, true);
        }
        let payloads = &self.rest.payloads;
        let Some(known) = payloads.iter().find(|known| known.number == payload) else {
            return (CLOCK, payloads.is_empty());
        };
        self.payload = Some(*known);
        (known.clock, true)
    }

    /// Gives a packet that was heard the payload number that the other side knows for what it carries.
    pub(super) fn renumber(&self, header: RtpHeader, packet: &mut [u8]) {
        let known = self.payload.filter(|last| last.number == header.payload && last.told != last.number);
        if let Some(known) = known {
            header::write_payload(packet, known.told);
        }
    }

    fn hear_rtcp(
        &mut self,
        now: Tick,
        from: SocketAddr,
        datagram: &mut [u8],
        on_rtp_port: bool,
    ) -> Result<(Heard, usize), DropReason> {
        let mut bytes = datagram.len();
        if let Some(secure) = &mut self.secure {
            bytes = secure.takes.rtcp(datagram).map_err(secure::not_taken)?;
        }
        let datagram = datagram.get(..bytes).unwrap_or_default();
        let sender = rtcp::sender(datagram).ok_or(DropReason::Malformed)?;
        self.source.rtcp(from, sender, on_rtp_port)?;
        self.rest.way.hears(now, datagram);
        Ok((Heard::Rtcp, bytes))
    }

    fn hear_udptl(&mut self, from: SocketAddr, datagram: &[u8]) -> Result<(Heard, usize), DropReason> {
        if datagram.is_empty() {
            return Err(DropReason::Malformed);
        }
        match self.source.udptl(from) {
            Verdict::Drop(reason) => Err(reason),
            Verdict::Present | Verdict::Other => Ok((Heard::Udptl, datagram.len())),
        }
    }

    /// Sends on what the other side's endpoint heard: from which port and where to. `back` is the mapping of
    /// the stream that goes the other way.
    pub(super) fn send(
        &mut self,
        now: Tick,
        heard: Heard,
        back: Option<&Mapping>,
        (buffer, bytes): (&mut [u8], usize),
    ) -> Result<(Component, SocketAddr, usize), DropReason> {
        let is_rtcp = matches!(heard, Heard::Rtcp);
        // Who holds wants no sound, but reports go on (RFC 3264 §5.1).
        if !self.receives && !is_rtcp {
            return Err(DropReason::Held);
        }
        if self.playing.is_some() && !is_rtcp {
            return Err(DropReason::Replaced);
        }
        let to = if is_rtcp { self.source.rtcp_to() } else { self.source.rtp_to() };
        let to = to.filter(|to| to.is_ipv4() == self.is_ipv4).ok_or(DropReason::NoAddress)?;
        let is_own_port = is_rtcp && !self.source.is_muxed();
        let packet = buffer.get_mut(..bytes).unwrap_or_default();
        match heard {
            Heard::Rtp(header, clock) => self.egress.pass(now, header, clock, packet),
            Heard::Rtcp => {
                self.rest.way.sends(now, packet);
                rtcp::rewrite(packet, self.egress.mapping(), back);
            }
            Heard::Udptl => {}
        }
        let bytes = match (&mut self.secure, heard) {
            (None, _) | (_, Heard::Udptl) => bytes,
            (Some(secure), Heard::Rtp(..)) => secure.sends.rtp(buffer, bytes).map_err(secure::not_sent)?,
            (Some(secure), Heard::Rtcp) => secure.sends.rtcp(buffer, bytes).map_err(secure::not_sent)?,
        };
        if !is_rtcp {
            self.packets_out += 1;
            self.two_way.went += u64::from(self.is_two_way());
        }
        Ok((if is_own_port { Component::Rtcp } else { Component::Rtp }, to, bytes))
    }

    /// Plays to its side, in place of what was played before.
    pub(super) fn play(&mut self, now: Tick, play: Play) {
        self.playing = Some(Box::new(Playing::new(now, play, &self.egress)));
    }

    /// Sends a digit to its side.
    pub(super) fn send_digit(&mut self, now: Tick, payload: u8, digit: KeyedDigit, seed: u64) {
        if self.playing.as_ref().is_none_or(|playing| !playing.has_digits()) {
            self.playing = Some(Box::new(Playing::digits(now, payload, seed)));
        }
        if let Some(playing) = self.playing.as_deref_mut() {
            playing.push(digit);
        }
    }

    /// Which events of its side are told and not passed.
    pub(super) fn tell_events(&mut self, payload: Option<u8>) {
        self.events = payload;
        self.rest.digits = Hearing::default();
    }

    /// Whether a packet that was heard is not passed because it is told.
    pub(super) fn tells(&self, header: RtpHeader) -> bool {
        self.events == Some(header.payload)
    }

    /// The digit that ended with such a packet.
    pub(super) fn hear_digit(&mut self, now: Tick, header: RtpHeader, packet: &[u8]) -> Option<KeyedDigit> {
        self.rest.digits.hear(now, header, packet)
    }

    /// Ends what is played; its timer.
    pub(super) fn stop_play(&mut self) -> Option<TimerId> {
        self.playing.take().map(|playing| playing.timer)
    }

    /// What is played, if anything is.
    pub(super) fn playing(&mut self) -> Option<&mut Playing> {
        self.playing.as_deref_mut()
    }

    /// Writes the next packet of what is played, if it is due: where it goes and its length. One that the
    /// side does not want now, or that cannot reach it, is left out.
    pub(super) fn poll_packet(
        &mut self,
        now: Tick,
        buffer: &mut [u8],
    ) -> Option<Result<(SocketAddr, usize), DropReason>> {
        let playing = self.playing.as_deref_mut()?;
        let to = self.source.rtp_to().filter(|to| self.receives && to.is_ipv4() == self.is_ipv4);
        loop {
            let (header, bytes) = playing.poll(now, &self.egress, buffer)?;
            let Some(to) = to else { continue };
            let bytes = match &mut self.secure {
                None => Ok(bytes),
                Some(secure) => secure.sends.rtp(buffer, bytes).map_err(secure::not_sent),
            };
            self.egress.sends(now, header);
            self.packets_out += 1;
            self.two_way.went += u64::from(self.is_two_way());
            return Some(bytes.map(|bytes| (to, bytes)));
        }
    }

    /// How its next packet goes on to `other`, if that is settled.
    pub(super) fn settled_with(&self, other: &Self, partner: u32) -> Option<Settled> {
        let is_plain = self.kind == StreamKind::Rtp && self.secure.is_none() && other.secure.is_none();
        // What is made another codec's, heard elsewhere too, or stands in for something of ours, is here.
        let is_whole = self.transcoded.is_none() && !self.taken.is_any() && other.playing.is_none();
        if !is_plain || !is_whole || self.is_mute || !other.receives || other.source.learns() {
            return None;
        }
        let (from, ssrc) = self.source.proven()?;
        let payload = self.payload?;
        let mapping = other.egress.settled(ssrc)?;
        Some(Settled {
            from,
            ssrc,
            payload: payload.number,
            highest: self.reception.highest()?,
            partner,
            to: other.source.rtp_to().filter(|to| to.is_ipv4() == other.is_ipv4)?,
            told_ssrc: mapping.to,
            told_payload: payload.told,
            sequence: mapping.sequence,
            timestamp: mapping.timestamp,
        })
    }

    /// Packets of its side went on elsewhere.
    pub(super) fn heard_elsewhere(&mut self, passed: &Elsewhere) {
        self.last = self.last.max(Some(passed.last));
        self.packets_in += passed.packets;
        self.two_way.came += if self.is_two_way() { passed.packets } else { 0 };
        self.reception.took(passed);
        self.source.went_on(passed.highest.0);
    }

    /// Packets went to its side elsewhere.
    pub(super) fn sent_elsewhere(&mut self, passed: &Elsewhere, settled: &Settled) {
        self.packets_out += passed.packets;
        self.two_way.went += if self.is_two_way() { passed.packets } else { 0 };
        self.egress.went_on(passed, settled);
    }

    /// How numbers of the stream to this side are mapped.
    pub(super) fn mapping(&self) -> Option<Mapping> {
        self.egress.mapping().copied()
    }

    /// When to look whether it is silent: at its last packet's time-out.
    pub(super) fn silent_at(&self) -> Option<Tick> {
        let silence = &self.rest.silence;
        let timeout_us = if self.sends { silence.timeout_us } else { silence.hold_timeout_us };
        let since = silence.watched_since.filter(|_| !silence.is_told && timeout_us > 0)?;
        Some(Tick(since.max(self.last.unwrap_or_default()).0.saturating_add(timeout_us)))
    }

    /// Its silence is told, until its side says something again.
    pub(super) fn tell_silence(&mut self) {
        self.rest.silence.is_told = true;
    }

    /// The timer that looks whether it is silent.
    pub(super) fn timer(&mut self) -> &mut TimerId {
        &mut self.rest.silence.timer
    }

    /// What passed until now.
    pub(super) fn report(&self, now: Tick) -> EndpointReport {
        let TwoWay { came, went } = self.two_way;
        EndpointReport {
            packets_in: self.packets_in,
            packets_out: self.packets_out,
            dropped: self.dropped,
            lost: self.reception.lost(),
            gaps: self.reception.gaps(),
            round_trip_us: self.rest.way.us(),
            jitter_us: self.reception.jitter_us(),
            last: self.last,
            peer: self.source.heard_from(),
            talk_in: came,
            talk_out: went,
            mute_ms: if self.is_mute { self.expected_ms(now) } else { self.rest.mute_ms },
            is_count_only: false,
        }
    }

    /// For how long it has been expected to send.
    fn expected_ms(&self, now: Tick) -> Option<u32> {
        let since = self.rest.silence.watched_since.filter(|_| self.sends)?;
        Some(u32::try_from(now.ms_since(since)).unwrap_or(u32::MAX))
    }

    /// Both ways are agreed, and the call was answered.
    const fn is_two_way(&self) -> bool {
        self.receives && self.sends && self.is_watched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packets_need_stands_in_few_lines_of_the_cache() {
        let bytes = size_of::<Endpoint>();
        assert!(bytes <= 336, "{bytes}");
    }
}
