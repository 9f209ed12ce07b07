use ledger::{Notice, NoticeEvent};
use units::Currency;

use super::*;

const TIMING: QuotaTiming = QuotaTiming { hold_ms: 16_000, beat_ms: 1_000, retry_ms: 100, timeout_ms: 500 };

const NOTHING: Reply = Reply::Beaten {
    wanted: Vec::new(),
    offered: Vec::new(),
    grants: Vec::new(),
    recalled: false,
    words: Vec::new(),
};

fn at(ms: u64) -> Tick {
    Tick(ms * 1_000)
}

/// All that is to be done at this moment.
fn drain(client: &mut QuotaClient, now: Tick) -> Vec<Command> {
    std::iter::from_fn(|| client.poll(now)).collect()
}

fn client() -> QuotaClient {
    let mut client = QuotaClient::new("n1".into(), TIMING, 0, 1);
    let first = drain(&mut client, at(0));
    assert_eq!(
        first,
        [
            Command::LendingState(LendingState { until: Tick(0), reachable: false }),
            Command::Send(Tag(1), Request::Join)
        ]
    );
    client.handle(
        at(300),
        Tag(1),
        Reply::Joined { epoch: 4, last_seq: 0, grants: Vec::new(), recalled: false },
    );
    client
}

fn grant(id: &str, amount: i64) -> Grant {
    Grant { id: id.into(), account: "acme".into(), amount }
}

#[test]
fn the_expiry_counts_from_before_the_request() {
    let mut client = client();
    assert_eq!(
        drain(&mut client, at(300)),
        [Command::LendingState(LendingState { until: at(15_000), reachable: true })]
    );
    assert_eq!(client.deadline(), at(1_000));
    let beat = drain(&mut client, at(1_000));
    assert_eq!(beat, [Command::Send(Tag(2), Request::Beat { epoch: 4 })]);
    // The answer that comes too late renews nothing: its request was taken for lost.
    assert_eq!(
        drain(&mut client, at(1_500)),
        [Command::LendingState(LendingState { until: at(15_000), reachable: false })]
    );
    client.handle(at(1_510), Tag(2), NOTHING);
    assert_eq!(client.gate(), LendingState { until: at(15_000), reachable: true });
    assert!(client.deadline() > at(1_500), "with a pause");
}

#[test]
fn an_ask_repeated_keeps_its_number_and_one_in_vain_takes_another() {
    let mut client = client();
    client.want(at(300), &"acme".into(), 70);
    client.want(at(300), &"acme".into(), 50);
    let ask = |tag, number| {
        Command::Send(Tag(tag), Request::Ask { epoch: 4, number, account: "acme".into(), need: 70 })
    };
    assert_eq!(drain(&mut client, at(300))[1..], [ask(2, 1)]);
    client.handle(at(310), Tag(2), Reply::Away);
    let again = client.deadline();
    assert_eq!(drain(&mut client, again)[1..], [ask(3, 1)], "the same");
    client.handle(again, Tag(3), Reply::Lent { account: "acme".into(), grant: None });
    assert_eq!(client.deadline(), again.plus_ms(PAUSE_MS));
    assert_eq!(drain(&mut client, again.plus_ms(PAUSE_MS))[1..], [ask(4, 2)]);
    let lent = Reply::Lent { account: "acme".into(), grant: Some(grant("n1.4.2", 80)) };
    client.handle(again.plus_ms(PAUSE_MS), Tag(4), lent);
    assert_eq!(drain(&mut client, again.plus_ms(PAUSE_MS)), [Command::Book(grant("n1.4.2", 80))]);
}

#[test]
fn what_others_want_is_given_back_and_what_is_free_is_asked_for() {
    let mut client = client();
    drain(&mut client, at(999));
    drain(&mut client, at(1_000));
    let (wanted, offered) = (vec!["acme".into()], vec!["shop".into()]);
    let beaten = Reply::Beaten {
        wanted,
        offered,
        grants: vec![grant("n1.3.9", 5)],
        recalled: false,
        words: Vec::new(),
    };
    client.handle(at(1_001), Tag(2), beaten);
    let orders = drain(&mut client, at(1_001));
    assert_eq!(orders[1], Command::Book(grant("n1.3.9", 5)));
    assert_eq!(orders[2], Command::GiveBack { account: "acme".into(), name: "n1.4.back1".into() });
    assert_eq!(
        orders[3],
        Command::Send(Tag(3), Request::Ask { epoch: 4, number: 1, account: "shop".into(), need: 0 })
    );
}

#[test]
fn shipping_and_asking_take_turns() {
    let mut client = client();
    client.durable(9);
    client.want(at(300), &"acme".into(), 1);
    let ship = |tag, after| Command::Send(Tag(tag), Request::Ship { epoch: 4, after });
    assert_eq!(drain(&mut client, at(300))[1..], [ship(2, 0)]);
    client.handle(at(301), Tag(2), Reply::Shipped { last_seq: 5 });
    assert!(matches!(drain(&mut client, at(301))[..], [Command::Send(Tag(3), Request::Ask { .. })]));
    client.handle(at(302), Tag(3), Reply::Lent { account: "acme".into(), grant: None });
    assert_eq!(drain(&mut client, at(302)), [ship(4, 5)]);
    assert_eq!(client.lag(), 4);
    client.handle(at(303), Tag(4), Reply::Shipped { last_seq: 9 });
    assert_eq!((client.lag(), client.deadline()), (0, at(402)));
}

#[test]
fn a_node_that_was_given_up_gives_all_back_before_it_lends() {
    let mut client = QuotaClient::new("n1".into(), TIMING, 3, 1);
    drain(&mut client, at(0));
    let joined = Reply::Joined { epoch: 4, last_seq: 3, grants: vec![grant("n1.2.1", 5)], recalled: true };
    client.handle(at(10), Tag(1), joined);
    client.want(at(10), &"acme".into(), 1);
    let name = "n1.4.back1".into();
    let gate = Command::LendingState(LendingState { until: Tick(0), reachable: true });
    assert_eq!(
        drain(&mut client, at(10)),
        [gate, Command::Book(grant("n1.2.1", 5)), Command::GiveAllBack { name }]
    );
    client.durable(5);
    assert_eq!(drain(&mut client, at(20)), [Command::Send(Tag(2), Request::Ship { epoch: 4, after: 3 })]);
    client.handle(at(30), Tag(2), Reply::Shipped { last_seq: 5 });
    assert_eq!(drain(&mut client, at(1_000)), [Command::Send(Tag(3), Request::Beat { epoch: 4 })]);
    client.handle(at(1_010), Tag(3), NOTHING);
    assert_eq!(client.gate().until, at(16_000));
}

#[test]
fn once_fenced_it_does_nothing_more() {
    let mut client = client();
    drain(&mut client, at(1_000));
    client.handle(at(1_001), Tag(2), Reply::Fenced);
    client.want(at(1_002), &"acme".into(), 5);
    assert_eq!(
        drain(&mut client, at(9_000)),
        [Command::LendingState(LendingState { until: Tick(0), reachable: true })]
    );
    assert!(client.is_fenced() && client.deadline() == Tick::NEVER);
}

#[test]
fn a_word_is_told_once_and_after_all_that_earlier_starts_said() {
    let word = |id: &str| {
        let event = NoticeEvent::LowBalance { balance: 1, threshold: 2, currency: Currency::EUR };
        CentralNotice {
            id: id.into(),
            account: "acme".into(),
            notice: Notice { to: None, language: None, event, id: Some(id.into()) },
        }
    };
    let beaten = |ids: &[&str]| Reply::Beaten {
        wanted: Vec::new(),
        offered: Vec::new(),
        grants: Vec::new(),
        recalled: false,
        words: ids.iter().map(|id| word(id)).collect(),
    };
    let mut client = QuotaClient::new("n1".into(), TIMING, 7, 1);
    drain(&mut client, at(0));
    client.handle(
        at(10),
        Tag(1),
        Reply::Joined { epoch: 4, last_seq: 5, grants: Vec::new(), recalled: false },
    );
    assert_eq!(drain(&mut client, at(1_000))[1..], [Command::Send(Tag(2), Request::Beat { epoch: 4 })]);
    client.handle(at(1_001), Tag(2), beaten(&["a"]));
    assert_eq!(
        drain(&mut client, at(1_001)).last(),
        Some(&Command::Send(Tag(3), Request::Ship { epoch: 4, after: 5 })),
        "not yet"
    );
    client.handle(at(1_002), Tag(3), Reply::Shipped { last_seq: 7 });
    let mut beat = |now: u64, tag: u64, ids: &[&str]| {
        drain(&mut client, at(now));
        client.handle(at(now + 1), Tag(tag), beaten(ids));
        let told: Vec<Command> = drain(&mut client, at(now + 1))
            .into_iter()
            .filter(|order| matches!(order, Command::Tell(_)))
            .collect();
        told
    };
    assert_eq!(beat(2_000, 4, &["a", "b"]), [Command::Tell(word("a")), Command::Tell(word("b"))]);
    assert_eq!(beat(3_000, 5, &["a", "b"]), [], "on their way");
    assert_eq!(beat(4_000, 6, &["b", "c"]), [Command::Tell(word("c"))]);
    client.untold(&"c".into());
    drain(&mut client, at(5_000));
    client.handle(at(5_001), Tag(7), beaten(&["c"]));
    assert!(drain(&mut client, at(5_001)).contains(&Command::Tell(word("c"))), "it did not get there");
}

#[test]
fn a_balance_that_was_asked_for_in_vain_for_a_while_is_dry() {
    let mut client = client();
    drain(&mut client, at(300));
    client.want(at(300), &"acme".into(), 70);
    let mut orders = Vec::new();
    let mut now = 300;
    while now < 5_000 {
        for order in drain(&mut client, at(now)) {
            match &order {
                Command::Send(tag, Request::Ask { account, .. }) => {
                    client.handle(at(now), *tag, Reply::Lent { account: account.clone(), grant: None });
                }
                Command::Send(tag, Request::Beat { .. }) => client.handle(at(now), *tag, NOTHING),
                _ => {}
            }
            orders.push((now, order));
        }
        now += 50;
    }
    let dry: Vec<u64> = orders
        .iter()
        .filter(|(_, order)| *order == Command::Dry("acme".into()))
        .map(|(now, _)| *now)
        .collect();
    assert!(matches!(dry[..], [1_500..=3_000]), "{dry:?}");
}
