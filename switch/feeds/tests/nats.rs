//! Call records into a real nats-server, which dies in the middle of it.

mod kit;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use feeds::nats::{Login, Nats, Target};
use feeds::{Consumer, Delivery, Message, Status, run};
use kit::{Books, cdr, free_port};
use store::{Start, Wants};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A nats-server of the test's own. It ends with the test.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path, port: u16, arguments: &[&str]) -> Self {
        let path = if Path::new("/usr/sbin/nats-server").exists() { "/usr/sbin/nats-server" } else { "nats-server" };
        let mut command = Command::new(path);
        command.args(["-a", "127.0.0.1", "-p", &port.to_string()]).args(arguments).arg("-sd").arg(folder);
        let mut process = command.stderr(Stdio::piped()).spawn().expect("nats-server is installed");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("Server is ready"));
        assert!(ready, "nats-server did not start");
        // Whoever does not read what it says stops it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { process, port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        self.process.kill().expect("it ran");
        self.process.wait().expect("it ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whoever reads the stream, and asks JetStream for things.
struct Reader(BufReader<TcpStream>);

impl Reader {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("takes a limit");
        let mut reader = Self(BufReader::new(stream));
        reader.say("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB answers 1\r\nSUB records 2\r\n");
        reader
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("writes");
    }

    fn ask(&mut self, subject: &str, body: &str) -> String {
        self.say(&format!("PUB {subject} answers {}\r\n{body}\r\n", body.len()));
        String::from_utf8(self.message().1).expect("text")
    }

    /// Headers and body of what comes next.
    fn message(&mut self) -> (String, Vec<u8>) {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a line");
            let words: Vec<&str> = line.split_whitespace().collect();
            let lengths = match words.as_slice() {
                ["MSG", .., total] => (0, total.parse::<usize>().expect("a length")),
                ["HMSG", .., head, total] => (head.parse::<usize>().expect("a length"), total.parse().expect("a length")),
                ["PING"] => {
                    self.say("PONG\r\n");
                    continue;
                }
                _ => continue,
            };
            let mut whole = vec![0; lengths.1 + 2];
            self.0.read_exact(&mut whole).expect("a message");
            whole.truncate(lengths.1);
            let body = whole.split_off(lengths.0);
            return (String::from_utf8(whole).expect("text"), body);
        }
    }

    /// All that the stream holds: message ids and call records, in its order, up to the record `last`.
    fn read_up_to(&mut self, last: u64) -> Vec<(String, String)> {
        let order = r#"{"stream_name":"CDRS","config":{"deliver_subject":"records","deliver_policy":"all","ack_policy":"none"}}"#;
        self.say(&format!("PUB $JS.API.CONSUMER.CREATE.CDRS none {}\r\n{order}\r\n", order.len()));
        let mut read = Vec::new();
        loop {
            let (headers, body) = self.message();
            let id = headers.lines().find_map(|line| line.strip_prefix("Nats-Msg-Id: ")).expect("an id").to_owned();
            let end = id == format!("edge-1/{last}");
            read.push((id, String::from_utf8(body).expect("text")));
            if end {
                return read;
            }
        }
    }
}

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
    let login = Login { user: password.map(|_| "tollgate".to_owned()), password: password.map(str::to_owned) };
    Target { server, stream: "CDRS".to_owned(), subject: "tollgate.cdr".to_owned(), login }
}

fn start(books: &Books, server: String, password: Option<&str>) -> (Arc<Status>, UnboundedReceiver<Delivery>) {
    let feed = books.journal.feed("edge-1", "nats", Wants::Cdrs, Start::First).expect("opens");
    let status = Arc::new(Status::new(&feed));
    let (told, heard) = unbounded_channel();
    tokio::spawn(run(feed, Told(Nats::new(target(server, password)), told), Arc::clone(&status), &books.journal));
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
        (reader.read_up_to(2_301), server)
    });
    let (read, _server) = read.await.expect("reads");
    let expected: Vec<(String, String)> =
        (1..=2_301_u64).map(|n| (format!("edge-1/{n}"), format!(r#"{{"id":"{n}","account":"acme","amount":"0.00000"}}"#))).collect();
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
    let messages: Vec<Message> = entries.into_iter().map(|entry| Message { id: format!("edge-1/{}", entry.seq), entry }).collect();
    for part in [&messages[..3], &messages[..]] {
        // Another connection each time, as after a crash between the answer and the cursor.
        assert_eq!(Nats::new(target(server.address(), None)).deliver(part).await, Delivery::done(part));
    }
    let ids: Vec<String> = Reader::connect(&server).read_up_to(4).into_iter().map(|(id, _)| id).collect();
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
    assert_eq!(heard.recv().await.expect("a delivery"), Delivery { confirmed: 1, given_up: 0, failure: None });
    server.kill();
    let _server = Server::start(&storage, port, &["-js"]);
    books.write([cdr(2)]).await;
    assert_eq!(heard.recv().await.expect("a delivery"), Delivery { confirmed: 1, given_up: 0, failure: None });
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
        (&["-js"], r#"{"name":"CDRS","subjects":["other.>"]}"#, None, "stream CDRS takes other.> and not tollgate.cdr"),
        (&["-js"], r#"{"name":"ELSE","subjects":["tollgate.>"]}"#, None, "stream CDRS cannot be made: subjects overlap"),
        (&["-js"], r#"{"name":"CDRS","subjects":["tollgate.*"]}"#, None, ""),
        (login, "", Some("right"), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let mut books = Books::open(&folder.path().join(format!("data-{number}")));
        let server = Server::start(&folder.path().join(format!("nats-{number}")), free_port("127.0.0.1"), arguments);
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
