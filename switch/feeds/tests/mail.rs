//! Notices through a small SMTP server of the tests' own, which can refuse, put off and vanish.

mod kit;

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use feeds::mail::{Mailer, Post, Protection};
use feeds::{Consumer as _, Message, Status, run};
use kit::{Books, cdr, notice};
use ledger::{Notice, NoticeEvent, RatesChange, Record, RecordBody};
use store::{Entry, Start, Wants};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use units::{Currency, Name};

/// What the server says instead of yes to the next command of that kind; an empty answer closes the
/// connection.
type Script = Arc<Mutex<VecDeque<(&'static str, &'static str)>>>;

/// One thing that happened at the server.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Said(String),
    Mail(String),
}

/// A server in a thread, for as long as the process lives.
struct Sink {
    address: SocketAddr,
    script: Script,
    seen: UnboundedReceiver<Seen>,
}

impl Sink {
    fn start(script: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let script: Script = Arc::new(Mutex::new(script.into_iter().collect()));
        let (tell, seen) = unbounded_channel();
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that leaves in the middle is no fault of the sink's.
                let _ = serve(stream, &shared, &tell);
            }
        });
        Self { address, script, seen }
    }

    /// The next mail, and the answers to commands that were not yes until then.
    async fn mail(&mut self) -> (Vec<String>, String) {
        let mut refused = Vec::new();
        loop {
            match self.seen.recv().await.expect("the sink lives") {
                Seen::Said(answer) => refused.push(answer),
                Seen::Mail(mail) => return (refused, mail),
            }
        }
    }
}

fn serve(stream: TcpStream, script: &Script, tell: &UnboundedSender<Seen>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    out.write_all(b"220 sink\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
        let scripted = {
            let mut script = script.lock().expect("whole");
            if script.front().is_some_and(|(of, _)| *of == verb) { script.pop_front() } else { None }
        };
        if let Some((_, answer)) = scripted {
            // The test may have heard enough.
            let _ = tell.send(Seen::Said(format!("{verb} {answer}")));
            if answer.is_empty() {
                return Ok(());
            }
            out.write_all(format!("{answer}\r\n").as_bytes())?;
            continue;
        }
        match verb.as_str() {
            "EHLO" => out.write_all(b"250-sink\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n")?,
            "AUTH" => out.write_all(b"235 welcome\r\n")?,
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let mut mail = String::new();
                for line in lines.by_ref().map_while(Result::ok).take_while(|line| line != ".") {
                    mail += &format!("{}\n", line.strip_prefix('.').unwrap_or(&line));
                }
                let _ = tell.send(Seen::Mail(mail));
                let mut script = script.lock().expect("whole");
                match script.front() {
                    Some(("after", answer)) => {
                        let answer = *answer;
                        script.pop_front();
                        if answer.is_empty() {
                            return Ok(());
                        }
                        out.write_all(format!("{answer}\r\n").as_bytes())?;
                    }
                    _ => out.write_all(b"250 taken\r\n")?,
                }
            }
            "QUIT" => return out.write_all(b"221 bye\r\n"),
            _ => out.write_all(b"250 fine\r\n")?,
        }
    }
    Ok(())
}

fn mailer(address: SocketAddr) -> Mailer {
    let post = Post {
        host: address.ip().to_string(),
        port: address.port(),
        protection: Protection::None,
        login: Some(("tollgate".to_owned(), "secret".to_owned())),
        from: "billing@example.net".to_owned(),
    };
    Mailer::new(post).expect("a sender")
}

fn start(books: &Books, address: SocketAddr) -> Arc<Status> {
    let feed = books.journal.feed("edge-1", "mail", Wants::Notices, Start::First).expect("opens");
    let status = Arc::new(Status::new(&feed));
    tokio::spawn(run(feed, mailer(address), Arc::clone(&status), &books.journal));
    status
}

/// Everything through a mailer as a feed does it, without the pauses. How often it failed and how many it
/// gave up.
async fn deliver(entries: Vec<Entry>, address: SocketAddr) -> (usize, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    books.write(entries).await;
    let entries = books.journal.reader().and_then(|reader| reader.entries(0, 100)).expect("reads");
    let messages: Vec<Message> =
        entries.into_iter().map(|entry| Message { id: format!("edge-1/{}", entry.seq), entry }).collect();
    let (mut mailer, mut failures, mut given_up) = (mailer(address), 0, 0);
    for message in messages.chunks(1) {
        loop {
            let delivery = mailer.deliver(message).await;
            failures += usize::from(delivery.failure.is_some());
            given_up += delivery.given_up;
            assert_eq!(delivery.failure.is_none(), delivery.confirmed == 1);
            if delivery.confirmed == 1 {
                break;
            }
        }
    }
    (failures, given_up)
}

fn top_up(amount: i64) -> NoticeEvent {
    NoticeEvent::TopUpBooked {
        amount,
        currency: Currency::EUR,
        reference: "invoice 17".into(),
        balance: amount,
    }
}

/// A header's value.
fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("")
}

#[tokio::test]
async fn each_notice_with_an_address_is_one_mail_in_its_language() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    let mut sink = Sink::start([]);
    let status = start(&books, sink.address);
    let ends = NoticeEvent::CallEnds { call: ledger::CallId(1), seconds: 60 };
    books
        .write([
            cdr(1),
            notice(Some("ops@acme.example"), "en", top_up(100_000)),
            notice(None, "en", top_up(200_000)),
            notice(Some("ops@acme.example"), "en", ends),
            notice(Some("jefa@acme.example"), "es", top_up(300_000)),
        ])
        .await;
    let (refused, mail) = sink.mail().await;
    assert_eq!(refused, Vec::<String>::new());
    for (name, value) in [
        ("Message-ID", "<edge-1/2@example.net>"),
        ("From", "billing@example.net"),
        ("To", "ops@acme.example"),
        ("Subject", "acme: 1.00 EUR received"),
        ("Date", "Sun, 22 Nov 2026 12:00:00 +0000"),
        ("Auto-Submitted", "auto-generated"),
    ] {
        assert_eq!(header(&mail, name), value);
    }
    assert!(mail.contains("\n\nWe have credited 1.00 EUR to account acme. Thank you.\n"), "{mail}");
    let (_, mail) = sink.mail().await;
    assert_eq!(
        (header(&mail, "Message-ID"), header(&mail, "To")),
        ("<edge-1/5@example.net>", "jefa@acme.example")
    );
    assert_eq!((status.failures(), status.given_up()), (0, 0));
}

#[tokio::test]
async fn what_is_refused_for_now_comes_again_and_for_ever_is_given_up() {
    let to = |name: &str| notice(Some(&format!("{name}@acme.example")), "en", top_up(100_000));
    for (script, mailed, failures, given_up) in [
        (&[("RCPT", "450 greylisted"), ("RCPT", "451 later")][..], &["a", "b"][..], 2, 0),
        (&[("RCPT", "550 nobody here")], &["b"], 0, 1),
        (&[("DATA", "554 no")], &["b"], 0, 1),
        // The content was seen, and refused.
        (&[("after", "554 spam")], &["a", "b"], 0, 1),
        (&[("after", "452 full")], &["a", "a", "b"], 1, 0),
        // What is said of the sender, or of everybody, is not about this mail.
        (&[("MAIL", "550 who are you")], &["a", "b"], 1, 0),
        (&[("EHLO", "554 go away"), ("EHLO", "554 go away")], &["a", "b"], 2, 0),
        (&[("AUTH", "535 wrong password")], &["a", "b"], 1, 0),
        (&[("RCPT", "421 going down")], &["a", "b"], 1, 0),
        (&[("RCPT", "")], &["a", "b"], 1, 0),
        // The answer was lost: it is sent again, under the same id.
        (&[("after", "")], &["a", "a", "b"], 1, 0),
    ] {
        let mut sink = Sink::start(script.iter().copied());
        assert_eq!(deliver(vec![to("a"), to("b")], sink.address).await, (failures, given_up), "{script:?}");
        let mut ids = Vec::new();
        for name in mailed {
            let (_, mail) = sink.mail().await;
            assert_eq!(header(&mail, "To"), format!("{name}@acme.example"), "{script:?}");
            ids.push(header(&mail, "Message-ID").to_owned());
        }
        let expected: Vec<&str> = mailed
            .iter()
            .map(|name| if *name == "a" { "<edge-1/1@example.net>" } else { "<edge-1/2@example.net>" })
            .collect();
        assert_eq!(ids, expected, "{script:?}");
        assert!(sink.script.lock().expect("whole").is_empty(), "{script:?}");
    }
}

#[tokio::test]
async fn an_address_that_never_answers_yes_holds_the_others_back_for_a_while_only() {
    let mut sink = Sink::start([("RCPT", "452 mailbox full"); 35]);
    let entries = vec![
        notice(Some("full@acme.example"), "en", top_up(1)),
        notice(Some("b@acme.example"), "en", top_up(2)),
    ];
    assert_eq!(deliver(entries, sink.address).await, (34, 1));
    let (refused, mail) = sink.mail().await;
    assert_eq!((refused.len(), header(&mail, "To")), (35, "b@acme.example"));
}

#[tokio::test]
async fn no_address_and_no_name_can_add_a_header() {
    let mut sink = Sink::start([]);
    let bad = [
        "a@acme.example\r\nBcc: c@d.example",
        "a@acme.example>\r\nRCPT TO:<c@d.example",
        "a@b@c",
        "",
        "müller@bücher.example",
    ];
    let reference = "x\r\nBcc: thief@example.org\r\n\r\n.\r\nMAIL FROM:<thief@example.org>";
    let event = NoticeEvent::TopUpBooked {
        amount: 1,
        currency: Currency::EUR,
        reference: reference.into(),
        balance: 1,
    };
    let mut entries = bad.map(|to| notice(Some(to), "en", top_up(1))).to_vec();
    entries.push(notice(Some("ops@acme.example"), "en", event));
    assert_eq!(deliver(entries, sink.address).await, (0, bad.len() as u64));
    let (refused, mail) = sink.mail().await;
    assert_eq!((refused, header(&mail, "To")), (Vec::new(), "ops@acme.example"));
    assert!(!mail.lines().any(|line| line.starts_with("Bcc") || line.starts_with("MAIL")), "{mail}");
}

/// Quoted-printable without its soft line breaks.
fn unfolded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=\n", "")
}

/// A list of new prices is in the journal once; mails hold it, also if it came by before the mailer was
/// started, and never another deck's.
#[tokio::test]
async fn a_list_that_notices_name_is_in_their_mails() {
    let list = |deck: &str, prefix: &str| -> RatesChange {
        let text = format!(
            r#"{{"deck":"{deck}","version":"v2","changes":[{{"prefix":"{prefix}","destination":"Brazil","old":"0.02000","new":"0.03000","from":0}}],
               "more":7,"currency":"EUR"}}"#
        );
        serde_json::from_str(&text).expect("a list")
    };
    let entry = |account: &str, to: Option<&str>, rates: RatesChange| {
        let notice = Notice {
            to: to.map(Name::from),
            language: None,
            event: NoticeEvent::RatesChange(Box::new(rates)),
            id: None,
        };
        Entry::of(&Record::new(kit::NOON, account.into(), RecordBody::Notice(notice))).expect("encodes")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    let mut sink = Sink::start([]);
    let to = |name: &'static str, deck, prefix| {
        entry(name, Some("ops@acme.example"), list(deck, prefix).reference())
    };
    let lost = RatesChange { version: "v1".into(), ..list("retail", "55").reference() };
    let wrong = entry("acme", Some("ops@acme.example"), lost);
    books
        .write([
            entry(Record::NODE, None, list("retail", "55")),
            entry(Record::NODE, None, list("wholesale", "34")),
            to("acme", "retail", "55"),
            to("beta", "wholesale", "34"),
            wrong,
        ])
        .await;
    let entries = books.journal.reader().and_then(|reader| reader.entries(0, 100)).expect("reads");
    let messages: Vec<Message> =
        entries.into_iter().map(|entry| Message { id: format!("edge-1/{}", entry.seq), entry }).collect();
    let link = Some("https://example.net/{deck}".to_owned());
    for first in [0, 2] {
        let mut mailer = mailer(sink.address).reading(folder.path().to_owned()).linking(link.clone());
        for message in &messages[first..] {
            assert_eq!(mailer.deliver(std::slice::from_ref(message)).await.confirmed, 1);
        }
        for (row, deck) in
            [("55      Brazil       0.02  0.03", "retail"), ("34      Brazil       0.02  0.03", "wholesale")]
        {
            let mail = unfolded(&sink.mail().await.1);
            assert!(mail.contains(row) && mail.contains("8 prices change in the price list"), "{mail}");
            assert!(
                mail.contains(&format!(
                    "7 more changes are not shown here. The complete price list: https://example.net/{deck}"
                )),
                "{mail}"
            );
        }
        let mail = unfolded(&sink.mail().await.1);
        assert!(
            mail.contains("8 prices change") && !mail.contains("Brazil"),
            "its list is not there: {mail}"
        );
    }
}

#[tokio::test]
async fn the_feed_tries_again_after_its_pause() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    let mut sink = Sink::start([("RCPT", "450 greylisted")]);
    let status = start(&books, sink.address);
    books.write([notice(Some("ops@acme.example"), "en", top_up(1))]).await;
    let (refused, mail) = sink.mail().await;
    assert_eq!((refused, header(&mail, "To")), (vec!["RCPT 450 greylisted".to_owned()], "ops@acme.example"));
    assert_eq!(status.failures(), 1);
}
