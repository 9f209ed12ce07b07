//! SUBSCRIBE of SIP accounts' phones, and the NOTIFYs that they get (RFC 6665). A phone subscribes to SIP
//! accounts of its own customer, by the way by which it is registered.

use std::sync::Arc;

use route::{Gate, NumberTarget};
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Message, Method, Name, Params};
use units::{Now, Tick};

use super::endpoint::{Client, here};
use super::messages;
use super::sender::sender;
use crate::node::Node;
use crate::subscriptions::{Package, Subscription};

/// Shortest and longest time of a subscription, seconds; the longest is taken where none is asked for.
const EXPIRES_MIN_SECS: u32 = 60;
const EXPIRES_MAX_SECS: u32 = 3_600;
/// Longest `id` of an Event.
const ID_MAX: usize = 64;
/// The user part of our Contact in dialogs of subscriptions.
pub(super) const EVENTS: &str = "events";
/// The packages that there are.
const ALLOW_EVENTS: &str = "dialog, message-summary";

/// What a SUBSCRIBE asks for.
struct Ask {
    package: Package,
    id: Option<Box<str>>,
    /// 0: only to be told once, or no more.
    expires_secs: u32,
}

impl Ask {
    /// Or the status that it deserves.
    fn read(message: &Message) -> Result<Self, u16> {
        let event = message.header(Name::Event).unwrap_or_default();
        let (name, params) = event.split_once(';').unwrap_or((event, ""));
        let package = Package::named(name.trim()).ok_or(489_u16)?;
        let id = Params::new(params).value("id").map(Box::from);
        let accepts = |range: &str| {
            let range = range.split(';').next().unwrap_or_default().trim();
            matches!(range, "*/*" | "application/*") || range.eq_ignore_ascii_case(package.content_type())
        };
        if message.header(Name::Accept).is_some() && !message.values(Name::Accept).any(accepts) {
            return Err(406);
        }
        let expires_secs = message.expires().unwrap_or(EXPIRES_MAX_SECS).min(EXPIRES_MAX_SECS);
        if (1..EXPIRES_MIN_SECS).contains(&expires_secs) {
            return Err(423);
        }
        let is_short = |id: &str| id.len() <= ID_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
        match id {
            Some(id) if !is_short(&id) => Err(400),
            id => Ok(Self { package, id, expires_secs }),
        }
    }
}

impl Node {
    /// A SUBSCRIBE with the right credentials of `account`, outside any dialog or in one of its own.
    pub(super) fn subscribe(
        &mut self,
        now: Now,
        id: ServerId,
        flow: Flow,
        account: &Arc<Gate>,
        message: &Message,
    ) {
        if self.sip.refuses_extension(now, id, message).is_some() {
            return;
        }
        let ask = match Ask::read(message) {
            Ok(ask) => ask,
            Err(status) => return self.refuse_subscribe(now, id, message, status),
        };
        if message.to_tag().is_empty() {
            return match self.new_subscription(now, flow, account, message, ask) {
                Ok((key, secs)) => self.subscribed(now, (id, key), message, secs),
                Err(status) => self.refuse_subscribe(now, id, message, status),
            };
        }
        let Some(key) = self.subscriptions.find(account.id, message.call_id(), message.to_tag()) else {
            return self.refuse_subscribe(now, id, message, 481);
        };
        let until = now.tick.plus_ms(u64::from(ask.expires_secs) * 1_000);
        let taken = self.subscriptions.change(key, |it| {
            it.dialog.accept(message).map_err(|fault| fault.status())?;
            // A Contact that cannot be read leaves the target as it was.
            let _ = it.dialog.refresh(message);
            (it.flow, it.until) = (flow, until);
            Ok(())
        });
        match taken {
            Some(Ok(())) => self.subscribed(now, (id, key), message, ask.expires_secs),
            Some(Err(status)) => self.refuse_subscribe(now, id, message, status),
            None => self.refuse_subscribe(now, id, message, 481),
        }
    }

    /// Makes one; its key and its time.
    fn new_subscription(
        &mut self,
        now: Now,
        flow: Flow,
        account: &Arc<Gate>,
        message: &Message,
        ask: Ask,
    ) -> Result<(u64, u32), u16> {
        // Whose it is not is not told from who is not there.
        let watched = self.watched(&account.account, message).ok_or(404_u16)?;
        if ask.package == Package::MessageSummary && watched.id != account.id {
            return Err(403);
        }
        if !self.subscriptions.has_room(account.id) {
            return Err(500);
        }
        let tag = self.sip.minter.stateless(&["subscription", message.call_id(), message.from_tag()]);
        let mut dialog = Dialog::uas(message, &tag).map_err(|fault| fault.status())?;
        dialog.confirm_uas();
        let until = now.tick.plus_ms(u64::from(ask.expires_secs) * 1_000);
        let entity = format!("sip:{}@{}", watched.name, self.config.realm).into();
        let subscription =
            Subscription::new((ask.package, ask.id), (account.id, watched.id, entity), (dialog, flow), until);
        let (key, is_first) = self.subscriptions.add(now.tick, subscription);
        if is_first {
            self.calls.slots.iter().for_each(|slot| self.subscriptions.note(now.tick, slot));
        }
        Ok((key, ask.expires_secs))
    }

    /// The SIP account of a customer that a SUBSCRIBE is for: by its user name, its name, or a number that
    /// rings it.
    fn watched(&self, customer: &str, message: &Message) -> Option<Arc<Gate>> {
        let uri = message.uri().ok()?;
        let user = uri.user_base();
        let gates = &self.config.gates;
        let by_number = || match &self.config.numbers.find_dialled(&user)?.target {
            NumberTarget::SipAccount(name) => gates.sip_account_of(customer, name),
            NumberTarget::Gate(_) | NumberTarget::Uri(_) | NumberTarget::H323(_) => None,
        };
        gates.sip_account_of(customer, &user).or_else(by_number).map(Arc::clone)
    }

    /// 200, and behind it the state.
    fn subscribed(&mut self, now: Now, (id, key): (ServerId, u64), message: &Message, secs: u32) {
        let Some((tag, flow)) =
            self.subscriptions.change(key, |it| (it.dialog.local_tag().to_owned(), it.flow))
        else {
            return;
        };
        let builder = messages::response(message, 200, &tag)
            .record_routes(message)
            .header(Name::Contact, &self.notifier(&flow))
            .header_fmt(Name::Expires, format_args!("{secs}"));
        self.sip.respond(now, id, 200, builder);
        if secs == 0 {
            return self.end_subscription(now, key, "timeout");
        }
        self.subscriptions.tell(now.tick, key);
    }

    fn refuse_subscribe(&mut self, now: Now, id: ServerId, message: &Message, status: u16) {
        let builder = messages::response(message, status, &self.sip.stateless_tag(message));
        let builder = match status {
            423 => builder.header_fmt(Name::MinExpires, format_args!("{EXPIRES_MIN_SECS}")),
            489 => builder.header(Name::AllowEvents, ALLOW_EVENTS),
            500 => builder.header(Name::RetryAfter, "60"),
            _ => builder,
        };
        self.sip.respond(now, id, status, builder);
    }

    /// Our Contact in dialogs of subscriptions.
    fn notifier(&self, flow: &Flow) -> String {
        messages::contact(EVENTS, &here(&self.config, flow), flow.transport)
    }

    /// NOTIFYs that are due, and subscriptions whose time is over.
    pub(crate) fn run_subscriptions(&mut self, now: Now) {
        while let Some((key, subscription)) = self.subscriptions.due(now.tick) {
            if subscription.until <= now.tick {
                self.end_subscription(now, key, "timeout");
            } else {
                self.notify(now, key, None);
                self.subscriptions.told(now.tick, key);
            }
        }
    }

    /// The last NOTIFY, which nobody waits for.
    fn end_subscription(&mut self, now: Now, key: u64, reason: &str) {
        self.notify(now, key, Some(reason));
        self.subscriptions.remove(key);
    }

    /// The process ends: phones subscribe again elsewhere.
    pub(crate) fn end_subscriptions(&mut self, now: Now) {
        while let Some(key) = self.subscriptions.first() {
            self.end_subscription(now, key, "deactivated");
        }
    }

    fn notify(&mut self, now: Now, key: u64, reason: Option<&str>) {
        let Some((flow, package, event, state, body)) = self.subscriptions.look(key).map(|it| {
            let event = match &it.id {
                Some(id) => format!("{};id={id}", it.package.as_str()),
                None => it.package.as_str().to_owned(),
            };
            let left = it.until.ms_since(now.tick).div_ceil(1_000);
            let state = match reason {
                Some(reason) => format!("terminated;reason={reason}"),
                None => format!("active;expires={left}"),
            };
            (it.flow, it.package, event, state, self.subscriptions.body(it))
        }) else {
            return;
        };
        let (contact, here) = (self.notifier(&flow), here(&self.config, &flow));
        let (client, branch) = self.sip.layer.mint_client();
        let request = self
            .subscriptions
            .change(key, |it| it.dialog.request(Method::Notify, &sender(&flow, &here, &branch, &contact)));
        let Some(request) = request else { return self.sip.layer.abandon(client) };
        let bytes = request
            .header(Name::Event, &event)
            .header(Name::SubscriptionState, &state)
            .body(package.content_type(), body.as_bytes())
            .build();
        self.sip.clients.insert(client, Client::Notify(key));
        self.sip.layer.send(now.tick, client, flow, Method::Notify, bytes);
    }

    /// A NOTIFY was answered; or not, 408. Who refuses one is told no more (RFC 6665 §4.2.2).
    pub(super) fn notified(&mut self, key: u64, status: u16) {
        if (200..300).contains(&status) {
            self.subscriptions.answered(key);
        } else {
            self.subscriptions.remove(key);
        }
    }

    /// Subscriptions of phones whose connection is closed go, and those of SIP accounts that are no more.
    pub(crate) fn forget_subscriptions(&mut self, closed: Option<Flow>) {
        let gates = &self.config.gates;
        let is_there = |id| gates.by_id(id).is_some_and(|gate| gate.is_sip_account());
        self.subscriptions.drop_where(|it| match closed {
            Some(flow) => flow.conn != 0 && it.flow.conn == flow.conn,
            None => !is_there(it.subscriber) || !is_there(it.watched),
        });
    }
}

impl Subscription {
    fn new(
        (package, id): (Package, Option<Box<str>>),
        (subscriber, watched, entity): (route::GateId, route::GateId, Box<str>),
        (dialog, flow): (Dialog, Flow),
        until: Tick,
    ) -> Self {
        Self {
            package,
            id,
            subscriber,
            watched,
            entity,
            dialog,
            flow,
            until,
            version: 0,
            is_out: false,
            due: Tick::NEVER,
            rests_until: Tick(0),
        }
    }
}
