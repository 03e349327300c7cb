//! The rules of [`Realtime`]. Each check opens a call of its own and panics where a rule is broken.

use std::collections::HashSet;
use std::time::Duration;

use redial_call::{Cue, Frame, ToolCallId, ToolOutcome, TurnId, UtteranceId};
use tokio::time::timeout;

use crate::realtime::{OUTPUT, Realtime, RealtimeContext, RealtimeInput, RealtimeOutput, RealtimeStream};

/// The longest that any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// When nothing comes for so long, nothing comes any more.
const QUIET: Duration = Duration::from_secs(2);

/// Checks all rules. `speech`: a caller's turn that the model hears as one, 20 ms a frame, its silence included. The model has to answer each
/// question with words and more than 1.5 s of sound: of a shorter answer nobody can tell whether it was cancelled.
///
/// # Panics
/// Where a rule is broken, with its name.
pub async fn check(model: &dyn Realtime, speech: &[Frame]) {
    an_answer_comes_between_its_question_and_its_end(model).await;
    after_a_cancel_nothing_of_the_turn_comes(model).await;
    a_turn_starts_before_it_is_committed_and_its_words_come_once(model, speech).await;
    what_came_of_an_earlier_streams_tool_is_taken(model).await;
    input_is_read_while_output_is_full(model).await;
    a_dropped_stream_ends_its_tasks(model).await;
}

fn open(model: &dyn Realtime) -> RealtimeStream {
    model.open(RealtimeContext { language: "en".to_owned(), ..RealtimeContext::default() })
}

async fn tell(stream: &RealtimeStream, input: RealtimeInput) {
    let told = timeout(PATIENCE, stream.input.send(input)).await;
    assert!(matches!(told, Ok(Ok(()))), "the model reads what it is told");
}

async fn next(stream: &mut RealtimeStream) -> RealtimeOutput {
    let output = timeout(PATIENCE, stream.output.recv()).await;
    output.expect("something comes in time").expect("the model is not gone")
}

/// Asks, and reads until the answer has ended. Returns how many frames it had.
async fn answered(stream: &mut RealtimeStream, turn: TurnId) -> usize {
    tell(stream, RealtimeInput::Respond { turn, cue: Cue::Answer }).await;
    let (mut frames, mut words) = (0, 0);
    loop {
        let output = next(stream).await;
        assert!(output.turn().is_none_or(|of| of == turn), "{output:?} belongs to another question than {turn:?}");
        match output {
            RealtimeOutput::Audio { .. } => frames += 1,
            RealtimeOutput::Text { text, .. } => {
                assert!(!text.is_empty(), "text is never empty");
                words += 1;
            }
            RealtimeOutput::Done { .. } => break,
            RealtimeOutput::Failed { error, .. } => panic!("it answers: {error}"),
            _ => (),
        }
    }
    assert!(frames > 0 && words > 0, "an answer has words and sound");
    frames
}

async fn an_answer_comes_between_its_question_and_its_end(model: &dyn Realtime) {
    let mut stream = open(model);
    let unasked = timeout(QUIET, stream.output.recv()).await;
    assert!(unasked.is_err(), "nothing comes before there is a voice or a question: {unasked:?}");
    answered(&mut stream, TurnId(2)).await;
    let late = timeout(QUIET, stream.output.recv()).await;
    assert!(late.is_err(), "nothing follows the end of an answer: {late:?}");
    answered(&mut stream, TurnId(4)).await;
}

async fn after_a_cancel_nothing_of_the_turn_comes(model: &dyn Realtime) {
    let mut stream = open(model);
    let turn = TurnId(2);
    tell(&stream, RealtimeInput::Respond { turn, cue: Cue::Answer }).await;
    while !matches!(next(&mut stream).await, RealtimeOutput::Audio { .. }) {}
    tell(&stream, RealtimeInput::Cancel { turn }).await;
    tell(&stream, RealtimeInput::Truncate { turn, heard_ms: 20 }).await;
    // What was on its way comes.
    let mut late = 0;
    while let Ok(Some(output)) = timeout(QUIET, stream.output.recv()).await {
        late += usize::from(output.turn() == Some(turn));
        assert!(late <= OUTPUT + 1, "a cancelled answer goes on");
    }
    answered(&mut stream, TurnId(4)).await;
}

async fn a_turn_starts_before_it_is_committed_and_its_words_come_once(model: &dyn Realtime, speech: &[Frame]) {
    let mut stream = open(model);
    let mut worded: HashSet<UtteranceId> = HashSet::new();
    for n in 1..=2 {
        for frame in speech {
            tell(&stream, RealtimeInput::Audio(*frame)).await;
        }
        let started = next(&mut stream).await;
        assert!(matches!(started, RealtimeOutput::TurnStarted), "a turn starts, not {started:?}");
        let committed = next(&mut stream).await;
        let RealtimeOutput::TurnCommitted { utterance } = committed else { panic!("it ends, not {committed:?}") };
        assert_eq!(utterance, UtteranceId(n), "turns are counted from 1");
        let words = next(&mut stream).await;
        let RealtimeOutput::CallerWords { utterance: of, .. } = words else { panic!("its words come, not {words:?}") };
        assert_eq!(of, utterance);
        assert!(worded.insert(of), "words come once");
    }
}

async fn what_came_of_an_earlier_streams_tool_is_taken(model: &dyn Realtime) {
    let mut stream = open(model);
    let call = ToolCallId { turn: TurnId(2), index: 3 };
    let outcome = ToolOutcome::Done { result: "booked".to_owned() };
    tell(&stream, RealtimeInput::ToolReturned { call, name: "book".to_owned(), outcome }).await;
    answered(&mut stream, TurnId(2)).await;
}

async fn input_is_read_while_output_is_full(model: &dyn Realtime) {
    let mut stream = open(model);
    let turn = TurnId(2);
    tell(&stream, RealtimeInput::Respond { turn, cue: Cue::Answer }).await;
    // Nobody reads what it says, and it has room for all of this.
    for _ in 0..4 * crate::realtime::INPUT {
        tell(&stream, RealtimeInput::Audio(Frame::SILENT)).await;
    }
    while !matches!(next(&mut stream).await, RealtimeOutput::Done { .. }) {}
}

async fn a_dropped_stream_ends_its_tasks(model: &dyn Realtime) {
    let RealtimeStream { input, output } = open(model);
    drop(output);
    let gone = timeout(PATIENCE, input.closed()).await;
    assert!(gone.is_ok(), "a model that nobody listens to ends");
    let RealtimeStream { input, mut output } = open(model);
    drop(input);
    let rest = timeout(PATIENCE, async { while output.recv().await.is_some() {} }).await;
    assert!(rest.is_ok(), "a model that nobody talks to ends");
}
