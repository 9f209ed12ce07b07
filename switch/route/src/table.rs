//! Routes: the longest prefix of a number gives a list of carriers and the order in which they are tried.
//!
//! Invariant: lists are interned, so half a million rows over a few lists cost a few bytes each; no prefix
//! has two rows.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use units::{Number, Prefix, PrefixMap, PrefixMapBuilder};

use crate::{CarrierId, Carriers};

/// Most carriers in one route.
pub const CARRIERS_PER_ROUTE_MAX: usize = 32;
/// Most rows in one table.
pub const ROWS_MAX: usize = 5_000_000;

/// In which order a route's carriers are tried.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum CarrierOrder {
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
    pub order: CarrierOrder,
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

/// Collects rows from several places.
#[derive(Debug, Default)]
pub struct RouteTableBuilder {
    rows: Vec<(Prefix, Origin, u32)>,
    lists: Vec<List>,
    interned: BTreeMap<(CarrierOrder, Vec<CarrierId>), u32>,
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
    CarrierOrder(String),
    /// Over five million rows.
    #[error("more than {ROWS_MAX} routes")]
    Full,
}

#[derive(Debug, Clone)]
struct List {
    carriers: Box<[CarrierId]>,
    order: CarrierOrder,
}

// === impl Order ===

impl fmt::Display for CarrierOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listed => "listed",
            Self::Cheapest => "cheapest",
        })
    }
}

impl FromStr for CarrierOrder {
    type Err = ListError;
    fn from_str(s: &str) -> Result<Self, ListError> {
        match s {
            "listed" => Ok(Self::Listed),
            "cheapest" => Ok(Self::Cheapest),
            _ => Err(ListError::CarrierOrder(s.chars().take(32).collect())),
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
    pub fn lists(&self) -> impl Iterator<Item = (&[CarrierId], CarrierOrder)> {
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
    pub fn list(
        &mut self,
        carriers: &Carriers,
        names: &[&str],
        order: CarrierOrder,
    ) -> Result<u32, ListError> {
        if names.is_empty() {
            return Err(ListError::Empty);
        }
        if names.len() > CARRIERS_PER_ROUTE_MAX {
            return Err(ListError::TooMany);
        }
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let id =
                carriers.by_name(name).ok_or_else(|| ListError::Unknown(name.chars().take(64).collect()))?.id;
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
    pub fn lists(&self) -> impl Iterator<Item = (&[CarrierId], CarrierOrder)> {
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
