//! Whether the caller's number is signed as it is shown (RFC 8224 §6.2, RFC 8588): looked at before a call is
//! admitted. A call whose signer's certificate is not known waits for it.

use std::sync::Arc;

use call::{Event, Refusal};
use codecs::CodecSet;
use route::Verification;
use stir::{Attestation, Credential, Fault, Passport, Verstat};
use units::{Now, Number};

use crate::admit::refused;
use crate::certificates::Found;
use crate::examination::{Examination, Waiting};
use crate::io::{Certificate, Output};
use crate::node::Node;
use crate::slot::Slot;

/// How long a call waits for a certificate, ms: what its fetch may take, and half a second on top.
const WAIT_MS: u64 = 2_500;

impl Node {
    /// Admits a call whose caller's signature need not be looked at, or was. None: it waits.
    pub(crate) fn admit_verified(
        &mut self,
        now: Now,
        slot: &mut Slot,
        number: Option<Number>,
        codecs: CodecSet,
    ) -> Option<Event> {
        // A SIP account that is called by its name has no number that anybody could have signed.
        let Some(number) = number.filter(|_| slot.caller.party().identity().verify != Verification::Off)
        else {
            return Some(self.admit(now, slot, number, codecs));
        };
        let passport = match slot.caller.passport(now, &number) {
            Ok(passport) => passport,
            Err(fault) => return Some(self.judged(now, slot, (number, codecs), Err(fault))),
        };
        match self.certificates.find(now.tick, &passport.x5u, slot.me) {
            Found::Known(outcome) => {
                let verified = verify(now, &passport, outcome);
                Some(self.judged(now, slot, (number, codecs), verified))
            }
            Found::Waits(is_first) => {
                if is_first {
                    self.outputs.push_back(Output::FetchCertificate(passport.x5u.clone()));
                }
                let until = now.tick.plus_ms(WAIT_MS);
                let waits = Some(Waiting { passport, number, codecs, until });
                let examination = Examination { verstat: Verstat::None, attestation: None, waits };
                slot.examination = Some(Box::new(examination));
                None
            }
            Found::Full => {
                let fault = Fault::Fetch("too many calls wait for certificates".into());
                Some(self.judged(now, slot, (number, codecs), Err(fault)))
            }
        }
    }

    /// A certificate came, or will not: calls that wait for it go on.
    pub(crate) fn certificate(&mut self, now: Now, certificate: &Certificate) {
        let Certificate { url, outcome, keep_secs } = certificate;
        if let Ok(credential) = outcome {
            let subject = credential.subject();
            tracing::info!(%url, subject, keep_secs, "a certificate of callers' numbers was fetched");
        }
        let until = now.tick.plus_ms(u64::from(*keep_secs) * 1_000);
        for at in self.certificates.told(url, outcome.clone(), until) {
            let Some(mut slot) = self.calls.take(at) else { continue };
            self.go_on(now, &mut slot, outcome.clone());
            self.take_leg_events(now, &mut slot);
            self.park(now, slot);
        }
    }

    /// A call that waited for as long as a call may goes on without the certificate.
    pub(crate) fn wait_no_longer(&mut self, now: Now, slot: &mut Slot) {
        if slot.examination.as_deref().is_some_and(|examination| examination.deadline() <= now.tick) {
            self.go_on(now, slot, Err(Fault::Fetch("it did not come in time".into())));
            self.take_leg_events(now, slot);
        }
    }

    /// The call waits no longer: it is admitted or refused, unless it is over.
    fn go_on(&mut self, now: Now, slot: &mut Slot, outcome: Result<Arc<Credential>, Fault>) {
        let waiting = slot.examination.as_deref_mut().and_then(|examination| examination.waits.take());
        let Some(Waiting { passport, number, codecs, .. }) = waiting else { return };
        if !slot.call.is_admitting() {
            return;
        }
        let verified = verify(now, &passport, outcome);
        let event = self.judged(now, slot, (number, codecs), verified);
        self.drive_slot(now, slot, event);
    }

    /// Notes what came of it, and admits the call, or refuses it where only good signatures pass.
    fn judged(
        &mut self,
        now: Now,
        slot: &mut Slot,
        (number, codecs): (Number, CodecSet),
        verified: Result<Attestation, Fault>,
    ) -> Event {
        let verstat = verified.as_ref().map_or_else(Fault::verstat, |_| Verstat::Passed);
        let attestation = verified.as_ref().ok().copied();
        slot.examination = Some(Box::new(Examination { verstat, attestation, waits: None }));
        slot.caller.judge(verstat);
        self.counters.verified(verstat.as_str());
        let rejects = slot.caller.party().identity().verify == Verification::Reject;
        match verified {
            Err(fault) => {
                let (origin, call) = (&**slot.call.origin().name(), ledger::CallId(slot.call.id()));
                tracing::info!(%call, origin, %fault, rejects, "the caller's number is not verified");
                if rejects {
                    return refused(Refusal::not_verified(fault.status(), fault.word()), None);
                }
                self.admit(now, slot, Some(number), codecs)
            }
            Ok(_) => self.admit(now, slot, Some(number), codecs),
        }
    }
}

fn verify(
    now: Now,
    passport: &Passport,
    outcome: Result<Arc<Credential>, Fault>,
) -> Result<Attestation, Fault> {
    passport.verify(&*outcome?, now.wall.0.div_euclid(1_000))?;
    Ok(passport.attest)
}
