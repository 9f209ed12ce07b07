//! What a seed decides: how bad the network is, what else goes wrong, who has how much money.

use std::net::SocketAddr;

use route::{MediaPath, SessionTimer};
use tests::plan::{Plan, carrier, deck, gate};
use tests::rng::Rng;

use crate::{caller, carrier::Script};

/// The PBXs of the gates.
pub const PBXS: [(&str, bool); 4] = [
    ("192.0.2.11:5060", false),
    ("192.0.2.12:5060", false),
    ("192.0.2.13:5060", true),
    ("192.0.2.14:5060", false),
];
/// The carriers; the last but one by TCP, the last is a dead address.
pub const TRUNKS: [(&str, &str, bool); 3] = [
    ("alpha", "198.51.100.1:5060", false),
    ("beta", "198.51.100.2:5060", false),
    ("gamma", "198.51.100.3:5060", true),
];
/// Nobody is here, and the network says so.
pub const DEAD: &str = "198.51.100.9:5060";

/// Which of the bad things may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing is lost; peers are as bad as ever.
    Calm,
    /// Datagrams are lost, doubled, overtaken.
    Lossy,
    /// The process dies, once or more.
    Crashing,
    /// The journal is slow, full, broken.
    Journal,
    /// Reloads, top-ups, kills, drain, stop, clock jumps, broken connections.
    Busy,
    /// Packets are bent, cut, sent again much later, and forged.
    Hostile,
}

#[derive(Clone, Debug)]
pub struct Profile {
    pub weather: Weather,
    pub shards: u8,
    pub loss: u64,
    pub duplicate: u64,
    pub delay_us: (u64, u64),
    pub calls: u64,
    pub span_ms: u64,
    pub chaos: Vec<(u64, Chaos)>,
    pub commit_ms: (u64, u64),
    pub moods: Vec<Vec<Script>>,
    pub plan: Plan,
}

/// Something that happens to the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chaos {
    /// The wall clock jumps so many ms.
    Clock(i64),
    Half,
    Ok,
    Failed,
    /// After so many outputs more.
    Crash(u64),
    Reload,
    TopUp {
        account: usize,
        amount: i64,
    },
    Kill,
    Drain,
    Stop,
    /// All streams break.
    Streams,
}

pub const ACCOUNTS: [&str; 3] = ["acme", "globex", "initech"];

impl Profile {
    pub fn new(weather: Weather, rng: &mut Rng) -> Self {
        let span_ms = rng.range(20_000, 120_000);
        let lossy = weather == Weather::Lossy || (weather != Weather::Calm && rng.percent(40));
        Self {
            weather,
            shards: if rng.percent(50) { 2 } else { 1 },
            loss: if lossy { rng.range(1, 30) } else { 0 },
            duplicate: if lossy { rng.range(0, 20) } else { 0 },
            delay_us: if lossy {
                (1_000, rng.range(2_000, 400_000))
            } else {
                (500, rng.range(1_000, 30_000))
            },
            calls: rng.range(4, 14),
            span_ms,
            chaos: chaos(weather, span_ms, rng),
            commit_ms: if weather == Weather::Journal {
                (1, rng.range(10, 8_000))
            } else {
                (1, rng.range(2, 200))
            },
            moods: TRUNKS.iter().map(|_| moods(rng)).collect(),
            plan: plan(rng),
        }
    }
}

impl Profile {
    /// Every third seed relays media, some of it with few ports or impatience, some carriers directly.
    pub fn relay(&mut self, seed: u64) {
        if !seed.is_multiple_of(3) {
            return;
        }
        let last = if self.weather != Weather::Calm && seed.is_multiple_of(4) { 20_007 } else { 20_199 };
        self.plan = self.plan.clone().relayed((20_000, last));
        for (at, terms) in self.plan.gates.iter_mut().map(|gate| &mut gate.media).enumerate() {
            if (seed / 3 + at as u64).is_multiple_of(3) {
                terms.path = MediaPath::Bypass;
            }
        }
        for (at, terms) in self.plan.carriers.iter_mut().map(|carrier| &mut carrier.media).enumerate() {
            if (seed / 3 + at as u64).is_multiple_of(2) {
                terms.path = MediaPath::Bypass;
            }
        }
        // A calm run has no model of silence.
        self.plan.media.rtp_timeout_ms = match self.weather {
            Weather::Calm => u32::MAX,
            _ if seed.is_multiple_of(2) => 3_000,
            _ => 20_000,
        };
        self.plan.media.rtp_timeout_hold_ms = 600_000;
    }
}

fn chaos(weather: Weather, span_ms: u64, rng: &mut Rng) -> Vec<(u64, Chaos)> {
    let mut list = Vec::new();
    let at = |rng: &mut Rng| rng.range(1_000, span_ms + 20_000);
    let mut add = |at: u64, what: Chaos| list.push((at, what));
    match weather {
        Weather::Calm | Weather::Lossy | Weather::Hostile => {}
        Weather::Crashing => {
            for _ in 0..rng.range(1, 3) {
                let outputs = rng.range(0, 12);
                add(at(rng), Chaos::Crash(outputs));
            }
        }
        Weather::Journal => {
            for _ in 0..rng.range(0, 2) {
                let from = at(rng);
                add(from, Chaos::Half);
                add(from + rng.range(100, 20_000), Chaos::Ok);
            }
            if rng.percent(50) {
                add(at(rng), Chaos::Failed);
            }
        }
        Weather::Busy => {
            if rng.percent(10) {
                add(at(rng), Chaos::Drain);
            }
            if rng.percent(15) {
                add(at(rng), Chaos::Stop);
            }
            if rng.percent(30) {
                add(at(rng), Chaos::Streams);
            }
        }
    }
    if weather != Weather::Calm {
        for _ in 0..rng.range(0, 2) {
            let hour = 3_600_000;
            let jump = rng.range(0, 2 * hour) as i64 - hour as i64;
            add(at(rng), Chaos::Clock(jump));
        }
        for _ in 0..rng.range(0, 3) {
            let account = rng.range(0, 2) as usize;
            let amount = rng.range(1, 300_000) as i64;
            add(at(rng), Chaos::TopUp { account, amount });
        }
        for _ in 0..rng.range(0, 2) {
            add(at(rng), Chaos::Kill);
        }
        for _ in 0..rng.range(0, 2) {
            add(at(rng), Chaos::Reload);
        }
    }
    list
}

fn moods(rng: &mut Rng) -> Vec<Script> {
    let answer = Script::Answer { ring_ms: rng.range(0, 1_500), answer_ms: rng.range(1, 4_000) };
    let all = [
        Script::Media { answer_ms: rng.range(1, 3_000) },
        Script::Refuse {
            status: *rng.pick(&[302, 400, 404, 480, 484, 486, 500, 503, 603, 422, 408, 407]),
            after_ms: rng.range(1, 2_000),
        },
        Script::Refuse { status: *rng.pick(&[503, 404, 486]), after_ms: rng.range(1, 500) },
        Script::Silent,
        Script::Slow { answer_ms: rng.range(1, 9_000) },
        Script::Trying,
        Script::Ringing,
        Script::AnswersCancel,
        Script::Forks { apart_ms: rng.range(1, 3_000) },
        Script::HangsUp { talk_ms: rng.range(1, 60_000) },
        Script::Vanish { after_ms: rng.range(1, 20_000) },
        Script::SmallSession,
        Script::BadAnswer,
        Script::Reinvites { after_ms: rng.range(100, 10_000) },
    ];
    let mut moods = vec![answer; 3];
    for _ in 0..rng.range(1, 4) {
        moods.push(*rng.pick(&all));
    }
    moods
}

/// What a caller does.
pub fn script(rng: &mut Rng) -> caller::Script {
    use caller::Script;
    let talk = rng.range(1, 70_000);
    match rng.range(0, 19) {
        0..=6 => Script::Talk(talk),
        7..=9 => Script::Cancel(rng.range(1, 6_000)),
        10 => Script::Endless,
        11 | 12 => Script::Hold(rng.range(1, 15_000)),
        13 | 14 => Script::Late(talk),
        15 => Script::NoAck,
        16 => Script::Thrice(talk),
        17 => Script::EarlyBye(rng.range(1, 3_000)),
        18 => Script::G722,
        _ => Script::Vanish(rng.range(1, 20_000)),
    }
}

/// Numbers that are called: most have a price and a route.
pub fn number(rng: &mut Rng) -> &'static str {
    let all = [
        "34911000000",
        "+34911000001",
        "34600000000",
        "0034600000002",
        "33123456789",
        "+33123456780",
        "34511000000",
        "34511000001",
        "3491100000",
        "346",
        "49301234567",
        "12",
        "34abc",
        "",
    ];
    let last = if rng.percent(85) { 8 } else { all.len() as u64 - 1 };
    all[rng.range(0, last) as usize]
}

fn retail(rng: &mut Rng) -> String {
    let mut text = deck(&[
        ("34", "0.12345", 30, 6, ""),
        ("346", "0.9", 1, 1, ""),
        ("349", "0.6", 60, 60, "0.1"),
        ("345", "1.77777", 6, 1, "0.00001"),
    ]);
    // The row of 33 changes while the simulation runs.
    let change = rng.range(0, 240);
    let at = format!("2026-01-05T10:0{}:{:02}Z", change / 60, change % 60);
    let dearer = rng.range(1, 90);
    text.push_str(&format!(
        "33,France,0.0{dearer:02},10,10,,,{at}\n33,France,1.{dearer:02},20,5,0.05,{at},\n"
    ));
    text
}

fn plan(rng: &mut Rng) -> Plan {
    let mut carriers: Vec<_> = TRUNKS
        .iter()
        .map(|(name, at, tcp)| {
            carrier(name, &format!("sip:{at};transport={}", if *tcp { "tcp" } else { "udp" }))
        })
        .collect();
    carriers.push(carrier("dead", &format!("sip:{DEAD}")));
    for carrier in &mut carriers {
        carrier.no_answer_secs = rng.range(5, 30) as u32;
        carrier.first_response_ms = rng.range(500, 5_000) as u32;
        carrier.down_after = rng.range(2, 20) as u32;
        carrier.hunt_after_early_media = rng.percent(20);
        carrier.deck = rng.percent(70).then(|| "cost".into());
        if rng.percent(20) {
            carrier.max_calls = rng.range(1, 3) as u32;
        }
        if rng.percent(30) {
            carrier.session = SessionTimer { expires_secs: 90, min_secs: 90 };
        }
    }
    let owners =
        [("acme-pbx", "acme"), ("globex-pbx", "globex"), ("acme-branch", "acme"), ("initech-pbx", "initech")];
    let gates = owners.iter().zip(PBXS).map(|((name, account), (at, _))| {
        let at: SocketAddr = at.parse().expect("address");
        let mut gate = gate(name, account, &at.ip().to_string());
        gate.max_call_secs = rng.range(20, 150) as u32;
        if rng.percent(20) {
            gate.max_calls = rng.range(1, 3) as u32;
        }
        if rng.percent(15) {
            gate.max_cps = Some(1);
        }
        if rng.percent(30) {
            gate.session = SessionTimer { expires_secs: 90, min_secs: 90 };
        }
        gate
    });
    let gates = gates.collect();
    let balance = |rng: &mut Rng| match rng.range(0, 5) {
        0 => rng.range(0, 20_000) as i64,
        1 | 2 => rng.range(20_000, 300_000) as i64,
        _ => rng.range(300_000, 10_000_000) as i64,
    };
    Plan {
        decks: vec![
            ("retail", retail(rng)),
            ("cost", deck(&[("34", "0.03", 1, 1, ""), ("33", "0.5", 60, 60, "")])),
        ],
        accounts: ACCOUNTS.iter().map(|name| (*name, balance(rng), "retail")).collect(),
        gates,
        carriers,
        routes: vec![
            ("34", vec!["alpha", "beta"]),
            ("346", vec!["beta", "gamma", "alpha"]),
            ("349", vec!["gamma", "beta"]),
            ("33", vec!["dead", "alpha", "gamma"]),
        ],
        ..Plan::standard()
    }
}

/// What an operator changes in mid-call: prices, order of carriers, limits.
pub fn changed(plan: &mut Plan, rng: &mut Rng) {
    plan.decks[0].1 = retail(rng).replace("0.12345", &format!("0.{}", rng.range(10_000, 99_999)));
    for (_, carriers) in &mut plan.routes {
        carriers.rotate_left(1);
    }
    if rng.percent(20) && plan.gates.len() > 3 {
        plan.gates.pop();
    }
    if rng.percent(20) && plan.carriers.len() > 3 {
        plan.carriers.pop();
        for (_, carriers) in &mut plan.routes {
            carriers.retain(|name| *name != "dead");
        }
    }
}
