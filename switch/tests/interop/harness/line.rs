//! SIP over a connection, message by message: a caller and a carrier that do just enough for a call.

use std::io::{self, Read, Write};

use super::{OFFER, status_of};

/// What carries whole messages.
pub trait Line {
    /// Sends one.
    fn send(&mut self, message: &str);
    /// The next; `None` when the connection is closed or nothing came in time.
    fn hear(&mut self) -> Option<String>;
}

/// Messages in a stream of bytes, told apart by Content-Length.
pub struct ByteLine<S> {
    stream: S,
    heard: Vec<u8>,
}

impl<S: Read + Write> ByteLine<S> {
    /// The time to wait is the stream's own.
    pub fn new(stream: S) -> Self {
        Self { stream, heard: Vec::new() }
    }

    /// The stream under it, for another use.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// The stream under it.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    fn whole(&mut self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.heard).into_owned();
        let head = text.find("\r\n\r\n")? + 4;
        let length = header(&text, "Content-Length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let end = head + length;
        (self.heard.len() >= end).then(|| {
            let rest = self.heard.split_off(end);
            String::from_utf8(std::mem::replace(&mut self.heard, rest)).unwrap()
        })
    }
}

impl<S: Read + Write> Line for ByteLine<S> {
    fn send(&mut self, message: &str) {
        // The other side may have closed; then nothing is heard.
        let _ = self.stream.write_all(message.as_bytes()).and_then(|()| self.stream.flush());
    }

    fn hear(&mut self) -> Option<String> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(message) = self.whole() {
                return Some(message);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

/// A header's value.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let lines = message.split("\r\n").take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// A caller on a line, as it names itself.
pub struct Caller {
    /// In its Via: `TLS`, `WS`.
    pub via: &'static str,
    /// Host and port of its Via and Contact.
    pub here: String,
    /// Parameters of its Contact.
    pub contact: &'static str,
    /// Tells its calls apart.
    pub id: u32,
}

impl Caller {
    fn request(&self, method: &str, uri: &str, to: &str, cseq: u32, body: &str) -> String {
        let Self { via, here, contact, id } = self;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{via} {here};branch=z9hG4bK-{id}-{method}-{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:34600000000@{here}>;tag=t{id}\r\nTo: {to}\r\nCall-ID: call-{id}@{here}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:pbx@{here}{contact}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A request to the switch itself.
    pub fn text(&self, method: &str) -> String {
        self.request(method, "sip:127.0.0.1", "<sip:127.0.0.1>", 1, "")
    }

    /// An OPTIONS and its answer.
    pub fn options(&self, line: &mut impl Line) -> Option<String> {
        line.send(&self.text("OPTIONS"));
        line.hear()
    }

    /// Begins to call a number, and listens to nothing.
    pub fn invite(&self, line: &mut impl Line, number: &str) {
        let uri = format!("sip:{number}@127.0.0.1");
        line.send(&self.request("INVITE", &uri, &format!("<{uri}>"), 1, OFFER));
    }

    /// Calls a number: the final answer, acknowledged.
    pub fn call(&self, line: &mut impl Line, number: &str) -> Option<String> {
        let uri = format!("sip:{number}@127.0.0.1");
        self.invite(line, number);
        loop {
            let answer = line.hear()?;
            let status = status_of(&answer).unwrap_or_else(|| panic!("no answer to the INVITE: {answer}"));
            if status >= 200 {
                if status < 300 {
                    self.acknowledge(line, &answer);
                } else {
                    let ack = self.request("ACK", &uri, header(&answer, "To").unwrap(), 1, "");
                    // The ACK to a refusal is of the INVITE's transaction.
                    line.send(&ack.replace("-ACK-1", "-INVITE-1"));
                }
                return Some(answer);
            }
        }
    }

    /// The ACK to a 200.
    pub fn acknowledge(&self, line: &mut impl Line, answer: &str) {
        line.send(&self.request("ACK", &target(answer), header(answer, "To").unwrap(), 1, ""));
    }

    /// Ends the call that was answered so.
    pub fn bye(&self, line: &mut impl Line, answer: &str) -> Option<String> {
        line.send(&self.request("BYE", &target(answer), header(answer, "To")?, 2, ""));
        line.hear()
    }
}

fn target(message: &str) -> String {
    header(message, "Contact").unwrap().trim_start_matches('<').split('>').next().unwrap().to_owned()
}

/// Answers what comes, calls too, until the line is closed; all that came.
pub fn answer_all(line: &mut impl Line, here: &str) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(request) = line.hear() {
        if !request.starts_with("ACK ") && status_of(&request).is_none() {
            line.send(&answered(&request, here));
        }
        heard.push(request);
    }
    heard
}

/// A 200.
pub fn answered(request: &str, here: &str) -> String {
    let copied: String = ["Via", "From", "Call-ID", "CSeq"]
        .iter()
        .map(|name| format!("{name}: {}\r\n", header(request, name).unwrap()))
        .collect();
    let to = header(request, "To").unwrap();
    let tag = if to.contains("tag=") { "" } else { ";tag=carrier" };
    let body = if request.starts_with("INVITE ") { OFFER } else { "" };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 200 OK\r\n{copied}To: {to}{tag}\r\nContact: <sip:carrier@{here}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
