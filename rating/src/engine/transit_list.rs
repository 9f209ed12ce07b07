//! Which payments are on their way, and which are late: each is reported once when it becomes late.

use std::ops::Bound;

use ledger::{AccountId, Announcement, Key, Record, RecordBody};
use units::Wall;

use super::Engine;
use super::transit::{InTransit, NEVER, TransitPlace};

impl Engine {
    /// Payments on their way, and how many of them are late.
    pub fn transit_counts(&self) -> (usize, usize) {
        let late = self.transit.late.len();
        (self.transit.waiting.len() + late, late)
    }

    /// Up to `limit` payments on their way after `after`, those that are due first in front; or only those
    /// that are late.
    pub fn in_transit(&self, after: Option<&TransitPlace>, late_only: bool, limit: usize) -> Vec<InTransit> {
        let from = || (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let waiting = if late_only { 0 } else { limit };
        let late = self.transit.late.range::<TransitPlace, _>(from()).take(limit);
        let mut places: Vec<&TransitPlace> =
            late.chain(self.transit.waiting.range::<TransitPlace, _>(from()).take(waiting)).collect();
        // After the clock was set back a new one may be due before one that is late.
        places.sort_unstable();
        places.truncate(limit);
        places.into_iter().filter_map(|place| self.view_transit(place)).collect()
    }

    /// Payments whose time is over at `wall` are late from now on, also if the clock goes back.
    pub fn look_for_late(&mut self, wall: Wall) {
        while self.transit.waiting.first().is_some_and(|(due, ..)| *due < wall) {
            let Some(place) = self.transit.waiting.pop_first() else { return };
            self.transit.unreported.push_back(place.clone());
            self.transit.late.insert(place);
        }
    }

    /// A payment that has become late: each is reported once between two starts.
    pub fn poll_late(&mut self) -> Option<InTransit> {
        loop {
            let place = self.transit.unreported.pop_front()?;
            if let Some(late) = self.view_transit(&place) {
                return Some(late);
            }
        }
    }

    /// When [`Engine::look_for_late`] finds the next.
    pub fn next_late(&self) -> Option<Wall> {
        self.transit.waiting.first().map(|(due, ..)| due.plus_ms(1)).filter(|at| *at < NEVER)
    }

    /// Takes all payments on their way from the accounts' states, after a start.
    pub(super) fn load_transit(&mut self) {
        for (account, state) in &self.states {
            let Some(name) = self.books.name(*account) else { continue };
            for (key, Announcement { due, .. }) in &state.announced {
                self.transit.insert(InTransit::place_of(*due, name.clone(), key.clone()));
            }
        }
    }

    /// A request of an account was carried out: a payment may be on its way now, or no more.
    pub(super) fn note_request(&mut self, owner: AccountId, record: &Record) {
        let Some(state) = self.states.get_mut(&owner) else { return };
        let (account, at) = (&record.account, record.at);
        let place = |key: &Key, due| InTransit::place_of(due, account.clone(), key.clone());
        let settled = match &record.body {
            RecordBody::Announced(announced) => {
                self.transit.insert(place(&announced.transfer.key, announced.due));
                None
            }
            RecordBody::TopUp(booked) => booked.of.as_ref(),
            RecordBody::Rejected(rejected) => Some(&rejected.of),
            _ => None,
        };
        if let Some((of, known)) = settled.and_then(|of| Some((of, state.announced.get(of)?))) {
            self.transit.remove(&place(of, known.due));
        }
        state.note_request(&self.books, owner, &record.body, at);
    }

    fn view_transit(&self, place: &TransitPlace) -> Option<InTransit> {
        let (_, account, key) = place;
        let owner = self.books.id(account)?;
        let transfer = self.books.given(owner, key)?;
        let Announcement { at, due } = *self.states.get(&owner)?.announced.get(key)?;
        Some(InTransit {
            account: account.clone(),
            key: key.clone(),
            amount: transfer.amount,
            method: self.books.method(owner, key).cloned(),
            reference: transfer.memo.clone(),
            announced_at: at,
            due,
            late: self.transit.late.contains(place),
        })
    }
}
