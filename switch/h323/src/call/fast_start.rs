//! Fast start (H.323 §8.1.7): channels offered in the Setup and taken in an answer to it. One channel for
//! each direction, of the same codec.

use crate::address;
use crate::asn1::h245::{
    AudioCapability, DataType, H2250LogicalChannelParameters, OpenLogicalChannel,
    OpenLogicalChannelForwardLogicalChannelParameters,
    OpenLogicalChannelForwardLogicalChannelParametersMultiplexParameters as Forward,
    OpenLogicalChannelReverseLogicalChannelParameters,
    OpenLogicalChannelReverseLogicalChannelParametersMultiplexParameters as Reverse,
};
use crate::media::{Audio, Local};
use crate::per::{decode, encode};
use std::net::SocketAddr;

/// Session of audio.
const AUDIO_SESSION: u8 = 1;
/// Channels read of one message.
const CHANNELS_MAX: usize = 64;

/// How fast start stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum FastStart {
    /// Nobody offered it.
    #[default]
    None,
    /// It is offered and neither taken nor refused; on calls that come, the caller's channels.
    Offered(Vec<Channel>),
    Accepted,
    Refused,
}

/// A codec that a caller offers in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The codec.
    pub audio: Audio,
    /// Where the caller receives.
    pub rtp: SocketAddr,
    /// Where the caller receives reports.
    pub rtcp: Option<SocketAddr>,
}

/// One channel, from the view of whoever offered it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Channel {
    number: u16,
    audio: Audio,
    /// To the side that offers.
    is_reverse: bool,
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    open: OpenLogicalChannel,
}

/// Our channels after fast start: what we send on, what we receive on.
pub(super) struct Started {
    pub sending: (u16, Audio, SocketAddr, Option<SocketAddr>),
    pub receiving: (u16, Audio),
}

// === impl Channel ===

impl Channel {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let open: OpenLogicalChannel = decode(bytes).ok()?;
        let number = open.forward_logical_channel_number;
        let (data, parameters, is_reverse) = match &open.reverse_logical_channel_parameters {
            Some(reverse) => {
                let Some(Reverse::H2250LogicalChannelParameters(parameters)) = &reverse.multiplex_parameters
                else {
                    return None;
                };
                (&reverse.data_type, parameters, true)
            }
            None => {
                let forward = &open.forward_logical_channel_parameters;
                let Forward::H2250LogicalChannelParameters(parameters) = &forward.multiplex_parameters else {
                    return None;
                };
                (&forward.data_type, parameters, false)
            }
        };
        let DataType::AudioData(capability) = data else { return None };
        let audio = Audio::parse(capability)?;
        let rtp = parameters.media_channel.as_ref().and_then(address::of_h245);
        let rtcp = parameters.media_control_channel.as_ref().and_then(address::of_h245);
        Some(Self { number, audio, is_reverse, rtp, rtcp, open })
    }
}

/// The channels of a message's `fastStart`; those that are not understood are left out.
pub(super) fn channels(fast_start: &[Vec<u8>]) -> Vec<Channel> {
    fast_start.iter().take(CHANNELS_MAX).filter_map(|bytes| Channel::parse(bytes)).collect()
}

/// What a caller's channels offer, in its order.
pub(super) fn offers(channels: &[Channel]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for (forward, reverse) in pairs(channels) {
        let Some(rtp) = reverse.rtp else { continue };
        let rtcp = reverse.rtcp.or(forward.rtcp);
        if !offers.iter().any(|offer| offer.audio == reverse.audio) {
            offers.push(Offer { audio: reverse.audio, rtp, rtcp });
        }
    }
    offers
}

/// Channels of both directions of the same form.
fn pairs(channels: &[Channel]) -> impl Iterator<Item = (&Channel, &Channel)> {
    let reverse = |forward: &Channel| {
        let mut reverse = channels.iter().filter(|channel| channel.is_reverse);
        let (codec, silence) = (forward.audio.codec, forward.audio.silence);
        reverse.find(|other| (other.audio.codec, other.audio.silence) == (codec, silence))
    };
    let forward = channels.iter().filter(|channel| !channel.is_reverse);
    forward.filter_map(move |forward| reverse(forward).map(|reverse| (forward, reverse)))
}

/// What we offer in a Setup: for each form of each codec a channel from us and one to us.
pub(super) fn offer(local: &Local) -> Vec<Vec<u8>> {
    let forms = local.audio.iter().flat_map(|audio| audio.capabilities()).zip(1..);
    let opens = forms.flat_map(|(capability, number)| {
        [from_us(&capability, number, local), to_us(&capability, number, local)]
    });
    opens.filter_map(|open| encode(&open).ok()).collect()
}

fn from_us(capability: &AudioCapability, number: u16, local: &Local) -> OpenLogicalChannel {
    OpenLogicalChannel {
        forward_logical_channel_number: number,
        forward_logical_channel_parameters: OpenLogicalChannelForwardLogicalChannelParameters {
            data_type: DataType::AudioData(Box::new(capability.clone())),
            multiplex_parameters: Forward::H2250LogicalChannelParameters(Box::new(parameters(None, local))),
            ..OpenLogicalChannelForwardLogicalChannelParameters::default()
        },
        ..OpenLogicalChannel::default()
    }
}

fn to_us(capability: &AudioCapability, number: u16, local: &Local) -> OpenLogicalChannel {
    OpenLogicalChannel {
        forward_logical_channel_number: number,
        forward_logical_channel_parameters: OpenLogicalChannelForwardLogicalChannelParameters {
            data_type: DataType::NullData,
            multiplex_parameters: Forward::None,
            ..OpenLogicalChannelForwardLogicalChannelParameters::default()
        },
        reverse_logical_channel_parameters: Some(Box::new(
            OpenLogicalChannelReverseLogicalChannelParameters {
                data_type: DataType::AudioData(Box::new(capability.clone())),
                multiplex_parameters: Some(Reverse::H2250LogicalChannelParameters(Box::new(parameters(
                    Some(local.rtp),
                    local,
                )))),
                ..OpenLogicalChannelReverseLogicalChannelParameters::default()
            },
        )),
        ..OpenLogicalChannel::default()
    }
}

fn parameters(rtp: Option<SocketAddr>, local: &Local) -> H2250LogicalChannelParameters {
    H2250LogicalChannelParameters {
        session_id: AUDIO_SESSION,
        media_channel: rtp.map(address::h245),
        media_control_channel: Some(address::h245(local.rtcp)),
        silence_suppression: Some(false),
        ..H2250LogicalChannelParameters::default()
    }
}

/// Takes a caller's channels: the answer, and what is open then. None if no codec is common.
pub(super) fn accept(channels: &[Channel], local: &Local) -> Option<(Vec<Vec<u8>>, Started)> {
    let fits = |ours: &Audio, forward: &Channel| ours.codec == forward.audio.codec;
    let is_exact = |ours: &Audio, forward: &Channel| ours.silence == forward.audio.silence;
    let candidates = |ours: Audio| {
        let mut pairs: Vec<_> = pairs(channels).filter(|(forward, _)| fits(&ours, forward)).collect();
        pairs.sort_by_key(|(forward, _)| !is_exact(&ours, forward));
        pairs
            .into_iter()
            .filter_map(|(forward, reverse)| reverse.rtp.map(|rtp| (forward, reverse, rtp)))
            .next()
    };
    let (ours, (forward, reverse, rtp)) =
        local.audio.iter().find_map(|ours| candidates(*ours).map(|pair| (*ours, pair)))?;
    let (mut to_us, mut to_them) = (forward.open.clone(), reverse.open.clone());
    if let Forward::H2250LogicalChannelParameters(parameters) =
        &mut to_us.forward_logical_channel_parameters.multiplex_parameters
    {
        parameters.media_channel = Some(address::h245(local.rtp));
        parameters.media_control_channel = Some(address::h245(local.rtcp));
    }
    if let Some(parameters) = &mut to_them.reverse_logical_channel_parameters
        && let Some(Reverse::H2250LogicalChannelParameters(parameters)) = &mut parameters.multiplex_parameters
    {
        parameters.media_control_channel = Some(address::h245(local.rtcp));
    }
    let answer = vec![encode(&to_us).ok()?, encode(&to_them).ok()?];
    let audio = ours.common(reverse.audio)?;
    let started = Started {
        sending: (reverse.number, audio, rtp, reverse.rtcp.or(forward.rtcp)),
        receiving: (forward.number, forward.audio),
    };
    Some((answer, started))
}

/// Reads the answer to our channels. None if it takes none of them, or not one in each direction.
pub(super) fn accepted(fast_start: &[Vec<u8>], local: &Local) -> Option<Started> {
    let channels = channels(fast_start);
    let ours = |channel: &&Channel| local.audio.iter().any(|ours| ours.codec == channel.audio.codec);
    let forward = channels.iter().filter(ours).find(|channel| !channel.is_reverse)?;
    let reverse = channels.iter().filter(ours).find(|channel| channel.is_reverse)?;
    let ours = local.audio.iter().find_map(|ours| ours.common(forward.audio))?;
    // the peer's reports come from where it receives ours
    let rtcp = forward.rtcp.or(reverse.rtcp);
    Some(Started {
        sending: (forward.number, ours, forward.rtp?, rtcp),
        receiving: (reverse.number, reverse.audio),
    })
}
