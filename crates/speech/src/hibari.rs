//! The offline voice: a net that sounds like a person, on threads of its own.

use std::path::Path;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use redial_call::audio::FRAME_BYTES;
use redial_call::{Frame, TurnId};
use redial_hibari::{Flow, SynthesisError, Voice};
use redial_phonemes::Phonemizer;
use redial_provider::tts::{Spoken, Tts, VoiceContext, VoiceSession};
use redial_provider::{BoxError, ProviderError};
use tokio::sync::mpsc;

use super::{level, text};
use crate::models::{self, ModelError};
use crate::pool::{Job, Worker, WorkerPool};

/// The folder below that of the models.
const FOLDER: &str = "hibari";
const NET: &str = "hibari/hibari.onnx";
/// What the text front end reads.
const FRONT_END: [&str; 8] = [
    "hibari/normalize.json",
    "hibari/tokenizer_exceptions.json",
    "hibari/tagger.json.gz",
    "hibari/lexicon_us_gold.json.gz",
    "hibari/lexicon_us_silver.json.gz",
    "hibari/oov.json",
    "hibari/oov.onnx",
    "hibari/vocab.json",
];
/// The voice's sentences peak between -12.5 and -6.5 dBFS, -9.8 in the middle, and all speak at -26 dBFS (our measurement, over those of
/// `tests/it/speech.rs`); this puts their peaks at -6 dBFS in the middle. Those above are bent.
const GAIN: f32 = 1.5;
/// Frames that may wait for the listener: 10 s of speech, more than nearly all sentences have. A job thus hardly ever waits for one that is
/// slow, while others' jobs wait for its thread.
const FRAMES_WAITING: usize = 512;

/// Speaks US English with a woman's voice. Cheap to clone; all clones share the nets and dictionaries (about 100 MB).
///
/// Numbers, times, money and telephone numbers are read as people read them. Emoji, other scripts and Markdown's signs are left out. Sentences are made
/// one at a time on a [`WorkerPool`]; the first frames of one are there after some 25 ms, when its net has run, the others within 2 ms.
/// Give it a pool of its own, or speech waits behind recognition.
#[derive(Clone)]
pub struct Hibari {
    parts: Arc<Parts>,
    pool: Arc<WorkerPool>,
}

struct Parts {
    phonemizer: Phonemizer,
    voice: Voice,
    speed: f32,
}

impl Hibari {
    /// Loads the voice from the models' folder, to speak at `speed` times its own pace. Blocks for some 200 ms.
    ///
    /// # Errors
    /// When a file is missing, or not the one of this build.
    pub fn load(folder: &Path, speed: f32, pool: Arc<WorkerPool>) -> Result<Self, ModelError> {
        for file in FRONT_END {
            models::load(folder, file)?;
        }
        let rejected = |file: &str, source: BoxError| ModelError::Rejected { file: file.to_owned(), source };
        let voice = Voice::from_bytes(models::load(folder, NET)?).map_err(|error| rejected(NET, error.into()))?;
        let phonemizer = Phonemizer::load(&folder.join(FOLDER)).map_err(|error| rejected(FOLDER, error.into()))?;
        Ok(Self { parts: Arc::new(Parts { phonemizer, voice, speed }), pool })
    }

    /// What is read of a text, a string of phonemes for each sentence.
    pub fn phonemes(&self, text: &str) -> Vec<String> {
        let sentences = text::sentences(&text::unmarked(text));
        sentences.iter().map(|sentence| self.parts.phonemizer.phonemes(sentence)).collect()
    }

    /// Has a sentence spoken.
    fn start(&self, sentence: String) -> Result<Running, ProviderError> {
        let (sender, frames) = mpsc::channel(FRAMES_WAITING);
        let parts = Arc::clone(&self.parts);
        let job = self.pool.submit(move |worker| parts.render(&sentence, worker, &sender))?;
        Ok(Running { frames, job })
    }
}

impl Tts for Hibari {
    fn open(&self, _: &VoiceContext) -> Box<dyn VoiceSession> {
        Box::new(self.clone())
    }
}

impl VoiceSession for Hibari {
    fn speak(&mut self, _: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        let left = text::sentences(&text::unmarked(text)).into_iter();
        let speech = Speech { voice: self.clone(), left, running: None };
        stream::try_unfold(speech, Speech::next).map_ok(Spoken::Audio).boxed()
    }
}

impl Parts {
    /// Speaks a sentence to `frames`, until it is over or nobody listens.
    fn render(&self, sentence: &str, worker: &Worker<'_>, frames: &mpsc::Sender<Frame>) -> Result<(), SynthesisError> {
        let ids = self.phonemizer.ids(&self.phonemizer.phonemes(sentence));
        let mut ulaw = Vec::with_capacity(2 * FRAME_BYTES);
        self.voice.synthesize(&ids, self.speed, Some(worker.rten()), |samples| {
            ulaw.extend(samples.iter().map(|sample| level::encode(GAIN * sample)));
            let (whole, _) = ulaw.as_chunks::<FRAME_BYTES>();
            let sent = whole.iter().all(|frame| frames.blocking_send(Frame::new(*frame)).is_ok());
            let whole = whole.len() * FRAME_BYTES;
            ulaw.drain(..whole);
            if sent { Flow::Continue } else { Flow::Stop }
        })?;
        if !ulaw.is_empty() {
            // Nobody listens any more: then nothing is lost.
            let _ = frames.blocking_send(Frame::padded(&ulaw));
        }
        Ok(())
    }
}

/// A text that is being spoken.
struct Speech {
    voice: Hibari,
    left: std::vec::IntoIter<String>,
    running: Option<Running>,
}

/// A sentence that is being spoken.
struct Running {
    frames: mpsc::Receiver<Frame>,
    job: Job<Result<(), SynthesisError>>,
}

impl Speech {
    async fn next(mut self) -> Result<Option<(Frame, Self)>, ProviderError> {
        loop {
            if let Some(mut running) = self.running.take() {
                if let Some(frame) = running.frames.recv().await {
                    self.running = Some(running);
                    return Ok(Some((frame, self)));
                }
                running.job.await?.map_err(|error| ProviderError::Other(error.into()))?;
            }
            let Some(sentence) = self.left.next() else {
                return Ok(None);
            };
            self.running = Some(self.voice.start(sentence)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use redial_call::audio;
    use redial_provider::tts::say;

    use super::*;
    use crate::models::DEFAULT_FOLDER;

    fn models() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DEFAULT_FOLDER)
    }

    fn voice(speed: f32) -> Hibari {
        Hibari::load(&models(), speed, Arc::new(WorkerPool::new(1, 8).unwrap())).unwrap()
    }

    async fn speak(voice: &Hibari, text: &str) -> Vec<i16> {
        let frames: Vec<Frame> = say(voice, text).try_collect().await.unwrap();
        frames.iter().flat_map(|frame| frame.as_bytes().map(audio::decode)).collect()
    }

    #[tokio::test]
    async fn sentences_are_spoken_at_the_line_s_level_and_begin_and_end_in_silence() {
        let voice = voice(1.0);
        for text in [
            "Hello, you have reached the office of Doctor Parker.",
            "What time do you close on Saturday?",
            "Your number is 555-0142.",
            "Oh no! That is all wrong, we are so sorry about that.",
            "Thank you for calling. Goodbye.",
        ] {
            let samples = speak(&voice, text).await;
            let peak = samples.iter().map(|sample| f32::from(sample.unsigned_abs() as i16)).fold(0.0, f32::max);
            let peak_db = 20.0 * (peak / 32768.0).log10();
            assert!((-9.5..-3.0).contains(&peak_db), "{text}: {peak_db} dBFS");
            let ends = samples[..8].iter().chain(&samples[samples.len() - 800..]);
            assert!(ends.into_iter().all(|sample| sample.abs() < 300), "{text}: clicks");
            let per_char_ms = samples.len() / 8 / text.len();
            assert!((40..140).contains(&per_char_ms), "{text}: {per_char_ms} ms a character");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_said_is_left_out() {
        let voice = voice(1.0);
        for nothing in ["", " 👋 … ** ", "您好"] {
            assert!(speak(&voice, nothing).await.is_empty(), "{nothing}");
        }
        assert_eq!(speak(&voice, "**Hello** 👋").await, speak(&voice, "Hello").await);
        assert_eq!(voice.phonemes("# Hello\n👋\n**Goodbye!**"), ["həlˈO", "ɡˌʊdbˈI!"]);
    }

    #[tokio::test]
    async fn sentences_follow_each_other_and_a_slow_voice_takes_longer() {
        let own = voice(1.0);
        let [first, second] = ["That is the first one.", "This is the other."];
        let both = speak(&own, &format!("{first} {second}")).await;
        assert_eq!(both, [speak(&own, first).await, speak(&own, second).await].concat());
        assert!(speak(&voice(0.7), first).await.len() * 10 > speak(&own, first).await.len() * 12);
    }

    #[tokio::test]
    async fn frames_come_before_the_sentence_is_made_and_a_dropped_stream_leaves_its_thread_free() {
        let voice = voice(1.0);
        for _ in 0..5 {
            let mut speech = say(&voice, "This sentence is dropped. So is this one, which nobody hears.");
            assert!(speech.next().await.is_some());
        }
        let began = std::time::Instant::now();
        assert!(!speak(&voice, "Still here.").await.is_empty());
        assert!(began.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn a_file_that_is_missing_is_named_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Arc::new(WorkerPool::new(1, 8).unwrap());
        let error = Hibari::load(folder.path(), 1.0, Arc::clone(&pool)).err().unwrap().to_string();
        assert!(error.contains("hibari/normalize.json") && error.contains("copy"), "{error}");
        std::fs::create_dir(folder.path().join(FOLDER)).unwrap();
        for file in FRONT_END.into_iter().chain([NET]) {
            std::fs::copy(models().join(file), folder.path().join(file)).unwrap();
        }
        std::fs::write(folder.path().join(NET), b"version https://git-lfs").unwrap();
        let error = Hibari::load(folder.path(), 1.0, pool).err().unwrap().to_string();
        assert!(error.contains("hibari.onnx") && error.contains("restore"), "{error}");
    }
}
