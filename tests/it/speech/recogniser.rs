//! The recogniser by itself: which question gets which answer.

use redial_call::{Frame, UtteranceId};
use redial_provider::stt::{Stt as _, SttContext, SttInput};

use super::ears::{MOONSHINE, answer, frames, recording, root, send};

#[tokio::test]
async fn audio_of_any_length_is_answered() {
    let mut stream = MOONSHINE.open(SttContext::default());
    for (number, count) in [(1, 0), (2, 1), (3, 4), (4, 5), (5, 9), (6, 1300)] {
        let id = UtteranceId(number);
        for _ in 0..count {
            send(&stream, SttInput::Audio(id, Frame::SILENT)).await;
        }
        send(&stream, SttInput::Transcribe(id)).await;
        let (utterance, text) = answer(&mut stream).await;
        assert_eq!(utterance, id);
        assert!(count >= 5 || text.is_empty(), "{count} frames hold no words: {text}");
    }
}

#[tokio::test]
async fn a_discarded_utterance_is_forgotten_and_the_next_one_is_answered() {
    let spoken = frames(&recording(root().join("fixtures/audio/cards001.wav")));
    let mut stream = MOONSHINE.open(SttContext::default());
    let [first, second] = [1, 2].map(UtteranceId);
    for id in [first, second] {
        for frame in &spoken {
            send(&stream, SttInput::Audio(id, *frame)).await;
        }
        send(&stream, SttInput::Transcribe(id)).await;
        if id == first {
            send(&stream, SttInput::Discard(id)).await;
        }
    }
    send(&stream, SttInput::Transcribe(second)).await;
    let answers = [answer(&mut stream).await, answer(&mut stream).await];
    assert!(answers.iter().all(|(id, text)| *id == second && !text.is_empty()), "{answers:?}");
    assert_eq!(answers[0], answers[1]);
    send(&stream, SttInput::Discard(second)).await;
    send(&stream, SttInput::Transcribe(second)).await;
    assert_eq!(answer(&mut stream).await, (second, String::new()));
}
