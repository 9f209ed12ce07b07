//! What H.323 says of media, as sessions, and back.

use std::net::{IpAddr, SocketAddr};

use codecs::{Codec, CodecSet};
use h323::call::Offer;
use h323::media::{Audio, Codec as H323Codec, Local, Media};
use media::{Channel, Direction, Session};

/// RFC 863, discard: stands for a port that is not known yet, on slow start.
const DISCARD: u16 = 9;
/// Payload number of events where the peer has not said one.
const EVENTS: u8 = 101;

const fn codec(codec: H323Codec) -> Codec {
    match codec {
        H323Codec::G711A => Codec::Pcma,
        H323Codec::G711U => Codec::Pcmu,
        H323Codec::G729 => Codec::G729,
        H323Codec::G7231 => Codec::G723,
    }
}

/// As H.245 has it, in packets of so many milliseconds at most.
fn audio(codec: Codec, packet_ms: Option<u16>) -> Option<Audio> {
    let (codec, frame_ms, usual_ms) = match codec {
        Codec::Pcma => (H323Codec::G711A, 10, 20),
        Codec::Pcmu => (H323Codec::G711U, 10, 20),
        Codec::G729 => (H323Codec::G729, 10, 20),
        Codec::G723 => (H323Codec::G7231, 30, 30),
        Codec::Opus => return None,
    };
    let packet_ms = packet_ms.map_or(usual_ms, |ms| (ms / frame_ms).max(1) * frame_ms);
    Some(Audio { codec, packet_ms, silence: false })
}

/// Our side of the media as the machine takes it, of a session that goes to its peer. None where H.245 has no
/// word for it.
pub(super) fn local(session: &Session) -> Option<Local> {
    let Channel { rtp, codecs, events, packet_ms, .. } = session.channel()?;
    let audio: Vec<Audio> = codecs.iter().filter_map(|codec| audio(*codec, packet_ms)).collect();
    let rtcp = SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?);
    (!audio.is_empty()).then_some(Local { rtp, rtcp, audio, telephone_event: events })
}

/// What a caller offers by fast start, in its order and of one address.
pub(super) fn offered(offers: &[Offer], allowed: CodecSet) -> Option<Channel> {
    let rtp = offers.first()?.rtp;
    let same = offers.iter().filter(|offer| offer.rtp == rtp);
    let first = same.clone().map(|offer| codec(offer.audio.codec)).find(|codec| allowed.contains(*codec))?;
    let mut codecs = smallvec::SmallVec::new();
    for offer in same {
        let codec = codec(offer.audio.codec);
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    let packet_ms = offers.iter().find(|offer| codec(offer.audio.codec) == first);
    Some(Channel {
        rtp,
        codecs,
        events: Some(EVENTS),
        packet_ms: packet_ms.map(|offer| offer.audio.packet_ms).filter(|ms| *ms > 0),
        direction: Direction::SendRecv,
    })
}

/// What stands for the offer of a caller on slow start: every codec that it may use, and its address
/// without a port.
pub(super) fn unsaid(peer: IpAddr, allowed: CodecSet) -> Channel {
    Channel::of_codecs(SocketAddr::new(peer, DISCARD), allowed)
}

/// What was agreed, as the peer's session; `before`: what it was, whose address stands while the peer may
/// not be sent to. None while no address is known.
pub(super) fn agreed(media: &Media, before: Option<&Channel>) -> Option<Channel> {
    let rtp = media.rtp.or(before.map(|before| before.rtp))?;
    let direction = match (media.rtp.is_some(), media.is_received) {
        (true, _) => Direction::SendRecv,
        (false, true) => Direction::SendOnly,
        (false, false) => Direction::Inactive,
    };
    let codecs = smallvec::smallvec![codec(media.audio.codec)];
    let packet_ms = Some(media.audio.packet_ms).filter(|ms| *ms > 0);
    Some(Channel { rtp, codecs, events: media.telephone_event, packet_ms, direction })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(codecs: &[Codec], packet_ms: Option<u16>) -> Channel {
        Channel {
            rtp: "192.0.2.1:4000".parse().expect("address"),
            codecs: codecs.iter().copied().collect(),
            events: Some(96),
            packet_ms,
            direction: Direction::SendRecv,
        }
    }

    #[test]
    fn codecs_have_whole_frames_in_their_packets() {
        for (codec, asked, packed) in [
            (Codec::Pcma, None, 20),
            (Codec::Pcmu, Some(35), 30),
            (Codec::G729, Some(5), 10),
            (Codec::G723, None, 30),
            (Codec::G723, Some(20), 30),
            (Codec::G723, Some(75), 60),
        ] {
            let session = channel(&[codec], asked).session().expect("session");
            let local = local(&session).expect("local");
            assert_eq!(local.audio.first().map(|audio| audio.packet_ms), Some(packed), "{codec:?}");
            assert_eq!((local.rtcp.port(), local.telephone_event), (4_001, Some(96)));
        }
    }

    #[test]
    fn hold_is_a_direction() {
        let audio = audio(Codec::G729, Some(40)).expect("audio");
        let rtp = "192.0.2.7:5000".parse().expect("address");
        let mut media =
            Media { audio, rtp: Some(rtp), rtcp: None, telephone_event: Some(101), is_received: true };
        let talking = agreed(&media, None).expect("channel");
        assert_eq!((talking.rtp, talking.direction, talking.packet_ms), (rtp, Direction::SendRecv, Some(40)));
        media.rtp = None;
        assert_eq!(agreed(&media, None), None);
        let held = agreed(&media, Some(&talking)).expect("channel");
        assert_eq!((held.rtp, held.direction), (rtp, Direction::SendOnly));
        media.is_received = false;
        assert_eq!(
            agreed(&media, Some(&talking)).map(|channel| channel.direction),
            Some(Direction::Inactive)
        );
    }
}
