//! A voice that is a tone, as long as the text.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use redial_call::audio::{self, FRAME_BYTES, FRAME_DURATION, SAMPLE_RATE_HZ};
use redial_call::{Frame, SpokenWord, TurnId};
use tokio::time::sleep;

use super::failure;
use crate::ProviderError;
use crate::tts::{Spoken, Tts, VoiceContext, VoiceSession};

/// Speaks a quiet tone, as long as the text.
#[derive(Debug, Clone)]
pub struct ScriptedTts {
    per_char_ms: u32,
    delay: Duration,
    fails_after: Option<usize>,
    tells_words: bool,
    pause: Duration,
}

impl Default for ScriptedTts {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedTts {
    /// 60 ms for each character, which is about how fast people speak; all of it at once.
    pub fn new() -> Self {
        Self { per_char_ms: 60, delay: Duration::ZERO, fails_after: None, tells_words: false, pause: Duration::ZERO }
    }

    /// Speaks each character for `ms`.
    #[must_use]
    pub fn per_char_ms(self, ms: u32) -> Self {
        Self { per_char_ms: ms, ..self }
    }

    /// Takes `delay` before the first frame.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Fails after `frames` frames, or where its speech would end if that is sooner.
    #[must_use]
    pub fn failing_after(self, frames: usize) -> Self {
        Self { fails_after: Some(frames), ..self }
    }

    /// Tells where each word ends.
    #[must_use]
    pub fn telling_words(self) -> Self {
        Self { tells_words: true, ..self }
    }

    /// Is silent for so long after the first word of each text.
    #[must_use]
    pub fn pausing(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// How long so many characters take.
    fn length(&self, chars: usize) -> Duration {
        Duration::from_millis(chars as u64 * u64::from(self.per_char_ms))
    }

    /// Where each word ends.
    fn words(&self, text: &str) -> Vec<SpokenWord> {
        let mut pause = Duration::ZERO;
        let mut chars = 0;
        let word = |word: &str| {
            chars += word.chars().count();
            let end = self.length(chars) + pause;
            chars += 1; // the space
            pause = self.pause;
            SpokenWord { text: word.to_owned(), end_ms: u32::try_from(end.as_millis()).unwrap_or(u32::MAX) }
        };
        text.split_whitespace().map(word).collect()
    }

    /// The whole speech: a tone, with a pause in it if there is to be one.
    fn frames(&self, text: &str) -> Vec<Frame> {
        let frames =
            |time: Duration| usize::try_from(time.as_nanos().div_ceil(FRAME_DURATION.as_nanos())).unwrap_or(usize::MAX);
        let first = text.split_whitespace().next().map_or(0, |word| word.chars().count());
        let (before, pause) = (frames(self.length(first)), frames(self.pause));
        let total = frames(self.length(text.trim().chars().count()));
        let silent = before..before + pause;
        (0..total + pause).map(|at| if silent.contains(&at) { Frame::SILENT } else { tone() }).collect()
    }
}

impl Tts for ScriptedTts {
    fn open(&self, _: &VoiceContext) -> Box<dyn VoiceSession> {
        Box::new(self.clone())
    }
}

impl VoiceSession for ScriptedTts {
    fn speak(&mut self, _: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        let words = self.tells_words.then(|| Ok(Spoken::Words(self.words(text))));
        let mut frames = self.frames(text);
        if let Some(after) = self.fails_after {
            frames.truncate(after);
        }
        let failure = self.fails_after.map(|_| Err(failure()));
        let pieces: Vec<_> =
            words.into_iter().chain(frames.into_iter().map(|frame| Ok(Spoken::Audio(frame)))).chain(failure).collect();
        let delay = self.delay;
        stream::once(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            stream::iter(pieces)
        })
        .flatten()
        .boxed()
    }
}

/// 20 ms of 400 Hz at -30 dBFS: eight periods, so that frames join without a click.
pub(super) fn tone() -> Frame {
    const HZ: f32 = 400.0;
    const PEAK: f32 = 1036.0;
    Frame::new(std::array::from_fn(|n| {
        let phase = std::f32::consts::TAU * HZ * n as f32 / SAMPLE_RATE_HZ as f32;
        audio::encode((PEAK * phase.sin()) as i16)
    }))
}

const _: () =
    assert!((FRAME_BYTES * 400).is_multiple_of(SAMPLE_RATE_HZ as usize), "whole periods of the tone in a frame");

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_voice_is_as_slow_and_as_long_as_told() {
        let voice = ScriptedTts::new().per_char_ms(30).delayed(Duration::from_secs(2));
        let began = Instant::now();
        let frames: Vec<Spoken> = voice.clone().speak(TurnId(1), "héllo").try_collect().await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        assert_eq!(frames.len(), 8, "150 ms are seven frames and a half");
        assert!(frames.iter().all(|frame| matches!(frame, Spoken::Audio(frame) if *frame != Frame::SILENT)));
    }

    #[tokio::test]
    async fn its_words_end_where_it_says() {
        let mut voice = ScriptedTts::new().per_char_ms(20).telling_words().pausing(Duration::from_millis(100));
        let mut pieces: Vec<Spoken> = voice.speak(TurnId(1), "ab c").try_collect().await.unwrap();
        let word = |text: &str, end_ms| SpokenWord { text: text.to_owned(), end_ms };
        assert_eq!(pieces.remove(0), Spoken::Words(vec![word("ab", 40), word("c", 180)]));
        let silent = |piece: &Spoken| *piece == Spoken::Audio(Frame::SILENT);
        assert_eq!(
            pieces.iter().map(silent).collect::<Vec<_>>(),
            [false, false, true, true, true, true, true, false, false]
        );
    }
}
