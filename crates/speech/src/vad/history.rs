//! The last frames of the line, as they came.

use redial_call::Frame;
use redial_call::audio::{self, FRAME_BYTES};

/// Frames kept: 400 ms. The net is sure of speech two windows (64 ms) after it notices it, and later still when a word
/// begins softly; the rest is for that, and for the 320 ms that it goes back when it wakes.
const FRAMES: usize = 20;
const BYTES: usize = FRAMES * FRAME_BYTES;

/// A ring of the last [`FRAMES`] frames. Samples are counted from the start of the call; those before it are silence.
pub(super) struct History {
    ring: [u8; BYTES],
    samples: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { ring: [audio::SILENCE; BYTES], samples: 0 }
    }
}

impl History {
    pub(super) fn push(&mut self, frame: &Frame) {
        let at = place(self.samples);
        self.ring[at..at + FRAME_BYTES].copy_from_slice(frame.as_bytes());
        self.samples += FRAME_BYTES as u64;
    }

    /// Samples of the call so far.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// Copies the samples before `end`, full scale 1.0. They must still be in the ring.
    pub(super) fn copy_until(&self, end: u64, out: &mut [f32]) {
        let behind = self.samples - end + out.len() as u64;
        debug_assert!(behind <= BYTES as u64, "{behind} samples ago is forgotten");
        // Before the call there was silence, which is also what an unused ring holds.
        let start = place(end + BYTES as u64 - out.len() as u64);
        let (wrapped, first) = self.ring.split_at(start);
        for (to, &byte) in out.iter_mut().zip(first.iter().chain(wrapped)) {
            *to = f32::from(audio::decode(byte)) / 32768.0;
        }
    }

    /// The frames still held that came after the first `count` of the call, oldest first.
    pub(super) fn frames_after(&self, count: u64) -> impl Iterator<Item = Frame> {
        let now = self.samples / FRAME_BYTES as u64;
        (count.max(now.saturating_sub(FRAMES as u64))..now)
            .map(|frame| Frame::padded(&self.ring[place(frame * FRAME_BYTES as u64)..][..FRAME_BYTES]))
    }
}

/// Where a sample of the call lies in the ring.
fn place(sample: u64) -> usize {
    usize::try_from(sample % BYTES as u64).expect("less than the ring's length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_frames_make_room() {
        let mut history = History::default();
        assert_eq!(history.frames_after(0).count(), 0);
        for byte in 0..50 {
            history.push(&Frame::new([byte; FRAME_BYTES]));
        }
        let kept: Vec<u8> = history.frames_after(0).map(|frame| frame.as_bytes()[0]).collect();
        assert_eq!(kept, (30..50).collect::<Vec<_>>());
        assert_eq!(history.frames_after(47).count(), 3);
        assert_eq!(history.frames_after(50).count(), 0);
    }

    #[test]
    fn samples_are_read_across_the_seam_and_are_silent_before_the_call() {
        let mut history = History::default();
        history.push(&Frame::new([audio::encode(8031); FRAME_BYTES]));
        let mut out = [1.0; 200];
        history.copy_until(160, &mut out);
        assert!(out[..40].iter().all(|&sample| sample == 0.0));
        assert!(out[40..].iter().all(|&sample| sample > 0.2));

        for byte in 0..25 {
            history.push(&Frame::new([byte; FRAME_BYTES]));
        }
        let mut out = [0.0; 320];
        history.copy_until(21 * 160, &mut out);
        assert_eq!(out[0], f32::from(audio::decode(18)) / 32768.0);
        assert_eq!(out[319], f32::from(audio::decode(19)) / 32768.0);
    }
}
