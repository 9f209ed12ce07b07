//! A disk that fails while the switch runs: nothing is acknowledged that is not there, nothing is lost
//! without a trace.

mod kit;

use std::fs;
use std::io;
use std::path::Path;

use kit::{NOON, Shard, cdr, number_of, open, quiet};
use store::{Load, Options, Priority, QueueRefusal, Stage, StoreError, Ticket};

/// Fails for ever from the `nth` time at `stage`.
fn failing(stage: Stage, nth: u32, unsaved: &Path) -> Options {
    let mut times = 0;
    let fault = move |at: Stage| {
        times += u32::from(at == stage);
        // A checkpoint that finds no room is no failure.
        let kind = if stage == Stage::Checkpoint { io::ErrorKind::Other } else { io::ErrorKind::StorageFull };
        if times >= nth && at == stage { Err(io::Error::from(kind)) } else { Ok(()) }
    };
    Options { fault: Some(Box::new(fault)), unsaved_file: Some(unsaved.join("unsaved.jsonl")), ..quiet() }
}

/// Call numbers in the unsaved file, with the entry numbers they would have had.
fn unsaved(folder: &Path) -> Vec<(u64, u64)> {
    let text = fs::read_to_string(folder.join("unsaved.jsonl")).expect("written");
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    lines
        .map(|line| {
            let body: serde_json::Value =
                serde_json::from_str(line["body"].as_str().expect("text")).expect("JSON");
            let id =
                body["body"]["settled"]["cdr"]["id"].as_str().expect("a call").parse().expect("a number");
            (line["unsaved"].as_u64().expect("a number"), id)
        })
        .collect()
}

fn fails_at(stage: Stage) {
    let (folder, elsewhere) =
        (tempfile::tempdir().expect("temporary"), tempfile::tempdir().expect("temporary"));
    let (journal, _, _) = open(folder.path(), failing(stage, 4, elsewhere.path())).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=3 {
        let ticket = shard.append(cdr(number, "acme", NOON));
        shard.wait_durable(ticket);
    }
    assert_eq!(journal.failed(), None);
    shard.append(cdr(4, "acme", NOON));
    while journal.failed().is_none() {
        shard.wait();
    }
    assert_eq!(journal.pressure().load, Load::Failed);
    let refused = shard.appender.append(cdr(99, "acme", NOON), Priority::New).expect_err("no new calls");
    assert_eq!(refused.why, QueueRefusal::Failed);
    assert_eq!(shard.appender.append(cdr(5, "acme", NOON), Priority::Live).expect("taken"), Ticket(5));
    let error = journal.close().expect_err("not all is in the journal");
    assert!(matches!(error, StoreError::Failed { unsaved: 2, .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("unsaved.jsonl") && text.contains("no storage space") && !text.contains('\n'),
        "{text}"
    );
    assert_eq!(shard.appender.durable(), Ticket(3), "nothing is acknowledged after a failure");
    assert_eq!(journal.metrics().unsaved, 2);
    assert_eq!(unsaved(elsewhere.path()), [(4, 4), (5, 5)]);
    drop(journal);
    let (_journal, recovered, seen) = open(folder.path(), quiet()).expect("opens");
    assert_eq!(recovered.entries, 3);
    assert!(seen.iter().map(number_of).eq(1..=3));
}

#[test]
fn a_failed_commit_is_never_acknowledged_or_tried_again() {
    fails_at(Stage::Commit);
}

#[test]
fn a_failed_insert_is_never_acknowledged_or_tried_again() {
    fails_at(Stage::Insert);
}

#[test]
fn a_failed_checkpoint_stops_what_comes_after_it_only() {
    let (folder, elsewhere) =
        (tempfile::tempdir().expect("temporary"), tempfile::tempdir().expect("temporary"));
    let options = Options { checkpoint_bytes: 0, ..failing(Stage::Checkpoint, 1, elsewhere.path()) };
    let (journal, _, _) = open(folder.path(), options).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    let ticket = shard.append(cdr(1, "acme", NOON));
    shard.wait_durable(ticket);
    while journal.failed().is_none() {
        shard.wait();
    }
    assert_eq!(shard.appender.append(cdr(2, "acme", NOON), Priority::Live).expect("taken"), Ticket(2));
    assert!(matches!(journal.close(), Err(StoreError::Failed { unsaved: 1, .. })));
    assert_eq!(unsaved(elsewhere.path()), [(2, 2)]);
    drop(journal);
    assert_eq!(open(folder.path(), quiet()).expect("opens").1.entries, 1);
}
