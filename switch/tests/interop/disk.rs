//! A disk that is full in mid-service: no new calls, no payments, live calls are settled in the room kept
//! back; and where that does not do, what went to the unsaved file is billed after the next start, once.
//! Without room nothing starts.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{
    Books, CARRIERS, OFFER, PBX, Peer, SOON, Scenario, Site, SmallDisk, Tollgate, binary, eventually,
    free_port, status_of, verify_ledger,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const HELD_NUMBER: &str = "34600000001";
/// A failed journal takes so many KiB of a file here.
const FILE_KIB: u32 = 3_072;

fn readiness(switch: &Tollgate, word: &str) -> Option<()> {
    let (status, text) = switch.api.text_and_status("/readyz");
    (status == 503 && text.contains(word)).then_some(())
}

/// Payments are refused at once, and move nothing in memory. A call that is up may still end, and costs a
/// cent.
fn nothing_moves(switch: &Tollgate) {
    let before = switch.api.balance("acme");
    for n in 0..5 {
        let begun = Instant::now();
        let topped = switch.api.top_up("acme", "1.00", &format!("onto a full disk {n}"));
        assert_eq!(topped.status, 503, "{topped:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "at once: {:?}", begun.elapsed());
    }
    let after = switch.api.balance("acme");
    assert!((before - 50_000..=before).contains(&after), "money moved: {before} → {after}");
}

fn new_calls_are_refused(switch: &Tollgate) {
    let mut pbx = Peer::new(PBX, switch.udp);
    let refused =
        pbx.ask("INVITE", &format!("sip:34911234567@{}", switch.udp), OFFER, SOON).expect("an answer");
    assert_eq!(status_of(&refused), Some(503), "{refused}");
}

/// Others fill the disk while calls are up: these are cut at their lease and settled in the journal, in the
/// room kept for them; when there is room again the switch goes on.
#[test]
fn fault_a1_live_calls_are_settled_on_a_full_disk() {
    let port = free_port(CARRIERS);
    let site = Site::acme("1000.00", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let site = site.toml("[journal]\nballast_mib = 2");
    let Some(disk) = SmallDisk::mount(&site.data(), 16) else { return };
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let switch = site.start();
    let held = Scenario::caller("uac_cutoff", &switch).calls(3).number(HELD_NUMBER).start();
    eventually("held calls", SOON, || (switch.api.calls_in("answered") == 3).then_some(()));
    disk.fill();
    // A short call finds the disk full when it is settled.
    let load = Scenario::caller("uac_call", &switch).calls(1_000_000).rate(50).pause_ms(50).start();
    eventually("a full disk", SOON, || readiness(&switch, "full"));
    load.stop();
    nothing_moves(&switch);
    new_calls_are_refused(&switch);
    assert_eq!(held.finish().cut().len(), 3, "live calls end at their lease");
    eventually("the end of all calls", SOON, || switch.api.calls().is_empty().then_some(()));
    let settled = switch
        .api
        .cdrs()
        .iter()
        .filter(|cdr| cdr.text("called_e164") == HELD_NUMBER && cdr.units("amount") > 0)
        .count();
    assert_eq!(settled, 3, "they are in the journal");
    disk.free();
    eventually("room", SOON, || (switch.api.text_and_status("/readyz").0 == 200).then_some(()));
    assert_eq!(
        switch.api.top_up("acme", "1.00", "onto a full disk 0").status,
        201,
        "the refused payment can be repeated"
    );
    let paid = Books { paid_in: 100_000, ..Books::of("acme", "1000.00") };
    paid.check(&switch.api, &site.data());
    switch.stop();
    assert!(!site.path("unsaved.jsonl").exists(), "nothing was lost to it");
}

/// A journal that fails altogether: calls end at their lease, their records wait in the unsaved file, and the
/// next start bills them.
#[test]
fn fault_a1_what_was_unsaved_is_billed_after_the_next_start() {
    let port = free_port(CARRIERS);
    let site = Site::acme("1000.00", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let site = site.toml("[journal]\nballast_mib = 1\nunsaved_file = \"elsewhere/kept.jsonl\"");
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let switch = site.start_on_small_disk(FILE_KIB);
    let held = Scenario::caller("uac_cutoff", &switch).calls(2).number(HELD_NUMBER).start();
    eventually("held calls", SOON, || (switch.api.calls_in("answered") == 2).then_some(()));
    let load = Scenario::caller("uac_call", &switch).calls(1_000_000).rate(100).pause_ms(50).start();
    let mut shown = BTreeSet::new();
    eventually("a failed journal", Duration::from_secs(180), || {
        if let Ok(page) = switch.api.try_get("/cdrs?limit=10000") {
            shown.extend(
                page.body["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|cdr| cdr["id"].as_str().unwrap_or_default().to_owned()),
            );
        }
        readiness(&switch, "journal failed")
    });
    load.stop();
    nothing_moves(&switch);
    new_calls_are_refused(&switch);
    assert_eq!(held.finish().cut().len(), 2, "live calls end at their lease");
    let status = switch.ended(Duration::from_secs(120));
    assert!(!status.success(), "an unwritten record is an error: {status}");
    let kept = site.path("elsewhere/kept.jsonl");
    let unsaved = fs::read_to_string(&kept).unwrap();
    assert!(
        unsaved.lines().filter(|line| line.contains(HELD_NUMBER)).count() >= 2,
        "the held calls' records are there"
    );

    // With room again all that was shown is there, and what was not is billed: nothing is closed as if the
    // node had been lost.
    let again = site.start();
    assert!(!kept.exists(), "nothing is in both places");
    let cdrs = again.api.cdrs();
    let ids: BTreeSet<String> = cdrs.iter().map(|cdr| cdr.text("id").to_owned()).collect();
    assert!(shown.is_subset(&ids), "lost: {:?}", shown.difference(&ids));
    let held: Vec<_> = cdrs.iter().filter(|cdr| cdr.text("called_e164") == HELD_NUMBER).collect();
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|cdr| cdr.text("reason") != "node-lost" && cdr.units("amount") > 0), "{held:?}");
    eventually("the end of all calls", SOON, || again.api.calls().is_empty().then_some(()));
    Books::of("acme", "1000.00").check(&again.api, &site.data());
    assert_eq!(
        again.api.top_up("acme", "1.00", "onto a full disk 0").status,
        201,
        "the refused payment can be repeated"
    );
    eprintln!(
        "full disk: {} CDRs shown before, {} in the journal, {} lines taken in",
        shown.len(),
        ids.len(),
        unsaved.lines().count()
    );
    again.stop();
}

/// No `ready`, no entry, one line that says what to do; with room the calls of before are closed, once.
#[test]
fn fault_a1_a_start_without_room_is_none() {
    let site =
        Site::acme("10.00", BY_THE_SECOND).carrier("alpha", free_port(CARRIERS), "").route("34", &["alpha"]);
    let site = site.toml("[journal]\nballast_mib = 1");
    let switch = site.start();
    assert_eq!(switch.api.top_up("acme", "1.00", "k1").status, 201);
    switch.kill();
    let entries = verify_ledger(&site.data())["entries"].clone();
    // As after a run in which it was used up.
    fs::remove_file(site.data().join("ballast")).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 600; exec \"$0\" \"$@\""]);
    let output = shell
        .arg(binary())
        .args(["run", "--config"])
        .arg(site.config())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "it said ready: {output:?}");
    assert!(
        said.lines().any(|line| line.starts_with("tollgate: ")
            && line.contains("ballast")
            && line.contains("free some")),
        "{said}"
    );
    assert_eq!(verify_ledger(&site.data())["entries"], entries, "no entry without room");
    let again = site.start();
    assert_eq!(again.api.balance("acme"), 1_100_000);
    again.stop();
}
