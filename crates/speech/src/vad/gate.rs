//! A cheap look at a frame's energy, which lets the net sleep on a quiet line.
//!
//! It may be wrong in one direction only. Noise that wakes the net costs some µs; speech that does not wake it would be lost.
//! So it asks for little: 5 dB more than the noise that the line has had of late.

use redial_call::Frame;
use redial_call::audio::{self, FRAME_BYTES};

/// Energy (mean square of 16-bit samples) below which a frame is quiet whatever the noise: 16 steps of amplitude, -66 dBFS.
/// Speech on a telephone line is at -45 to -10 dBFS; the lowest that μ-law can tell from silence is 8 steps.
const SILENCE: f32 = 16.0 * 16.0;
/// How far above the noise a frame is heard: 5 dB. Single frames of a steady noise differ from its mean by 1 to 2 dB.
const ABOVE_NOISE: f32 = 3.0;
/// How fast the estimate of the noise rises: 3 dB a second, so that speech does not pass for noise before its next pause.
const RISE: f32 = 1.013_91;
/// How long the gate stays open after the last frame that was heard: 400 ms, in frames. Gaps within words and between them
/// are shorter.
const HOLD: u32 = 20;

/// Tells a quiet line from one that may hold speech.
pub(super) struct Gate {
    /// The noise's energy: falls to any quieter frame at once, rises slowly.
    noise: f32,
    /// Frames until it closes.
    open: u32,
}

impl Default for Gate {
    fn default() -> Self {
        // Open until the line is known.
        Self { noise: SILENCE, open: HOLD }
    }
}

impl Gate {
    /// Whether the frame, or one shortly before it, may hold speech.
    pub(super) fn hears(&mut self, frame: &Frame) -> bool {
        let energy = energy(frame.as_bytes());
        self.noise = energy.clamp(SILENCE, self.noise * RISE);
        if energy > self.limit() {
            self.open = HOLD;
        } else {
            self.open = self.open.saturating_sub(1);
        }
        self.open > 0
    }

    /// Where in a frame that was heard its sound begins, in samples: at the first 2.5 ms that are loud enough.
    pub(super) fn onset(&self, frame: &Frame) -> usize {
        const BLOCK: usize = FRAME_BYTES / 8;
        let begins = frame.as_bytes().chunks(BLOCK).position(|block| energy(block) > self.limit());
        begins.map_or(0, |block| block * BLOCK)
    }

    /// What is louder may be speech.
    fn limit(&self) -> f32 {
        // Never below `SILENCE`, as the noise is not.
        ABOVE_NOISE * self.noise
    }
}

/// Mean square of the 16-bit samples.
fn energy(ulaw: &[u8]) -> f32 {
    let sum: f32 = ulaw.iter().map(|&byte| f32::from(audio::decode(byte)).powi(2)).sum();
    sum / ulaw.len() as f32
}
