//! The voice in the binary: a diphone synthesiser, plain but always there.

use std::sync::Arc;

use flite_rs::{Engine, Flow};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use redial_call::audio::{FRAME_BYTES, SAMPLE_RATE_HZ};
use redial_call::{Frame, TurnId};
use redial_provider::tts::{Spoken, Tts, VoiceContext, VoiceSession};
use redial_provider::{BoxError, ProviderError};

use super::{level, text};
use crate::pool::{Worker, WorkerPool};
use crate::resample::Decimator;

/// The 16 kHz recordings: decimated they sound fuller than the 8 kHz ones, and are quicker (1.7 ms a sentence).
const VOICE: &str = "kal16";
/// The voice's sentences peak between -10.4 and -8.2 dBFS (our measurement, over those of the tests below); this puts the loudest
/// at -6 dBFS, a level at which a telephone line neither clips nor sounds faint.
const GAIN: f32 = 1.3;
/// Fade at both ends of a sentence, in samples: 5 ms, too short to be heard and long enough not to click.
const FADE: usize = SAMPLE_RATE_HZ as usize / 200;

/// Speaks US English with a male voice. Cheap to clone; all clones share the voice's data.
///
/// It speaks what has letters or digits in ASCII, or a spelling in them; what it cannot say (emoji, other scripts, Markdown's signs) it leaves out. Sentences are
/// made one at a time on a [`WorkerPool`], about 2 ms each; give it a pool of its own, or speech waits behind
/// recognition.
#[derive(Clone)]
pub struct Flite {
    engine: Arc<Engine>,
    pool: Arc<WorkerPool>,
}

impl Flite {
    /// Unpacks the voice. Blocks for a few ms.
    ///
    /// # Errors
    /// When the data in the binary is damaged.
    pub fn new(pool: Arc<WorkerPool>) -> Result<Self, BoxError> {
        Self::at_speed(1.0, pool)
    }

    /// The same, speaking at `speed` times the voice's own pace.
    ///
    /// # Errors
    /// When the data in the binary is damaged.
    pub fn at_speed(speed: f32, pool: Arc<WorkerPool>) -> Result<Self, BoxError> {
        let mut engine = Engine::try_new()?;
        if !engine.select_voice(VOICE) {
            return Err(format!("the voice `{VOICE}` is not in this build").into());
        }
        engine.set_duration_stretch(speed.recip());
        Ok(Self { engine: Arc::new(engine), pool })
    }

    /// Speaks the next sentence.
    async fn next(
        self,
        mut left: std::vec::IntoIter<String>,
    ) -> Result<Option<(Vec<Frame>, std::vec::IntoIter<String>)>, ProviderError> {
        let Some(sentence) = left.next() else {
            return Ok(None);
        };
        let engine = self.engine;
        let frames = self.pool.submit(move |worker| render(&engine, &sentence, worker))?.await?;
        Ok(Some((frames, left)))
    }
}

impl Tts for Flite {
    fn open(&self, _: &VoiceContext) -> Box<dyn VoiceSession> {
        Box::new(self.clone())
    }
}

impl VoiceSession for Flite {
    fn speak(&mut self, _: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        let sentences = text::sentences(&text::sayable(text));
        let voice = self.clone();
        stream::try_unfold(sentences.into_iter(), move |left| voice.clone().next(left))
            .map_ok(|frames| stream::iter(frames.into_iter().map(|frame| Ok(Spoken::Audio(frame)))))
            .try_flatten()
            .boxed()
    }
}

/// One sentence as frames; what was made so far when the work is cancelled.
fn render(engine: &Engine, sentence: &str, worker: &Worker<'_>) -> Vec<Frame> {
    let factor = usize::try_from(engine.sample_rate() / SAMPLE_RATE_HZ).unwrap_or(1);
    let mut decimator = Decimator::new(factor);
    let mut wide = Vec::new();
    let mut line = Vec::new();
    engine.synthesize_streaming(sentence, |period| {
        wide.clear();
        wide.extend(period.iter().map(|&sample| GAIN / 32768.0 * f32::from(sample)));
        decimator.push(&wide, &mut line);
        if worker.is_cancelled() { Flow::Stop } else { Flow::Continue }
    });
    decimator.finish(&mut line);
    fade(&mut line);
    let ulaw: Vec<u8> = line.into_iter().map(level::encode).collect();
    ulaw.chunks(FRAME_BYTES).map(Frame::padded).collect()
}

fn fade(samples: &mut [f32]) {
    let len = FADE.min(samples.len());
    let gain = |at: usize| at as f32 / FADE as f32;
    for (at, sample) in samples[..len].iter_mut().enumerate() {
        *sample *= gain(at);
    }
    for (at, sample) in samples.iter_mut().rev().take(len).enumerate() {
        *sample *= gain(at);
    }
}

#[cfg(test)]
mod tests {
    use redial_call::audio;
    use redial_provider::tts::say;

    use super::*;

    fn voice() -> Flite {
        Flite::new(Arc::new(WorkerPool::new(1, 8).unwrap())).unwrap()
    }

    async fn speak(voice: &Flite, text: &str) -> Vec<i16> {
        let frames: Vec<Frame> = say(voice, text).try_collect().await.unwrap();
        frames.iter().flat_map(|frame| frame.as_bytes().map(audio::decode)).collect()
    }

    #[tokio::test]
    async fn sentences_are_spoken_at_the_line_s_level_and_begin_and_end_in_silence() {
        let voice = voice();
        let mut loudest = f32::MIN;
        for text in [
            "Hello, you have reached the office of Doctor Parker.",
            "What time do you close on Saturday?",
            "Your number is five five five, zero one four two.",
            "Oh no! That is all wrong, we are so sorry about that.",
            "Thank you for calling. Goodbye.",
        ] {
            let samples = speak(&voice, text).await;
            let peak = samples.iter().map(|sample| f32::from(sample.unsigned_abs() as i16)).fold(0.0, f32::max);
            let peak_db = 20.0 * (peak / 32768.0).log10();
            assert!((-9.0..-5.0).contains(&peak_db), "{text}: {peak_db} dBFS");
            loudest = loudest.max(peak_db);
            assert!(samples[..8].iter().chain(samples.last()).all(|sample| sample.abs() < 300), "{text}: clicks");
            let per_char_ms = samples.len() / 8 / text.len();
            assert!((40..140).contains(&per_char_ms), "{text}: {per_char_ms} ms a character");
        }
        assert!((-7.0..-5.0).contains(&loudest), "{loudest} dBFS");
    }

    #[tokio::test]
    async fn what_cannot_be_said_is_left_out() {
        let voice = voice();
        assert!(speak(&voice, "").await.is_empty());
        assert!(speak(&voice, " 👋 … 您好 ** ").await.is_empty());
        assert_eq!(speak(&voice, "**Hello** 👋").await, speak(&voice, "Hello").await);
    }

    #[tokio::test]
    async fn a_dropped_stream_leaves_its_thread_free() {
        let voice = voice();
        for _ in 0..20 {
            let mut speech = say(&voice, "This sentence is dropped. So is this one.");
            assert!(speech.next().await.is_some());
        }
        assert!(!speak(&voice, "Still here.").await.is_empty());
    }
}
