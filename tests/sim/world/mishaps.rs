//! What goes wrong on purpose: crashes and what comes back after them, clocks that jump, reloads, top-ups
//! twice, broken connections.

use std::net::SocketAddr;
use std::sync::Arc;

use node::{AdminReply, AdminRequest, Dispatch, Identity, Input, Node, Output, Pressure};
use rating::Cdr;
use sip::flow::{Flow, Transport};
use tests::dialogue::SWITCH;
use tests::relay::TestRelay;
use units::{Currency, Money};

use super::{What, World};
use crate::profile::{ACCOUNTS, Chaos, changed};

impl World {
    pub(super) fn crash(&mut self) {
        self.crash_in = None;
        self.trace.note(self.now.tick.0, "crash".to_owned());
        // The disk may have taken some of what it had not acknowledged.
        let kept = self.rng.range(0, self.disk.waiting() as u64) as usize;
        if !self.failed {
            self.disk.commit(kept);
        }
        self.disk.crash();
        self.places.clear();
        self.relay = TestRelay::default();
        self.nodes.clear();
        self.crashes.push(self.now.tick.0);
        let down = self.rng.range(1, 4_000);
        self.after(down * 1_000, What::Restart);
    }

    pub(super) fn restart(&mut self) -> Result<(), String> {
        self.boots += 1;
        let shards = self.profile.shards;
        self.dispatch = Dispatch::new(key(self.boots), shards);
        let restored = self.disk.replay(shards);
        for (shard, books) in restored.shards.into_iter().enumerate() {
            for open in books.open_calls.values() {
                let cdr = Cdr::of_lost(open).map_err(|e| e.to_string())?;
                self.restored.insert(cdr.call_id_a, self.now.tick.0);
            }
            let identity = Identity {
                name: "sw1".into(),
                shard: shard as u8,
                shards,
                key: key(self.boots),
                boot: self.boots,
            };
            let mut node = Node::new(identity, Arc::clone(&self.config), self.places.clone());
            node.restore(self.now, books);
            self.nodes.push(node);
        }
        for shard in 0..usize::from(shards) {
            self.drain(shard)?;
        }
        Ok(())
    }

    pub(super) fn chaos(&mut self, chaos: Chaos) -> Result<(), String> {
        self.trace.note(self.now.tick.0, format!("{chaos:?}"));
        if self.nodes.is_empty() {
            return Ok(());
        }
        match chaos {
            Chaos::Clock(ms) => self.now.wall = self.now.wall.plus_ms(ms),
            Chaos::Half => self.all(|| Input::Journal(Pressure::Half))?,
            Chaos::Ok if self.failed => {}
            Chaos::Ok => self.all(|| Input::Journal(Pressure::Ok))?,
            Chaos::Failed => {
                self.failed = true;
                self.all(|| Input::Journal(Pressure::Failed))?;
            }
            Chaos::Crash(outputs) => self.crash_in = Some(outputs),
            Chaos::Reload => {
                let mut plan = self.profile.plan.clone();
                changed(&mut plan, &mut self.rng);
                self.config = plan.config_snapshot(Some(&self.config));
                self.profile.plan = plan;
                let config = Arc::clone(&self.config);
                self.all(|| Input::Reload(Arc::clone(&config)))?;
            }
            Chaos::TopUp { account, amount } => self.top_up(account, amount)?,
            Chaos::Kill => self.kill()?,
            Chaos::Drain => {
                self.closed = true;
                self.all(|| Input::Drain)?;
            }
            Chaos::Streams => self.break_streams()?,
            Chaos::Stop => {
                self.closed = true;
                self.all(|| Input::Stop)?;
            }
        }
        Ok(())
    }

    /// Every connection is gone; the next packet opens another.
    fn break_streams(&mut self) -> Result<(), String> {
        let local: SocketAddr = SWITCH.parse().expect("address");
        let peers: Vec<SocketAddr> =
            self.pbxs.iter().map(|pbx| pbx.at).chain(self.trunks.iter().map(|trunk| trunk.at)).collect();
        for peer in peers.into_iter().filter(|peer| Self::stream(*peer)) {
            self.all(|| Input::Closed(Flow::stream(Transport::Tcp, local, peer, 1)))?;
        }
        Ok(())
    }

    fn all(&mut self, input: impl Fn() -> Input) -> Result<(), String> {
        for shard in 0..self.nodes.len() {
            self.give(shard, input())?;
        }
        Ok(())
    }

    fn top_up(&mut self, account: usize, amount: i64) -> Result<(), String> {
        let shard = node::shard_of(ACCOUNTS[account], self.profile.shards);
        // Now and then the same again: nothing may happen twice.
        let again = self.rng.percent(20) && self.top_ups.iter().any(|(of, ..)| *of == account);
        let (key, amount) = match self.top_ups.iter().rev().find(|(of, ..)| again && *of == account) {
            Some((_, key, amount)) => (key.clone(), *amount),
            None => (format!("key-{}", self.top_ups.len()), amount),
        };
        let ticket = self.top_ups.len() as u64;
        self.top_ups.push((account, key.clone(), amount));
        let amount = Money::of(amount, Currency::EUR);
        let request = AdminRequest::Move {
            account: ACCOUNTS[account].into(),
            key,
            order: tests::plan::top_up(amount, "sim"),
        };
        self.give(usize::from(shard), Input::Admin { ticket, request })
    }

    /// Ends whichever call has the lowest id.
    fn kill(&mut self) -> Result<(), String> {
        for shard in 0..self.nodes.len() {
            let node = &mut self.nodes[shard];
            node.handle(self.now, Input::Admin { ticket: u64::MAX, request: AdminRequest::Calls });
            let outputs: Vec<Output> = std::iter::from_fn(|| node.poll()).collect();
            let mut victim = None;
            for output in outputs {
                match output {
                    Output::Reply { reply: AdminReply::Calls(calls), .. } => {
                        victim = calls.first().map(|call| call.id)
                    }
                    other => self.output(shard, other)?,
                }
            }
            if let Some(id) = victim {
                return self.give(shard, Input::Admin { ticket: u64::MAX, request: AdminRequest::Kill(id) });
            }
        }
        Ok(())
    }
}

pub(super) fn key(boot: u32) -> [u8; 16] {
    let mut key = [0x5a; 16];
    key[..4].copy_from_slice(&boot.to_le_bytes());
    key
}
