//! Each movement of the books, and what refuses it.

use units::Money;

use super::*;
use crate::Purpose;

const EUR: Currency = Currency::EUR;

fn books() -> (Books, AccountId) {
    let mut books = Books::default();
    let id = books.open(&"acme".into(), EUR, 0).expect("new");
    books.post(&top_up("k1", 1_000, "acme")).expect("first top-up");
    (books, id)
}

fn top_up(key: &str, amount: i64, account: &str) -> Transfer {
    Transfer {
        key: Key::Given(key.into()),
        purpose: Purpose::TopUp,
        debit: Party::SystemAccount(SystemAccount::Payments),
        credit: Party::Customer(account.into()),
        amount: Money::of(amount, EUR),
        memo: None,
    }
}

fn usage(amount: i64) -> Transfer {
    Transfer {
        key: Key::Call(crate::CallId(1), 0),
        purpose: Purpose::Usage,
        debit: Party::Customer("acme".into()),
        credit: Party::SystemAccount(SystemAccount::Revenue),
        amount: Money::of(amount, EUR),
        memo: None,
    }
}

fn state(books: &Books, id: AccountId) -> (i64, i64, i64) {
    let balance = books.balance(id).expect("there");
    (balance.posted(), balance.reserved, balance.available())
}

#[test]
fn reserve_post_void() {
    let (mut books, id) = books();
    assert_eq!(books.reserve(id, 1_001), Err(Refused::ExceedsAvailable));
    assert_eq!(books.reserve(id, -1), Err(Refused::AmountNotPositive));
    books.reserve(id, 600).expect("fits");
    assert_eq!(state(&books, id), (1_000, 600, 400));
    assert_eq!(books.reserve(id, 401), Err(Refused::ExceedsAvailable));
    assert_eq!(books.post_reserved(&usage(601), 600), Err(Refused::ExceedsReserved));
    books.post_reserved(&usage(250), 600).expect("fits");
    assert_eq!(state(&books, id), (750, 0, 750));
    assert_eq!(books.void(id, 1), Err(Refused::ExceedsReserved));
    assert_eq!(books.post(&usage(751)), Err(Refused::ExceedsAvailable));
    assert_eq!(books.system_account(SystemAccount::Revenue, EUR), 250);
    assert_eq!(books.system_account(SystemAccount::Payments, EUR), -1_000);
    assert_eq!(books.sums(), BTreeMap::from([(EUR, 0)]));
}

#[test]
fn the_same_key_changes_nothing_and_other_content_is_an_error() {
    let (mut books, id) = books();
    books.post(&top_up("k2", 5, "acme")).expect("second");
    assert_eq!(books.post(&top_up("k1", 1_000, "acme")), Ok(Posted::Before { balance_after: 1_000 }));
    assert_eq!(books.post(&top_up("k1", 999, "acme")), Err(Refused::KeyReused));
    assert_eq!(
        books.post(&Transfer { memo: Some("x".into()), ..top_up("k1", 1_000, "acme") }),
        Err(Refused::KeyReused)
    );
    assert_eq!(state(&books, id), (1_005, 0, 1_005));
}

#[test]
fn a_bucket_is_a_balance_of_its_own() {
    let (mut books, id) = books();
    let free = books.open_bucket(id, &"free".into(), Currency::SEC).expect("new");
    assert_eq!(books.open_bucket(id, &"free".into(), EUR), Err(Refused::AccountExists));
    let bucket = Party::Bucket { account: "acme".into(), bucket: "free".into() };
    let grant = Transfer {
        purpose: Purpose::Grant,
        debit: Party::SystemAccount(SystemAccount::Minutes),
        credit: bucket.clone(),
        amount: Money::of(600, Currency::SEC),
        ..top_up("grant", 1, "acme")
    };
    assert_eq!(books.post(&grant), Ok(Posted::Now));
    assert_eq!(books.post(&grant), Ok(Posted::Before { balance_after: 600 }));
    assert_eq!(books.party(free), Some(&bucket));
    books.reserve(free, 600).expect("all of it");
    assert_eq!(books.reserve(free, 1), Err(Refused::ExceedsAvailable));
    assert_eq!((state(&books, id), state(&books, free)), ((1_000, 0, 1_000), (600, 600, 0)));
    assert!(books.sums().values().all(|sum| *sum == 0));
}

#[test]
fn refusals_leave_no_trace() {
    let (mut books, id) = books();
    let usd = Transfer { amount: Money::of(1, Currency::USD), ..top_up("k9", 1, "acme") };
    assert_eq!(books.post(&usd), Err(Refused::CurrencyMismatch));
    assert_eq!(books.post(&top_up("k9", 0, "acme")), Err(Refused::AmountNotPositive));
    assert_eq!(books.post(&top_up("k9", 1, "nobody")), Err(Refused::UnknownAccount));
    assert_eq!(books.post(&top_up("k9", i64::MAX, "acme")), Err(Refused::Overflow));
    assert_eq!(
        books.post(&Transfer { debit: Party::Customer("acme".into()), ..top_up("k9", 1, "acme") }),
        Err(Refused::SameParty)
    );
    assert_eq!(books.open(&"acme".into(), EUR, 0), Err(Refused::AccountExists));
    assert_eq!(state(&books, id), (1_000, 0, 1_000));
    assert!(books.sums().values().all(|sum| *sum == 0));
}

#[test]
fn those_below_their_marks_are_counted_as_they_come_and_go() {
    let (mut books, id) = books();
    assert_eq!(books.low(), 0, "nobody has a mark");
    books.set_low_mark(id, Some(1_000));
    assert_eq!(books.low(), 0, "at its mark is not below");
    books.reserve(id, 1).expect("fits");
    assert_eq!(books.low(), 1, "what a call holds is not available");
    books.void(id, 1).expect("held");
    assert_eq!(books.low(), 0);
    books.post(&usage(1)).expect("fits");
    assert_eq!(books.low(), 1);
    books.set_low_mark(id, Some(999));
    assert_eq!(books.low(), 0, "another mark");
    books.set_low_mark(id, Some(5_000));
    books.post(&top_up("k2", 4_001, "acme")).expect("paid");
    assert_eq!(books.low(), 0);
    books.set_limit(id, 10).expect("there");
    assert_eq!(books.low(), 1, "usage may not go as far");
    books.set_low_mark(id, None);
    assert_eq!(books.low(), 0);
}

#[test]
fn keys_of_slices_are_bounded_and_the_same_after_a_snapshot() {
    let mut books = Books::default();
    let acme = books.open(&"acme".into(), Currency::EUR, 0).expect("new");
    let slice = |n: usize| Transfer {
        key: Key::Given(format!("slice/n1.1.{n}").into()),
        purpose: Purpose::Slice,
        debit: Party::SystemAccount(SystemAccount::Slices),
        credit: Party::Customer("acme".into()),
        amount: Money::of(1, Currency::EUR),
        memo: None,
    };
    for n in 0..SLICES_MAX + 10 {
        assert_eq!(books.post(&slice(n)), Ok(Posted::Now));
    }
    let mut again = Books::default();
    let id = again.load_account(&books.image(acme).expect("there")).expect("fits");
    books.given_images(acme).for_each(|given| again.load_given(given).expect("fits"));
    for books in [&mut books, &mut again] {
        assert!(matches!(books.post(&slice(SLICES_MAX)), Ok(Posted::Before { .. })), "a late word of it");
        assert!(!books.knows(id, &slice(9).key) && books.knows(id, &slice(10).key));
        assert_eq!(books.post(&slice(SLICES_MAX + 10)), Ok(Posted::Now));
        assert!(!books.knows(id, &slice(10).key));
        assert_eq!(books.given_images(id).count(), SLICES_MAX);
    }
}
