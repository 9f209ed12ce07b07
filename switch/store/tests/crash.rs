//! Ten times SIGKILL in the middle of writing: each entry whose acknowledgement was seen is there, once, in
//! order.

mod kit;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kit::{NOON, Shard, cdr, number_of, open};
use store::{Options, Ticket, verify};

const FOLDER: &str = "JOURNAL_CRASH_FOLDER";
const TEST: &str = "what_was_acknowledged_survives_ten_kills";
const ROUNDS: u64 = 10;

/// Appends without end and prints what is durable. Small checkpoints, so that kills hit them too.
fn write_until_killed(folder: &Path) {
    let options =
        Options { checkpoint_bytes: 200_000, gather: Duration::from_micros(200), ..Options::default() };
    let (journal, recovered, _) = open(folder, options).expect("opens after a kill");
    let mut shard = Shard::of(&journal, 0);
    loop {
        let last = (0..37).fold(Ticket(0), |_, _| {
            let number = recovered.entries + shard.appender.last().0 + 1;
            shard.append(cdr(number, "acme", NOON))
        });
        // Some are still queued when the next come.
        shard.wait_durable(Ticket(last.0 - 5));
        let mut out = std::io::stdout().lock();
        writeln!(out, "durable {}", recovered.entries + shard.appender.durable().0)
            .and_then(|()| out.flush())
            .expect("the parent reads");
    }
}

#[test]
fn what_was_acknowledged_survives_ten_kills() {
    if let Some(folder) = env::var_os(FOLDER) {
        return write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("temporary");
    let mut entries = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().expect("this test"))
            .args([TEST, "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let acknowledged = lines.filter_map(|line| line.strip_prefix("durable ")?.parse::<u64>().ok());
        let mut seen = 0;
        let mut count = 0;
        for number in acknowledged {
            seen = number;
            count += 1;
            if count == 20 + 13 * round {
                // SIGKILL. What was printed before it took effect still comes.
                child.kill().expect("kills");
            }
        }
        assert!(!child.wait().expect("ended").success());
        assert!(seen > entries, "round {round} saw traffic");
        let verified = verify(folder.path()).expect("reads");
        assert!(verified.is_clean(), "round {round}: {verified:?}");
        assert!(verified.entries >= seen, "round {round}: {} of {seen}", verified.entries);
        entries = verified.entries;
    }
    let (_journal, recovered, seen) = open(folder.path(), Options::default()).expect("opens");
    assert_eq!(recovered.entries, entries);
    assert!(seen.iter().map(number_of).eq(1..=entries));
}
