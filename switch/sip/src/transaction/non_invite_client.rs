//! Non-INVITE client transaction: RFC 3261 §17.1.2 figure 6.
//! Invariant: it ends by itself, at the latest Timer K after the final response or at Timer F.

use super::step::{Rules, Send, Step, Tell, Timer};

/// The states of the figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Trying { interval_ms: u64 },
    Proceeding,
    Completed,
    Terminated,
}

/// The labels on the figure's arrows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// 1xx.
    Provisional,
    /// 2xx–6xx.
    Final,
    TransportError,
    /// Repeats the request.
    TimerE,
    /// No final response.
    TimerF,
    /// No more repeats of the final response to expect.
    TimerK,
}

// === impl State ===

impl State {
    /// The request goes out.
    pub(crate) const fn start(rules: &Rules) -> Step<Self> {
        let t1 = rules.timing.t1_ms;
        Step::to(Self::Trying { interval_ms: t1 })
            .send(Send::Stored)
            .repeat(rules.repeat_in(t1))
            .end(Timer::In(rules.timing.timeout_ms()))
    }

    pub(crate) const fn on(self, input: Input, rules: &Rules) -> Step<Self> {
        match self {
            Self::Trying { interval_ms } => Self::trying(interval_ms, input, rules),
            Self::Proceeding => Self::proceeding(input, rules),
            Self::Completed => Self::completed(input),
            Self::Terminated => Step::to(self),
        }
    }

    /// The repeat timer that runs in this state.
    pub(crate) const fn repeat_timer(self) -> Input {
        Input::TimerE
    }

    /// The timer that ends this state.
    pub(crate) const fn end_timer(self) -> Input {
        match self {
            Self::Trying { .. } | Self::Proceeding | Self::Terminated => Input::TimerF,
            Self::Completed => Input::TimerK,
        }
    }

    const fn trying(interval_ms: u64, input: Input, rules: &Rules) -> Step<Self> {
        match input {
            Input::TimerE => {
                let interval_ms = rules.doubled(interval_ms);
                Step::to(Self::Trying { interval_ms }).send(Send::Stored).repeat(rules.repeat_in(interval_ms))
            }
            Input::TimerF => Step::to(Self::Terminated).tell(Tell::Timeout),
            Input::TransportError => Step::to(Self::Terminated).tell(Tell::TransportError),
            Input::Provisional => Step::to(Self::Proceeding).tell(Tell::Message),
            Input::Final => Self::done(rules),
            Input::TimerK => Step::to(Self::Trying { interval_ms }),
        }
    }

    const fn proceeding(input: Input, rules: &Rules) -> Step<Self> {
        match input {
            Input::TimerE => {
                Step::to(Self::Proceeding).send(Send::Stored).repeat(rules.repeat_in(rules.timing.t2_ms))
            }
            Input::TimerF => Step::to(Self::Terminated).tell(Tell::Timeout),
            Input::TransportError => Step::to(Self::Terminated).tell(Tell::TransportError),
            Input::Provisional => Step::to(Self::Proceeding).tell(Tell::Message),
            Input::Final => Self::done(rules),
            Input::TimerK => Step::to(Self::Proceeding),
        }
    }

    const fn completed(input: Input) -> Step<Self> {
        match input {
            Input::TimerK => Step::to(Self::Terminated),
            Input::Provisional | Input::Final | Input::TransportError | Input::TimerE | Input::TimerF => {
                Step::to(Self::Completed)
            }
        }
    }

    /// Timer K is 0 on reliable transports: there the figure passes through `Completed`.
    const fn done(rules: &Rules) -> Step<Self> {
        let state = if rules.reliable { Self::Terminated } else { Self::Completed };
        Step::to(state).tell(Tell::Message).repeat(Timer::Stop).end(Timer::In(rules.timing.t4_ms))
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
    const TRYING: State = Trying { interval_ms: 500 };

    /// Figure 6 of RFC 3261, arrow by arrow: state, input, next state, sent, told.
    #[test]
    fn moves_as_figure_6() {
        let table = [
            (TRYING, TimerE, Trying { interval_ms: 1_000 }, Send::Stored, Tell::Nothing),
            (TRYING, TimerF, Terminated, Send::Nothing, Tell::Timeout),
            (TRYING, TransportError, Terminated, Send::Nothing, Tell::TransportError),
            (TRYING, Provisional, Proceeding, Send::Nothing, Tell::Message),
            (TRYING, Final, Completed, Send::Nothing, Tell::Message),
            (Proceeding, TimerE, Proceeding, Send::Stored, Tell::Nothing),
            (Proceeding, TimerF, Terminated, Send::Nothing, Tell::Timeout),
            (Proceeding, TransportError, Terminated, Send::Nothing, Tell::TransportError),
            (Proceeding, Provisional, Proceeding, Send::Nothing, Tell::Message),
            (Proceeding, Final, Completed, Send::Nothing, Tell::Message),
            (Completed, Final, Completed, Send::Nothing, Tell::Nothing),
            (Completed, Provisional, Completed, Send::Nothing, Tell::Nothing),
            (Completed, TimerK, Terminated, Send::Nothing, Tell::Nothing),
        ];
        for (state, input, next, send, tell) in table {
            let step = state.on(input, &UDP);
            assert_eq!((step.state, step.send, step.tell), (next, send, tell), "{state:?} on {input:?}");
        }
    }

    /// RFC 3261 §17.1.2.2: 500 ms, 1 s, 2 s, 4 s, 4 s, 4 s … eleven sends before Timer F at 32 s.
    #[test]
    fn timer_e_doubles_up_to_t2() {
        let Timer::In(mut at) = State::start(&UDP).repeat else { unreachable!("Timer E runs") };
        let (mut state, mut sent) = (TRYING, vec![0]);
        while at < 32_000 {
            sent.push(at);
            let step = state.on(TimerE, &UDP);
            let Timer::In(ms) = step.repeat else { unreachable!("Timer E runs on") };
            (state, at) = (step.state, at + ms);
        }
        assert_eq!(sent, [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    }

    #[test]
    fn timers_of_the_later_states() {
        assert_eq!(State::start(&TCP).repeat, Timer::Stop);
        assert_eq!(Proceeding.on(TimerE, &UDP).repeat, Timer::In(4_000));
        assert_eq!(Proceeding.on(Final, &UDP).end, Timer::In(5_000), "K");
        assert_eq!(TRYING.on(Final, &TCP).state, Terminated, "K is 0 on streams");
    }
}
