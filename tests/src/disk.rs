//! A journal in memory: records are bytes, durable in their order, lost when the process dies before they
//! are; replayed as from a disk.

use std::collections::{BTreeSet, VecDeque};

use ledger::{GENESIS, Key, Record, RecordBody, Replay, Restored, chain};
use node::shard_of;
use rating::Cdr;

/// What was written, and what waits.
#[derive(Debug, Default)]
pub struct Disk {
    durable: Vec<Vec<u8>>,
    queued: VecDeque<(u8, u64, Vec<u8>)>,
    /// Tickets given out, per shard.
    tickets: [u64; 8],
    cdr_ids: BTreeSet<String>,
    top_ups: BTreeSet<String>,
}

impl Disk {
    /// Takes a record; it is durable after [`Disk::commit`].
    pub fn queue(&mut self, shard: u8, record: &Record) {
        let ticket = &mut self.tickets[usize::from(shard)];
        *ticket += 1;
        self.queued.push_back((shard, *ticket, record.encode().expect("a record can be written")));
    }

    /// Records that wait.
    pub fn waiting(&self) -> usize {
        self.queued.len()
    }

    /// Makes the oldest `count` durable; the highest ticket of each shard among them.
    pub fn commit(&mut self, count: usize) -> Vec<(u8, u64)> {
        let mut upto: Vec<(u8, u64)> = Vec::new();
        for _ in 0..count.min(self.queued.len()) {
            let Some((shard, ticket, bytes)) = self.queued.pop_front() else { break };
            self.note(&bytes);
            self.durable.push(bytes);
            match upto.iter_mut().find(|(of, _)| *of == shard) {
                Some((_, highest)) => *highest = ticket,
                None => upto.push((shard, ticket)),
            }
        }
        upto
    }

    /// The process dies: what waits is lost, and a new one counts its tickets anew.
    pub fn crash(&mut self) {
        self.queued.clear();
        self.tickets = [0; 8];
    }

    /// What a start finds.
    pub fn replay(&self, shards: u8) -> Restored {
        let mut replay =
            Replay::sharded(usize::from(shards), move |account| usize::from(shard_of(account, shards)));
        let mut link = GENESIS;
        for (seq, bytes) in self.durable.iter().enumerate() {
            link = chain(&link, bytes);
            replay.feed(seq as u64, bytes, &link).expect("the journal is whole");
        }
        replay.finish()
    }

    /// Everything durable, decoded.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        self.durable.iter().map(|bytes| Record::decode(bytes).expect("a durable record can be read"))
    }

    /// Number of durable records.
    pub fn len(&self) -> usize {
        self.durable.len()
    }

    /// Nothing is durable.
    pub fn is_empty(&self) -> bool {
        self.durable.is_empty()
    }

    /// All durable CDRs, in journal order.
    pub fn cdrs(&self) -> Vec<Cdr> {
        self.records()
            .filter_map(|record| record.cdr().map(|(_, raw)| Cdr::from_raw(raw).expect("a CDR can be read")))
            .collect()
    }

    fn note(&mut self, bytes: &[u8]) {
        let record = Record::decode(bytes).expect("what was written can be read");
        if let Some((id, _)) = record.cdr() {
            assert!(self.cdr_ids.insert(id.to_string()), "call {id} has two CDRs");
        }
        if let RecordBody::TopUp(booked) = &record.body
            && let Key::Given(key) = &booked.transfer.key
        {
            assert!(self.top_ups.insert(format!("{} {key}", record.account)), "top-up {key} is booked twice");
        }
    }

    /// True if the CDR of this call is durable.
    pub fn has_cdr(&self, id: &str) -> bool {
        self.cdr_ids.contains(id)
    }

    /// True if the account's top-up with this key is durable.
    pub fn has_top_up(&self, account: &str, key: &str) -> bool {
        self.top_ups.contains(&format!("{account} {key}"))
    }
}
