//! `[[sip_account]]`: gates that are known by credentials; their names are among those of gates.

use std::collections::BTreeMap;

use route::{GateKind, GateSpec};

use crate::check::Check;
use crate::diagnostic::Span;
use crate::logins;
use crate::media::PeerPresets;
use crate::peers;
use crate::reader::Document;
use crate::schema;

/// All of them; `seen` has the names of gates.
pub(crate) fn sip_accounts(
    document: &Document,
    (presets, realm): (&PeerPresets, &str),
    seen: &mut BTreeMap<String, Span>,
    check: &mut Check<'_>,
) -> Vec<GateSpec> {
    let paying = peers::accounts(document);
    let mut users: BTreeMap<Box<str>, Span> = BTreeMap::new();
    let mut accounts = Vec::new();
    for table in document.many(&schema::SIP_ACCOUNT) {
        let name = check.name("gate or SIP account", table, seen);
        let account = peers::account(&paying, table, check);
        let label = name.as_deref().unwrap_or("?");
        let login = logins::sip_account_login(table, realm, check);
        let spec = peers::calls_from(table, label, &account, presets, check);
        let (Some(login), Some(_)) = (login, &name) else { continue };
        let at = table.at("username");
        if let Some(first) = users.get(&login.username) {
            let first = check.source.at(first);
            let message = format!("username {:?} is another SIP account's, at {first}", login.username);
            check.error(&at, message);
            continue;
        }
        users.insert(login.username.clone(), at);
        let kind = GateKind::SipAccount { max_contacts: table.int("max_contacts").unwrap_or_default() };
        accounts.push(GateSpec { kind, login: Some(login), ..spec });
    }
    accounts
}
