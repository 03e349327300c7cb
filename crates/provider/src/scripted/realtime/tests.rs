//! The scripted speech-to-speech model: it keeps the rules of the seam, and does as it is told.

use std::time::Duration;

use redial_call::audio::{FRAME_BYTES, encode};
use redial_call::{Cue, Frame, ReplyEnd, Role, TurnId};

use crate::conformance::realtime::check;
use crate::realtime::{Realtime as _, RealtimeContext, RealtimeInput, RealtimeOutput, RealtimeStream};
use crate::scripted::{Answer, ScriptedRealtime};

/// 200 ms of a voice and as much silence as ends a turn.
fn speech() -> Vec<Frame> {
    let voice = Frame::new([encode(8000); FRAME_BYTES]);
    [vec![voice; 10], vec![Frame::SILENT; 20]].concat()
}

fn open(model: &ScriptedRealtime) -> RealtimeStream {
    model.open(RealtimeContext::default())
}

async fn ask(stream: &RealtimeStream) {
    stream.input.send(RealtimeInput::Respond { turn: TurnId(2), cue: Cue::Answer }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_scripted_model_keeps_the_rules_at_any_pace() {
    let model = ScriptedRealtime::new(["We are open until five, every day but Sunday."], ["Hello?", "Are you open?"]);
    check(&model, &speech()).await;
    check(&model.clone().paced(Duration::from_millis(20)).delayed(Duration::from_millis(400)), &speech()).await;
}

#[tokio::test(start_paused = true)]
async fn it_remembers_what_it_was_told_beside_audio() {
    let model = ScriptedRealtime::new(["Yes."], ["Hello?"]);
    let mut stream = open(&model);
    let said = RealtimeInput::Said { role: Role::Agent, text: "Hello!".into() };
    let cut = RealtimeInput::Truncate { turn: TurnId(2), heard_ms: 40 };
    for input in [RealtimeInput::Audio(Frame::SILENT), said.clone(), cut.clone()] {
        stream.input.send(input).await.unwrap();
    }
    ask(&stream).await;
    while !matches!(stream.output.recv().await.unwrap(), RealtimeOutput::Done { .. }) {}
    assert_eq!(model.told(), [said, cut, RealtimeInput::Respond { turn: TurnId(2), cue: Cue::Answer }]);
}

#[tokio::test(start_paused = true)]
async fn it_calls_tools_breaks_off_fails_and_dies_as_it_is_told() {
    let calls = Answer::Calls { name: "hours".into(), arguments: "{}".into() };
    let answers = [calls, Answer::Breaks("Until five.".into()), Answer::Fails, Answer::Dies];
    let mut stream = open(&ScriptedRealtime::new(answers, ["Hello?"]));
    ask(&stream).await;
    assert!(matches!(stream.output.recv().await, Some(RealtimeOutput::ToolCall { name, .. }) if name == "hours"));
    assert!(matches!(stream.output.recv().await, Some(RealtimeOutput::Done { end: ReplyEnd::Tools, .. })));
    ask(&stream).await;
    let mut frames = 0;
    loop {
        match stream.output.recv().await.unwrap() {
            RealtimeOutput::Audio { .. } => frames += 1,
            RealtimeOutput::Text { .. } => (),
            end => {
                assert!(matches!(end, RealtimeOutput::Failed { .. }), "{end:?}");
                break;
            }
        }
    }
    assert_eq!(frames, 11, "a third of its sound");
    ask(&stream).await;
    assert!(matches!(stream.output.recv().await, Some(RealtimeOutput::Failed { .. })));
    ask(&stream).await;
    assert!(stream.output.recv().await.is_none());
}
