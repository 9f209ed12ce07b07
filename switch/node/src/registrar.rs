//! Where SIP accounts are: the contacts that their phones registered, each until its time is over (RFC 3261
//! §10.3). Without clock and messages: whoever reads a REGISTER says here what it wants.
//!
//! Invariant: a REGISTER changes all that it names, or nothing; no account has more contacts than it may.

use std::collections::{BTreeMap, BTreeSet};

use route::GateId;
use sip::flow::Flow;
use units::{Name, Tick, Wall};

/// One place where a SIP account can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    /// Its name among the contacts of its account as long as it is registered; 0 until then.
    pub id: u64,
    /// As the phone wrote it.
    pub uri: Box<str>,
    /// Phone and flow, where it says so (RFC 5626 §4.1): it replaces what the same phone had by the same
    /// `reg-id`.
    pub instance: Option<(Box<str>, u32)>,
    /// The proxies between it and us, the nearest first (RFC 3327 §5.3).
    pub path: Box<[Box<str>]>,
    /// Preference, thousandths.
    pub q: u16,
    /// The way by which it registered, and by which it is reached.
    pub flow: Flow,
    /// Whether that way is still open: a connection may be closed.
    pub is_reachable: bool,
    /// Of the last REGISTER; one that is not newer changes nothing.
    pub call_id: Box<str>,
    pub cseq: u32,
    pub user_agent: Option<Name>,
    pub until: Tick,
    pub until_wall: Wall,
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

/// All contacts of a shard.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    accounts: BTreeMap<GateId, Vec<Contact>>,
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

    /// All accounts that have a contact.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (GateId, &[Contact])> {
        self.accounts.iter().map(|(account, contacts)| (*account, contacts.as_slice()))
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

    /// Forgets contacts whose time is over; their flows.
    pub(crate) fn expire(&mut self, now: Tick) -> Vec<Flow> {
        let mut gone = Vec::new();
        while let Some(&(at, account)) = self.due.first()
            && at <= now
        {
            let before = self.contacts(account);
            let after: Vec<_> = before.iter().filter(|contact| contact.until > now).cloned().collect();
            gone.extend(lost(before, &after));
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

    /// Forgets accounts that are no more; the flows of their contacts.
    pub(crate) fn retain(&mut self, is_there: impl Fn(GateId) -> bool) -> Vec<Flow> {
        let gone: Vec<GateId> = self.accounts.keys().copied().filter(|account| !is_there(*account)).collect();
        let mut flows = Vec::new();
        for account in gone {
            flows.extend(lost(self.contacts(account), &[]));
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
        if let Some(at) = first(self.contacts(account)) {
            self.due.remove(&(at, account));
        }
        if let Some(at) = first(&contacts) {
            self.due.insert((at, account));
            self.accounts.insert(account, contacts);
        } else {
            self.accounts.remove(&account);
        }
    }
}

impl Contact {
    /// Its URI without the headers that a URI may have elsewhere (RFC 3261 §19.1.1).
    pub(crate) fn request_uri(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
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
mod tests {
    use super::*;

    const ALICE: GateId = GateId(3);

    fn contact(uri: &str, cseq: u32, until: u64) -> Contact {
        let (here, there) = ("192.0.2.1:5060", "203.0.113.7:5062");
        Contact {
            id: 0,
            uri: uri.into(),
            instance: None,
            path: Box::default(),
            q: 1_000,
            flow: Flow::udp(here.parse().expect("address"), there.parse().expect("address")),
            is_reachable: true,
            call_id: "r".into(),
            cseq,
            user_agent: None,
            until: Tick(until),
            until_wall: Wall(0),
        }
    }

    fn uris(registrar: &Registrar) -> Vec<&str> {
        registrar.contacts(ALICE).iter().map(|contact| &*contact.uri).collect()
    }

    #[test]
    fn contacts_come_in_order_of_preference_and_go_with_their_time() {
        let mut registrar = Registrar::default();
        let desk = Contact { q: 500, ..contact("sip:desk", 1, 200) };
        let set = Wish::Set(vec![desk, contact("sip:mobile", 1, 100)]);
        assert_eq!(registrar.apply(Tick(0), ALICE, 5, set), Ok(BTreeSet::new()));
        assert_eq!((uris(&registrar), registrar.deadline()), (vec!["sip:mobile", "sip:desk"], Tick(100)));
        assert!(registrar.expire(Tick(100)).is_empty(), "the flow is the desk's too");
        assert_eq!((uris(&registrar), registrar.deadline()), (vec!["sip:desk"], Tick(200)));
        assert_eq!(registrar.expire(Tick(200)).len(), 1);
        assert_eq!((registrar.iter().count(), registrar.deadline()), (0, Tick::NEVER));
    }

    #[test]
    fn one_request_changes_all_or_nothing() {
        let mut registrar = Registrar::default();
        let set = |contacts: &[Contact]| Wish::Set(contacts.to_vec());
        let mut apply = |wish| registrar.apply(Tick(0), ALICE, 2, wish).map(|_| ());
        assert_eq!(apply(set(&[contact("a", 2, 100), contact("b", 2, 100)])), Ok(()));
        assert_eq!(apply(set(&[contact("a", 3, 0), contact("b", 2, 300)])), Err(Denied::OutOfOrder));
        assert_eq!(apply(set(&[contact("c", 3, 100)])), Err(Denied::TooMany));
        assert_eq!(apply(Wish::Clear { call_id: "r".into(), cseq: 2 }), Err(Denied::OutOfOrder));
        assert_eq!(apply(set(&[contact("a", 3, 0), contact("c", 3, 100)])), Ok(()));
        assert_eq!(uris(&registrar), ["b", "c"]);
        let clear = Wish::Clear { call_id: "other".into(), cseq: 1 };
        assert_eq!(registrar.apply(Tick(0), ALICE, 2, clear).map(|lost| lost.len()), Ok(1));
        assert!(uris(&registrar).is_empty() && registrar.due.is_empty());
    }

    #[test]
    fn a_phone_that_moved_replaces_itself() {
        let mut registrar = Registrar::default();
        let of = |uri: &str, cseq, reg_id| Contact {
            instance: Some(("<urn:uuid:1>".into(), reg_id)),
            call_id: uri.into(),
            ..contact(uri, cseq, 100)
        };
        for wish in [of("a", 1, 1), of("b", 1, 2), of("c", 1, 1)] {
            assert!(registrar.apply(Tick(0), ALICE, 2, Wish::Set(vec![wish])).is_ok());
        }
        assert_eq!(uris(&registrar), ["b", "c"]);
        assert_eq!(registrar.retain(|account| account != ALICE).len(), 1);
    }
}
