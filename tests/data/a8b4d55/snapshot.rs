//! Makes a snapshot of the journal in a folder, as the store of the commit under test does: put into
//! `switch/store/examples` there.

use std::path::Path;
use std::time::{Duration, Instant};

use ledger::Replay;
use store::{Journal, Options};

fn main() {
    let folder = std::env::args().nth(1).expect("a data folder");
    let options = Options { snapshot_entries: 1, unsaved_file: Some(Path::new(&folder).join("unsaved.jsonl")), ..Options::default() };
    let (journal, recovered, _) = Journal::restore(Path::new(&folder), options, Replay::new).expect("opens");
    let named = Path::new(&folder).join(format!("snapshot-{:020}", recovered.entries));
    let (_open, never) = std::sync::mpsc::channel::<()>();
    let begun = Instant::now();
    while !named.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no {}", named.display());
        let _pause = never.recv_timeout(Duration::from_millis(20));
    }
    journal.close().expect("closes");
}
