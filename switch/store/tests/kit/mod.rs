//! What the tests of the journal share: entries, and waiting for them without a clock.
#![allow(dead_code)] // not every test file uses all of it

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ledger::{CallId, Record};
use serde_json::value::RawValue;
use store::{Appender, Entry, Journal, Options, Priority, Recovered, StoreError, Ticket};
use units::{Name, Wall};

/// 2026-11-22T12:00:00Z.
pub const NOON: i64 = 1_795_348_800_000;

/// The record of a call that failed: it needs no account and moves no money.
pub fn cdr(number: u64, account: &str, at: i64) -> Entry {
    let json = format!(r#"{{"id":"{number}","account":"{account}","amount":"0.00000"}}"#);
    let cdr = RawValue::from_string(json).expect("JSON");
    Entry::of(&Record::settled(Wall(at), Name::from(account), CallId(u128::from(number)), cdr, Vec::new()))
        .expect("encodes")
}

/// The number given to [`cdr`], read back from a body.
pub fn number_of(entry: &Entry) -> u64 {
    let record = Record::decode(&entry.body).expect("a record");
    u64::try_from(record.cdr().expect("a call record").0.0).expect("made by cdr()")
}

/// Something that is no call record.
pub fn started(name: &str) -> Entry {
    Entry::of(&Record::started(Wall(NOON), Name::from(name), Name::from("0.1.0"))).expect("encodes")
}

/// A shard that sleeps until its entries are durable.
pub struct Shard {
    pub appender: Appender,
    woken: Receiver<()>,
}

impl Shard {
    pub fn of(journal: &Journal, shard: usize) -> Self {
        let (wake, woken) = channel();
        let appender = journal.appender(shard, move || wake.send(()).unwrap_or(())).expect("a free place");
        Self { appender, woken }
    }

    pub fn append(&mut self, entry: Entry) -> Ticket {
        self.appender.append(entry, Priority::New).expect("room")
    }

    /// Until the writer says something. The limit is for a journal that forgets to.
    pub fn wait(&self) {
        self.woken.recv_timeout(Duration::from_secs(30)).expect("the writer speaks");
    }

    pub fn wait_durable(&self, ticket: Ticket) {
        while self.appender.durable() < ticket {
            self.wait();
        }
    }
}

/// Opens and keeps every entry seen.
pub fn open(folder: &Path, options: Options) -> Result<(Journal, Recovered, Vec<Entry>), StoreError> {
    let mut seen = Vec::new();
    let (journal, recovered) = Journal::open(folder, options, |seq, entry, _hash| {
        assert_eq!(seq, seen.len() as u64 + 1);
        seen.push(entry.clone());
        Ok(())
    })?;
    Ok((journal, recovered, seen))
}

/// A closed journal of `count` call records, numbered from 1.
pub fn make(folder: &Path, count: u64) {
    let (journal, _, _) = open(folder, quiet()).expect("opens");
    let mut shard = Shard::of(&journal, 0);
    for number in 1..=count {
        shard.append(cdr(number, "acme", NOON));
    }
    journal.close().expect("closes");
}

/// No checkpoint while running, no gathering: what is durable is in the log at once.
pub fn quiet() -> Options {
    Options { gather: Duration::ZERO, checkpoint_bytes: u64::MAX, ..Options::default() }
}

/// The journal's files as a crash at this moment would leave them. Right only while nothing checkpoints.
pub fn crash_image(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("makes");
    for file in ["journal.db", "journal.db-wal"] {
        std::fs::copy(from.join(file), to.join(file)).expect("copies");
    }
}
