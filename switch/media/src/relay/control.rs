//! Commands to the relay and its events. A call's legs have one **endpoint** each: a pair of UDP ports of
//! ours, the even one for RTP, the next one for RTCP (RFC 3550 §11). Packets that one endpoint takes leave
//! from the endpoint that it is paired with. The shard that owns the call chooses ports and numbers; commands
//! of one shard are carried out in their order.

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;
use units::Tick;
use voice::FirstSound;
use voice::transcoder::TranscoderSettings;

use super::digits::KeyedDigit;
use super::player::Play;
use crate::recorded::{RecordedSide, Voices};
use crate::srtp::MasterKey;

/// One leg's pair of ports, named by the shard that opened it. All endpoints of one call are one thread's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EndpointId {
    /// Shard of the call: its events go there.
    pub shard: u16,
    /// The call, never used again within a shard's life.
    pub call: u64,
    /// The call's leg.
    pub leg: u8,
}

/// What is asked of the relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaCommand {
    /// Opens an endpoint.
    Open {
        /// Chosen by the shard.
        endpoint: EndpointId,
        /// Where it takes RTP: an address of this machine with an even port; RTCP comes at the next port.
        ours: SocketAddr,
        /// Silence that is told, in milliseconds; 0: none. While a side holds, `hold_timeout_ms`.
        timeout_ms: u32,
        /// Silence that is told while the side holds, in milliseconds; 0: none.
        hold_timeout_ms: u32,
    },
    /// What an endpoint's side said in its last offer or answer. Learning begins anew.
    Peer {
        /// Opened before.
        endpoint: EndpointId,
        /// What it said.
        peer: MediaPeer,
    },
    /// Packets of one go to the other, both ways, and no longer to whom they went before.
    Pair {
        /// The caller's.
        a: EndpointId,
        /// Whose media is heard.
        b: EndpointId,
    },
    /// What an endpoint's side sends is transcoded before it goes on; none: it passes as it is.
    Transcode {
        /// Opened before.
        endpoint: EndpointId,
        /// Codecs, payload numbers and packet times of both sides.
        how: Option<Box<TranscoderSettings>>,
    },
    /// The sound of an endpoint's side is listened to; it passes.
    Listen {
        /// Opened before.
        endpoint: EndpointId,
        /// For what; none: no longer.
        hearing: Option<Box<Hearing>>,
    },
    /// What an endpoint's side sends is recorded from now on, or something else of it than before; none: no
    /// longer. [`MediaEvent::NotRecorded`] tells if it cannot be.
    Record {
        /// Opened before.
        endpoint: EndpointId,
        /// In which file, and what its payload numbers mean.
        how: Option<Box<RecordedSide>>,
    },
    /// From now on a side's silence is told (its call was answered).
    Watch {
        /// Opened before.
        endpoint: EndpointId,
    },
    /// Plays to an endpoint's side, in place of what comes for it and of what was played before. RTCP goes
    /// on. [`MediaEvent::Played`] tells its end.
    Play {
        /// Opened before.
        endpoint: EndpointId,
        /// What is played.
        play: Play,
    },
    /// Ends what is played; nothing is told of it.
    StopPlay {
        /// Opened before.
        endpoint: EndpointId,
    },
    /// Sends a digit to an endpoint's side as events (RFC 4733), in place of what comes for it and of what
    /// was played, after the digits that are being sent.
    Digit {
        /// Opened before.
        endpoint: EndpointId,
        /// The side's payload number of events.
        payload: u8,
        /// Which digit.
        digit: KeyedDigit,
        /// As in [`Play::seed`].
        seed: u64,
    },
    /// Events of an endpoint's side are told by [`MediaEvent::Digit`], and not passed.
    Events {
        /// Opened before.
        endpoint: EndpointId,
        /// The payload number by which they come; none: they pass.
        payload: Option<u8>,
    },
    /// Closes an endpoint; [`MediaEvent::Closed`] tells what passed.
    Close {
        /// Opened before.
        endpoint: EndpointId,
    },
}

/// What a side said of its media.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaPeer {
    /// What the stream carries.
    pub kind: StreamKind,
    /// Where it wants RTP; none while it wants nothing (a closed stream, an address of nobody).
    pub rtp: Option<SocketAddr>,
    /// Where it wants RTCP.
    pub rtcp: RtcpPlace,
    /// Where its signalling comes from: its media may come from there too when it stands behind NAT.
    pub signalling: IpAddr,
    /// Its address may be learnt from its packets (`nat = true`); else only that of `rtp` is it.
    pub learn: bool,
    /// Packets are sent to it (it is neither `sendonly` nor `inactive`).
    pub receives: bool,
    /// Packets are expected of it; false while it holds, is held, suppresses silence or sends T.38.
    pub sends: bool,
    /// Payload numbers that may come from it; empty: any at 8,000 Hz.
    pub payloads: SmallVec<[PeerPayload; 8]>,
    /// Its packets are SRTP by these keys.
    pub keys: Option<Box<PeerKeys>>,
}

/// Keys of a side whose packets are SRTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerKeys {
    /// By which it sends.
    pub theirs: MasterKey,
    /// By which it is sent to.
    pub ours: MasterKey,
}

/// A payload number that may come from a side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerPayload {
    /// As it comes.
    pub number: u8,
    /// As the other side knows it.
    pub told: u8,
    /// Clock of its timestamps, in Hz.
    pub clock: u32,
}

/// What a stream carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamKind {
    /// RTP (RFC 3550): packets are checked, counted and kept to one source.
    Rtp,
    /// UDPTL (T.38): datagrams of one address, not looked into.
    Udptl,
}

/// What one endpoint's side sends, as long as it is transcoded in one way. Never the name of another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId {
    /// The endpoint's place.
    pub slot: u32,
    /// Counts all streams of one relay thread.
    pub number: u32,
}

/// What the relay asks of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TranscodeCommand {
    /// Packets of this stream come from now on.
    Begin(StreamId, TranscoderSettings),
    /// None come any more.
    End(StreamId),
}

/// For what a side is listened to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hearing {
    /// What its payload numbers mean.
    pub voices: Voices,
    /// Digits are told by [`MediaEvent::Digit`] when they begin.
    pub digits: bool,
    /// [`MediaEvent::FirstSound`] tells whether it rings. Of at most 64 sides of a thread at once, each for
    /// 15 s: for others it tells at once that they do not.
    pub first_sound: bool,
}

/// What a worker is told of sides that are listened to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenCommand {
    /// Packets of this side come from now on, or mean something else than before.
    Begin(EndpointId, Box<Hearing>),
    /// None come any more.
    End(EndpointId),
}

// === impl PeerPayload ===

impl PeerPayload {
    /// One that both sides know by the same number.
    pub const fn new(number: u8, clock: u32) -> Self {
        Self { number, told: number, clock }
    }
}

// === impl StreamKind ===

impl StreamKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Rtp, Self::Udptl];

    /// As the metric `media_sessions` has it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rtp => "rtp",
            Self::Udptl => "udptl",
        }
    }
}

/// Where a side wants RTCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RtcpPlace {
    /// On the port after that of RTP.
    Next,
    /// At another address (RFC 3605).
    At(SocketAddr),
    /// On the RTP port (RFC 5761).
    Mux,
}

/// What the relay tells the shard of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaEvent {
    /// Its ports cannot be opened: taken by another program, no descriptors left, or more endpoints than
    /// there may be. Commands for it are without effect, and no [`Self::Closed`] follows.
    OpenFailed {
        /// Not open.
        endpoint: EndpointId,
    },
    /// No valid RTP or RTCP came from its side for its time-out, although it was expected to send. Told once
    /// for each [`MediaCommand::Watch`] or [`MediaCommand::Peer`].
    Silent {
        /// Whose side is silent.
        endpoint: EndpointId,
        /// Its last valid packet; none if none came.
        last: Option<Tick>,
        /// The last valid packet of the endpoint that it is paired with.
        last_of_other: Option<Tick>,
    },
    /// What it played came to its end, or cannot be played: other payloads were agreed meanwhile. The other
    /// side is heard again.
    Played {
        /// To whose side it was played.
        endpoint: EndpointId,
    },
    /// The file of its call's recording cannot be opened.
    NotRecorded {
        /// That was to be recorded.
        endpoint: EndpointId,
    },
    /// Its side keyed a digit, by [`MediaCommand::Events`] or [`MediaCommand::Listen`].
    Digit {
        /// Whose side.
        endpoint: EndpointId,
        /// The key, and how long it was held, in milliseconds.
        digit: KeyedDigit,
    },
    /// The first sound of its side since [`Hearing::first_sound`] was asked for. Told once; not if it is
    /// closed before.
    FirstSound {
        /// Whose side.
        endpoint: EndpointId,
        /// Ringback, or something else, or not heard.
        sound: FirstSound,
    },
    /// It is closed, and its ports may be used again after their rest.
    Closed {
        /// Not open any more.
        endpoint: EndpointId,
        /// What passed, from its opening.
        report: EndpointReport,
    },
}

/// What passed through an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EndpointReport {
    /// RTP packets (or UDPTL datagrams) of its side that were accepted.
    pub packets_in: u64,
    /// RTP packets (or UDPTL datagrams) sent to its side.
    pub packets_out: u64,
    /// RTP packets of its side that never came, by sequence number (RFC 3550 A.3), summed over its sources.
    pub lost: u64,
    /// How many times one or more packets of its side in a row did not come in order.
    pub gaps: u64,
    /// From the relay to its side and back, in microseconds, by the reports that passed (RFC 3550 §6.4.1).
    pub round_trip_us: Option<u32>,
    /// Interarrival jitter of its side's stream at the end, in microseconds (RFC 3550 A.8).
    pub jitter_us: u32,
    /// Packets dropped: from foreign addresses, of foreign sources, malformed.
    pub dropped: u64,
    /// Its last valid packet.
    pub last: Option<Tick>,
    /// Where its side's packets came from.
    pub peer: Option<SocketAddr>,
    /// Packets of its side while both ways were agreed, after the answer.
    pub talk_in: u64,
    /// Packets sent to its side in that time.
    pub talk_out: u64,
    /// How long its side sent no RTP from the answer on although it should have, in milliseconds: to its
    /// first packet, or to the end. None if it was not expected to send.
    pub mute_ms: Option<u32>,
    /// Nothing is known but packets and addresses: a relay outside tells no loss, no jitter, no silence.
    pub is_count_only: bool,
}

// === impl EndpointReport ===

impl EndpointReport {
    /// So many packets one way and none the other are sound that one side did not hear: a second of it.
    pub const ONE_WAY_PACKETS: u64 = 50;

    /// Its side sent sound, or was sent it, one way only although both ways were agreed.
    pub const fn is_one_way(&self) -> bool {
        self.is_mute() || self.talk_out == 0 && self.talk_in >= Self::ONE_WAY_PACKETS
    }

    /// Its side never sent although both ways were agreed, and was sent sound.
    pub const fn is_mute(&self) -> bool {
        self.talk_in == 0 && self.talk_out >= Self::ONE_WAY_PACKETS
    }
}
