//! The calls that the demo places and what must come of each.

use std::time::Duration;

use super::carrier::{Conduct, Script};
use super::line::Payloads;
use super::phone::{Dial, Manner};

/// An account with its gate.
pub(super) struct Customer {
    pub account: &'static str,
    pub gate: &'static str,
    /// Its PBX.
    pub ip: [u8; 4],
    pub balance: &'static str,
}

pub(super) const ACME: Customer =
    Customer { account: "acme", gate: "acme-pbx", ip: [127, 0, 0, 11], balance: "25.00" };
/// Can pay five seconds to an Italian mobile.
pub(super) const KIOSK: Customer =
    Customer { account: "kiosk", gate: "kiosk-pbx", ip: [127, 0, 0, 12], balance: "0.10" };
pub(super) const CUSTOMERS: [&Customer; 2] = [&ACME, &KIOSK];

/// One call.
pub(super) struct Story {
    pub title: &'static str,
    pub customer: &'static Customer,
    pub dial: Dial,
    /// `called` as it must be understood.
    pub number: &'static str,
    pub expected: Expected,
}

/// What must come of it.
pub(super) struct Expected {
    /// What the caller is told.
    pub status: u16,
    /// Q.850.
    pub cause: u8,
    /// Carriers tried and what each said.
    pub attempts: &'static [(&'static str, Option<u16>)],
    pub codec: Option<&'static str>,
    pub hangup_by: Option<&'static str>,
    /// To the millisecond, where the lease ends the call.
    pub duration_ms: Option<u64>,
}

const G711: Payloads = &[(8, "PCMA/8000"), (0, "PCMU/8000"), (101, "telephone-event/8000")];
const G729_FIRST: Payloads = &[(18, "G729/8000"), (0, "PCMU/8000")];
const G722: Payloads = &[(9, "G722/8000")];

const fn dial(called: &'static str, payloads: Payloads, manner: Manner) -> Dial {
    Dial { caller: "34910001000", called, payloads, manner }
}

const fn refused(status: u16, cause: u8, attempts: &'static [(&'static str, Option<u16>)]) -> Expected {
    Expected { status, cause, attempts, codec: None, hangup_by: None, duration_ms: None }
}

const ANSWERED: Story = Story {
    title: "answered; the caller hangs up",
    customer: &ACME,
    dial: dial("+34911000001", G711, Manner::HangUpAfter(Duration::from_millis(3_200))),
    number: "34911000001",
    expected: Expected {
        status: 200,
        cause: 16,
        attempts: &[("alpha", Some(200))],
        codec: Some("PCMA"),
        hangup_by: Some("caller"),
        duration_ms: None,
    },
};
const FAILOVER: Story = Story {
    title: "alpha says 503, beta answers; the callee hangs up",
    customer: &ACME,
    dial: dial("00447700900002", G729_FIRST, Manner::Listen),
    number: "447700900002",
    expected: Expected {
        status: 200,
        cause: 16,
        attempts: &[("alpha", Some(503)), ("beta", Some(200))],
        codec: Some("G729"),
        hangup_by: Some("callee"),
        duration_ms: None,
    },
};
const BUSY: Story = Story {
    title: "busy: no other carrier is tried",
    customer: &ACME,
    dial: dial("34911000003", G711, Manner::Listen),
    number: "34911000003",
    expected: refused(486, 17, &[("alpha", Some(486))]),
};
const CANCELLED: Story = Story {
    title: "the caller gives up while it rings",
    customer: &ACME,
    dial: dial("34911000004", G711, Manner::CancelAfter(Duration::from_millis(800))),
    number: "34911000004",
    expected: refused(487, 16, &[("alpha", None)]),
};
const NO_CODEC: Story = Story {
    title: "only G.722 is offered, which the gate does not take",
    customer: &ACME,
    dial: dial("34911000005", G722, Manner::Listen),
    number: "34911000005",
    expected: refused(488, 65, &[]),
};
const CUT: Story = Story {
    title: "the balance runs out in mid-call: cut, to the second",
    customer: &KIOSK,
    dial: dial("393330000006", G711, Manner::Listen),
    number: "393330000006",
    expected: Expected {
        status: 200,
        cause: 21,
        attempts: &[("alpha", Some(200))],
        codec: Some("PCMA"),
        hangup_by: Some("switch"),
        duration_ms: Some(5_000),
    },
};
const NO_CREDIT: Story = Story {
    title: "what is left does not pay the first block: refused before any carrier",
    customer: &KIOSK,
    dial: dial("393330000007", G711, Manner::Listen),
    number: "393330000007",
    expected: refused(402, 21, &[]),
};

/// Calls that run at once; within one, each waits for the one before.
pub(super) const STORIES: &[&[Story]] =
    &[&[ANSWERED], &[FAILOVER], &[BUSY], &[CANCELLED], &[NO_CODEC], &[CUT, NO_CREDIT]];

/// What carrier alpha does.
pub(super) const ALPHA: Script = &[
    (FAILOVER.number, Conduct::Refuse(503, "Service Unavailable")),
    (BUSY.number, Conduct::Refuse(486, "Busy Here")),
    (CANCELLED.number, Conduct::RingOnly),
];
/// What carrier beta does.
pub(super) const BETA: Script = &[(FAILOVER.number, Conduct::Answer(Some(Duration::from_millis(1_700))))];
