//! `tollgate demo`: a switch, a test PBX and two test carriers in this process on loopback; places calls and
//! proves every amount. Invariant: it succeeds only if no single outcome, amount, balance or sum differs from
//! what it must be.

mod api;
mod carrier;
mod judge;
mod line;
mod paper;
mod phone;
mod story;
mod tariff;
mod voice;
mod world;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rating::Cdr;
use tokio::signal::unix::{SignalKind, signal};

use api::Api;
use carrier::Seen;
use judge::Case;
use line::Line;
use paper::Paper;
use phone::Heard;
use story::{CUSTOMERS, STORIES, Story};
use world::World;

/// All calls together.
const CALLS_MAX: Duration = Duration::from_secs(35);
/// A carrier has seen the end of a call so long after the switch.
const CARRIER_MAX: Duration = Duration::from_secs(2);

/// What the threads report.
enum News {
    Over {
        story: &'static Story,
        heard: anyhow::Result<Heard>,
    },
    /// SIGINT or SIGTERM.
    Interrupted,
}

/// Runs the demo; with `stay` the switch goes on until a signal.
pub(crate) fn run(stay: bool) -> anyhow::Result<()> {
    let (tell, news) = channel();
    watch_signals(tell.clone())?;
    let world = World::start(stay)?;
    let proved = prove(&world, &tell, &news, stay);
    let differences = match proved {
        Ok(differences) => differences,
        Err(error) => {
            // The first error is the one to tell.
            let _ = world.stop();
            return Err(error);
        }
    };
    if stay {
        invite(&world)?;
        while !matches!(news.recv(), Ok(News::Interrupted) | Err(_)) {}
    }
    world.stop()?;
    if differences > 0 {
        bail!("the demo found {differences} difference(s), marked WRONG above");
    }
    Ok(())
}

/// Places the calls and judges them. Returns the number of differences.
fn prove(world: &World, tell: &Sender<News>, news: &Receiver<News>, stay: bool) -> anyhow::Result<usize> {
    let mut paper = Paper::new();
    introduce(&mut paper, world)?;
    let begun = Instant::now();
    place(world.sip_udp()?, tell)?;
    let heard = listen(news)?;
    let api = Api::new(world.http(), &world.folder.path("admin.token"))?;
    let ids: BTreeSet<&str> = heard.iter().map(|(_, heard)| heard.call_id.as_str()).collect();
    let records = api.records(&ids)?;
    let mut differences = 0;
    for (at, case) in cases(world, heard, &records)?.iter().enumerate() {
        let wrong = case.judge();
        differences += wrong.len();
        paper.case(at + 1, case, &wrong);
    }
    differences += prove_books(world, &api, &records, &mut paper)?;
    paper.heading(if stay { "Where it is" } else { "Where it was: --stay keeps it up" });
    paper.field("API", &format!("{}/api/v1", api.root));
    paper.field("metrics", &format!("{}/metrics", api.root));
    paper.field("token", &world.folder.path("admin.token").display().to_string());
    let took = begun.elapsed().as_secs();
    let text = match differences {
        0 => format!(
            "{} calls in {took} s: every outcome, amount and balance is what exact arithmetic says.",
            records.len()
        ),
        _ => format!("{} calls in {took} s: {differences} difference(s), marked WRONG above.", records.len()),
    };
    paper.ending(differences == 0, &text);
    paper.print()?;
    Ok(differences)
}

fn introduce(paper: &mut Paper, world: &World) -> anyhow::Result<()> {
    paper.heading("Tollgate demo: everything runs in this process, on loopback");
    for (transport, address) in world.sip() {
        paper.field("switch", &format!("{address} over {}", transport.via_name()));
    }
    for customer in CUSTOMERS {
        let ip = Ipv4Addr::from(customer.ip);
        paper.field(
            "PBX",
            &format!(
                "{ip} is gate {}: account {}, {} EUR",
                customer.gate, customer.account, customer.balance
            ),
        );
    }
    paper.field("carriers", &format!("alpha {}, beta {}", world.alpha.address, world.beta.address));
    paper.field("folder", &world.folder.root().display().to_string());
    paper.line("\nPlacing the calls, most of them at once ...");
    paper.print()
}

/// Starts every row of stories in a thread of its own.
fn place(switch: SocketAddr, tell: &Sender<News>) -> anyhow::Result<()> {
    for row in STORIES {
        let tell = tell.clone();
        let work = move || {
            for story in *row {
                let heard = Line::bind(story.customer.ip.into())
                    .and_then(|line| phone::place(line, switch, &story.dial));
                if tell.send(News::Over { story, heard }).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("test-pbx".to_owned())
            .spawn(work)
            .context("cannot start a caller")?;
    }
    Ok(())
}

/// Until every call is over.
fn listen(news: &Receiver<News>) -> anyhow::Result<Vec<(&'static Story, Heard)>> {
    let end = Instant::now() + CALLS_MAX;
    let count: usize = STORIES.iter().map(|row| row.len()).sum();
    let mut heard = Vec::with_capacity(count);
    while heard.len() < count {
        match news.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(News::Over { story, heard: one }) => {
                heard.push((story, one.with_context(|| format!("call \"{}\"", story.title))?))
            }
            Ok(News::Interrupted) => bail!("interrupted"),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{} of {count} calls are not over after {} s", count - heard.len(), CALLS_MAX.as_secs())
            }
            Err(RecvTimeoutError::Disconnected) => bail!("the callers are gone"),
        }
    }
    Ok(heard)
}

/// Every call with its record, in the order of the stories.
fn cases(
    world: &World,
    mut heard: Vec<(&'static Story, Heard)>,
    records: &[Cdr],
) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::with_capacity(heard.len());
    for story in STORIES.iter().copied().flatten() {
        let at = heard
            .iter()
            .position(|(told, _)| std::ptr::eq(*told, story))
            .ok_or_else(|| anyhow!("a call was not placed"))?;
        let (_, heard) = heard.swap_remove(at);
        let mut of_call = records.iter().filter(|cdr| cdr.call_id_a == heard.call_id);
        let cdr = of_call.next().ok_or_else(|| anyhow!("a call left no CDR"))?.clone();
        if of_call.next().is_some() {
            bail!("call \"{}\" left more than one CDR", story.title);
        }
        let carrier = cdr.attempts.last().and_then(|attempt| world.carrier(&attempt.carrier));
        let seen = carrier.and_then(|carrier| end_at(carrier, story));
        cases.push(Case { story, heard, cdr, seen });
    }
    Ok(cases)
}

/// What the carrier saw, when it has seen the end of it.
fn end_at(carrier: &carrier::Carrier, story: &Story) -> Option<Seen> {
    let give_up = Instant::now() + CARRIER_MAX;
    let is_over = |seen: &Seen| seen.heard_bye.is_some() || seen.said_bye.is_some() || seen.cancelled;
    let must_end = matches!(story.expected.status, 200 | 487);
    loop {
        let seen = carrier.seen(story.number);
        if !must_end || seen.as_ref().is_some_and(is_over) || Instant::now() >= give_up {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Accounts and journal.
fn prove_books(world: &World, api: &Api, records: &[Cdr], paper: &mut Paper) -> anyhow::Result<usize> {
    paper.heading("Books");
    let mut wrong = Vec::new();
    for customer in CUSTOMERS {
        let now = api.account(customer.account)?;
        paper.field(
            customer.account,
            &format!("{} EUR, leased {}, available {}", now.balance, now.leased, now.available),
        );
        wrong.extend(judge::judge_account(customer, records, &now));
    }
    let found = store::verify(&world.folder.path("data")).context("cannot verify the journal")?;
    let sums: Vec<String> = found.sums.iter().map(|sum| format!("{sum} {}", sum.currency)).collect();
    let chain = if found.damage.is_none() { "ok" } else { "damaged" };
    let (entries, accounts) = (found.entries, found.accounts);
    paper.field(
        "journal",
        &format!("{entries} entries, {accounts} accounts, sum {}, chain {chain}", sums.join(", ")),
    );
    if !found.is_clean() || found.open_calls > 0 || sums.is_empty() || accounts != CUSTOMERS.len() as u64 {
        wrong.push(format!("the journal is not clean: {found:?}"));
    }
    if !api.has_metrics()? {
        wrong.push("the metrics count no call".to_owned());
    }
    paper.verdict("balances follow from the records, debits equal credits", &wrong);
    Ok(wrong.len())
}

/// How to try it.
fn invite(world: &World) -> anyhow::Result<()> {
    let mut paper = Paper::new();
    let (http, token) = (world.http(), world.folder.path("admin.token"));
    let (sip, token) = (world.sip_udp()?, token.display());
    paper.heading("It stays until Ctrl-C. Try:");
    for line in [
        format!("TOKEN=$(cat {token})"),
        format!("curl -s -H \"Authorization: Bearer $TOKEN\" http://{http}/api/v1/accounts"),
        format!("curl -s -H \"Authorization: Bearer $TOKEN\" 'http://{http}/api/v1/cdrs?account=kiosk'"),
        String::from(
            "curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Idempotency-Key: try-1' -H 'Content-Type: application/json' \\",
        ),
        format!(
            "     -d '{{\"amount\":\"5.00\",\"reference\":\"a try\"}}' http://{http}/api/v1/accounts/kiosk/topups"
        ),
        format!("curl -s http://{http}/metrics"),
        format!("tollgate cdr --api http://{http} --token-file {token}"),
        format!(
            "sipp -sn uac -i 127.0.0.11 -s 34911000001 -m 1 -d 5000 {sip}     # a call, if you have SIPp"
        ),
    ] {
        paper.line(&format!("   {line}"));
    }
    paper.line(&format!("\n   The folder {} is kept.", world.folder.root().display()));
    paper.print()
}

/// A thread that reports SIGINT and SIGTERM, so that nothing is left running or lying about.
fn watch_signals(tell: Sender<News>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the signal runtime")?;
    let (mut interrupt, mut terminate) = runtime
        .block_on(async {
            std::io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
        })
        .context("cannot handle signals")?;
    let watch = move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if tell.send(News::Interrupted).is_err() {
                    return;
                }
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch).context("cannot start a thread")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_amount_is_proved() {
        super::run(false).expect("no difference");
    }
}
