//! Voices.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use redial_call::audio::{FRAME_DURATION, decode};
use redial_call::{Frame, SpokenWord, TurnId};
use tokio::time::timeout;

use super::PATIENCE;
use crate::ProviderError;
use crate::tts::{Spoken, Tts, VoiceContext};

const TEXT: &str = "Hello, who is calling?";
const LONGER: &str = "Hello, who is calling? We are open from Monday to Friday, between nine and five.";
/// The most that the times of words may be beyond the end of their audio.
const SLACK_MS: u64 = 200;

/// All of it.
pub async fn check(voice: &dyn Tts) {
    it_speaks_and_nothing_is_nothing(voice).await;
    words_are_told_in_their_order_and_within_their_audio(voice).await;
    a_speech_that_is_dropped_leaves_the_next_whole(voice).await;
    calls_speak_side_by_side(voice).await;
}

struct Speech {
    frames: Vec<Frame>,
    words: Vec<SpokenWord>,
}

impl Speech {
    fn ms(&self) -> u64 {
        self.frames.len() as u64 * FRAME_DURATION.as_millis() as u64
    }
}

async fn all(mut speech: BoxStream<'static, Result<Spoken, ProviderError>>) -> Speech {
    let whole = async {
        let mut spoken = Speech { frames: Vec::new(), words: Vec::new() };
        while let Some(piece) = speech.next().await {
            match piece.expect("it speaks") {
                Spoken::Audio(frame) => spoken.frames.push(frame),
                Spoken::Words(words) => spoken.words.extend(words),
            }
        }
        spoken
    };
    timeout(PATIENCE, whole).await.expect("its speech ends")
}

fn is_loud(frame: &Frame) -> bool {
    frame.as_bytes().iter().any(|byte| decode(*byte).unsigned_abs() > 300)
}

async fn it_speaks_and_nothing_is_nothing(voice: &dyn Tts) {
    let mut session = voice.open(&VoiceContext::default());
    let short = all(session.speak(TurnId(1), TEXT)).await;
    assert!(short.frames.iter().any(is_loud), "it is heard");
    let long = all(session.speak(TurnId(1), LONGER)).await;
    assert!(long.frames.len() > short.frames.len(), "more words take longer");
    session.finish(TurnId(1));
    for nothing in ["", " "] {
        let silent = all(session.speak(TurnId(2), nothing)).await;
        assert!(!silent.frames.iter().any(is_loud) && silent.words.is_empty(), "{nothing:?} is said as something");
    }
    if let Some(kept) = session.kept(TEXT) {
        let frames: Vec<u8> = short.frames.iter().flat_map(|frame| *frame.as_bytes()).collect();
        assert_eq!(kept.ulaw.as_ref(), frames, "what is kept is what was said");
    }
}

async fn words_are_told_in_their_order_and_within_their_audio(voice: &dyn Tts) {
    let speech = all(voice.open(&VoiceContext::default()).speak(TurnId(1), LONGER)).await;
    let mut rest = LONGER;
    let mut before = 0;
    for word in &speech.words {
        let at = rest.find(word.text.trim());
        let at = at.unwrap_or_else(|| panic!("{word:?} is no word of what is left: {rest:?}"));
        rest = &rest[at + word.text.trim().len()..];
        assert!(word.end_ms >= before, "{word:?} ends before the word before it, at {before} ms");
        before = word.end_ms;
        assert!(u64::from(word.end_ms) <= speech.ms() + SLACK_MS, "{word:?} ends beyond {} ms", speech.ms());
    }
}

async fn a_speech_that_is_dropped_leaves_the_next_whole(voice: &dyn Tts) {
    let mut session = voice.open(&VoiceContext::default());
    let mut dropped = session.speak(TurnId(1), LONGER);
    timeout(PATIENCE, dropped.next()).await.expect("it begins").expect("with something").expect("that is no failure");
    drop(dropped);
    drop(session.speak(TurnId(1), LONGER)); // before it began
    session.finish(TurnId(1));
    let after = all(session.speak(TurnId(2), TEXT)).await;
    let alone = all(voice.open(&VoiceContext::default()).speak(TurnId(2), TEXT)).await;
    let difference = after.frames.len().abs_diff(alone.frames.len());
    assert!(difference * 10 <= alone.frames.len(), "{} frames, alone {}", after.frames.len(), alone.frames.len());
}

async fn calls_speak_side_by_side(voice: &dyn Tts) {
    let context = VoiceContext::default();
    let (mut one, mut other) = (voice.open(&context), voice.open(&context));
    let (short, long) = tokio::join!(all(one.speak(TurnId(1), TEXT)), all(other.speak(TurnId(1), LONGER)));
    assert!(long.frames.len() > short.frames.len(), "each says its own");
}
