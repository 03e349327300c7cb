//! The voice with its real net.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ends;
mod golden;
mod hostile;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use redial_hibari::{Flow, SynthesisError, Voice};
use redial_phonemes::Phonemizer;
use rten::ThreadPool;

static VOICE: LazyLock<Voice> = LazyLock::new(|| Voice::load(&models()).unwrap());
static PHONEMIZER: LazyLock<Phonemizer> = LazyLock::new(|| Phonemizer::load(&models()).unwrap());
static THREADS: LazyLock<Arc<ThreadPool>> = LazyLock::new(|| Arc::new(ThreadPool::with_num_threads(1)));

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/hibari")
}

fn ids(text: &str) -> Vec<i32> {
    PHONEMIZER.ids(&PHONEMIZER.phonemes(text))
}

/// All samples of a sentence.
fn speak(ids: &[i32], speed: f32) -> Result<Vec<f32>, SynthesisError> {
    let mut samples = Vec::new();
    VOICE.synthesize(ids, speed, Some(&THREADS), |block| {
        samples.extend_from_slice(block);
        Flow::Continue
    })?;
    Ok(samples)
}

/// The level of a stretch, in dBFS.
fn level_db(samples: &[f32]) -> f32 {
    10.0 * (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32 + 1e-12).log10()
}
