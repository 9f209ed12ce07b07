//! Capability exchange (H.245 C.3): what each side receives. An empty set pauses the peer's sending (H.323
//! §8.4.6).

use crate::asn1::H245_V7;
use crate::asn1::h245::{
    AudioCapability, AudioTelephonyEventCapability, Capability, CapabilityDescriptor, CapabilityTableEntry,
    H2250Capability, H2250CapabilityMcCapability, MediaDistributionCapability, MultiplexCapability,
    MultipointCapability, TerminalCapabilitySet, UserInputCapability,
};
use crate::media::{Audio, Local};

/// Codecs kept of a peer's set.
const AUDIO_MAX: usize = 32;
/// Milliseconds, as gateways say it.
const JITTER_MS: u16 = 200;

/// What the peer receives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remote {
    /// Codecs of ours, in the peer's order, with the form in which it said each.
    pub audio: Vec<(Audio, AudioCapability)>,
    /// Payload number of telephone events.
    pub telephone_event: Option<u8>,
    /// User input as signals.
    pub signal: bool,
    /// User input as characters.
    pub alphanumeric: bool,
}

/// Our requests.
#[derive(Debug, Default)]
pub struct Exchange {
    sequence: u8,
    is_acknowledged: bool,
    is_waiting: bool,
}

// === impl Exchange ===

impl Exchange {
    /// A set to send: what we receive, or nothing.
    pub fn request(&mut self, local: Option<&Local>) -> TerminalCapabilitySet {
        self.sequence = self.sequence.wrapping_add(1);
        self.is_waiting = true;
        let mut set = TerminalCapabilitySet {
            sequence_number: self.sequence,
            protocol_identifier: H245_V7,
            ..TerminalCapabilitySet::default()
        };
        if let Some(local) = local {
            fill(&mut set, local);
        }
        set
    }

    /// The peer took the set with this number; those of older ones are late.
    pub const fn on_ack(&mut self, sequence: u8) {
        if self.is_waiting && sequence == self.sequence {
            self.is_waiting = false;
            self.is_acknowledged = true;
        }
    }

    /// Whether the peer refused the set that is out.
    pub const fn on_reject(&mut self, sequence: u8) -> bool {
        self.is_waiting && sequence == self.sequence
    }

    /// Whether the peer took a set of ours.
    pub const fn is_acknowledged(&self) -> bool {
        self.is_acknowledged
    }

    /// Whether an answer of the peer is awaited.
    pub const fn is_waiting(&self) -> bool {
        self.is_waiting
    }
}

fn fill(set: &mut TerminalCapabilitySet, local: &Local) {
    let audio = local.audio.iter().flat_map(|audio| audio.capabilities());
    let mut table: Vec<Capability> =
        audio.map(|audio| Capability::ReceiveAudioCapability(Box::new(audio))).collect();
    let n_audio = table.len() as u16;
    table.push(Capability::ReceiveUserInputCapability(UserInputCapability::BasicString));
    table.push(Capability::ReceiveUserInputCapability(UserInputCapability::Dtmf));
    let mut simultaneous = vec![(1..=n_audio).collect(), vec![n_audio + 1, n_audio + 2]];
    if let Some(payload) = local.telephone_event.filter(|payload| (96..=127).contains(payload)) {
        table.push(Capability::ReceiveRTPAudioTelephonyEventCapability(AudioTelephonyEventCapability {
            dynamic_rtp_payload_type: payload,
            audio_telephone_event: b"0-16".to_vec(),
        }));
        simultaneous.push(vec![n_audio + 3]);
    }
    let entries = table.into_iter().zip(1..).map(|(capability, number)| CapabilityTableEntry {
        capability_table_entry_number: number,
        capability: Some(capability),
    });
    set.multiplex_capability = Some(MultiplexCapability::H2250Capability(Box::new(multiplex())));
    set.capability_table = Some(entries.collect());
    set.capability_descriptors = Some(vec![CapabilityDescriptor {
        capability_descriptor_number: 0,
        simultaneous_capabilities: Some(simultaneous),
    }]);
}

/// Everything that a plain gateway does not do.
fn multiplex() -> H2250Capability {
    let multipoint = || MultipointCapability {
        multicast_capability: false,
        multi_uni_cast_conference: false,
        media_distribution_capability: vec![MediaDistributionCapability::default()],
    };
    H2250Capability {
        maximum_audio_delay_jitter: JITTER_MS,
        receive_multipoint_capability: multipoint(),
        transmit_multipoint_capability: multipoint(),
        receive_and_transmit_multipoint_capability: multipoint(),
        mc_capability: H2250CapabilityMcCapability::default(),
        logical_channel_switching_capability: Some(false),
        t120_dynamic_port_capability: Some(false),
        ..H2250Capability::default()
    }
}

/// What a set says; none if it is empty, which pauses us.
pub fn remote(set: &TerminalCapabilitySet) -> Option<Remote> {
    let table = set.capability_table.as_deref().unwrap_or_default();
    if table.is_empty() {
        return None;
    }
    let mut remote = Remote::default();
    for capability in table.iter().filter_map(|entry| entry.capability.as_ref()) {
        match capability {
            Capability::ReceiveAudioCapability(audio)
            | Capability::ReceiveAndTransmitAudioCapability(audio) => {
                if let Some(parsed) = Audio::parse(audio).filter(|_| remote.audio.len() < AUDIO_MAX) {
                    remote.audio.push((parsed, (**audio).clone()));
                }
            }
            Capability::ReceiveUserInputCapability(input)
            | Capability::ReceiveAndTransmitUserInputCapability(input) => match input {
                UserInputCapability::Dtmf => remote.signal = true,
                UserInputCapability::BasicString
                | UserInputCapability::IA5String
                | UserInputCapability::GeneralString => remote.alphanumeric = true,
                _ => {}
            },
            Capability::ReceiveRTPAudioTelephonyEventCapability(events) => {
                remote.telephone_event = Some(events.dynamic_rtp_payload_type);
            }
            _ => {}
        }
    }
    Some(remote)
}
