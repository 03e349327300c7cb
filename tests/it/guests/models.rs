//! A speech-to-speech model: it hears, thinks and speaks, and is told what was heard of it.

use std::sync::Arc;
use std::time::Duration;

use redial::simulate::{HangUp, Script, Step};
use redial_call::audio::{SILENCE, duration_of};
use redial_call::{Act, Cue, Effect, Role, ToolOutcome};
use redial_provider::realtime::RealtimeInput;
use redial_provider::scripted::{Answer, ScriptedRealtime, ScriptedTools};

use super::{FROM, call, setup, texts, turns};
use crate::support::gateway::{TestGateway, audio};

const HOURS: &str = "Are you open on Friday?";
const LONG: &str = "We are open on every day of the week but one, from nine in the morning until five in the afternoon, and then \
                    again from seven until nine in the evening, when the bakery next door has closed and the square is quiet.";

/// So much of a recording that has no pause in it.
fn voice(ms: usize) -> Vec<u8> {
    let ulaw = audio("hibari_appt").unwrap();
    let loud = |byte: &u8| redial_call::audio::decode(*byte).unsigned_abs() > 2000;
    let start = ulaw.iter().position(loud).unwrap();
    ulaw[start..start + ms * 8].to_vec()
}

async fn gateway(model: &ScriptedRealtime, tools: &ScriptedTools) -> TestGateway {
    let mut setup = setup(&[]);
    setup.providers.realtime = Some(Arc::new(model.clone()));
    setup.providers.tools = Arc::new(tools.clone());
    setup.start().await
}

/// How much of it the model was told that the caller had heard, in ms; `None`: it was not told, so all.
fn heard_ms(model: &ScriptedRealtime) -> Option<u64> {
    model.told().into_iter().find_map(|told| match told {
        RealtimeInput::Truncate { heard_ms, .. } => Some(heard_ms),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_of_a_model_that_hears_and_speaks_for_itself() {
    let model = ScriptedRealtime::new(["Yes, from nine to five.", "You are welcome."], [HOURS, "Thank you."]);
    let gateway = gateway(&model, &ScriptedTools::default()).await;
    let session = call(&gateway, [Step::say("hours", voice(400)), Step::say("thanks", voice(400))]).await;
    assert_eq!(texts(&session, Role::Caller), [HOURS, "Thank you."], "its words, which came after the answers");
    let said = texts(&session, Role::Agent);
    assert_eq!(said[1..], ["Yes, from nine to five.", "You are welcome."]);
    // Our own voice greets; the model is told, and not told what it said itself.
    let greeting = RealtimeInput::Said { role: Role::Agent, text: said[0].to_owned() };
    let told = model.told();
    let order: Vec<_> = told.iter().filter(|told| !matches!(told, RealtimeInput::Commit)).collect();
    assert_eq!(order[0], &greeting);
    assert!(matches!(order[1], RealtimeInput::Respond { cue: Cue::Answer, .. }), "{told:?}");
    assert_eq!(told.iter().filter(|told| matches!(told, RealtimeInput::Said { .. })).count(), 1, "{told:?}");
    assert_eq!(heard_ms(&model), None, "all of it was heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_interrupted_is_told_how_much_was_heard() {
    let model = ScriptedRealtime::new([LONG, "Sorry."], [HOURS, "Stop, that is enough."]);
    let gateway = gateway(&model, &ScriptedTools::default()).await;
    let interrupts = Step::Interrupt {
        after: Duration::from_millis(3000),
        label: "stop".to_owned(),
        ulaw: [voice(500), vec![SILENCE; 8 * 500]].concat(),
    };
    let session = call(&gateway, [Step::say("hours", voice(400)), interrupts]).await;
    let answer = turns(&session, Role::Agent)[1];
    assert!(LONG.starts_with(&answer.text) && !answer.text.is_empty(), "{answer:?}");
    assert!(!answer.cut.is_empty() || !answer.never_sent.is_empty(), "{answer:?}");
    let heard = heard_ms(&model).expect("it is told");
    // The scripted model speaks 60 ms a character.
    let words = duration_of(answer.text.len() as u64 * 480).as_millis() as u64;
    assert!(heard >= words && heard <= words + 1000, "{heard} ms, and words of {words} ms: {answer:?}");
    assert!((2500..9000).contains(&heard), "{heard}");
    assert_eq!(texts(&session, Role::Agent)[2], "Sorry.");
    assert_eq!(texts(&session, Role::Caller), [HOURS, "Stop, that is enough."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_uses_tools_and_says_goodbye() {
    let calls = Answer::Calls { name: "book".to_owned(), arguments: r#"{"at":"Friday"}"#.to_owned() };
    let answers = [calls, Answer::Goodbye("It is booked. Goodbye.".to_owned())];
    let model = ScriptedRealtime::new(answers, ["Book me in for Friday."]);
    let tools = ScriptedTools::default().with("book", Effect::SideEffect, Duration::from_millis(100), Ok("booked"));
    let gateway = gateway(&model, &tools).await;
    let script = Script::new(FROM, "+18005550199").with_steps([Step::say("book", voice(400))]);
    let report = gateway.simulator().call(script).await.unwrap();
    let session = gateway.session(&report.call_sid).await;
    assert_eq!(session.end_reason, "agent_hung_up");
    let answer = turns(&session, Role::Agent)[1];
    assert_eq!(answer.text, "It is booked. Goodbye.");
    let outcome = ToolOutcome::Done { result: "booked".to_owned() };
    assert!(answer.acts.iter().any(|act| matches!(act, Act::ToolReturned { outcome: of, .. } if *of == outcome)));
    assert_eq!(tools.begun().len(), 1);
    let told = model.told();
    let returned =
        told.iter().position(|told| matches!(told, RealtimeInput::ToolReturned { outcome: of, .. } if *of == outcome));
    let asked_again = told.iter().position(|told| matches!(told, RealtimeInput::Respond { cue: Cue::Tools, .. }));
    assert!(returned.is_some() && returned < asked_again, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_dies_is_opened_again_and_the_call_goes_on() {
    let answers = [Answer::from("Yes."), Answer::Dies, Answer::from("Yes.")];
    let model = ScriptedRealtime::new(answers, [HOURS, "And on Saturday?"]);
    let gateway = gateway(&model, &ScriptedTools::default()).await;
    // The third asks the second model, which begins at the heads of its lists.
    let asks = ["one", "two", "three"].map(|label| Step::say(label, voice(400)));
    let session = call(&gateway, asks).await;
    let said = texts(&session, Role::Agent);
    assert_eq!((said[1], said[3]), ("Yes.", "Yes."), "{said:?}");
    assert!(said[2].contains("trouble") || said[2].contains("again"), "our own words: {said:?}");
    assert_eq!(texts(&session, Role::Caller), [HOURS, "And on Saturday?", HOURS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_in_mid_word_has_been_heard() {
    let model = ScriptedRealtime::new(["Yes."], ["I will be late, because"]);
    let gateway = gateway(&model, &ScriptedTools::default()).await;
    let mut script = Script::new(FROM, "+18005550199");
    script.steps = vec![Step::say("late", voice(600)), Step::HangUp(HangUp::Normal)];
    let report = gateway.simulator().call(script).await.unwrap();
    let session = gateway.session(&report.call_sid).await;
    assert_eq!(texts(&session, Role::Caller), ["I will be late, because"]);
    assert!(model.told().contains(&RealtimeInput::Commit));
}
