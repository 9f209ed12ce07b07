//! Logs on stderr, one JSON object per line. Who asked first is heard: `--log`, then $TOLLGATE_LOG, then the
//! configuration.

use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// Filter until the configuration has been read.
const BEFORE_CONFIG: &str = "info";
const VARIABLE: &str = "TOLLGATE_LOG";

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

struct Handles {
    lines: reload::Handle<Lines, Registry>,
    filter: reload::Handle<
        EnvFilter,
        tracing_subscriber::layer::Layered<reload::Layer<Lines, Registry>, Registry>,
    >,
    /// By the command line or the environment; then the configuration is not asked.
    chosen: bool,
    /// What is in force, and what an operator's change goes back to.
    words: Mutex<Words>,
}

#[derive(Default)]
struct Words {
    in_force: String,
    /// Of the command line, the environment or the configuration.
    preset: String,
    /// An operator changed it while the node runs.
    changed: bool,
}

static HANDLES: OnceLock<Handles> = OnceLock::new();

/// Starts logging. `by_flag` is the command line's filter.
pub(crate) fn start(by_flag: Option<String>) -> anyhow::Result<()> {
    let by_variable = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let wanted = by_flag.or(by_variable);
    let filter = parse(wanted.as_deref().unwrap_or(BEFORE_CONFIG))?;
    let (lines, lines_handle) = reload::Layer::new(lines(true));
    let (filter, filter_handle) = reload::Layer::new(filter);
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init()
        .context("logging was started twice")?;
    let preset = wanted.clone().unwrap_or_else(|| BEFORE_CONFIG.to_owned());
    let words = Mutex::new(Words { in_force: preset.clone(), preset, changed: false });
    let handles = Handles { lines: lines_handle, filter: filter_handle, chosen: wanted.is_some(), words };
    HANDLES.set(handles).map_err(|_| anyhow::anyhow!("logging was started twice"))
}

/// Takes over `[log]` of a configuration that is being applied.
pub(crate) fn follow(log: &config::Log) -> anyhow::Result<()> {
    let Some(handles) = HANDLES.get() else { return Ok(()) };
    handles.lines.reload(lines(log.json)).context("cannot change the form of the log")?;
    if !handles.chosen {
        let mut words = handles.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.preset.clone_from(&log.filter);
        // What an operator asked for stays until it is taken back.
        if !words.changed {
            handles.filter.reload(parse(&log.filter)?).context("cannot change the log filter")?;
            words.in_force.clone_from(&log.filter);
        }
    }
    Ok(())
}

/// What the log shows.
pub(crate) fn filter() -> String {
    HANDLES
        .get()
        .map(|handles| handles.words.lock().unwrap_or_else(PoisonError::into_inner).in_force.clone())
        .unwrap_or_default()
}

/// Changes what the log shows until the process ends; none goes back to what it began with. Returns what is
/// in force now.
pub(crate) fn change(filter: Option<&str>) -> anyhow::Result<String> {
    let handles = HANDLES.get().context("logging was not started")?;
    let mut words = handles.words.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = filter.unwrap_or(&words.preset).to_owned();
    handles.filter.reload(parse(&wanted)?).context("cannot change the log filter")?;
    (words.changed, words.in_force) = (filter.is_some(), wanted);
    Ok(words.in_force.clone())
}

fn parse(text: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(text)
        .with_context(|| format!("{text:?} is no log filter: write info, or info,sip=debug"))
}

fn lines(json: bool) -> Lines {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if json { Box::new(layer.json().flatten_event(true)) } else { Box::new(layer.with_ansi(false)) }
}
