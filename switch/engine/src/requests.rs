//! Questions that wait for their answers: each is repeated as it was, by the same cookie, so that an engine
//! which did hear it answers again and does nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use units::Tick;

use crate::engines::EngineId;
use crate::reply::Question;

/// Most questions that wait.
pub const REQUESTS_MAX: usize = 32_768;
/// How long after one sending the next follows; after the last, that it is given up; ms.
const WAITS_MS: [u64; 3] = [200, 400, 800];
/// After so long a question has its outcome, ms.
pub const GIVEN_UP_MS: u64 = 1_400;

/// Questions by the number of their cookie.
#[derive(Debug)]
pub(crate) struct Requests<T> {
    waiting: BTreeMap<u64, Request<T>>,
    due: BTreeSet<(Tick, u64)>,
    next: u64,
}

/// A question.
#[derive(Debug)]
pub(crate) struct Request<T> {
    pub engine: EngineId,
    /// None of a ping of ours.
    pub token: Option<T>,
    pub question: Question,
    pub datagram: Bytes,
    /// How many times it was sent.
    sent: u8,
    due: Tick,
}

/// What is due of a question.
pub(crate) enum Due<T> {
    Repeat(EngineId, Bytes),
    GivenUp(Request<T>),
}

// === impl Requests ===

impl<T> Requests<T> {
    pub(crate) fn new() -> Self {
        Self { waiting: BTreeMap::new(), due: BTreeSet::new(), next: 1 }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The number of the next question.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// A question that was sent once, by the number that [`Self::next`] told.
    pub(crate) fn insert(
        &mut self,
        now: Tick,
        (engine, question): (EngineId, Question),
        token: Option<T>,
        datagram: Bytes,
    ) {
        let due = now.plus_ms(WAITS_MS[0]);
        let number = self.next;
        self.next += 1;
        self.due.insert((due, number));
        self.waiting.insert(number, Request { engine, token, question, datagram, sent: 1, due });
    }

    /// The question of this number, if it was for this engine.
    pub(crate) fn answered(&mut self, number: u64, engine: EngineId) -> Option<Request<T>> {
        if self.waiting.get(&number)?.engine != engine {
            return None;
        }
        let request = self.waiting.remove(&number)?;
        self.due.remove(&(request.due, number));
        Some(request)
    }

    /// All questions to an engine, taken back in their order.
    pub(crate) fn take_all(&mut self, engine: EngineId) -> Vec<Request<T>> {
        let numbers: Vec<u64> =
            self.waiting.iter().filter(|(_, request)| request.engine == engine).map(|(at, _)| *at).collect();
        numbers.into_iter().filter_map(|number| self.answered(number, engine)).collect()
    }

    /// What is due next.
    pub(crate) fn poll(&mut self, now: Tick) -> Option<Due<T>> {
        let &(due, number) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, number));
        let request = self.waiting.get_mut(&number)?;
        match WAITS_MS.get(usize::from(request.sent)) {
            Some(wait) => {
                request.sent += 1;
                request.due = now.plus_ms(*wait);
                self.due.insert((request.due, number));
                Some(Due::Repeat(request.engine, request.datagram.clone()))
            }
            None => self.waiting.remove(&number).map(Due::GivenUp),
        }
    }

    pub(crate) fn deadline(&self) -> Tick {
        self.due.first().map_or(Tick::NEVER, |(due, _)| *due)
    }
}
