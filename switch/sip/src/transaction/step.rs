//! What a transition asks of the layer: the common output of the four state machines of RFC 3261 §17.
//! Invariant: a machine knows neither bytes nor clocks, only states, named timers and intervals.

use super::TransactionTiming;

/// One transition: the new state and what goes with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step<S> {
    pub(crate) state: S,
    pub(crate) send: Send,
    pub(crate) tell: Tell,
    pub(crate) repeat: Timer,
    pub(crate) end: Timer,
}

/// What goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Send {
    Nothing,
    /// The stored message: the request, or the last response.
    Stored,
    /// The ACK that the layer itself makes for a 3xx–6xx; later the stored one.
    Ack,
}

/// What the user of the transaction hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tell {
    Nothing,
    /// The message that came in.
    Message,
    Timeout,
    TransportError,
    NoAck,
}

/// What happens to one of a transaction's two timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timer {
    Keep,
    Stop,
    /// Milliseconds from now.
    In(u64),
}

/// What a status means to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx–6xx.
    Failure,
}

// === impl Class ===

impl Class {
    pub(crate) const fn of(status: u16) -> Self {
        match status {
            ..200 => Self::Provisional,
            200..300 => Self::Success,
            300.. => Self::Failure,
        }
    }
}

// === impl Step ===

impl<S> Step<S> {
    /// To `state`, and nothing else.
    pub(crate) const fn to(state: S) -> Self {
        Self { state, send: Send::Nothing, tell: Tell::Nothing, repeat: Timer::Keep, end: Timer::Keep }
    }

    pub(crate) const fn send(mut self, send: Send) -> Self {
        self.send = send;
        self
    }

    pub(crate) const fn tell(mut self, tell: Tell) -> Self {
        self.tell = tell;
        self
    }

    pub(crate) const fn repeat(mut self, timer: Timer) -> Self {
        self.repeat = timer;
        self
    }

    pub(crate) const fn end(mut self, timer: Timer) -> Self {
        self.end = timer;
        self
    }

    pub(crate) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Step<T> {
        Step { state: wrap(self.state), send: self.send, tell: self.tell, repeat: self.repeat, end: self.end }
    }
}

/// The fixed part of a transition: the constants of RFC 3261 §17.1.1.1 and whether the transport repeats by
/// itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rules {
    pub(crate) timing: TransactionTiming,
    pub(crate) reliable: bool,
}

impl Rules {
    /// A repeat timer: none where the transport is reliable.
    pub(crate) const fn repeat_in(&self, ms: u64) -> Timer {
        if self.reliable { Timer::Stop } else { Timer::In(ms) }
    }

    /// The doubled interval, at most T2.
    pub(crate) const fn doubled(&self, ms: u64) -> u64 {
        let ms = ms.saturating_mul(2);
        if ms < self.timing.t2_ms { ms } else { self.timing.t2_ms }
    }
}
