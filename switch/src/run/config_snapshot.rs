//! Checked settings as the nodes want them, with the ports that were really bound.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use config::Settings;
use node::{
    BootstrapAccount, ConfigSnapshot, MediaConfig, NodeTiming, RecordingConfig, RelayAddress, RelayConfig,
    Signing, StrangerLimits,
};
use sip::flow::Transport;

/// `bound` are the listeners as the sockets know them.
pub(crate) fn config_snapshot(settings: &Settings, bound: &[(Transport, SocketAddr)]) -> ConfigSnapshot {
    let seed = |account: &config::AccountSettings| BootstrapAccount {
        name: account.name.clone(),
        currency: account.currency,
        balance: account.balance,
        limit: account.limit.amount,
        terms: account.terms.clone(),
    };
    ConfigSnapshot {
        gates: Arc::clone(&settings.gates),
        carriers: Arc::clone(&settings.carriers),
        numbers: Arc::clone(&settings.numbers),
        routes: Arc::clone(&settings.routes),
        decks: Arc::clone(&settings.decks),
        accounts: settings.accounts.iter().map(seed).collect(),
        payment_methods: settings.payment_methods.clone(),
        listeners: bound.to_vec(),
        address: advertised(settings, bound),
        domains: settings.sip.domains.clone(),
        realm: settings.sip.realm.clone(),
        hashes: settings.sip.hashes,
        strangers: StrangerLimits {
            challenges_per_sec: settings.sip.challenge_per_source,
            lockout_after: settings.sip.lockout_after,
            lockout_secs: settings.sip.lockout_secs,
            ban_after: settings.sip.ban_after,
        },
        media: media(settings),
        timing: NodeTiming {
            checkpoint_ms: settings.journal.checkpoint_secs * 1_000,
            t1_ms: settings.sip.t1_ms,
            dialog_probe_ms: settings.sip.dialog_probe_secs.map(|secs| secs * 1_000),
        },
        stir: settings
            .stir
            .signer
            .as_ref()
            .zip(settings.stir.level_default)
            .map(|(signer, level_default)| Arc::new(Signing { signer: Arc::clone(signer), level_default })),
    }
}

/// Addresses and ports count as they were at the start, since a shard and the relay keep to those.
fn media(settings: &Settings) -> MediaConfig {
    let media = &settings.media;
    let recording = settings.recording.as_ref();
    let shown = |ours: &IpAddr| media.advertise.iter().find(|shown| shown.is_ipv4() == ours.is_ipv4());
    let address = |ours: &IpAddr| RelayAddress { ours: *ours, shown: *shown(ours).unwrap_or(ours) };
    let addresses: Vec<_> = media.addresses.iter().map(address).collect();
    MediaConfig {
        path: media.mode,
        relay: (!addresses.is_empty()).then_some(RelayConfig { addresses, ports: media.ports }),
        engines: media.engines.clone(),
        rtp_timeout_ms: media.rtp_timeout_secs.saturating_mul(1_000),
        rtp_timeout_hold_ms: media.rtp_timeout_hold_secs.saturating_mul(1_000),
        transcoding_max: media.max_transcoding,
        prompts: Arc::clone(&media.prompts),
        warning_secs: media.warning_secs,
        announcements: media.announcements,
        recording: recording.map(|recording| RecordingConfig { consent_tone: recording.consent_tone }),
    }
}

/// What is told to peers where a listener is bound to every address.
fn advertised(settings: &Settings, bound: &[(Transport, SocketAddr)]) -> IpAddr {
    let concrete = bound.iter().map(|(_, address)| address.ip()).find(|ip| !ip.is_unspecified());
    settings
        .sip
        .advertise
        .or(settings.media.addresses.first().copied())
        .or(concrete)
        .unwrap_or(IpAddr::from([127, 0, 0, 1]))
}
