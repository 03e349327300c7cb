//! The verdict of the voice itself on a pause: Smart Turn, on the worker threads.

use std::path::Path;

use redial_call::audio;
use redial_provider::ProviderError;
use redial_smart_turn::SmartTurn;

use super::models::{self, ModelError};
use super::pool::Worker;

const FILE: &str = "smart-turn/smart_turn_w8.onnx";

/// The latest audio that counts: 8 s, one byte a sample.
pub(crate) const LATEST: usize = 8 * audio::SAMPLE_RATE_HZ as usize;

/// Judges pauses. Shared by all calls; about 45 MB in memory.
pub struct TurnEnd(SmartTurn);

impl TurnEnd {
    /// Loads the net from the models' folder.
    ///
    /// # Errors
    /// When the file is missing, or not the one of this build.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let net = SmartTurn::load(models::load(folder, FILE)?);
        net.map(Self).map_err(|error| ModelError::Rejected { file: FILE.to_owned(), source: error.into() })
    }

    /// How likely the caller has finished, in percent, from speech (μ-law) that ends with the pause. Takes some 85 ms, and
    /// cannot be broken off.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn percent(&self, ulaw: &[u8], worker: &Worker<'_>) -> Result<u8, ProviderError> {
        let latest = &ulaw[ulaw.len().saturating_sub(LATEST)..];
        let samples: Vec<f32> = latest.iter().map(|&byte| f32::from(audio::decode(byte)) / 32768.0).collect();
        self.0.percent(&samples, worker.rten()).map_err(|error| ProviderError::Other(error.into()))
    }
}
