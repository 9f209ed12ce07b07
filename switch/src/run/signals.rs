//! The foreground process: what SIGHUP, SIGTERM and a second SIGTERM do.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use config::Diagnostic;
use tokio::signal::unix::{Signal, SignalKind, signal};
use web::documents::{DrainDoc, ReloadDoc};

use crate::run::Switch;
use crate::run::control::ControlCommand;

/// How often a drain looks whether the last call ended.
const LOOK_MS: u64 = 50;
/// How often it is kept that the clock is right, in looks of half a second.
const CLOCK_LOOKS: u32 = 20;

/// Runs until a signal ends it.
pub(crate) fn run(path: &Path) -> anyhow::Result<()> {
    let settings = match config::load(path) {
        Ok(settings) => settings,
        Err(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            bail!("{} is not applied: {} finding(s) above", path.display(), findings.len());
        }
    };
    crate::logs::follow(&settings.log)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the signal runtime")?;
    // Before anything is started, so that no signal finds its default.
    let signals = runtime.block_on(async { Signals::install() })?;
    let switch = Switch::start(settings)?;
    announce(&switch)?;
    runtime.block_on(attend(switch, signals, path))
}

/// `ready udp=… tcp=… http=…`, one line on stdout.
fn announce(switch: &Switch) -> anyhow::Result<()> {
    let mut line = String::from("ready");
    for (transport, address) in &switch.addresses.sip {
        line.push_str(&format!(" {}={address}", transport.via_name().to_lowercase()));
    }
    if let Some(address) = switch.addresses.h323 {
        line.push_str(&format!(" h323={address}"));
    }
    line.push_str(&format!(" http={}\n", switch.addresses.http));
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).context("cannot write to stdout")
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> anyhow::Result<Self> {
        let install = |kind| signal(kind).context("cannot handle signals");
        Ok(Self {
            terminate: install(SignalKind::terminate())?,
            interrupt: install(SignalKind::interrupt())?,
            hangup: install(SignalKind::hangup())?,
        })
    }

    /// SIGTERM or SIGINT.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn attend(mut switch: Switch, mut signals: Signals, path: &Path) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(Duration::from_millis(500));
    let mut looks = 0_u32;
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => drop(reload(&mut switch, path).await),
            Some(order) = switch.order() => match order {
                // Whoever asked may have gone; it is in the log too.
                ControlCommand::Reload(reply) => drop(reply.send(reload(&mut switch, path).await)),
                ControlCommand::Drain(reply) => {
                    tracing::warn!("an operator asked for the drain");
                    let (live_calls, drain_secs) = (switch.live_calls(), switch.drain_secs());
                    drop(reply.send(DrainDoc { live_calls, drain_secs }));
                    break;
                }
            },
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = look.tick() => {
                switch.sweep();
                looks = looks.wrapping_add(1);
                if looks.is_multiple_of(CLOCK_LOOKS) {
                    switch.keep_moment();
                }
                if switch.a_shard_died() {
                    tracing::error!("a shard ended: stopping");
                    return switch.stop();
                }
                if let Some(why) = switch.journal_failed() {
                    tracing::error!(why, "the journal failed: no new calls; live calls end at their lease, then the process");
                    drain(&switch, &mut signals, Duration::MAX).await;
                    switch.stop()?;
                    bail!("the journal failed: {why}");
                }
            }
        }
    }
    tracing::info!(calls = switch.live_calls(), "draining: no new calls");
    let patience = Duration::from_secs(u64::from(switch.drain_secs()));
    drain(&switch, &mut signals, patience).await;
    switch.stop()
}

/// Waits for the last call, for the time to be up, or for a second signal.
async fn drain(switch: &Switch, signals: &mut Signals, patience: Duration) {
    switch.drain();
    let begun = Instant::now();
    while switch.live_calls() > 0 && begun.elapsed() < patience {
        tokio::select! {
            () = signals.end() => return,
            () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
        }
    }
}

async fn reload(switch: &mut Switch, path: &Path) -> Result<ReloadDoc, Vec<Diagnostic>> {
    let done = switch.reload(path).await;
    match &done {
        Ok(ReloadDoc { changes, warnings }) => {
            if changes.is_empty() {
                tracing::info!("reloaded: nothing changed");
            }
            changes.iter().for_each(|change| tracing::info!("reloaded: {change}"));
            warnings.iter().for_each(|warning| tracing::warn!("reloaded: {warning}"));
        }
        Err(findings) => {
            for finding in findings {
                tracing::error!("{finding}");
            }
            tracing::error!("{} finding(s): nothing was changed", findings.len());
        }
    }
    done
}
