//! Accounts that are opened under a key: once over all nodes, and in the books as any other.

use central::{Central, CentralError};
use ledger::{Refused, Terms};
use rating::engine::{AccountRefused, AccountView};
use rating::quotas::transaction::NewAccount;
use store::Query;
use units::{Currency, Name, Wall};

use crate::kit::bench::Bench;
use crate::kit::node::TIMING;
use crate::kit::obstacles::execute;
use crate::kit::wait;

fn new(name: &str, opening: i64) -> NewAccount {
    NewAccount {
        name: name.into(),
        currency: Currency::EUR,
        opening,
        limit: 0,
        terms: Terms::of_deck("retail"),
    }
}

fn open(
    bench: &Bench,
    at: &Central,
    new: NewAccount,
    key: &str,
) -> Result<(AccountView, bool), CentralError> {
    bench.runtime.block_on(at.open_once(new, key.into(), Wall(2)))
}

fn key_is_reused<T: std::fmt::Debug>(outcome: Result<T, CentralError>) -> bool {
    matches!(outcome, Err(CentralError::Account(AccountRefused::Books(Refused::KeyReused))))
}

#[test]
fn fault_a10_an_account_is_opened_once_per_key_at_every_node_and_is_in_the_books() {
    let bench = Bench::new(0);
    let other = Central::new(&bench.postgres.address(), 2).unwrap();
    let (view, replayed) = open(&bench, &bench.central, new("shop", 700_000), "k1").unwrap();
    assert_eq!((view.balance.amount, replayed), (700_000, false));
    assert_eq!(
        (bench.sum("EUR"), bench.system_account("@opening")),
        (0, -700_000),
        "where the money came from is booked"
    );
    let journaled = "SELECT count(*) FROM entry WHERE node = '@central' AND account = 'shop'";
    assert_eq!(bench.count(journaled), 1, "and journaled");
    assert_eq!(
        bench.count("SELECT last_seq FROM node WHERE name = '@central'"),
        bench.count("SELECT count(*) FROM entry")
    );
    // A bucket has no state of its own: it is in nobody's way.
    bench.give_seconds("g1", 60, None).unwrap();
    // The account went on meanwhile: a repeat opens nothing and moves nothing.
    let (again, replayed) = open(&bench, &other, new("shop", 700_000), "k1").unwrap();
    assert_eq!((again.balance.amount, replayed), (700_000, true));
    for (name, opening) in [("shop", 700_001), ("store", 700_000)] {
        assert!(key_is_reused(open(&bench, &other, new(name, opening), "k1")), "{name} {opening}");
    }
    let taken = open(&bench, &other, new("shop", 700_000), "k2");
    assert!(
        matches!(taken, Err(CentralError::Account(AccountRefused::Books(Refused::AccountExists)))),
        "{taken:?}"
    );
    // A program of the first form wrote the state, and lost the key there.
    execute(
        &bench.postgres,
        &["UPDATE account SET state = (state::jsonb - 'opened_as')::text WHERE name = 'shop'"],
    );
    assert!(open(&bench, &other, new("shop", 700_000), "k1").unwrap().1);
    assert!(key_is_reused(open(&bench, &other, new("store", 700_000), "k1")));
    // Two nodes get the same request at the same moment.
    let both = async {
        let ask = |central: &'static str| (new("twin", 500), Name::from(central));
        let ((first, key), (second, _)) = (ask("k3"), ask("k3"));
        tokio::join!(
            bench.central.open_once(first, key.clone(), Wall(3)),
            other.open_once(second, key, Wall(3))
        )
    };
    let (first, second) = bench.runtime.block_on(both);
    let mut replayed = [first.unwrap().1, second.unwrap().1];
    replayed.sort_unstable();
    assert_eq!(replayed, [false, true]);
    assert_eq!(
        (bench.sum("EUR"), bench.system_account("@opening"), bench.count(journaled)),
        (0, -700_500, 1)
    );
    let trial = bench.runtime.block_on(bench.central.trial_balance()).unwrap();
    assert_eq!(
        trial.sums().into_iter().find(|(currency, _)| *currency == Currency::EUR),
        Some((Currency::EUR, "0.00000".to_owned()))
    );
}

/// The newest first, page by page, over two nodes: the same records as the other way round.
#[test]
fn fault_d2_records_of_all_nodes_come_newest_first() {
    let mut bench = Bench::new(1_000_000);
    let mut nodes = [bench.node("n1", TIMING), bench.node("n2", TIMING)];
    wait("both serve the account", || nodes.iter().all(|node| node.free() > 0));
    for call in 1..=6 {
        let node = &mut nodes[call % 2];
        assert_eq!(node.call(call as u128), Ok(()));
        node.second();
        node.hang_up_all();
        wait("it is there", || bench.count("SELECT count(*) FROM cdr") == call as i64);
    }
    let walk = |query: &Query| {
        let (mut query, mut found) = (query.clone(), Vec::new());
        loop {
            let page = bench.runtime.block_on(bench.central.cdrs(&query)).unwrap();
            assert!(page.rows.len() <= 4);
            found.extend(page.rows.iter().map(|row| row.cdr.get().to_owned()));
            let Some(next) = page.next else { return found };
            query.after = Some(next);
        }
    };
    for account in [None, Some(Name::from("acme"))] {
        let oldest = walk(&Query { account: account.clone(), limit: 4, ..Query::default() });
        let newest = walk(&Query { account, limit: 4, newest_first: true, ..Query::default() });
        assert_eq!(newest.len(), 6);
        assert_eq!(newest, oldest.into_iter().rev().collect::<Vec<_>>());
    }
    assert!(walk(&Query { account: Some("shop".into()), newest_first: true, ..Query::default() }).is_empty());
    nodes.into_iter().for_each(crate::kit::node::Node::stop);
    assert_eq!(bench.sum("EUR"), 0);
}
