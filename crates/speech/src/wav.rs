//! WAV files, to and from the line's format: 8000 Hz, mono, μ-law.

use redial_call::audio::{self, SAMPLE_RATE_HZ};

use super::resample::Decimator;

/// WAV format codes (`WAVE_FORMAT_PCM`, `WAVE_FORMAT_MULAW`, `WAVE_FORMAT_EXTENSIBLE` in RFC 2361 and Microsoft's
/// `mmreg.h`).
const PCM: u16 = 1;
const MULAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;

/// Why bytes are not a WAV file that the line can play.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// Not a WAV file at all.
    #[error("not a WAV file: it does not begin with `RIFF` and `WAVE`")]
    NotWav,
    /// The file ends within its header, or a chunk is missing.
    #[error("the WAV file has no complete `{0}` chunk")]
    Missing(&'static str),
    /// A sound format that we do not read.
    #[error("WAV format {format} with {bits} bits a sample: μ-law (7) with 8 bits or PCM (1) with 16 bits is expected")]
    Format {
        /// The format code.
        format: u16,
        /// Bits a sample.
        bits: u16,
    },
    /// More than one channel, or none.
    #[error("{0} channels: one is expected")]
    Channels(u16),
    /// A rate that is not a small multiple of the line's.
    #[error("{0} Hz: 8000, 16000, 24000 or 48000 Hz is expected")]
    Rate(u32),
}

/// Reads a mono WAV file as μ-law at 8000 Hz: μ-law as it is, 16-bit PCM of 8, 16, 24 or 48 kHz converted.
///
/// A `data` chunk that says it is longer than the file, as programs that stream write it, is read to the end of the file.
///
/// # Errors
/// [`WavError`] says what is wrong with the file.
pub fn read(bytes: &[u8]) -> Result<Vec<u8>, WavError> {
    let chunks = match bytes.split_at_checked(12) {
        Some((head, rest)) if head.starts_with(b"RIFF") && head.ends_with(b"WAVE") => Chunks(rest),
        Some(_) | None => return Err(WavError::NotWav),
    };
    let mut format = None;
    for (id, body) in chunks {
        match id {
            b"fmt " => format = Some(Format::parse(body)?),
            b"data" => return format.ok_or(WavError::Missing("fmt "))?.convert(body),
            _ => (), // `fact`, `LIST` and others say nothing that we need
        }
    }
    Err(WavError::Missing(if format.is_some() { "data" } else { "fmt " }))
}

/// A mono μ-law file at 8000 Hz.
pub fn write_mono(ulaw: &[u8]) -> Vec<u8> {
    write(1, ulaw.iter().copied(), ulaw.len())
}

/// A stereo μ-law file at 8000 Hz, for a call's recording: `left` the caller, `right` the agent.
/// The shorter side is filled up with silence.
pub fn write_stereo(left: &[u8], right: &[u8]) -> Vec<u8> {
    let len = left.len().max(right.len());
    let side = |side: &[u8], at: usize| side.get(at).copied().unwrap_or(audio::SILENCE);
    write(2, (0..len).flat_map(|at| [side(left, at), side(right, at)]), 2 * len)
}

/// Sizes are 32 bits wide in WAV; a longer recording (74 hours in stereo) carries the largest one.
fn write(channels: u16, data: impl Iterator<Item = u8>, len: usize) -> Vec<u8> {
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    // Chunks begin at even offsets.
    let padding = len % 2;
    let mut file = Vec::with_capacity(58 + len + padding);
    file.extend(b"RIFF");
    file.extend(size(50 + len + padding));
    file.extend(b"WAVEfmt ");
    file.extend(18_u32.to_le_bytes());
    file.extend(MULAW.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(SAMPLE_RATE_HZ.to_le_bytes());
    file.extend((SAMPLE_RATE_HZ * u32::from(channels)).to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(8_u16.to_le_bytes());
    file.extend(0_u16.to_le_bytes());
    // Formats other than PCM need this chunk: the number of samples in each channel.
    file.extend(b"fact");
    file.extend(4_u32.to_le_bytes());
    file.extend(size(len / usize::from(channels)));
    file.extend(b"data");
    file.extend(size(len));
    file.extend(data);
    file.extend(std::iter::repeat_n(0, padding));
    file
}

/// The chunks of a RIFF file; the last one may be cut short.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, rest) = self.0.split_first_chunk::<4>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let (body, rest) = rest.split_at(size.min(rest.len()));
        self.0 = rest.get(size % 2..).unwrap_or_default();
        Some((id, body))
    }
}

struct Format {
    code: u16,
    rate_hz: u32,
}

impl Format {
    fn parse(body: &[u8]) -> Result<Self, WavError> {
        let field = |at: usize| body.get(at..)?.first_chunk::<2>().map(|bytes| u16::from_le_bytes(*bytes));
        let head = || Some((field(0)?, field(2)?, field(4)?, field(6)?, field(14)?));
        let (code, channels, rate_low, rate_high, bits) = head().ok_or(WavError::Missing("fmt "))?;
        // The extensible format carries the real code at the head of its sub-format.
        let format = if code == EXTENSIBLE { field(24).unwrap_or(code) } else { code };
        if !matches!((format, bits), (PCM, 16) | (MULAW, 8)) {
            return Err(WavError::Format { format, bits });
        }
        if channels != 1 {
            return Err(WavError::Channels(channels));
        }
        let rate_hz = u32::from(rate_high) << 16 | u32::from(rate_low);
        match (format, rate_hz) {
            (_, 8000) | (PCM, 16_000 | 24_000 | 48_000) => Ok(Self { code: format, rate_hz }),
            (_, _) => Err(WavError::Rate(rate_hz)),
        }
    }

    fn convert(&self, data: &[u8]) -> Result<Vec<u8>, WavError> {
        if self.code == MULAW {
            return Ok(data.to_vec());
        }
        let samples = data.as_chunks::<2>().0.iter().map(|bytes| i16::from_le_bytes(*bytes));
        let factor = usize::try_from(self.rate_hz / SAMPLE_RATE_HZ).unwrap_or(1);
        if factor == 1 {
            return Ok(samples.map(audio::encode).collect());
        }
        let samples: Vec<f32> = samples.map(f32::from).collect();
        let mut line = Vec::with_capacity(samples.len() / factor + 1);
        let mut decimator = Decimator::new(factor);
        decimator.push(&samples, &mut line);
        decimator.finish(&mut line);
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what a clipped sample does")]
        let encoded = line.into_iter().map(|sample| audio::encode(sample.round() as i16)).collect();
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pcm(rate_hz: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(rate_hz.to_le_bytes());
        file.extend((2 * rate_hz).to_le_bytes());
        file.extend([2, 0, 16, 0]);
        file.extend(b"LIST\x03\0\0\0abc\0data");
        file.extend(u32::try_from(2 * samples.len()).unwrap().to_le_bytes());
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    fn tone(rate_hz: u32, hz: f32) -> Vec<i16> {
        (0..rate_hz / 2)
            .map(|n| (10_000.0 * (std::f32::consts::TAU * hz * n as f32 / rate_hz as f32).sin()) as i16)
            .collect()
    }

    fn level(ulaw: &[u8]) -> f32 {
        let sum: f32 = ulaw.iter().map(|&byte| f32::from(audio::decode(byte)).powi(2)).sum();
        (sum / ulaw.len() as f32).sqrt()
    }

    #[test]
    fn pcm_of_every_rate_keeps_its_length_and_level() {
        for rate_hz in [8000, 16_000, 24_000, 48_000] {
            let line = read(&pcm(rate_hz, &tone(rate_hz, 1000.0))).unwrap();
            assert_eq!(line.len(), 4000, "{rate_hz} Hz");
            let level = level(&line[400..3600]);
            assert!((6900.0..7250.0).contains(&level), "{rate_hz} Hz: {level}");
        }
    }

    #[test]
    fn what_the_line_cannot_carry_does_not_fold_back_into_it() {
        let line = read(&pcm(48_000, &tone(48_000, 5000.0))).unwrap();
        assert!(level(&line[400..3600]) < 20.0);
    }

    #[test]
    fn a_stereo_file_fills_up_the_shorter_side() {
        let file = write_stereo(&[1, 2, 3], &[9]);
        assert_eq!(file[58..], [1, 9, 2, audio::SILENCE, 3, audio::SILENCE]);
        assert_eq!(read(&file), Err(WavError::Channels(2)));
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(read(b"ID3 and so on"), Err(WavError::NotWav));
        assert_eq!(read(b"RIFF\0\0\0\0WAVE"), Err(WavError::Missing("fmt ")));
        assert_eq!(read(&write_mono(&[0; 9])[..20]), Err(WavError::Missing("fmt ")));
        assert_eq!(read(&write_mono(&[0; 9])[..50]), Err(WavError::Missing("data")));
        assert_eq!(read(&pcm(44_100, &[])), Err(WavError::Rate(44_100)));
        let mut float = pcm(8000, &[]);
        float[20] = 3;
        let error = read(&float).unwrap_err();
        assert_eq!(error, WavError::Format { format: 3, bits: 16 });
        assert!(error.to_string().contains("μ-law (7)"));
    }

    #[test]
    fn a_stream_that_did_not_know_its_length_is_read_to_its_end() {
        let mut file = write_mono(&[7; 10]);
        file[54..58].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&file).unwrap(), [7; 10]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(ulaw in prop::collection::vec(any::<u8>(), 0..400)) {
            let file = write_mono(&ulaw);
            prop_assert_eq!(file.len() % 2, 0);
            prop_assert_eq!(read(&file).unwrap(), ulaw);
        }

        #[test]
        fn no_bytes_panic_the_reader(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            wav in any::<bool>(),
            fmt in any::<bool>(),
        ) {
            if wav && bytes.len() >= 12 {
                bytes[..4].copy_from_slice(b"RIFF");
                bytes[8..12].copy_from_slice(b"WAVE");
                if fmt && bytes.len() >= 20 {
                    bytes[12..20].copy_from_slice(b"fmt \x10\0\0\0");
                }
            }
            let _ = read(&bytes);
        }

        #[test]
        fn no_damage_to_a_good_file_panics_the_reader(at in 0_usize..80, byte in any::<u8>()) {
            let mut file = pcm(16_000, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
            let at = at % file.len();
            file[at] = byte;
            let _ = read(&file);
        }
    }
}
