//! Call records into a real nats-server, which dies in the middle of it.

mod kit;

use std::sync::Arc;
use std::time::Duration;

use feeds::nats::{Login, Nats, Target};
use feeds::{Consumer, Delivery, Message, Status, run};
use kit::nats::{Reader, Server};
use kit::{Books, cdr, free_port};
use store::{Start, Wants};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The consumer under test, telling of each delivery.
struct Told(Nats, UnboundedSender<Delivery>);

impl Consumer for Told {
    const BATCH: u32 = Nats::BATCH;
    const PATIENCE: Duration = Nats::PATIENCE;

    async fn deliver(&mut self, messages: &[Message]) -> Delivery {
        let delivery = self.0.deliver(messages).await;
        // The test may have heard enough.
        let _ = self.1.send(delivery.clone());
        delivery
    }
}

fn target(server: String, password: Option<&str>) -> Target {
    let login =
        Login { user: password.map(|_| "tollgate".to_owned()), password: password.map(str::to_owned) };
    Target { server, stream: "CDRS".to_owned(), subject: "tollgate.cdr".to_owned(), login }
}

fn start(
    books: &Books,
    server: String,
    password: Option<&str>,
) -> (Arc<Status>, UnboundedReceiver<Delivery>) {
    let feed = books.journal.feed("edge-1", "nats", Wants::Cdrs, Start::First).expect("opens");
    let status = Arc::new(Status::new(&feed));
    let (told, heard) = unbounded_channel();
    tokio::spawn(run(
        feed,
        Told(Nats::new(target(server, password)), told),
        Arc::clone(&status),
        &books.journal,
    ));
    (status, heard)
}

#[tokio::test]
async fn everything_arrives_once_and_in_order_though_the_server_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(&folder.path().join("data"));
    let (storage, port) = (folder.path().join("nats"), free_port("127.0.0.1"));
    let mut server = Server::start(&storage, port, &["-js"]);
    let (status, mut heard) = start(&books, server.address(), None);
    // It dies while batches are on their way, and calls go on.
    books.write((1..=2_000).map(cdr)).await;
    assert_eq!(heard.recv().await.expect("a delivery").failure, None);
    server.kill();
    books.write((2_001..=2_300).map(cdr)).await;
    // A second failure says that the first is counted.
    let mut failed = Vec::new();
    while failed.len() < 2 {
        failed.extend(heard.recv().await.expect("a delivery").failure);
    }
    assert!(failed[1].contains("connect"), "{failed:?}");
    assert!(status.failures() > 0 && status.lag() >= 300);
    let server = Server::start(&storage, port, &["-js"]);
    books.write([cdr(2_301)]).await;
    let read = tokio::task::spawn_blocking(move || {
        let mut reader = Reader::connect(&server);
        (reader.read_up_to("edge-1/2301"), server)
    });
    let (read, _server) = read.await.expect("reads");
    let expected: Vec<(String, String)> = (1..=2_301_u64)
        .map(|n| (format!("edge-1/{n}"), format!(r#"{{"id":"{n}","account":"acme","amount":"0.00000"}}"#)))
        .collect();
    assert_eq!(read.len(), expected.len());
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_repeat_is_stored_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(&folder.path().join("data"));
    let server = Server::start(&folder.path().join("nats"), free_port("127.0.0.1"), &["-js"]);
    books.write((1..=4).map(cdr)).await;
    let entries = books.journal.reader().and_then(|reader| reader.entries(0, 4)).expect("reads");
    let messages: Vec<Message> =
        entries.into_iter().map(|entry| Message { id: format!("edge-1/{}", entry.seq), entry }).collect();
    for part in [&messages[..3], &messages[..]] {
        // Another connection each time, as after a crash between the answer and the cursor.
        assert_eq!(Nats::new(target(server.address(), None)).deliver(part).await, Delivery::done(part));
    }
    let ids: Vec<String> =
        Reader::connect(&server).read_up_to("edge-1/4").into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["edge-1/1", "edge-1/2", "edge-1/3", "edge-1/4"]);
}

#[tokio::test]
async fn a_restart_while_there_is_nothing_to_say_is_no_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(&folder.path().join("data"));
    let (storage, port) = (folder.path().join("nats"), free_port("127.0.0.1"));
    let mut server = Server::start(&storage, port, &["-js"]);
    let (status, mut heard) = start(&books, server.address(), None);
    books.write([cdr(1)]).await;
    assert_eq!(
        heard.recv().await.expect("a delivery"),
        Delivery { confirmed: 1, given_up: 0, failure: None }
    );
    server.kill();
    let _server = Server::start(&storage, port, &["-js"]);
    books.write([cdr(2)]).await;
    assert_eq!(
        heard.recv().await.expect("a delivery"),
        Delivery { confirmed: 1, given_up: 0, failure: None }
    );
    assert_eq!(status.failures(), 0);
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let login: &[&str] = &["-js", "--user", "tollgate", "--pass", "right"];
    for (number, (arguments, prepare, password, expected)) in [
        (&[][..], "", None, "no JetStream"),
        (login, "", None, "Authorization Violation"),
        (login, "", Some("wrong"), "Authorization Violation"),
        (
            &["-js"],
            r#"{"name":"CDRS","subjects":["other.>"]}"#,
            None,
            "stream CDRS takes other.> and not tollgate.cdr",
        ),
        (
            &["-js"],
            r#"{"name":"ELSE","subjects":["tollgate.>"]}"#,
            None,
            "stream CDRS cannot be made: subjects overlap",
        ),
        (&["-js"], r#"{"name":"CDRS","subjects":["tollgate.*"]}"#, None, ""),
        (login, "", Some("right"), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let mut books = Books::open(&folder.path().join(format!("data-{number}")));
        let server =
            Server::start(&folder.path().join(format!("nats-{number}")), free_port("127.0.0.1"), arguments);
        if !prepare.is_empty() {
            let name = prepare.split('"').nth(3).expect("a name");
            let told = Reader::connect(&server).ask(&format!("$JS.API.STREAM.CREATE.{name}"), prepare);
            assert!(!told.contains("error"), "{told}");
        }
        let (_status, mut heard) = start(&books, server.address(), password);
        books.write([cdr(1)]).await;
        let delivery = heard.recv().await.expect("a delivery");
        match delivery.failure {
            None => assert_eq!((delivery.confirmed, expected), (1, "")),
            Some(why) => assert!(!expected.is_empty() && why.contains(expected), "{why}"),
        }
    }
}
