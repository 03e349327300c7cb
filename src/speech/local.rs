//! The offline ears and voice, loaded together. The voice has a thread of its own, so that it never waits behind recognition.

use std::path::Path;
use std::sync::Arc;

use super::pool::WorkerPool;
use super::stt::Stt;
use super::stt::moonshine::Moonshine;
use super::tts::Tts;
use super::tts::flite::Flite;
use super::turn_end::TurnEnd;
use super::vad::silero::Silero;
use crate::speech::BoxError;

/// The offline models.
pub struct LocalSpeech {
    /// Speech to text.
    pub stt: Arc<dyn Stt>,
    /// Text to speech.
    pub tts: Arc<dyn Tts>,
    /// Voice activity.
    pub vad: Arc<Silero>,
}

impl LocalSpeech {
    /// Loads the models; takes some 100 ms of CPU, so not on an async thread.
    ///
    /// # Errors
    /// Names the file that is missing or wrong.
    pub fn load(models_dir: &Path) -> Result<Self, BoxError> {
        let pool = Arc::new(WorkerPool::sized_to_cores()?);
        let vad = Arc::new(Silero::load(models_dir)?);
        let stt = Arc::new(Moonshine::load(models_dir, pool)?.with_turn_end(TurnEnd::load(models_dir)?));
        let tts = Arc::new(Flite::new(Arc::new(WorkerPool::new(1, 64)?))?);
        Ok(Self { stt, tts, vad })
    }
}
