//! Numbers of ours: each once, of a known account, with a target that can be called and does not lead back
//! here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use route::{Gates, Host, NumberTarget, OurNumber, OurNumbers, Target, Transport, normalise_e164};
use units::Number;

use crate::check::Check;
use crate::diagnostic::Span;
use crate::field::Field;
use crate::reader::Document;
use crate::schema;
use crate::tls::TlsBuilder;
use crate::{H323, Sip};

/// Most numbers in one configuration.
const NUMBERS_MAX: usize = 1_000_000;

pub(crate) fn numbers(
    document: &Document,
    (sip, h323, relays): (&Sip, Option<&H323>, bool),
    gates: &Gates,
    tls: &mut TlsBuilder,
    check: &mut Check<'_>,
) -> OurNumbers {
    let named = |section| {
        document
            .many(section)
            .iter()
            .filter_map(|t| t.text("name"))
            .map(|f| f.value)
            .collect::<BTreeSet<String>>()
    };
    let (accounts, gate_names) = (named(&schema::ACCOUNT), named(&schema::GATE));
    let sip_names = named(&schema::SIP_ACCOUNT);
    let mut seen: BTreeMap<Number, Span> = BTreeMap::new();
    let mut numbers = Vec::new();
    let tables = document.many(&schema::NUMBER);
    if let Some(over) = tables.get(NUMBERS_MAX) {
        check.error(&over.span, format!("more than {NUMBERS_MAX} numbers"));
    }
    for table in tables.iter().take(NUMBERS_MAX) {
        let e164 =
            table.text("e164").and_then(|field| digits(&field, check).map(|number| (number, field.span)));
        let account = table.text("account");
        if let Some(field) = account.as_ref().filter(|f| !accounts.contains(&f.value)) {
            let name = &field.value;
            check.error(
                &field.span,
                format!(
                    "account {name:?} is not defined: add an [[account]]; one that exists keeps its balance"
                ),
            );
        }
        let target = table.text("target").and_then(|field| {
            let mut target = check.parsed(&field.span, field.value.parse::<NumberTarget>())?;
            if let NumberTarget::Uri(uri) = &mut target {
                let called = format!("number's target {}", field.value);
                uri.target = tls.peer_by_host(called, &field.span, uri.target.clone(), check);
            }
            judge(&target, &field, (&gate_names, &sip_names), (gates, sip, h323), check);
            if matches!(target, NumberTarget::H323(_)) && !relays {
                let message =
                    "calls by H.323 are relayed: write mode = \"relay\" and an address into [media]";
                check.error(&field.span, message);
            }
            Some(target)
        });
        let Some((e164, span)) = e164 else { continue };
        if let Some(first) = seen.get(&e164) {
            let first = check.source.at(first);
            check.error(&span, format!("number {e164} is defined twice: first at {first}"));
            continue;
        }
        seen.insert(e164, span);
        if let (Some(account), Some(target)) = (account, target) {
            if accounts.contains(&account.value) {
                warn_of_another_owner(&account.value, &target, gates, &table.at("target"), check);
            }
            numbers.push(OurNumber { e164, account: account.value.as_str().into(), target });
        }
    }
    OurNumbers::new(numbers).unwrap_or_default()
}

/// E.164 digits, one `+` in front allowed: not as dialled somewhere, and nothing that a caller could write
/// otherwise.
fn digits(field: &Field<String>, check: &mut Check<'_>) -> Option<Number> {
    let plain = field.value.strip_prefix('+').unwrap_or(&field.value);
    match normalise_e164(plain) {
        Ok(number) if number.as_str() == plain => Some(number),
        Ok(_) | Err(_) => {
            let rule = "write 3 to 15 digits with the country code first, as 34911000001";
            check.error(&field.span, format!("{:?} is not a number in E.164 form: {rule}", field.value));
            None
        }
    }
}

/// Whether a target can be called from here and goes elsewhere.
fn judge(
    target: &NumberTarget,
    field: &Field<String>,
    (names, accounts): (&BTreeSet<String>, &BTreeSet<String>),
    (gates, sip, h323): (&Gates, &Sip, Option<&H323>),
    check: &mut Check<'_>,
) {
    let at = match target {
        NumberTarget::Gate(name) if !names.contains(&**name) => {
            return check.error(
                &field.span,
                format!("gate {:?} is not defined: add a [[gate]] with this name", &**name),
            );
        }
        // A gate that could not be read has its own error.
        NumberTarget::Gate(name) => match gates.by_name(name).map(|gate| gate.called_at()) {
            Some(None) => {
                let message = format!(
                    "gate {:?} has no address to call: write `address` in its [[gate]], or one single `source`",
                    &**name
                );
                return check.error(&field.span, message);
            }
            Some(Some(target)) => target,
            None => return,
        },
        NumberTarget::SipAccount(name) if !accounts.contains(&**name) => {
            return check.error(
                &field.span,
                format!("SIP account {:?} is not defined: add a [[sip_account]] with this name", &**name),
            );
        }
        // It is where it registers.
        NumberTarget::SipAccount(_) => return,
        NumberTarget::Uri(uri) => uri.target.clone(),
        NumberTarget::H323(target) => target.clone(),
    };
    if is_own(&at, sip, h323) {
        check.error(
            &field.span,
            format!("{} is this switch itself: calls to the number would come back to it", at.host_port()),
        );
    }
}

/// Whether a target is one of our listeners.
fn is_own(target: &Target, sip: &Sip, h323: Option<&H323>) -> bool {
    let Host::Ip(ip) = target.host else { return false };
    let at = SocketAddr::new(ip, target.port_or_default());
    if target.transport == Transport::H323 {
        return h323.is_some_and(|h323| h323.listen == Some(at));
    }
    let told = |listen: SocketAddr| {
        if listen.ip().is_unspecified() { sip.advertise == Some(ip) } else { listen.ip() == ip }
    };
    sip.listen.iter().any(|listen| {
        listen.transport == target.transport && listen.addr.port() == at.port() && told(listen.addr)
    })
}

/// Rings at one customer and belongs to another: possible, and mostly a slip.
fn warn_of_another_owner(
    account: &str,
    target: &NumberTarget,
    gates: &Gates,
    span: &Span,
    check: &mut Check<'_>,
) {
    let (kind, name) = match target {
        NumberTarget::Gate(name) => ("gate", name),
        NumberTarget::SipAccount(name) => ("SIP account", name),
        NumberTarget::Uri(_) | NumberTarget::H323(_) => return,
    };
    if let Some(gate) = gates.by_name(name).filter(|gate| &*gate.account != account) {
        check.warning(
            span,
            format!(
                "the number is of account {account:?}, and {kind} {:?} which it rings is of {:?}",
                gate.name, gate.account
            ),
        );
    }
}
