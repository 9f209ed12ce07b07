//! What must hold of money: where it does not, the node stops before anything more is written.
//!
//! Whoever asks has checked before: a refusal here means that memory is not what the journal says. A panic
//! ends the shard, and with it the node; a restart begins from the journal.

use ledger::Refused;

/// A movement that was checked before.
///
/// # Panics
/// If the books refuse it all the same.
#[track_caller]
pub(super) fn must<T>(done: Result<T, Refused>, what: &str) -> T {
    match done {
        Ok(done) => done,
        #[allow(clippy::panic, reason = "a bug in the books must stop the node before it writes")]
        Err(refused) => {
            panic!("bug: the books refuse {what}: {refused}. Nothing of it was written; keep the data folder")
        }
    }
}

/// The sum of two amounts that the books hold or held: it is in range.
///
/// # Panics
/// If it is not.
#[track_caller]
pub(super) fn sum(a: i64, b: i64) -> i64 {
    let sum = a.checked_add(b);
    assert!(sum.is_some(), "bug: {a} and {b} of 1e-5 units are out of range together");
    sum.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_goes_on() {
        assert_eq!((must(Ok(7), "a posting"), sum(3, -5)), (7, -2));
    }

    #[test]
    #[should_panic(expected = "the books refuse a settle: more than was reserved")]
    fn a_refused_movement_stops_the_node() {
        must::<()>(Err(Refused::ExceedsReserved), "a settle");
    }

    #[test]
    #[should_panic(expected = "out of range together")]
    fn a_sum_never_wraps_and_never_saturates() {
        sum(i64::MAX, 1);
    }
}
