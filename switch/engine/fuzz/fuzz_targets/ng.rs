//! Any answer of an engine: read without panic, and one outcome for each question.
#![no_main]

use engine::{Command, EngineId, Engines, GIVEN_UP_MS};
use libfuzzer_sys::fuzz_target;
use units::Tick;

fuzz_target!(|octets: &[u8]| {
    let address = "192.0.2.1:22222".parse().expect("an address");
    for command in [Command::Ping, Command::Query { call: 1 }, Command::Delete { call: 1 }] {
        let mut engines: Engines<u8> = Engines::new(vec![address], 1);
        engines.ask(Tick(0), EngineId(0), 0, &command).expect("room");
        let datagram = engines.poll_datagram().expect("a datagram").1;
        let cookie = datagram.split(|octet| *octet == b' ').next().expect("a cookie");
        engines.receive(Tick(1), address, octets);
        engines.receive(Tick(1), address, &[cookie, b" ", octets].concat());
        for ms in [200, 600, GIVEN_UP_MS] {
            engines.run(Tick(0).plus_ms(ms));
        }
        let outcomes = std::iter::from_fn(|| engines.poll_event()).count();
        assert_eq!(outcomes, 1);
    }
});
