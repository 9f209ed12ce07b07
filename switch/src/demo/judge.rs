//! The proof: what the record says against what both ends saw, what the price list says, and what the account
//! holds. An empty list of differences is the only good outcome.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use rating::Cdr;
use units::{Currency, Money};
use web::AccountDoc;

use super::carrier::Seen;
use super::phone::Heard;
use super::story::{Customer, Story};
use super::tariff::{self, ALPHA_COST, Due, RETAIL, Row};

/// The switch looks at its clock just before it reads a packet; on a busy machine the two may lie so far
/// apart.
const SLACK: Duration = Duration::from_millis(250);

/// One call with everything known of it.
pub(super) struct Case {
    pub story: &'static Story,
    pub heard: Heard,
    pub cdr: Cdr,
    /// By the last carrier tried.
    pub seen: Option<Seen>,
}

/// What differs, in words.
#[derive(Default)]
pub(super) struct Wrong(pub Vec<String>);

impl Wrong {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, is: T, must: T) {
        if is != must {
            self.0.push(format!("{what} is {is:?}, must be {must:?}"));
        }
    }

    fn money(&mut self, what: &str, is: i64, must: i64) {
        if is != must {
            self.0.push(format!("{what} is {}, must be {}", euros(is), euros(must)));
        }
    }

    fn must(&mut self, holds: bool, what: &str) {
        if !holds {
            self.0.push(what.to_owned());
        }
    }
}

/// A count of 10⁻⁵ as text.
pub(super) fn euros(amount: i64) -> String {
    Money::of(amount, Currency::EUR).to_string()
}

impl Case {
    /// What the price list asks for this call.
    pub(super) fn due(&self) -> Option<(&'static Row, Due)> {
        let row = tariff::row_of(RETAIL, self.story.number)?;
        Some((row, row.due(self.cdr.duration_ms)))
    }

    /// Everything that is not as it must be.
    pub(super) fn judge(&self) -> Vec<String> {
        let mut wrong = Wrong::default();
        self.judge_outcome(&mut wrong);
        self.judge_end(&mut wrong);
        self.judge_money(&mut wrong);
        if self.cdr.answered_at.is_some() {
            self.judge_duration(&mut wrong);
            self.judge_voice(&mut wrong);
        }
        wrong.0
    }

    fn judge_outcome(&self, wrong: &mut Wrong) {
        let (cdr, expected, customer) = (&self.cdr, &self.story.expected, self.story.customer);
        wrong.same("the caller's final status", self.heard.status, expected.status);
        wrong.same("the CDR's sip_status", cdr.sip_status, expected.status);
        wrong.same("the CDR's cause_q850", cdr.cause_q850.0, expected.cause);
        wrong.same("the gate", &*cdr.gate, customer.gate);
        wrong.same("the account", &*cdr.account, customer.account);
        wrong.same("called_e164", cdr.called_e164.as_str(), self.story.number);
        let attempts: Vec<(&str, Option<u16>)> =
            cdr.attempts.iter().map(|attempt| (&*attempt.carrier, attempt.status)).collect();
        wrong.same("the list of carriers tried", attempts.as_slice(), expected.attempts);
        if expected.status == 200 {
            wrong.same("the caller's codec", cdr.codec_a.as_deref(), expected.codec);
            wrong.same("the carrier's codec", cdr.codec_b.as_deref(), expected.codec);
        }
        if let Some(by) = expected.hangup_by {
            wrong.same("hangup_by", &*cdr.hangup_by, by);
        }
    }

    /// Who heard what at the end.
    fn judge_end(&self, wrong: &mut Wrong) {
        let (heard, expected) = (&self.heard, &self.story.expected);
        let seen = self.seen.clone().unwrap_or_default();
        match (expected.status, expected.hangup_by) {
            (200, Some("caller")) => wrong.must(seen.heard_bye.is_some(), "the carrier heard no BYE"),
            (200, Some("callee")) => wrong.must(heard.heard_bye.is_some(), "the caller heard no BYE"),
            (200, _) => {
                for (who, heard_bye, reason) in
                    [("caller", heard.heard_bye, &heard.reason), ("carrier", seen.heard_bye, &seen.reason)]
                {
                    wrong.must(heard_bye.is_some(), &format!("the {who} heard no BYE"));
                    wrong.must(
                        squeezed(reason).contains("sip;cause=402"),
                        &format!("the {who}'s BYE has Reason {reason:?}, not SIP;cause=402"),
                    );
                }
            }
            (status, _) => {
                let reason = format!("q.850;cause={};", expected.cause);
                let named = format!("{};", squeezed(&heard.reason)).contains(&reason);
                wrong.must(
                    named,
                    &format!(
                        "the {status} has Reason {:?}, not Q.850;cause={}",
                        heard.reason, expected.cause
                    ),
                );
                wrong.must(
                    seen.cancelled == (status == 487),
                    "the carrier's CANCEL and the caller's do not agree",
                );
            }
        }
    }

    /// Both ends heard each other by the relay, and no more than that says.
    fn judge_voice(&self, wrong: &mut Wrong) {
        let carrier_heard = self.seen.as_ref().map_or(0, |seen| seen.packets);
        for (who, heard, sent) in [
            ("caller", self.heard.packets, self.cdr.rtp_packets_a_out),
            ("carrier", carrier_heard, self.cdr.rtp_packets_b_out),
        ] {
            wrong.must(
                heard > 0 && sent.is_some_and(|sent| sent >= heard),
                &format!("the {who} heard {heard} packets of RTP, and the record says {sent:?}"),
            );
        }
    }

    fn judge_money(&self, wrong: &mut Wrong) {
        let cdr = &self.cdr;
        let Some((row, due)) = self.due() else {
            return wrong.must(false, "the number has no price in the demo's deck");
        };
        wrong.same("billed_seconds", cdr.billed_seconds, due.billed_seconds);
        wrong.money("the amount", cdr.amount, due.amount);
        wrong.money("balance_before", cdr.balance_before, cdr.balance_after + due.amount);
        wrong.must(cdr.balance_after >= 0, "the balance is overspent");
        if cdr.answered_at.is_some() {
            wrong.same("the deck's prefix", cdr.prefix.as_str(), row.prefix);
            wrong.same(
                "increments",
                (u64::from(cdr.initial), u64::from(cdr.increment)),
                (row.initial, row.increment),
            );
        }
        let by_alpha = cdr.answered_at.is_some() && cdr.carrier.as_deref() == Some("alpha");
        let cost = tariff::row_of(ALPHA_COST, self.story.number).filter(|_| by_alpha);
        // The carrier's clock runs until its BYE, beyond what the account pays.
        wrong.same(
            "the carrier's cost",
            cdr.cost.map(euros),
            cost.map(|row| euros(row.due(cdr.duration_ms + cdr.teardown_ms).amount)),
        );
    }

    /// The billed time lies between what the ends measured: the carrier answers before the switch learns of
    /// it, and so on.
    fn judge_duration(&self, wrong: &mut Wrong) {
        let duration = Duration::from_millis(self.cdr.duration_ms);
        if let Some(exact) = self.story.expected.duration_ms {
            wrong.same("duration_ms", self.cdr.duration_ms, exact);
        }
        let seen = self.seen.clone().unwrap_or_default();
        let said = self.heard.said_bye.or(seen.said_bye);
        let heard = if seen.said_bye.is_some() { self.heard.heard_bye } else { seen.heard_bye };
        if let Some(least) = between(self.heard.answered, said) {
            wrong.must(
                duration + SLACK >= least,
                &format!("{duration:?} were billed, though the ends talked {least:?} at least"),
            );
        }
        match between(seen.answered, heard) {
            Some(most) => wrong.must(
                duration <= most + SLACK,
                &format!("{duration:?} were billed, though the ends talked {most:?} at most"),
            ),
            None => wrong.must(false, "the ends did not see the whole call"),
        }
    }
}

/// An account's records, in journal order, lead from what it was opened with to what it holds.
pub(super) fn judge_account(customer: &Customer, all: &[Cdr], now: &AccountDoc) -> Vec<String> {
    let mut wrong = Wrong::default();
    let Ok(opening) = Money::parse(customer.balance, Currency::EUR) else {
        return vec!["the opening balance cannot be read".to_owned()];
    };
    let mut balance = opening.amount;
    for cdr in all.iter().filter(|cdr| &*cdr.account == customer.account) {
        wrong.money(&format!("the balance before the call to {}", cdr.called), cdr.balance_before, balance);
        balance -= cdr.amount;
        wrong.money(&format!("the balance after the call to {}", cdr.called), cdr.balance_after, balance);
    }
    wrong.same("the balance", now.balance.as_str(), &euros(balance));
    wrong.same("what is available", now.available.as_str(), &euros(balance));
    wrong.same("what is leased", now.leased.as_str(), "0.00000");
    wrong.0
}

fn between(from: Option<Instant>, to: Option<Instant>) -> Option<Duration> {
    Some(to?.saturating_duration_since(from?))
}

/// Lower case without blanks: how headers are compared.
fn squeezed(header: &str) -> String {
    header.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}
