//! H.323 legs: what a call wants, as verbs of the machine in crate `h323`, and what that tells, as events
//! of the call. Nothing outside this folder and `gateways` knows a message of H.323.
//!
//! A frame comes in by `gateways`, which knows whose it is; the leg gives it to its machine and then
//! carries out what the machine puts out, in `outputs`. What SIP says by offer and answer is a
//! [`media::Channel`] here.

mod calling;
mod dialling;
mod leg;
mod new_call;
mod outputs;
mod sessions;
mod verbs;

pub(crate) use leg::H323Leg;
