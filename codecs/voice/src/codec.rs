//! What every codec does, frame by frame.

use codecs::{Codec, G723Rate};

use crate::payload::Frame;

/// Samples a second of all sound in this crate.
pub const RATE_HZ: u32 = 8000;
/// Samples of the longest frame: an Opus packet of 120 ms (RFC 6716 §2.1.4).
pub const FRAME_SAMPLES_MAX: usize = 960;
/// Octets of the longest frame that an [`Encoder`] writes: an Opus packet of 60 ms at its highest rate here.
pub const FRAME_OCTETS_MAX: usize = 640;

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoded {
    /// So many octets of speech. They go behind those of the frames before in the same packet.
    Speech(usize),
    /// So many octets that describe the noise of a pause, which begins or changed. They end their packet. For
    /// G.711 they are a payload of their own type (RFC 3389), for the others a frame of the codec.
    Noise(usize),
    /// Nothing is sent for this frame: the pause goes on as it was described.
    Nothing,
}

/// Samples to frames.
pub trait Encoder: Send {
    /// Which codec.
    fn codec(&self) -> Codec;

    /// Samples of one frame.
    fn frame_samples(&self) -> usize;

    /// Most frames that one packet may hold: one for Opus, whose packet is a frame of any of its lengths.
    fn packet_frames_max(&self) -> usize;

    /// Encodes one frame of [`frame_samples`](Self::frame_samples) samples into `octets`, which hold at least
    /// [`FRAME_OCTETS_MAX`] or the codec's own size of a frame. Samples that lack count as zero, octets that
    /// lack are not written.
    fn encode(&mut self, frame: &[i16], octets: &mut [u8]) -> Encoded;
}

/// Frames to samples. Its calls follow the time of the stream: each stands for the frames that come next.
pub trait Decoder: Send {
    /// Which codec.
    fn codec(&self) -> Codec;

    /// Samples of the shortest stretch that [`conceal`](Self::conceal) and [`pause`](Self::pause) make.
    fn frame_samples(&self) -> usize;

    /// Decodes one frame of a payload, and says how many samples it wrote: those of the frame or as many as
    /// fit. A frame whose octets contradict themselves is concealed.
    fn decode(&mut self, frame: Frame<'_>, samples: &mut [i16]) -> usize;

    /// Fills `samples`, whole frames of [`frame_samples`](Self::frame_samples), in place of frames that were
    /// lost: it goes on as it was and fades.
    fn conceal(&mut self, samples: &mut [i16]);

    /// Fills `samples`, whole frames of [`frame_samples`](Self::frame_samples), with the noise of a pause in
    /// which nothing is sent; silence where none was described.
    fn pause(&mut self, samples: &mut [i16]);

    /// Takes the payload of comfort noise of RFC 3389, payload type 13, that began or changed a pause.
    fn describe_pause(&mut self, payload: &[u8]);

    /// Restores a lost frame from what the packet after it says of it, and says how many samples it wrote;
    /// none where that says nothing: the frame is then concealed. Only Opus repeats itself so (RFC 6716
    /// §2.1.7).
    fn recover(&mut self, next: Frame<'_>, samples: &mut [i16]) -> usize {
        let _ = (next, samples);
        0
    }
}

/// How an encoder is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncoderSettings {
    /// Which codec.
    pub codec: Codec,
    /// Milliseconds of one packet, which are a frame of Opus: 10, 20, 40 or 60; others count as the next
    /// shorter of these. The other codecs have frames of their own and put several into a packet.
    pub packet_ms: u8,
    /// Pauses are described once and then not sent: RFC 3389 for G.711, Annex B of G.729, Annex A of G.723.1,
    /// DTX of Opus. Only for a peer that said it understands it.
    pub dtx: bool,
    /// The rate of G.723.1.
    pub g723: G723Rate,
    /// Bits a second of Opus, 6,000 to 64,000.
    pub opus_bps: u32,
    /// Opus says each frame again, coarser, in the packet after it (`useinbandfec=1`, RFC 7587 §6.1).
    pub fec: bool,
}

impl EncoderSettings {
    /// Packets of 20 ms without pauses, G.723.1 at 6.3 kbit/s, Opus at 16 kbit/s without repetition.
    pub const fn new(codec: Codec) -> Self {
        Self { codec, packet_ms: 20, dtx: false, g723: G723Rate::R6300, opus_bps: 16_000, fec: false }
    }
}
