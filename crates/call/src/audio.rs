//! Telephone audio: 8000 Hz, mono, G.711 μ-law, in frames of 20 ms.
#![warn(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless
)]

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
    if bits & 0x80 != 0 {
        -magnitude
    } else {
        magnitude
    }
}
