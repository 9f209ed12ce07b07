//! Every version of every deck that was ever in force, in the data folder: `decks/NAME/VERSION.csv`, and in
//! `decks/NAME/history.jsonl` when it came and what its rows refer to. Nothing is ever removed: these are the
//! proof of what calls were billed by.
//!
//! Invariant: a file appears under its name only when it is whole and on the disk, and is never written
//! again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use rating::deck::Rules;
use rating::{Deck, price};
use serde::{Deserialize, Serialize};
use units::{Currency, Period, Rounding, Wall};
use web::{DeckPeriodDoc, DeckVersionDoc, KeptDecks, SourceError};

/// Lines of a history read; a deck that changes every minute has as many in two years.
const HISTORY_BYTES_MAX: u64 = 1 << 30;

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct DeckArchive(PathBuf);

/// A version that came into force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// When it was loaded first, or again after another.
    pub at: Wall,
    /// 16 hex digits.
    pub version: String,
    /// Of its amounts.
    pub currency: Currency,
    /// How many rows the deck has.
    pub rows: usize,
    /// As configured.
    rounding: Rounding,
    /// Parts of the week that its rows may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    periods: Vec<DeckPeriodDoc>,
}

// === impl Archive ===

impl DeckArchive {
    /// In a node's data folder.
    pub(crate) fn in_data(data_dir: &Path) -> Self {
        Self(data_dir.join("decks"))
    }

    /// Keeps a deck that is coming into force.
    pub(crate) fn keep(&self, deck: &Deck, at: Wall) -> anyhow::Result<()> {
        let folder = self.folder(deck.name())?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        // Those of an older version were for everybody.
        let made = made.and_then(|()| fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)));
        made.with_context(|| format!("cannot make {}", folder.display()))?;
        let version = price::version_text(deck.version());
        let path = folder.join(format!("{version}.csv"));
        if !path.exists() {
            write_whole(&path, |out| deck.write_csv(out))?;
        }
        if self.history(deck.name())?.last().is_none_or(|last| *last.version != *version) {
            append(&folder.join("history.jsonl"), &Kept::of(deck, at))?;
            sync_folder(&folder)?;
        }
        Ok(())
    }

    /// The names of all decks that were ever in force.
    pub(crate) fn names(&self) -> anyhow::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.0) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("cannot read {}", self.0.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.path().join("history.jsonl").is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The versions of one deck in the order in which they came into force.
    pub(crate) fn history(&self, name: &str) -> anyhow::Result<Vec<Kept>> {
        let path = self.folder(name)?.join("history.jsonl");
        let file = match File::open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let mut text = String::new();
        file.take(HISTORY_BYTES_MAX)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines: Vec<&str> = text.split('\n').collect();
        // What stands after the last line's end was being written when the machine stopped.
        lines.pop();
        let kept = lines.iter().zip(1..).filter(|(line, _)| !line.is_empty()).map(|(line, number)| {
            serde_json::from_str(line)
                .with_context(|| format!("{}:{number}: not a line of a history", path.display()))
        });
        kept.collect()
    }

    /// A version as it was in force.
    pub(crate) fn load(&self, name: &str, version: &str) -> anyhow::Result<Deck> {
        let history = self.history(name)?;
        let kept = history
            .iter()
            .rfind(|kept| kept.version == version)
            .ok_or_else(|| anyhow!("deck {name} never had version {version}"))?;
        let path = self.folder(name)?.join(format!("{version}.csv"));
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let loaded = Deck::load_by(name, kept.currency, &rules(kept.rounding, &kept.periods)?, file);
        let (deck, _) = loaded.map_err(|errors| match errors.first() {
            Some(first) => anyhow!("{}:{first}: the file was changed", path.display()),
            None => anyhow!("{}: the file was changed", path.display()),
        })?;
        if *price::version_text(deck.version()) != *version {
            bail!(
                "{} has version {}: the file was changed",
                path.display(),
                price::version_text(deck.version())
            );
        }
        Ok(deck)
    }

    /// The version that some deck had, of whatever name.
    pub(crate) fn find(&self, version: &str) -> anyhow::Result<Deck> {
        for name in self.names()? {
            if self.history(&name)?.iter().any(|kept| kept.version == version) {
                return self.load(&name, version);
            }
        }
        bail!("no deck had version {version}: see `tollgate deck versions`")
    }

    /// The version of which all customers know; none if there was no deck of this name before.
    pub(crate) fn told(&self, name: &str) -> anyhow::Result<Option<String>> {
        match fs::read_to_string(self.folder(name)?.join("told")) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("cannot read what customers of {name} were told")),
        }
    }

    /// All customers know of this version now.
    pub(crate) fn set_told(&self, name: &str, version: &str) -> anyhow::Result<()> {
        write_whole(&self.folder(name)?.join("told"), |out| writeln!(out, "{version}"))
    }

    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            bail!("deck {name:?} cannot be kept: its name is no name of a folder, begin it with a letter");
        }
        Ok(self.0.join(name))
    }
}

/// Under another name first, so that what has the right name is whole.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let written = (|| {
        let made = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        let mut out = BufWriter::new(made);
        write(&mut out)?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&draft, path)
    })();
    written.with_context(|| format!("cannot write {}", path.display()))?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn append(path: &Path, kept: &Kept) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(kept)?;
    line.push('\n');
    let written = (|| {
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let mut last = [b'\n'];
        if length > 0 {
            file.seek(SeekFrom::Start(length - 1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            // A line that was cut off is none: it goes.
            let text = fs::read(path)?;
            let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            file.set_len(whole as u64)?;
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()
    })();
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot sync {}", folder.display()))
}

impl KeptDecks for DeckArchive {
    fn history(&self, name: &str) -> Result<Vec<DeckVersionDoc>, SourceError> {
        let kept = Self::history(self, name).map_err(unreadable)?;
        let document = |kept: Kept| DeckVersionDoc {
            version: kept.version,
            since: kept.at.rfc3339(),
            currency: kept.currency.to_string(),
            rows: kept.rows as u64,
        };
        Ok(kept.into_iter().map(document).collect())
    }

    fn load(&self, name: &str, version: &str) -> Result<Deck, SourceError> {
        Self::load(self, name, version).map_err(unreadable)
    }
}

fn unreadable(error: anyhow::Error) -> SourceError {
    SourceError(format!("{error:#}"))
}

// === impl Kept ===

impl Kept {
    fn of(deck: &Deck, at: Wall) -> Self {
        let rules = deck.rules();
        Self {
            at,
            version: price::version_text(deck.version()).to_string(),
            currency: deck.currency(),
            rows: deck.len(),
            rounding: rules.rounding,
            periods: rules.periods.iter().map(DeckPeriodDoc::of).collect(),
        }
    }
}

/// What a deck's rows refer to, from what is kept or told of it.
pub(crate) fn rules(rounding: Rounding, periods: &[DeckPeriodDoc]) -> anyhow::Result<Rules> {
    let period = |kept: &DeckPeriodDoc| {
        let zone = config::zone(&kept.zone)
            .ok_or_else(|| anyhow!("no zone {:?} in this program's tz database", kept.zone))?;
        Ok(Period::new(&kept.name, Arc::new(zone), kept.days, kept.from, kept.until)?)
    };
    let periods: anyhow::Result<Vec<Period>> = periods.iter().map(period).collect();
    Ok(Rules::archived(rounding, periods?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deck(name: &str, rate: &str, rules: &Rules) -> Deck {
        let csv = format!(
            "prefix,destination,rate,initial,increment,period\n34,Spain,{rate},1,1,\n55,Brazil,1,1,1,{}\n",
            { rules.periods.first().map(|period| period.name().to_string()).unwrap_or_default() }
        );
        Deck::load_by(name, Currency::EUR, rules, csv.as_bytes()).expect("a good deck").0
    }

    fn versions(deck_archive: &DeckArchive, name: &str) -> Vec<(i64, String)> {
        deck_archive.history(name).expect("read").into_iter().map(|kept| (kept.at.0, kept.version)).collect()
    }

    #[test]
    fn every_version_is_kept_once_and_loads_to_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let deck_archive = DeckArchive::in_data(folder.path());
        assert!(
            deck_archive.names().expect("read").is_empty()
                && deck_archive.history("retail").expect("read").is_empty()
        );
        let zone = Arc::new(config::zone("Europe/Madrid").expect("a zone"));
        let night = Period::new("night", zone, 0x7F, 72_000, 28_800).expect("a period");
        let rules = Rules { rounding: Rounding::Up, periods: vec![night].into(), ..Rules::default() };
        let (one, two) = (deck("retail", "0.1", &Rules::default()), deck("retail", "0.2", &rules));
        for (at, deck) in [(1, &one), (2, &one), (3, &two), (4, &one)] {
            deck_archive.keep(deck, Wall(at)).expect("kept");
        }
        let text = |deck: &Deck| price::version_text(deck.version()).to_string();
        assert_eq!(versions(&deck_archive, "retail"), [(1, text(&one)), (3, text(&two)), (4, text(&one))]);
        for deck in [&one, &two] {
            let again = deck_archive.load("retail", &text(deck)).expect("loads");
            assert!(again.rows().eq(deck.rows()) && again.rounding() == deck.rounding());
            assert_eq!(&**deck_archive.find(&text(deck)).expect("found").name(), "retail");
        }
        assert!(deck_archive.find("0000000000000000").is_err());
        assert_eq!(
            fs::read_dir(folder.path().join("decks/retail")).expect("read").count(),
            3,
            "two versions, a history, no drafts"
        );
    }

    /// Ten places come back to the last, and what was in force before prefixes and rows were judged still
    /// loads.
    #[test]
    fn fault_c3_the_archive_keeps_every_place_and_what_is_refused_today() {
        let folder = tempfile::tempdir().expect("a folder");
        let deck_archive = DeckArchive::in_data(folder.path());
        let fine = deck("fine", "0.0000049", &Rules { rate_places: 10, ..Rules::default() });
        let header = "prefix,destination,rate,initial,increment\n";
        let old = |name, rows: &str| {
            let rules = Rules::archived(Rounding::HalfUp, Arc::default());
            Deck::load_by(name, Currency::EUR, &rules, format!("{header}{rows}").as_bytes())
                .expect("it was in force")
                .0
        };
        let (zeros, empty) = (old("zeros", "0044,UK,0.1,1,1\n"), old("empty", ""));
        for deck in [&fine, &zeros, &empty] {
            deck_archive.keep(deck, Wall(1)).expect("kept");
            let version = price::version_text(deck.version()).to_string();
            let again = deck_archive.load(deck.name(), &version).expect("loads");
            assert!(again.rows().eq(deck.rows()), "{}", deck.name());
        }
        assert_eq!(fine.rows().next().expect("a row").rate.to_string(), "0.0000049");
        // A deck of five places has the version that the program of before gave it (`tollgate deck export` of
        // a8b4d55).
        let rows = "34,Spain,0.12345,30,6,0.01,\n55,Brazil,1,1,1,,0.5\n";
        let csv = format!("prefix,destination,rate,initial,increment,connect_fee,next_rate\n{rows}");
        let (kept, _) = Deck::load("v", Currency::EUR, csv.as_bytes()).expect("a good deck");
        assert_eq!(&*price::version_text(kept.version()), "ade36b750a0ec41b");
    }

    #[test]
    fn a_cut_line_of_the_history_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let deck_archive = DeckArchive::in_data(folder.path());
        deck_archive.keep(&deck("retail", "0.1", &Rules::default()), Wall(1)).expect("kept");
        let history = folder.path().join("decks/retail/history.jsonl");
        let whole = fs::read_to_string(&history).expect("read");
        fs::write(&history, format!("{whole}{}", &whole[..20])).expect("written");
        assert_eq!(versions(&deck_archive, "retail").len(), 1);
        deck_archive.keep(&deck("retail", "0.2", &Rules::default()), Wall(2)).expect("kept");
        assert_eq!(versions(&deck_archive, "retail").len(), 2);
    }

    #[test]
    fn a_changed_file_is_no_proof() {
        let folder = tempfile::tempdir().expect("a folder");
        let deck_archive = DeckArchive::in_data(folder.path());
        let kept = deck("retail", "0.1", &Rules::default());
        deck_archive.keep(&kept, Wall(1)).expect("kept");
        let version = price::version_text(kept.version());
        let path = folder.path().join(format!("decks/retail/{version}.csv"));
        let text = fs::read_to_string(&path).expect("read");
        for wrong in [text.replace("0.10000", "0.10001"), text.replace("0.10000", "x")] {
            fs::write(&path, wrong).expect("written");
            let said = deck_archive.load("retail", &version).expect_err("refused").to_string();
            assert!(said.ends_with("the file was changed"), "{said}");
        }
    }

    #[test]
    fn names_stay_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let deck_archive = DeckArchive::in_data(folder.path());
        for name in ["..", ".hidden", "a/b", ""] {
            assert!(deck_archive.keep(&deck(name, "1", &Rules::default()), Wall(1)).is_err(), "{name}");
        }
        assert_eq!(deck_archive.told("retail").expect("read"), None);
        deck_archive.keep(&deck("retail", "1", &Rules::default()), Wall(1)).expect("kept");
        deck_archive.set_told("retail", "00000000000000aa").expect("written");
        assert_eq!(deck_archive.told("retail").expect("read").as_deref(), Some("00000000000000aa"));
    }
}
