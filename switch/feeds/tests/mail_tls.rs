//! Notices over TLS, from the first byte or by STARTTLS: the password is never in clear, and a server that
//! cannot prove its name gets neither password nor mail.

mod kit;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{env, io};

use feeds::mail::{Mailer, Post, Protection};
use feeds::{Consumer as _, Delivery, Message};
use kit::{Books, notice};
use ledger::NoticeEvent;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use units::Currency;

const TEST: &str = "mails_go_over_tls_and_to_no_stranger";
/// Set in the process that does the work: whom it trusts is in its environment from its start.
const CHILD: &str = "MAIL_TLS_CHILD";

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn config(certificate: &Path) -> Arc<ServerConfig> {
    let (chain, key) =
        (CertificateDer::from_pem_file(certificate), PrivateKeyDer::from_pem_file(certificate));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![chain.expect("a certificate")], key.expect("a key"));
    Arc::new(config.expect("they fit"))
}

/// A server of one connection. What it hears in clear and under TLS, line by line.
fn serve(certificate: &'static str, protection: Protection) -> (SocketAddr, Receiver<(bool, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let session = ServerConnection::new(config(&pem(certificate))).expect("a session");
        // A client that does not like the certificate leaves, which is no fault of the server's.
        if protection == Protection::Starttls
            && !matches!(talk(&mut stream, true, &|line| told(&tell, false, line)), Ok(true))
        {
            return;
        }
        let mut secret = StreamOwned::new(session, stream);
        let greet = protection == Protection::Tls;
        let _ = talk(&mut Greeted { stream: &mut secret, greet }, false, &|line| told(&tell, true, line));
    });
    (address, heard)
}

fn told(tell: &Sender<(bool, String)>, secret: bool, line: &str) {
    // The test may have heard enough.
    let _ = tell.send((secret, line.to_owned()));
}

/// A stream after STARTTLS has no second greeting.
struct Greeted<'a, S> {
    stream: &'a mut S,
    greet: bool,
}

impl<S: Read> Read for Greeted<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for Greeted<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.starts_with(b"220 sink") && !self.greet {
            return Ok(bytes.len());
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// SMTP until the client quits, or, where that is offered, asks for TLS: then true.
fn talk(stream: &mut (impl Read + Write), offers_tls: bool, tell: &dyn Fn(&str)) -> io::Result<bool> {
    say(stream, "220 sink")?;
    loop {
        let line = line(stream)?;
        tell(&line);
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if offers_tls => "250-sink\r\n250 STARTTLS",
            "EHLO" => "250-sink\r\n250 AUTH PLAIN",
            "STARTTLS" => {
                say(stream, "220 go on")?;
                return Ok(true);
            }
            "AUTH" => "235 welcome",
            "DATA" => {
                say(stream, "354 go on")?;
                while self::line(stream)? != "." {}
                "250 taken"
            }
            "QUIT" => {
                say(stream, "221 bye")?;
                return Ok(false);
            }
            _ => "250 fine",
        };
        say(stream, answer)?;
    }
}

fn say(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    stream.flush()
}

fn line(stream: &mut impl Read) -> io::Result<String> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while byte != *b"\n" {
        stream.read_exact(&mut byte)?;
        text.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

async fn deliver(messages: &[Message], address: SocketAddr, protection: Protection) -> Delivery {
    let login = Some(("tollgate".to_owned(), "secret".to_owned()));
    let post = Post {
        host: address.ip().to_string(),
        port: address.port(),
        protection,
        login,
        from: "billing@example.net".to_owned(),
    };
    Mailer::new(post).expect("a sender").deliver(messages).await
}

async fn as_the_child() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut books = Books::open(folder.path());
    let event = NoticeEvent::TopUpBooked {
        amount: 100_000,
        currency: Currency::EUR,
        reference: "invoice 17".into(),
        balance: 100_000,
    };
    books.write([notice(Some("ops@acme.example"), "en", event)]).await;
    let entries = books.journal.reader().and_then(|reader| reader.entries(0, 1)).expect("reads");
    let messages: Vec<Message> =
        entries.into_iter().map(|entry| Message { id: format!("edge-1/{}", entry.seq), entry }).collect();
    for protection in [Protection::Starttls, Protection::Tls] {
        let (address, heard) = serve("known.pem", protection);
        assert_eq!(
            deliver(&messages, address, protection).await,
            Delivery::done(&messages),
            "{protection:?}"
        );
        let lines: Vec<(bool, String)> = heard.iter().collect();
        let clear: Vec<&str> = lines.iter().filter(|(secret, _)| !secret).map(|(_, line)| &**line).collect();
        assert!(clear.iter().all(|line| line.starts_with("EHLO") || *line == "STARTTLS"), "{clear:?}");
        for verb in ["AUTH PLAIN", "MAIL FROM", "RCPT TO:<ops@acme.example>", "DATA"] {
            assert!(
                lines.iter().any(|(secret, line)| *secret && line.starts_with(verb)),
                "{verb}: {lines:?}"
            );
        }

        let (address, heard) = serve("stranger.pem", protection);
        let delivery = deliver(&messages, address, protection).await;
        let why = delivery.failure.expect("not to a stranger");
        assert!(delivery.confirmed == 0 && why.contains("certificate"), "{protection:?}: {why}");
        assert!(
            heard.iter().all(|(_, line)| line.starts_with("EHLO") || line == "STARTTLS"),
            "{protection:?}"
        );
    }
}

#[tokio::test]
async fn mails_go_over_tls_and_to_no_stranger() {
    if env::var_os(CHILD).is_some() {
        return as_the_child().await;
    }
    let mut child = Command::new(env::current_exe().expect("this test"));
    child
        .args([TEST, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .env("SSL_CERT_FILE", pem("known.pem"))
        .env_remove("SSL_CERT_DIR");
    let output = child.output().expect("starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
