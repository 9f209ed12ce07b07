//! Routes: the longest prefix of a number gives a list of carriers and the order in which they are tried.
//!
//! Invariant: lists are interned, so half a million rows over a few lists cost a few bytes each; no prefix has two rows.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::str::FromStr;

use units::{Number, Prefix, PrefixMap, PrefixMapBuilder};

use crate::{CarrierId, Carriers};

/// Most carriers in one route.
pub const CARRIERS_PER_ROUTE_MAX: usize = 32;
/// Most rows in one table.
pub const ROWS_MAX: usize = 5_000_000;

/// In which order a route's carriers are tried.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Order {
    /// As written.
    #[default]
    Listed,
    /// By what one minute costs, cheapest first; carriers without a deck last, as written.
    Cheapest,
}

/// What the table says about one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route<'a> {
    /// The prefix that matched; empty for the default route.
    pub prefix: Prefix,
    /// Carriers as written, at most 32.
    pub carriers: &'a [CarrierId],
    /// How they are ordered.
    pub order: Order,
}

/// All routes, immutable.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    map: PrefixMap<u32>,
    lists: Vec<List>,
}

/// Where a row was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Origin {
    /// The caller's number for the file.
    pub file: u32,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// One prefix in two rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Duplicate {
    /// The prefix.
    pub prefix: Prefix,
    /// The row that stands.
    pub first: Origin,
    /// The row that must go.
    pub second: Origin,
}

/// What is wrong with one row of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowError {
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What, and what to do.
    pub message: String,
}

/// Collects rows from several places.
#[derive(Debug, Default)]
pub struct RouteTableBuilder {
    rows: Vec<(Prefix, Origin, u32)>,
    lists: Vec<List>,
    interned: BTreeMap<(Order, Vec<CarrierId>), u32>,
}

/// Why a list of carriers is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A route that leads nowhere.
    #[error("a route needs at least one carrier")]
    Empty,
    /// More than a call should try.
    #[error("a route has at most {CARRIERS_PER_ROUTE_MAX} carriers")]
    TooMany,
    /// No carrier has the name.
    #[error("carrier {0:?} is not defined")]
    Unknown(String),
    /// One carrier twice.
    #[error("carrier {0:?} is listed twice")]
    Twice(String),
    /// Not an order.
    #[error("order {0:?} is not known: listed or cheapest")]
    Order(String),
    /// Over five million rows.
    #[error("more than {ROWS_MAX} routes")]
    Full,
}

#[derive(Debug, Clone)]
struct List {
    carriers: Box<[CarrierId]>,
    order: Order,
}

// === impl Order ===

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listed => "listed",
            Self::Cheapest => "cheapest",
        })
    }
}

impl FromStr for Order {
    type Err = ListError;
    fn from_str(s: &str) -> Result<Self, ListError> {
        match s {
            "listed" => Ok(Self::Listed),
            "cheapest" => Ok(Self::Cheapest),
            _ => Err(ListError::Order(s.chars().take(32).collect())),
        }
    }
}

// === impl RouteTable ===

impl RouteTable {
    /// The route of the longest prefix of `number`.
    pub fn find(&self, number: &Number) -> Option<Route<'_>> {
        let (prefix, &list) = self.map.longest(number.digits())?;
        let list = self.lists.get(list as usize)?;
        Some(Route { prefix, carriers: &list.carriers, order: list.order })
    }

    /// Every route, by prefix.
    pub fn iter(&self) -> impl Iterator<Item = Route<'_>> {
        self.map.iter().filter_map(|(prefix, &list)| {
            let list = self.lists.get(list as usize)?;
            Some(Route { prefix, carriers: &list.carriers, order: list.order })
        })
    }

    /// The different lists of carriers in use, with their order.
    pub fn lists(&self) -> impl Iterator<Item = (&[CarrierId], Order)> {
        self.lists.iter().map(|list| (&*list.carriers, list.order))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether no number has a route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// === impl RouteTableBuilder ===

impl RouteTableBuilder {
    /// The number of a list of carriers, checked; equal lists share it.
    pub fn list(&mut self, carriers: &Carriers, names: &[&str], order: Order) -> Result<u32, ListError> {
        if names.is_empty() {
            return Err(ListError::Empty);
        }
        if names.len() > CARRIERS_PER_ROUTE_MAX {
            return Err(ListError::TooMany);
        }
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let id = carriers.by_name(name).ok_or_else(|| ListError::Unknown(name.chars().take(64).collect()))?.id;
            if ids.contains(&id) {
                return Err(ListError::Twice((*name).to_owned()));
            }
            ids.push(id);
        }
        let next = self.lists.len() as u32;
        let key = (order, ids);
        if let Some(&at) = self.interned.get(&key) {
            return Ok(at);
        }
        self.lists.push(List { carriers: key.1.clone().into(), order });
        self.interned.insert(key, next);
        Ok(next)
    }

    /// The lists so far, by their numbers.
    pub fn lists(&self) -> impl Iterator<Item = (&[CarrierId], Order)> {
        self.lists.iter().map(|list| (&*list.carriers, list.order))
    }

    /// Where a list is used first.
    pub fn first_use(&self, list: u32) -> Option<Origin> {
        self.rows.iter().filter(|row| row.2 == list).map(|row| row.1).min()
    }

    /// Adds one row; `list` is from [`Self::list`].
    pub fn add(&mut self, prefix: Prefix, list: u32, origin: Origin) -> Result<(), ListError> {
        if self.rows.len() >= ROWS_MAX {
            return Err(ListError::Full);
        }
        self.rows.push((prefix, origin, list));
        Ok(())
    }

    /// Adds the rows of a CSV file `prefix,carriers[,order]`: carriers separated by spaces, columns in any order if there
    /// is a header. Every wrong row is reported; the right ones are added all the same.
    pub fn add_csv(&mut self, reader: impl Read, file: u32, carriers: &Carriers) -> Vec<RowError> {
        let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).from_reader(reader);
        let mut errors = Vec::new();
        let mut known: HashMap<(Vec<u8>, Vec<u8>), u32> = HashMap::new();
        let mut columns = None;
        let mut record = csv::ByteRecord::new();
        loop {
            match csv.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(e) => {
                    errors.push(RowError { line: line_of(csv.position()), column: 1, message: format!("cannot be read: {e}") });
                    break;
                }
            }
            let line = record.position().map_or(0, line_of);
            let row = match &columns {
                Some(columns) => Row { columns, record: &record, line },
                None => match Columns::of(&record) {
                    Ok((found, is_header)) => {
                        let columns = columns.insert(found);
                        if is_header {
                            continue;
                        }
                        Row { columns, record: &record, line }
                    }
                    Err(message) => {
                        errors.push(RowError { line, column: 1, message });
                        break;
                    }
                },
            };
            match row.read(self, carriers, &mut known) {
                Ok((prefix, list)) => {
                    if let Err(e) = self.add(prefix, list, Origin { file, line, column: row.column(row.columns.prefix) }) {
                        errors.push(RowError { line, column: 1, message: e.to_string() });
                        break;
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    /// The table of the first row of each prefix, and every row that repeats one.
    pub fn build(mut self) -> (RouteTable, Vec<Duplicate>) {
        self.rows.sort_unstable_by_key(|&(prefix, origin, _)| (prefix, origin));
        let mut duplicates = Vec::new();
        self.rows.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                duplicates.push(Duplicate { prefix: later.0, first: earlier.1, second: later.1 });
            }
            same
        });
        let mut map = PrefixMapBuilder::with_capacity(self.rows.len());
        for (prefix, _, list) in self.rows {
            map.insert(prefix, list);
        }
        // No prefix is left twice, so this cannot fail.
        (RouteTable { map: map.build().unwrap_or_default(), lists: self.lists }, duplicates)
    }
}

/// Where the fields are.
struct Columns {
    prefix: usize,
    carriers: usize,
    order: Option<usize>,
}

impl Columns {
    /// From the first record: a header, or the first row of a file without one.
    fn of(record: &csv::ByteRecord) -> Result<(Self, bool), String> {
        let named = |name: &str| record.iter().position(|f| f.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
        if let (Some(prefix), Some(carriers)) = (named("prefix"), named("carriers")) {
            let known = ["prefix", "carriers", "order"];
            let unknown = record.iter().find(|f| !known.iter().any(|k| f.trim_ascii().eq_ignore_ascii_case(k.as_bytes())));
            return match unknown {
                None => Ok((Self { prefix, carriers, order: named("order") }, true)),
                Some(f) => Err(format!("unknown column {:?}: prefix, carriers, order are known", String::from_utf8_lossy(f))),
            };
        }
        if record.len() >= 2 && record.get(0).is_some_and(|f| read_prefix(f).is_ok()) {
            return Ok((Self { prefix: 0, carriers: 1, order: Some(2) }, false));
        }
        Err("the first line must be the header prefix,carriers".to_owned())
    }

    fn len(&self) -> usize {
        2 + usize::from(self.order.is_some())
    }
}

struct Row<'a> {
    columns: &'a Columns,
    record: &'a csv::ByteRecord,
    line: u32,
}

impl Row<'_> {
    fn read(
        &self,
        table: &mut RouteTableBuilder,
        carriers: &Carriers,
        known: &mut HashMap<(Vec<u8>, Vec<u8>), u32>,
    ) -> Result<(Prefix, u32), RowError> {
        if self.record.len() > self.columns.len() {
            let message =
                format!("{} fields where the header has {}: carriers are separated by spaces", self.record.len(), self.columns.len());
            return Err(self.error(self.columns.len(), message));
        }
        let field = |at: usize| self.record.get(at).map(<[u8]>::trim_ascii);
        let prefix = field(self.columns.prefix).ok_or_else(|| self.error(self.columns.prefix, "no prefix".to_owned()))?;
        let prefix = read_prefix(prefix).map_err(|message| self.error(self.columns.prefix, message))?;
        let names = field(self.columns.carriers).unwrap_or_default();
        let order = self.columns.order.and_then(field).unwrap_or_default();
        let key = (names.to_vec(), order.to_vec());
        if let Some(&list) = known.get(&key) {
            return Ok((prefix, list));
        }
        let text = |at, bytes| std::str::from_utf8(bytes).map_err(|_| self.error(at, "not UTF-8".to_owned()));
        let names = text(self.columns.carriers, names)?;
        let order = match text(self.columns.order.unwrap_or_default(), order)? {
            "" => Order::default(),
            written => written.parse().map_err(|e: ListError| self.error(self.columns.order.unwrap_or_default(), e.to_string()))?,
        };
        let split: Vec<&str> = names.split_ascii_whitespace().collect();
        let list = table.list(carriers, &split, order).map_err(|e| self.error(self.columns.carriers, e.to_string()))?;
        known.insert(key, list);
        Ok((prefix, list))
    }

    fn error(&self, field: usize, message: String) -> RowError {
        RowError { line: self.line, column: self.column(field), message }
    }

    /// Column of a field; a field in quotes before it counts without them.
    fn column(&self, field: usize) -> u32 {
        let before: usize = self.record.iter().take(field).map(|f| f.len() + 1).sum();
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

/// Digits; `+` and spaces are ignored.
pub fn read_prefix(text: &[u8]) -> Result<Prefix, String> {
    if let Ok(prefix) = Prefix::new(text) {
        return Ok(prefix);
    }
    let digits: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'+' | b' ')).take(64).collect();
    Prefix::new(&digits).map_err(|e| format!("prefix {:?}: {e}", String::from_utf8_lossy(&text[..text.len().min(64)])))
}

fn line_of(position: &csv::Position) -> u32 {
    u32::try_from(position.line()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CarrierSpec;

    fn carriers() -> Carriers {
        let spec = |name| CarrierSpec::new(name, "sip:192.0.2.1".parse().expect("target"));
        Carriers::new(vec![spec("alpha"), spec("beta"), spec("gamma")], None).expect("valid")
    }

    fn read(csv: &str) -> (RouteTable, Vec<RowError>, Vec<Duplicate>) {
        let mut builder = RouteTableBuilder::default();
        let errors = builder.add_csv(csv.as_bytes(), 1, &carriers());
        let (table, duplicates) = builder.build();
        (table, errors, duplicates)
    }

    fn found(table: &RouteTable, number: &str) -> Option<(String, Vec<u16>, Order)> {
        let route = table.find(&number.parse().expect("number"))?;
        Some((route.prefix.to_string(), route.carriers.iter().map(|c| c.0).collect(), route.order))
    }

    #[test]
    fn the_longest_prefix_wins() {
        for csv in [
            "prefix,carriers,order\n34,alpha beta,\n346,beta,listed\n,gamma  alpha,cheapest\n",
            "Carriers, Prefix ,order\r\nalpha beta,+34,\r\nbeta,34 6,listed\r\n\"gamma  alpha\",,cheapest\r\n",
            "\u{feff}# the file may have comments\n34,alpha beta\n\n346,\"beta\",\n,gamma alpha,cheapest",
        ] {
            let (table, errors, duplicates) = read(csv);
            assert_eq!((errors, duplicates, table.len()), (vec![], vec![], 3), "{csv}");
            assert_eq!(found(&table, "34911234567"), Some(("34".to_owned(), vec![0, 1], Order::Listed)));
            assert_eq!(found(&table, "34611234567"), Some(("346".to_owned(), vec![1], Order::Listed)));
            assert_eq!(found(&table, "5511"), Some((String::new(), vec![2, 0], Order::Cheapest)));
        }
        assert_eq!(found(&RouteTable::default(), "34911"), None);
    }

    #[test]
    fn every_wrong_row_is_reported_with_its_place() {
        let many = (0..33).map(|n| format!("c{n}")).collect::<Vec<_>>().join(" ");
        let csv = format!(
            "prefix,carriers\n34,alpha\n3a,alpha\n35,delta\n36,\n1234567890123456,beta\n37,alpha,beta\n38,alpha alpha\n39,{many}\n40\n41,beta\n"
        );
        let (table, errors, _) = read(&csv);
        let written: Vec<String> = errors.iter().map(|e| format!("{}:{}: {}", e.line, e.column, e.message)).collect();
        assert_eq!(
            written,
            [
                "3:1: prefix \"3a\": not a digit at position 1",
                "4:4: carrier \"delta\" is not defined",
                "5:4: a route needs at least one carrier",
                "6:1: prefix \"1234567890123456\": more than 15 digits",
                "7:10: 3 fields where the header has 2: carriers are separated by spaces",
                "8:4: carrier \"alpha\" is listed twice",
                "9:4: a route has at most 32 carriers",
                "10:4: a route needs at least one carrier",
            ]
        );
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn a_file_without_a_header_or_with_another_is_refused_unless_it_is_plain() {
        assert_eq!(read("34,alpha\n35,beta\n").0.len(), 2);
        assert_eq!(read("").0.len(), 0);
        for csv in ["number,carriers\n34,alpha\n", "prefix,carrier\n", "prefix,carriers,weight\n34,alpha,1\n", "alpha\n", "\u{1}\n"] {
            let (table, errors, _) = read(csv);
            assert_eq!((table.len(), errors.len(), errors.first().map(|e| (e.line, e.column))), (0, 1, Some((1, 1))), "{csv:?}");
        }
        assert_eq!(read("prefix,carriers,order\n34,alpha,best\n").1.first().map(|e| (e.line, e.column)), Some((2, 10)));
        assert_eq!(read("prefix,carriers\n34,\"al\u{e9}").1.len(), 1);
    }

    #[test]
    fn a_prefix_has_one_row_and_the_first_stands() {
        let (table, errors, duplicates) = read("prefix,carriers\n34,alpha\n35,alpha\n34,beta\n+34,gamma\n");
        assert_eq!(errors, []);
        let at = |line| Origin { file: 1, line, column: 1 };
        let prefix = "34".parse().expect("prefix");
        assert_eq!(duplicates, [Duplicate { prefix, first: at(2), second: at(4) }, Duplicate { prefix, first: at(2), second: at(5) }]);
        assert_eq!(found(&table, "34911"), Some(("34".to_owned(), vec![0], Order::Listed)));
    }

    #[test]
    fn equal_lists_are_kept_once() {
        let (table, _, _) = read("prefix,carriers\n34,alpha beta\n35,alpha  beta\n36,beta alpha\n");
        assert_eq!(table.lists().count(), 2);
    }
}
