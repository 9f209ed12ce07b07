//! Closed periods: after the books of a period were closed nothing is dated into it, whatever the clock says.

use ledger::TrialBalance;
use units::{Now, Wall};

use super::{AccountRefused, Engine};

impl Engine {
    /// The date of what happened at `wall`: the first open moment if that is in a closed period.
    pub fn date(&self, wall: Wall) -> Wall {
        self.closed_until.map_or(wall, |until| wall.max(until))
    }

    /// From now on nothing of this shard is dated before `until`. The same again changes nothing.
    pub fn close_period(&mut self, now: Now, until: Wall) -> Result<(), AccountRefused> {
        if until > now.wall || self.closed_until.is_some_and(|before| until < before) {
            return Err(AccountRefused::Period);
        }
        self.closed_until = Some(until);
        Ok(())
    }

    /// All balances of this shard, what calls hold included.
    pub fn trial(&self) -> TrialBalance {
        let mut trial = TrialBalance::default();
        self.books.add_to(&mut trial);
        trial
    }
}
