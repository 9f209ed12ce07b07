//! What operators ask of the node itself, answered from the tables in force and the shards; reload and drain
//! are done by the thread that attends to signals.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use config::Diagnostic;
use node::{AdminReply, AdminRequest, Prospect, shard_of};
use route::{CarrierSlots as _, SlotTable, normalise};
use store::Journal;
use tokio::sync::{mpsc, oneshot};
use units::{Name, Now};
use web::documents::{
    BanDoc, CarrierChargeDoc, CarrierDoc, CarrierRegistrationDoc, CarrierStatementDoc, DrainDoc, GateDoc,
    LogDoc, RegistrationDoc, ReloadDoc, RouteDoc, RouteRefusedDoc, TraceNextDoc, TraceWaitingDoc,
};
use web::{Answer, Backend, BackendError, CarrierAsk, CarrierStatementPage, Control, RouteAsk, Trace};

use crate::logs;
use crate::outlook::{self, Ground, Holder, Live};
use crate::run::backend::SwitchBackend;
use crate::run::local::{ask, read};
use crate::run::router::{Picture, Router};
use crate::run::trace::Next;
use crate::run::trace::search::{self, TraceSource};

/// Orders that wait; more are refused.
pub(crate) const ORDERS_MAX: usize = 16;

/// What the thread that attends to signals is asked to do.
pub(crate) enum ControlCommand {
    /// As SIGHUP.
    Reload(oneshot::Sender<Result<ReloadDoc, Vec<Diagnostic>>>),
    /// As SIGTERM.
    Drain(oneshot::Sender<DrainDoc>),
}

/// The running node behind the API.
pub(crate) struct NodeControl {
    pub router: Arc<Router>,
    pub slots: Arc<SlotTable>,
    pub journal: Arc<Journal>,
    pub backend: Arc<SwitchBackend>,
    pub orders: mpsc::Sender<ControlCommand>,
}

impl Control for NodeControl {
    fn route(&self, wanted: RouteAsk) -> Answer<RouteDoc> {
        let (router, slots) = (Arc::clone(&self.router), Arc::clone(&self.slots));
        let lends = self.backend.ledger.is_some();
        Box::pin(route(router, slots, wanted, lends))
    }

    fn carriers(&self) -> Answer<Vec<CarrierDoc>> {
        let (config, slots) = (self.router.config.load_full(), Arc::clone(&self.slots));
        let pictures = self.router.pictures();
        let document = |carrier: &route::Carrier| CarrierDoc {
            name: carrier.name.to_string(),
            address: carrier.target.to_string(),
            up: !pictures.iter().any(|picture| picture.carriers_down.contains(&carrier.name)),
            calls: slots.in_use(carrier.id),
            max_calls: limit(carrier.max_calls),
            deck: carrier.deck.as_ref().map(ToString::to_string),
            codecs: carrier.codecs.iter().map(|codec| codec.name().to_owned()).collect(),
            registration: registration(&pictures, &carrier.name),
        };
        let mut all: Vec<CarrierDoc> = config.carriers.iter().map(document).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Box::pin(std::future::ready(Ok(all)))
    }

    fn gates(&self) -> Answer<Vec<GateDoc>> {
        Box::pin(gates(Arc::clone(&self.router), Arc::clone(&self.backend)))
    }

    fn registrations(&self) -> Answer<Vec<RegistrationDoc>> {
        Box::pin(registrations(Arc::clone(&self.router)))
    }

    fn bans(&self) -> Vec<BanDoc> {
        let document = |ban: node::Ban| BanDoc {
            ip: ban.ip.to_string(),
            since: ban.since.rfc3339(),
            until: ban.until.rfc3339(),
            failures: ban.failures,
            reason: ban.reason.as_str().to_owned(),
        };
        self.router.strangers.bans(self.router.clock.now().tick).into_iter().map(document).collect()
    }

    fn lift_ban(&self, ip: IpAddr) -> bool {
        let is_lifted = self.router.strangers.lift(ip);
        if is_lifted {
            tracing::warn!(source = %ip, "the lock-out was lifted by an operator");
        }
        is_lifted
    }

    fn carrier_statement(&self, wanted: CarrierAsk) -> Answer<CarrierStatementPage> {
        let journal = Arc::clone(&self.journal);
        Box::pin(async move {
            let CarrierAsk { carrier, after, limit } = wanted;
            let name = Name::from(carrier.as_str());
            let page = read(&journal, move |reader| reader.carrier_charges(&name, after, limit)).await?;
            let charges = page.rows.into_iter().map(|row| CarrierChargeDoc {
                entry: row.entry,
                at: row.at.rfc3339(),
                call: row.call.to_string(),
                account: row.account.to_string(),
                called_e164: row.called_e164,
                duration_ms: row.duration_ms,
                amount: row.amount.to_string(),
                currency: row.amount.currency.to_string(),
            });
            let document = CarrierStatementDoc { carrier, charges: charges.collect(), next: None };
            Ok(CarrierStatementPage { document, next: page.next })
        })
    }

    fn reload(&self) -> Answer<ReloadDoc> {
        let orders = self.orders.clone();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let sent = orders.try_send(ControlCommand::Reload(reply));
            sent.map_err(|_| {
                BackendError::Unavailable("the node is busy with reloads, or stopping".to_owned())
            })?;
            let done = answer.await.map_err(|_| {
                BackendError::Unavailable("the node is stopping: nothing was reloaded".to_owned())
            })?;
            done.map_err(|findings| {
                BackendError::Findings(findings.iter().map(ToString::to_string).collect())
            })
        })
    }

    fn drain(&self) -> Answer<DrainDoc> {
        let orders = self.orders.clone();
        Box::pin(async move {
            let stopping = || BackendError::Unavailable("the node is stopping already".to_owned());
            let (reply, answer) = oneshot::channel();
            orders.try_send(ControlCommand::Drain(reply)).map_err(|_| stopping())?;
            answer.await.map_err(|_| stopping())
        })
    }

    fn trace(&self, id: String) -> Answer<Option<Trace>> {
        let source = TraceSource { router: Arc::clone(&self.router), books: Arc::clone(&self.backend.books) };
        Box::pin(search::find(source, id))
    }

    fn trace_next(&self, of: Option<String>) -> Answer<TraceNextDoc> {
        Box::pin(std::future::ready(trace_next(&self.router, of)))
    }

    fn log(&self) -> LogDoc {
        LogDoc { filter: logs::filter() }
    }

    fn set_log(&self, filter: Option<String>) -> Result<LogDoc, BackendError> {
        let refused =
            |error: anyhow::Error| BackendError::Refused { field: "filter", detail: format!("{error:#}") };
        let before = logs::filter();
        let filter = logs::change(filter.as_deref()).map_err(refused)?;
        tracing::warn!(before, filter, "the log filter was changed by an operator");
        Ok(LogDoc { filter })
    }
}

/// Where SIP accounts are, by all shards.
async fn registrations(router: Arc<Router>) -> Result<Vec<RegistrationDoc>, BackendError> {
    let mut all = Vec::new();
    for shard in 0..router.inboxes.len() as u8 {
        let reply = ask(&router, shard, AdminRequest::Registrations).await?;
        let AdminReply::Registrations(contacts) = reply else { continue };
        all.extend(contacts.into_iter().map(|contact| RegistrationDoc {
            sip_account: contact.sip_account.to_string(),
            account: contact.account.to_string(),
            contact: contact.contact,
            source: contact.flow.peer.to_string(),
            transport: contact.flow.transport.as_str().to_owned(),
            q: format!("{}.{:03}", contact.q / 1_000, contact.q % 1_000),
            reachable: contact.is_reachable,
            user_agent: contact.user_agent.map(|name| name.to_string()),
            expires_at: contact.until.rfc3339(),
        }));
    }
    // Those of one account stay in order of preference.
    all.sort_by(|a, b| a.sip_account.cmp(&b.sip_account));
    Ok(all)
}

/// Our registration at a carrier, which one of the shards keeps.
fn registration(pictures: &[Picture], carrier: &Name) -> Option<CarrierRegistrationDoc> {
    let mut standings = pictures.iter().flat_map(|picture| &picture.registrations);
    let standing = standings.find(|standing| standing.carrier == *carrier)?;
    Some(CarrierRegistrationDoc {
        state: standing.state.as_str().to_owned(),
        expires_at: standing.until.map(units::Wall::rfc3339),
        reason: Some(standing.reason.clone()).filter(|reason| !reason.is_empty()),
    })
}

/// Waits for one more call, if one is named.
fn trace_next(router: &Router, of: Option<String>) -> Result<TraceNextDoc, BackendError> {
    let now = router.clock.now().wall;
    let settings = router.trace.settings();
    if let Some(of) = of {
        if settings.dir().is_none() {
            let detail = "the configuration names no folder: set [trace] dir and reload".to_owned();
            return Err(BackendError::Conflict(detail));
        }
        let config = router.config.load();
        let next = Next::read(&of, |name| config.gates.by_name(name).is_some()).ok_or_else(|| {
            let detail = format!("{of:?} is neither a gate nor a number of 3 to 15 digits");
            BackendError::Refused { field: "of", detail }
        })?;
        if !router.trace.wait_for(next, now) {
            let detail = "too many calls are waited for already: GET /trace-next lists them".to_owned();
            return Err(BackendError::Conflict(detail));
        }
    }
    let waiting = router.trace.next.all(now).into_iter().map(|(next, since)| {
        let (kind, of) = next.as_text();
        TraceWaitingDoc { kind: kind.to_owned(), of: of.to_owned(), since: since.rfc3339() }
    });
    Ok(TraceNextDoc { dir: settings.dir().map(|dir| dir.display().to_string()), waiting: waiting.collect() })
}

/// A limit that is one.
fn limit(max: u32) -> Option<u32> {
    (max != u32::MAX).then_some(max)
}

async fn route(
    router: Arc<Router>,
    slots: Arc<SlotTable>,
    wanted: RouteAsk,
    lends: bool,
) -> Result<RouteDoc, BackendError> {
    let config = router.config.load_full();
    if let Some(name) = &wanted.carrier {
        let contacts = registrations(Arc::clone(&router)).await?;
        return from_carrier(&router, &config, &slots, name, (&wanted, contacts));
    }
    let Some(gate) = config.gates.by_name(&wanted.gate) else {
        let known: Vec<&str> = config.gates.iter().take(20).map(|gate| &*gate.name).collect();
        let detail = format!("no gate {:?}; there are {}", wanted.gate, known.join(", "));
        return Err(BackendError::Refused { field: "gate", detail });
    };
    let now = router.clock.now();
    let now = Now { wall: wanted.at.unwrap_or(now.wall), ..now };
    let shard = shard_of(&gate.account, router.inboxes.len() as u8);
    let request = AdminRequest::Prospect {
        account: gate.account.clone(),
        number: normalise(&wanted.to, gate).ok(),
        at: now.wall,
    };
    let AdminReply::Prospect(prospect) = ask(&router, shard, request).await? else {
        return Err(BackendError::Unavailable("the shard did not answer".to_owned()));
    };
    let Prospect { health, accounts, credit } = *prospect;
    let unready = unready(&router);
    let contacts = registrations(Arc::clone(&router)).await?;
    // What several nodes share is asked for when a call needs it: what is here now says little.
    let available = accounts.first().filter(|_| !lends).map(|account| account.available);
    let holder = |view: rating::engine::AccountView| Holder {
        name: view.name,
        currency: view.currency,
        terms: view.terms,
    };
    let ground = Ground {
        source: "live",
        carriers: &config.carriers,
        routes: &config.routes,
        decks: &config.decks,
        gates: &config.gates,
        numbers: &config.numbers,
        health: &health,
        slots: &slots,
        holders: accounts.into_iter().map(holder).collect(),
        live: Some(Live { unready, credit: credit.filter(|_| !lends), available, contacts }),
    };
    Ok(outlook::look(&outlook::Call { gate, to: &wanted.to, from: wanted.from.as_deref(), now }, &ground))
}

/// A call from a carrier asks for no balance: nobody pays.
fn from_carrier(
    router: &Router,
    config: &node::ConfigSnapshot,
    slots: &SlotTable,
    name: &str,
    (wanted, contacts): (&RouteAsk, Vec<RegistrationDoc>),
) -> Result<RouteDoc, BackendError> {
    let Some(carrier) = config.carriers.by_name(name) else {
        let known: Vec<&str> = config.carriers.iter().take(20).map(|carrier| &*carrier.name).collect();
        let detail = format!("no carrier {name:?}; there are {}", known.join(", "));
        return Err(BackendError::Refused { field: "carrier", detail });
    };
    let now = router.clock.now();
    let now = Now { wall: wanted.at.unwrap_or(now.wall), ..now };
    let health = ::route::Health::new(&config.carriers, now.tick);
    let ground = Ground {
        source: "live",
        carriers: &config.carriers,
        routes: &config.routes,
        decks: &config.decks,
        gates: &config.gates,
        numbers: &config.numbers,
        health: &health,
        slots,
        holders: Vec::new(),
        live: Some(Live { unready: unready(router), credit: None, available: None, contacts }),
    };
    Ok(outlook::look_from_carrier(carrier, &wanted.to, now, &ground))
}

fn unready(router: &Router) -> Option<RouteRefusedDoc> {
    router.draining.load(Ordering::Relaxed).then(|| RouteRefusedDoc {
        status: 503,
        cause: units::Cause::CONGESTION.0,
        reason: "the node drains: no new calls".to_owned(),
    })
}

async fn gates(router: Arc<Router>, backend: Arc<SwitchBackend>) -> Result<Vec<GateDoc>, BackendError> {
    let mut calls: BTreeMap<Name, u64> = BTreeMap::new();
    for shard in 0..router.inboxes.len() as u8 {
        if let AdminReply::Calls(live) = ask(&router, shard, AdminRequest::Calls).await? {
            live.into_iter().for_each(|call| *calls.entry(call.gate).or_default() += 1);
        }
    }
    let config = router.config.load_full();
    let mut all = Vec::new();
    for gate in config.gates.iter() {
        let account = backend.account(gate.account.to_string()).await?;
        all.push(GateDoc {
            name: gate.name.to_string(),
            account: gate.account.to_string(),
            account_status: account.map_or_else(|| "missing".to_owned(), |account| account.status),
            source: gate.source.iter().map(ToString::to_string).collect(),
            calls: calls.get(&gate.name).copied().unwrap_or_default(),
            max_calls: limit(gate.max_calls),
            max_cps: gate.max_cps,
            codecs: gate.codecs.iter().map(|codec| codec.name().to_owned()).collect(),
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}
