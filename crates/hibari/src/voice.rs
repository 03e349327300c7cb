//! The voice as a whole.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rten::ThreadPool;

use crate::ends::Ends;
use crate::net::Net;
use crate::noise::Noise;
use crate::pieces::pieces;
use crate::vocoder::Vocoder;
use crate::{LoadError, SynthesisError};

/// The net's file in the voice's folder.
const NET: &str = "hibari.onnx";
/// The slowest and fastest speech, as a share of the voice's own pace. The net knows no other.
const SPEEDS: (f32, f32) = (0.5, 2.0);

/// Whether the listener wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// No more: nothing further is computed.
    Stop,
}

/// Speaks US English with a woman's voice.
///
/// Immutable once loaded (about 20 MB): share one behind an `Arc` between all threads.
pub struct Voice {
    net: Net,
    vocoder: Vocoder,
}

impl Voice {
    /// Reads the net, `hibari.onnx`, from the voice's folder. Blocks for some 30 ms.
    ///
    /// # Errors
    /// When the file cannot be read, or is not the voice's net.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let file = dir.join(NET);
        let onnx = fs::read(&file).map_err(|source| LoadError::Read { file, source })?;
        Self::from_bytes(onnx)
    }

    /// Takes the net as the bytes of its ONNX file.
    ///
    /// # Errors
    /// When they are not the voice's net.
    pub fn from_bytes(onnx: Vec<u8>) -> Result<Self, LoadError> {
        Ok(Self { net: Net::new(onnx)?, vocoder: Vocoder::new() })
    }

    /// Speaks a sentence: samples at 8000 Hz, full scale 1.0, are handed to `emit` in blocks of 12.5 ms and more, as soon as they
    /// are made. The first comes once the net has run (some 25 ms for a sentence of 4 s), the others within 2 ms.
    ///
    /// `ids` are the numbers of the sentence's phonemes, with or without the edges. More than 200 are cut at a comma or a space and
    /// spoken piece by piece. Speech begins after 62.5 ms and is followed by a pause: 200 ms after a point or a
    /// question mark, 120 ms after anything else. Where there is nothing to say, `emit` is not called.
    ///
    /// A `speed` of 1.0 is the voice's own pace, 1.2 a fifth faster; it is held between 0.5 and 2.0. `threads`
    /// are what the net runs on; without them, the engine's own, one for each core.
    ///
    /// # Errors
    /// When the net fails, as it does for numbers that are no phonemes. What was emitted by then stands.
    pub fn synthesize(
        &self,
        ids: &[i32],
        speed: f32,
        threads: Option<&Arc<ThreadPool>>,
        mut emit: impl FnMut(&[f32]) -> Flow,
    ) -> Result<(), SynthesisError> {
        let speed = if speed.is_nan() { 1.0 } else { speed.clamp(SPEEDS.0, SPEEDS.1) };
        let mut noise = Noise::new();
        for (piece, pause) in pieces(ids) {
            let planes = self.net.run(&piece, speed, threads)?;
            let mut ends = Ends::new();
            let mut flow = self.vocoder.speak(&planes, &mut noise, |hop| ends.push(hop, &mut emit));
            if let Flow::Continue = flow {
                flow = ends.finish(pause, &mut emit);
            }
            if let Flow::Stop = flow {
                break;
            }
        }
        Ok(())
    }
}
