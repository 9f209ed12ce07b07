//! From CSV to a deck: header in any order, CRLF and BOM accepted, every wrong field reported with line and
//! column.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use units::{Currency, Increments, Name, PrefixMap, PrefixMapBuilder, Rate};

use super::field;
use super::version::version;
use super::{Deck, DeckError, Draft, Place, Rules, Stored, Terms, Warning};

/// Largest file read.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Most rows of a deck.
const MAX_ROWS: usize = 5_000_000;
/// Warnings told one by one; one more then tells how many followed.
const MAX_WARNINGS: usize = 1_000;
/// Longest name of a destination, in bytes.
const MAX_DESTINATION: usize = 200;

pub(super) const COLUMNS: [&str; 10] = [
    "prefix",
    "destination",
    "rate",
    "initial",
    "increment",
    "connect_fee",
    "effective_from",
    "effective_until",
    "next_rate",
    "period",
];
/// The first so many must be in the header.
const REQUIRED: usize = 5;

const PREFIX: usize = 0;
const DESTINATION: usize = 1;
const RATE: usize = 2;
const INITIAL: usize = 3;
const INCREMENT: usize = 4;
const CONNECT_FEE: usize = 5;
const FROM: usize = 6;
const UNTIL: usize = 7;
const NEXT_RATE: usize = 8;
const PERIOD: usize = 9;

impl Deck {
    /// Reads the CSV. Every wrong row is in the error, in the order of the file, and then nothing is loaded.
    pub fn load(
        name: &str,
        currency: Currency,
        reader: impl Read,
    ) -> Result<(Self, Vec<Warning>), Vec<DeckError>> {
        Self::load_by(name, currency, &Rules::default(), reader)
    }

    /// The same with periods and a way of rounding.
    pub fn load_by(
        name: &str,
        currency: Currency,
        rules: &Rules,
        reader: impl Read,
    ) -> Result<(Self, Vec<Warning>), Vec<DeckError>> {
        draft(name, currency, rules, reader).finish()
    }
}

impl Draft {
    /// Reads all that can be read; see [`Deck::load_by`].
    pub fn read(name: &str, currency: Currency, rules: &Rules, reader: impl Read) -> Self {
        draft(name, currency, rules, reader)
    }
}

/// All that can be read of a file.
fn draft(name: &str, currency: Currency, rules: &Rules, reader: impl Read) -> Draft {
    let (data, unread) = match read(reader) {
        Ok(data) => (data, None),
        Err(message) => (Vec::new(), Some(DeckError { line: 1, column: 1, message })),
    };
    let text = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&data);
    let mut loader = Loader::new(text, rules);
    if unread.is_none() {
        loader.rows();
        loader.check_overlaps();
    }
    loader.errors.extend(unread);
    loader.errors.sort_by_key(|error| (error.line, error.column));
    loader.finish(name, currency)
}

fn read(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut data).map_err(|error| format!("cannot be read: {error}"))?;
    if data.len() as u64 > MAX_BYTES {
        return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    if data.starts_with(b"\xFF\xFE") || data.starts_with(b"\xFE\xFF") {
        return Err("the file is UTF-16: save it as UTF-8".to_owned());
    }
    Ok(data)
}

struct Loader<'a> {
    text: &'a [u8],
    rules: &'a Rules,
    /// Where each of `COLUMNS` is in the file.
    places: [Option<usize>; COLUMNS.len()],
    rows: Vec<(Stored, u64)>,
    destinations: Vec<Name>,
    destination_ids: HashMap<Vec<u8>, u32>,
    terms: Vec<Terms>,
    term_ids: HashMap<Terms, u32>,
    errors: Vec<DeckError>,
    warnings: Vec<Warning>,
    more_warnings: usize,
}

/// One record and where it begins.
struct Line<'a> {
    record: &'a csv::ByteRecord,
    number: u64,
    start: usize,
}

impl<'a> Loader<'a> {
    fn new(text: &'a [u8], rules: &'a Rules) -> Self {
        Self {
            text,
            rules,
            places: [None; COLUMNS.len()],
            rows: Vec::new(),
            destinations: Vec::new(),
            destination_ids: HashMap::new(),
            terms: Vec::new(),
            term_ids: HashMap::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            more_warnings: 0,
        }
    }

    fn rows(&mut self) {
        let text = self.text;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text);
        let mut record = csv::ByteRecord::new();
        let mut header = false;
        let mut number = 0;
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.errors.push(DeckError {
                        line: number + 1,
                        column: 1,
                        message: format!("not CSV: {error}"),
                    });
                    return;
                }
            }
            let line = self.line(&record);
            number = line.number;
            if !header {
                header = true;
                if !self.header(&line) {
                    return;
                }
            } else if self.rows.len() >= MAX_ROWS {
                self.fail(&line, 0, format!("more than {MAX_ROWS} rows"));
                return;
            } else if let Some(row) = self.row(&line) {
                self.rows.push((row, line.number));
            }
        }
        let may_be_empty = self.rules.allow_empty || self.rules.archived;
        if header && self.rows.is_empty() && self.errors.is_empty() && !may_be_empty {
            let message = "no row under the header, so this deck would price nothing: add rows, or allow_empty = true to its [[deck]]";
            self.errors.push(DeckError { line: 1, column: 1, message: message.to_owned() });
        }
        if !header {
            let message = format!("empty; the first line must name the columns: {}", COLUMNS.join(","));
            self.errors.push(DeckError { line: 1, column: 1, message });
        }
    }

    /// The reader's position of a record stands before blank lines that it skipped.
    fn line<'r>(&self, record: &'r csv::ByteRecord) -> Line<'r> {
        let (mut number, mut start) = record.position().map_or((1, 0), |at| (at.line(), at.byte() as usize));
        while let Some(blank @ (b'\r' | b'\n')) = self.text.get(start) {
            number += u64::from(*blank == b'\n');
            start += 1;
        }
        Line { record, number, start }
    }

    fn header(&mut self, line: &Line<'_>) -> bool {
        for (at, cell) in line.record.iter().enumerate() {
            let name = String::from_utf8_lossy(cell).to_ascii_lowercase();
            match COLUMNS.iter().position(|column| *column == name) {
                Some(known) if self.places[known].is_some() => {
                    self.fail(line, at, format!("column {name} is named twice"))
                }
                Some(known) => self.places[known] = Some(at),
                None => {
                    let shown: String = name.chars().take(40).collect();
                    self.fail(
                        line,
                        at,
                        format!("unknown column {shown:?}; the header names: {}", COLUMNS.join(",")),
                    );
                }
            }
        }
        for (known, name) in COLUMNS.iter().enumerate().take(REQUIRED) {
            if self.places[known].is_none() {
                self.fail(line, 0, format!("the header must name the column {name}"));
            }
        }
        self.errors.is_empty()
    }

    fn row(&mut self, line: &Line<'_>) -> Option<Stored> {
        let known = self.places.iter().flatten().count();
        if line.record.len() > known {
            self.fail(line, known, format!("{} fields under {known} columns", line.record.len()));
            return None;
        }
        let archived = self.rules.archived;
        let prefix = self.read(line, PREFIX, |cell| field::prefix(cell, archived));
        let destination = self.destination(line);
        let rate = self.amount(line, RATE);
        let initial = self.read(line, INITIAL, field::seconds);
        let increment = self.read(line, INCREMENT, field::seconds);
        let connect_fee = if self.cell(line, CONNECT_FEE).is_empty() {
            Some(Rate::ZERO)
        } else {
            self.amount(line, CONNECT_FEE)
        };
        let validity = self.validity(line);
        let next_rate = if self.cell(line, NEXT_RATE).is_empty() {
            Some(Terms::SAME)
        } else {
            self.amount(line, NEXT_RATE)
        };
        let period = self.period(line);
        let increments = Increments::new(initial?, increment?).ok()?;
        let (from, until) = validity?;
        let rate = rate?;
        let next_rate = if next_rate? == rate { Terms::SAME } else { next_rate? };
        let terms = self.intern(Terms {
            increments,
            connect_fee: connect_fee?,
            from,
            until,
            next_rate,
            period: period?,
        })?;
        Some(Stored { prefix: prefix?, rate, destination: destination?, terms })
    }

    fn cell<'r>(&self, line: &Line<'r>, column: usize) -> &'r [u8] {
        self.places[column].and_then(|at| line.record.get(at)).unwrap_or_default()
    }

    fn read<T>(
        &mut self,
        line: &Line<'_>,
        column: usize,
        parse: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.cell(line, column)) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fail_column(line, column, &message);
                None
            }
        }
    }

    fn amount(&mut self, line: &Line<'_>, column: usize) -> Option<Rate> {
        let places = self.rules.rate_places;
        let (amount, rounded) = self.read(line, column, |cell| field::decimal(cell, places))?;
        if rounded {
            if self.warnings.len() < MAX_WARNINGS {
                let text = String::from_utf8_lossy(self.cell(line, column)).into_owned();
                let place = self.place(line, self.places[column].unwrap_or_default());
                self.warnings.push(DeckError {
                    message: format!("{}: {text} rounded to {amount}", COLUMNS[column]),
                    ..place
                });
            } else {
                self.more_warnings += 1;
            }
        }
        Some(amount)
    }

    fn destination(&mut self, line: &Line<'_>) -> Option<u32> {
        let cell = self.cell(line, DESTINATION);
        if let Some(id) = self.destination_ids.get(cell) {
            return Some(*id);
        }
        let problem = match std::str::from_utf8(cell) {
            Err(_) => "not UTF-8: save the file as UTF-8".to_owned(),
            Ok("") => "empty; name the destination".to_owned(),
            Ok(text) if text.len() > MAX_DESTINATION => format!("longer than {MAX_DESTINATION} bytes"),
            Ok(text) if text.chars().any(char::is_control) => "has control characters".to_owned(),
            Ok(text) => {
                let id = u32::try_from(self.destinations.len()).ok()?;
                self.destinations.push(Name::from(text));
                self.destination_ids.insert(cell.to_vec(), id);
                return Some(id);
            }
        };
        self.fail_column(line, DESTINATION, &problem);
        None
    }

    /// From, inclusive, and until, exclusive.
    fn validity(&mut self, line: &Line<'_>) -> Option<(i64, i64)> {
        let from = self.read(line, FROM, field::instant);
        let until = self.read(line, UNTIL, field::instant);
        let (from, until) = (from?.map_or(i64::MIN, |wall| wall.0), until?.map_or(i64::MAX, |wall| wall.0));
        if from >= until {
            self.fail_column(line, UNTIL, "must be later than effective_from");
            return None;
        }
        Some((from, until))
    }

    /// The place of the period that the row names.
    fn period(&mut self, line: &Line<'_>) -> Option<u16> {
        let cell = self.cell(line, PERIOD);
        if cell.is_empty() {
            return Some(Terms::ALWAYS);
        }
        let periods = &self.rules.periods;
        let found = periods
            .iter()
            .take(usize::from(Terms::ALWAYS))
            .position(|period| period.name().as_bytes() == cell);
        if found.is_none() {
            let shown: String = String::from_utf8_lossy(cell).chars().take(40).collect();
            let known: Vec<&str> = periods.iter().take(20).map(|period| &**period.name()).collect();
            let known = if known.is_empty() {
                "none is".to_owned()
            } else {
                format!("known are {}", known.join(", "))
            };
            self.fail_column(
                line,
                PERIOD,
                &format!("{shown:?} is not defined by a [[period]] of the configuration; {known}"),
            );
        }
        found.and_then(|at| u16::try_from(at).ok())
    }

    fn intern(&mut self, terms: Terms) -> Option<u32> {
        let next = u32::try_from(self.terms.len()).ok()?;
        Some(*self.term_ids.entry(terms).or_insert_with(|| {
            self.terms.push(terms);
            next
        }))
    }

    /// Sorts by prefix, period and start; two rows of a prefix and period in force at one instant are an
    /// error at the later line.
    fn check_overlaps(&mut self) {
        let all = std::mem::take(&mut self.terms);
        let terms = |row: &Stored| all.get(row.terms as usize).copied().unwrap_or(Terms::NEVER);
        self.rows.sort_by_key(|(row, line)| (row.prefix, terms(row).period, terms(row).from, *line));
        let told = self.errors.len();
        for pair in self.rows.windows(2) {
            let [(before, first), (after, second)] = pair else { continue };
            let (old, new) = (terms(before), terms(after));
            if before.prefix == after.prefix && old.period == new.period && old.until > new.from {
                let (line, other) = (*first.max(second), *first.min(second));
                let period = self
                    .rules
                    .periods
                    .get(usize::from(new.period))
                    .map(|period| format!(", period {}", period.name()));
                let period = period.unwrap_or_default();
                let message = format!(
                    "prefix {}{period}: in force at the same time as the row of line {other}",
                    after.prefix
                );
                self.errors.push(DeckError { line, column: 1, message });
            }
        }
        if self.errors.len() > told {
            let wrong: HashSet<u64> = self.errors.iter().skip(told).map(|error| error.line).collect();
            self.rows.retain(|(_, line)| !wrong.contains(line));
        }
        self.terms = all;
    }

    fn finish(mut self, name: &str, currency: Currency) -> Draft {
        if self.more_warnings > 0 {
            let message = format!(
                "and {} more amounts rounded to {} places",
                self.more_warnings, self.rules.rate_places
            );
            self.warnings.push(DeckError { line: 1, column: 1, message });
        }
        let (rows, lines): (Vec<Stored>, Vec<u64>) = self.rows.into_iter().unzip();
        let mut builder = PrefixMapBuilder::with_capacity(rows.len());
        let mut first = 0_u32;
        for group in rows.chunk_by(|a, b| a.prefix == b.prefix) {
            let count = u32::try_from(group.len()).unwrap_or(u32::MAX);
            if let Some(row) = group.first() {
                builder.insert(row.prefix, Place::of(first, count > 1));
            }
            first = first.saturating_add(count);
        }
        let index = builder.build().unwrap_or_else(|twice| {
            self.errors.push(DeckError { line: 1, column: 1, message: twice.to_string() });
            PrefixMap::default()
        });
        let mut deck = Deck {
            name: Name::from(name),
            currency,
            version: 0,
            rounding: self.rules.rounding,
            periods: Arc::clone(&self.rules.periods),
            has_periods: self.terms.iter().any(|terms| terms.period != Terms::ALWAYS),
            rows,
            index,
            destinations: self.destinations,
            terms: self.terms,
        };
        deck.version = version(&deck);
        Draft { deck, lines, errors: self.errors, warnings: self.warnings }
    }

    fn fail_column(&mut self, line: &Line<'_>, column: usize, message: &str) {
        // A short row has its missing fields at its end.
        let at = self.places[column].unwrap_or(line.record.len()).min(line.record.len());
        self.fail(line, at, format!("{}: {message}", COLUMNS[column]));
    }

    fn fail(&mut self, line: &Line<'_>, at: usize, message: String) {
        let place = self.place(line, at);
        self.errors.push(DeckError { message, ..place });
    }

    /// Where the `at`th field of a record begins, found again in the text: errors are rare.
    fn place(&self, line: &Line<'_>, at: usize) -> DeckError {
        let (mut number, mut line_start, mut fields, mut quoted) = (line.number, line.start, 0, false);
        let mut position = line.start;
        while fields < at {
            match self.text.get(position) {
                Some(b'"') => quoted = !quoted,
                Some(b',') if !quoted => fields += 1,
                Some(b'\n') if quoted => {
                    number += 1;
                    line_start = position + 1;
                }
                Some(b'\r' | b'\n') | None if !quoted => break,
                None => break,
                Some(_) => {}
            }
            position += 1;
        }
        DeckError { line: number, column: (position - line_start) as u64 + 1, message: String::new() }
    }
}
