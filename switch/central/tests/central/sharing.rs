//! Three nodes on one PostgreSQL, one account, sixty calls at once; a node dies, the database goes away and
//! comes back.

use central::{CentralError, QuotaState};
use rating::quotas::client::QuotaTiming;

use crate::kit::bench::Bench;
use crate::kit::node::{Node, TIMING};
use crate::kit::wait;

fn lives(nodes: &[Node]) -> Vec<usize> {
    nodes.iter().map(Node::live).collect()
}

#[test]
fn three_nodes_sixty_calls_one_balance() {
    const OPENING: i64 = 3_000_000;
    const TOP_UP: i64 = 500_000;
    let mut bench = Bench::new(OPENING);
    let mut nodes: Vec<Node> = ["n1", "n2", "n3"].iter().map(|name| bench.node(name, TIMING)).collect();
    wait("every node has something", || nodes.iter().all(|node| node.free() > 0));
    let mut id = 0;
    for node in &mut nodes {
        for _ in 0..20 {
            id += 1;
            wait("a slice that lasts for another call", || node.call(id).is_ok());
        }
    }
    let mut seconds = 0;
    let mut pass = |nodes: &mut Vec<Node>, count: u32| {
        for _ in 0..count {
            seconds += nodes.iter_mut().map(|node| node.live() as i64).sum::<i64>();
            nodes.iter_mut().for_each(|node| {
                node.second();
            });
            std::thread::park_timeout(std::time::Duration::from_millis(40));
        }
    };
    pass(&mut nodes, 8);
    // One dies with its calls; the others go on.
    nodes.remove(1).kill();
    pass(&mut nodes, 4);
    // The database goes, and calls go on by what they hold; a top-up is not confirmed.
    bench.postgres.stop();
    pass(&mut nodes, 4);
    assert!(
        nodes.iter().all(|node| node.live() >= 10),
        "calls go on within their slices: {:?}",
        lives(&nodes)
    );
    assert!(matches!(bench.top_up("late", TOP_UP), Err(CentralError::Away(_))));
    wait("the nodes notice", || nodes.iter().all(|node| !node.status.is_up() && node.status.lag() > 0));
    bench.postgres.resume();
    assert!(!bench.top_up("late", TOP_UP).unwrap().replayed);
    assert!(bench.top_up("late", TOP_UP).unwrap().replayed);
    assert!(matches!(bench.top_up("late", 1), Err(CentralError::Account(_))));
    nodes.push(bench.node("n2", TIMING));
    for _ in 0..400 {
        pass(&mut nodes, 1);
        if nodes.iter().all(|node| node.live() == 0) {
            break;
        }
    }
    assert_eq!(nodes.iter().map(Node::live).sum::<usize>(), 0, "the money ends and so do the calls");
    assert!(seconds > 1_000, "{seconds} call-seconds");
    nodes.into_iter().for_each(Node::stop);
    let ((posted, held), spent) = (bench.money(), bench.amounts());
    assert_eq!(
        bench.count("SELECT count(*) FROM cdr"),
        60,
        "one record for each call, those of the dead node too"
    );
    assert_eq!(posted, OPENING + TOP_UP - spent, "to the last unit");
    assert!(spent > OPENING / 3, "{spent} was used");
    assert_eq!(held, 0, "all is back");
    assert!(posted >= 0);
    assert_eq!(bench.count("SELECT count(*) FROM lent"), 0);
    assert_eq!(bench.count("SELECT CAST(SUM(posted - held - credit_limit) AS BIGINT) FROM account"), posted);
    assert_eq!(bench.sum("EUR"), 0, "debits equal credits over all journals");
}

#[test]
fn a_call_without_a_slice_is_refused_for_lack_of_the_database_not_of_money() {
    let mut bench = Bench::new(1_000_000);
    let short = QuotaTiming { hold_ms: 1_600, ..TIMING };
    let mut node = bench.node("n1", short);
    // A busy machine may let so short a hold pass between two beats.
    wait("a call", || node.call(1).is_ok());
    bench.postgres.stop();
    let mut id = 1;
    let mut next = || {
        id += 1;
        id
    };
    wait("the time of the slice is over", || node.call(next()) == Err(rating::CreditRefusal::LedgerAway));
    assert_eq!(rating::CreditRefusal::LedgerAway.status(), 503);
    bench.postgres.resume();
    wait("calls again", || node.call(next()).is_ok());
    node.hang_up_all();
    node.stop();
    assert_eq!(bench.money().1, 0);
}

#[test]
fn an_operator_gives_a_node_up_and_it_comes_back() {
    let mut bench = Bench::new(1_000_000);
    // Longer than a busy machine keeps the beat from coming.
    let short = QuotaTiming { hold_ms: 4_000, ..TIMING };
    let mut node = bench.node("n1", short);
    wait("a call", || node.call(1).is_ok());
    assert_eq!(node.second(), 0);
    let lose = |bench: &Bench, name: &str| bench.runtime.block_on(bench.central.lose(name.into()));
    assert!(matches!(lose(&bench, "n1"), Err(CentralError::NotExpired { .. })), "it may still lend");
    assert!(matches!(lose(&bench, "n9"), Err(CentralError::NoNode(_))));
    node.kill();
    wait("its time is over", || lose(&bench, "n1").is_ok());
    assert_eq!(bench.money(), (1_000_000, 0), "all is free again");
    let slices = bench.runtime.block_on(bench.central.slices()).unwrap();
    assert_eq!(slices.iter().map(|row| row.state).collect::<Vec<_>>(), [QuotaState::Lost]);
    // Back with its journal: the call is settled, the rest is given back, and then it is a node like others.
    let node = bench.node("n1", short);
    wait("it was found again", || {
        bench.count("SELECT count(*) FROM node WHERE lost") == 0 && node.free() > 0
    });
    node.stop();
    assert_eq!(bench.money(), (1_000_000 - 1_000, 0), "a second was used");
    assert_eq!(bench.amounts(), 1_000);
}

#[test]
fn a_second_process_of_one_name_is_fenced() {
    let mut bench = Bench::new(1_000_000);
    let mut first = bench.node("n1", TIMING);
    wait("a slice", || first.free() > 0);
    // Another folder: not the journal that was shipped.
    let stranger =
        Node::start("n1", &bench.folders.path().join("copy"), &bench.postgres.address(), 99, TIMING);
    wait("it is refused", || stranger.status.is_fenced());
    assert!(stranger.status.trouble().unwrap().contains("another data folder"));
    assert_eq!(first.call(1), Ok(()));
    first.hang_up_all();
    stranger.kill();
    first.stop();
    assert_eq!(bench.money().1, 0);
}
