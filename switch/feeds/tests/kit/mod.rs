//! What the tests of feeds share: a journal in a folder that vanishes, and waiting for it without a clock.
#![allow(dead_code, unused_imports)] // not every test file uses all of it

pub mod nats;
#[path = "../../../tests/interop/harness/ports.rs"]
mod ports;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::{CallId, Notice, NoticeEvent, Record, RecordBody};
use serde_json::value::RawValue;
use store::{Appender, Entry, Journal, Options, Priority};
use tokio::sync::Notify;
use units::{Name, Wall};

pub use ports::free_port;

/// 2026-11-22T12:00:00Z.
pub const NOON: Wall = Wall(1_795_348_800_000);

pub fn cdr(number: u64) -> Entry {
    let cdr = RawValue::from_string(format!(r#"{{"id":"{number}","account":"acme","amount":"0.00000"}}"#))
        .expect("JSON");
    Entry::of(&Record::settled(NOON, "acme".into(), CallId(u128::from(number)), cdr, Vec::new()))
        .expect("encodes")
}

pub fn notice(to: Option<&str>, language: &str, event: NoticeEvent) -> Entry {
    let notice = Notice { to: to.map(Name::from), language: Some(language.into()), event, id: None };
    Entry::of(&Record::new(NOON, "acme".into(), RecordBody::Notice(notice))).expect("encodes")
}

/// A journal with its one shard.
pub struct Books {
    pub journal: Journal,
    appender: Appender,
    woken: Arc<Notify>,
}

impl Books {
    pub fn open(folder: &Path) -> Self {
        let options = Options { gather: Duration::ZERO, ..Options::default() };
        let (journal, _) = Journal::open(folder, options, |_, _, _| Ok(())).expect("opens");
        let woken = Arc::new(Notify::new());
        let wake = Arc::clone(&woken);
        let appender = journal.appender(0, move || wake.notify_one()).expect("a free place");
        Self { journal, appender, woken }
    }

    /// Appends, and returns when all is durable.
    pub async fn write(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            self.appender.append(entry, Priority::New).expect("room");
        }
        while self.appender.durable() < self.appender.last() {
            self.woken.notified().await;
        }
    }
}
