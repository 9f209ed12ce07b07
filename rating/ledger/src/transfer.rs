//! A transfer moves one positive amount from its debit to its credit side.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Currency, Money, Name};

use crate::{Key, Party};

/// Why money moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The balance that an account was opened with.
    Opening,
    /// A payment received.
    TopUp,
    /// A call's charge.
    Usage,
    /// What a carrier charges for a call.
    CarrierCost,
    /// An operator's correction, with its reason.
    Correction,
    /// Undoes an earlier transfer, with its cause.
    Reversal,
    /// A payment announced by its payer and not yet here.
    Announced,
    /// What a bank kept of a payment.
    Fee,
    /// Promotional or test credit, or seconds, given to an account.
    Grant,
    /// Unused at its end.
    Expired,
    /// Lent by the central ledger, or given back to it.
    Slice,
    /// A service paid by the piece: a fax page, a voicemail, a month of a number. What for is the memo.
    Charge,
}

/// `amount` (positive) leaves `debit` and enters `credit`, so every transfer sums to zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Its idempotency key.
    pub key: Key,
    /// What the money moved for.
    pub purpose: Purpose,
    /// Who has less afterwards.
    pub debit: Party,
    /// Who has more afterwards.
    pub credit: Party,
    /// How much, above zero.
    pub amount: Money,
    /// The cause in the words of who asked for it: a payment's reference, a correction's reason.
    pub memo: Option<Name>,
}

// === impl Transfer ===

impl Transfer {
    /// The customer whose books it belongs to: the debited one, else the credited one.
    pub fn customer(&self) -> Option<&Name> {
        self.debit.account().or_else(|| self.credit.account())
    }

    /// The same amount back, under a key of its own, with the cause.
    pub fn reversed(&self, key: Key, cause: Name) -> Self {
        let (debit, credit) = (self.credit.clone(), self.debit.clone());
        Self { key, purpose: Purpose::Reversal, debit, credit, amount: self.amount, memo: Some(cause) }
    }
}

/// A transfer as written: the amount as a decimal string beside its currency.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    key: Key,
    purpose: Purpose,
    debit: Party,
    credit: Party,
    #[serde(borrow)]
    amount: std::borrow::Cow<'a, str>,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memo: Option<Name>,
}

impl Serialize for Transfer {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Written {
            key: self.key.clone(),
            purpose: self.purpose,
            debit: self.debit.clone(),
            credit: self.credit.clone(),
            amount: self.amount.to_string().into(),
            currency: self.amount.currency,
            memo: self.memo.clone(),
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for Transfer {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(d)?;
        let amount = Money::parse(&written.amount, written.currency).map_err(D::Error::custom)?;
        let Written { key, purpose, debit, credit, memo, .. } = written;
        Ok(Self { key, purpose, debit, credit, amount, memo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallId, SystemAccount};

    #[test]
    fn a_transfer_is_written_for_people() {
        let transfer = Transfer {
            key: Key::Call(CallId(0xA1), 1),
            purpose: Purpose::Usage,
            debit: Party::Customer("acme".into()),
            credit: Party::SystemAccount(SystemAccount::Revenue),
            amount: Money::of(7_407, Currency::EUR),
            memo: None,
        };
        let text = r#"{"key":"call/000000000000000000000000000000a1/1","purpose":"usage","debit":"acme","credit":"@revenue","amount":"0.07407","currency":"EUR"}"#;
        assert_eq!(serde_json::to_string(&transfer).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<Transfer>(text).expect("reads"), transfer);
        assert!(serde_json::from_str::<Transfer>(&text.replace("@revenue", "@pocket")).is_err());
    }
}
