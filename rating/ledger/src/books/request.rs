//! Movements of one request: all or none, once per key, and what they settle of an earlier movement.
//!
//! A payment's life: announced, then booked or rejected; anything booked may be reversed, once. Nothing is
//! ever changed: each step is a request of its own with transfers of its own.

use units::Name;

use super::{AccountId, Balance, Books, Posted, Refused};
use crate::{Key, Purpose, Transfer};

/// Transfers that are made together for one account.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Whose books it is in.
    pub owner: AccountId,
    /// At least one. The first has a given key, the others are parts of it; none is usage.
    pub transfers: &'a [Transfer],
    /// How the customer paid, if that was said: part of the content.
    pub method: Option<&'a Name>,
    /// What earlier movement it is the next word on.
    pub settles: Option<Settles<'a>>,
}

/// The earlier movement and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Settles<'a> {
    /// The earlier movement's key.
    pub of: &'a Key,
    /// What becomes of it; names the request's own key.
    pub outcome: &'a Outcome,
}

/// What became of a movement, with the key of the request that did it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An announced payment came in.
    Booked(Name),
    /// An announced payment will not come.
    Rejected(Name),
    /// It was undone.
    Reversed(Name),
}

impl Books {
    /// Makes all transfers of a request, or none. The same again changes nothing.
    pub fn book_request(&mut self, request: &Request<'_>) -> Result<Posted, Refused> {
        let first = request.transfers.first().ok_or(Refused::AmountNotPositive)?;
        if let Some(given) = self.given.get(&(request.owner, first.key.clone())) {
            let before = Posted::Before { balance_after: given.balance_after };
            return if self.is_repeat(request) { Ok(before) } else { Err(Refused::KeyReused) };
        }
        self.check_settles(request)?;
        let mut sides = Vec::with_capacity(request.transfers.len());
        let mut sum = 0_i64;
        for transfer in request.transfers {
            sides.push(self.check(transfer)?);
            sum = sum.checked_add(transfer.amount.amount).ok_or(Refused::Overflow)?;
        }
        for (debit, credit) in &sides {
            self.check_range(*debit, *credit, sum)?;
        }
        // Must succeed.
        for ((debit, credit), transfer) in sides.iter().zip(request.transfers) {
            self.shift(*debit, *credit, transfer.amount.amount);
        }
        let balance_after = self.balance(request.owner).map_or(0, Balance::posted);
        for transfer in request.transfers {
            self.keep(request.owner, transfer, request.method, balance_after);
        }
        if let Some(settles) = request.settles {
            self.outcomes.insert((request.owner, settles.of.clone()), settles.outcome.clone());
        }
        Ok(Posted::Now)
    }

    /// A movement made under a given key.
    pub fn given(&self, owner: AccountId, key: &Key) -> Option<&Transfer> {
        self.given.get(&(owner, key.clone())).map(|given| &given.transfer)
    }

    /// All movements of the request whose first was made under this key, in their order; none if there was no
    /// such request.
    pub fn request_of(&self, owner: AccountId, key: &Key) -> Vec<&Transfer> {
        let further = |name: &Name| {
            let parts = (1..=u8::MAX).map_while(|n| self.given(owner, &Key::Part(name.clone(), n)));
            parts.collect::<Vec<_>>()
        };
        let further = if let Key::Given(name) = key { further(name) } else { Vec::new() };
        self.given(owner, key).into_iter().chain(further).collect()
    }

    /// How the customer paid by a movement made under a given key, if that was said.
    pub fn method(&self, owner: AccountId, key: &Key) -> Option<&Name> {
        self.given.get(&(owner, key.clone()))?.method.as_ref()
    }

    /// What became of a movement; nothing yet if none.
    pub fn outcome(&self, owner: AccountId, of: &Key) -> Option<&Outcome> {
        self.outcomes.get(&(owner, of.clone()))
    }

    /// Is all of it there, with nothing more, and the same word on the same movement?
    fn is_repeat(&self, request: &Request<'_>) -> bool {
        let Some(Key::Given(name)) = request.transfers.first().map(|first| &first.key) else { return false };
        let same = request.transfers.iter().all(|transfer| {
            let kept = self.given.get(&(request.owner, transfer.key.clone()));
            kept.is_some_and(|given| given.transfer == *transfer && given.method.as_ref() == request.method)
        });
        let next = Key::Part(name.clone(), u8::try_from(request.transfers.len()).unwrap_or(u8::MAX));
        let word = request
            .settles
            .is_none_or(|settles| self.outcome(request.owner, settles.of) == Some(settles.outcome));
        same && word && !self.given.contains_key(&(request.owner, next))
    }

    fn check_settles(&self, request: &Request<'_>) -> Result<(), Refused> {
        let Some(Settles { of, outcome }) = request.settles else { return Ok(()) };
        let earlier = self.given(request.owner, of);
        let before = self.outcome(request.owner, of);
        let pending = earlier.map(|transfer| transfer.purpose == Purpose::Announced && before.is_none());
        match (outcome, of) {
            (Outcome::Booked(_) | Outcome::Rejected(_), _) => match pending {
                None => Err(Refused::NoMovement),
                Some(false) => Err(Refused::NotPending),
                Some(true) => Ok(()),
            },
            (Outcome::Reversed(_), _) if before.is_some() => Err(Refused::Reversed),
            // A call's movements, and what expired, are in the journal only: whoever asks has read them
            // there.
            (Outcome::Reversed(_), Key::Call(..) | Key::Expired(..)) => Ok(()),
            (Outcome::Reversed(_), Key::Opening | Key::Given(_) | Key::Part(..)) => {
                earlier.map(|_| ()).ok_or(Refused::NoMovement)
            }
        }
    }
}
