//! Gates: the addresses a customer may call from, and what calls from there may do. A SIP account is a gate
//! that is known by its credentials instead.
//!
//! Invariant: a gate is found by its source address alone, a SIP account by its user name alone; what a
//! header claims counts only with a digest.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use codecs::CodecSet;
use units::{Name, Number};

use crate::names::{GATES_MAX, Names};
use crate::{
    BuildError, Cidr, CidrIndex, CodecTerms, GateId, H323Terms, Host, IdentityPolicy, Login, MediaTerms,
    Numbering, Protocols, SessionTimer, Target, Translations, Transport,
};

/// What an operator writes about a gate.
#[derive(Clone, PartialEq, Debug)]
pub struct GateSpec {
    /// Name, unique among gates.
    pub name: Name,
    /// The account that pays.
    pub account: Name,
    /// Addresses and blocks; empty matches nothing.
    pub source: Vec<Cidr>,
    /// Where it is called, if written; see [`GateSpec::called_at`].
    pub address: Option<Target>,
    /// By what it calls.
    pub protocols: Protocols,
    /// How H.323 is spoken with it.
    pub h323: H323Terms,
    /// Aliases that it may register at our gatekeeper.
    pub h323_alias: Vec<Box<str>>,
    /// Codecs that calls from here may use.
    pub codecs: CodecSet,
    /// How called numbers are written here.
    pub numbering: Numbering,
    /// Rewriting of called numbers before `numbering` applies.
    pub translate: Translations,
    /// Called prefixes (E.164 digits) answered 403.
    pub blocked: Vec<Box<str>>,
    /// Prefixes of the caller's number (E.164 digits) answered 403.
    pub blocked_callers: Vec<Box<str>>,
    /// Most calls at once; `u32::MAX`: no limit.
    pub max_calls: u32,
    /// Most new calls in any second; `None`: no limit.
    pub max_cps: Option<u32>,
    /// Longest answered call, seconds.
    pub max_call_secs: u32,
    /// Session timer toward the customer.
    pub session: SessionTimer,
    /// Where answers over UDP go when a request's Via has no `rport`.
    pub reply_to: ReplyTo,
    /// Whether its word on callers is believed, and what it is told of them.
    pub identity: IdentityPolicy,
    /// Provisional responses may be acknowledged there (RFC 3262).
    pub reliable: bool,
    /// Prefixes (E.164 digits) of the numbers that its calls may show; empty: any.
    pub caller_numbers: Vec<Box<str>>,
    /// Shown instead of a number that it may not show.
    pub default_caller: Option<Number>,
    /// How its media travels.
    pub media: MediaTerms,
    /// What it is known by.
    pub kind: GateKind,
    /// Its credentials: of a SIP account always; of a gate, if its address alone is not enough.
    pub login: Option<Box<Login>>,
}

/// What a gate is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GateKind {
    /// Its source address.
    #[default]
    Address,
    /// Credentials alone: a SIP account.
    SipAccount {
        /// Most contacts that it may register.
        max_contacts: u32,
    },
}

/// The port to which answers over UDP go when the Via has no `rport`; the address is always the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTo {
    /// The Via's port if its host is the source's address, else the source's.
    #[default]
    Auto,
    /// The source's.
    Source,
    /// The Via's.
    Via,
}

/// A gate in the table.
#[derive(Clone, PartialEq, Debug)]
pub struct Gate {
    /// Stable across reloads.
    pub id: GateId,
    spec: GateSpec,
}

/// All gates, immutable; found by source address, id or name.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    names: Names,
    /// By id; `None` where a name of an earlier configuration is gone.
    slots: Vec<Option<Arc<Gate>>>,
    index: CidrIndex<GateId>,
    /// SIP accounts by user name.
    logins: BTreeMap<Box<str>, GateId>,
}

// === impl GateSpec ===

impl GateSpec {
    /// A gate with every setting at its default and no source.
    pub fn new(name: &str, account: &str) -> Self {
        Self {
            name: name.into(),
            account: account.into(),
            source: Vec::new(),
            address: None,
            protocols: Protocols::default(),
            h323: H323Terms::default(),
            h323_alias: Vec::new(),
            codecs: CodecSet::DEFAULT,
            numbering: Numbering::E164,
            translate: Translations::default(),
            blocked: Vec::new(),
            blocked_callers: Vec::new(),
            max_calls: u32::MAX,
            max_cps: None,
            max_call_secs: 14_400,
            session: SessionTimer::default(),
            reply_to: ReplyTo::Auto,
            kind: GateKind::Address,
            login: None,
            identity: IdentityPolicy::default(),
            reliable: true,
            caller_numbers: Vec::new(),
            default_caller: None,
            media: MediaTerms::default(),
        }
    }

    /// Whether it is a SIP account.
    pub const fn is_sip_account(&self) -> bool {
        matches!(self.kind, GateKind::SipAccount { .. })
    }

    /// Where a call to one of its numbers goes: its address, or the first source that is one address alone,
    /// port 5060 over UDP; of one that calls by H.323 alone, port 1720.
    pub fn called_at(&self) -> Option<Target> {
        let single = || self.source.iter().find_map(Cidr::single);
        self.address.clone().or_else(|| {
            single().map(|ip| Target {
                host: Host::Ip(ip),
                port: None,
                transport: if self.protocols.sip { Transport::Udp } else { Transport::H323 },
                is_written: true,
                tls: units::TlsId::NONE,
            })
        })
    }
}

// === impl Gate ===

impl std::ops::Deref for Gate {
    type Target = GateSpec;
    fn deref(&self) -> &GateSpec {
        &self.spec
    }
}

impl Gate {
    /// Its codecs, and what is said of transcoding.
    pub fn codec_terms(&self) -> CodecTerms {
        CodecTerms { codecs: self.codecs, transcode: self.media.transcode }
    }

    /// Whether calls to `number` are answered 403 here.
    pub fn blocks_called(&self, number: &Number) -> bool {
        self.blocked.iter().any(|prefix| number.digits().starts_with(prefix.as_bytes()))
    }

    /// Whether calls from `caller` are answered 403 here; it is brought into international form first,
    /// however it is written.
    pub fn blocks_caller(&self, caller: &str) -> bool {
        if self.blocked_callers.is_empty() {
            return false;
        }
        let digits = crate::number::caller_digits(caller, self.numbering);
        self.blocked_callers.iter().any(|prefix| digits.starts_with(&**prefix))
    }

    /// A caller's digits in international form, however it is written here.
    pub fn caller_digits(&self, caller: &str) -> String {
        crate::number::caller_digits(caller, self.numbering)
    }

    /// Whether a caller is known to be the customer's own: one of `caller_numbers`, or what is shown instead.
    pub fn owns(&self, digits: &str) -> bool {
        let is_default = || self.default_caller.is_some_and(|own| own.digits() == digits.as_bytes());
        self.caller_numbers.iter().any(|prefix| digits.starts_with(&**prefix)) || is_default()
    }

    /// Whether a caller may be shown, however it is written here.
    pub fn may_show(&self, caller: &str) -> bool {
        if self.caller_numbers.is_empty() {
            return true;
        }
        let digits = crate::number::caller_digits(caller, self.numbering);
        self.caller_numbers.iter().any(|prefix| digits.starts_with(&**prefix))
    }
}

// === impl Gates ===

impl Gates {
    /// Builds the table. Names that `before` knows keep their ids.
    pub fn new(specs: Vec<GateSpec>, before: Option<&Self>) -> Result<Self, BuildError> {
        let mut names = before.map(|b| b.names.clone()).unwrap_or_default();
        let mut slots: Vec<Option<Arc<Gate>>> = vec![None; names.len()];
        let mut blocks: Vec<(Cidr, GateId)> = Vec::new();
        let mut logins = BTreeMap::new();
        for spec in specs {
            let id = names.id("gate", &spec.name, GATES_MAX)?;
            slots.resize(names.len(), None);
            blocks.extend(spec.source.iter().map(|&cidr| (cidr, GateId(id))));
            if let Some(login) = spec.login.as_ref().filter(|_| spec.is_sip_account())
                && logins.insert(login.username.clone(), GateId(id)).is_some()
            {
                let name = login.username.to_string().into();
                return Err(BuildError::TwiceNamed { kind: "user name", name });
            }
            match &mut slots[usize::from(id)] {
                Some(_) => return Err(BuildError::TwiceNamed { kind: "gate", name: spec.name }),
                empty => *empty = Some(Arc::new(Gate { id: GateId(id), spec })),
            }
        }
        crate::carrier::refuse_shared(&mut blocks, |id| names.name(id.0).cloned())?;
        Ok(Self { names, slots, index: CidrIndex::new(blocks), logins })
    }

    /// The gate that `source` belongs to: the longest block wins; IPv4-mapped IPv6 counts as IPv4.
    pub fn by_source(&self, source: IpAddr) -> Option<&Arc<Gate>> {
        self.by_id(self.index.longest(source)?)
    }

    /// The same for who speaks SIP: a gate that does not is a stranger there.
    pub fn by_sip_source(&self, source: IpAddr) -> Option<&Arc<Gate>> {
        self.by_source(source).filter(|gate| gate.protocols.sip)
    }

    /// The same for who speaks H.323.
    pub fn by_h323_source(&self, source: IpAddr) -> Option<&Arc<Gate>> {
        self.by_source(source).filter(|gate| gate.protocols.h323)
    }

    /// The SIP account with this user name.
    pub fn by_username(&self, username: &str) -> Option<&Arc<Gate>> {
        self.by_id(*self.logins.get(username)?)
    }

    /// The SIP account of a customer with this user name, else with this name.
    pub fn sip_account_of(&self, account: &str, user: &str) -> Option<&Arc<Gate>> {
        let found = [self.by_username(user), self.by_name(user)];
        found.into_iter().flatten().find(|gate| gate.is_sip_account() && &*gate.account == account)
    }

    /// Whether there is any SIP account: without one, strangers hear nothing.
    pub fn has_sip_accounts(&self) -> bool {
        !self.logins.is_empty()
    }

    /// The gate with this id, if the present configuration has it.
    pub fn by_id(&self, id: GateId) -> Option<&Arc<Gate>> {
        self.slots.get(usize::from(id.0))?.as_ref()
    }

    /// The gate with this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Gate>> {
        self.by_id(GateId(self.names.find(name)?))
    }

    /// All gates, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Gate> {
        self.slots.iter().flatten().map(|slot| &**slot)
    }

    /// One more than the largest id: the size of a table indexed by gate.
    pub fn ids(&self) -> usize {
        self.slots.len()
    }

    /// Number of gates.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no gate.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(name: &str, source: &[&str]) -> GateSpec {
        let source = source.iter().map(|s| Cidr::parse(s).expect("block")).collect();
        GateSpec { source, ..GateSpec::new(name, "acme") }
    }

    fn found<'a>(gates: &'a Gates, ip: &str) -> Option<&'a str> {
        gates.by_source(ip.parse().expect("address")).map(|g| &*g.name)
    }

    /// SECURITY 31: overlapping blocks, mapped addresses, a gate without a source.
    #[test]
    fn longest_block_wins_and_empty_matches_nothing() {
        let gates = Gates::new(
            vec![
                gate("wide", &["192.0.2.0/24", "2001:db8::/32"]),
                gate("one", &["192.0.2.7", "2001:db8::7"]),
                gate("none", &[]),
            ],
            None,
        )
        .expect("valid");
        for (ip, name) in [
            ("192.0.2.7", Some("one")),
            ("::ffff:192.0.2.7", Some("one")),
            ("192.0.2.8", Some("wide")),
            ("2001:db8::7", Some("one")),
            ("2001:db8::8", Some("wide")),
            ("192.0.3.1", None),
            ("::192.0.2.7", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(found(&gates, ip), name, "{ip}");
        }
        assert_eq!(gates.len(), 3);
    }

    #[test]
    fn one_block_has_one_owner() {
        let clash =
            Gates::new(vec![gate("a", &["192.0.2.0/24"]), gate("b", &["::ffff:192.0.2.0/120"])], None);
        assert_eq!(
            clash.map(|_| ()).map_err(|e| e.to_string()),
            Err("192.0.2.0/24 belongs to \"a\" already, so \"b\" cannot have it".to_owned())
        );
        assert!(matches!(
            Gates::new(vec![gate("a", &[]), gate("a", &[])], None),
            Err(BuildError::TwiceNamed { .. })
        ));
    }

    #[test]
    fn sip_accounts_are_found_by_user_name_and_by_no_address() {
        let password = crate::Secret::new("s3cret");
        let account = |name: &str, user: &str| GateSpec {
            kind: GateKind::SipAccount { max_contacts: 5 },
            login: Some(Box::new(Login {
                username: user.into(),
                ha1: crate::Ha1::of(user, "sip.example.net", &password),
            })),
            ..GateSpec::new(name, "acme")
        };
        let gates =
            Gates::new(vec![account("alice", "a"), gate("pbx", &["192.0.2.1"])], None).expect("valid");
        assert_eq!(gates.by_username("a").map(|gate| &*gate.name), Some("alice"));
        assert!(gates.by_username("alice").is_none() && gates.by_username("").is_none());
        assert!(gates.has_sip_accounts() && found(&gates, "192.0.2.1") == Some("pbx"));
        assert!(!Gates::new(vec![gate("pbx", &[])], None).expect("valid").has_sip_accounts());
        assert!(Gates::new(vec![account("a", "x"), account("b", "x")], None).is_err());
    }

    #[test]
    fn a_reload_keeps_ids() {
        let first =
            Gates::new(vec![gate("a", &["192.0.2.1"]), gate("b", &["192.0.2.2"])], None).expect("valid");
        let second = Gates::new(vec![gate("c", &["192.0.2.3"]), gate("b", &["192.0.2.1"])], Some(&first))
            .expect("valid");
        let id = |gates: &Gates, name: &str| gates.by_name(name).map(|g| g.id);
        assert_eq!(id(&second, "b"), id(&first, "b"));
        assert_eq!(id(&second, "a"), None);
        assert_eq!(id(&second, "c"), Some(GateId(2)));
        assert_eq!(found(&second, "192.0.2.1"), Some("b"));
        let third = Gates::new(vec![gate("a", &[])], Some(&second)).expect("valid");
        assert_eq!(id(&third, "a"), Some(GateId(0)));
    }

    #[test]
    fn is_called_at_its_address_or_its_first_single_source() {
        let at = |gate: &GateSpec| gate.called_at().map(|target| target.to_string());
        assert_eq!(
            at(&gate("a", &["192.0.2.0/24", "192.0.2.7", "192.0.2.8"])).as_deref(),
            Some("sip:192.0.2.7;transport=udp")
        );
        assert_eq!(at(&gate("a", &["192.0.2.0/24"])), None);
        let written = GateSpec {
            address: "sip:pbx.example:5070;transport=tcp".parse().ok(),
            ..gate("a", &["192.0.2.7"])
        };
        assert_eq!(at(&written).as_deref(), Some("sip:pbx.example:5070;transport=tcp"));
    }

    #[test]
    fn blocks_prefixes() {
        let spec =
            GateSpec { blocked: vec!["3490".into()], blocked_callers: vec!["999".into()], ..gate("a", &[]) };
        let gates = Gates::new(vec![spec], None).expect("valid");
        let gate = gates.by_name("a").expect("there");
        assert!(gate.blocks_called(&"34905123456".parse().expect("number")));
        assert!(!gate.blocks_called(&"34911123456".parse().expect("number")));
        assert!(
            gate.blocks_caller("+99912") && gate.blocks_caller("(00)999-12") && !gate.blocks_caller("+34999")
        );
    }
}
