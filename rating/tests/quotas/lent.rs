//! A shard's engine on slices: a bucket's seconds go first, and the end of the money is said when the central
//! ledger has no more.

use std::sync::Arc;

use ledger::{BucketKind, BucketOpened, BucketTerms, CallId, Lent, NoticeEvent, RecordBody, Terms};
use rating::engine::{Authorize, LeaseId, OpenAccount};
use rating::quotas::Grant;
use rating::{Deck, Decks, Engine};
use units::{Currency, Now, Tick, Wall};

const NOW: Now = Now { tick: Tick(0), wall: Wall(1_000_000) };
/// 0.01 a second, by the second.
const DECK: &str = "prefix,destination,rate,initial,increment\n1,Anywhere,0.6,1,1\n";
const SECOND: i64 = 1_000;

fn engine() -> Engine {
    let mut engine = Engine::new();
    let (deck, _) = Deck::load("retail", Currency::EUR, DECK.as_bytes()).expect("a good deck");
    engine.set_decks(Arc::new(Decks::new([Arc::new(deck)])));
    engine.set_lent(Lent { open: true, reachable: true });
    let terms = Terms::of_deck("retail");
    engine
        .open_account(
            NOW,
            &OpenAccount { name: "acme", currency: Currency::EUR, opening: 0, terms, limit: 0 },
        )
        .expect("new");
    engine
}

fn book(engine: &mut Engine, id: &str, balance: &str, amount: i64) {
    let grant = Grant { id: id.into(), account: balance.into(), amount };
    assert!(engine.book_quota(NOW, &grant).expect("known").is_some());
    assert!(engine.book_quota(NOW, &grant).expect("known").is_none(), "once");
}

fn call(engine: &mut Engine) -> LeaseId {
    let number = "15".parse().expect("digits");
    let lease = engine
        .authorize(NOW, Authorize { call: CallId(7), account: "acme", number: &number })
        .expect("money")
        .lease;
    engine.answer(NOW, lease).expect("answered");
    lease
}

fn wishes(engine: &mut Engine) -> Vec<(String, i64)> {
    std::iter::from_fn(|| engine.poll_quota_request())
        .map(|(balance, need)| (balance.to_string(), need))
        .collect()
}

#[test]
fn the_end_is_in_sight_when_the_central_ledger_has_no_more() {
    let mut engine = engine();
    book(&mut engine, "n1.1.1", "acme", 40 * SECOND);
    let lease = call(&mut engine);
    wishes(&mut engine);
    let extended = engine.extend(NOW, lease, 600).expect("a lease");
    assert_eq!(extended.timing.warn_at_ms, None, "more may come");
    assert_eq!(wishes(&mut engine), [("acme".to_owned(), 1)], "and is asked for");
    engine.note_dry("acme");
    assert_eq!(engine.poll_woken(), Some((CallId(7), lease)));
    let extended = engine.extend(NOW, lease, 600).expect("a lease");
    assert_eq!(extended.timing.warn_at_ms, Some(0), "less than a minute is left");
    let warning = engine.warn(NOW, lease, 600).expect("a lease").notice.expect("told");
    let RecordBody::Notice(notice) = warning.body else { unreachable!() };
    assert_eq!(notice.event, NoticeEvent::CallEnds { call: CallId(7), seconds: 40 });
    assert!(engine.warn(NOW, lease, 700).expect("a lease").notice.is_none(), "once");
    book(&mut engine, "n1.1.2", "acme", 400 * SECOND);
    assert_eq!(engine.poll_woken(), Some((CallId(7), lease)), "armed again");
    let extended = engine.extend(NOW, lease, 800).expect("a lease");
    assert_eq!((extended.refused, extended.timing.warn_at_ms), (false, None));
    assert!(engine.lent_units().get(&Currency::EUR).is_some_and(|units| *units == 440 * SECOND));
}

#[test]
fn free_seconds_go_first_and_what_is_not_used_goes_back() {
    let mut engine = engine();
    let terms = BucketTerms { expires_at: Some(Wall(2_000_000)), ..BucketTerms::of(BucketKind::Minutes) };
    let opened = BucketOpened { bucket: "free".into(), terms, granted_at: Wall(1) };
    assert!(engine.know_bucket(NOW, &"acme".into(), opened.clone()).expect("known").is_some());
    assert!(engine.know_bucket(NOW, &"acme".into(), opened).expect("known").is_none());
    book(&mut engine, "n1.1.1", "acme", 100 * SECOND);
    book(&mut engine, "n1.1.2", "acme/free", 20 * 100_000);
    let lease = call(&mut engine);
    let mut elapsed_ms = 0;
    while elapsed_ms < 25_000 {
        let extended = engine.extend(NOW, lease, elapsed_ms).expect("a lease");
        assert!(extended.timing.cut_at_ms > elapsed_ms);
        elapsed_ms += 500;
    }
    assert!(
        wishes(&mut engine).iter().any(|(balance, _)| balance == "acme/free"),
        "more seconds are asked for"
    );
    let settlement = engine.settle(NOW, lease, 25_000, None).expect("a lease");
    let paid: Vec<(String, i64)> =
        settlement.transfers.iter().map(|t| (t.debit.to_string(), t.amount.amount)).collect();
    assert_eq!(paid, [("acme/free".to_owned(), 2_000_000), ("acme".to_owned(), 5 * SECOND)]);
    // The end of a bucket, and few seconds in it, are the central ledger's to say.
    let later = Now { tick: Tick(0), wall: Wall(3_000_000) };
    assert!(
        engine.expire(later).is_empty() && engine.next_expiry().is_none() && engine.poll_notice().is_none()
    );
    assert_eq!(engine.lent_balances(), ["acme".into(), "acme/free".into()]);
    assert!(
        engine.return_quota(NOW, "acme", "n1.1.back1").is_some()
            && engine.return_quota(NOW, "acme/free", "n1.1.back1").is_none()
    );
    assert_eq!(engine.account("acme").map(|view| view.balance.amount), Some(0));
}
