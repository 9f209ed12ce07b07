//! `tollgate run`: config, journal, sockets, threads; print what is bound; wait for signals; drain; end.

mod accounting;
mod backend;
mod books;
mod central;
mod central_books;
mod clock;
mod control;
mod disk;
mod dns;
mod fabric;
mod local;
mod local_books;
mod local_period;
mod meter;
mod money;
mod outlets;
mod pace;
mod payments;
mod rates;
mod seeds;
mod shard;
mod signals;
mod sip_log;
mod streams;
mod switch;
mod tables;
mod terms;
mod watch;

pub(crate) use accounting::trial_doc;
pub(crate) use signals::run;
pub(crate) use switch::Switch;
