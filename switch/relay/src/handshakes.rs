//! The thread that makes handshakes of DTLS for all threads of the relay, which take milliseconds and so are
//! not made where packets pass; and a relay thread's side of it.

use std::collections::VecDeque;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use dtls::{Begin, Handshaken, Handshakes};
use media::relay::{HandshakeCommand, HandshakeId, Relay};
use net::Waker;
use units::Tick;

/// Datagrams and commands that wait; what finds no room is sent again by its side.
pub(crate) const RING: usize = 1_024;
/// Handshakes at once: each has some 14 KiB, for half a minute more than it takes.
pub(crate) const AT_ONCE_MAX: usize = 512;
/// Without a deadline it is looked at the clock so often.
const IDLE: Duration = Duration::from_secs(1);

/// To the thread: of which thread of the relay.
pub(crate) type ToHandshakes = (u16, Asked);
/// And back.
pub(crate) type Made = (HandshakeId, Handshaken);

/// What a relay thread asks.
#[derive(Debug)]
pub(crate) enum Asked {
    Command(HandshakeCommand),
    Datagram(HandshakeId, Box<[u8]>),
}

/// The thread of handshakes, as one relay thread knows it.
pub(crate) struct HandshakesOf {
    pub(crate) thread: u16,
    pub(crate) to: Sender<ToHandshakes>,
    pub(crate) back: Receiver<Made>,
    /// Commands that found no room, in order.
    pub(crate) waiting: VecDeque<HandshakeCommand>,
}

/// The thread itself. It ends with the last thread of the relay.
pub(crate) struct HandshakeThread<C> {
    pub(crate) clock: C,
    pub(crate) handshakes: Handshakes<(u16, HandshakeId)>,
    pub(crate) asked: Receiver<ToHandshakes>,
    /// By the number of the thread.
    pub(crate) back: Vec<(Sender<Made>, Waker)>,
}

// === impl HandshakesOf ===

impl HandshakesOf {
    /// Passes on what the relay asks; what finds no room is kept for the next turn.
    pub(crate) fn command(&mut self, relay: &mut Relay) {
        self.waiting.extend(std::iter::from_fn(|| relay.poll_handshake()));
        while let Some(command) = self.waiting.pop_front() {
            let sent = self.to.try_send((self.thread, Asked::Command(command)));
            if let Err(TrySendError::Full(_)) = sent {
                return self.waiting.push_front(command);
            }
        }
    }

    /// Whether commands wait.
    pub(crate) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether something came back.
    pub(crate) fn has_made(&self) -> bool {
        !self.back.is_empty()
    }

    /// Gives a datagram to its handshake. One that finds no room is lost, as on its way.
    pub(crate) fn give(&self, handshake: HandshakeId, datagram: &[u8]) {
        let _is_taken = self.to.try_send((self.thread, Asked::Datagram(handshake, datagram.into())));
    }

    pub(crate) fn take_back(&self) -> Option<Made> {
        self.back.try_recv().ok()
    }
}

// === impl HandshakeThread ===

impl<C: Fn() -> Tick> HandshakeThread<C> {
    pub(crate) fn run(mut self) {
        loop {
            let now = (self.clock)();
            let wait = |at: Tick| Duration::from_micros(at.0.saturating_sub(now.0)).min(IDLE);
            let asked = self.asked.recv_timeout(self.handshakes.next_deadline().map_or(IDLE, wait));
            let now = (self.clock)();
            match asked {
                Ok((thread, asked)) => self.take(now, thread, asked),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.handshakes.tick(now);
            while let Some(((thread, handshake), made)) = self.handshakes.poll() {
                let Some((back, waker)) = self.back.get(usize::from(thread)) else { continue };
                // A thread of the relay never waits for this one, so this one may wait for it.
                if back.send((handshake, made)).is_ok() {
                    waker.wake();
                }
            }
        }
    }

    fn take(&mut self, now: Tick, thread: u16, asked: Asked) {
        match asked {
            Asked::Command(HandshakeCommand::Begin { handshake, peer, is_checked }) => {
                let begin = Begin { role: peer.role, fingerprint: peer.fingerprint, is_checked };
                self.handshakes.begin(now, (thread, handshake), begin);
            }
            Asked::Command(HandshakeCommand::End(handshake)) => self.handshakes.end((thread, handshake)),
            Asked::Datagram(handshake, datagram) => {
                self.handshakes.handle(now, (thread, handshake), &datagram);
            }
        }
    }
}
