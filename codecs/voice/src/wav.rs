//! WAV files (RIFF): prompts are read, recordings are written.
//!
//! ```text
//! "RIFF" size "WAVE", then chunks of name(4) size(4) content, padded to an even length; little-endian
//! "fmt " 16  format(2) channels(2) rate(4) octets a second(4) octets a sample of all channels(2) bits(2)
//! "data" size  samples
//! ```

/// Octets of the header that is written.
pub const WAV_HEADER: usize = 44;
/// Longest prompt that is read, in samples: ten minutes.
pub const PROMPT_SAMPLES_MAX: usize = 8000 * 600;
/// Chunks that are looked through for the one with samples.
const CHUNKS_MAX: usize = 64;
const PCM: u16 = 1;
/// The format that says its real one in the first two octets of a longer block.
const EXTENSIBLE: u16 = 0xFFFE;

/// Why a file is no prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WavError {
    /// It does not begin with `RIFF` and `WAVE`.
    #[error("no WAV file: it does not begin with RIFF and WAVE")]
    NoWav,
    /// A chunk ends behind the file's end.
    #[error("the file is cut off within its chunk {0:?}")]
    Cut(ChunkName),
    /// There is no `fmt ` before the samples, or it is shorter than 16 octets.
    #[error("the file does not say its format (no chunk \"fmt \")")]
    NoFormat,
    /// Not linear samples.
    #[error("the samples are in format {}, not PCM (format 1): convert it to 16-bit PCM", format_name(*.0))]
    Format(u16),
    /// Not 8,000 a second.
    #[error("{0} samples a second, not 8000: resample it to 8 kHz")]
    Rate(u32),
    /// Not one channel.
    #[error("{0} channels, not 1: mix it down to mono")]
    Channels(u16),
    /// Not 16 bits.
    #[error("{0} bits a sample, not 16: convert it to 16-bit PCM")]
    Bits(u16),
    /// No `data`.
    #[error("the file holds no samples (no chunk \"data\", or an empty one)")]
    NoSamples,
    /// Half a sample at the end.
    #[error("the samples are {0} octets, which is not a multiple of 2")]
    HalfSample(u32),
    /// Longer than [`PROMPT_SAMPLES_MAX`].
    #[error("{0} seconds long, more than the 600 that a prompt may have")]
    TooLong(u32),
}

/// The name of a chunk, for messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChunkName([u8; 4]);

/// The samples of a prompt, in the file's octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prompt<'a>(&'a [u8]);

/// Writes the samples of a recording with two channels: the caller on the left, the callee on the right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StereoWriter {
    frames: u32,
}

fn format_name(format: u16) -> String {
    match format {
        3 => "3 (floating point)".into(),
        6 => "6 (A-law)".into(),
        7 => "7 (µ-law)".into(),
        other => other.to_string(),
    }
}

impl std::fmt::Debug for ChunkName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

// === impl Prompt ===

impl<'a> Prompt<'a> {
    /// Reads a file of linear 16-bit samples, 8,000 a second, one channel. Chunks that are neither `fmt ` nor
    /// `data` are skipped.
    ///
    /// # Errors
    /// [`WavError`] says exactly what it is not.
    pub fn parse(file: &'a [u8]) -> Result<Self, WavError> {
        let (riff, rest) = file.split_first_chunk::<12>().ok_or(WavError::NoWav)?;
        if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
            return Err(WavError::NoWav);
        }
        let (mut rest, mut has_format) = (rest, false);
        for _ in 0..CHUNKS_MAX {
            let Some((&[a, b, c, d, size @ ..], content)) = rest.split_first_chunk::<8>() else {
                break;
            };
            let (name, size) = ([a, b, c, d], u32::from_le_bytes(size) as usize);
            let content = match content.get(..size) {
                Some(content) => content,
                // A writer that never closed its file leaves a size of all ones, or none.
                None if &name == b"data" && size >= 0xFFFF_F000 => content,
                None => return Err(WavError::Cut(ChunkName(name))),
            };
            match &name {
                b"fmt " => {
                    check_format(content)?;
                    has_format = true;
                }
                b"data" if has_format => return Self::samples_of(content),
                b"data" => return Err(WavError::NoFormat),
                _ => {}
            }
            rest = rest.get(8 + size + size % 2..).unwrap_or(&[]);
        }
        Err(if has_format { WavError::NoSamples } else { WavError::NoFormat })
    }

    fn samples_of(content: &'a [u8]) -> Result<Self, WavError> {
        let octets = u32::try_from(content.len()).unwrap_or(u32::MAX);
        if content.is_empty() {
            Err(WavError::NoSamples)
        } else if octets % 2 != 0 {
            Err(WavError::HalfSample(octets))
        } else if content.len() / 2 > PROMPT_SAMPLES_MAX {
            Err(WavError::TooLong(octets / 16_000))
        } else {
            Ok(Self(content))
        }
    }

    /// The samples.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = i16> + 'a {
        self.0.as_chunks::<2>().0.iter().map(|&octets| i16::from_le_bytes(octets))
    }
}

fn check_format(content: &[u8]) -> Result<(), WavError> {
    let format = content.first_chunk::<16>().ok_or(WavError::NoFormat)?;
    let short = |at: usize| u16::from_le_bytes([format[at], format[at + 1]]);
    let rate = u32::from_le_bytes([format[4], format[5], format[6], format[7]]);
    let tag = match (short(0), content.get(24..26)) {
        (EXTENSIBLE, Some(&[low, high])) => u16::from_le_bytes([low, high]),
        (tag, _) => tag,
    };
    if tag != PCM {
        Err(WavError::Format(tag))
    } else if rate != 8000 {
        Err(WavError::Rate(rate))
    } else if short(2) != 1 {
        Err(WavError::Channels(short(2)))
    } else if short(14) != 16 {
        Err(WavError::Bits(short(14)))
    } else {
        Ok(())
    }
}

/// The header of linear 16-bit samples, 8,000 a second, with so many octets of them behind it. A file of
/// unknown length begins with the header of none, and gets the true one when it is closed.
pub fn header(channels: u16, data: u32) -> [u8; WAV_HEADER] {
    let mut header = [0; WAV_HEADER];
    let align = channels.saturating_mul(2);
    let mut put = |at: usize, octets: &[u8]| header[at..at + octets.len()].copy_from_slice(octets);
    put(0, b"RIFF");
    put(4, &data.saturating_add(WAV_HEADER as u32 - 8).to_le_bytes());
    put(8, b"WAVEfmt ");
    put(16, &16u32.to_le_bytes());
    put(20, &PCM.to_le_bytes());
    put(22, &channels.to_le_bytes());
    put(24, &8000u32.to_le_bytes());
    put(28, &(8000 * u32::from(align)).to_le_bytes());
    put(32, &align.to_le_bytes());
    put(34, &16u16.to_le_bytes());
    put(36, b"data");
    put(40, &data.to_le_bytes());
    header
}

// === impl StereoWriter ===

impl StereoWriter {
    /// The header as it stands: it goes to the file's begin when the file is opened and again when it is
    /// closed.
    pub fn header(&self) -> [u8; WAV_HEADER] {
        header(2, self.frames.saturating_mul(4))
    }

    /// Writes samples of both sides into `octets`, four for each pair, and says how many octets; the shorter
    /// side ends it. Nothing once the file would pass the 4 GiB of its format, which are 37 hours.
    pub fn write(&mut self, left: &[i16], right: &[i16], octets: &mut [u8]) -> usize {
        let room = (u32::MAX / 4 - WAV_HEADER as u32).saturating_sub(self.frames);
        let pairs = left.iter().zip(right).take(room as usize);
        let mut count = 0;
        for ((left, right), octets) in pairs.zip(octets.as_chunks_mut::<4>().0) {
            octets[..2].copy_from_slice(&left.to_le_bytes());
            octets[2..].copy_from_slice(&right.to_le_bytes());
            count += 1;
        }
        self.frames += count;
        count as usize * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(format: &[u8], data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt ".to_vec();
        file.extend((format.len() as u32).to_le_bytes());
        file.extend_from_slice(format);
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend_from_slice(data);
        file
    }

    fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
        let mut format = Vec::new();
        format.extend(tag.to_le_bytes());
        format.extend(channels.to_le_bytes());
        format.extend(rate.to_le_bytes());
        format.extend([0; 6]);
        format.extend(bits.to_le_bytes());
        format
    }

    #[test]
    fn a_prompt_is_read_whatever_else_the_file_holds() {
        let wav = file(&format(1, 1, 8000, 16), &[1, 0, 0xFF, 0xFF]);
        assert_eq!(Prompt::parse(&wav).unwrap().samples().collect::<Vec<_>>(), [1, -1]);
        let mut extensible = format(EXTENSIBLE, 1, 8000, 16);
        extensible.extend([
            22, 0, 16, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
        ]);
        assert!(Prompt::parse(&file(&extensible, &[1, 0])).is_ok());
        let mut unclosed = wav.clone();
        let at = unclosed.len() - 8;
        unclosed[at..at + 4].copy_from_slice(&[0xFF; 4]);
        assert_eq!(Prompt::parse(&unclosed).unwrap().samples().len(), 2);
    }

    #[test]
    fn files_of_the_wrong_form_are_refused_with_the_exact_reason() {
        let good = format(1, 1, 8000, 16);
        for (wav, error) in [
            (file(&format(1, 2, 44_100, 16), &[0; 4]), WavError::Rate(44_100)),
            (file(&format(1, 2, 8000, 16), &[0; 4]), WavError::Channels(2)),
            (file(&format(1, 1, 8000, 8), &[0; 4]), WavError::Bits(8)),
            (file(&format(6, 1, 8000, 8), &[0; 4]), WavError::Format(6)),
            (file(&good[..14], &[0; 4]), WavError::NoFormat),
            (file(&good, &[]), WavError::NoSamples),
            (file(&good, &[0; 3]), WavError::HalfSample(3)),
            (file(&good, &vec![0; 16_000 * 601]), WavError::TooLong(601)),
            (file(&good, &[0; 4])[..50].to_vec(), WavError::NoSamples),
            (file(&good, &[0; 4])[..58].to_vec(), WavError::Cut(ChunkName(*b"data"))),
            (file(&good, &[0; 4])[..40].to_vec(), WavError::Cut(ChunkName(*b"fmt "))),
            (b"RIFF\0\0\0\0WAVE".to_vec(), WavError::NoFormat),
            (b"OggS then more than twelve octets".to_vec(), WavError::NoWav),
            (Vec::new(), WavError::NoWav),
        ] {
            assert_eq!(Prompt::parse(&wav).unwrap_err(), error, "{} octets", wav.len());
        }
        assert_eq!(
            WavError::Format(6).to_string(),
            "the samples are in format 6 (A-law), not PCM (format 1): convert it to 16-bit PCM"
        );
        assert_eq!(
            WavError::Cut(ChunkName(*b"da\0a")).to_string(),
            r#"the file is cut off within its chunk "da\x00a""#
        );
    }

    #[test]
    fn what_is_written_is_a_wav_of_two_channels() {
        let mut writer = StereoWriter::default();
        let mut octets = [0; 64];
        assert_eq!(writer.write(&[1, 2, 3], &[-1, -2], &mut octets), 8);
        assert_eq!(octets[..8], [1, 0, 0xFF, 0xFF, 2, 0, 0xFE, 0xFF]);
        let mut wav = writer.header().to_vec();
        wav.extend_from_slice(&octets[..8]);
        assert_eq!(Prompt::parse(&wav), Err(WavError::Channels(2)));
        assert_eq!(&wav[..4], b"RIFF");
        assert_eq!(u32::from_le_bytes([wav[4], wav[5], wav[6], wav[7]]) as usize, wav.len() - 8);
        assert_eq!(Prompt::parse(&[&header(1, 2)[..], &[7, 0]].concat()).unwrap().samples().next(), Some(7));
    }
}
