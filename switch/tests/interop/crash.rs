//! `kill -9` under load, again and again on the same data: the ledger is whole each time, no CDR is there
//! twice, none is lost that the API had shown, and every call that was up gets one CDR and a BYE on both
//! sides. `TOLLGATE_KILL_ROUNDS` sets how often.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::harness::{
    Books, CARRIERS, SOON, Scenario, Sipp, Site, Tollgate, eventually, free_port, verify_ledger,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const ROUNDS: u64 = 5;
/// Calls of each round that are up when it is killed, to a number of their own.
const HELD: usize = 5;
const HELD_NUMBER: &str = "34600000001";

/// A round's peers, and what the API has shown so far.
struct Round<'a> {
    number: u64,
    switch: &'a Tollgate,
    shown: &'a mut BTreeSet<String>,
    /// The last page that was full.
    page: Option<String>,
}

impl Round<'_> {
    /// Held calls and a load of short ones. Returns at a moment that differs from round to round, amid calls
    /// in every state.
    fn until_the_kill(&mut self) -> (Sipp, Sipp) {
        let held =
            Scenario::caller("uac_cutoff", self.switch).number(HELD_NUMBER).calls(HELD).rate(1_000).start();
        eventually("held calls", SOON, || {
            let calls = self.switch.api.calls();
            let up = calls.iter().filter(|call| {
                call["called"].as_str().is_some_and(|to| to.contains(HELD_NUMBER))
                    && call["state"] == "answered"
            });
            (up.count() == HELD).then_some(())
        });
        let load = Scenario::caller("uac_call", self.switch).calls(1_000_000).rate(100).pause_ms(250).start();
        // A CDR of the load that is durable proves that the held calls' records, which are older, are durable
        // too.
        let before = self.shown.len();
        eventually("CDRs of the load", SOON, || {
            self.look();
            (self.shown.len() > before).then_some(())
        });
        let moment = Duration::from_millis(100 + self.number * 173 % 800);
        let begun = Instant::now();
        while begun.elapsed() < moment {
            self.look();
        }
        (held, load)
    }

    fn look(&mut self) {
        loop {
            let page = self.switch.api.cdr_page(100, self.page.as_deref());
            self.shown.extend(page.items().iter().map(|cdr| cdr["id"].as_str().unwrap().to_owned()));
            match page.body["next"].as_str() {
                Some(next) => self.page = Some(next.to_owned()),
                None => return,
            }
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled() {
    let rounds = std::env::var("TOLLGATE_KILL_ROUNDS")
        .map_or(ROUNDS, |rounds| rounds.parse().expect("TOLLGATE_KILL_ROUNDS is a number"));
    let port = free_port(CARRIERS);
    let site = Site::acme("100000.00", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let _alpha = Scenario::carrier("uas_answer", port).limit_secs(60 + rounds * 60).start();
    let mut switch = site.start();
    let mut shown = BTreeSet::new();
    let mut open_at_kills = 0;
    for number in 1..=rounds {
        let (held, load) = Round { number, switch: &switch, shown: &mut shown, page: None }.until_the_kill();
        switch.kill();
        load.stop();
        let found = verify_ledger(&site.data());
        let open = found["open_calls"].as_u64().unwrap();
        assert!(open >= HELD as u64, "round {number}: {found}");
        open_at_kills += open;

        switch = site.start();
        let log = held.finish();
        assert_eq!(log.cut().len(), HELD, "round {number}: each caller gets a BYE\n{}", log.0);
        let (cdrs, closed) = eventually("one CDR for every call that was open", SOON, || {
            let cdrs = switch.api.cdrs();
            let closed = cdrs.iter().filter(|cdr| cdr.text("reason") == "node-lost").count() as u64;
            (closed >= open_at_kills).then_some((cdrs, closed))
        });
        assert_eq!(closed, open_at_kills, "round {number}: more CDRs than calls that were open");
        let ids: BTreeSet<String> = cdrs.iter().map(|cdr| cdr.text("id").to_owned()).collect();
        assert_eq!(ids.len(), cdrs.len(), "round {number}: a CDR twice");
        let lost: Vec<&String> = shown.difference(&ids).collect();
        assert!(lost.is_empty(), "round {number}: lost {lost:?}");
        let held_closed = cdrs.iter().filter(|cdr| cdr.text("called_e164") == HELD_NUMBER).count() as u64;
        assert_eq!(held_closed, number * HELD as u64, "round {number}: one CDR for each held call");
        assert!(switch.api.calls().is_empty(), "round {number}: a call outlived the process");
        Books::of("acme", "100000.00").check(&switch.api, &site.data());
        shown = ids;
    }
    let entries = verify_ledger(&site.data())["entries"].clone();
    eprintln!(
        "{rounds} kills: {} CDRs, {open_at_kills} of calls open at a kill, {entries} journal entries",
        shown.len()
    );
    switch.stop();
}

/// Checkpoints every second: a call of about four seconds is billed to its last one, and the carrier hears a
/// BYE.
#[test]
fn an_open_call_is_billed_to_its_last_checkpoint() {
    let port = free_port(CARRIERS);
    let site = Site::acme("10.00", BY_THE_SECOND)
        .carrier("alpha", port, "")
        .route("34", &["alpha"])
        .toml("[journal]\ncheckpoint_secs = 1");
    let alpha = Scenario::carrier("uas_answer", port).calls(1).start();
    let switch = site.start();
    let call = Scenario::caller("uac_cutoff", &switch).start();
    let (seen_ms, at) = eventually("four seconds of talk", SOON, || {
        let at = Instant::now();
        let calls = switch.api.calls();
        Some((calls.iter().filter_map(|call| call["duration_ms"].as_u64()).find(|ms| *ms >= 4_000)?, at))
    });
    switch.kill();
    let talked_ms = seen_ms + at.elapsed().as_millis() as u64;
    let again = site.start();
    assert_eq!(call.finish().cut().len(), 1, "the caller gets a BYE");
    alpha.finish();
    let cdr = again.api.wait_cdrs(1).remove(0);
    assert_eq!(cdr.text("reason"), "node-lost", "{cdr:?}");
    let billed_ms = cdr.number("duration_ms") as u64;
    // Never more than was talked; less only by one checkpoint and the commits of a busy disk.
    assert!((1_000..=talked_ms).contains(&billed_ms), "billed {billed_ms} ms, talked {talked_ms} ms");
    Books::of("acme", "10.00").check(&again.api, &site.data());
}

/// A top-up that was confirmed is there after a kill at once, and the same key books nothing again.
#[test]
fn a_confirmed_top_up_survives() {
    let site =
        Site::acme("1.00", BY_THE_SECOND).carrier("alpha", free_port(CARRIERS), "").route("34", &["alpha"]);
    let mut switch = site.start();
    for round in 1..=5 {
        let key = format!("payment-{round}");
        assert_eq!(switch.api.top_up("acme", "1.00", &key).status, 201);
        switch.kill();
        switch = site.start();
        assert_eq!(switch.api.balance("acme"), 100_000 * (round + 1), "round {round}");
        let again = switch.api.top_up("acme", "1.00", &key);
        assert_eq!(
            (again.status, again.headers.get("idempotency-replayed").map(String::as_str)),
            (201, Some("true")),
            "{again:?}"
        );
        assert_eq!(switch.api.balance("acme"), 100_000 * (round + 1), "round {round}: booked twice");
    }
    verify_ledger(&site.data());
}
