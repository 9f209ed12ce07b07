//! Ids of gates and carriers that keep their meaning across a reload, so that live calls and counters never
//! move to another name.
//!
//! Invariant: a name keeps its id for the life of the process, and an id is never given to a second name.

use units::Name;

/// Most different gate names that one process may see over all its reloads.
pub const GATES_MAX: usize = 65_535;
/// Most different carrier names that one process may see over all its reloads.
pub const CARRIERS_MAX: usize = 4_096;

/// A gate, stable across reloads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct GateId(pub u16);

/// A carrier, stable across reloads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CarrierId(pub u16);

/// Why gates, carriers or routes could not be made into a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Two of a kind with one name.
    #[error("{kind} {name:?} is defined twice")]
    TwiceNamed {
        /// `gate` or `carrier`.
        kind: &'static str,
        /// The name.
        name: Name,
    },
    /// One block of addresses in two gates or two carriers.
    #[error("{cidr} belongs to {first:?} already, so {second:?} cannot have it")]
    TwiceSourced {
        /// The block.
        cidr: crate::Cidr,
        /// Who has it.
        first: Name,
        /// Who asked for it too.
        second: Name,
    },
    /// Two entries for one number of ours.
    #[error("number {0} is defined twice")]
    TwiceNumbered(units::Number),
    /// More names than ids.
    #[error("over {max} different {kind} names since the start: restart to forget those that are gone")]
    TooManyNames {
        /// `gate` or `carrier`.
        kind: &'static str,
        /// How many there may be.
        max: usize,
    },
}

/// Names in the order in which they were first seen; the position is the id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    seen: Vec<Name>,
    /// Sorted by name.
    index: std::collections::BTreeMap<Name, u16>,
}

impl Names {
    /// The id of `name`, a new one if it was never seen.
    pub(crate) fn id(&mut self, kind: &'static str, name: &Name, max: usize) -> Result<u16, BuildError> {
        if let Some(&id) = self.index.get(name) {
            return Ok(id);
        }
        let next = u16::try_from(self.seen.len()).ok().filter(|&id| usize::from(id) < max);
        let id = next.ok_or(BuildError::TooManyNames { kind, max })?;
        self.seen.push(name.clone());
        self.index.insert(name.clone(), id);
        Ok(id)
    }

    pub(crate) fn find(&self, name: &str) -> Option<u16> {
        self.index.get(name).copied()
    }

    pub(crate) fn name(&self, id: u16) -> Option<&Name> {
        self.seen.get(usize::from(id))
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }
}
