//! The H.245 session of one call: its machines, one after the other where the standard wants that.

use super::capabilities::{self, Exchange, Remote};
use super::channels::{self, Receiving, Sending};
use super::determination::{Determination, Outcome};
use super::round_trip::{RoundTrip, Step};
use super::user_input::{self, Digit};
use crate::asn1::h245::{
    CloseLogicalChannel, CloseLogicalChannelAck, CloseLogicalChannelSource, CommandMessage,
    EndSessionCommand, IndicationMessage, MultimediaSystemControlMessage as Message, OpenLogicalChannel,
    OpenLogicalChannelReject, OpenLogicalChannelRejectCause, RequestMessage, ResponseMessage,
};
use crate::media::{Audio, Codec, Local, Media};
use crate::per::encode;
use std::collections::VecDeque;
use std::net::SocketAddr;
use units::Tick;

/// Messages that wait to be sent; the peer cannot make more of them between two drains.
const OUT_MAX: usize = 64;
/// Numbers of channels that we open begin here; those of fast start are below.
const FIRST_CHANNEL: u16 = 1001;
/// How long a slave waits for the master's channel, so that both take the same codec.
const PATIENCE_MS: u64 = 500;
/// Times that we change our codec to the peer's.
const FOLLOWS_MAX: u8 = 2;

/// What the session tells the call.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlEvent {
    /// A digit came.
    Digit(Digit),
    /// The peer ends the session, and with it the call.
    EndSession,
    /// It cannot go on.
    Fault(ControlFault),
}

/// Why a session cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlFault {
    /// A procedure was not answered, or the peer is gone.
    Timeout,
    /// No codec is common, or the peer refused all of them.
    NoCodec,
    /// Master and slave cannot be determined.
    Determination,
}

/// Milliseconds of an H.245 session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlTimers {
    /// For the answer to anything but a round trip request.
    pub procedure_ms: u64,
    /// Between two round trip requests; 0: none are sent.
    pub round_trip_every_ms: u64,
    /// For the answer to one.
    pub round_trip_ms: u64,
}

/// One side of a session.
#[derive(Debug)]
pub struct Control {
    pub(super) procedure_ms: u64,
    pub(super) local: Option<Local>,
    is_started: bool,
    is_over: bool,
    pub(super) exchange: Exchange,
    /// Sets to be sent, one after the other: whole, or empty.
    pub(super) sets: VecDeque<bool>,
    pub(super) determination: Determination,
    round_trip: RoundTrip,
    pub(super) remote: Option<Remote>,
    /// The peer's last set was empty.
    is_paused: bool,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    /// Codec of the last channel.
    audio: Option<Audio>,
    next_number: u16,
    /// Codecs for which the peer refused a channel.
    refused: Vec<Codec>,
    follows: u8,
    patience: Option<Tick>,
    deadline: Option<Tick>,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<ControlEvent>,
}

// === impl Control: driven by the call ===

impl Control {
    /// Nothing has been said. `seed` is drawn at random for each call.
    pub fn new(timers: ControlTimers, seed: u64) -> Self {
        Self {
            procedure_ms: timers.procedure_ms,
            local: None,
            is_started: false,
            is_over: false,
            exchange: Exchange::default(),
            sets: VecDeque::new(),
            determination: Determination::new(seed),
            round_trip: RoundTrip::new(timers.round_trip_every_ms, timers.round_trip_ms),
            remote: None,
            is_paused: false,
            sending: Sending::Closed,
            receiving: Receiving::default(),
            audio: None,
            next_number: FIRST_CHANNEL,
            refused: Vec::new(),
            follows: 0,
            patience: None,
            deadline: None,
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins, if it has not: what we receive, if that is known, and our number.
    pub fn start(&mut self, now: Tick) {
        if self.is_started || self.is_over {
            return;
        }
        self.is_started = true;
        self.round_trip.start(now);
        if self.local.is_some() {
            self.sets.push_back(true);
        }
        self.pump_sets();
        let outcome = self.determination.start();
        self.follow_outcome(outcome);
        self.settle(now);
    }

    /// Our side of the media, new or changed. The peer is told if the session has begun.
    pub fn set_local(&mut self, now: Tick, local: &Local) {
        let before = self.local.replace(local.clone());
        if before.as_ref() == Some(local) || self.is_over {
            return;
        }
        self.refused.clear();
        if !self.is_started {
            return;
        }
        if before.is_some_and(|before| before.rtp != local.rtp || before.rtcp != local.rtcp) {
            // the peer opens its channel anew, to the new address, after a pause
            self.sets.push_back(false);
        }
        self.sets.push_back(true);
        let keeps = self.sending.audio().is_none_or(|audio| has_codec(local, audio.codec));
        if !keeps {
            self.close_sending();
        }
        self.pump_sets();
        self.settle(now);
    }

    /// Pauses the peer's sending, or lets it go on.
    pub fn hold(&mut self, now: Tick, is_held: bool) {
        if self.is_started && !self.is_over {
            self.sets.push_back(!is_held);
            self.pump_sets();
            self.settle(now);
        }
    }

    /// Channels that fast start opened; `None` for a direction that it did not.
    pub fn fast_started(
        &mut self,
        sending: Option<(u16, Audio, SocketAddr, Option<SocketAddr>)>,
        receiving: Option<(u16, Audio)>,
    ) {
        if let Some((number, audio, rtp, rtcp)) = sending {
            self.sending = Sending::Open { number, audio, rtp, rtcp };
            self.audio = Some(audio);
        }
        if let Some((number, audio)) = receiving {
            self.receiving.open(number, audio);
            self.audio = Some(audio);
        }
    }

    /// A digit in the form that the peer receives; false if it receives neither.
    pub fn send_digit(&mut self, digit: Digit, as_signal: bool) -> bool {
        let can = self.is_started && !self.is_over;
        if can {
            let message = if as_signal { digit.signal() } else { digit.alphanumeric() };
            self.send(&Message::Indication(message));
        }
        can
    }

    /// Ends the session: the last message.
    pub fn end(&mut self) {
        if self.is_started && !self.is_over {
            let command = CommandMessage::EndSessionCommand(EndSessionCommand::Disconnect);
            self.send(&Message::Command(command));
        }
        self.is_over = true;
        (self.deadline, self.patience) = (None, None);
    }

    /// Whether [`Control::start`] was called.
    pub const fn is_started(&self) -> bool {
        self.is_started
    }

    /// What the peer receives, once it said so.
    pub const fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// What media is now; none before the first channel.
    pub fn media(&self) -> Option<Media> {
        let audio = self.receiving.audio().or(self.sending.audio()).or(self.audio)?;
        let (rtp, rtcp) = match &self.sending {
            Sending::Open { rtp, rtcp, .. } => (Some(*rtp), *rtcp),
            _ => (None, None),
        };
        self.audio?;
        Some(Media {
            audio,
            rtp,
            rtcp,
            telephone_event: self.remote.as_ref().and_then(|remote| remote.telephone_event),
            is_received: self.receiving.audio().is_some(),
        })
    }

    /// The next message to send, encoded.
    pub fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// Whether messages wait to be sent.
    pub fn has_messages(&self) -> bool {
        !self.out.is_empty()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ControlEvent> {
        self.events.pop_front()
    }

    /// When [`Control::handle_timeout`] is wanted.
    pub fn next_deadline(&self) -> Option<Tick> {
        if self.is_over {
            return None;
        }
        [self.deadline, self.patience, self.round_trip.deadline()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Tick) {
        if self.is_over {
            return;
        }
        if self.deadline.is_some_and(|at| at <= now) {
            return self.fail(ControlFault::Timeout);
        }
        match self.round_trip.on_timeout(now) {
            Some(Step::Ask(sequence_number)) => {
                let request = crate::asn1::h245::RoundTripDelayRequest { sequence_number };
                self.request(RequestMessage::RoundTripDelayRequest(request));
            }
            Some(Step::Lost) => return self.fail(ControlFault::Timeout),
            None => {}
        }
        self.settle(now);
    }

    /// A message of the peer.
    pub fn handle_message(&mut self, now: Tick, message: &Message) {
        if self.is_over {
            return;
        }
        match message {
            Message::Request(request) => self.on_request(request),
            Message::Response(response) => self.on_response(now, response),
            Message::Command(CommandMessage::EndSessionCommand(_)) => {
                self.end();
                self.events.push_back(ControlEvent::EndSession);
                return;
            }
            Message::Command(CommandMessage::SendTerminalCapabilitySet(_)) => {
                if self.is_started && self.local.is_some() && self.sets.is_empty() {
                    self.sets.push_back(true);
                    self.pump_sets();
                }
            }
            Message::Indication(IndicationMessage::UserInput(input)) => {
                let digits = user_input::digits(input);
                self.events.extend(digits.into_iter().map(ControlEvent::Digit));
            }
            Message::Command(_) | Message::Indication(_) | Message::UnknownExtension(..) => {}
        }
        self.settle(now);
    }
}

// === impl Control: the peer's messages ===

impl Control {
    fn on_request(&mut self, request: &RequestMessage) {
        match request {
            RequestMessage::TerminalCapabilitySet(set) => {
                self.remote_set(capabilities::remote(set));
                self.respond(ResponseMessage::TerminalCapabilitySetAck(
                    crate::asn1::h245::TerminalCapabilitySetAck {
                        sequence_number: set.sequence_number,
                        ..Default::default()
                    },
                ));
            }
            RequestMessage::MasterSlaveDetermination(request) => {
                let outcome = self.determination.on_request(request);
                self.follow_outcome(outcome);
            }
            RequestMessage::OpenLogicalChannel(open) => self.on_open(open),
            RequestMessage::CloseLogicalChannel(close) => {
                self.receiving.close(close.forward_logical_channel_number);
                self.respond(ResponseMessage::CloseLogicalChannelAck(CloseLogicalChannelAck {
                    forward_logical_channel_number: close.forward_logical_channel_number,
                }));
            }
            RequestMessage::RequestChannelClose(close) => {
                let number = close.forward_logical_channel_number;
                self.respond(ResponseMessage::RequestChannelCloseAck(
                    crate::asn1::h245::RequestChannelCloseAck { forward_logical_channel_number: number },
                ));
                if self.sending.number() == Some(number) {
                    self.close_sending();
                }
            }
            RequestMessage::RoundTripDelayRequest(request) => {
                self.respond(ResponseMessage::RoundTripDelayResponse(
                    crate::asn1::h245::RoundTripDelayResponse { sequence_number: request.sequence_number },
                ));
            }
            RequestMessage::RequestMode(request) => {
                self.respond(ResponseMessage::RequestModeReject(crate::asn1::h245::RequestModeReject {
                    sequence_number: request.sequence_number,
                    cause: crate::asn1::h245::RequestModeRejectCause::ModeUnavailable,
                }));
            }
            other => {
                let unknown = crate::asn1::h245::FunctionNotUnderstood::Request(other.clone());
                self.send(&Message::Indication(IndicationMessage::FunctionNotUnderstood(unknown)));
            }
        }
    }

    #[expect(clippy::collapsible_match, reason = "a guard changes nothing")]
    fn on_response(&mut self, now: Tick, response: &ResponseMessage) {
        match response {
            ResponseMessage::TerminalCapabilitySetAck(ack) => {
                self.exchange.on_ack(ack.sequence_number);
                self.pump_sets();
            }
            ResponseMessage::TerminalCapabilitySetReject(reject) => {
                if self.exchange.on_reject(reject.sequence_number) {
                    self.fail(ControlFault::NoCodec);
                }
            }
            ResponseMessage::MasterSlaveDeterminationAck(ack) => {
                let outcome = self.determination.on_ack(ack);
                self.follow_outcome(outcome);
            }
            ResponseMessage::MasterSlaveDeterminationReject(_) => {
                let outcome = self.determination.on_reject();
                self.follow_outcome(outcome);
            }
            ResponseMessage::OpenLogicalChannelAck(ack) => {
                if !self.sending.on_ack(ack) {
                    self.refuse_codec();
                }
            }
            ResponseMessage::OpenLogicalChannelReject(reject) => {
                let is_ours = self.sending.number() == Some(reject.forward_logical_channel_number);
                if is_ours && matches!(self.sending, Sending::Opening { .. }) {
                    self.refuse_codec();
                    self.sending = Sending::Closed;
                }
            }
            ResponseMessage::RoundTripDelayResponse(response) => {
                self.round_trip.on_response(now, response.sequence_number);
            }
            _ => {}
        }
    }

    fn remote_set(&mut self, set: Option<Remote>) {
        self.is_paused = set.is_none();
        match set {
            None => self.close_sending(),
            Some(remote) => {
                let is_gone = self
                    .sending
                    .audio()
                    .is_some_and(|audio| !remote.audio.iter().any(|(theirs, _)| theirs.codec == audio.codec));
                self.remote = Some(remote);
                self.refused.clear();
                if is_gone {
                    self.close_sending();
                }
            }
        }
    }

    fn on_open(&mut self, open: &OpenLogicalChannel) {
        let number = open.forward_logical_channel_number;
        let wanted = match &self.local {
            Some(local) => channels::wanted(open, local).map(|audio| (audio, local)),
            None => Err(OpenLogicalChannelRejectCause::DataTypeNotAvailable),
        };
        match wanted {
            Ok((audio, local)) => {
                let ack = channels::acknowledge(number, local);
                self.respond(ResponseMessage::OpenLogicalChannelAck(Box::new(ack)));
                self.receiving.open(number, audio);
                self.audio = Some(audio);
                self.follow(audio.codec);
            }
            Err(cause) => self.respond(ResponseMessage::OpenLogicalChannelReject(OpenLogicalChannelReject {
                forward_logical_channel_number: number,
                cause,
                ..OpenLogicalChannelReject::default()
            })),
        }
    }

    /// Both directions should have one codec: ours becomes the peer's, if the peer receives that too.
    fn follow(&mut self, codec: Codec) {
        let differs = self.sending.audio().is_some_and(|audio| audio.codec != codec);
        let remote = self.remote.iter().flat_map(|remote| &remote.audio);
        if differs && self.follows < FOLLOWS_MAX && remote.into_iter().any(|(audio, _)| audio.codec == codec)
        {
            self.follows += 1;
            self.close_sending();
        }
    }
}

// === impl Control: steps ===

impl Control {
    /// Opens our channel as soon as that may be, and sets the deadline of what is awaited.
    fn settle(&mut self, now: Tick) {
        if self.is_over {
            return;
        }
        self.open_channel(now);
        let is_waiting = self.exchange.is_waiting()
            || self.determination.is_waiting()
            || matches!(self.sending, Sending::Opening { .. });
        self.deadline = match (is_waiting, self.deadline) {
            (false, _) => None,
            (true, None) => Some(now.plus_ms(self.procedure_ms)),
            (true, at) => at,
        };
    }

    fn open_channel(&mut self, now: Tick) {
        let can = self.sending == Sending::Closed
            && !self.is_paused
            && self.exchange.is_acknowledged()
            && !self.exchange.is_waiting();
        let (true, Some(is_master), Some(local), Some(remote)) =
            (can, self.determination.is_master(), &self.local, &self.remote)
        else {
            return;
        };
        let common = common(local, remote, &self.refused);
        let received = self.receiving.audio().map(|audio| audio.codec);
        let same = common.iter().find(|(audio, _)| Some(audio.codec) == received);
        let Some(first) = same.or(common.first()) else { return self.fail(ControlFault::NoCodec) };
        let is_sure = same.is_some() || common.iter().all(|(audio, _)| audio.codec == first.0.codec);
        if !is_sure && !is_master {
            let until = *self.patience.get_or_insert(now.plus_ms(PATIENCE_MS));
            if now < until {
                return;
            }
        }
        let (audio, capability) = first;
        let number = self.next_number;
        let open = channels::open(number, capability, audio.packet_ms, local);
        self.patience = None;
        self.sending = Sending::Opening { number, audio: *audio };
        self.next_number = number.checked_add(1).unwrap_or(FIRST_CHANNEL);
        self.deadline = None;
        self.request(RequestMessage::OpenLogicalChannel(Box::new(open)));
    }

    fn close_sending(&mut self) {
        if let Some(number) = self.sending.number() {
            self.request(RequestMessage::CloseLogicalChannel(CloseLogicalChannel {
                forward_logical_channel_number: number,
                source: CloseLogicalChannelSource::User,
                ..CloseLogicalChannel::default()
            }));
            self.sending = Sending::Closed;
        }
    }

    /// The channel that was asked for cannot be: its codec is not tried again.
    fn refuse_codec(&mut self) {
        if let Some(audio) = self.sending.audio() {
            self.refused.push(audio.codec);
        }
        self.close_sending();
    }

    fn pump_sets(&mut self) {
        while !self.exchange.is_waiting()
            && let Some(is_whole) = self.sets.pop_front()
        {
            let set = self.exchange.request(self.local.as_ref().filter(|_| is_whole));
            self.request(RequestMessage::TerminalCapabilitySet(Box::new(set)));
        }
    }

    fn follow_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::None => {}
            Outcome::Request(request) => self.request(request),
            Outcome::Response(response) => self.respond(response),
            Outcome::Failed => self.fail(ControlFault::Determination),
        }
    }

    fn fail(&mut self, fault: ControlFault) {
        self.events.push_back(ControlEvent::Fault(fault));
        self.end();
    }

    fn request(&mut self, request: RequestMessage) {
        self.send(&Message::Request(request));
    }

    fn respond(&mut self, response: ResponseMessage) {
        self.send(&Message::Response(response));
    }

    fn send(&mut self, message: &Message) {
        // what cannot be written was refused when it was configured; a peer that floods is answered no more
        if let Ok(bytes) = encode(message)
            && self.out.len() < OUT_MAX
        {
            self.out.push_back(bytes);
        }
    }
}

fn has_codec(local: &Local, codec: Codec) -> bool {
    local.audio.iter().any(|audio| audio.codec == codec)
}

/// Codecs of both sides in our order, each in the form of the peer's that fits best.
fn common<'a>(
    local: &Local,
    remote: &'a Remote,
    refused: &[Codec],
) -> Vec<(Audio, &'a crate::asn1::h245::AudioCapability)> {
    let ours = local.audio.iter().filter(|audio| !refused.contains(&audio.codec));
    ours.filter_map(|ours| {
        let mut forms = remote.audio.iter().filter(|(theirs, _)| theirs.codec == ours.codec);
        let first = forms.clone().next()?;
        let (theirs, form) = forms.find(|(theirs, _)| theirs.silence == ours.silence).unwrap_or(first);
        ours.common(*theirs).map(|audio| (audio, form))
    })
    .collect()
}
