//! What the first release said to a NATS server and to a mail server, recorded from it: the same entries are
//! said in the same words today.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;

use feeds::mail::{Mailer, Post, Protection};
use feeds::nats::{Login, Nats, Target};
use feeds::{Consumer as _, Message};
use ledger::Record;
use store::{Entry, JournalEntry};

fn recorded(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/a8b4d55/central").join(name);
    std::fs::read_to_string(&file).expect("a recording in tests/data")
}

/// An entry of a node's journal out of the dump of the central ledger.
fn message(node: &str, seq: u64) -> Message {
    let dump = recorded("dump.sql");
    let row = format!("INSERT INTO public.entry VALUES ('{node}', {seq}, ");
    let line = dump.lines().find(|line| line.starts_with(&row)).expect("such an entry");
    let (begin, end) = (line.find("'{").expect("a body") + 1, line.rfind("}'").expect("a body") + 1);
    let record = Record::decode(&line.as_bytes()[begin..end]).expect("a record of the first release");
    let entry = JournalEntry { seq, entry: Entry::of(&record).expect("encodes"), hash: [0; 32] };
    Message { id: format!("{node}/{seq}"), entry }
}

/// Plays the server's part of a dialogue, as often as it says; what the client says otherwise than recorded
/// is returned.
fn play(dialogue: &str, same: fn(&mut Names, &str, &str) -> bool) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let lines: Vec<(char, String)> = dialogue
        .lines()
        .filter_map(|line| Some((line.chars().next()?, line.get(2..).unwrap_or_default().to_owned())))
        .collect();
    let server = std::thread::spawn(move || {
        let (mut names, mut other, mut open) = (Names::default(), Vec::new(), None::<BufReader<TcpStream>>);
        let is_greeting = |line: &str| line.starts_with("INFO ") || line.starts_with("220 ");
        for (mark, line) in lines {
            if mark == '<' && is_greeting(&line) {
                open = Some(BufReader::new(listener.accept().expect("a client").0));
            }
            let stream = open.as_mut().expect("greeted first");
            if mark == '<' {
                let line = names.written(&line);
                stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("the client listens");
                continue;
            }
            let mut said = String::new();
            stream.read_line(&mut said).expect("the client speaks");
            let said = said.trim_end_matches(['\r', '\n']);
            if !same(&mut names, &line, said) {
                other.push(format!("recorded {line:?}, said {said:?}"));
            }
        }
        other
    });
    (address, server)
}

/// What a client chooses for itself: as recorded, and as it is now.
#[derive(Default)]
struct Names(Option<(String, String)>);

impl Names {
    fn written(&self, line: &str) -> String {
        self.0.as_ref().map_or_else(|| line.to_owned(), |(then, now)| line.replace(then, now))
    }
}

fn nats_line(names: &mut Names, recorded: &str, said: &str) -> bool {
    let inbox = |line: &str| Some(line.strip_prefix("SUB ")?.split(".*").next()?.to_owned());
    if let (Some(then), Some(now)) = (inbox(recorded), inbox(said)) {
        names.0 = Some((then, now));
    }
    // The program's own version may change.
    recorded.starts_with("CONNECT ") && said.starts_with("CONNECT ") || names.written(recorded) == said
}

/// A mail's date is when it is sent.
fn mail_line(_: &mut Names, recorded: &str, said: &str) -> bool {
    recorded.starts_with("Date: ") && said.starts_with("Date: ") || recorded == said
}

#[tokio::test]
async fn call_records_go_to_nats_as_they_did() {
    let dialogue = recorded("nats.txt");
    // What came when the server looked whether the client lives is no part of it.
    let upto = dialogue.rfind("< PING").unwrap_or(dialogue.len());
    let (address, server) = play(&dialogue[..upto], nats_line);
    let login = Login { user: None, password: None };
    let target = Target {
        server: address.to_string(),
        stream: "CDRS".to_owned(),
        subject: "tollgate.cdr".to_owned(),
        login,
    };
    let mut nats = Nats::new(target);
    let ids = dialogue.lines().filter_map(|line| line.strip_prefix("> Nats-Msg-Id: "));
    let mut sent = 0;
    for id in ids {
        let (node, seq) = id.split_once('/').expect("node and entry");
        let delivery = nats.deliver(&[message(node, seq.parse().expect("a number"))]).await;
        assert_eq!((delivery.confirmed, delivery.failure), (1, None));
        sent += 1;
    }
    assert_eq!(sent, 2);
    assert_eq!(server.join().expect("no panic"), Vec::<String>::new());
}

#[tokio::test]
async fn notices_are_mailed_as_they_were() {
    let dialogue = recorded("smtp.txt");
    let (address, server) = play(&dialogue, mail_line);
    let (host, port) = (address.ip().to_string(), address.port());
    let post = Post {
        host,
        port,
        protection: Protection::None,
        login: None,
        from: "billing@example.net".to_owned(),
    };
    let mut mailer = Mailer::new(post).expect("a sender");
    let ids = dialogue
        .lines()
        .filter_map(|line| line.strip_prefix("> Message-ID: <")?.strip_suffix("@example.net>"));
    let mut sent = 0;
    for id in ids {
        let (node, seq) = id.split_once('/').expect("node and entry");
        let delivery = mailer.deliver(&[message(node, seq.parse().expect("a number"))]).await;
        assert_eq!((delivery.confirmed, delivery.failure), (1, None));
        sent += 1;
    }
    assert!(sent >= 2, "{sent}");
    assert_eq!(server.join().expect("no panic"), Vec::<String>::new());
}
