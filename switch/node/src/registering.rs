//! A node's registrations at carriers: which there are, and what came of each. One shard keeps that of a
//! carrier, the same that probes it.

use std::net::IpAddr;
use std::sync::Arc;

use route::Carrier;
use sip::Message;
use sip::flow::Flow;
use sip::transaction::ClientId;
use units::{Name, Now};

use crate::leg::{Registered, Registration, is_of_carrier};
use crate::node::Node;
use crate::registrations::{ANSWER_MS, Kept, RegistrationStanding, RegistrationState};

impl Node {
    /// Registrations at carriers that this shard keeps.
    pub fn registrations(&self) -> Vec<RegistrationStanding> {
        self.registrations.standings()
    }

    /// Follows the configuration: what is new is registered, what is gone taken back.
    pub(crate) fn adopt_registrations(&mut self, now: Now) {
        let config = Arc::clone(&self.config);
        let keys: Vec<u32> = self.registrations.all.keys().copied().collect();
        for key in keys {
            let Some(kept) = self.registrations.all.get_mut(&key).filter(|kept| !kept.is_leaving) else {
                continue;
            };
            let before = &kept.registration.carrier;
            let same_place = |carrier: &&Arc<Carrier>| {
                let user = |carrier: &Carrier| carrier.credentials.as_ref().map(|ours| ours.username.clone());
                carrier.target == before.target && user(carrier) == user(before)
            };
            let now_is = config.carriers.by_id(before.id).filter(|carrier| carrier.register_secs.is_some());
            match now_is.filter(same_place) {
                Some(carrier)
                    if carrier.credentials != before.credentials
                        || carrier.register_secs != before.register_secs =>
                {
                    kept.registration.adopt(carrier);
                    (kept.due, kept.failures) = (now.tick, 0);
                }
                Some(carrier) => kept.registration.carrier = Arc::clone(carrier),
                None => self.take_back(now, key),
            }
        }
        let missing: Vec<Arc<Carrier>> = config
            .carriers
            .iter()
            .filter(|carrier| carrier.register_secs.is_some() && self.is_prober(carrier.id))
            .filter(|carrier| self.registrations.of(carrier.id).is_none())
            .filter_map(|carrier| config.carriers.by_id(carrier.id).map(Arc::clone))
            .collect();
        for carrier in missing {
            self.registrations.keys += 1;
            let key = self.registrations.keys;
            let registration = Registration::new(&self.sip, key, carrier);
            self.registrations.all.insert(key, Kept::new(registration, now));
        }
        self.registrations.schedule();
    }

    /// The process ends: no carrier shall send calls here.
    pub(crate) fn take_back_registrations(&mut self, now: Now) {
        let keys: Vec<u32> = self.registrations.all.keys().copied().collect();
        for key in keys {
            self.take_back(now, key);
        }
        self.registrations.schedule();
    }

    fn take_back(&mut self, now: Now, key: u32) {
        let config = Arc::clone(&self.config);
        let Some(kept) = self.registrations.all.get_mut(&key).filter(|kept| !kept.is_leaving) else { return };
        let stands = kept.state == RegistrationState::Registered && now.tick < kept.until;
        let to = kept.registration.flow.map(|flow| (flow.peer, flow.transport)).filter(|_| stands);
        let is_out = to.is_some_and(|to| kept.registration.ask(now, &mut self.sip, &config, to, false));
        if is_out {
            (kept.is_leaving, kept.is_out) = (true, true);
            kept.due = now.tick.plus_ms(ANSWER_MS);
        } else {
            self.drop_registration(key);
        }
    }

    fn drop_registration(&mut self, key: u32) {
        if let Some(mut kept) = self.registrations.all.remove(&key) {
            kept.registration.close(&mut self.sip);
        }
    }

    /// Those that are due: asked, or given up for now; of a carrier with several addresses the next one at
    /// once.
    pub(crate) fn run_registrations(&mut self, now: Now) {
        let is_due = |kept: &Kept| kept.due <= now.tick;
        while self.registrations.deadline() <= now.tick {
            let due = self.registrations.all.iter().find(|(_, kept)| is_due(kept)).map(|(key, _)| *key);
            if let Some(key) = due {
                self.run_registration(now, key);
            }
            self.registrations.schedule();
        }
    }

    fn run_registration(&mut self, now: Now, key: u32) {
        let config = Arc::clone(&self.config);
        let Some(kept) = self.registrations.all.get_mut(&key) else { return };
        if kept.is_leaving {
            return self.drop_registration(key);
        }
        let carrier = Arc::clone(&kept.registration.carrier);
        let addresses = self.peers.addresses_of(&carrier.target, &carrier.name);
        if kept.is_out {
            kept.registration.forget(&mut self.sip);
            return kept.failed(now, "no answer".to_owned(), None, false, addresses.len());
        }
        kept.judge_lapse(now);
        let Some(to) = kept.place(&addresses) else {
            return kept.failed(now, "its name does not resolve".to_owned(), None, true, 0);
        };
        let transport = self.peers.names.transport(&carrier.target, &carrier.name);
        if kept.registration.ask(now, &mut self.sip, &config, (to, transport), true) {
            (kept.is_out, kept.due) = (true, now.tick.plus_ms(ANSWER_MS));
        } else {
            let reason = "no listener of ours reaches its address".to_owned();
            kept.failed(now, reason, None, false, addresses.len());
        }
    }

    /// A REGISTER was answered.
    pub(crate) fn registration_answered(
        &mut self,
        now: Now,
        (key, id): (u32, ClientId),
        flow: Flow,
        response: &Message,
    ) {
        let config = Arc::clone(&self.config);
        let Some(kept) = self.registrations.all.get_mut(&key) else { return };
        if !kept.registration.waits_for(id) {
            return;
        }
        let carrier = Arc::clone(&kept.registration.carrier);
        let at = |ip: IpAddr| is_of_carrier(&carrier, ip, &config, &self.peers.names);
        let heard = (flow, response, at(flow.peer.ip()));
        let is_wanted = !kept.is_leaving;
        match kept.registration.answered(now, &mut self.sip, &config, heard, is_wanted) {
            Registered::For(secs) => kept.granted(now, secs),
            Registered::Again => kept.due = now.tick.plus_ms(ANSWER_MS),
            Registered::Removed => {
                tracing::info!(carrier = &*carrier.name, "the registration at the carrier is taken back");
                self.drop_registration(key);
            }
            Registered::Refused(..) if kept.is_leaving => self.drop_registration(key),
            Registered::Refused(status, after) => {
                let addresses = self.peers.addresses_of(&carrier.target, &carrier.name).len();
                let is_final = !matches!(status, 300..=399 | 408 | 500..=599);
                kept.failed(now, format!("answered {status}"), after, is_final, addresses);
            }
        }
        self.registrations.schedule();
    }

    /// A REGISTER could not be delivered, or has had no answer.
    pub(crate) fn registration_failed(&mut self, now: Now, (key, id): (u32, ClientId)) {
        let Some(kept) = self.registrations.all.get_mut(&key) else { return };
        if !kept.registration.waits_for(id) {
            return;
        }
        if kept.is_leaving {
            self.drop_registration(key);
        } else {
            let carrier = &kept.registration.carrier;
            let addresses = self.peers.addresses_of(&carrier.target, &carrier.name).len();
            kept.registration.forget(&mut self.sip);
            kept.failed(now, "cannot be reached".to_owned(), None, false, addresses);
        }
        self.registrations.schedule();
    }

    /// The connection of a registration is gone, and with it the way by which calls came.
    pub(crate) fn registration_unplugged(&mut self, now: Now, flow: Flow) {
        for kept in self.registrations.all.values_mut() {
            if flow.conn != 0 && kept.registration.conn == flow.conn {
                kept.registration.conn = 0;
                if !kept.is_out {
                    kept.due = now.tick;
                }
            }
        }
        self.registrations.schedule();
    }

    /// A carrier's name resolves: what waited for that waits no longer.
    pub(crate) fn registration_resolved(&mut self, now: Now, carrier: &Name) {
        for kept in self.registrations.all.values_mut() {
            let waits = !kept.is_out && kept.state != RegistrationState::Registered;
            if waits && kept.registration.carrier.name == *carrier {
                (kept.due, kept.failures) = (now.tick, 0);
            }
        }
        self.registrations.schedule();
    }
}
