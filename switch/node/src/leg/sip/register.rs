//! REGISTER of a SIP account's phone: read, judged, answered with what is registered now (RFC 3261 §10.3).

use std::sync::Arc;

use route::{Gate, GateKind};
use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Message, Name, NameAddr};
use units::Now;

use super::messages;
use crate::io::Output;
use crate::node::Node;
use crate::registrar::{Contact, Denied, RegisteredAccount, Wish};
use crate::shard_of;

/// Shortest and longest time of a registration, seconds.
const EXPIRES_MIN_SECS: u32 = 60;
const EXPIRES_MAX_SECS: u32 = 3_600;
/// Contacts of one REGISTER.
const CONTACTS_MAX: usize = 16;
/// Proxies between a phone and us.
const PATH_MAX: usize = 8;
/// Bytes of the longest Contact URI, instance and Path value.
const URI_MAX: usize = 512;
/// Option tags of RFC 3327 and RFC 5626.
const PATH: &str = "path";
const OUTBOUND: &str = "outbound";
/// What the registrar knows of.
const REGISTER_SUPPORTED: &str = "path, outbound";

impl Node {
    /// A REGISTER with the right credentials of `account`.
    pub(super) fn register(
        &mut self,
        now: Now,
        id: ServerId,
        flow: Flow,
        account: &Arc<Gate>,
        message: &Message,
    ) {
        let GateKind::SipAccount { max_contacts } = account.kind else {
            return self.sip.not_allowed(now, id, message, 405);
        };
        if !is_own(account, message) {
            return self.decline(now, id, message, 403);
        }
        let user_agent = self.sip.user_agents.of(message);
        let wish = match path(message).and_then(|path| wish(now, flow, message, &path)) {
            Ok(Wish::Set(contacts)) => Wish::Set(
                contacts
                    .into_iter()
                    .map(|contact| Contact { user_agent: user_agent.clone(), ..contact })
                    .collect(),
            ),
            Ok(wish) => wish,
            Err(status) => return self.refuse_register(now, id, message, status),
        };
        let kept = match &wish {
            Wish::Set(contacts) => contacts.iter().any(|contact| contact.until > now.tick),
            Wish::Tell | Wish::Clear { .. } => false,
        };
        let was_kept = self.registrar.contacts(account.id).iter().any(|contact| contact.flow == flow);
        let is_question = matches!(wish, Wish::Tell);
        match self.registrar.apply(now.tick, account.id, max_contacts as usize, wish) {
            Ok(lost) => {
                if !is_question {
                    let contacts = self.registrar.contacts(account.id).into();
                    let sip_account = account.name.clone();
                    self.outputs.push_back(Output::Registered(RegisteredAccount { sip_account, contacts }));
                }
                if kept && !was_kept && flow.conn != 0 {
                    self.sip.keep(flow.conn);
                }
                self.let_go(lost);
                self.registered(now, id, account, message);
            }
            Err(Denied::TooMany) => self.decline(now, id, message, 403),
            // RFC 3261 §10.3, step 7.
            Err(Denied::OutOfOrder) => self.decline(now, id, message, 500),
        }
    }

    /// A refusal that says what would be taken.
    fn refuse_register(&mut self, now: Now, id: ServerId, message: &Message, status: u16) {
        let builder = messages::response(message, status, &self.sip.stateless_tag(message));
        let builder = match status {
            423 => builder.header_fmt(Name::MinExpires, format_args!("{EXPIRES_MIN_SECS}")),
            420 => builder.header(Name::Unsupported, PATH),
            _ => builder,
        };
        self.sip.respond(now, id, status, builder);
    }

    /// Contacts of an account as another shard has them, or as they were before a restart.
    pub(crate) fn take_contacts(&mut self, registered: &RegisteredAccount) {
        let gate = self.config.gates.by_name(&registered.sip_account);
        if let Some(account) = gate.filter(|gate| gate.is_sip_account()) {
            let is_copy = shard_of(&account.account, self.identity.shards) != self.identity.shard;
            self.registrar.take(account.id, is_copy, &registered.contacts);
        }
    }

    /// Contacts whose time is over go.
    pub(crate) fn run_registrar(&mut self, now: Now) {
        if self.registrar.deadline() <= now.tick {
            let lost = self.registrar.expire(now.tick);
            self.let_go(lost);
        }
    }

    /// Accounts that the configuration has no more lose their contacts.
    pub(crate) fn forget_contacts(&mut self) {
        let config = Arc::clone(&self.config);
        let is_there = |id| config.gates.by_id(id).is_some_and(|gate| gate.is_sip_account());
        let lost = self.registrar.retain(is_there);
        self.let_go(lost);
    }

    /// Connections that an account has no contact by any more.
    fn let_go(&mut self, flows: impl IntoIterator<Item = Flow>) {
        let streams = flows.into_iter().filter(|flow| flow.conn != 0);
        streams.for_each(|flow| self.sip.let_go(flow.conn));
    }

    /// 200 with all contacts and what is left of their time.
    fn registered(&mut self, now: Now, id: ServerId, account: &Gate, message: &Message) {
        let mut builder = messages::response(message, 200, &self.sip.stateless_tag(message));
        // What the proxies between put in goes back as it came (RFC 3327 §5.3).
        builder =
            message.headers(Name::Path).fold(builder, |builder, value| builder.header(Name::Path, value));
        builder = builder.header(Name::Supported, REGISTER_SUPPORTED);
        if has_outbound(message) {
            builder = builder.header(Name::Require, OUTBOUND);
        }
        for contact in self.registrar.contacts(account.id) {
            let secs = contact.until.ms_since(now.tick).div_ceil(1_000);
            let (uri, q) = (&contact.uri, contact.q);
            let q = format!("{}.{:03}", q / 1_000, q % 1_000);
            builder = match &contact.instance {
                Some((instance, None)) => builder.header_fmt(
                    Name::Contact,
                    format_args!("<{uri}>;expires={secs};q={q};+sip.instance=\"{instance}\""),
                ),
                Some((instance, Some(reg_id))) => builder.header_fmt(
                    Name::Contact,
                    format_args!("<{uri}>;expires={secs};q={q};+sip.instance=\"{instance}\";reg-id={reg_id}"),
                ),
                None => builder.header_fmt(Name::Contact, format_args!("<{uri}>;expires={secs};q={q}")),
            };
        }
        self.sip.respond(now, id, 200, builder);
    }
}

/// Whether To is the account's own address of record: its user name or its name.
fn is_own(account: &Gate, message: &Message) -> bool {
    let to = message.to().ok();
    let user = to.as_ref().and_then(NameAddr::parse_uri).map(|uri| uri.user_base().into_owned());
    let login = account.login.as_ref().map(|login| &*login.username);
    user.is_some_and(|user| login == Some(&*user) || *account.name == *user)
}

/// The proxies between a phone and us, the nearest first (RFC 3327 §5.3), or the status that the request
/// deserves: a phone that does not know of them would not understand why it is called by them.
fn path(message: &Message) -> Result<Box<[Box<str>]>, u16> {
    let values: Vec<&str> = message.values(Name::Path).take(PATH_MAX + 1).collect();
    if values.is_empty() {
        return Ok(Box::default());
    }
    if !message.has_token(Name::Supported, PATH) {
        return Err(420);
    }
    let is_uri = |value: &&str| {
        let uri = NameAddr::parse(value).as_ref().and_then(NameAddr::parse_uri);
        value.len() <= URI_MAX && uri.is_some_and(|uri| uri.scheme != sip::Scheme::Tel)
    };
    if values.len() > PATH_MAX || !values.iter().all(is_uri) {
        return Err(400);
    }
    Ok(values.into_iter().map(Box::from).collect())
}

/// Whether the phone keeps flows to us by RFC 5626, and its first hop too (§6): that is us, or says so.
fn has_outbound(message: &Message) -> bool {
    let named =
        || message.values(Name::Contact).filter_map(NameAddr::parse).any(|contact| has_flow(&contact));
    message.has_token(Name::Supported, OUTBOUND) && first_hop_has_outbound(message) && named()
}

/// Whether a contact says which phone and which of its flows it is.
fn has_flow(contact: &NameAddr<'_>) -> bool {
    contact.params.value("reg-id").is_some() && contact.params.value("+sip.instance").is_some()
}

fn first_hop_has_outbound(message: &Message) -> bool {
    if message.values(Name::Via).count() == 1 {
        return true;
    }
    // The proxy next to the phone put in its value first, so it is the last.
    let edge = message.values(Name::Path).last().and_then(NameAddr::parse);
    edge.as_ref().and_then(NameAddr::parse_uri).is_some_and(|uri| uri.param("ob").is_some())
}

/// What a REGISTER wants, or the status that it deserves.
fn wish(now: Now, flow: Flow, message: &Message, path: &[Box<str>]) -> Result<Wish, u16> {
    let (cseq, _) = message.cseq();
    let contacts: Vec<&str> = message.values(Name::Contact).take(CONTACTS_MAX + 1).collect();
    if contacts.is_empty() {
        return Ok(Wish::Tell);
    }
    if contacts.iter().any(|contact| contact.trim() == "*") {
        let is_clear = contacts.len() == 1 && message.expires() == Some(0);
        let call_id = message.call_id().into();
        return if is_clear { Ok(Wish::Clear { call_id, cseq }) } else { Err(400) };
    }
    if contacts.len() > CONTACTS_MAX {
        return Err(403);
    }
    if message.has_token(Name::Supported, OUTBOUND)
        && !first_hop_has_outbound(message)
        && contacts.iter().filter_map(|text| NameAddr::parse(text)).any(|contact| has_flow(&contact))
    {
        return Err(439);
    }
    let read = |text: &&str| {
        let contact = contact(now, flow, message, text)?;
        Ok::<_, u16>(Contact { path: path.into(), ..contact })
    };
    Ok(Wish::Set(contacts.iter().map(read).collect::<Result<_, _>>()?))
}

fn contact(now: Now, flow: Flow, message: &Message, text: &str) -> Result<Contact, u16> {
    let parsed = NameAddr::parse(text).ok_or(400_u16)?;
    let is_sip = parsed.parse_uri().is_some_and(|uri| uri.scheme != sip::Scheme::Tel);
    if !is_sip || parsed.uri.len() > URI_MAX || parsed.uri.contains(['<', '>', '"']) {
        return Err(400);
    }
    // An expiry that cannot be read is the default (RFC 3261 §10.2.1.1).
    let own = parsed.params.value("expires").and_then(|text| text.parse::<u32>().ok());
    let secs = own.or_else(|| message.expires()).unwrap_or(EXPIRES_MAX_SECS).min(EXPIRES_MAX_SECS);
    if (1..EXPIRES_MIN_SECS).contains(&secs) {
        return Err(423);
    }
    let q = match parsed.params.value("q") {
        Some(text) => thousandths(text).ok_or(400_u16)?,
        None => 1_000,
    };
    let reg_id = parsed.params.value("reg-id").and_then(|text| text.parse::<u32>().ok());
    let instance = parsed.params.value("+sip.instance").map(|text| sip::list::unquote(text).into_owned());
    let instance = instance.filter(|text| text.len() <= URI_MAX && !text.contains(['"', '\\']));
    let ms = u64::from(secs) * 1_000;
    Ok(Contact {
        id: 0,
        path: Box::default(),
        uri: parsed.uri.into(),
        instance: instance.map(|instance| (instance.into(), reg_id)),
        q,
        flow,
        is_reachable: true,
        call_id: message.call_id().into(),
        cseq: message.cseq().0,
        user_agent: None,
        until: now.tick.plus_ms(ms),
        until_wall: now.wall.plus_ms(ms as i64),
    })
}

/// A qvalue: 0 to 1 with at most three places (RFC 3261 §25.1).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if rest.len() > 3 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest: u16 = format!("{rest:0<3}").parse().ok()?;
    match whole {
        "0" => Some(rest),
        "1" if rest == 0 => Some(1_000),
        _ => None,
    }
}
