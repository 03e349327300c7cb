//! The soft tone that tells a caller that the line is alive while an answer is late.

use std::f32::consts::TAU;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use redial_call::Frame;
use redial_call::audio::{self, FRAME_BYTES, SAMPLE_RATE_HZ};
use redial_provider::ProviderError;

/// The A above middle C: nothing that a telephone network uses as a signal.
const HZ: f32 = 440.0;
/// -30 dBFS: some 20 dB below speech.
const LEVEL: f32 = 0.032;
/// 240 ms.
const SAMPLES: usize = SAMPLE_RATE_HZ as usize * 240 / 1000;
/// It swells and fades for 80 ms each, so that it neither clicks nor startles.
const SWELL: usize = SAMPLE_RATE_HZ as usize * 80 / 1000;

/// One tone of 240 ms.
pub fn soft() -> BoxStream<'static, Result<Frame, ProviderError>> {
    let ulaw: Vec<u8> = (0..SAMPLES).map(sample).map(|sample| audio::encode((sample * 32_767.0) as i16)).collect();
    let frames: Vec<_> = ulaw.chunks(FRAME_BYTES).map(|chunk| Ok(Frame::padded(chunk))).collect();
    stream::iter(frames).boxed()
}

fn sample(at: usize) -> f32 {
    let edge = at.min(SAMPLES - 1 - at).min(SWELL) as f32 / SWELL as f32;
    LEVEL * edge * (TAU * HZ * at as f32 / SAMPLE_RATE_HZ as f32).sin()
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn the_tone_is_soft_and_begins_and_ends_in_silence() {
        let frames: Vec<Frame> = soft().try_collect().await.unwrap();
        let samples: Vec<i16> = frames.iter().flat_map(|frame| frame.as_bytes().map(audio::decode)).collect();
        assert_eq!(samples.len(), SAMPLES);
        assert!(samples.iter().all(|sample| sample.abs() < 1100));
        assert!(samples.iter().any(|sample| sample.abs() > 900));
        assert!(samples[..4].iter().chain(&samples[SAMPLES - 4..]).all(|sample| sample.abs() < 60));
    }
}
