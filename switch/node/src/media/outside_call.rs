//! One call at an engine outside: its ports, what its sides said, who was heard, and what passed.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use engine::{Command, EngineId, Exchange, Party, Statistics};
use media::outside::{describe, is_mux};
use media::relay::{EndpointId, EndpointReport, MediaEvent, MediaPeer};
use smallvec::SmallVec;
use units::{Now, Tick};

use crate::ids::CallRef;

/// Longest time from one look for silence to the next, ms, and the shortest.
const ASK_MS: (u64, u64) = (1_000, 15_000);

/// One call.
#[derive(Debug)]
pub(super) struct OutsideCall {
    pub id: u128,
    pub engine: EngineId,
    /// Engines that gave no ports for it.
    pub tried: SmallVec<[EngineId; 2]>,
    pub reserving: Option<Reserving>,
    /// What the caller is told.
    pub caller_at: Option<SocketAddr>,
    /// What a called side of IPv4 is told, and one of IPv6.
    called_at: [Option<SocketAddr>; 2],
    pub ends: SmallVec<[End; 2]>,
    /// Of the called sides the one that the engine was told of last.
    pub called: Option<EndpointId>,
    /// The engine is being told of a side.
    pub is_telling: bool,
    pub is_caller_news: bool,
    pub is_called_news: bool,
    /// When it is asked next who is silent.
    pub ask_at: Tick,
    heard: [Heard; 2],
}

/// Ports that are being asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserving {
    /// The call that waits.
    pub at: CallRef,
    /// Families of the caller's media and of the called side's.
    pub ipv4: (bool, bool),
}

/// One side, as commands name it.
#[derive(Debug)]
pub(super) struct End {
    pub endpoint: EndpointId,
    pub is_caller: bool,
    ipv4: bool,
    pub peer: Option<Arc<MediaPeer>>,
    /// When it said that.
    pub told_at: Tick,
    /// Silence that is told: while it should send, and else.
    pub timeouts_ms: (u32, u32),
    /// Since when its silence is told.
    pub watched: Option<Tick>,
    pub is_told_silent: bool,
    pub is_closed: bool,
}

/// What came from the caller, or from called sides.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    packets: u64,
    last: Option<Tick>,
    peer: Option<SocketAddr>,
}

// === impl End ===

impl End {
    pub(super) const fn new(endpoint: EndpointId, is_caller: bool, ipv4: bool) -> Self {
        Self {
            endpoint,
            is_caller,
            ipv4,
            peer: None,
            told_at: Tick(0),
            timeouts_ms: (0, 0),
            watched: None,
            is_told_silent: false,
            is_closed: false,
        }
    }

    fn timeout_ms(&self) -> u64 {
        let should_send = self.peer.as_ref().is_some_and(|peer| peer.sends);
        u64::from(if should_send { self.timeouts_ms.0 } else { self.timeouts_ms.1 })
    }

    pub(super) fn ask_every_ms(&self) -> u64 {
        (u64::from(self.timeouts_ms.0) / 4).clamp(ASK_MS.0, ASK_MS.1)
    }
}

// === impl OutsideCall ===

impl OutsideCall {
    pub(super) fn new(
        id: u128,
        engine: EngineId,
        reserving: Option<Reserving>,
        tried: SmallVec<[EngineId; 2]>,
    ) -> Self {
        Self {
            id,
            engine,
            tried,
            reserving,
            caller_at: None,
            called_at: [None; 2],
            ends: SmallVec::new(),
            called: None,
            is_telling: false,
            is_caller_news: false,
            is_called_news: false,
            ask_at: Tick::NEVER,
            heard: [Heard::default(); 2],
        }
    }

    pub(super) const fn called_at(&self, ipv4: bool) -> Option<SocketAddr> {
        self.called_at[!ipv4 as usize]
    }

    pub(super) const fn set_called_at(&mut self, ipv4: bool, at: SocketAddr) {
        self.called_at[!ipv4 as usize] = Some(at);
    }

    pub(super) const fn forget_called_at(&mut self, ipv4: bool) {
        self.called_at[!ipv4 as usize] = None;
    }

    /// What a side that is not known yet says; `told`: the family of the other side, which is told a port.
    pub(super) fn exchange(&self, sdp: Bytes, told: bool, called: bool) -> Exchange {
        Exchange { call: self.id, called: party(called), sdp, ipv4: told, learn: true, mux: (false, false) }
    }

    /// What the engine is to be told next.
    pub(super) fn next_exchange(&mut self) -> Option<Command> {
        let caller = self.ends.iter().find(|end| end.is_caller);
        let called = self.ends.iter().find(|end| Some(end.endpoint) == self.called);
        let peer = |end: Option<&End>| end.and_then(|end| end.peer.clone());
        let (of_caller, of_called) = (peer(caller), peer(called));
        let called_ipv4 = called.is_none_or(|end| end.ipv4);
        let exchange = |own: &Arc<MediaPeer>, other: Option<&Arc<MediaPeer>>, told: bool| Exchange {
            call: self.id,
            called: party(called_ipv4),
            sdp: describe(Some(own)),
            ipv4: told,
            learn: own.learn,
            mux: (is_mux(Some(own)), is_mux(other.map(|peer| &**peer))),
        };
        if let Some(own) = of_called.as_ref().filter(|_| self.is_called_news) {
            let told = self.caller_at.is_none_or(|at| at.is_ipv4());
            let command = Command::Answer(exchange(own, of_caller.as_ref(), told));
            self.is_called_news = false;
            return Some(command);
        }
        let own = of_caller.as_ref().filter(|_| self.is_caller_news)?;
        let command = Command::Offer(exchange(own, of_called.as_ref(), called_ipv4));
        self.is_caller_news = false;
        Some(command)
    }

    /// What the engine says of its packets; it tells time in whole seconds of its own clock.
    pub(super) fn hear(&mut self, now: Now, statistics: &Statistics) {
        let now_secs = u64::try_from(now.wall.0.div_euclid(1_000)).unwrap_or_default();
        let mut packets = [0_u64; 2];
        for party in &statistics.parties {
            let place = usize::from(party.party != Party::Caller);
            packets[place] = packets[place].saturating_add(party.packets);
            let heard = &mut self.heard[place];
            if party.packets > 0 {
                heard.peer = party.peer.or(heard.peer);
            }
            if let Some(secs) = party.last_packet {
                let ago_ms = now_secs.saturating_sub(secs).saturating_mul(1_000);
                let last = Tick(now.tick.0.saturating_sub(ago_ms.saturating_mul(1_000)));
                heard.last = heard.last.max(Some(last));
            }
        }
        for (heard, packets) in self.heard.iter_mut().zip(packets) {
            heard.packets = heard.packets.max(packets);
        }
    }

    /// Sides that are silent for too long, once each.
    pub(super) fn silent(&mut self, now: Tick) -> SmallVec<[MediaEvent; 2]> {
        let (called, heard) = (self.called, self.heard);
        let mut silent = SmallVec::new();
        for end in &mut self.ends {
            let is_current = end.is_caller || Some(end.endpoint) == called;
            let Some(watched) = end.watched.filter(|_| is_current && !end.is_told_silent && !end.is_closed)
            else {
                continue;
            };
            let [last, last_of_other] = match end.is_caller {
                true => [heard[0].last, heard[1].last],
                false => [heard[1].last, heard[0].last],
            };
            let since = watched.max(end.told_at).max(last.unwrap_or(watched));
            let timeout_ms = end.timeout_ms();
            if timeout_ms > 0 && now.ms_since(since) >= timeout_ms {
                end.is_told_silent = true;
                silent.push(MediaEvent::Silent { endpoint: end.endpoint, last, last_of_other });
            }
        }
        silent
    }

    /// How often it is asked who is silent; none once it is closed.
    pub(super) fn ask_every_ms(&self) -> Option<u64> {
        let open = self.ends.iter().filter(|end| !end.is_closed && end.watched.is_some());
        open.map(End::ask_every_ms).min()
    }

    /// Packets that came, all of which went to the other side.
    pub(super) fn packets(&self) -> u64 {
        self.heard[0].packets.saturating_add(self.heard[1].packets)
    }

    /// What passed through each endpoint; called sides that the engine was told of before others have none.
    pub(super) fn reports(&self) -> SmallVec<[(EndpointId, EndpointReport); 2]> {
        let report = |own: Heard, other: Heard| EndpointReport {
            packets_in: own.packets,
            packets_out: other.packets,
            last: own.last,
            peer: own.peer,
            is_count_only: true,
            ..EndpointReport::default()
        };
        let [caller, called] = self.heard;
        let of = |end: &End| match end {
            end if end.is_caller => report(caller, called),
            end if Some(end.endpoint) == self.called => report(called, caller),
            _ => report(Heard::default(), Heard::default()),
        };
        self.ends.iter().map(|end| (end.endpoint, of(end))).collect()
    }
}

/// The called sides of one family are one party: an attempt follows the other.
const fn party(ipv4: bool) -> Party {
    Party::Called(if ipv4 { 4 } else { 6 })
}
