//! What the recogniser answers besides words: verdicts on pauses, guesses while a caller speaks, and nothing to noise.

use std::sync::Arc;
use std::time::Duration;

use redial_call::audio::encode;
use redial_call::{Frame, UtteranceId};
use redial_provider::stt::{Stt as _, SttContext, SttInput, SttOutput, SttStream};
use redial_speech::moonshine::Moonshine;
use redial_speech::pool::WorkerPool;
use redial_speech::turn_end::TurnEnd;

use super::ears::{MOONSHINE, answer, frames, models, recording, root, send};

/// A recording's frames, the share of it from its beginning.
fn recorded(name: &str, share: f64) -> Vec<Frame> {
    let mut frames = frames(&recording(root().join(format!("fixtures/audio/{name}.wav"))));
    frames.truncate((frames.len() as f64 * share) as usize);
    frames
}

async fn say(stream: &SttStream, id: UtteranceId, frames: &[Frame]) {
    for frame in frames {
        send(stream, SttInput::Audio(id, *frame)).await;
    }
}

/// What the recogniser answers until that is enough, and in the 300 ms after it.
async fn answers(stream: &mut SttStream, enough: impl Fn(&[SttOutput]) -> bool) -> Vec<SttOutput> {
    let mut answers = Vec::new();
    while !enough(&answers) {
        answers.push(stream.output.recv().await.unwrap());
    }
    while let Ok(Some(answer)) = tokio::time::timeout(Duration::from_millis(300), stream.output.recv()).await {
        answers.push(answer);
    }
    answers
}

fn verdicts(answers: &[SttOutput]) -> usize {
    answers.iter().filter(|answer| matches!(answer, SttOutput::TurnEnd { .. })).count()
}

fn transcripts(answers: &[SttOutput]) -> Vec<&str> {
    let texts = answers.iter().filter_map(|answer| match answer {
        SttOutput::Transcript { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Models with threads of their own, so that no other test keeps the threads from a partial.
fn own(threads: usize) -> Moonshine {
    let pool = Arc::new(WorkerPool::new(threads, 8).unwrap());
    Moonshine::load(&models(), pool).unwrap().with_turn_end(TurnEnd::load(&models()).unwrap())
}

#[tokio::test]
async fn a_pause_is_judged_beside_its_words() {
    for (name, share, finished) in [("lv0870", 1.0, true), ("synthetic/hibari_name", 0.55, false)] {
        let mut stream = MOONSHINE.open(SttContext::default());
        let id = UtteranceId(1);
        say(&stream, id, &recorded(name, share)).await;
        send(&stream, SttInput::Transcribe(id)).await;
        let (mut text, mut verdict) = (None, None);
        while text.is_none() || verdict.is_none() {
            match stream.output.recv().await.unwrap() {
                SttOutput::Transcript { text: words, .. } => text = Some(words),
                SttOutput::TurnEnd { utterance, percent } => verdict = Some((utterance, percent)),
                other => panic!("{other:?}"),
            }
        }
        let (utterance, percent) = verdict.unwrap();
        assert!(utterance == id && (percent > 50) == finished, "{name}: {percent}");
        assert!(!text.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_caller_who_went_on_is_judged_by_the_later_pause_only_and_every_question_is_answered() {
    let stt = own(1);
    let mut stream = stt.open(SttContext::default());
    let id = UtteranceId(1);
    say(&stream, id, &recorded("cards001", 1.0)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    say(&stream, id, &recorded("cards003", 1.0)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    let enough = |answers: &[SttOutput]| verdicts(answers) >= 1 && transcripts(answers).len() >= 2;
    let answers = answers(&mut stream, enough).await;
    let words = transcripts(&answers);
    assert_eq!((verdicts(&answers), words.len()), (1, 2), "{answers:?}");
    assert!(words[0] == words[1] && words[0].to_lowercase().contains("seven"), "{answers:?}");
}

#[tokio::test]
async fn a_discarded_utterance_is_not_judged() {
    let stt = own(1);
    let mut stream = stt.open(SttContext::default());
    let id = UtteranceId(1);
    say(&stream, id, &recorded("cards001", 1.0)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    send(&stream, SttInput::Guess(id)).await;
    send(&stream, SttInput::Discard(id)).await;
    assert!(answers(&mut stream, |_| true).await.is_empty());
}

#[tokio::test]
async fn an_utterance_that_goes_on_is_guessed_at() {
    let stt = own(1);
    let mut stream = stt.open(SttContext::default());
    let id = UtteranceId(1);
    let line = recorded("lv0870", 1.0);
    say(&stream, id, &line[..150]).await;
    send(&stream, SttInput::Guess(id)).await;
    let Some(SttOutput::Partial { utterance, text }) = stream.output.recv().await else { panic!("no partial") };
    assert!(utterance == id && text.to_lowercase().contains("dashwood"), "{text}");
    // One that has just begun holds no word; the answer to the question is the next to come.
    let next = UtteranceId(2);
    say(&stream, next, &line[..5]).await;
    send(&stream, SttInput::Guess(next)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    assert!(matches!(stream.output.recv().await, Some(SttOutput::Transcript { utterance, .. }) if utterance == id));
}

#[tokio::test]
async fn a_guess_ends_where_the_question_begins() {
    let stt = own(1);
    let mut stream = stt.open(SttContext::default());
    let id = UtteranceId(1);
    say(&stream, id, &recorded("lv0870", 0.8)).await;
    send(&stream, SttInput::Guess(id)).await;
    send(&stream, SttInput::Transcribe(id)).await;
    let answers = answers(&mut stream, |answers| !transcripts(answers).is_empty()).await;
    assert!(answers.iter().all(|answer| !matches!(answer, SttOutput::Partial { .. })), "{answers:?}");
}

/// Even noise, the same in each run.
fn noise(frames: usize, amplitude: f32, shape: impl Fn(usize) -> f32) -> Vec<Frame> {
    let mut state = 0x9e37_79b9_u32;
    let mut at = 0;
    let mut sample = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        at += 1;
        encode(((state as f32 / u32::MAX as f32 * 2.0 - 1.0) * amplitude * shape(at) * 32_767.0) as i16)
    };
    (0..frames).map(|_| Frame::new(std::array::from_fn(|_| sample()))).collect()
}

#[tokio::test]
async fn noise_has_no_words() {
    let mut stream = MOONSHINE.open(SttContext::default());
    let mut lines = Vec::new();
    for amplitude in [0.3, 0.03, 0.005] {
        for frames in [25, 75, 150] {
            lines.push(noise(frames, amplitude, |_| 1.0));
            lines.push(noise(frames, amplitude, |at| (at as f32 / 2000.0).sin().powi(2)));
            lines.push(noise(frames, amplitude, |at| if at % 2600 < 60 { 1.0 } else { 0.02 }));
        }
    }
    for (id, line) in (1..).map(UtteranceId).zip(lines) {
        say(&stream, id, &line).await;
        send(&stream, SttInput::Transcribe(id)).await;
        assert_eq!(answer(&mut stream).await, (id, String::new()));
    }
}
