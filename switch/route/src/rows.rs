//! Routes in a CSV file: `prefix,carriers[,order]`, carriers separated by spaces.
//!
//! Invariant: every wrong row is reported with its line and column; a field in quotes before it counts
//! without them.

use std::collections::HashMap;
use std::io::Read;

use units::Prefix;

use crate::{CarrierOrder, Carriers, ListError, Origin, RouteTableBuilder};

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

impl RouteTableBuilder {
    /// Adds the rows of a CSV file `prefix,carriers[,order]`: carriers separated by spaces, columns in any
    /// order if there is a header. Every wrong row is reported; the right ones are added all the same.
    pub fn add_csv(&mut self, reader: impl Read, file: u32, carriers: &Carriers) -> Vec<RowError> {
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .from_reader(reader);
        let mut errors = Vec::new();
        let mut known: HashMap<(Vec<u8>, Vec<u8>), u32> = HashMap::new();
        let mut columns = None;
        let mut record = csv::ByteRecord::new();
        loop {
            match csv.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(e) => {
                    errors.push(RowError {
                        line: line_of(csv.position()),
                        column: 1,
                        message: format!("cannot be read: {e}"),
                    });
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
                    if let Err(e) =
                        self.add(prefix, list, Origin { file, line, column: row.column(row.columns.prefix) })
                    {
                        errors.push(RowError { line, column: 1, message: e.to_string() });
                        break;
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        errors
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
        let named =
            |name: &str| record.iter().position(|f| f.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
        if let (Some(prefix), Some(carriers)) = (named("prefix"), named("carriers")) {
            let known = ["prefix", "carriers", "order"];
            let unknown = record
                .iter()
                .find(|f| !known.iter().any(|k| f.trim_ascii().eq_ignore_ascii_case(k.as_bytes())));
            return match unknown {
                None => Ok((Self { prefix, carriers, order: named("order") }, true)),
                Some(f) => Err(format!(
                    "unknown column {:?}: prefix, carriers, order are known",
                    String::from_utf8_lossy(f)
                )),
            };
        }
        if record.len() >= 2 && record.get(0).is_some_and(|f| Prefix::read(f).is_ok()) {
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
            let message = format!(
                "{} fields where the header has {}: carriers are separated by spaces",
                self.record.len(),
                self.columns.len()
            );
            return Err(self.error(self.columns.len(), message));
        }
        let field = |at: usize| self.record.get(at).map(<[u8]>::trim_ascii);
        let prefix = field(self.columns.prefix)
            .ok_or_else(|| self.error(self.columns.prefix, "no prefix".to_owned()))?;
        let prefix = Prefix::read(prefix)
            .map_err(|wrong| self.error(self.columns.prefix, format!("prefix {wrong}")))?;
        let names = field(self.columns.carriers).unwrap_or_default();
        let order = self.columns.order.and_then(field).unwrap_or_default();
        let key = (names.to_vec(), order.to_vec());
        if let Some(&list) = known.get(&key) {
            return Ok((prefix, list));
        }
        let text = |at, bytes| std::str::from_utf8(bytes).map_err(|_| self.error(at, "not UTF-8".to_owned()));
        let names = text(self.columns.carriers, names)?;
        let order = match text(self.columns.order.unwrap_or_default(), order)? {
            "" => CarrierOrder::default(),
            written => written
                .parse()
                .map_err(|e: ListError| self.error(self.columns.order.unwrap_or_default(), e.to_string()))?,
        };
        let split: Vec<&str> = names.split_ascii_whitespace().collect();
        let list = table
            .list(carriers, &split, order)
            .map_err(|e| self.error(self.columns.carriers, e.to_string()))?;
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

fn line_of(position: &csv::Position) -> u32 {
    u32::try_from(position.line()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CarrierSpec, Duplicate, RouteTable};

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

    fn found(table: &RouteTable, number: &str) -> Option<(String, Vec<u16>, CarrierOrder)> {
        let route = table.find(&number.parse().expect("number"))?;
        Some((route.prefix.to_string(), route.carriers.iter().map(|c| c.0).collect(), route.order))
    }

    #[test]
    fn the_longest_prefix_wins() {
        for csv in [
            "prefix,carriers,order\n34,alpha beta,\n346,beta,listed\n,gamma  alpha,cheapest\n",
            "Carriers, Prefix ,order\r\nalpha beta,+34,\r\nbeta, 346 ,listed\r\n\"gamma  alpha\",,cheapest\r\n",
            "\u{feff}# the file may have comments\n34,alpha beta\n\n346,\"beta\",\n,gamma alpha,cheapest",
        ] {
            let (table, errors, duplicates) = read(csv);
            assert_eq!((errors, duplicates, table.len()), (vec![], vec![], 3), "{csv}");
            assert_eq!(
                found(&table, "34911234567"),
                Some(("34".to_owned(), vec![0, 1], CarrierOrder::Listed))
            );
            assert_eq!(found(&table, "34611234567"), Some(("346".to_owned(), vec![1], CarrierOrder::Listed)));
            assert_eq!(found(&table, "5511"), Some((String::new(), vec![2, 0], CarrierOrder::Cheapest)));
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
        let written: Vec<String> =
            errors.iter().map(|e| format!("{}:{}: {}", e.line, e.column, e.message)).collect();
        assert_eq!(
            written,
            [
                "3:1: prefix \"3a\": a prefix is digits only",
                "4:4: carrier \"delta\" is not defined",
                "5:4: a route needs at least one carrier",
                "6:1: prefix \"1234567890123456\": a prefix has at most 15 digits",
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
        for csv in [
            "number,carriers\n34,alpha\n",
            "prefix,carrier\n",
            "prefix,carriers,weight\n34,alpha,1\n",
            "alpha\n",
            "\u{1}\n",
        ] {
            let (table, errors, _) = read(csv);
            assert_eq!(
                (table.len(), errors.len(), errors.first().map(|e| (e.line, e.column))),
                (0, 1, Some((1, 1))),
                "{csv:?}"
            );
        }
        assert_eq!(
            read("prefix,carriers,order\n34,alpha,best\n").1.first().map(|e| (e.line, e.column)),
            Some((2, 10))
        );
        assert_eq!(read("prefix,carriers\n34,\"al\u{e9}").1.len(), 1);
    }

    #[test]
    fn a_prefix_has_one_row_and_the_first_stands() {
        let (table, errors, duplicates) = read("prefix,carriers\n34,alpha\n35,alpha\n34,beta\n+34,gamma\n");
        assert_eq!(errors, []);
        let at = |line| Origin { file: 1, line, column: 1 };
        let prefix = "34".parse().expect("prefix");
        assert_eq!(
            duplicates,
            [
                Duplicate { prefix, first: at(2), second: at(4) },
                Duplicate { prefix, first: at(2), second: at(5) }
            ]
        );
        assert_eq!(found(&table, "34911"), Some(("34".to_owned(), vec![0], CarrierOrder::Listed)));
    }

    #[test]
    fn equal_lists_are_kept_once() {
        let (table, _, _) = read("prefix,carriers\n34,alpha beta\n35,alpha  beta\n36,beta alpha\n");
        assert_eq!(table.lists().count(), 2);
    }
}
