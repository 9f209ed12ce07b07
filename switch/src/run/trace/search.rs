//! A call's messages: its Call-IDs from the live call or its record, then every ring is searched for them.

use std::sync::{Arc, PoisonError};

use memchr::memmem;
use node::{AdminReply, AdminRequest, LiveCall};
use serde::Deserialize;
use trace::Kept;
use web::documents::{TraceDoc, TraceLegDoc, TraceMessageDoc};
use web::{BackendError, CdrFilter, CdrSource as _, Trace};

use super::READ_AT_ONCE;
use crate::run::backend::BooksCdrs;
use crate::run::books::Books;
use crate::run::local::ask;
use crate::run::router::Router;

/// Messages and bytes of one answer.
const MESSAGES_MAX: usize = 5_000;
const BYTES_MAX: usize = 16 << 20;
/// Pages of records that are searched: those since the oldest message.
const PAGES_MAX: usize = 20;
/// Most digits of an attempt behind the token in a Call-ID of ours.
const ATTEMPT_DIGITS_MAX: usize = 3;

/// What a trace is made of.
#[derive(Clone)]
pub(crate) struct TraceSource {
    pub router: Arc<Router>,
    pub books: Arc<dyn Books>,
}

/// A call as far as its trace needs it.
#[derive(Deserialize)]
struct Found {
    id: String,
    caller: String,
    called: String,
    call_id_a: String,
    call_id_b: Option<String>,
    #[serde(default)]
    attempts: Vec<Attempt>,
    #[serde(skip)]
    live: bool,
}

#[derive(Deserialize)]
struct Attempt {
    carrier: String,
}

/// Which Call-IDs belong to a call.
struct Wanted {
    /// The caller's, or the only one that is known.
    caller: String,
    /// What the Call-IDs of all its attempts begin with.
    token: Option<String>,
}

/// The messages of the call with this id or Call-ID; none if there are none.
pub(crate) async fn find(source: TraceSource, id: String) -> Result<Option<Trace>, BackendError> {
    if !source.router.trace.has_ring() {
        let detail = "no messages are kept: [trace] ring_mb is 0".to_owned();
        return Err(BackendError::Conflict(detail));
    }
    let live = live_call(&source.router, &id).await?;
    // Both read memory and disk for some time.
    let search = tokio::task::spawn_blocking(move || {
        let call = match live {
            Some(call) => Some(call),
            None => recorded(&source, &id)?,
        };
        Ok(trace(&source.router, call, &id))
    });
    search.await.map_err(|_| BackendError::Broken("the search for a trace failed: see the log".to_owned()))?
}

async fn live_call(router: &Router, id: &str) -> Result<Option<Found>, BackendError> {
    for shard in 0..router.inboxes.len() as u8 {
        let AdminReply::Calls(calls) = ask(router, shard, AdminRequest::Calls).await? else { continue };
        let is_it = |call: &LiveCall| {
            format!("{:032x}", call.id) == id || call.call_id_a == id || call.call_id_b.as_deref() == Some(id)
        };
        if let Some(call) = calls.into_iter().find(is_it) {
            let last = call.call_id_b.as_deref().and_then(attempt).unwrap_or_default();
            // Of those before only their number is known.
            let mut attempts: Vec<Attempt> =
                (0..last).map(|one| Attempt { carrier: format!("attempt {}", one + 1) }).collect();
            attempts.extend(call.carrier.map(|carrier| Attempt { carrier: carrier.to_string() }));
            return Ok(Some(Found {
                id: format!("{:032x}", call.id),
                caller: call.caller,
                called: call.called,
                call_id_a: call.call_id_a,
                call_id_b: call.call_id_b,
                attempts,
                live: true,
            }));
        }
    }
    Ok(None)
}

/// The record of a call that ended since the oldest message.
fn recorded(source: &TraceSource, id: &str) -> Result<Option<Found>, BackendError> {
    let cdrs = BooksCdrs(Arc::clone(&source.books));
    let mut filter = CdrFilter {
        call_id: Some(id.to_owned()),
        from: source.router.trace.oldest(),
        newest_first: true,
        limit: 1,
        ..CdrFilter::default()
    };
    for _ in 0..PAGES_MAX {
        let page = cdrs.page(&filter).map_err(|error| BackendError::Unavailable(error.to_string()))?;
        if let Some(record) = page.items.first() {
            return Ok(serde_json::from_str(record.get()).ok());
        }
        if page.next.is_none() {
            break;
        }
        filter.after = page.next;
    }
    Ok(None)
}

fn trace(router: &Router, call: Option<Found>, id: &str) -> Option<Trace> {
    let wanted = Wanted {
        caller: call.as_ref().map_or(id, |call| &call.call_id_a).to_owned(),
        token: call.as_ref().and_then(|call| token(call.call_id_b.as_deref()?)).map(str::to_owned),
    };
    let (messages, more) = search(router, &wanted);
    if messages.is_empty() {
        return None;
    }
    let pcap = trace::pcap(messages.iter().map(|kept| (&kept.envelope, &kept.bytes[..])));
    let mut legs = vec![TraceLegDoc { name: "caller".to_owned(), call_id: wanted.caller.clone() }];
    let messages = messages
        .iter()
        .map(|kept| {
            let call_id =
                String::from_utf8_lossy(trace::call_id(&kept.bytes).unwrap_or_default()).into_owned();
            let leg = legs.iter().position(|leg| leg.call_id == call_id).unwrap_or_else(|| {
                let number = attempt(&call_id).unwrap_or_default();
                let carrier = call.as_ref().and_then(|call| call.attempts.get(number));
                let name =
                    carrier.map_or_else(|| format!("attempt {}", number + 1), |tried| tried.carrier.clone());
                legs.push(TraceLegDoc { name, call_id });
                legs.len() - 1
            });
            document(kept, leg)
        })
        .collect();
    let document = TraceDoc {
        id: call.as_ref().map(|call| call.id.clone()),
        caller: call.as_ref().map(|call| call.caller.clone()),
        called: call.as_ref().map(|call| call.called.clone()),
        live: call.as_ref().is_some_and(|call| call.live),
        legs,
        messages,
        kept_since: router.trace.since().map(units::Wall::rfc3339),
        more,
    };
    Some(Trace { document, pcap })
}

fn document(kept: &Kept, leg: usize) -> TraceMessageDoc {
    let Kept { envelope, bytes, cut } = kept;
    let masked = trace::masked(bytes);
    TraceMessageDoc {
        time: envelope.at.rfc3339(),
        direction: envelope.direction.as_str().to_owned(),
        transport: envelope.transport.as_str().to_owned(),
        from: envelope.from().to_string(),
        to: envelope.to().to_string(),
        leg,
        first_line: String::from_utf8_lossy(trace::first_line(&masked)).into_owned(),
        text: String::from_utf8_lossy(&masked).into_owned(),
        cut: *cut,
    }
}

/// Looks through every ring, some messages at a time so that no shard waits long; whether there were more
/// than one answer holds.
fn search(router: &Router, wanted: &Wanted) -> (Vec<Kept>, bool) {
    let (mut found, mut bytes, mut more) = (Vec::new(), 0, false);
    let caller = memmem::Finder::new(&wanted.caller);
    let token = wanted.token.as_ref().map(memmem::Finder::new);
    let wants = |message: &[u8]| {
        let has =
            caller.find(message).is_some() || token.as_ref().is_some_and(|it| it.find(message).is_some());
        has && trace::call_id(message).is_some_and(|id| wanted.is(id))
    };
    for ring in &router.trace.rings {
        let mut from = ring.lock().unwrap_or_else(PoisonError::into_inner).oldest();
        loop {
            let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
            let goes_on = ring.read(&mut from, READ_AT_ONCE, wants, |kept| {
                if found.len() < MESSAGES_MAX && bytes + kept.bytes.len() <= BYTES_MAX {
                    bytes += kept.bytes.len();
                    found.push(kept);
                } else {
                    more = true;
                }
            });
            if !goes_on {
                break;
            }
        }
    }
    // Messages of one moment stay in the order of their shard.
    found.sort_by_key(|kept| kept.envelope.at);
    (found, more)
}

// === impl Wanted ===

impl Wanted {
    fn is(&self, call_id: &[u8]) -> bool {
        let attempt = self.token.as_ref().and_then(|token| call_id.strip_prefix(token.as_bytes()));
        call_id == self.caller.as_bytes() || attempt.is_some_and(is_attempt)
    }
}

fn is_attempt(digits: &[u8]) -> bool {
    (1..=ATTEMPT_DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// What the Call-IDs of all attempts of a call begin with: ours are a token and the attempt's number.
fn token(call_id: &str) -> Option<&str> {
    let (token, digits) = call_id.split_at_checked(sip::token::TOKEN_LEN)?;
    is_attempt(digits.as_bytes()).then_some(token)
}

/// Which attempt a Call-ID of ours is of, from 0.
fn attempt(call_id: &str) -> Option<usize> {
    call_id.get(token(call_id)?.len()..)?.parse().ok()
}
