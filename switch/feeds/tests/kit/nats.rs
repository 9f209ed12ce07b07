//! A real nats-server, and somebody who reads its stream.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A nats-server of the test's own. It ends with the test.
pub struct Server {
    process: Child,
    port: u16,
}

impl Server {
    pub fn start(folder: &Path, port: u16, arguments: &[&str]) -> Self {
        let path =
            if Path::new("/usr/sbin/nats-server").exists() { "/usr/sbin/nats-server" } else { "nats-server" };
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

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
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
pub struct Reader(BufReader<TcpStream>);

impl Reader {
    pub fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("takes a limit");
        let mut reader = Self(BufReader::new(stream));
        reader.say("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB answers 1\r\nSUB records 2\r\n");
        reader
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("writes");
    }

    pub fn ask(&mut self, subject: &str, body: &str) -> String {
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
                ["HMSG", .., head, total] => {
                    (head.parse::<usize>().expect("a length"), total.parse().expect("a length"))
                }
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

    /// All that the stream holds, in its order, up to the one of the id `last`: message ids and call records.
    pub fn read_up_to(&mut self, last: &str) -> Vec<(String, String)> {
        self.deliver_all();
        let mut read = vec![self.record()];
        while read.last().is_some_and(|(id, _)| id != last) {
            read.push(self.record());
        }
        read
    }

    /// The first `count` of the stream.
    pub fn read(&mut self, count: usize) -> Vec<(String, String)> {
        self.deliver_all();
        (0..count).map(|_| self.record()).collect()
    }

    fn deliver_all(&mut self) {
        let order = r#"{"stream_name":"CDRS","config":{"deliver_subject":"records","deliver_policy":"all","ack_policy":"none"}}"#;
        self.say(&format!("PUB $JS.API.CONSUMER.CREATE.CDRS none {}\r\n{order}\r\n", order.len()));
    }

    fn record(&mut self) -> (String, String) {
        let (headers, body) = self.message();
        let id =
            headers.lines().find_map(|line| line.strip_prefix("Nats-Msg-Id: ")).expect("an id").to_owned();
        (id, String::from_utf8(body).expect("text"))
    }
}
