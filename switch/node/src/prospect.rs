//! What a call would find in this shard, without a call: how carriers stand, the accounts that would pay, and
//! whether they could.

use rating::CreditRefusal;
use rating::engine::AccountView;
use route::Health;
use units::Money;

/// See the module.
#[derive(Debug)]
pub struct Prospect {
    /// How the carriers stand here.
    pub health: Health,
    /// The account and those above it, from the caller's up; none if it was not opened.
    pub accounts: Vec<AccountView>,
    /// What the first block would hold, or why no money would be given; none without a number.
    pub credit: Option<Result<Money, CreditRefusal>>,
}
