//! Non-INVITE server transaction: RFC 3261 §17.2.2 figure 8, with RFC 4320 §4.2.
//! Invariant: no 408 is ever made here; a request nobody answered is forgotten when its sender has given up.

use super::step::{Rules, Send, Step, Tell, Timer};

/// The states of the figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// The labels on the figure's arrows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// The request again.
    Request,
    /// 1xx from the user.
    Provisional,
    /// 200–699 from the user.
    Final,
    /// No more repeats of the request to expect.
    TimerJ,
}

// === impl State ===

impl State {
    /// A request came in. After 64·T1 its sender has timed out and a final response would be of no use (RFC
    /// 4320 §4.2).
    pub(crate) const fn start(rules: &Rules) -> Step<Self> {
        Step::to(Self::Trying).tell(Tell::Message).end(Timer::In(rules.timing.timeout_ms()))
    }

    pub(crate) const fn on(self, input: Input, rules: &Rules) -> Step<Self> {
        match (self, input) {
            (Self::Trying, Input::Request) => Step::to(Self::Trying),
            (Self::Trying | Self::Proceeding, Input::Provisional) => {
                Step::to(Self::Proceeding).send(Send::Stored)
            }
            (Self::Trying | Self::Proceeding, Input::Final) => Self::done(rules),
            (Self::Proceeding, Input::Request) => Step::to(Self::Proceeding).send(Send::Stored),
            (Self::Completed, Input::Request) => Step::to(Self::Completed).send(Send::Stored),
            (Self::Completed, Input::Provisional | Input::Final) => Step::to(Self::Completed),
            (Self::Trying | Self::Proceeding | Self::Completed, Input::TimerJ) => Step::to(Self::Terminated),
            (Self::Terminated, Input::Request | Input::Provisional | Input::Final | Input::TimerJ) => {
                Step::to(Self::Terminated)
            }
        }
    }

    /// The timer that ends this state.
    pub(crate) const fn end_timer(self) -> Input {
        Input::TimerJ
    }

    /// Timer J is 0 on reliable transports: there the figure passes through `Completed`.
    const fn done(rules: &Rules) -> Step<Self> {
        let state = if rules.reliable { Self::Terminated } else { Self::Completed };
        Step::to(state).send(Send::Stored).end(Timer::In(rules.timing.timeout_ms()))
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

    /// Figure 8 of RFC 3261, arrow by arrow: state, input, next state, sent.
    #[test]
    fn moves_as_figure_8() {
        let table = [
            (Trying, Request, Trying, Send::Nothing),
            (Trying, Provisional, Proceeding, Send::Stored),
            (Trying, Final, Completed, Send::Stored),
            (Trying, TimerJ, Terminated, Send::Nothing),
            (Proceeding, Request, Proceeding, Send::Stored),
            (Proceeding, Provisional, Proceeding, Send::Stored),
            (Proceeding, Final, Completed, Send::Stored),
            (Completed, Request, Completed, Send::Stored),
            (Completed, Final, Completed, Send::Nothing),
            (Completed, TimerJ, Terminated, Send::Nothing),
        ];
        for (state, input, next, send) in table {
            let step = state.on(input, &UDP);
            assert_eq!(
                (step.state, step.send, step.tell),
                (next, send, Tell::Nothing),
                "{state:?} on {input:?}"
            );
        }
    }

    #[test]
    fn timer_j_by_transport() {
        assert_eq!(Trying.on(Final, &UDP).end, Timer::In(32_000));
        assert_eq!(Proceeding.on(Final, &TCP).state, Terminated);
        assert_eq!(State::start(&UDP).end, Timer::In(32_000));
    }
}
