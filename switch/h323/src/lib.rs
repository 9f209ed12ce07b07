//! H.323 without sockets and clocks: packed encoding, H.225.0 call signalling and RAS, Q.931, H.245, and
//! the machines that make calls of them. Whoever owns sockets drives a [`call::Call`] like this:
//!
//! 1. **A call comes.** Bytes of a connection on port 1720 go through [`connection::Connection`], which
//!    cuts frames and says whose call each one is. A Setup without a call goes to [`call::Call::incoming`];
//!    [`call::Call::setup`] then says who calls whom and, with fast start, which codecs and addresses the
//!    caller offers. **A call goes.** [`call::Call::outgoing`] takes a [`call::Dial`]; the first output is
//!    the Setup.
//! 2. **Every input**: `handle_signalling(now, frame)` with the content of a TPKT frame,
//!    `handle_control(now, frame)` with one of the H.245 connection, `signalling_closed`,
//!    `control_listening`, `control_opened`, `control_closed`, `handle_timeout(now)` at `next_deadline()`,
//!    and the verbs `proceed`, `ring`, `progress`, `answer`, `hold`, `renegotiate`, `send_digit`,
//!    `release`.
//! 3. **After every input** drain [`call::Call::poll_output`]:
//!    - `Signalling(bytes)`, `Control(bytes)`: whole frames for the two connections;
//!    - `OpenControl(address)`: connect to the peer's H.245 address (only if the gate may be sent there),
//!      then `control_opened`, or `control_closed` if that fails;
//!    - `ListenControl`: open a listener, say its address by `control_listening`, and `control_opened` when
//!      the peer has connected to it. It is wanted only where H.245 is not tunnelled;
//!    - `CloseControl`: the H.245 connection, and its listener, are not needed any more;
//!    - `Event(…)`: what a leg tells. `Media` repeats when a channel changes; `Released` comes exactly
//!      once;
//!    - `Close`: the last output. The connection is no longer this call's.
//!
//! Addresses, codecs and the payload of events on our side are handed over as a [`media::Local`]: with
//! `outgoing`, and on calls that come with the first of `ring`, `progress` and `answer` that has one. On
//! slow start `Connected` may come before the first `Media`, and `answer` is sent before codecs are agreed,
//! unless `early_h245` is set.
//!
//! Invariants: no input panics; what a peer can make a call hold is bounded; a call that was released says
//! no more.
#![forbid(unsafe_code)]

mod address;
pub mod asn1;
pub mod call;
pub mod causes;
pub mod connection;
pub mod h245;
pub mod media;
pub mod per;
pub mod q931;
pub mod ras;
