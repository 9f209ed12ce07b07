//! What leaves the running switch: each call record once in a stream of NATS, in order, whatever happens to
//! the process.

use serde_json::Value;

use crate::harness::nats::{Reader, Server};
use crate::harness::{CARRIERS, SOON, Scenario, Site, eventually, free_port};

/// How many messages the stream holds.
fn held(reader: &mut Reader) -> u64 {
    let told: Value = serde_json::from_str(&reader.ask("$JS.API.STREAM.INFO.CDRS", "")).unwrap();
    // Before the first record there is no stream.
    told["state"]["messages"].as_u64().unwrap_or(0)
}

#[test]
fn each_call_record_is_in_the_stream_once() {
    let folder = tempfile::tempdir().unwrap();
    let nats = Server::start(folder.path(), free_port(CARRIERS), &["-js"]);
    let port = free_port(CARRIERS);
    let site = Site::acme("10.00", "34,Spain,0.60,1,1,,,").carrier("alpha", port, "").route("34", &["alpha"]);
    let site = site.toml(&format!(
        "[nats]\nurl = \"nats://{}\"\nstream = \"CDRS\"\nsubject = \"tollgate.cdr\"",
        nats.address()
    ));
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let mut reader = Reader::connect(&nats);
    let mut switch = site.start();
    for round in 1..=3 {
        Scenario::caller("uac_call", &switch).calls(2).rate(100).pause_ms(100).run();
        switch.api.wait_cdrs(round * 2);
        if round == 3 {
            break;
        }
        // In order, and as a power cut would: at any point between the record and the word that it has
        // arrived.
        if round == 1 {
            switch.stop()
        } else {
            switch.kill()
        }
        switch = site.start();
    }
    eventually("every record in the stream", SOON, || (held(&mut reader) >= 6).then_some(()));
    // The next call is behind whatever might come twice.
    Scenario::caller("uac_call", &switch).pause_ms(100).run();
    let cdrs = switch.api.wait_cdrs(7);
    eventually("the last record in the stream", SOON, || (held(&mut reader) >= 7).then_some(()));
    assert_eq!(held(&mut reader), 7, "a record twice");
    let (mut ids, mut records) = (Vec::new(), Vec::new());
    for (id, record) in reader.read(7) {
        let (node, entry) = id.split_once('/').unwrap();
        assert_eq!(node, "sw1");
        ids.push(entry.parse::<u64>().unwrap());
        records.push(serde_json::from_str::<Value>(&record).unwrap());
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "in the order of the journal: {ids:?}");
    assert_eq!(
        records,
        cdrs.into_iter().map(|cdr| cdr.0).collect::<Vec<_>>(),
        "the records are those of the API"
    );
}
