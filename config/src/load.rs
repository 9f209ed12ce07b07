//! From a path to settings: everything is read and checked before anything fails, so that one run shows every
//! error.
//!
//! Invariant: settings come out only if no finding is an error; ids of gates and carriers follow the settings
//! before.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::{Check, read_text};
use crate::diagnostic::{Diagnostic, Report, Source};
use crate::media::PeerPresets;
use crate::reader::Document;
use crate::tls::TlsBuilder;
use crate::{
    Settings, base, feeds, h323, media, money, numbers, peers, prices, recording, routing, sip_accounts,
    stir, trace,
};

/// Reads and checks a configuration and every file that it names.
///
/// # Errors
/// Every finding in every file, warnings included.
pub fn load(path: impl AsRef<Path>) -> Result<Settings, Vec<Diagnostic>> {
    read(path.as_ref(), None)
}

/// As [`load`], for a running switch: gates and carriers keep the ids that they have in `before`.
///
/// # Errors
/// As [`load`]; then nothing of the new configuration may be applied.
pub fn reload(path: impl AsRef<Path>, before: &Settings) -> Result<Settings, Vec<Diagnostic>> {
    read(path.as_ref(), Some(before))
}

fn read(path: &Path, before: Option<&Settings>) -> Result<Settings, Vec<Diagnostic>> {
    let name: Arc<str> = path.to_string_lossy().into();
    let unreadable = |message| vec![Diagnostic::error(&name, 1, 1, message)];
    let text = read_text(path).map_err(unreadable)?;
    let found = std::fs::metadata(path).map_err(|error| unreadable(format!("cannot read: {error}")))?;
    let place = Place {
        dir: path.parent().map(Path::to_path_buf).unwrap_or_default(),
        mode: found.permissions().mode() & 0o777,
    };
    build(name, &text, Some(place), before)
}

/// Checks a configuration that is no file: the files that it names are not read, each is an error.
///
/// # Errors
/// As [`load`].
pub fn check_text(name: &str, text: &str) -> Result<Settings, Vec<Diagnostic>> {
    build(name.into(), text, None, None)
}

/// Where a configuration is.
struct Place {
    /// Its folder.
    dir: PathBuf,
    /// Its permission bits.
    mode: u32,
}

/// Checks `text` as the configuration file `name` at a place; without one no file is read.
fn build(
    name: Arc<str>,
    text: &str,
    place: Option<Place>,
    before: Option<&Settings>,
) -> Result<Settings, Vec<Diagnostic>> {
    let mut report = Report::default();
    let source = Source::new(name, text.into());
    let document = Document::read(text, &source, &mut report);
    let (dir, mode) = place.map(|place| (place.dir, place.mode)).unzip();
    let mut check = Check { dir, mode, ..Check::of_text(&source, &mut report) };

    let (node, sip) = (base::node(&document, &mut check), base::sip(&document, &mut check));
    let (http, h323) = (base::http(&document, &mut check), h323::h323(&document, &mut check));
    let media = media::media(&document, before.map(|b| &b.media), &mut check);
    let presets = PeerPresets::of(&node, &media);
    let (journal, trace) = (base::journal(&document, &check), trace::trace(&document, &mut check));
    let stir = stir::stir(&document, &mut check);
    let (nats, mail) = (feeds::nats(&document, &mut check), feeds::mail(&document, &mut check));
    base::refuse_shared_ports(&document, &http, h323.as_ref(), &mut check);

    let rules = prices::price_rules(&document, &mut check);
    let decks = money::decks(&document, &rules, &mut check);
    let accounts = money::accounts(&document, &decks, &mut check);
    let payment_methods = money::payment_methods(&document, &mut check);
    let mut tls = TlsBuilder::new(&document, &base::encrypted(&document), before.map(|b| &b.tls), &mut check);
    let mut names = BTreeMap::new();
    let mut gates = peers::gates(&document, &presets, &mut tls, &sip.realm, &mut names, &mut check);
    gates.extend(sip_accounts::sip_accounts(&document, (&presets, &sip.realm), &mut names, &mut check));
    let carriers = peers::carriers(&document, &presets, &decks, &mut tls, &mut check);
    let gates = check.built(route::Gates::new(gates, before.map(|b| &*b.gates)));
    let carriers = check.built(route::Carriers::new(carriers, before.map(|b| &*b.carriers)));
    peers::warn_of_carriers_inside_gates(&document, &gates, &mut check);
    let ours = (&sip, h323.as_ref(), media.relays(&gates, &carriers));
    let numbers = numbers::numbers(&document, ours, &gates, &mut tls, &mut check);
    let routes = routing::routes(&document, &carriers, &decks, &mut check);

    media::check_ports(&document, &media, &node, (&gates, &carriers), &mut check);
    let recording = recording::recording(&document, &media, (&gates, &carriers), &mut check);
    let tls = tls.finish(&mut check);
    let failed = report.has_errors();
    let findings = report.sorted();
    if failed {
        return Err(findings);
    }
    Ok(Settings {
        node,
        sip,
        tls,
        http,
        h323,
        media,
        journal,
        log: base::log(&document),
        trace,
        recording,
        stir,
        periods: rules.periods,
        nats,
        mail,
        decks: Arc::new(decks.loaded),
        accounts,
        payment_methods,
        gates: Arc::new(gates),
        carriers: Arc::new(carriers),
        numbers: Arc::new(numbers),
        routes: Arc::new(routes),
        warnings: findings,
    })
}
