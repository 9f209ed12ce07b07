//! Any bytes as a routes file: rows or errors with places, and a table that finds each of its own prefixes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use route::{CarrierSpec, Carriers, RouteTableBuilder};

fuzz_target!(|bytes: &[u8]| {
    let specs = ["alpha", "beta"].map(|name| CarrierSpec::new(name, "sip:192.0.2.1".parse().expect("target")));
    let carriers = Carriers::new(specs.to_vec(), None).expect("two carriers");
    let mut builder = RouteTableBuilder::default();
    let errors = builder.add_csv(bytes, 1, &carriers);
    assert!(errors.iter().all(|e| e.line >= 1 && e.column >= 1 && !e.message.is_empty()));
    let (table, _) = builder.build();
    for route in table.iter() {
        if let Ok(number) = route.prefix.to_string().parse() {
            assert_eq!(table.find(&number), Some(route));
        }
    }
});
