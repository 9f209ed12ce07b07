//! What operators do with money, as one value: a shard carries it out in its books, the central ledger in its
//! tables, by the same rules.

use ledger::{CallId, NoticeEvent, Record, RecordBody, Refused, Transfer};
use units::{Money, Now};

use crate::rerate::{CallChanges, CallCost};

use super::{
    AccountRefused, ChargeRequest, Engine, FollowUp, Moved, PaymentMethod, PaymentOrder, TopUpRequest,
};

/// What an operator may do with an account's money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveOrder {
    /// A payment came in or was announced.
    TopUp {
        /// The gross amount, in the account's currency.
        amount: Money,
        /// What the operator says of the payment.
        reference: String,
        /// By which method, if any.
        method: Option<String>,
        /// What the bank kept, 10⁻⁵ units.
        fee: i64,
        /// It is only announced.
        pending: bool,
    },
    /// An announced payment came in.
    Book {
        /// The announcement's key.
        of: String,
        /// What the bank kept, 10⁻⁵ units.
        fee: i64,
    },
    /// An announced payment will not come.
    Reject {
        /// The announcement's key.
        of: String,
        /// Why it is rejected, in the operator's words.
        cause: String,
    },
    /// Undo a movement.
    Reverse {
        /// The key of the movement that is undone.
        of: String,
        /// The movement itself, from the journal, where the key is that of an expiry.
        expired: Option<Transfer>,
        /// Why it is undone, in the operator's words.
        cause: String,
    },
    /// Undo a call's usage.
    ReverseCall {
        /// The id of the call whose usage is undone.
        call: CallId,
        /// What was posted for it, from the journal.
        transfers: Vec<Transfer>,
        /// Why it is undone, in the operator's words.
        cause: String,
    },
    /// A service is paid by the piece.
    Charge {
        /// How many pieces, at least one.
        pieces: u32,
        /// The price of each piece, in the account's currency.
        price: Money,
        /// What the charge is for, in the operator's words.
        cause: String,
    },
    /// Let calls cost something else.
    Rerate {
        /// What each was billed and is to cost.
        calls: Vec<CallCost>,
        /// What became of them since, from the journal.
        changes: CallChanges,
        /// Why, in the operator's words.
        reason: String,
    },
    /// Correct the balance.
    Correct {
        /// What the account gets; negative takes.
        amount: Money,
        /// Why, in the operator's words.
        reason: String,
    },
}

// === impl AccountRefused ===

impl AccountRefused {
    /// The refusal as a code: the field at fault, or its conflict with an earlier request; `refused` for any
    /// other.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Books(Refused::KeyReused) => "key-reused",
            Self::Books(Refused::NoMovement) => "no-movement",
            Self::Books(Refused::NotPending | Refused::Reversed) | Self::Closed | Self::NotEmpty(_) => {
                "conflict"
            }
            Self::Books(Refused::CurrencyMismatch) => "currency",
            Self::Method(..) => "method",
            Self::Fee | Self::FeeTooEarly => "fee",
            Self::Reason => "reason",
            Self::NoDeck | Self::Deck(_) => "decks",
            Self::NoMoney => "no-money",
            Self::Pieces => "pieces",
            Self::Period => "until",
            Self::Reference => "reference",
            Self::NoUsage | Self::CallTwice(_) => "call",
            _ => "refused",
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Does it once per key of the account.
    pub fn move_money(
        &mut self,
        now: Now,
        account: &str,
        key: &str,
        order: &MoveOrder,
        methods: &[PaymentMethod],
    ) -> Result<Moved, AccountRefused> {
        let follow_up = |of| FollowUp { account, of, key };
        match order {
            MoveOrder::TopUp { amount, reference, method, fee, pending } => {
                let top_up = TopUpRequest { account, amount: *amount, reference, key };
                let order = PaymentOrder { top_up, method: method.as_deref(), fee: *fee, pending: *pending };
                self.take_payment(now, &order, methods)
            }
            MoveOrder::Book { of, fee } => self.book_payment(now, follow_up(of), *fee),
            MoveOrder::Reject { of, cause } => self.reject_payment(now, follow_up(of), cause),
            MoveOrder::Reverse { of, expired, cause } => {
                self.reverse(now, follow_up(of), expired.as_ref(), cause)
            }
            MoveOrder::ReverseCall { call, transfers, cause } => {
                self.reverse_call(now, account, (*call, transfers), cause, key)
            }
            MoveOrder::Charge { pieces, price, cause } => {
                self.charge(now, &ChargeRequest { account, pieces: *pieces, price: *price, cause, key })
            }
            MoveOrder::Rerate { calls, changes, reason } => {
                self.rerate(now, account, (calls, changes), reason, key)
            }
            MoveOrder::Correct { amount, reason } => self.correct(now, account, *amount, reason, key),
        }
    }

    /// The owner hears of a payment that was booked now.
    pub fn booked_notice(&self, now: Now, account: &str, moved: &Moved) -> Option<Record> {
        let RecordBody::TopUp(booked) = &moved.record.as_ref()?.body else { return None };
        let reference = booked.transfer.memo.clone().unwrap_or_default();
        let Money { amount, currency } = moved.amount;
        self.notice_to(
            now,
            account,
            NoticeEvent::TopUpBooked { amount, currency, reference, balance: moved.balance.amount },
        )
    }
}
