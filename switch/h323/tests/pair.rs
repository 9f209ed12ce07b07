//! Two calls back to back, in virtual time: what one puts out comes to the other.

use h323::call::{Call, CallIds, Dial, Event, Output, Settings};
use h323::connection::{Connection, Received};
use h323::media::{Audio, Codec, Local, Media};
use h323::q931::{CallingParty, Frame, Framer, Presentation, Screening, TypeOfNumber};
use std::net::SocketAddr;
use units::{Cause, Tick};

pub const CALLER: usize = 0;
pub const CALLEE: usize = 1;

pub fn audio(codec: Codec) -> Audio {
    Audio { codec, packet_ms: if codec == Codec::G7231 { 30 } else { 20 }, silence: false }
}

pub fn local(port: u16, codecs: &[Codec]) -> Local {
    Local {
        rtp: SocketAddr::from(([192, 0, 2, 1], port)),
        rtcp: SocketAddr::from(([192, 0, 2, 1], port + 1)),
        audio: codecs.iter().map(|codec| audio(*codec)).collect(),
        telephone_event: Some(101),
    }
}

pub fn dial(local: Local) -> Dial {
    Dial {
        ids: CallIds { reference: 4711, call_id: [7; 16], conference_id: [9; 16] },
        called: "442071234567".into(),
        called_kind: TypeOfNumber::International,
        calling: CallingParty {
            kind: TypeOfNumber::International,
            plan: 1,
            presentation: Some(Presentation::Allowed),
            screening: Some(Screening::UserPassed),
            digits: "12025550123".into(),
        },
        display: Some("alice".into()),
        destination: "192.0.2.20:1720".parse().unwrap(),
        source: Some("192.0.2.10:1720".parse().unwrap()),
        local,
        endpoint_id: None,
        seed: 1,
    }
}

pub fn settings(fast_start: bool, tunnelling: bool, early_h245: bool) -> Settings {
    Settings { fast_start, tunnelling, early_h245, ..Settings::default() }
}

/// Both sides, what each was told, what went over the wires.
pub struct Pair {
    pub now: Tick,
    pub sides: [Option<Call>; 2],
    pub events: [Vec<Event>; 2],
    /// Signalling frames that each side sent, without TPKT.
    pub sent: [Vec<Vec<u8>>; 2],
    /// All frames in order, with who sent each: of signalling, of H.245 on its own connection.
    pub wire: Vec<(usize, Vec<u8>)>,
    pub control_wire: Vec<(usize, Vec<u8>)>,
    pub control_frames: usize,
    pub control_opened: bool,
    pub control_closed: [bool; 2],
    pub closed: [bool; 2],
    connection: Connection<usize>,
    framers: [Framer; 2],
    callee_settings: Settings,
}

impl Pair {
    pub fn new(caller: Settings, callee: Settings, dial: &Dial) -> Self {
        let now = Tick(1_000_000);
        let mut pair = Self {
            now,
            sides: [Some(Call::outgoing(now, caller, dial)), None],
            events: Default::default(),
            sent: Default::default(),
            wire: Vec::new(),
            control_wire: Vec::new(),
            control_frames: 0,
            control_opened: false,
            control_closed: [false; 2],
            closed: [false; 2],
            connection: Connection::default(),
            framers: Default::default(),
            callee_settings: callee,
        };
        pair.run();
        pair
    }

    pub fn caller(&mut self) -> &mut Call {
        self.sides[CALLER].as_mut().unwrap()
    }

    pub fn callee(&mut self) -> &mut Call {
        self.sides[CALLEE].as_mut().unwrap()
    }

    /// Does something with a side, then carries all that follows.
    pub fn act(&mut self, side: usize, verb: impl FnOnce(&mut Call, Tick)) {
        let now = self.now;
        verb(self.sides[side].as_mut().unwrap(), now);
        self.run();
    }

    /// Carries outputs until nobody has any.
    pub fn run(&mut self) {
        for _ in 0..1000 {
            let before = (self.sent[0].len(), self.sent[1].len(), self.control_frames, self.events.clone());
            for side in [CALLER, CALLEE] {
                while let Some(output) = self.sides[side].as_mut().and_then(Call::poll_output) {
                    self.carry(side, output);
                }
            }
            if before == (self.sent[0].len(), self.sent[1].len(), self.control_frames, self.events.clone()) {
                return;
            }
        }
        panic!("the two never come to rest");
    }

    fn carry(&mut self, from: usize, output: Output) {
        assert!(!self.closed[from], "an output after Close: {output:?}");
        let to = 1 - from;
        match output {
            Output::Signalling(bytes) => self.carry_signalling(from, &bytes),
            Output::Control(bytes) => {
                self.control_wire.push((from, bytes.clone()));
                self.framers[to].push(&bytes);
                while let Some(frame) = self.framers[to].next() {
                    let Frame::Message(frame) = frame.unwrap() else { continue };
                    self.control_frames += 1;
                    let now = self.now;
                    self.sides[to].as_mut().unwrap().handle_control(now, &frame);
                }
            }
            Output::ListenControl => {
                let address = SocketAddr::from(([192, 0, 2, 20], 30_000 + from as u16));
                let now = self.now;
                self.sides[from].as_mut().unwrap().control_listening(now, address);
            }
            Output::OpenControl(address) => {
                assert_eq!(address.port(), 30_000 + to as u16);
                self.control_opened = true;
                let now = self.now;
                for side in [from, to] {
                    self.sides[side].as_mut().unwrap().control_opened(now);
                }
            }
            Output::CloseControl => self.control_closed[from] = true,
            Output::Event(event) => self.events[from].push(event),
            Output::Close => self.closed[from] = true,
        }
    }

    fn carry_signalling(&mut self, from: usize, bytes: &[u8]) {
        self.sent[from].push(bytes[4..].to_vec());
        self.wire.push((from, bytes.to_vec()));
        let now = self.now;
        if from == CALLEE {
            self.caller().handle_signalling(now, &bytes[4..]);
            return;
        }
        self.connection.push(bytes);
        while let Some(received) = self.connection.next() {
            match received.unwrap() {
                Received::Setup(reference, frame) => {
                    let call = Call::incoming(now, self.callee_settings.clone(), 2, &frame).unwrap();
                    self.sides[CALLEE] = Some(call);
                    assert!(self.connection.add(reference, false, CALLEE));
                }
                Received::Call(CALLEE, frame) => self.callee().handle_signalling(now, &frame),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Lets time pass, deadline by deadline.
    pub fn pass_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            let deadlines = self.sides.iter().flatten().filter_map(Call::next_deadline);
            let Some(at) = deadlines.min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            let now = self.now;
            self.sides.iter_mut().flatten().for_each(|side| side.handle_timeout(now));
            self.run();
        }
        self.now = end;
    }

    pub fn media(&self, side: usize) -> Media {
        *self.sides[side].as_ref().unwrap().media().expect("media")
    }

    pub fn released(&self, side: usize) -> Option<Cause> {
        let causes: Vec<Cause> = self.events[side]
            .iter()
            .filter_map(|event| if let Event::Released { cause, .. } = event { Some(*cause) } else { None })
            .collect();
        assert!(causes.len() <= 1, "released once: {causes:?}");
        causes.first().copied()
    }

    /// Rings and answers.
    pub fn answer(&mut self, local: &Local) {
        self.act(CALLEE, |call, now| call.proceed(now));
        self.act(CALLEE, |call, now| call.ring(now, false, None));
        self.act(CALLEE, |call, now| call.answer(now, local));
    }
}
