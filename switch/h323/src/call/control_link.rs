//! How H.245 travels: inside of the call signalling, or on a connection of its own.

use super::fast_start::FastStart;
use super::state::{Call, Event, Link, Output, Phase, ReleasedBy, Role};
use crate::address;
use crate::asn1::h225::{H323UUPDU, TransportAddress};
use crate::asn1::h245::MultimediaSystemControlMessage;
use crate::h245::{ControlEvent, ControlFault};
use crate::per::decode;
use std::net::SocketAddr;
use units::{Cause, Tick};

/// H.245 messages read of one message of call signalling.
const TUNNELLED_MAX: usize = 32;

// === impl Call: the connection of its own ===

impl Call {
    /// Our listener for H.245 stands there.
    pub fn control_listening(&mut self, now: Tick, address: SocketAddr) {
        self.control_address = Some(address);
        if self.link == Link::Listening && self.phase == Phase::Connected {
            self.send_start_h245();
        }
        self.flush(now);
    }

    /// The H.245 connection stands, whoever opened it.
    pub fn control_opened(&mut self, now: Tick) {
        if !matches!(self.link, Link::Listening | Link::Opening) || self.phase == Phase::Released {
            return;
        }
        self.link = Link::Open;
        if matches!(self.fast_start, FastStart::Offered(_)) {
            // H.245 before an answer to fast start ends it (H.323 §8.1.7.2)
            self.fast_start = FastStart::Refused;
        }
        self.control.start(now);
        self.flush(now);
    }

    /// The H.245 connection, or the attempt at one, has failed. A call that has media goes on without it.
    pub fn control_closed(&mut self, _now: Tick) {
        if !matches!(self.link, Link::Open | Link::Opening | Link::Listening) {
            return;
        }
        self.link = Link::Closed;
        if self.control.media().is_none_or(|media| media.rtp.is_none()) && self.phase == Phase::Connected {
            self.finish(Cause::TEMPORARY, ReleasedBy::Connection, true);
        }
    }

    /// A message on the H.245 connection: the content of a TPKT frame.
    pub fn handle_control(&mut self, now: Tick, frame: &[u8]) {
        if self.phase == Phase::Released || self.link != Link::Open {
            return;
        }
        match decode::<MultimediaSystemControlMessage>(frame) {
            Ok(message) => self.control.handle_message(now, &message),
            // one message that cannot be read is no reason to end a call that has media
            Err(_) if self.told_media.is_some() => {}
            Err(_) => return self.finish(Cause::PROTOCOL, ReleasedBy::Protocol, true),
        }
        self.flush(now);
    }

    /// The peer's H.245 address is kept, unless H.245 is tunnelled.
    pub(super) fn take_control_address(&mut self, address: Option<&TransportAddress>) {
        if let Some(address) = address.and_then(address::of_h225)
            && !self.is_tunnelled()
        {
            self.peer_control = Some(address);
        }
    }

    /// Connects to the peer's H.245 address, once fast start is taken or refused.
    pub(super) fn open_control_if_due(&mut self) {
        let is_open = !matches!(self.link, Link::None | Link::Listening | Link::Closed);
        if is_open || matches!(self.fast_start, FastStart::Offered(_)) {
            return;
        }
        if let Some(address) = self.peer_control.take() {
            self.link = Link::Opening;
            self.outputs.push_back(Output::OpenControl(address));
        }
    }
}

// === impl Call: inside of the signalling ===

impl Call {
    /// What a message says of tunnelling, and the H.245 in it.
    pub(super) fn handle_tunnelled(&mut self, now: Tick, pdu: &H323UUPDU) {
        let messages = pdu.h245_control.as_deref().unwrap_or_default();
        if !messages.is_empty() && self.settings.tunnelling {
            // some tunnel though their flag says no, or forget it
            self.peer_tunnels = Some(true);
        } else if let Some(tunnels) = pdu.h245_tunnelling {
            self.peer_tunnels = Some(tunnels);
        }
        if !self.is_tunnelled() {
            if self.link == Link::Tunnelled {
                self.link = Link::None;
                self.listen();
            }
            return;
        }
        if messages.is_empty() {
            return;
        }
        if self.link != Link::Open {
            self.link = Link::Tunnelled;
        }
        if matches!(self.fast_start, FastStart::Offered(_)) {
            self.fast_start = FastStart::Refused;
        }
        for message in messages.iter().take(TUNNELLED_MAX) {
            if let Ok(message) = decode::<MultimediaSystemControlMessage>(message) {
                self.control.handle_message(now, &message);
            }
        }
    }

    /// Begins H.245 where it is due: after the answer, or before it if that is wanted, but not while fast
    /// start is neither taken nor refused.
    pub(super) fn start_control_if_due(&mut self, now: Tick) {
        if matches!(self.fast_start, FastStart::Offered(_)) || self.control.is_started() {
            return;
        }
        let is_connected = self.phase == Phase::Connected;
        let has_channels = self.fast_start == FastStart::Accepted;
        let is_early = self.settings.early_h245 && self.local.is_some() && !has_channels;
        // a peer that has begun is answered in kind
        let is_due = is_connected || is_early || self.control.remote().is_some();
        if !is_due {
            return;
        }
        if self.is_tunnelled() && self.link != Link::Open {
            self.link = Link::Tunnelled;
            self.control.start(now);
        } else if is_connected && self.link == Link::None && !has_channels && self.role == Role::Caller {
            // the peer gave no address: it gets ours
            self.listen();
        }
    }

    fn listen(&mut self) {
        self.link = Link::Listening;
        match self.control_address {
            Some(_) => self.send_start_h245(),
            None => self.outputs.push_back(Output::ListenControl),
        }
    }

    /// An answered call has to have media in time.
    pub(super) fn expect_media(&mut self, now: Tick) {
        if self.control.media().is_none() {
            self.deadlines.media = Some(now.plus_ms(self.settings.timers.control_ms));
        }
    }

    /// After every input: what H.245 has to tell and to send.
    pub(super) fn flush(&mut self, now: Tick) {
        while let Some(event) = self.control.poll_event() {
            match event {
                ControlEvent::Digit(digit) => self.tell(Event::Digit(digit)),
                ControlEvent::EndSession => {
                    let wait = self.settings.timers.end_session_ms;
                    self.deadlines.end_session.get_or_insert(now.plus_ms(wait));
                }
                ControlEvent::Fault(fault) => {
                    let (cause, by) = match fault {
                        ControlFault::Timeout => (Cause::TIMER, ReleasedBy::Timer),
                        ControlFault::NoCodec => (Cause::BEARER, ReleasedBy::Protocol),
                        ControlFault::Determination => (Cause::PROTOCOL, ReleasedBy::Protocol),
                    };
                    return self.finish(cause, by, true);
                }
            }
        }
        if self.phase == Phase::Released {
            return;
        }
        match self.link {
            Link::Tunnelled if self.control.has_messages() => self.send_tunnelled(),
            Link::Open => self.drain_to_connection(),
            _ => {}
        }
        let media = self.control.media();
        if let Some(media) = media.filter(|media| Some(media) != self.told_media.as_ref()) {
            self.told_media = Some(media);
            if media.rtp.is_some() || media.is_received {
                self.deadlines.media = None;
            }
            self.tell(Event::Media(media));
        }
    }
}
