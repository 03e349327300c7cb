//! The offline ears and voice, loaded together. The voice has threads of its own, so that it never waits behind recognition.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use redial_provider::BoxError;
use redial_provider::stt::Stt;
use redial_provider::tts::Tts;
#[cfg(feature = "hibari")]
use redial_provider::tts::fallback::Fallback;

use super::pool::WorkerPool;
use super::turn_end::TurnEnd;
use super::vad::silero::Silero;
use crate::flite::Flite;
#[cfg(feature = "hibari")]
use crate::hibari::Hibari;
use crate::joined::joined;
use crate::meaning::Meaning;
use crate::moonshine::Moonshine;
use crate::voice::{VoiceConfig, VoiceName};

/// Threads for voices. A sentence takes one of them about 30 ms, so two serve dozens of calls.
const VOICE_THREADS: usize = 2;
/// Sentences that may wait for a thread: the last of them for about a second.
const VOICE_WAITING: usize = 64;

/// The offline models.
pub struct LocalSpeech {
    /// Speech to text.
    pub stt: Arc<dyn Stt>,
    /// Text to speech.
    pub tts: Arc<dyn Tts>,
    /// Voice activity.
    pub vad: Arc<Silero>,
    /// What callers mean.
    pub meaning: Arc<Meaning>,
}

impl LocalSpeech {
    /// Loads the models side by side; some 300 ms of CPU, over two cores half of that, so not on an async thread.
    ///
    /// # Errors
    /// Names the file that is missing or wrong. A voice whose files are is only warned of: the one in the binary speaks instead.
    pub fn load(models_dir: &Path, voice: VoiceConfig) -> Result<Self, BoxError> {
        let pool = Arc::new(WorkerPool::sized_to_cores()?);
        let (ears, turn_end, voice, vad, meaning) = thread::scope(|scope| {
            let meaning = scope.spawn(|| Meaning::load(models_dir, Arc::clone(&pool)));
            let turn_end = scope.spawn(|| TurnEnd::load(models_dir));
            let voice = scope.spawn(|| load_voice(models_dir, voice));
            let vad = scope.spawn(|| Silero::load(models_dir));
            let ears = Moonshine::load(models_dir, Arc::clone(&pool));
            (ears, joined(turn_end), joined(voice), joined(vad), joined(meaning))
        });
        // Of several that are missing, the same one is named each time.
        let vad = Arc::new(vad?);
        let stt = Arc::new(ears?.with_turn_end(turn_end?));
        Ok(Self { stt, tts: voice?, vad, meaning: Arc::new(meaning?) })
    }
}

/// The voice that is asked for, and behind it the one in the binary.
///
/// # Errors
/// When the system gives no thread, or the binary is damaged.
#[cfg_attr(not(feature = "hibari"), allow(unused_variables, reason = "flite has no files"))]
pub fn load_voice(models_dir: &Path, voice: VoiceConfig) -> Result<Arc<dyn Tts>, BoxError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let pool = Arc::new(WorkerPool::new(cores.min(VOICE_THREADS), VOICE_WAITING)?);
    let plain = Arc::new(Flite::at_speed(voice.speed, Arc::clone(&pool))?);
    match voice.name {
        VoiceName::Flite => Ok(plain),
        #[cfg(feature = "hibari")]
        VoiceName::Hibari => Ok(match Hibari::load(models_dir, voice.speed, pool) {
            Ok(natural) => Arc::new(Fallback::new(Arc::new(natural), [plain as Arc<dyn Tts>])),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the hibari voice cannot be loaded; the plain one of the binary speaks"
                );
                plain
            }
        }),
    }
}

#[cfg(all(test, feature = "hibari"))]
mod tests {
    use futures_util::TryStreamExt;
    use redial_call::Frame;
    use redial_call::audio::FRAME_BYTES;
    use redial_provider::{conformance, tts};

    use super::*;
    use crate::models::DEFAULT_FOLDER;

    async fn frames(voice: &Arc<dyn Tts>) -> usize {
        tts::say(voice.as_ref(), "Hello, who is calling?")
            .try_fold(0, async |count, _| Ok(count + 1))
            .await
            .expect("it speaks")
    }

    fn models() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DEFAULT_FOLDER)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_offline_ears_and_voices_do_what_every_guest_does() {
        let local = LocalSpeech::load(&models(), VoiceConfig::default()).unwrap();
        conformance::tts::check(local.tts.as_ref()).await;
        let plain = VoiceConfig { name: VoiceName::Flite, speed: 1.0 };
        conformance::tts::check(load_voice(&models(), plain).unwrap().as_ref()).await;
        let said = models().join("../fixtures/audio/synthetic/hibari_appt.wav");
        let ulaw = crate::wav::read(&std::fs::read(said).unwrap()).unwrap();
        let speech: Vec<Frame> = ulaw.chunks(FRAME_BYTES).map(Frame::padded).collect();
        conformance::stt::check(local.stt.as_ref(), &speech).await;
    }

    #[tokio::test]
    async fn a_voice_whose_files_are_missing_is_replaced_by_the_plain_one() {
        let plain = VoiceConfig { name: VoiceName::Flite, speed: 1.0 };
        let nowhere = tempfile::tempdir().unwrap();
        let [natural, replaced, plain] = [
            load_voice(&models(), VoiceConfig::default()).unwrap(),
            load_voice(nowhere.path(), VoiceConfig::default()).unwrap(),
            load_voice(nowhere.path(), plain).unwrap(),
        ];
        let (natural, replaced, plain) = (frames(&natural).await, frames(&replaced).await, frames(&plain).await);
        assert_eq!(replaced, plain);
        assert_ne!(natural, plain);
    }
}
