//! What operators ask of a shard: accounts, top-ups, grants, live calls.

use std::sync::Arc;

use call::{Event, HangupBy};
use ledger::{CallId, Notice, NoticeEvent, Record, RecordBody};
use rating::engine::{
    AccountChange, AccountRefused, AccountView, Authorize, GrantRequest, MoveOrder, OpenAccount, Opened,
};
use rating::unfit_deck;
use units::{Currency, Name, Now, Number, Wall};

use crate::Prospect;
use crate::ids::id_in_run;
use crate::io::{AdminReply, AdminRequest, LiveCall, Output, Pressure, RegisteredContact};
use crate::node::Node;
use crate::registrar::Contact;
use crate::slot::Slot;

/// Most accounts in one answer.
const ACCOUNTS_MAX: usize = 10_000;

impl Node {
    pub(crate) fn admin(&mut self, now: Now, ticket: u64, request: AdminRequest) {
        if let Some(detail) = self.unwritable(&request) {
            return self.outputs.push_back(Output::Reply { ticket, reply: AdminReply::Unavailable(detail) });
        }
        self.complete_books_for(&request);
        let reply = match request {
            AdminRequest::Accounts { after, limit } => {
                AdminReply::Accounts(self.money.engine.accounts(after.as_deref(), limit.min(ACCOUNTS_MAX)))
            }
            AdminRequest::Account(name) => {
                self.money.engine.account(&name).map_or(AdminReply::NotFound, AdminReply::Account)
            }
            AdminRequest::AddAccount { name, currency, opening, terms, limit, key } => {
                let ask = OpenAccount { name: &name, currency, opening, terms, limit };
                return self.add_account(now, ticket, &ask, key.as_deref());
            }
            AdminRequest::Prospect { account, number, at } => {
                AdminReply::Prospect(Box::new(self.prospect(now, &account, number.as_ref(), at)))
            }
            AdminRequest::OpenedBy(key) => AdminReply::OpenedBy(self.money.engine.opened_by(&key).cloned()),
            AdminRequest::Move { account, key, order } => {
                return self.move_money(now, ticket, &account, &key, &order);
            }
            AdminRequest::ClosePeriod { until } => return self.close_period(now, ticket, until),
            AdminRequest::PeriodClosed(closed) => {
                let written = self.journal_of_node(now, RecordBody::PeriodClosed(closed));
                return self.reply_when_durable(written, ticket, AdminReply::Closed);
            }
            AdminRequest::Trial => AdminReply::Trial(self.money.engine.trial()),
            AdminRequest::Posted(name) => match self.money.engine.posted(&name) {
                Some(posted) => return self.reply_when_all_is_durable(ticket, AdminReply::Posted(posted)),
                None => AdminReply::NotFound,
            },
            AdminRequest::InTransit { after, late_only, limit } => {
                let limit = limit.min(ACCOUNTS_MAX);
                AdminReply::InTransit(self.money.engine.in_transit(after.as_ref(), late_only, limit))
            }
            AdminRequest::ChangeAccount { name, change } => {
                return self.change_account(now, ticket, &name, &change);
            }
            AdminRequest::Grant { account, bucket, amount, terms, reference, key } => {
                let (account, bucket, reference, key) = (&account, &bucket, &reference, &key);
                return self.grant(
                    now,
                    ticket,
                    &GrantRequest { account, bucket, amount, terms, reference, key },
                );
            }
            AdminRequest::KeepRates(event) => {
                let notice = Notice { to: None, language: None, event: (*event).clone(), id: None };
                let written = self.journal_of_node(now, RecordBody::Notice(notice));
                return self.reply_when_durable(written, ticket, AdminReply::Notified(0));
            }
            AdminRequest::NotifyRates { accounts, event } => {
                return self.notify_rates(now, ticket, &accounts, &event);
            }
            AdminRequest::Registrations => AdminReply::Registrations(self.registered_contacts()),
            AdminRequest::Calls => {
                let live = self.calls.slots.iter().filter(|slot| !slot.call.is_over());
                AdminReply::Calls(live.map(|slot| live_call(now, slot)).collect())
            }
            AdminRequest::Kill(id) => self.kill(now, id),
            AdminRequest::Record { call, is_wanted } => self.set_recording(now, call, is_wanted),
        };
        self.outputs.push_back(Output::Reply { ticket, reply });
    }

    fn registered_contacts(&self) -> Vec<RegisteredContact> {
        let of_account = |(id, contacts): (route::GateId, &[Contact])| {
            let gate = self.config.gates.by_id(id)?;
            let view = |contact: &Contact| RegisteredContact {
                sip_account: gate.name.clone(),
                account: gate.account.clone(),
                contact: contact.uri.to_string(),
                flow: contact.flow,
                q: contact.q,
                is_reachable: contact.is_reachable,
                user_agent: contact.user_agent.clone(),
                until: contact.until_wall,
            };
            Some(contacts.iter().map(view).collect::<Vec<_>>())
        };
        self.registrar.iter().filter_map(of_account).flatten().collect()
    }

    fn kill(&mut self, now: Now, id: u128) -> AdminReply {
        let at = self.calls.by_id.get(&id_in_run(id)).copied();
        let Some(at) = at.filter(|at| self.calls.slots.holds(*at, id)) else { return AdminReply::NotFound };
        self.drive(now, at, Event::Kill(HangupBy::Operator));
        AdminReply::Killed
    }

    /// A record that is no account's; its ticket.
    fn journal_of_node(&mut self, now: Now, body: RecordBody) -> u64 {
        self.journal(true, Record::new(now.wall, Record::NODE.into(), body))
    }

    /// Why nothing that this request wants can be written now: then nothing of it is done.
    fn unwritable(&self, request: &AdminRequest) -> Option<String> {
        let closes = matches!(request, AdminRequest::ClosePeriod { .. } | AdminRequest::PeriodClosed(_));
        match self.pressure {
            Pressure::Failed if request.writes() => {
                Some("the journal failed: nothing was done. Ask again with the same key once the switch runs again".to_owned())
            }
            Pressure::NoRoom if request.writes() => Some("the disk is full: nothing was done. Ask again when there is room".to_owned()),
            _ => self.clock.doubt().filter(|_| closes).map(|doubt| doubt.to_string()),
        }
    }

    fn add_account(&mut self, now: Now, ticket: u64, ask: &OpenAccount<'_>, key: Option<&str>) {
        let is_repeat = key.is_some_and(|key| self.money.engine.opened_by(key).is_some());
        // A repeat is answered as the first time, whatever became of its decks.
        if !is_repeat && self.refuse_unfit_deck(ticket, &ask.terms.decks, ask.currency) {
            return;
        }
        let opened = match key {
            Some(key) => self.money.engine.open_once(now, ask, key),
            None => self.money.engine.open_account(now, ask).and_then(|record| {
                let view = self.money.engine.account(ask.name).ok_or(ledger::Refused::UnknownAccount)?;
                Ok(Opened { view, replayed: false, record: Some(record) })
            }),
        };
        match opened {
            Ok(Opened { view, replayed, record }) => {
                let written = match record {
                    Some(record) => self.journal(true, record),
                    None => self.last_ticket(),
                };
                self.reply_when_durable(written, ticket, AdminReply::Opened { view, replayed });
                self.flush_durable();
            }
            Err(refused) => self.refuse_admin(ticket, &refused),
        }
    }

    fn change_account(&mut self, now: Now, ticket: u64, name: &str, change: &AccountChange) {
        let decks = change.decks.as_deref().unwrap_or_default();
        if let Some(view) = self.money.engine.account(name)
            && self.refuse_unfit_deck(ticket, decks, view.currency)
        {
            return;
        }
        match self.money.engine.amend_account(now, name, change) {
            Ok(record) => {
                let written = self.journal(true, record);
                self.wake_starved(now);
                if let Some(view) = self.money.engine.account(name) {
                    self.reply_when_durable(written, ticket, AdminReply::Account(view));
                }
            }
            Err(refused) => self.refuse_admin(ticket, &refused),
        }
    }

    /// As the configuration is checked: a deck that is not there, or in a currency that nothing converts.
    fn refuse_unfit_deck(&mut self, ticket: u64, decks: &[Name], currency: Currency) -> bool {
        let Some(detail) = unfit_deck(self.money.engine.decks(), decks, currency) else { return false };
        let reply = AdminReply::Refused(AccountRefused::Deck(detail));
        self.outputs.push_back(Output::Reply { ticket, reply });
        true
    }

    /// As a top-up: confirmed when it is on disk, and calls that waited for it go on at once.
    fn grant(&mut self, now: Now, ticket: u64, ask: &GrantRequest<'_>) {
        match self.money.engine.grant(now, ask) {
            Ok(done) => {
                let written = match done.record {
                    Some(record) => self.journal(true, record),
                    None => self.last_ticket(),
                };
                self.wake_starved(now);
                let booked_at = (!done.replayed).then_some(now.wall);
                let reply = AdminReply::Granted {
                    amount: done.amount,
                    left: done.left,
                    booked_at,
                    replayed: done.replayed,
                };
                self.reply_when_durable(written, ticket, reply);
                self.flush_durable();
            }
            Err(refused) => self.refuse_admin(ticket, &refused),
        }
    }

    fn notify_rates(&mut self, now: Now, ticket: u64, accounts: &[Name], event: &NoticeEvent) {
        let mut told = 0;
        for account in accounts {
            if let Some(record) = self.money.engine.notify_rates(now, account, event) {
                self.journal_notice(record);
                told += 1;
            }
        }
        // Those told before may still be on their way to the disk.
        self.reply_when_all_is_durable(ticket, AdminReply::Notified(told));
    }

    /// Money is confirmed only when it is on disk; calls that waited for it may go on at once.
    fn move_money(&mut self, now: Now, ticket: u64, account: &str, key: &str, order: &MoveOrder) {
        let config = Arc::clone(&self.config);
        let moved = self.money.engine.move_money(now, account, key, order, &config.payment_methods);
        match moved {
            Ok(done) => {
                let notice = self.money.engine.booked_notice(now, account, &done);
                let written = match done.record {
                    Some(record) => {
                        let written = self.journal(true, record);
                        if let Some(notice) = notice {
                            self.journal_notice(notice);
                        }
                        written
                    }
                    // A repeat: the first may still be on its way to the disk, so it waits for all that is.
                    None => self.last_ticket(),
                };
                self.wake_starved(now);
                let booked_at = (!done.replayed).then_some(now.wall);
                let (amount, balance) = (done.amount, done.balance);
                let reply =
                    AdminReply::Moved { amount, balance, booked_at, due: done.due, replayed: done.replayed };
                self.reply_when_durable(written, ticket, reply);
                self.flush_durable();
            }
            Err(refused) => self.refuse_admin(ticket, &refused),
        }
    }

    /// All that was dated before the end of the period is durable when this is answered.
    fn close_period(&mut self, now: Now, ticket: u64, until: Wall) {
        match self.money.engine.close_period(now, until) {
            Ok(()) => self.reply_when_all_is_durable(ticket, AdminReply::Closed),
            Err(refused) => self.refuse_admin(ticket, &refused),
        }
    }

    /// A lease is taken and given back at once: nothing of it is left, and no carrier is asked.
    fn prospect(&mut self, now: Now, account: &Name, number: Option<&Number>, at: Wall) -> Prospect {
        let tiers = std::iter::successors(Some(&**account), |name| ledger::parent(name));
        let accounts: Vec<AccountView> = tiers.filter_map(|name| self.money.engine.account(name)).collect();
        let then = Now { wall: at, ..now };
        let credit = number.map(|number| {
            let grant =
                self.money.engine.authorize(then, Authorize { call: CallId::default(), account, number })?;
            self.money.engine.release(grant.lease)?;
            Ok(grant.reserved)
        });
        Prospect { health: self.peers.health.clone(), accounts, credit }
    }

    fn refuse_admin(&mut self, ticket: u64, refused: &AccountRefused) {
        if *refused == AccountRefused::Books(ledger::Refused::UnknownAccount) {
            return self.outputs.push_back(Output::Reply { ticket, reply: AdminReply::NotFound });
        }
        self.outputs.push_back(Output::Reply { ticket, reply: AdminReply::Refused(refused.clone()) });
    }
}

fn live_call(now: Now, slot: &Slot) -> LiveCall {
    let call = &slot.call;
    let answered = call.answered();
    LiveCall {
        id: call.id(),
        gate: call.gate_name(),
        account: call.account().clone(),
        caller: call.caller().to_owned(),
        called: call.called().to_owned(),
        carrier: call.callee(),
        state: call.state(),
        started_at: call.started().wall,
        answered_at: answered.map(|at| at.wall),
        duration_ms: answered.map_or(0, |at| now.tick.ms_since(at.tick)),
        call_id_a: slot.caller.facts().call_id,
        call_id_b: slot.carriers.last().map(|leg| leg.facts().call_id),
    }
}
