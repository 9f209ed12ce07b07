//! One file per story, without randomness, against the node directly: what goes in on the wire, what comes
//! out, what is billed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing scenario says where")]

mod phone;
mod stage;

mod abandoned_carrier_answers;
mod bodies;
mod bye_crosses_bye;
mod cancel_before_provisional;
mod cancel_crosses_200;
mod carrier_answers;
mod carrier_limits;
mod carrier_profile;
mod connections;
mod crash_and_restart;
mod credentials;
mod credit_cut_off;
mod early_dialog;
mod fault_noc;
mod fault_numbers;
mod forked_answer;
mod glare;
mod hold;
mod hunting;
mod identity;
mod journal_and_clock;
mod late_offer;
mod late_payment;
mod many_calls_one_balance;
mod merged_request;
mod next_address;
mod next_hop;
mod no_ack;
mod number_loops;
mod numbers;
mod offer_answer;
mod other_addresses;
mod other_methods;
mod plain_call;
mod price_list;
mod refusals;
mod registration;
mod reinvite_fails;
mod reliable_provisional;
mod reload_in_mid_call;
mod replays_and_claims;
mod rules_of_the_wire;
mod session_timer;
mod several_balances;
mod silent_peers;
mod sip_accounts;
mod small_print;
mod stray_dialogs;
mod torture;
mod transports;
mod withheld_number;
