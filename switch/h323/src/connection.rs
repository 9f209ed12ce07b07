//! A connection of call signalling: frames, and whose call each one is. Several calls may share it (H.323
//! §7.3).

use crate::call::release_complete;
use crate::q931::{CauseIe, Frame, Framer, IeId, Message, MessageType, MessageWriter, TpktError};
use units::Cause;

/// Calls on one connection at most.
pub const MAX_CALLS: usize = 64;

/// One connection, with the calls on it by keys of its owner's.
#[derive(Debug)]
pub struct Connection<K> {
    framer: Framer,
    /// Reference, whether we made the call, key.
    calls: Vec<(u16, bool, K)>,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<K> {
    /// A message of this call.
    Call(K, Vec<u8>),
    /// A Setup: a new call.
    Setup(u16, Vec<u8>),
    /// A message of no call, with what to answer.
    Nobody(Option<Vec<u8>>),
    /// A frame that keeps the connection alive.
    KeepAlive,
}

impl<K> Default for Connection<K> {
    fn default() -> Self {
        Self { framer: Framer::new(), calls: Vec::new() }
    }
}

// === impl Connection ===

impl<K: Copy + PartialEq> Connection<K> {
    /// A call is on it; `is_ours`: we made it. False if its reference is taken, or there are too many.
    pub fn add(&mut self, reference: u16, is_ours: bool, key: K) -> bool {
        let is_free = self.calls.len() < MAX_CALLS && self.find(reference, is_ours).is_none();
        if is_free {
            self.calls.push((reference, is_ours, key));
        }
        is_free
    }

    /// A call is over.
    pub fn remove(&mut self, key: K) {
        self.calls.retain(|(_, _, of)| *of != key);
    }

    /// The calls on it.
    pub fn calls(&self) -> impl Iterator<Item = K> {
        self.calls.iter().map(|(_, _, key)| *key)
    }

    /// Whether no call is on it.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        self.framer.is_partial()
    }

    /// Takes what was read; drain [`Connection::next`] after every call.
    pub fn push(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
    }

    /// What came next; after an error the connection is to be closed.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Received<K>, TpktError>> {
        Some(self.framer.next()?.map(|frame| match frame {
            Frame::KeepAlive => Received::KeepAlive,
            Frame::Message(frame) => self.sort(frame),
        }))
    }

    fn sort(&self, frame: Vec<u8>) -> Received<K> {
        let Ok(message) = Message::parse(&frame) else {
            // on a connection of one call the fault is that call's
            return match *self.calls {
                [(_, _, key)] => Received::Call(key, frame),
                _ => Received::Nobody(None),
            };
        };
        // what the called side sends is for calls that we made
        let (reference, is_ours) = (message.call_reference, message.from_destination);
        match self.find(reference, is_ours) {
            // a second Setup of a call that stands is no message of it
            Some(_) if message.kind == MessageType::Setup => Received::Nobody(None),
            Some(key) => Received::Call(key, frame),
            None if message.kind == MessageType::Setup && !is_ours && reference != 0 => {
                Received::Setup(reference, frame)
            }
            None => Received::Nobody(answer(&message)),
        }
    }

    fn find(&self, reference: u16, is_ours: bool) -> Option<K> {
        let mut calls = self.calls.iter();
        calls.find(|(of, ours, _)| (*of, *ours) == (reference, is_ours)).map(|(_, _, key)| *key)
    }
}

/// The answer to a message of a call that is not here: its state is null, or it does not exist (Q.931
/// §5.8.3.2).
fn answer(message: &Message<'_>) -> Option<Vec<u8>> {
    match message.kind {
        MessageType::StatusInquiry if message.call_reference != 0 => {
            let cause = CauseIe { cause: Cause(30), location: 0 };
            MessageWriter::new(MessageType::Status, message.call_reference, !message.from_destination)
                .element(IeId::Cause, &cause.content())
                .element(IeId::CallState, &[0])
                .finish_bare()
                .ok()
        }
        MessageType::Status => None,
        _ => release_complete(message, Cause(81)),
    }
}
