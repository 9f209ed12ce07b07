//! A11: a year of X14 is a calendar year by the clocks of the account.

use ledger::NoticeEvent;
use rating::engine::AccountChange;

use super::*;

fn wall(text: &str) -> Wall {
    Wall::parse(text).expect("a time")
}

#[test]
fn fault_a11_idle_credit_ends_after_a_calendar_year_in_the_accounts_zone() {
    for (zone, paid, end) in [
        (None, "2027-03-01T10:00:00Z", "2028-03-01T23:59:59.999Z"),
        (Some("Europe/Madrid"), "2027-03-01T10:00:00Z", "2028-03-01T22:59:59.999Z"),
        (Some("Europe/Madrid"), "2027-06-30T22:30:00Z", "2028-07-01T21:59:59.999Z"),
        (Some("America/New_York"), "2028-02-29T12:00:00Z", "2029-03-01T04:59:59.999Z"),
    ] {
        let mut desk = Desk::with(&[]);
        desk.now.wall = wall(paid);
        desk.open(
            "acme",
            "0",
            Terms { idle_months: Some(12), zone: zone.map(Into::into), ..Terms::of_deck("retail") },
        );
        desk.top_up("acme", "8.00");
        assert_eq!(desk.engine.account("acme").and_then(|view| view.idle_end), Some(wall(end)), "{zone:?}");
        desk.now.wall = wall(end);
        let told: Vec<_> = desk
            .engine
            .expire(desk.now)
            .into_iter()
            .filter(|record| matches!(record.body, RecordBody::Notice(_)))
            .collect();
        let expired = |record: &Record| match &record.body {
            RecordBody::Notice(notice) => matches!(notice.event, NoticeEvent::CreditExpired { .. }),
            _ => false,
        };
        assert!(told.iter().any(expired), "{zone:?}");
        assert_eq!(desk.balance("acme"), "0.00000");
    }
}

/// Days ahead are days of the clocks, too: 14 days before a midnight in summer is a midnight, also across the
/// change of clocks.
#[test]
fn fault_a11_the_owner_is_told_whole_days_ahead() {
    let mut desk = Desk::with(&[]);
    desk.now.wall = wall("2026-10-05T10:00:00Z");
    desk.open(
        "acme",
        "8.00",
        Terms { idle_months: Some(1), zone: Some("Europe/Madrid".into()), ..Terms::of_deck("retail") },
    );
    // Ends with 5 November, 23:00 UTC; 14 days before that clocks show the same at 22:00 UTC.
    assert_eq!(desk.engine.next_expiry(), Some(wall("2026-10-22T21:59:59.999Z")));
}

#[test]
fn fault_a11_months_replace_days_and_a_zone_must_be_one() {
    let mut desk = Desk::with(&[("acme", "1.00")]);
    let now = desk.now;
    let mut amend = |change: AccountChange| {
        let record = desk.engine.amend_account(now, "acme", &change);
        record.map(|_| {
            desk.engine
                .account("acme")
                .map(|view| (view.terms.idle_days, view.terms.idle_months))
                .expect("there")
        })
    };
    let days = |days| AccountChange { idle_days: Some(days), ..AccountChange::default() };
    let months = |months| AccountChange { idle_months: Some(months), ..AccountChange::default() };
    assert_eq!(amend(days(Some(365))), Ok((Some(365), None)));
    assert_eq!(amend(months(Some(12))), Ok((None, Some(12))));
    assert_eq!(amend(days(Some(30))), Ok((Some(30), None)));
    assert_eq!(amend(days(None)), Ok((None, None)));
    assert!(amend(AccountChange { idle_days: Some(Some(1)), ..months(Some(1)) }).is_err());
    assert!(
        amend(months(Some(0))).is_err()
            && amend(months(Some(1_201))).is_err()
            && amend(days(Some(0))).is_err()
    );
    assert!(
        amend(AccountChange { zone: Some(Some("Europe/Atlantis".into())), ..AccountChange::default() })
            .is_err()
    );
    assert!(
        amend(AccountChange { zone: Some(Some("Asia/Kathmandu".into())), ..AccountChange::default() })
            .is_ok()
    );
}
