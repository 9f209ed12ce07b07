//! INVITE server transaction: RFC 3261 §17.2.1 figure 7, with the Accepted state of RFC 6026 §8.5.
//! It also repeats the 2xx, which §13.3.1.4 gives to the user: T1 doubling to T2 on every transport, until
//! acknowledged.

use super::step::{Rules, Send, Step, Tell, Timer};

/// The states of the figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Proceeding,
    Completed { interval_ms: u64 },
    Confirmed,
    Accepted { interval_ms: u64, acked: bool },
    Terminated,
}

/// The labels on the figure's arrows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// The INVITE again.
    Invite,
    Ack,
    /// 1xx from the user.
    Provisional,
    /// 2xx from the user.
    Success,
    /// 300–699 from the user.
    Failure,
    /// The user saw the ACK to the 2xx.
    Acked,
    /// 200 ms without a response from the user: 100 (§17.2.1).
    TimerTrying,
    /// Repeats the 3xx–6xx.
    TimerG,
    /// No ACK to the 3xx–6xx.
    TimerH,
    /// No more repeats of the ACK to expect.
    TimerI,
    /// Repeats the 2xx (§13.3.1.4).
    TimerSuccess,
    /// No more repeats of the INVITE to expect (RFC 6026).
    TimerL,
}

// === impl State ===

impl State {
    /// An INVITE came in; the stored 100 goes out after `trying_ms`, at once if 0.
    pub(crate) const fn start(trying_ms: u64) -> Step<Self> {
        let step = Step::to(Self::Proceeding).tell(Tell::Message);
        if trying_ms == 0 { step.send(Send::Stored) } else { step.repeat(Timer::In(trying_ms)) }
    }

    pub(crate) const fn on(self, input: Input, rules: &Rules) -> Step<Self> {
        match self {
            Self::Proceeding => Self::proceeding(input, rules),
            Self::Completed { interval_ms } => Self::completed(interval_ms, input, rules),
            Self::Confirmed => Self::confirmed(input),
            Self::Accepted { interval_ms, acked } => Self::accepted(interval_ms, acked, input, rules),
            Self::Terminated => Step::to(self),
        }
    }

    /// The repeat timer that runs in this state.
    pub(crate) const fn repeat_timer(self) -> Input {
        match self {
            Self::Proceeding => Input::TimerTrying,
            Self::Completed { .. } | Self::Confirmed | Self::Terminated => Input::TimerG,
            Self::Accepted { .. } => Input::TimerSuccess,
        }
    }

    /// The timer that ends this state.
    pub(crate) const fn end_timer(self) -> Input {
        match self {
            Self::Proceeding | Self::Completed { .. } | Self::Terminated => Input::TimerH,
            Self::Confirmed => Input::TimerI,
            Self::Accepted { .. } => Input::TimerL,
        }
    }

    const fn proceeding(input: Input, rules: &Rules) -> Step<Self> {
        let t1 = rules.timing.t1_ms;
        let end = Timer::In(rules.timing.timeout_ms());
        match input {
            Input::Invite | Input::Provisional | Input::TimerTrying => {
                Step::to(Self::Proceeding).send(Send::Stored).repeat(Timer::Stop)
            }
            Input::Success => Step::to(Self::Accepted { interval_ms: t1, acked: false })
                .send(Send::Stored)
                .repeat(Timer::In(t1))
                .end(end),
            Input::Failure => Step::to(Self::Completed { interval_ms: t1 })
                .send(Send::Stored)
                .repeat(rules.repeat_in(t1))
                .end(end),
            Input::Ack
            | Input::Acked
            | Input::TimerG
            | Input::TimerH
            | Input::TimerI
            | Input::TimerSuccess
            | Input::TimerL => Step::to(Self::Proceeding),
        }
    }

    const fn completed(interval_ms: u64, input: Input, rules: &Rules) -> Step<Self> {
        match input {
            Input::Invite => Step::to(Self::Completed { interval_ms }).send(Send::Stored),
            Input::TimerG => {
                let interval_ms = rules.doubled(interval_ms);
                Step::to(Self::Completed { interval_ms })
                    .send(Send::Stored)
                    .repeat(rules.repeat_in(interval_ms))
            }
            Input::Ack if rules.reliable => Step::to(Self::Terminated),
            Input::Ack => Step::to(Self::Confirmed).repeat(Timer::Stop).end(Timer::In(rules.timing.t4_ms)),
            Input::TimerH => Step::to(Self::Terminated),
            Input::Provisional
            | Input::Success
            | Input::Failure
            | Input::Acked
            | Input::TimerTrying
            | Input::TimerI
            | Input::TimerSuccess
            | Input::TimerL => Step::to(Self::Completed { interval_ms }),
        }
    }

    const fn confirmed(input: Input) -> Step<Self> {
        match input {
            Input::TimerI => Step::to(Self::Terminated),
            Input::Invite
            | Input::Ack
            | Input::Provisional
            | Input::Success
            | Input::Failure
            | Input::Acked
            | Input::TimerTrying
            | Input::TimerG
            | Input::TimerH
            | Input::TimerSuccess
            | Input::TimerL => Step::to(Self::Confirmed),
        }
    }

    const fn accepted(interval_ms: u64, acked: bool, input: Input, rules: &Rules) -> Step<Self> {
        match input {
            Input::TimerSuccess if !acked => {
                let interval_ms = rules.doubled(interval_ms);
                Step::to(Self::Accepted { interval_ms, acked })
                    .send(Send::Stored)
                    .repeat(Timer::In(interval_ms))
            }
            Input::Acked => Step::to(Self::Accepted { interval_ms, acked: true }).repeat(Timer::Stop),
            Input::Ack => Step::to(Self::Accepted { interval_ms, acked }).tell(Tell::Message),
            Input::TimerL if !acked => Step::to(Self::Terminated).tell(Tell::NoAck),
            Input::TimerL => Step::to(Self::Terminated),
            Input::Invite
            | Input::Provisional
            | Input::Success
            | Input::Failure
            | Input::TimerTrying
            | Input::TimerG
            | Input::TimerH
            | Input::TimerI
            | Input::TimerSuccess => Step::to(Self::Accepted { interval_ms, acked }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TransactionTiming;
    use super::Input::*;
    use super::State::*;
    use super::*;

    const UDP: Rules = Rules { timing: TransactionTiming::RFC3261, reliable: false };
    const TCP: Rules = Rules { timing: TransactionTiming::RFC3261, reliable: true };
    const COMPLETED: State = Completed { interval_ms: 500 };
    const ACCEPTED: State = Accepted { interval_ms: 500, acked: false };
    const ACKED: State = Accepted { interval_ms: 500, acked: true };

    /// Figure 7 of RFC 3261 as changed by RFC 6026, arrow by arrow: state, input, next state, sent, told.
    #[test]
    fn moves_as_figure_7() {
        let table = [
            (Proceeding, Invite, Proceeding, Send::Stored, Tell::Nothing),
            (Proceeding, Provisional, Proceeding, Send::Stored, Tell::Nothing),
            (Proceeding, TimerTrying, Proceeding, Send::Stored, Tell::Nothing),
            (Proceeding, Success, ACCEPTED, Send::Stored, Tell::Nothing),
            (Proceeding, Failure, COMPLETED, Send::Stored, Tell::Nothing),
            (Proceeding, Ack, Proceeding, Send::Nothing, Tell::Nothing),
            (COMPLETED, Invite, COMPLETED, Send::Stored, Tell::Nothing),
            (COMPLETED, TimerG, Completed { interval_ms: 1_000 }, Send::Stored, Tell::Nothing),
            (COMPLETED, Ack, Confirmed, Send::Nothing, Tell::Nothing),
            (COMPLETED, TimerH, Terminated, Send::Nothing, Tell::Nothing),
            (COMPLETED, Success, COMPLETED, Send::Nothing, Tell::Nothing),
            (Confirmed, Ack, Confirmed, Send::Nothing, Tell::Nothing),
            (Confirmed, Invite, Confirmed, Send::Nothing, Tell::Nothing),
            (Confirmed, TimerI, Terminated, Send::Nothing, Tell::Nothing),
            (ACCEPTED, Invite, ACCEPTED, Send::Nothing, Tell::Nothing),
            (ACCEPTED, Ack, ACCEPTED, Send::Nothing, Tell::Message),
            (ACCEPTED, Acked, ACKED, Send::Nothing, Tell::Nothing),
            (
                ACCEPTED,
                TimerSuccess,
                Accepted { interval_ms: 1_000, acked: false },
                Send::Stored,
                Tell::Nothing,
            ),
            (ACCEPTED, TimerL, Terminated, Send::Nothing, Tell::NoAck),
            (ACKED, TimerSuccess, ACKED, Send::Nothing, Tell::Nothing),
            (ACKED, Failure, ACKED, Send::Nothing, Tell::Nothing),
            (ACKED, TimerL, Terminated, Send::Nothing, Tell::Nothing),
        ];
        for (state, input, next, send, tell) in table {
            let step = state.on(input, &UDP);
            assert_eq!((step.state, step.send, step.tell), (next, send, tell), "{state:?} on {input:?}");
        }
    }

    #[test]
    fn timers_by_transport() {
        assert_eq!(Proceeding.on(Failure, &UDP).repeat, Timer::In(500), "G");
        assert_eq!(Proceeding.on(Failure, &TCP).repeat, Timer::Stop, "no G on streams");
        assert_eq!(Proceeding.on(Failure, &TCP).end, Timer::In(32_000), "H");
        assert_eq!(COMPLETED.on(Ack, &UDP).end, Timer::In(5_000), "I");
        assert_eq!(COMPLETED.on(Ack, &TCP).state, Terminated, "I is 0 on streams");
        for rules in [UDP, TCP] {
            assert_eq!(
                Proceeding.on(Success, &rules).repeat,
                Timer::In(500),
                "the 2xx is repeated on streams too"
            );
            assert_eq!(Proceeding.on(Success, &rules).end, Timer::In(32_000), "L");
        }
        assert_eq!(State::start(0).send, Send::Stored);
        assert_eq!(State::start(200).repeat, Timer::In(200));
    }

    #[test]
    fn intervals_stop_growing_at_t2() {
        assert_eq!(Completed { interval_ms: 4_000 }.on(TimerG, &UDP).repeat, Timer::In(4_000));
        assert_eq!(
            Accepted { interval_ms: 4_000, acked: false }.on(TimerSuccess, &TCP).repeat,
            Timer::In(4_000)
        );
    }
}
