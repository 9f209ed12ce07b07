//! Signatures of callers' numbers (RFC 8224, RFC 8588): ours toward carriers, and those that callers bring.
//!
//! Invariant: what is signed is the number that the called side is shown, so that nothing is signed for one
//! that is told no number.

use route::Verification;
use sip::{Message, Name, NameAddr};
use stir::{Attestation, Claims, Fault, Passport, Tn};
use units::{Now, Number};

use super::crossing::Crossing;
use super::leg::SipLeg;
use super::parties::calling_party;
use super::privacy::{Presentation, is_nobody};
use crate::ConfigSnapshot;
use crate::leg::{Context, Party};

/// Most values of Identity headers that are looked at.
const VALUES_MAX: usize = 8;

/// A signature of ours.
#[derive(Debug)]
pub(crate) struct Signature {
    pub level: Attestation,
    /// The Identity header's value.
    pub value: String,
    /// The Date header's, as RFC 8224 §4.1 wants one beside it.
    pub date: String,
}

/// Our signature for a called carrier, if we sign: none toward others, none where the caller's own goes on or
/// no number is told.
pub(super) fn sign(
    cx: &mut Context<'_>,
    (party, original): (&Party, Option<&Crossing>),
    presentation: &mut Presentation<'_>,
    number: Option<&Number>,
) -> Option<Signature> {
    let signing = cx.config.stir.as_deref()?;
    party.carrier()?;
    let number = number?;
    let caller = original.map(|crossing| &crossing.party);
    let orig = presentation.number().and_then(|user| match caller {
        Some(caller) => tn(user, caller),
        None => Tn::canonical(user),
    });
    let dest = Tn::canonical(&number.to_string())?;
    if let (Some(crossing), Some(orig)) = (original, &orig)
        && presentation.signature_passes()
        && is_signed(cx.now, crossing, orig, &dest)
    {
        return None;
    }
    presentation.drop_signature();
    let orig = orig?;
    let level = level(cx.config, caller, &orig, signing.level_default);
    let origin = caller.map(Party::origid_name).unwrap_or_default();
    let iat = cx.now.wall.0.div_euclid(1_000);
    let claims = Claims { attest: level, orig: &orig, dest: &dest, iat, origin: &origin };
    cx.counters.signed(level.as_str());
    Some(Signature { level, value: signing.signer.identity(&claims), date: cx.now.wall.http_date() })
}

/// Whether a trusted side's own signature is of the call as it goes on: its signer is nearer to the caller,
/// so that it is not replaced (ATIS-1000074 §5.2.3). Whoever is called verifies it.
fn is_signed(now: Now, crossing: &Crossing, orig: &Tn, dest: &Tn) -> bool {
    let values = || crossing.invite.values(Name::Identity).take(VALUES_MAX);
    let fits = |passport: &Passport| {
        let secs = now.wall.0.div_euclid(1_000);
        passport.fits(std::slice::from_ref(orig), std::slice::from_ref(dest), secs).is_ok()
    };
    crossing.party.identity().trust && Passport::find(values()).is_ok_and(|passport| fits(&passport))
}

/// How much we say of a number: A of one that is the customer's own; of any other B, if the customer showed
/// credentials of its own, else what the configuration says.
fn level(
    config: &ConfigSnapshot,
    caller: Option<&Party>,
    orig: &Tn,
    level_default: Attestation,
) -> Attestation {
    let Some(Party::Gate(gate)) = caller else { return level_default };
    let number = orig.as_str().parse::<Number>().ok();
    let is_rented = || {
        let ours = number.as_ref().and_then(|number| config.numbers.find(number));
        ours.is_some_and(|ours| ours.account == gate.account)
    };
    if gate.owns(orig.as_str()) || is_rented() {
        Attestation::A
    } else if gate.login.is_some() {
        level_default.min(Attestation::B)
    } else {
        level_default
    }
}

// === impl SipLeg: a caller's signature ===

impl SipLeg {
    /// The PASSporT of a caller's INVITE, if it is of this call.
    pub(crate) fn passport(&self, now: Now, number: &Number) -> Result<Passport, Fault> {
        debug_assert!(self.party.identity().verify != Verification::Off);
        let invite = &self.incoming().ok_or(Fault::Missing)?.invite;
        let passport = Passport::find(invite.values(Name::Identity).take(VALUES_MAX))?;
        let caller = shown(invite, &self.party).and_then(|user| tn(&user, &self.party));
        let to = invite.to().ok();
        let to = to.as_ref().and_then(NameAddr::parse_uri);
        let to = to.and_then(|uri| tn(&calling_party(&uri), &self.party));
        let called: Vec<Tn> = Tn::canonical(&number.to_string()).into_iter().chain(to).collect();
        passport.fits(caller.as_slice(), &called, now.wall.0.div_euclid(1_000))?;
        Ok(passport)
    }
}

/// Who calls, as the called side will see it: what a trusted side asserts, else From, else what is asserted
/// beside an anonymous From.
fn shown(invite: &Message, party: &Party) -> Option<String> {
    let user = |value: &str| Some(calling_party(&NameAddr::parse(value)?.parse_uri()?));
    let asserted = || invite.values(Name::PAssertedIdentity).find_map(user);
    let from = || invite.from().ok().and_then(|from| Some(calling_party(&from.parse_uri()?)));
    let from = || from().filter(|user| !user.is_empty() && !is_nobody(user));
    if party.identity().trust { asserted().or_else(from) } else { from().or_else(asserted) }
}

/// A number in the form of claims, however this side writes it.
fn tn(user: &str, party: &Party) -> Option<Tn> {
    match party {
        Party::Gate(gate) => Tn::canonical(&gate.caller_digits(user)),
        Party::Carrier(_) | Party::Number(_) | Party::Contact(..) => {
            Tn::canonical(&route::normalise_e164(user).ok()?.to_string())
        }
    }
}
