//! Carriers: where calls are sent, within which limits, and what makes the next one be tried.
//!
//! Invariant: a `CarrierId` means the same name across reloads; an id whose carrier is gone finds nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use codecs::CodecSet;
use units::Name;

use crate::names::{CARRIERS_MAX, Names};
use crate::{
    BuildError, CarrierId, Cidr, CidrIndex, CodecTerms, Credentials, H323Terms, HeaderRules, Host,
    IdentityPolicy, MediaTerms, RedirectHosts, SessionTimer, StatusSet, Target, Translations, Transport,
};

/// What an operator writes about a carrier.
#[derive(Clone, PartialEq, Debug)]
pub struct CarrierSpec {
    /// Name, unique among carriers.
    pub name: Name,
    /// Where its INVITEs go.
    pub target: Target,
    /// Further addresses that its requests come from; the target's own address always counts.
    pub source: Vec<Cidr>,
    /// What the carrier charges, if known.
    pub deck: Option<Name>,
    /// Codecs it takes.
    pub codecs: CodecSet,
    /// Most calls at once, over all shards; `u32::MAX`: no limit.
    pub max_calls: u32,
    /// Most new calls in any second, over all shards; none: no limit.
    pub max_cps: Option<u32>,
    /// Seconds between OPTIONS probes; 0: none is ever sent.
    pub probe_secs: u32,
    /// Consecutive failures before it is skipped.
    pub down_after: u32,
    /// Seconds that it is skipped before one call may try it again.
    pub down_secs: u32,
    /// Milliseconds to wait for any response before the next carrier.
    pub first_response_ms: u32,
    /// Seconds to wait for a final response, from the last provisional one.
    pub no_answer_secs: u32,
    /// Final statuses after which the next carrier is tried.
    pub next_on: StatusSet,
    /// Whether the next carrier may be tried after this one sent media before the answer.
    pub hunt_after_early_media: bool,
    /// Rewriting of the E.164 digits before they are dialled there.
    pub translate: Translations,
    /// Session timer toward the carrier.
    pub session: SessionTimer,
    /// What answers its digest challenges; none: they are failures as any other.
    pub credentials: Option<Box<Credentials>>,
    /// A `+` goes before a number that `translate` leaves as it is.
    pub plus: bool,
    /// URIs of called numbers say `user=phone` (RFC 3261 §19.1.1).
    pub user_phone: bool,
    /// Headers of its INVITEs; none: as usual.
    pub headers: Option<Box<HeaderRules>>,
    /// Where its redirections are followed; none: they are failures as any other.
    pub redirect_hosts: Option<Box<RedirectHosts>>,
    /// Seconds for which we register there; none: we do not.
    pub register_secs: Option<u32>,
    /// Whether its word on callers is believed, and what it is told of them.
    pub identity: IdentityPolicy,
    /// Provisional responses may be acknowledged there (RFC 3262).
    pub reliable: bool,
    /// How its media travels.
    pub media: MediaTerms,
    /// It is told that it may say what part of our calls it has no room for, and that is heeded (RFC 7339).
    pub overload_control: bool,
    /// T1 of RFC 3261 with it, milliseconds; none: everybody's.
    pub t1_ms: Option<u32>,
    /// T2 with it.
    pub t2_ms: Option<u32>,
    /// How H.323 is spoken with it.
    pub h323: H323Terms,
    /// The gatekeeper that admits H.323 calls to it; none: they go to its address as they are.
    pub gatekeeper: Option<SocketAddr>,
}

/// A carrier in the table.
#[derive(Clone, PartialEq, Debug)]
pub struct Carrier {
    /// Stable across reloads.
    pub id: CarrierId,
    spec: CarrierSpec,
}

/// All carriers, immutable; found by id, name or source address.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    names: Names,
    /// By id; `None` where a name of an earlier configuration is gone.
    slots: Vec<Option<Arc<Carrier>>>,
    /// Those that speak SIP.
    index: CidrIndex<CarrierId>,
    /// Those that speak H.323.
    h323_index: CidrIndex<CarrierId>,
    /// Under which users we are registered somewhere.
    registered: BTreeSet<Box<str>>,
}

// === impl CarrierSpec ===

impl CarrierSpec {
    /// A carrier with every setting at its default.
    pub fn new(name: &str, target: Target) -> Self {
        Self {
            name: name.into(),
            target,
            source: Vec::new(),
            deck: None,
            codecs: CodecSet::DEFAULT,
            max_calls: u32::MAX,
            max_cps: None,
            probe_secs: 0,
            down_after: 5,
            down_secs: 30,
            first_response_ms: 4_000,
            no_answer_secs: 180,
            next_on: StatusSet::next_on(),
            hunt_after_early_media: false,
            translate: Translations::default(),
            session: SessionTimer::default(),
            credentials: None,
            plus: false,
            user_phone: false,
            headers: None,
            redirect_hosts: None,
            register_secs: None,
            identity: IdentityPolicy::default(),
            reliable: true,
            media: MediaTerms::default(),
            overload_control: false,
            t1_ms: None,
            t2_ms: None,
            h323: H323Terms::default(),
            gatekeeper: None,
        }
    }

    /// Every block its requests may come from: `source` and the target's own address.
    pub fn sources(&self) -> impl Iterator<Item = Cidr> {
        let own = match self.target.host {
            Host::Ip(address) => Some(Cidr::host(address)),
            Host::Name(_) => None,
        };
        let listed = own.is_some_and(|own| self.source.contains(&own));
        self.source.iter().copied().chain(own.filter(|_| !listed))
    }
}

// === impl Carrier ===

impl std::ops::Deref for Carrier {
    type Target = CarrierSpec;
    fn deref(&self) -> &CarrierSpec {
        &self.spec
    }
}

impl Carrier {
    /// Its codecs, and what is said of transcoding.
    pub fn codec_terms(&self) -> CodecTerms {
        CodecTerms { codecs: self.codecs, transcode: self.media.transcode }
    }

    /// What is dialled at this carrier for an E.164 `number`.
    pub fn dialled(&self, number: &units::Number) -> String {
        let mut text = number.as_str().to_owned();
        self.translate.apply(&mut text);
        if self.plus && text == number.as_str() {
            text.insert(0, '+');
        }
        text
    }
}

// === impl Carriers ===

impl Carriers {
    /// Builds the table. Names that `before` knows keep their ids. Two carriers may share a target address
    /// (two ports, two products), but not a listed source block.
    pub fn new(specs: Vec<CarrierSpec>, before: Option<&Self>) -> Result<Self, BuildError> {
        let mut names = before.map(|b| b.names.clone()).unwrap_or_default();
        let mut slots: Vec<Option<Arc<Carrier>>> = vec![None; names.len()];
        let mut listed: Vec<(Cidr, CarrierId)> = Vec::new();
        let mut own: Vec<(Cidr, CarrierId)> = Vec::new();
        let mut by_h323 = BTreeSet::new();
        for spec in specs {
            let id = names.id("carrier", &spec.name, CARRIERS_MAX)?;
            slots.resize(names.len(), None);
            listed.extend(spec.source.iter().map(|&cidr| (cidr, CarrierId(id))));
            if spec.target.transport == Transport::H323 {
                by_h323.insert(CarrierId(id));
            }
            own.extend(spec.sources().map(|cidr| (cidr, CarrierId(id))));
            match &mut slots[usize::from(id)] {
                Some(_) => return Err(BuildError::TwiceNamed { kind: "carrier", name: spec.name }),
                empty => *empty = Some(Arc::new(Carrier { id: CarrierId(id), spec })),
            }
        }
        let registered = slots.iter().flatten().filter(|carrier| carrier.register_secs.is_some());
        let registered =
            registered.filter_map(|carrier| Some(carrier.credentials.as_ref()?.user().into())).collect();
        refuse_shared(&mut listed, |id| names.name(id.0).cloned())?;
        let blocks = listed.into_iter().chain(own);
        let (h323, sip): (Vec<_>, Vec<_>) = blocks.partition(|(_, id)| by_h323.contains(id));
        Ok(Self { names, slots, index: CidrIndex::new(sip), h323_index: CidrIndex::new(h323), registered })
    }

    /// The carrier with this id, if the present configuration has it.
    pub fn by_id(&self, id: CarrierId) -> Option<&Arc<Carrier>> {
        self.slots.get(usize::from(id.0))?.as_ref()
    }

    /// The carrier with this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Carrier>> {
        self.by_id(CarrierId(self.names.find(name)?))
    }

    /// The name of an id, also of a carrier that an earlier configuration had: for CDRs and metrics of calls
    /// that outlive it.
    pub fn name(&self, id: CarrierId) -> Option<&Name> {
        self.names.name(id.0)
    }

    /// The carrier whose SIP requests come from `source`; of several on one address, the first by id.
    pub fn by_source(&self, source: IpAddr) -> Option<&Arc<Carrier>> {
        self.by_id(self.index.longest(source)?)
    }

    /// The same of those that are called by H.323.
    pub fn by_h323_source(&self, source: IpAddr) -> Option<&Arc<Carrier>> {
        self.by_id(self.h323_index.longest(source)?)
    }

    /// Whether this is the user part of a Contact that we register somewhere.
    pub fn are_registered_as(&self, user: &str) -> bool {
        self.registered.contains(user)
    }

    /// All carriers, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Carrier> {
        self.slots.iter().flatten().map(|slot| &**slot)
    }

    /// One more than the largest id: the size of a table indexed by carrier.
    pub fn ids(&self) -> usize {
        self.slots.len()
    }

    /// Number of carriers.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no carrier.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// Refuses a block that two owners list; the same block twice in one owner's list is dropped.
pub(crate) fn refuse_shared<T: Copy + Ord>(
    blocks: &mut Vec<(Cidr, T)>,
    name: impl Fn(T) -> Option<Name>,
) -> Result<(), BuildError> {
    blocks.sort();
    blocks.dedup();
    match blocks.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => {
            let name = |id| name(id).unwrap_or_else(|| Name::from("?"));
            Err(BuildError::TwiceSourced { cidr: pair[0].0, first: name(pair[0].1), second: name(pair[1].1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, target: &str, source: &[&str]) -> CarrierSpec {
        let source = source.iter().map(|s| Cidr::parse(s).expect("block")).collect();
        CarrierSpec { source, ..CarrierSpec::new(name, target.parse().expect("target")) }
    }

    #[test]
    fn carriers_are_known_by_their_addresses() {
        let carriers = Carriers::new(
            vec![
                spec("alpha", "sip:192.0.2.1:5080", &["198.51.100.0/24"]),
                spec("beta", "sip:192.0.2.1:5081", &[]),
                spec("named", "sip:gw.example", &["203.0.113.4"]),
            ],
            None,
        )
        .expect("valid");
        let name = |ip: &str| carriers.by_source(ip.parse().expect("ip")).map(|c| c.name.to_string());
        assert_eq!(name("192.0.2.1").as_deref(), Some("alpha"));
        assert_eq!(name("198.51.100.9").as_deref(), Some("alpha"));
        assert_eq!(name("::ffff:203.0.113.4").as_deref(), Some("named"));
        assert_eq!(name("203.0.113.5"), None);
    }

    #[test]
    fn ids_survive_a_reload_and_names_are_remembered() {
        let first = Carriers::new(
            vec![spec("alpha", "sip:192.0.2.1", &[]), spec("beta", "sip:192.0.2.2", &[])],
            None,
        )
        .expect("valid");
        let second = Carriers::new(vec![spec("beta", "sip:192.0.2.9", &[])], Some(&first)).expect("valid");
        assert_eq!(second.by_name("beta").map(|c| c.id), Some(CarrierId(1)));
        assert_eq!(second.by_id(CarrierId(0)), None);
        assert_eq!(second.name(CarrierId(0)).map(|n| &**n), Some("alpha"));
        assert_eq!((second.len(), second.ids()), (1, 2));
    }

    #[test]
    fn two_carriers_cannot_list_one_block() {
        let both = Carriers::new(
            vec![spec("a", "sip:a.example", &["192.0.2.1"]), spec("b", "sip:b.example", &["192.0.2.1"])],
            None,
        );
        assert!(matches!(both, Err(BuildError::TwiceSourced { .. })));
    }
}
