//! Telephone audio: 8000 Hz, mono, G.711 μ-law, in frames of 20 ms.
#![warn(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss, clippy::cast_lossless)]

use std::fmt;
use std::time::Duration;

/// Samples a second on a telephone line, in Hz. One μ-law sample is one byte.
pub const SAMPLE_RATE_HZ: u32 = 8000;
/// Bytes (and samples) in one [`Frame`].
pub const FRAME_BYTES: usize = 160;
/// Length of one [`Frame`].
pub const FRAME_DURATION: Duration = Duration::from_millis(20);
/// The μ-law byte of digital silence (+0).
pub const SILENCE: u8 = 0xff;

/// 20 ms of μ-law audio: 160 bytes at 8000 Hz, mono.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame([u8; FRAME_BYTES]);

impl Frame {
    /// A frame of digital silence.
    pub const SILENT: Self = Self([SILENCE; FRAME_BYTES]);

    /// A frame of exactly 160 μ-law bytes.
    pub const fn new(ulaw: [u8; FRAME_BYTES]) -> Self {
        Self(ulaw)
    }

    /// A frame of at most 160 μ-law bytes, filled up with silence; longer input is cut.
    pub fn padded(ulaw: &[u8]) -> Self {
        let mut bytes = [SILENCE; FRAME_BYTES];
        let len = ulaw.len().min(FRAME_BYTES);
        bytes[..len].copy_from_slice(&ulaw[..len]);
        Self(bytes)
    }

    /// The μ-law bytes.
    pub const fn as_bytes(&self) -> &[u8; FRAME_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({FRAME_BYTES} B)")
    }
}

/// How long `bytes` of μ-law audio play.
pub const fn duration_of(bytes: u64) -> Duration {
    Duration::from_micros(bytes * (1_000_000 / SAMPLE_RATE_HZ as u64))
}

/// How many bytes of μ-law audio play in `time`, rounded down.
pub fn bytes_in(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX) / (1_000_000 / u64::from(SAMPLE_RATE_HZ))
}

/// Decodes one μ-law byte to a 16-bit sample (ITU-T G.711).
#[inline]
pub const fn decode(ulaw: u8) -> i16 {
    DECODED[ulaw as usize]
}

/// Encodes one 16-bit sample as μ-law, sign and magnitude apart (ITU-T G.711).
///
/// Encoders in use differ by one step on some negative samples; this one treats both signs alike.
#[inline]
pub const fn encode(sample: i16) -> u8 {
    let sign: u8 = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    // 32635 is the largest magnitude that the bias of 132 leaves within 15 bits.
    let biased = (if magnitude > 32635 { 32635 } else { magnitude }) + 0x84;
    // `biased` is 132..=32767, so its highest set bit is 7..=14 and the exponent 0..=7.
    let exponent = 8 - biased.leading_zeros();
    let mantissa = (biased >> (exponent + 3)) & 0x0f;
    #[expect(clippy::cast_possible_truncation, reason = "three bits and four bits")]
    let code = sign | ((exponent as u8) << 4) | mantissa as u8;
    !code
}

const DECODED: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte: u8 = 0;
    loop {
        table[byte as usize] = expand(byte);
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

const fn expand(ulaw: u8) -> i16 {
    let bits = !ulaw;
    let exponent = (bits >> 4) & 7;
    let mantissa = (bits & 0x0f) as i16;
    let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    if bits & 0x80 != 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn sha256(bytes: impl AsRef<[u8]>) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn all_bytes_decode_as_the_reference_does() {
        let listed = [
            (0x00, -32124),
            (0x0f, -16764),
            (0x1e, -8828),
            (0x2f, -4092),
            (0x55, -716),
            (0x70, -120),
            (0x7e, -8),
            (0x7f, 0),
            (0x80, 32124),
            (0x8f, 16764),
            (0x9a, 10876),
            (0xaf, 4092),
            (0xce, 988),
            (0xd5, 716),
            (0xe0, 372),
            (0xf0, 120),
            (0xfe, 8),
            (0xff, 0),
        ];
        for (byte, sample) in listed {
            assert_eq!(decode(byte), sample, "{byte:02x}");
        }
        let all: Vec<u8> = (0..=u8::MAX).flat_map(|byte| decode(byte).to_le_bytes()).collect();
        assert_eq!(sha256(all), "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827");
    }

    #[test]
    fn all_samples_encode_as_the_reference_for_sign_and_magnitude_does() {
        let listed = [
            (0, 0xff),
            (4, 0xfe),
            (8, 0xfe),
            (100, 0xf2),
            (1000, 0xce),
            (8031, 0xa0),
            (12345, 0x97),
            (32767, 0x80),
            (-8, 0x7e),
            (-1000, 0x4e),
            (-12345, 0x17),
            (-32768, 0x00),
            // The three on which encoders in use differ.
            (-1, 0x7f),
            (-4, 0x7e),
            (-100, 0x72),
        ];
        for (sample, byte) in listed {
            assert_eq!(encode(sample), byte, "{sample}");
        }
        let all: Vec<u8> = (i16::MIN..=i16::MAX).map(encode).collect();
        assert_eq!(sha256(all), "5ee7cf5f273f842d2234121e4cb0c98d6b20a99ac29026f94e05b36955b195be");
    }

    #[test]
    fn every_byte_but_negative_zero_survives_the_round_trip() {
        for byte in 0..=u8::MAX {
            let expected = if byte == 0x7f { SILENCE } else { byte };
            assert_eq!(encode(decode(byte)), expected);
        }
    }

    #[test]
    fn a_frame_is_filled_up_with_silence_or_cut() {
        assert_eq!(Frame::padded(&[]), Frame::SILENT);
        let short = Frame::padded(&[1, 2]);
        assert_eq!(short.as_bytes()[..3], [1, 2, SILENCE]);
        assert_eq!(Frame::padded(&[7; 500]), Frame::new([7; FRAME_BYTES]));
        assert_eq!(format!("{short:?}"), "Frame(160 B)");
    }

    #[test]
    fn bytes_and_time_are_the_same_measure() {
        assert_eq!(duration_of(FRAME_BYTES as u64), FRAME_DURATION);
        assert_eq!(bytes_in(FRAME_DURATION), FRAME_BYTES as u64);
        assert_eq!(duration_of(1), Duration::from_micros(125));
        assert_eq!(bytes_in(Duration::from_micros(249)), 1);
        assert_eq!(bytes_in(Duration::MAX), u64::MAX / 125);
    }

    proptest! {
        #[test]
        fn a_sample_comes_back_within_half_a_step(sample in any::<i16>()) {
            let back = i32::from(decode(encode(sample)));
            let clipped = i32::from(sample).clamp(-32635, 32635);
            // A step is 8 at the quietest and doubles with each of the eight segments.
            let magnitude = clipped.unsigned_abs() + 0x84;
            let half_step = 1_i32 << (magnitude.ilog2() - 5);
            prop_assert!((back - clipped).abs() <= half_step, "{} came back as {}", sample, back);
            prop_assert!(back.signum() * clipped.signum() >= 0);
        }

        #[test]
        fn a_louder_sample_is_not_decoded_quieter(a in any::<i16>(), b in any::<i16>()) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(decode(encode(low)) <= decode(encode(high)));
        }
    }
}
