//! `tollgate run`: config, journal, sockets, threads; print what is bound; wait for signals; drain; end.

mod accounting;
mod backend;
mod books;
mod bootstrap;
mod central;
mod central_books;
mod certificate_settings;
mod certificates;
mod clock;
mod config_snapshot;
mod control;
mod disk;
mod dns;
mod kept_decks;
mod local;
mod local_books;
mod local_period;
mod meter;
mod money;
mod outlets;
mod pace;
mod payments;
mod rates;
mod router;
mod shard;
mod signals;
mod sip_log;
mod stream_settings;
mod streams;
mod switch;
mod terms;
mod trace;
mod watch;

pub(crate) use accounting::trial_doc;
pub(crate) use signals::run;
pub(crate) use switch::Switch;
