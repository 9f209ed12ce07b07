//! Takes in what a run that failed left in its unsaved file: entries that the journal holds are skipped, the
//! others are appended.
//!
//! The lines go on from the journal's end by their numbers and hashes, so a file of another journal, or one
//! with a hole, is told at once. Where the journal went on without the file, as after a start without it, the
//! rest is compared by content: what contradicts the journal is named and left out.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use ledger::{CallId, GENESIS, Hash, Key, Record, RecordBody, Transfer, chain};
use units::Name;

use crate::unsaved::{self, Line};
use crate::walk::{Head, OnEntry, walk_file};
use crate::{Entry, Reader, StoreError, schema};

/// What became of an unsaved file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Entries appended.
    pub taken: u64,
    /// Entries that the journal held, or that say nothing any more: a checkpoint of a call that has ended.
    pub held: u64,
    /// Those that contradict the journal.
    pub refused: Vec<Contradiction>,
}

/// An entry of an unsaved file that does not fit the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Its line, from 1.
    pub line: u64,
    /// Whose it is.
    pub account: Name,
    /// What it contradicts.
    pub why: String,
}

/// What is to be appended, in order, after what the journal holds.
pub(crate) struct Plan {
    pub(crate) imported: Imported,
    pub(crate) entries: Vec<Entry>,
    pub(crate) head: Head,
}

/// What the journal says after the place where a file left it.
#[derive(Default)]
struct Since {
    bodies: HashSet<Hash>,
    settled: BTreeMap<CallId, u64>,
    given: BTreeMap<(Name, Key), Transfer>,
}

/// What is to be done with one line.
enum Verdict {
    Held,
    Append,
    Contradicts(String),
}

/// Compares the unsaved file at `path` with the journal in `folder`, which ends at `head`, and shows
/// `on_entry` what is to be appended. Lines in `without` are known to be refused.
pub(crate) fn plan(
    folder: &Path,
    path: &Path,
    head: Head,
    on_entry: OnEntry<'_>,
    without: &BTreeMap<u64, String>,
) -> Result<Plan, PlanError> {
    let lines = unsaved::read(path)?;
    let mut plan = Plan { imported: Imported::default(), entries: Vec::new(), head };
    let mut at = lines.as_slice();
    while let Some((first, _)) = at.split_first() {
        let length = run_length(at);
        let (run, rest) = at.split_at(length);
        at = rest;
        let base = base_of(folder, path, head, first)?;
        let goes_on = base == plan.head || is_held_whole(folder, head, run)?;
        let since = if goes_on { Since::default() } else { Since::read(folder, base, &plan)? };
        for line in run {
            let verdict = match without.get(&line.number) {
                Some(why) => Verdict::Contradicts(why.clone()),
                None if line.seq <= head.entries && hash_at(folder, line.seq)? == Some(line.hash) => {
                    Verdict::Held
                }
                None => since.judge(&line.entry),
            };
            match verdict {
                Verdict::Held => plan.imported.held += 1,
                Verdict::Contradicts(why) => {
                    let account = line.entry.account.clone();
                    plan.imported.refused.push(Contradiction { line: line.number, account, why });
                }
                Verdict::Append => {
                    let next = Head {
                        entries: plan.head.entries + 1,
                        hash: chain(&plan.head.hash, &line.entry.body),
                    };
                    on_entry(next.entries, &line.entry, &next.hash)
                        .map_err(|why| PlanError::RefusedEntry { line: line.number, why })?;
                    plan.head = next;
                    plan.imported.taken += 1;
                    plan.entries.push(line.entry.clone());
                }
            }
        }
    }
    Ok(plan)
}

// === impl Plan ===

impl Plan {
    /// What is to be appended, if nothing contradicts the journal.
    pub(crate) fn whole(self) -> Result<Vec<Entry>, PlanError> {
        match self.imported.refused.into_iter().next() {
            None => Ok(self.entries),
            Some(Contradiction { line, why, .. }) => Err(PlanError::RefusedEntry { line, why }),
        }
    }
}

/// Why there is no plan.
pub(crate) enum PlanError {
    /// For good.
    Store(StoreError),
    /// The books refuse this line.
    RefusedEntry { line: u64, why: String },
}

impl From<StoreError> for PlanError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

// === impl PlanError ===

impl PlanError {
    /// As the error of a start, which takes in all or nothing.
    pub(crate) fn of_start(self, path: &Path) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::RefusedEntry { line, why } => {
                StoreError::Unsaved { path: path.to_owned(), why: format!("line {line}: {why}") }
            }
        }
    }
}

/// How many lines from the first go on from one another: those of one run that failed.
fn run_length(lines: &[Line]) -> usize {
    let goes_on = |(before, line): &(&Line, &Line)| {
        line.seq == before.seq + 1 && chain(&before.hash, &line.entry.body) == line.hash
    };
    1 + lines.iter().zip(lines.iter().skip(1)).take_while(goes_on).count()
}

/// The entry after which the file goes on; it must be this journal's.
fn base_of(folder: &Path, path: &Path, head: Head, first: &Line) -> Result<Head, StoreError> {
    let unfit = |why: String| StoreError::Unsaved { path: path.to_owned(), why };
    let before =
        first.seq.checked_sub(1).ok_or_else(|| unfit(format!("line {} has entry number 0", first.number)))?;
    if before > head.entries {
        let why = format!(
            "line {} is entry {}, but the journal ends at {}: entries between are missing",
            first.number, first.seq, head.entries
        );
        return Err(unfit(why));
    }
    let hash = hash_at(folder, before)?.unwrap_or(GENESIS);
    if chain(&hash, &first.entry.body) == first.hash {
        return Ok(Head { entries: before, hash });
    }
    Err(unfit(format!(
        "line {} does not follow entry {before} of this journal: it is of another one, or was changed",
        first.number
    )))
}

/// Whether the journal ends within these lines, so that what is not held goes on from its end.
fn is_held_whole(folder: &Path, head: Head, run: &[Line]) -> Result<bool, StoreError> {
    match run.iter().find(|line| line.seq == head.entries) {
        Some(line) => Ok(hash_at(folder, line.seq)? == Some(line.hash)),
        None => Ok(run.last().is_some_and(|last| last.seq < head.entries) && {
            let held = run.iter().map(|line| Ok(hash_at(folder, line.seq)? == Some(line.hash)));
            held.collect::<Result<Vec<bool>, StoreError>>()?.into_iter().all(|held| held)
        }),
    }
}

fn hash_at(folder: &Path, seq: u64) -> Result<Option<Hash>, StoreError> {
    match (seq, schema::exists(folder)?) {
        (0, _) => Ok(Some(GENESIS)),
        (_, false) => Ok(None),
        (_, true) => Reader::open(folder)?.hash(seq).map(Some),
    }
}

// === impl Since ===

impl Since {
    fn read(folder: &Path, base: Head, plan: &Plan) -> Result<Self, StoreError> {
        let mut since = Self::default();
        if schema::exists(folder)? {
            let path: PathBuf = schema::file(folder);
            walk_file(&path, base, &mut |seq, entry, _| {
                since.note(seq, entry);
                Ok(())
            })
            .1?;
        }
        let first = plan.head.entries + 1 - plan.entries.len() as u64;
        for (seq, entry) in (first..).zip(&plan.entries) {
            since.note(seq, entry);
        }
        Ok(since)
    }

    fn note(&mut self, seq: u64, entry: &Entry) {
        self.bodies.insert(chain(&GENESIS, &entry.body));
        let Ok(record) = Record::decode(&entry.body) else { return };
        if let RecordBody::Settled(settled) = &record.body {
            self.settled.insert(settled.call, seq);
        }
        for transfer in given(&record) {
            self.given.insert((record.account.clone(), transfer.key.clone()), transfer.clone());
        }
    }

    fn judge(&self, entry: &Entry) -> Verdict {
        if self.bodies.contains(&chain(&GENESIS, &entry.body)) {
            return Verdict::Held;
        }
        let Ok(record) = Record::decode(&entry.body) else { return Verdict::Append };
        match &record.body {
            RecordBody::Settled(settled) => {
                if let Some(seq) = self.settled.get(&settled.call) {
                    return Verdict::Contradicts(format!(
                        "call {} was settled by journal entry {seq} meanwhile",
                        settled.call
                    ));
                }
            }
            // It has ended: when it began and how far it was says nothing any more.
            RecordBody::CallOpen(open) if self.settled.contains_key(&open.call) => return Verdict::Held,
            RecordBody::Checkpoint(checkpoint) if self.settled.contains_key(&checkpoint.call) => {
                return Verdict::Held;
            }
            _ => {}
        }
        let known: Vec<_> = given(&record)
            .map(|transfer| (transfer, self.given.get(&(record.account.clone(), transfer.key.clone()))))
            .collect();
        if let Some((transfer, _)) =
            known.iter().find(|(transfer, before)| before.is_some_and(|before| before != *transfer))
        {
            return Verdict::Contradicts(format!("{} was used meanwhile for another movement", transfer.key));
        }
        if !known.is_empty() && known.iter().all(|(_, before)| before.is_some()) {
            Verdict::Held
        } else {
            Verdict::Append
        }
    }
}

/// The transfers that whoever asked for them can ask for again.
fn given(record: &Record) -> impl Iterator<Item = &Transfer> {
    record
        .transfers()
        .into_iter()
        .filter(|transfer| matches!(transfer.key, Key::Given(_) | Key::Part(..) | Key::Opening))
}

/// Lines that are left out, with why.
pub(crate) type Refusals = BTreeMap<u64, String>;
