//! Session timers (RFC 4028): who refreshes, how often, and when silence ends the call.

use sip::{Message, Name};
use units::Tick;

/// The smallest Min-SE of RFC 4028 §5.
pub(crate) const MIN_SE_SECS: u32 = 90;

/// The session timer of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SessionState {
    /// Agreed interval; 0: none.
    pub expires_secs: u32,
    /// We send the refreshes.
    pub we_refresh: bool,
    /// The last refresh, or the answer.
    pub refreshed: Tick,
    /// When our next refresh is due.
    refresh_at: Tick,
    /// Our refresh is out.
    pub refreshing: bool,
    /// The least interval that a 422 of the peer named; 0: none did.
    learnt_min_se: u32,
}

/// Longest interval taken from a peer, seconds.
pub(crate) const SESSION_SECS_MAX: u32 = 86_400;

/// How long a refresh waits that met another exchange or was refused, as after 491 (RFC 3261 §14.1): 2.1 to 4
/// s where the Call-ID is ours.
const RETRY_OWNER_MS: u64 = 3_000;
/// Where it is the peer's: 0 to 2 s.
const RETRY_OTHER_MS: u64 = 1_000;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Refresh,
    Expired,
}

/// What a peer says of session timers in an INVITE, UPDATE or their 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    pub expires_secs: Option<u32>,
    pub refresher: Option<Refresher>,
    pub min_se_secs: Option<u32>,
    pub supported: bool,
}

/// The `refresher` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresher {
    Uac,
    Uas,
}

// === impl Asked ===

impl Asked {
    pub(crate) fn read(message: &Message) -> Self {
        let (mut expires_secs, mut refresher) = (None, None);
        if let Some(value) = message.header(Name::SessionExpires) {
            let mut parts = value.split(';').map(str::trim);
            expires_secs = parts.next().and_then(|secs| secs.parse().ok());
            refresher = parts
                .filter_map(|part| part.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("refresher"))
                .and_then(|(_, who)| match who.trim() {
                    who if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
                    who if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
                    _ => None,
                });
        }
        let min_se_secs = message.header(Name::MinSe).and_then(|v| v.split(';').next()?.trim().parse().ok());
        let supported =
            message.has_token(Name::Supported, "timer") || message.has_token(Name::Require, "timer");
        Self { expires_secs, refresher, min_se_secs, supported }
    }

    /// True if the interval asked for is below ours: 422 (RFC 4028 §9).
    pub(crate) fn too_small(&self, min_secs: u32) -> bool {
        self.supported && self.expires_secs.is_some_and(|secs| secs < min_secs.max(MIN_SE_SECS))
    }
}

// === impl SessionState ===

impl SessionState {
    /// As the answering side, to a peer that asked; `want_secs` is ours, 0 if we ask for none.
    pub(crate) fn as_uas(now: Tick, asked: &Asked, want_secs: u32) -> Self {
        if !asked.supported {
            return Self::default();
        }
        let floor = asked.min_se_secs.unwrap_or(0).max(MIN_SE_SECS);
        let expires_secs = match (asked.expires_secs, want_secs) {
            (None, 0) => return Self::default(),
            (None, want) => want.max(floor),
            (Some(theirs), 0) => theirs.max(floor),
            (Some(theirs), want) => theirs.min(want).max(floor),
        };
        let we_refresh = asked.refresher != Some(Refresher::Uac);
        Self::agreed(now, expires_secs, we_refresh)
    }

    /// As the calling side, from the 2xx.
    pub(crate) fn as_uac(now: Tick, answered: &Asked) -> Self {
        let Some(expires_secs) = answered.expires_secs.filter(|secs| *secs >= MIN_SE_SECS) else {
            return Self::default();
        };
        Self::agreed(now, expires_secs, answered.refresher != Some(Refresher::Uas))
    }

    const fn agreed(now: Tick, expires_secs: u32, we_refresh: bool) -> Self {
        let mut agreed = Self {
            expires_secs,
            we_refresh,
            refreshed: now,
            refresh_at: now,
            refreshing: false,
            learnt_min_se: 0,
        };
        agreed.renewed(now);
        agreed
    }

    /// The Session-Expires of our 2xx, and whether it needs `Require: timer`.
    pub(crate) fn uas_header(&self) -> Option<(String, bool)> {
        (self.expires_secs > 0).then(|| {
            let refresher = if self.we_refresh { "uas" } else { "uac" };
            (format!("{};refresher={refresher}", self.expires_secs), !self.we_refresh)
        })
    }

    /// The Session-Expires of our own refresh.
    pub(crate) fn uac_header(&self) -> Option<String> {
        (self.expires_secs > 0).then(|| {
            format!("{};refresher={}", self.expires_secs, if self.we_refresh { "uac" } else { "uas" })
        })
    }

    /// The session was refreshed.
    pub(crate) const fn renewed(&mut self, now: Tick) {
        self.refreshed = now;
        self.refresh_at = now.plus_ms(self.expires_secs as u64 * 500);
        self.refreshing = false;
    }

    /// A 2xx to a request of ours that carried a session timer: what it says holds from now on (RFC 4028
    /// §7.2).
    pub(crate) fn renewed_by(&mut self, now: Tick, answered: &Asked) {
        if self.expires_secs > 0
            && let Some(expires_secs) =
                answered.expires_secs.filter(|secs| (MIN_SE_SECS..=SESSION_SECS_MAX).contains(secs))
        {
            self.expires_secs = expires_secs;
            self.we_refresh = answered.refresher != Some(Refresher::Uas);
        }
        self.renewed(now);
    }

    /// A 422: the next request asks for what it wants, for twice as much if it does not say. False if that is
    /// not more than before, or more than a day.
    pub(crate) fn enlarge(&mut self, refused: &Asked) -> bool {
        let wanted = refused.min_se_secs.unwrap_or(self.expires_secs.saturating_mul(2));
        let larger = self.expires_secs > 0 && wanted > self.expires_secs && wanted <= SESSION_SECS_MAX;
        if larger {
            self.expires_secs = wanted;
            self.learnt_min_se = wanted;
        }
        larger
    }

    /// The Min-SE that our requests must carry after a 422 (RFC 4028 §7.1).
    pub(crate) fn learnt_min_se(&self) -> Option<u32> {
        (self.learnt_min_se > 0).then_some(self.learnt_min_se)
    }

    /// Our refresh could not be made now: again in a moment, as long as the session lasts.
    pub(crate) const fn postpone(&mut self, now: Tick, owns_call_id: bool) {
        self.refresh_at = now.plus_ms(if owns_call_id { RETRY_OWNER_MS } else { RETRY_OTHER_MS });
        self.refreshing = false;
    }

    /// When to look again.
    pub(crate) const fn deadline(&self) -> Tick {
        if self.expires_secs == 0 {
            Tick::NEVER
        } else if self.we_refresh && !self.refreshing {
            let (refresh, expiry) = (self.refresh_at, self.expiry());
            if refresh.0 < expiry.0 { refresh } else { expiry }
        } else {
            self.expiry()
        }
    }

    /// RFC 4028 §10: BYE a little before the interval ends.
    const fn expiry(&self) -> Tick {
        let third = self.expires_secs / 3;
        let early = if third < 32 { third } else { 32 };
        self.refreshed.plus_ms((self.expires_secs - early) as u64 * 1_000)
    }

    /// What is due now.
    pub(crate) fn due(&self, now: Tick) -> Due {
        if self.expires_secs == 0 || now < self.deadline() {
            Due::Nothing
        } else if now >= self.expiry() {
            Due::Expired
        } else {
            Due::Refresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked =
        Asked { expires_secs: Some(1_800), refresher: None, min_se_secs: None, supported: true };

    #[test]
    fn the_smaller_interval_wins_above_the_floor() {
        assert_eq!(SessionState::as_uas(Tick(0), &ASKED, 600).expires_secs, 600);
        assert_eq!(SessionState::as_uas(Tick(0), &ASKED, 0).expires_secs, 1_800);
        let floor = Asked { min_se_secs: Some(900), ..ASKED };
        assert_eq!(SessionState::as_uas(Tick(0), &floor, 600).expires_secs, 900);
        let silent = Asked { supported: false, ..ASKED };
        assert_eq!(SessionState::as_uas(Tick(0), &silent, 600), SessionState::default());
        assert!(Asked { expires_secs: Some(60), ..ASKED }.too_small(90));
    }

    #[test]
    fn refreshes_at_half_and_expires_a_little_early() {
        let ours = SessionState::as_uac(Tick(0), &ASKED);
        assert_eq!(ours.deadline(), Tick(900_000_000));
        assert_eq!(ours.due(Tick(899_999_999)), Due::Nothing);
        assert_eq!(ours.due(Tick(900_000_000)), Due::Refresh);
        let theirs = SessionState::as_uac(Tick(0), &Asked { refresher: Some(Refresher::Uas), ..ASKED });
        assert_eq!(theirs.deadline(), Tick(1_768_000_000));
        assert_eq!(theirs.due(Tick(1_768_000_000)), Due::Expired);
        let waiting = SessionState { refreshing: true, ..ours };
        assert_eq!(waiting.due(Tick(1_000_000_000)), Due::Nothing);
        assert_eq!(waiting.due(Tick(1_768_000_000)), Due::Expired);
    }
}
