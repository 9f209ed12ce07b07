//! Logical channels of audio (H.245 C.4, C.5): one that we open, and those that the peer opens.

use crate::address;
use crate::asn1::h245::{
    AudioCapability, DataType, H2250LogicalChannelAckParameters, H2250LogicalChannelParameters,
    OpenLogicalChannel, OpenLogicalChannelAck,
    OpenLogicalChannelAckForwardMultiplexAckParameters as AckParameters,
    OpenLogicalChannelForwardLogicalChannelParameters,
    OpenLogicalChannelForwardLogicalChannelParametersMultiplexParameters as Parameters,
    OpenLogicalChannelRejectCause,
};
use crate::media::{Audio, Local, repacked};
use std::net::SocketAddr;

/// Session of audio (H.225.0 §8).
pub const AUDIO_SESSION: u8 = 1;
/// Channels of the peer that are open at once; the last one counts.
const RECEIVED_MAX: usize = 4;

/// The channel that we send on.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Sending {
    /// There is none.
    #[default]
    Closed,
    /// The peer was asked.
    Opening { number: u16, audio: Audio },
    /// The peer receives there.
    Open { number: u16, audio: Audio, rtp: SocketAddr, rtcp: Option<SocketAddr> },
}

/// Channels that the peer sends on, the last one last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receiving {
    channels: Vec<(u16, Audio)>,
}

// === impl Sending ===

impl Sending {
    pub const fn number(&self) -> Option<u16> {
        match self {
            Self::Closed => None,
            Self::Opening { number, .. } | Self::Open { number, .. } => Some(*number),
        }
    }

    pub const fn audio(&self) -> Option<Audio> {
        match self {
            Self::Closed => None,
            Self::Opening { audio, .. } | Self::Open { audio, .. } => Some(*audio),
        }
    }

    /// The peer's answer; whether it fits. One without an address of media fits not.
    pub fn on_ack(&mut self, ack: &OpenLogicalChannelAck) -> bool {
        let Self::Opening { number, audio } = *self else { return true };
        if ack.forward_logical_channel_number != number {
            return true;
        }
        let Some(AckParameters::H2250LogicalChannelAckParameters(parameters)) =
            &ack.forward_multiplex_ack_parameters
        else {
            return false;
        };
        let rtp = parameters.media_channel.as_ref().and_then(address::of_h245);
        let rtcp = parameters.media_control_channel.as_ref().and_then(address::of_h245);
        let Some(rtp) = rtp else { return false };
        *self = Self::Open { number, audio, rtp, rtcp };
        true
    }
}

// === impl Receiving ===

impl Receiving {
    /// What the peer sends now.
    pub fn audio(&self) -> Option<Audio> {
        self.channels.last().map(|(_, audio)| *audio)
    }

    pub fn open(&mut self, number: u16, audio: Audio) {
        self.close(number);
        if self.channels.len() == RECEIVED_MAX {
            self.channels.remove(0);
        }
        self.channels.push((number, audio));
    }

    pub fn close(&mut self, number: u16) {
        self.channels.retain(|(of, _)| *of != number);
    }
}

/// Asks the peer to receive audio of ours.
pub fn open(number: u16, capability: &AudioCapability, packet_ms: u16, local: &Local) -> OpenLogicalChannel {
    OpenLogicalChannel {
        forward_logical_channel_number: number,
        forward_logical_channel_parameters: OpenLogicalChannelForwardLogicalChannelParameters {
            data_type: DataType::AudioData(Box::new(repacked(capability, packet_ms))),
            multiplex_parameters: Parameters::H2250LogicalChannelParameters(Box::new(
                H2250LogicalChannelParameters {
                    session_id: AUDIO_SESSION,
                    media_control_channel: Some(address::h245(local.rtcp)),
                    silence_suppression: Some(false),
                    ..H2250LogicalChannelParameters::default()
                },
            )),
            ..OpenLogicalChannelForwardLogicalChannelParameters::default()
        },
        ..OpenLogicalChannel::default()
    }
}

/// Takes a channel of the peer: we receive at our addresses.
pub fn acknowledge(number: u16, local: &Local) -> OpenLogicalChannelAck {
    OpenLogicalChannelAck {
        forward_logical_channel_number: number,
        forward_multiplex_ack_parameters: Some(AckParameters::H2250LogicalChannelAckParameters(Box::new(
            H2250LogicalChannelAckParameters {
                session_id: Some(AUDIO_SESSION),
                media_channel: Some(address::h245(local.rtp)),
                media_control_channel: Some(address::h245(local.rtcp)),
                ..H2250LogicalChannelAckParameters::default()
            },
        ))),
        ..OpenLogicalChannelAck::default()
    }
}

/// The audio of a channel that the peer opens, and our side's of it; else why it cannot be.
pub fn wanted(open: &OpenLogicalChannel, local: &Local) -> Result<Audio, OpenLogicalChannelRejectCause> {
    if open.reverse_logical_channel_parameters.is_some() {
        return Err(OpenLogicalChannelRejectCause::UnsuitableReverseParameters);
    }
    let DataType::AudioData(capability) = &open.forward_logical_channel_parameters.data_type else {
        return Err(OpenLogicalChannelRejectCause::DataTypeNotSupported);
    };
    let theirs = Audio::parse(capability).ok_or(OpenLogicalChannelRejectCause::DataTypeNotSupported)?;
    let ours = local.audio.iter().find(|ours| ours.codec == theirs.codec);
    // what the peer sends has its packet time and its annexes
    ours.map(|_| theirs).ok_or(OpenLogicalChannelRejectCause::DataTypeNotAvailable)
}
