//! REGISTER of a SIP account's phone: read, judged, answered with what is registered now (RFC 3261 §10.3).

use std::sync::Arc;

use route::{Gate, GateKind};
use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Message, Name, NameAddr};
use units::Now;

use super::messages;
use crate::node::Node;
use crate::registrar::{Contact, Denied, Wish};

/// Shortest and longest time of a registration, seconds.
const EXPIRES_MIN_SECS: u32 = 60;
const EXPIRES_MAX_SECS: u32 = 3_600;
/// Contacts of one REGISTER.
const CONTACTS_MAX: usize = 16;
/// Bytes of the longest Contact URI and instance.
const URI_MAX: usize = 512;

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
        let wish = match wish(now, flow, message) {
            Ok(Wish::Set(contacts)) => Wish::Set(
                contacts
                    .into_iter()
                    .map(|contact| Contact { user_agent: user_agent.clone(), ..contact })
                    .collect(),
            ),
            Ok(wish) => wish,
            Err(423) => {
                let builder = messages::response(message, 423, &self.sip.stateless_tag(message));
                let builder = builder.header_fmt(Name::MinExpires, format_args!("{EXPIRES_MIN_SECS}"));
                return self.sip.respond(now, id, 423, builder);
            }
            Err(status) => return self.decline(now, id, message, status),
        };
        let kept = match &wish {
            Wish::Set(contacts) => contacts.iter().any(|contact| contact.until > now.tick),
            Wish::Tell | Wish::Clear { .. } => false,
        };
        let was_kept = self.registrar.contacts(account.id).iter().any(|contact| contact.flow == flow);
        match self.registrar.apply(now.tick, account.id, max_contacts as usize, wish) {
            Ok(lost) => {
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
        for contact in self.registrar.contacts(account.id) {
            let secs = contact.until.ms_since(now.tick).div_ceil(1_000);
            let (uri, q) = (&contact.uri, contact.q);
            let q = format!("{}.{:03}", q / 1_000, q % 1_000);
            builder = match &contact.instance {
                Some((instance, reg_id)) => builder.header_fmt(
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

/// What a REGISTER wants, or the status that it deserves.
fn wish(now: Now, flow: Flow, message: &Message) -> Result<Wish, u16> {
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
    let read = |text: &&str| contact(now, flow, message, text);
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
        instance: instance.map(Into::into).zip(reg_id),
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
