//! The server over real sockets: it answers, bounds idle connections by its shutdown, and ends when told.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod fake;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fake::{Fake, TOKEN};
use tokio::sync::oneshot;
use web::{Metrics, WebState, serve};

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let fake = Arc::new(Fake::default());
            let metrics = Arc::new(Metrics::new("1", &[]).unwrap());
            let state = Arc::new(WebState::new(fake.clone(), fake, metrics, TOKEN.to_owned()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let shutdown = async move { stopped.await.unwrap_or_default() };
            runtime.block_on(serve(listener, state, shutdown)).unwrap();
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn answers_over_a_socket_and_ends_when_told() {
    let server = Server::start();
    let live = server.exchange("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(live.starts_with("HTTP/1.1 200 ") && live.ends_with("ok\n"), "{live}");
    let refused = server.exchange("GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let listed =
        server.exchange(&format!("GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"));
    assert!(listed.ends_with("{\"items\":[],\"next\":null}"), "{listed}");
    // A client that says nothing must not hold the end up.
    let idle = server.connect();
    let begun = Instant::now();
    server.end();
    // Less than an idle connection may stay by itself.
    assert!(begun.elapsed() < Duration::from_secs(14));
    drop(idle);
}

#[test]
fn what_is_not_http_gets_no_more_than_a_refusal() {
    let server = Server::start();
    let answer = server.exchange("\u{16}\u{3}\u{1} hello\r\n\r\n");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let long = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(64 * 1024));
    let mut stream = server.connect();
    // The server may close before it has read all of it.
    let sent = stream.write_all(long.as_bytes());
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    assert!(
        sent.is_err() || read.is_err() || answer.starts_with(b"HTTP/1.1 431 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert!(server.exchange("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ends_with("ok\n"));
    server.end();
}

#[test]
fn fault_a12_many_slow_clients_do_not_keep_a_probe_out() {
    let server = Server::start();
    // Twice as many as there are places: half of them say nothing, half of them never end their first line.
    let mut slow = Vec::new();
    for at in 0..2 * web::CONNECTIONS_MAX {
        let mut stream = server.connect();
        if at % 2 == 0 {
            stream.write_all(b"GET /livez HT").unwrap();
        }
        slow.push(stream);
    }
    for path in ["/livez", "/readyz", "/livez"] {
        let begun = Instant::now();
        let answer = server.exchange(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        // Far below the 15 s that an idle connection may stay, far above what a busy machine needs.
        assert!(begun.elapsed() < Duration::from_secs(5), "{path} took {:?}", begun.elapsed());
    }
    // A connection that asks again and again is not the one that gives way.
    let mut kept = server.connect();
    for at in 0..10 {
        kept.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 4096];
        let read = kept.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200 "), "request {at}");
        slow.extend((0..20).map(|_| server.connect()));
    }
    server.end();
}
