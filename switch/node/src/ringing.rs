//! Calls that ring at numbers and SIP accounts of ours, counted so that a forwarding that goes round and
//! round ends.

use std::collections::BTreeMap;

use units::{Name, Number};

/// What rings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rung {
    /// A number of ours.
    Number(Number),
    /// A SIP account that was called by its name.
    SipAccount(Name),
}

/// Most calls of one caller to one number of ours that ring at once. More is a call that a forwarding sends
/// round and round: an agent that makes a new call of it leaves nothing by which it could be known again.
const RINGING_MAX: u32 = 16;

/// Calls to numbers of ours that are not answered yet, by number and caller; callers who do not say who they
/// are are not counted, but where one name calls another.
#[derive(Debug, Default)]
pub(crate) struct Ringing(BTreeMap<(Rung, Box<str>), u32>);

impl Ringing {
    /// False if there are too many.
    pub(crate) fn enter(&mut self, rung: Rung, caller: &str) -> bool {
        let is_counted = match rung {
            Rung::Number(_) => !is_anonymous(caller),
            Rung::SipAccount(_) => true,
        };
        if !is_counted {
            return true;
        }
        let calls = self.0.entry((rung, caller.into())).or_default();
        let free = *calls < RINGING_MAX;
        *calls += u32::from(free);
        free
    }

    pub(crate) fn leave(&mut self, rung: Rung, caller: &str) {
        let key = (rung, caller.into());
        match self.0.get_mut(&key) {
            Some(1) => _ = self.0.remove(&key),
            Some(calls) => *calls -= 1,
            // Of a caller who is not counted.
            None => {}
        }
    }

    /// How many are counted.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(|calls| *calls as usize).sum()
    }
}

/// Whether a caller says nothing by which one could be told from another: no number, whatever word stands
/// there.
fn is_anonymous(caller: &str) -> bool {
    caller.bytes().filter(u8::is_ascii_digit).count() < route::number::DIGITS_MIN
}
