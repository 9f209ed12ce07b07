//! Names of carriers against a name server of our own on loopback, which answers, refuses or keeps silent as
//! it is told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use route::Transport;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use super::*;

/// What the server does with questions for a name.
#[derive(Clone, Copy)]
enum Says {
    Address(Ipv4Addr),
    /// Priority, weight, port and target of each SRV record.
    Services(&'static [(u16, u16, u16, &'static str)]),
    /// Order, preference, flag, service and replacement of each NAPTR record.
    Choices(&'static [(u16, u16, &'static str, &'static str, &'static str)]),
    /// SERVFAIL.
    Failure,
    /// NXDOMAIN.
    NoSuchName,
    /// Bytes that are no answer.
    Garbage,
    /// An alias of itself.
    Loop,
    /// An alias whose name is a compression pointer to itself.
    Pointer,
    /// An address for another question than was asked.
    OtherId,
    /// A record that ends in the middle.
    Cut,
    /// To be asked again by TCP, which nobody answers.
    Truncated,
    Nothing,
}

/// The server's zone, and how often each name was asked.
#[derive(Default)]
struct Zone {
    says: BTreeMap<String, Says>,
    asked: watch::Sender<BTreeMap<String, u32>>,
}

type Shared = Arc<Mutex<Zone>>;

fn say(zone: &Shared, name: &str, says: Says) {
    zone.lock().expect("lock").says.insert(name.to_owned(), says);
}

/// RFC 1035 §4.1: the question's labels and type.
fn question(query: &[u8]) -> (String, u16, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5)
}

/// RFC 2782: priority, weight, port, and the target's labels.
fn service_data((priority, weight, port, target): (u16, u16, u16, &str)) -> Vec<u8> {
    let mut data: Vec<u8> = [priority, weight, port].iter().flat_map(|number| number.to_be_bytes()).collect();
    for label in target.split('.') {
        data.push(label.len() as u8);
        data.extend(label.as_bytes());
    }
    data.push(0);
    data
}

/// RFC 3403 §4: order, preference, three texts and the replacement's labels.
fn choice_data((order, preference, flag, service, replacement): (u16, u16, &str, &str, &str)) -> Vec<u8> {
    let mut data: Vec<u8> = [order, preference].iter().flat_map(|number| number.to_be_bytes()).collect();
    for text in [flag, service, ""] {
        data.push(text.len() as u8);
        data.extend(text.as_bytes());
    }
    for label in replacement.split('.') {
        data.push(label.len() as u8);
        data.extend(label.as_bytes());
    }
    data.push(0);
    data
}

/// The answer by RFC 1035 §4.1; none: silence.
fn answer(query: &[u8], zone: &Shared) -> Option<Vec<u8>> {
    let (name, kind, end) = question(query);
    let zone = zone.lock().expect("lock");
    zone.asked.send_modify(|asked| *asked.entry(name.clone()).or_default() += 1);
    let says = zone.says.get(&name).copied().unwrap_or(Says::NoSuchName);
    let reply = |code: u8, records: Vec<(u16, Vec<u8>)>| {
        let mut bytes = query[..2].to_vec();
        bytes.extend([0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        bytes.extend(&query[12..end]);
        for (kind, data) in records {
            bytes.extend([0xC0, 12]);
            bytes.extend(kind.to_be_bytes());
            // Class IN, no time to live: asked anew each time.
            bytes.extend([0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
            bytes.extend(data);
        }
        Some(bytes)
    };
    match says {
        Says::Address(ip) if kind == 1 => reply(0, vec![(1, ip.octets().to_vec())]),
        Says::Services(all) if kind == 33 => {
            reply(0, all.iter().map(|service| (33, service_data(*service))).collect())
        }
        Says::Choices(all) if kind == 35 => {
            reply(0, all.iter().map(|choice| (35, choice_data(*choice))).collect())
        }
        Says::Address(_) | Says::Services(_) | Says::Choices(_) => reply(0, Vec::new()),
        Says::Failure => reply(2, Vec::new()),
        Says::NoSuchName => reply(3, Vec::new()),
        Says::Loop => reply(0, vec![(5, vec![0xC0, 12])]),
        Says::Pointer => {
            let at = (0xC000 | (end + 12) as u16).to_be_bytes();
            reply(0, vec![(5, at.to_vec())])
        }
        Says::OtherId => {
            let mut bytes = reply(0, vec![(1, vec![203, 0, 113, 66])])?;
            bytes[0] ^= 0xFF;
            Some(bytes)
        }
        Says::Cut => {
            let mut bytes = reply(0, vec![(1, vec![203, 0, 113, 66])])?;
            bytes.truncate(bytes.len() - 2);
            Some(bytes)
        }
        Says::Truncated => {
            let mut bytes = reply(0, Vec::new())?;
            bytes[2] |= 0x02;
            Some(bytes)
        }
        Says::Garbage => Some(query.iter().map(|byte| byte ^ 0x55).collect()),
        Says::Nothing => None,
    }
}

/// Follows these carriers with a server on loopback; what is told comes out of the channel.
async fn site(
    names: &'static [(&'static str, &'static str)],
    zone: Shared,
) -> mpsc::UnboundedReceiver<(Name, Found)> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let port = socket.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            if let Some(reply) = answer(&buffer[..length], &zone) {
                socket.send_to(&reply, peer).await.expect("sent");
            }
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = port;
    let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    (options.timeout, options.attempts, options.cache_size) = (Duration::from_millis(1_500), 0, 0);
    let resolver = builder.build().expect("a resolver");
    let (told, heard) = mpsc::unbounded_channel();
    let millis = Duration::from_millis;
    let pace = Pace {
        look: millis(5),
        every: millis(20),
        every_max: millis(20),
        retry: millis(10),
        retry_max: millis(40),
    };
    let wanted = move || {
        names.iter().map(|(carrier, uri)| (Name::from(*carrier), uri.parse().expect("a target"))).collect()
    };
    tokio::spawn(async move {
        let tell = |carrier: &Name, found: Found| {
            // The test may be over.
            let _ = told.send((carrier.clone(), found));
        };
        let speaks = vec![Transport::Udp, Transport::Tcp];
        let lookup = Lookup { resolver, speaks, draw: |sum| sum / 2 };
        follow(&lookup, pace, wanted, tell).await;
    });
    heard
}

async fn next(heard: &mut mpsc::UnboundedReceiver<(Name, Found)>) -> (String, String) {
    let told = tokio::time::timeout(Duration::from_secs(20), heard.recv())
        .await
        .expect("told in time")
        .expect("open");
    let mut text: Vec<_> = told.1.addresses.iter().map(SocketAddr::to_string).collect();
    text.extend(told.1.transport.map(|transport| transport.to_string()));
    (told.0.to_string(), text.join(" "))
}

/// Waits until a name was asked so often more.
async fn asked_again(zone: &Shared, name: &str, more: u32) {
    let mut asked = zone.lock().expect("lock").asked.subscribe();
    let count = |asked: &BTreeMap<String, u32>| asked.get(name).copied().unwrap_or_default();
    let wanted = count(&asked.borrow()) + more;
    let reached = asked.wait_for(|asked| count(asked) >= wanted);
    drop(
        tokio::time::timeout(Duration::from_secs(20), reached)
            .await
            .expect("asked again in time")
            .expect("open"),
    );
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

fn told(carrier: &str, addresses: &str) -> (String, String) {
    (carrier.to_owned(), addresses.to_owned())
}

/// Refusals, silence, garbage and loops leave the address that works; the next good answer is taken within
/// moments.
#[test]
fn fault_b12_a_failed_look_up_keeps_the_last_good_answer() {
    run(async {
        let zone = Shared::default();
        say(&zone, "sip.alpha.test", Says::Address(Ipv4Addr::new(192, 0, 2, 7)));
        let mut heard = site(&[("alpha", "sip:sip.alpha.test:5070")], Arc::clone(&zone)).await;
        assert_eq!(next(&mut heard).await, told("alpha", "192.0.2.7:5070"));
        for says in [Says::Failure, Says::NoSuchName, Says::Garbage, Says::Loop, Says::Nothing] {
            say(&zone, "sip.alpha.test", says);
            asked_again(&zone, "sip.alpha.test", 3).await;
            assert!(heard.try_recv().is_err(), "nothing is told of a failure");
        }
        say(&zone, "sip.alpha.test", Says::Address(Ipv4Addr::new(192, 0, 2, 8)));
        assert_eq!(next(&mut heard).await, told("alpha", "192.0.2.8:5070"));
    });
}

/// A name whose server keeps silent does not delay the others.
#[test]
fn fault_b12_names_are_asked_in_parallel() {
    run(async {
        let zone = Shared::default();
        for name in ["a.test", "b.test", "c.test", "d.test"] {
            say(&zone, name, Says::Nothing);
        }
        say(&zone, "z.test", Says::Address(Ipv4Addr::new(192, 0, 2, 9)));
        let names = &[
            ("a", "sip:a.test:1"),
            ("b", "sip:b.test:1"),
            ("c", "sip:c.test:1"),
            ("d", "sip:d.test:1"),
            ("z", "sip:z.test:5060"),
        ];
        let begun = Instant::now();
        let mut heard = site(names, zone).await;
        assert_eq!(next(&mut heard).await, told("z", "192.0.2.9:5060"));
        assert!(
            begun.elapsed() < Duration::from_millis(1_500),
            "it waited for another: {:?}",
            begun.elapsed()
        );
    });
}

#[test]
fn waits_double_up_to_the_longest() {
    let secs = |failures| Pace::USUAL.after_failures(failures).as_secs();
    assert_eq!([1, 2, 3, 4, 5, 40].map(secs), [2, 4, 8, 16, 30, 30]);
}

/// A domain without a port is asked for its services first: by priority, the heavier first, those without an
/// address left out. A failure at any step keeps the last good answer; a domain without services is a host.
#[test]
fn fault_b12_services_of_a_domain_are_followed_and_kept() {
    const SERVICES: &[(u16, u16, u16, &str)] = &[
        (20, 0, 5080, "c.alpha.test"),
        (10, 1, 5060, "b.alpha.test"),
        (10, 60, 5070, "a.alpha.test"),
        (5, 0, 5060, "gone.alpha.test"),
    ];
    run(async {
        let (zone, service) = (Shared::default(), "_sip._udp.alpha.test");
        say(&zone, service, Says::Services(SERVICES));
        for (name, last) in [("a.alpha.test", 1), ("b.alpha.test", 2), ("c.alpha.test", 3), ("alpha.test", 9)]
        {
            say(&zone, name, Says::Address(Ipv4Addr::new(192, 0, 2, last)));
        }
        let mut heard = site(&[("alpha", "sip:alpha.test")], Arc::clone(&zone)).await;
        assert_eq!(next(&mut heard).await, told("alpha", "192.0.2.1:5070 192.0.2.2:5060 192.0.2.3:5080"));
        for says in [Says::Failure, Says::Garbage, Says::Nothing] {
            say(&zone, service, says);
            asked_again(&zone, service, 3).await;
            assert!(heard.try_recv().is_err(), "nothing is told of a failure");
        }
        // The services are known, and no host of theirs has an address.
        say(&zone, service, Says::Services(&SERVICES[3..]));
        asked_again(&zone, "gone.alpha.test", 3).await;
        assert!(heard.try_recv().is_err(), "nothing is told of services without an address");
        say(&zone, service, Says::NoSuchName);
        assert_eq!(next(&mut heard).await, told("alpha", "192.0.2.9:5060"));
    });
}

/// Where neither port nor transport is written, the domain chooses the transport; a written one asks for its
/// own services. A choice that fails keeps what was chosen.
#[test]
fn a_domain_chooses_the_transport() {
    const CHOICES: &[(u16, u16, &str, &str, &str)] = &[
        (10, 20, "s", "SIP+D2U", "_sip._udp.alpha.test"),
        (10, 10, "S", "sip+d2t", "_sip._tcp.alpha.test"),
        (5, 0, "s", "SIPS+D2T", "_sips._tcp.alpha.test"),
        (1, 0, "u", "E2U+sip", "alpha.test"),
    ];
    run(async {
        let zone = Shared::default();
        say(&zone, "alpha.test", Says::Choices(CHOICES));
        say(&zone, "_sip._tcp.alpha.test", Says::Services(&[(1, 1, 5070, "tcp.alpha.test")]));
        say(&zone, "_sip._udp.alpha.test", Says::Services(&[(1, 1, 5060, "udp.alpha.test")]));
        say(&zone, "_sips._tcp.alpha.test", Says::Services(&[(1, 1, 5061, "tls.alpha.test")]));
        for (name, last) in [("tcp.alpha.test", 1), ("udp.alpha.test", 2), ("tls.alpha.test", 3)] {
            say(&zone, name, Says::Address(Ipv4Addr::new(192, 0, 2, last)));
        }
        let mut heard = site(&[("free", "sip:alpha.test")], Arc::clone(&zone)).await;
        assert_eq!(next(&mut heard).await, told("free", "192.0.2.1:5070 tcp"));
        for says in [Says::Failure, Says::Garbage, Says::Nothing] {
            say(&zone, "alpha.test", says);
            asked_again(&zone, "alpha.test", 3).await;
            assert!(heard.try_recv().is_err(), "nothing is told of a failure");
        }
        say(&zone, "alpha.test", Says::NoSuchName);
        assert_eq!(next(&mut heard).await, told("free", "192.0.2.2:5060"));
        let written = &[("tls", "sip:alpha.test;transport=tls"), ("tcp", "sip:alpha.test;transport=tcp")];
        let mut heard = site(written, zone).await;
        let mut both = [next(&mut heard).await, next(&mut heard).await];
        both.sort();
        assert_eq!(both, [told("tcp", "192.0.2.1:5070"), told("tls", "192.0.2.3:5061")]);
    });
}

/// Answers that loop, lie, break off or send elsewhere change nothing, at no step of a look-up; the carrier
/// keeps its address.
#[test]
fn attack_27_answers_that_loop_or_break_off_do_no_harm() {
    const MANY: &[(u16, u16, u16, &str)] = &[(1, 1, 5060, "a.alpha.test"); 12];
    run(async {
        let zone = Shared::default();
        say(&zone, "_sip._udp.alpha.test", Says::Services(MANY));
        say(&zone, "a.alpha.test", Says::Address(Ipv4Addr::new(192, 0, 2, 7)));
        let mut heard = site(&[("alpha", "sip:alpha.test")], Arc::clone(&zone)).await;
        assert_eq!(next(&mut heard).await, told("alpha", "192.0.2.7:5060"));
        for name in ["alpha.test", "_sip._udp.alpha.test", "a.alpha.test"] {
            for says in [Says::Pointer, Says::OtherId, Says::Cut, Says::Truncated, Says::Loop, Says::Garbage]
            {
                say(&zone, name, says);
                asked_again(&zone, name, 2).await;
                assert!(heard.try_recv().is_err(), "nothing is told of {name}");
            }
            let well = match name {
                "alpha.test" => Says::NoSuchName,
                "a.alpha.test" => Says::Address(Ipv4Addr::new(192, 0, 2, 7)),
                _ => Says::Services(MANY),
            };
            say(&zone, name, well);
            asked_again(&zone, name, 2).await;
        }
        say(&zone, "a.alpha.test", Says::Address(Ipv4Addr::new(192, 0, 2, 8)));
        assert_eq!(next(&mut heard).await, told("alpha", "192.0.2.8:5060"));
    });
}
