//! Where SIP accounts are: the contacts that their phones registered, each until its time is over (RFC 3261
//! §10.3). Without clock and messages: whoever reads a REGISTER says here what it wants.
//!
//! One shard keeps the contacts of an account; the others have a copy, for calls of other customers
//! ([decision 128](../../../docs/decisions/0128-registrations-are-told-whole.md)).
//!
//! Invariant: a REGISTER changes all that it names, or nothing; no account has more contacts than it may.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use route::GateId;
use sip::flow::{Flow, Transport};
use units::{Name, Tick, Wall};

/// One place where a SIP account can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its name among the contacts of its account as long as it is registered; 0 until then.
    pub id: u64,
    /// As the phone wrote it.
    pub uri: Box<str>,
    /// The phone's own name, where it says so, and which of its flows (`reg-id`, RFC 5626 §4.1): it replaces
    /// what the same phone had by the same flow.
    pub instance: Option<(Box<str>, Option<u32>)>,
    /// The proxies between it and us, the nearest first (RFC 3327 §5.3).
    pub path: Box<[Box<str>]>,
    /// Preference, thousandths.
    pub q: u16,
    /// The way by which it registered, and by which it is reached.
    pub flow: Flow,
    /// Whether that way is still open: a connection may be closed.
    pub is_reachable: bool,
    /// Call-ID of the last REGISTER; one of it that is not newer changes nothing.
    pub call_id: Box<str>,
    /// Its CSeq number.
    pub cseq: u32,
    /// What the phone is, by its own words.
    pub user_agent: Option<Name>,
    /// When its time is over.
    pub until: Tick,
    /// The same as wall time.
    pub until_wall: Wall,
}

/// All contacts of one SIP account, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredAccount {
    /// Its name.
    pub sip_account: Name,
    /// The preferred first; empty: it is registered nowhere any more.
    pub contacts: Arc<[Contact]>,
}

/// What a REGISTER wants.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Nothing but to be told what there is.
    Tell,
    /// `*`: all contacts go.
    Clear { call_id: Box<str>, cseq: u32 },
    /// These contacts; one whose time is over already goes.
    Set(Vec<Contact>),
}

/// Why nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// An older request of the same phone came later.
    OutOfOrder,
    /// More contacts than the account may have.
    TooMany,
}

/// All contacts: those that this shard keeps, and copies of the other shards'.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    accounts: BTreeMap<GateId, Vec<Contact>>,
    /// Those of the other shards.
    copies: BTreeSet<GateId>,
    /// Addresses of phones by UDP, and how many contacts are there.
    peers: BTreeMap<SocketAddr, u32>,
    /// When to look at which account again.
    due: BTreeSet<(Tick, GateId)>,
    /// The last name that a contact got.
    last_id: u64,
}

// === impl Registrar ===

impl Registrar {
    /// The contacts of an account, the preferred first.
    pub(crate) fn contacts(&self, account: GateId) -> &[Contact] {
        self.accounts.get(&account).map_or(&[], Vec::as_slice)
    }

    /// All accounts of this shard that have a contact.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (GateId, &[Contact])> {
        let own = self.accounts.iter().filter(|(account, _)| !self.copies.contains(account));
        own.map(|(account, contacts)| (*account, contacts.as_slice()))
    }

    /// Whether a phone is registered by UDP from this address.
    pub(crate) fn is_at(&self, peer: SocketAddr) -> bool {
        self.peers.contains_key(&peer)
    }

    /// Whether a phone is registered by this flow, and that is open.
    pub(crate) fn is_by(&self, flow: Flow) -> bool {
        match flow.transport {
            Transport::Udp => self.is_at(flow.peer),
            _ => self.accounts.values().flatten().any(|it| it.is_reachable && it.flow.conn == flow.conn),
        }
    }

    /// Contacts of an account as another shard has them, or as they were before a restart.
    pub(crate) fn take(&mut self, account: GateId, is_copy: bool, contacts: &[Contact]) {
        self.last_id = contacts.iter().map(|contact| contact.id).fold(self.last_id, u64::max);
        self.put(account, contacts.to_vec());
        if is_copy && !contacts.is_empty() {
            self.copies.insert(account);
        }
    }

    /// When the next contact's time is over.
    pub(crate) fn deadline(&self) -> Tick {
        self.due.first().map_or(Tick::NEVER, |(at, _)| *at)
    }

    /// Does what a REGISTER wants; the flows of contacts that are no more, or have another one now.
    pub(crate) fn apply(
        &mut self,
        now: Tick,
        account: GateId,
        max: usize,
        wish: Wish,
    ) -> Result<BTreeSet<Flow>, Denied> {
        let before = self.contacts(account).to_vec();
        let mut after = before.clone();
        match wish {
            Wish::Tell => return Ok(BTreeSet::new()),
            Wish::Clear { call_id, cseq } => {
                if before.iter().any(|contact| contact.is_newer(&call_id, cseq)) {
                    return Err(Denied::OutOfOrder);
                }
                after.clear();
            }
            Wish::Set(contacts) => {
                for contact in contacts {
                    let same = after.iter().position(|other| other.is_same(&contact));
                    if same.is_some_and(|at| after[at].is_newer(&contact.call_id, contact.cseq)) {
                        return Err(Denied::OutOfOrder);
                    }
                    let known = same.map(|at| after.remove(at).id);
                    if contact.until > now {
                        let id = known.unwrap_or_else(|| self.next_id());
                        after.push(Contact { id, ..contact });
                    }
                }
            }
        }
        if after.len() > max && after.len() > before.len() {
            return Err(Denied::TooMany);
        }
        after.sort_by_key(|contact| std::cmp::Reverse((contact.q, contact.until)));
        let lost = lost(&before, &after);
        self.put(account, after);
        Ok(lost)
    }

    /// Forgets contacts whose time is over; the flows of those that this shard keeps.
    pub(crate) fn expire(&mut self, now: Tick) -> Vec<Flow> {
        let mut gone = Vec::new();
        while let Some(&(at, account)) = self.due.first()
            && at <= now
        {
            let before = self.contacts(account);
            let after: Vec<_> = before.iter().filter(|contact| contact.until > now).cloned().collect();
            if !self.copies.contains(&account) {
                gone.extend(lost(before, &after));
            }
            self.put(account, after);
        }
        gone
    }

    /// A connection was closed: who registered by it is not reachable until it registers again.
    pub(crate) fn closed(&mut self, flow: Flow) {
        if flow.conn == 0 {
            return;
        }
        for contact in self.accounts.values_mut().flatten().filter(|contact| contact.flow.conn == flow.conn) {
            contact.is_reachable = false;
        }
    }

    /// Forgets accounts that are no more; the flows of those that this shard keeps.
    pub(crate) fn retain(&mut self, is_there: impl Fn(GateId) -> bool) -> Vec<Flow> {
        let gone: Vec<GateId> = self.accounts.keys().copied().filter(|account| !is_there(*account)).collect();
        let mut flows = Vec::new();
        for account in gone {
            if !self.copies.contains(&account) {
                flows.extend(lost(self.contacts(account), &[]));
            }
            self.put(account, Vec::new());
        }
        flows
    }

    const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn put(&mut self, account: GateId, contacts: Vec<Contact>) {
        let first = |contacts: &[Contact]| contacts.iter().map(|contact| contact.until).min();
        for contact in self.accounts.get(&account).into_iter().flatten().filter(|contact| contact.is_by_udp())
        {
            match self.peers.get_mut(&contact.flow.peer) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => _ = self.peers.remove(&contact.flow.peer),
            }
        }
        if let Some(at) = first(self.contacts(account)) {
            self.due.remove(&(at, account));
        }
        for contact in contacts.iter().filter(|contact| contact.is_by_udp()) {
            *self.peers.entry(contact.flow.peer).or_default() += 1;
        }
        if let Some(at) = first(&contacts) {
            self.due.insert((at, account));
            self.accounts.insert(account, contacts);
        } else {
            self.accounts.remove(&account);
            self.copies.remove(&account);
        }
    }
}

impl Contact {
    /// Its URI without the headers that a URI may have elsewhere (RFC 3261 §19.1.1).
    pub(crate) fn request_uri(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    fn is_by_udp(&self) -> bool {
        self.flow.transport == Transport::Udp
    }

    /// Whether a REGISTER of this Call-ID and number was overtaken by the one that made this contact.
    fn is_newer(&self, call_id: &str, cseq: u32) -> bool {
        *self.call_id == *call_id && self.cseq >= cseq
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.instance, &other.instance) {
            (Some(own), Some(others)) => own == others,
            _ => self.uri == other.uri,
        }
    }
}

/// The flows that no contact has any more, each once.
fn lost(before: &[Contact], after: &[Contact]) -> BTreeSet<Flow> {
    let is_kept = |flow: &Flow| after.iter().any(|contact| contact.flow == *flow);
    before.iter().map(|contact| contact.flow).filter(|flow| !is_kept(flow)).collect()
}

#[cfg(test)]
mod tests;
