//! A carrier over UDP that talks: it answers calls, or makes one, sends a tone as long as a call stands, and
//! measures the tone that comes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codecs::g711::Law;

use super::datagrams::{Datagrams, PCMA, target, tone};
use super::{Caller, Line as _, answered};

/// How long a packet lasts.
const PACKET: Duration = Duration::from_millis(20);
/// A packet whose effective value is less than this is silence: a hundredth of the loudest.
const QUIET: f64 = 300.0;
/// The least part of a packet's power that makes it a tone.
const PURE: f64 = 0.8;

/// What came in place of voice, and as voice.
#[derive(Clone, Copy, Default, Debug)]
pub struct Heard {
    /// Packets of PCMA from where the switch said.
    pub packets: u64,
    /// Of them, those that are little else than the tone.
    pub tones: u64,
    /// Of them, those of silence.
    pub quiet: u64,
    /// Any other datagram.
    pub other: u64,
}

/// It runs until it is dropped.
pub struct Talker {
    sip: Option<Datagrams>,
    voice: Arc<Voice>,
    /// What was asked of it by SIP.
    pub requests: Receiver<String>,
    tell: Option<mpsc::Sender<String>>,
    threads: Vec<JoinHandle<()>>,
}

struct Voice {
    target: Mutex<Option<SocketAddr>>,
    heard: Mutex<Heard>,
    over: AtomicBool,
    /// Of the tone that is listened for.
    hz: f64,
}

impl Talker {
    /// At an address of its own; what the switch's is, `begin` says.
    pub fn at(ip: &str, hz: f64) -> Self {
        let (tell, requests) = mpsc::channel();
        let voice = Voice {
            target: Mutex::new(None),
            heard: Mutex::new(Heard::default()),
            over: AtomicBool::new(false),
            hz,
        };
        Self {
            sip: Some(Datagrams::at(ip, SocketAddr::from(([127, 0, 0, 1], 9)))),
            voice: Arc::new(voice),
            requests,
            tell: Some(tell),
            threads: Vec::new(),
        }
    }

    /// Its port of SIP.
    pub fn port(&self) -> u16 {
        self.sip.as_ref().unwrap().sip.local_addr().unwrap().port()
    }

    /// Answers and talks from now on; with a number, it calls that first.
    pub fn begin(&mut self, switch: SocketAddr, number: Option<&str>) {
        let mut line = self.sip.take().expect("it begins once");
        line.switch = switch;
        line.sip.set_read_timeout(Some(PACKET)).unwrap();
        line.voice.set_read_timeout(Some(PACKET / 10)).unwrap();
        let here = line.sip.local_addr().unwrap().to_string();
        let (tell, voice) = (self.tell.take().unwrap(), self.voice.clone());
        let mut speaking =
            Datagrams { sip: line.sip.try_clone().unwrap(), voice: line.voice.try_clone().unwrap(), ..line };
        if let Some(number) = number {
            let caller = Caller { via: "UDP", here: here.clone(), contact: "", id: 1 };
            caller.invite(&mut speaking, number);
        }
        self.threads.push(std::thread::spawn(move || {
            while !voice.over.load(Ordering::Relaxed) {
                let Some(message) = line.hear() else { continue };
                signal(&mut line, &here, &message, &voice);
                // The test may not listen any more.
                let _ = tell.send(message);
            }
        }));
        let voice = self.voice.clone();
        self.threads.push(std::thread::spawn(move || talk(&speaking, &voice)));
    }

    /// What came until now.
    pub fn heard(&self) -> Heard {
        *self.voice.heard.lock().unwrap()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.voice.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked has said so on stderr.
            let _ = thread.join();
        }
    }
}

/// Answers a request; acknowledges the answer to its own call.
fn signal(line: &mut Datagrams, here: &str, message: &str, voice: &Voice) {
    let request = !message.starts_with("SIP/2.0 ");
    if message.contains("\r\nm=audio ") {
        *voice.target.lock().unwrap() = Some(target(message));
    }
    if request && !message.starts_with("ACK ") {
        if message.starts_with("BYE ") {
            *voice.target.lock().unwrap() = None;
        }
        let mut answer = answered(message, here);
        // RFC 3264 §6.1: who only sends is answered by who only receives.
        if message.contains("a=sendonly") {
            let length =
                |text: &str| format!("Content-Length: {}\r\n", text.split("\r\n\r\n").nth(1).unwrap().len());
            let whole = line.with_session(&answer);
            let said = whole.replace("a=sendrecv\r\n", "") + "a=recvonly\r\n";
            answer = said.replace(&length(&whole), &length(&said));
        }
        line.send(&answer);
    } else if message.starts_with("SIP/2.0 200") && message.contains("CSeq: 1 INVITE") {
        let caller = Caller { via: "UDP", here: here.to_owned(), contact: "", id: 1 };
        caller.acknowledge(line, message);
    }
}

/// Sends a packet each 20 ms and listens between them.
fn talk(line: &Datagrams, voice: &Voice) {
    let (begun, mut number, mut buffer) = (Instant::now(), 0_u16, [0; 2_048]);
    while !voice.over.load(Ordering::Relaxed) {
        let to = *voice.target.lock().unwrap();
        if begun.elapsed() >= PACKET * u32::from(number) {
            number += 1;
            if let Some(to) = to {
                line.voice.send_to(&tone(Law::A, PCMA, number), to).unwrap();
            }
        }
        let Ok((count, from)) = line.voice.recv_from(&mut buffer) else { continue };
        let mut heard = voice.heard.lock().unwrap();
        if Some(from) == to && count == 172 && buffer[0] == 0x80 && buffer[1] & 0x7f == PCMA {
            heard.packets += 1;
            let (tones, quiet) = judge(&buffer[12..172], voice.hz);
            heard.tones += u64::from(tones);
            heard.quiet += u64::from(quiet);
        } else {
            heard.other += 1;
        }
    }
}

/// Whether a packet is that tone, and whether it is silence: by the part of its power at that frequency
/// (Goertzel's filter).
fn judge(octets: &[u8], hz: f64) -> (bool, bool) {
    let samples: Vec<f64> = octets.iter().map(|&octet| f64::from(Law::A.decode(octet))).collect();
    let count = samples.len() as f64;
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    if energy < QUIET * QUIET * count {
        return (false, true);
    }
    let twice = 2.0 * (std::f64::consts::TAU * hz / 8_000.0).cos();
    let (last, before) =
        samples.iter().fold((0.0, 0.0), |(last, before), sample| (sample + twice * last - before, last));
    let at = last * last + before * before - twice * last * before;
    // A sine of amplitude A: A²/2 for each sample, and (A·n/2)² in the filter.
    (at * 2.0 / count / energy > PURE, false)
}

#[test]
fn a_tone_is_told_from_another() {
    let packet = tone(Law::A, PCMA, 3);
    assert_eq!(judge(&packet[12..], 500.0), (true, false));
    assert_eq!(judge(&packet[12..], 1_000.0), (false, false));
    assert_eq!(judge(&[0xd5; 160], 500.0), (false, true));
}
