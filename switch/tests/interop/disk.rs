//! A disk that is full in mid-service: no new calls, live calls end at their lease, records go to the unsaved file, exit with an error;
//! and the journal, as far as it was written, is whole.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Books, CARRIERS, OFFER, PBX, Peer, SOON, Scenario, Site, eventually, free_port, status_of};

const FILE_KIB: u32 = 1_024;

#[test]
fn a_full_disk() {
    let port = free_port(CARRIERS);
    let site = Site::acme("1000.00", "34,Spain,0.60,1,1,,,").carrier("alpha", port, "").route("34", &["alpha"]);
    let site = site.toml("[journal]\nunsaved_file = \"kept.jsonl\"");
    let _alpha = Scenario::carrier("uas_answer", port).start();
    // The other path is a pipe: what is unsaved may be longer than a file may be here, if the disk was slow before it was full.
    let kept = site.path("kept.jsonl");
    assert!(Command::new("mkfifo").arg(&kept).status().unwrap().success());
    let unsaved = thread::spawn(move || fs::read_to_string(kept).unwrap());
    let switch = site.start_on_small_disk(FILE_KIB);
    let held = Scenario::caller("uac_cutoff", &switch).calls(2).number("34600000001").start();
    eventually("held calls", SOON, || (switch.api.calls_in("answered") == 2).then_some(()));
    let load = Scenario::caller("uac_call", &switch).calls(1_000_000).rate(100).pause_ms(50).start();
    let mut shown = BTreeSet::new();
    eventually("a full disk", Duration::from_secs(120), || {
        if let Ok(page) = switch.api.try_get("/cdrs?limit=10000") {
            shown.extend(page.body["items"].as_array().into_iter().flatten().map(|cdr| cdr["id"].as_str().unwrap_or_default().to_owned()));
        }
        let ready = switch.api.text_and_status("/readyz");
        (ready.0 == 503 && ready.1.contains("journal")).then_some(())
    });
    load.stop();

    let mut pbx = Peer::new(PBX, switch.udp);
    let refused = pbx.ask("INVITE", &format!("sip:34911234567@{}", switch.udp), OFFER, SOON).expect("an answer");
    assert_eq!(status_of(&refused), Some(503), "{refused}");
    let topped = switch.api.top_up("acme", "1.00", "onto a full disk");
    assert!(topped.status >= 400, "money was confirmed that is nowhere: {topped:?}");
    assert_eq!(held.finish().cut().len(), 2, "live calls end at their lease");
    let status = switch.ended(Duration::from_secs(120));
    assert!(!status.success(), "an unwritten record is an error: {status}");

    let log = fs::read_to_string(site.path("switch.log")).unwrap();
    assert!(log.contains("the journal failed"), "{log}");
    let unsaved = unsaved.join().unwrap();
    let unsaved: Vec<Value> = unsaved.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let held_records = unsaved.iter().filter(|record| record["body"].as_str().is_some_and(|body| body.contains("34600000001")));
    assert!(held_records.count() >= 2, "the held calls' records are in the unsaved file");

    // With room again: all that was shown is there, the rest is settled as after a crash.
    let again = site.start();
    let ids: BTreeSet<String> = again.api.cdrs().iter().map(|cdr| cdr.text("id").to_owned()).collect();
    assert!(shown.is_subset(&ids), "lost: {:?}", shown.difference(&ids));
    eventually("the end of all calls", SOON, || again.api.calls().is_empty().then_some(()));
    Books::of("acme", "1000.00").check(&again.api, &site.data());
    assert_eq!(again.api.top_up("acme", "1.00", "onto a full disk").status, 201, "the refused payment can be repeated");
    eprintln!("full disk: {} CDRs shown before, {} in the journal, {} records unsaved", shown.len(), ids.len(), unsaved.len());
}
