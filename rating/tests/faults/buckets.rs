//! A13: what each balance pays is what the accounting page says, line by line.

use ledger::BucketKind;

use super::*;

/// Buckets and the account's own money, as `free 120, promo 0.05, own 1.00`.
fn give(desk: &mut Desk, balances: &str) {
    for balance in balances.split(", ") {
        match balance.split_once(' ').expect("a balance and its amount") {
            ("own", amount) => desk.top_up("acme", amount),
            ("free", seconds) => {
                let amount = Money::parse(seconds, Currency::SEC).expect("seconds");
                desk.grant("acme", "free", amount, BucketTerms::of(BucketKind::Minutes));
            }
            (name, amount) => desk.grant("acme", name, money(amount), BucketTerms::of(BucketKind::Promo)),
        }
    }
}

#[test]
fn fault_a13_the_accounting_page_says_what_each_balance_pays() {
    let page = include_str!("../../../docs/accounting.md");
    let mut seen = 0;
    for line in page.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [price, balances, talked, paid, amount] = cells[..] else { continue };
        let [rate, steps, "fee", fee] = price.split(' ').collect::<Vec<_>>()[..] else { continue };
        let (initial, increment) = steps.split_once('/').expect("increments");
        let mut desk = Desk::with(&[("acme", "0")]);
        let csv = format!("{HEADER}7,Example,{rate},{initial},{increment},{fee}\n");
        let deck = Deck::load("retail", EUR, csv.as_bytes()).expect("a good deck").0;
        desk.engine.set_decks(Arc::new(Decks::new([Arc::new(deck)])));
        give(&mut desk, balances);
        let ms = talked.parse::<u64>().expect("seconds") * 1_000;
        let (lease, now) = (desk.dial("acme", "70"), desk.now);
        for elapsed in (0..ms).step_by(500) {
            desk.engine.extend(now, lease, elapsed).expect("a lease");
        }
        let done = desk.settle(lease, ms);
        let part = |part: &rating::engine::PaidPart| {
            format!("{} {}", part.bucket.as_deref().unwrap_or("own"), part.amount)
        };
        let parts: Vec<String> = done.parts.iter().map(part).collect();
        assert_eq!(
            (parts.join(", "), done.amount.to_string()),
            (paid.to_owned(), amount.to_owned()),
            "{line}"
        );
        let (before, after) = (done.balance_before.amount, done.balance_after.amount);
        assert_eq!(before - after, done.amount.amount, "balance_before is balance_after and amount");
        rerates(&done, "70");
        seen += 1;
    }
    assert!(seen >= 7, "the page has its examples");
}
