//! INVITE client transaction: RFC 3261 §17.1.1 figure 5, with the Accepted state of RFC 6026 §8.4.
//! Invariant: only `Calling` repeats the INVITE; a 2xx always reaches the user, the ACK to a 3xx–6xx never
//! needs him.

use super::step::{Rules, Send, Step, Tell, Timer};

/// The states of the figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Calling { interval_ms: u64 },
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

/// The labels on the figure's arrows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx–6xx.
    Failure,
    /// A CANCEL went out: from now on the final must come within 64·T1 (§9.1).
    Cancelled,
    TransportError,
    /// Repeats the INVITE.
    TimerA,
    /// No final response.
    TimerB,
    /// No more repeats of the 3xx–6xx to expect.
    TimerD,
    /// No more 2xx to expect (RFC 6026).
    TimerM,
}

// === impl State ===

impl State {
    /// The INVITE goes out.
    pub(crate) const fn start(rules: &Rules) -> Step<Self> {
        let t1 = rules.timing.t1_ms;
        Step::to(Self::Calling { interval_ms: t1 })
            .send(Send::Stored)
            .repeat(rules.repeat_in(t1))
            .end(Timer::In(rules.timing.timeout_ms()))
    }

    pub(crate) const fn on(self, input: Input, rules: &Rules) -> Step<Self> {
        match self {
            Self::Calling { interval_ms } => Self::calling(interval_ms, input, rules),
            Self::Proceeding => Self::proceeding(input, rules),
            Self::Completed => Self::completed(input),
            Self::Accepted => Self::accepted(input),
            Self::Terminated => Step::to(self),
        }
    }

    /// The repeat timer that runs in this state.
    pub(crate) const fn repeat_timer(self) -> Input {
        Input::TimerA
    }

    /// The timer that ends this state.
    pub(crate) const fn end_timer(self) -> Input {
        match self {
            Self::Calling { .. } | Self::Proceeding | Self::Terminated => Input::TimerB,
            Self::Completed => Input::TimerD,
            Self::Accepted => Input::TimerM,
        }
    }

    const fn calling(interval_ms: u64, input: Input, rules: &Rules) -> Step<Self> {
        match input {
            Input::TimerA => {
                let interval_ms = interval_ms.saturating_mul(2);
                Step::to(Self::Calling { interval_ms })
                    .send(Send::Stored)
                    .repeat(rules.repeat_in(interval_ms))
            }
            Input::TimerB => Step::to(Self::Terminated).tell(Tell::Timeout),
            Input::TransportError => Step::to(Self::Terminated).tell(Tell::TransportError),
            Input::Provisional => {
                Step::to(Self::Proceeding).tell(Tell::Message).repeat(Timer::Stop).end(Timer::Stop)
            }
            Input::Success => Self::success(rules),
            Input::Failure => Self::failure(rules),
            Input::Cancelled | Input::TimerD | Input::TimerM => Step::to(Self::Calling { interval_ms }),
        }
    }

    const fn proceeding(input: Input, rules: &Rules) -> Step<Self> {
        match input {
            Input::Provisional => Step::to(Self::Proceeding).tell(Tell::Message),
            Input::Success => Self::success(rules),
            Input::Failure => Self::failure(rules),
            Input::Cancelled => Step::to(Self::Proceeding).end(Timer::In(rules.timing.timeout_ms())),
            Input::TimerB => Step::to(Self::Terminated).tell(Tell::Timeout),
            Input::TransportError | Input::TimerA | Input::TimerD | Input::TimerM => {
                Step::to(Self::Proceeding)
            }
        }
    }

    const fn completed(input: Input) -> Step<Self> {
        match input {
            Input::Failure => Step::to(Self::Completed).send(Send::Ack),
            Input::TimerD => Step::to(Self::Terminated),
            Input::TransportError => Step::to(Self::Terminated).tell(Tell::TransportError),
            Input::Provisional
            | Input::Success
            | Input::Cancelled
            | Input::TimerA
            | Input::TimerB
            | Input::TimerM => Step::to(Self::Completed),
        }
    }

    const fn accepted(input: Input) -> Step<Self> {
        match input {
            Input::Success => Step::to(Self::Accepted).tell(Tell::Message),
            Input::TimerM => Step::to(Self::Terminated),
            Input::Provisional
            | Input::Failure
            | Input::Cancelled
            | Input::TransportError
            | Input::TimerA
            | Input::TimerB
            | Input::TimerD => Step::to(Self::Accepted),
        }
    }

    const fn success(rules: &Rules) -> Step<Self> {
        Step::to(Self::Accepted)
            .tell(Tell::Message)
            .repeat(Timer::Stop)
            .end(Timer::In(rules.timing.timeout_ms()))
    }

    /// Timer D is 0 on reliable transports: there the figure passes through `Completed`.
    const fn failure(rules: &Rules) -> Step<Self> {
        let state = if rules.reliable { Self::Terminated } else { Self::Completed };
        Step::to(state)
            .send(Send::Ack)
            .tell(Tell::Message)
            .repeat(Timer::Stop)
            .end(Timer::In(rules.timing.timeout_ms()))
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
    const CALLING: State = Calling { interval_ms: 500 };

    #[test]
    fn starts_as_figure_5() {
        let udp = State::start(&UDP);
        assert_eq!(udp, Step::to(CALLING).send(Send::Stored).repeat(Timer::In(500)).end(Timer::In(32_000)));
        let tcp = State::start(&TCP);
        assert_eq!(tcp, Step::to(CALLING).send(Send::Stored).repeat(Timer::Stop).end(Timer::In(32_000)));
    }

    /// Figure 5 of RFC 3261 as changed by RFC 6026, arrow by arrow: state, input, next state, sent, told.
    #[test]
    fn moves_as_figure_5() {
        let table = [
            (CALLING, TimerA, Calling { interval_ms: 1_000 }, Send::Stored, Tell::Nothing),
            (CALLING, TimerB, Terminated, Send::Nothing, Tell::Timeout),
            (CALLING, TransportError, Terminated, Send::Nothing, Tell::TransportError),
            (CALLING, Provisional, Proceeding, Send::Nothing, Tell::Message),
            (CALLING, Success, Accepted, Send::Nothing, Tell::Message),
            (CALLING, Failure, Completed, Send::Ack, Tell::Message),
            (Proceeding, Provisional, Proceeding, Send::Nothing, Tell::Message),
            (Proceeding, Success, Accepted, Send::Nothing, Tell::Message),
            (Proceeding, Failure, Completed, Send::Ack, Tell::Message),
            (Proceeding, TimerA, Proceeding, Send::Nothing, Tell::Nothing),
            (Proceeding, TimerB, Terminated, Send::Nothing, Tell::Timeout),
            (Completed, Failure, Completed, Send::Ack, Tell::Nothing),
            (Completed, Provisional, Completed, Send::Nothing, Tell::Nothing),
            (Completed, Success, Completed, Send::Nothing, Tell::Nothing),
            (Completed, TransportError, Terminated, Send::Nothing, Tell::TransportError),
            (Completed, TimerD, Terminated, Send::Nothing, Tell::Nothing),
            (Accepted, Success, Accepted, Send::Nothing, Tell::Message),
            (Accepted, Provisional, Accepted, Send::Nothing, Tell::Nothing),
            (Accepted, Failure, Accepted, Send::Nothing, Tell::Nothing),
            (Accepted, TransportError, Accepted, Send::Nothing, Tell::Nothing),
            (Accepted, TimerM, Terminated, Send::Nothing, Tell::Nothing),
        ];
        for (state, input, next, send, tell) in table {
            let step = state.on(input, &UDP);
            assert_eq!((step.state, step.send, step.tell), (next, send, tell), "{state:?} on {input:?}");
        }
    }

    /// T1 = 500 ms: sends at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s (RFC 3261 §17.1.1.2), seven in all before
    /// Timer B at 32 s.
    #[test]
    fn timer_a_doubles_without_a_ceiling() {
        let (mut state, mut at, mut sent) = (CALLING, 500, vec![0]);
        while at < 32_000 {
            sent.push(at);
            let step = state.on(TimerA, &UDP);
            let Timer::In(ms) = step.repeat else { unreachable!("Timer A runs on") };
            (state, at) = (step.state, at + ms);
        }
        assert_eq!(sent, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    }

    #[test]
    fn timers_of_the_later_states() {
        assert_eq!(Proceeding.on(Failure, &UDP).end, Timer::In(32_000), "D");
        assert_eq!(Proceeding.on(Success, &TCP).end, Timer::In(32_000), "M");
        assert_eq!(Proceeding.on(Failure, &TCP).state, Terminated, "D is 0 on streams");
        assert_eq!(Proceeding.on(Cancelled, &UDP).end, Timer::In(32_000));
        assert_eq!(CALLING.on(Provisional, &UDP).end, Timer::Stop, "ringing may last: Timer C is the call's");
    }
}
