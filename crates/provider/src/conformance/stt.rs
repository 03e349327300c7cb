//! Ears: those that hear utterances, and those that take the turns.

use redial_call::{Endpointing, Frame, UtteranceId};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::PATIENCE;
use crate::stt::{Stt, SttContext, SttInput, SttOutput, SttStream};

/// Silence after which any recogniser has ended a turn: 3 s.
const LONG_PAUSE: usize = 150;

/// All of it. `speech`: somebody who says one sentence, some seconds long.
pub async fn check(ears: &dyn Stt, speech: &[Frame]) {
    match ears.endpointing() {
        Endpointing::Ours => {
            each_question_has_one_answer(ears, speech).await;
            who_goes_on_is_heard_whole(ears, speech).await;
            what_is_discarded_is_not_answered_for_ever(ears, speech).await;
        }
        Endpointing::Recogniser => {
            turns_begin_and_end(ears, speech).await;
            a_turn_ends_when_it_is_told_to(ears, speech).await;
        }
        Endpointing::Model => panic!("a speech-to-speech model is more than ears: realtime::check"),
    }
    who_hangs_up_leaves_nothing_behind(ears, speech).await;
}

async fn tell(stream: &SttStream, inputs: impl IntoIterator<Item = SttInput>) {
    for input in inputs {
        timeout(PATIENCE, stream.input.send(input)).await.expect("it takes it").expect("it is there");
    }
}

async fn next(output: &mut Receiver<SttOutput>) -> SttOutput {
    timeout(PATIENCE, output.recv()).await.expect("it answers").expect("it is there")
}

fn audio(utterance: UtteranceId, frames: &[Frame]) -> impl Iterator<Item = SttInput> {
    frames.iter().map(move |frame| SttInput::Audio(utterance, *frame))
}

/// The next answer for an utterance; guesses and verdicts are none.
async fn words(stream: &mut SttStream) -> (UtteranceId, String) {
    loop {
        match next(&mut stream.output).await {
            SttOutput::Transcript { utterance, text } => return (utterance, text),
            SttOutput::NoSpeech { utterance } => return (utterance, String::new()),
            SttOutput::Partial { .. } | SttOutput::TurnEnd { .. } => (),
            other => panic!("no answer of ears that hear utterances: {other:?}"),
        }
    }
}

async fn each_question_has_one_answer(ears: &dyn Stt, speech: &[Frame]) {
    let mut stream = ears.open(SttContext::default());
    let context = SttInput::Context { said: "How can I help you?".to_owned(), terms: vec!["Ana".to_owned()] };
    tell(&stream, [context]).await;
    for number in 1..=2 {
        let utterance = UtteranceId(number);
        tell(&stream, audio(utterance, speech)).await;
        tell(&stream, [SttInput::Transcribe(utterance)]).await;
        let (of, text) = words(&mut stream).await;
        assert_eq!(of, utterance);
        assert!(!text.trim().is_empty(), "it heard no word of utterance {number}");
        tell(&stream, [SttInput::Discard(utterance)]).await;
    }
    let silent = UtteranceId(3);
    tell(&stream, audio(silent, &[Frame::SILENT; 50])).await;
    tell(&stream, [SttInput::Transcribe(silent)]).await;
    assert_eq!(words(&mut stream).await.0, silent, "silence is answered too");
}

async fn who_goes_on_is_heard_whole(ears: &dyn Stt, speech: &[Frame]) {
    let mut stream = ears.open(SttContext::default());
    let utterance = UtteranceId(1);
    let (first, rest) = speech.split_at(speech.len() / 2);
    tell(&stream, audio(utterance, first)).await;
    tell(&stream, [SttInput::Guess(utterance), SttInput::Transcribe(utterance)]).await;
    tell(&stream, audio(utterance, rest)).await;
    tell(&stream, [SttInput::Transcribe(utterance)]).await;
    let (half, whole) = (words(&mut stream).await.1, words(&mut stream).await.1);
    assert!(whole.len() >= half.len(), "{whole:?} is less than {half:?}");
}

async fn what_is_discarded_is_not_answered_for_ever(ears: &dyn Stt, speech: &[Frame]) {
    let mut stream = ears.open(SttContext::default());
    let [gone, next] = [1, 2].map(UtteranceId);
    tell(&stream, audio(gone, speech)).await;
    tell(&stream, [SttInput::Transcribe(gone), SttInput::Discard(gone)]).await;
    tell(&stream, audio(next, speech)).await;
    tell(&stream, [SttInput::Transcribe(next)]).await;
    let mut answer = words(&mut stream).await;
    if answer.0 == gone {
        answer = words(&mut stream).await; // it had begun
    }
    assert_eq!(answer.0, next);
}

fn line(frames: &[Frame]) -> impl Iterator<Item = SttInput> {
    frames.iter().map(|frame| SttInput::Line(*frame))
}

/// The words of the next turn, after all that is told of it in its order.
async fn turn(output: &mut Receiver<SttOutput>) -> String {
    assert!(matches!(next(output).await, SttOutput::TurnStarted), "a turn begins with its start");
    let mut guessed = false;
    loop {
        match next(output).await {
            SttOutput::EagerEnd { text } if !guessed => {
                assert!(!text.trim().is_empty(), "an end is guessed of nothing");
                guessed = true;
            }
            SttOutput::TurnResumed if guessed => guessed = false,
            SttOutput::TurnEnded { text } => return text,
            SttOutput::Partial { .. } | SttOutput::TurnEnd { .. } => (),
            other => panic!("out of its order, with an end guessed or not ({guessed}): {other:?}"),
        }
    }
}

async fn turns_begin_and_end(ears: &dyn Stt, speech: &[Frame]) {
    let mut stream = ears.open(SttContext::default());
    for number in 1..=2 {
        let silence = |frames| line(&[Frame::SILENT; LONG_PAUSE][..frames]).collect::<Vec<_>>();
        let said = silence(10).into_iter().chain(line(speech)).chain(silence(LONG_PAUSE));
        let SttStream { input, output } = &mut stream;
        let say = async {
            for frame in said {
                input.send(frame).await.expect("it is there");
            }
        };
        let ((), text) = tokio::join!(say, turn(output));
        assert!(!text.trim().is_empty(), "it heard no word of turn {number}");
    }
}

async fn a_turn_ends_when_it_is_told_to(ears: &dyn Stt, speech: &[Frame]) {
    let mut stream = ears.open(SttContext::default());
    let voiced = speech.len() / 4;
    tell(&stream, line(&speech[..voiced])).await;
    tell(&stream, [SttInput::Transcribe(UtteranceId(1))]).await;
    turn(&mut stream.output).await;
}

async fn who_hangs_up_leaves_nothing_behind(ears: &dyn Stt, speech: &[Frame]) {
    let stream = ears.open(SttContext::default());
    let utterance = UtteranceId(1);
    match ears.endpointing() {
        Endpointing::Ours => tell(&stream, audio(utterance, speech)).await,
        Endpointing::Recogniser | Endpointing::Model => tell(&stream, line(&speech[..speech.len().min(40)])).await,
    }
    tell(&stream, [SttInput::Transcribe(utterance)]).await;
    let SttStream { input, mut output } = stream;
    drop(input);
    let ends = async { while output.recv().await.is_some() {} };
    timeout(PATIENCE, ends).await.expect("its output ends with its input");
}
