//! A list of voices, tried in order.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use redial_call::TurnId;
use tokio::sync::Mutex;

use super::{Spoken, Tts, VoiceContext, VoiceSession};
use crate::ProviderError;

/// Speaks with the first voice that can.
///
/// A voice that fails before its first frame is passed over, and the next speaks the whole text. A failure in mid-speech ends the stream
/// with its error: frames do not tell which words are said already, and a text begun anew would make the caller hear
/// them twice. The session, which knows what was played, asks for the rest. When all fail, the last one's error is the stream's.
pub struct Fallback(Vec<Arc<dyn Tts>>);

impl Fallback {
    /// Tries `first`, then each of `others`.
    pub fn new(first: Arc<dyn Tts>, others: impl IntoIterator<Item = Arc<dyn Tts>>) -> Self {
        Self([first].into_iter().chain(others).collect())
    }
}

impl Tts for Fallback {
    fn open(&self, context: &VoiceContext) -> Box<dyn VoiceSession> {
        let voices = self.0.iter().map(|voice| Arc::new(Mutex::new(voice.open(context)))).collect();
        Box::new(Voices(voices))
    }
}

/// One call's voices, each behind a lock that only the speech in progress takes.
struct Voices(Vec<Arc<Mutex<Box<dyn VoiceSession>>>>);

impl VoiceSession for Voices {
    fn speak(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        let text = text.to_owned();
        let mut voices = self.0.clone().into_iter();
        let begun = async move {
            let mut failed = None;
            while let Some(voice) = voices.next() {
                let mut pieces = voice.lock().await.speak(turn, &text);
                let mut first = Vec::new();
                let error = loop {
                    match pieces.next().await {
                        Some(Err(error)) => break error,
                        Some(Ok(words @ Spoken::Words(_))) => first.push(Ok(words)), // nothing was heard of them yet
                        // Sound, or no piece and no error: there was nothing to be said.
                        piece => return stream::iter(first.into_iter().chain(piece)).chain(pieces).boxed(),
                    }
                };
                if voices.len() > 0 {
                    tracing::warn!(%error, "a voice failed; the next one speaks");
                }
                failed = Some(error);
            }
            stream::iter(failed.map(Err)).boxed()
        };
        let mut ended = false;
        stream::once(begun)
            .flatten()
            .take_while(move |piece| std::future::ready(!std::mem::replace(&mut ended, piece.is_err())))
            .boxed()
    }

    fn finish(&mut self, turn: TurnId) {
        for voice in &self.0 {
            // Locked only while a speech is begun, which is over or dropped when the turn is.
            if let Ok(mut voice) = voice.try_lock() {
                voice.finish(turn);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;
    use crate::scripted::ScriptedTts;

    fn voice(per_char_ms: u32) -> ScriptedTts {
        ScriptedTts::new().per_char_ms(per_char_ms)
    }

    fn speak(fallback: &Fallback) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        fallback.open(&VoiceContext::default()).speak(TurnId(1), "abc")
    }

    async fn frames(fallback: &Fallback) -> (usize, bool) {
        let spoken: Vec<_> = speak(fallback).collect().await;
        (spoken.iter().filter(|frame| frame.is_ok()).count(), spoken.iter().any(Result::is_err))
    }

    fn list(voices: Vec<ScriptedTts>) -> Fallback {
        let mut voices = voices.into_iter().map(|voice| Arc::new(voice) as Arc<dyn Tts>);
        Fallback::new(voices.next().unwrap(), voices)
    }

    #[tokio::test]
    async fn the_first_voice_that_can_speaks() {
        assert_eq!(frames(&list(vec![voice(20), voice(40)])).await, (3, false));
        assert_eq!(frames(&list(vec![voice(20).failing_after(0), voice(40)])).await, (6, false));
    }

    #[tokio::test]
    async fn a_failure_in_mid_speech_is_not_covered_by_saying_it_all_again() {
        assert_eq!(frames(&list(vec![voice(20).failing_after(2), voice(40)])).await, (2, true));
    }

    #[tokio::test]
    async fn when_all_fail_so_does_the_speech() {
        let all = list(vec![voice(20).failing_after(0), voice(20).failing_after(0)]);
        assert!(speak(&all).try_collect::<Vec<_>>().await.is_err());
    }
}
