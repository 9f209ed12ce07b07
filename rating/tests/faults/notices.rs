//! A8: the end of a call is told once, and again only if it moved past the warning and came back.

use ledger::NoticeEvent;

use super::*;

/// Calls that are up: the lease, and when it is to be extended and warned next, ms after the answer.
struct Crowd {
    desk: Desk,
    calls: Vec<(LeaseId, u64, Option<u64>)>,
    told: usize,
}

impl Crowd {
    fn of(calls: usize, balance: &str) -> Self {
        let mut desk = Desk::with(&[("acme", balance)]);
        let calls = (0..calls).map(|_| (desk.dial("acme", "3491"), 500, None)).collect();
        Self { desk, calls, told: 0 }
    }

    /// As the switch does at every moment: those that are woken or due are extended, those whose time has
    /// come are warned.
    fn step(&mut self, elapsed: u64) {
        let now = self.desk.now;
        let mut woken = Vec::new();
        while let Some((_, lease)) = self.desk.engine.poll_woken() {
            woken.push(lease);
        }
        for (lease, renew_at, warn_at) in &mut self.calls {
            if elapsed >= *renew_at || woken.contains(lease) {
                let extension = self.desk.engine.extend(now, *lease, elapsed).expect("a lease");
                *renew_at =
                    if extension.refused { u64::MAX } else { extension.timing.renew_at_ms.max(elapsed + 1) };
                *warn_at = extension.timing.warn_at_ms;
            }
            if warn_at.is_some_and(|at| at <= elapsed) {
                let warning = self.desk.engine.warn(now, *lease, elapsed).expect("a lease");
                if let Some(RecordBody::Notice(notice)) = warning.notice.map(|record| record.body) {
                    assert!(matches!(notice.event, NoticeEvent::CallEnds { .. }));
                    self.told += 1;
                }
                *warn_at = warning.timing.warn_at_ms;
            }
        }
    }
}

/// 60 calls at 0.002 a second share what is left, and somebody pays in a cent forty times: for none of them
/// does the end move away.
#[test]
fn fault_a8_small_payments_do_not_announce_the_end_again() {
    let mut crowd = Crowd::of(60, "3.00");
    for elapsed in (0..20_000).step_by(500) {
        crowd.step(elapsed);
    }
    assert_eq!(crowd.told, 60, "each once");
    for nth in 0..40 {
        crowd.desk.top_up("acme", "0.01");
        crowd.step(20_000 + nth * 50);
    }
    assert_eq!(crowd.told, 60);
}

/// One call: told, paid for three minutes more, and told again when those end; a payment to somebody else
/// changes nothing.
#[test]
fn fault_a8_told_again_after_the_end_moved_away_and_came_back() {
    let mut crowd = Crowd::of(1, "0.16");
    crowd.desk.open("other", "1.00", Terms::of_deck("retail"));
    let told_at = |crowd: &mut Crowd, from: u64, until: u64| {
        let before = crowd.told;
        let times = (from..until).step_by(500).filter(|elapsed| {
            let told = crowd.told;
            crowd.step(*elapsed);
            crowd.told > told
        });
        let times: Vec<u64> = times.collect();
        assert_eq!(crowd.told - before, times.len());
        times
    };
    // 80 s at 0.002: 60 s before that.
    assert_eq!(told_at(&mut crowd, 0, 40_000), [20_000]);
    crowd.desk.top_up("other", "9.00");
    assert_eq!(told_at(&mut crowd, 40_000, 50_000), [0_u64; 0]);
    // 5 s more are no news: the end is 35 s away.
    crowd.desk.top_up("acme", "0.01");
    assert_eq!(told_at(&mut crowd, 50_000, 60_000), [0_u64; 0]);
    // 180 s more: the end is at 265 s.
    crowd.desk.top_up("acme", "0.36");
    assert_eq!(told_at(&mut crowd, 60_000, 264_000), [205_000]);
}
