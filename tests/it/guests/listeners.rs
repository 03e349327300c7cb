//! Ears that hear all of the line and take the turns themselves, with a guess at the end of each.

use std::sync::{Arc, Mutex};

use redial::simulate::Step;
use redial_call::Role;
use redial_call::audio::SILENCE;
use redial_provider::agent::Delta;
use redial_provider::scripted::{ScriptedAgent, ScriptedTurns};
use redial_provider::stt::SttInput;

use super::{call, setup, texts};
use crate::support::gateway::audio;

/// So much of a recording that has no pause in it.
fn voice(ms: usize) -> Vec<u8> {
    let ulaw = audio("hibari_appt").unwrap();
    let loud = |byte: &u8| redial_call::audio::decode(*byte).unsigned_abs() > 2000;
    let start = ulaw.iter().position(loud).unwrap();
    ulaw[start..start + ms * 8].to_vec()
}

fn pause(ms: usize) -> Vec<u8> {
    vec![SILENCE; ms * 8]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_with_ears_that_take_the_turns() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let questions = Arc::clone(&asked);
    let agent = ScriptedAgent::new(move |_, prompt| {
        let last = prompt.history.last().unwrap().text.clone();
        questions.lock().unwrap().push(last.clone());
        vec![Delta::Text(format!("You said: {last}"))]
    });
    let ears = ScriptedTurns::new(["I would like to", "book a table.", "For two."]);
    let mut setup = setup(&[]);
    setup.providers.stt = Arc::new(ears.clone());
    setup.providers.agent = Arc::new(agent);
    let gateway = setup.start().await;
    // A pause in which the end is guessed, and after which the caller goes on.
    let hesitates = [voice(400), pause(360), voice(400)].concat();
    let session = call(&gateway, [Step::say("hesitates", hesitates), Step::say("two", voice(400))]).await;

    assert_eq!(texts(&session, Role::Caller), ["I would like to book a table.", "For two."]);
    let said = texts(&session, Role::Agent);
    let [greeting, first, second] = said[..] else { panic!("{said:?}") };
    assert_eq!(first, "You said: I would like to book a table.");
    assert_eq!(second, "You said: For two.");
    // Answers were made of guesses: one for nothing, and the others before the turn had ended.
    let asked = asked.lock().unwrap();
    assert_eq!(*asked, ["I would like to", "I would like to book a table.", "For two."]);
    // The ears are told what the caller is about to answer.
    let told: Vec<String> = ears
        .told()
        .into_iter()
        .filter_map(|input| if let SttInput::Context { said, .. } = input { Some(said) } else { None })
        .collect();
    assert_eq!(told, [greeting, first, second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_turns_stops_the_agent_and_last_words_are_kept() {
    let mut setup = setup(&[]);
    setup.providers.stt = Arc::new(ScriptedTurns::new(["Tell me all.", "Wait, stop.", "Bye now."]));
    setup.providers.agent = Arc::new(ScriptedAgent::new(|_, prompt| {
        let turns = prompt.history.iter().filter(|turn| turn.role == Role::Caller).count();
        let text = if turns == 1 { "All of it, slowly, ".repeat(20) + "to the end." } else { "Sorry.".to_owned() };
        vec![Delta::Text(text)]
    }));
    let gateway = setup.start().await;
    let interrupts = Step::Interrupt {
        after: std::time::Duration::from_millis(1000),
        label: "stop".to_owned(),
        ulaw: [voice(400), pause(800)].concat(),
    };
    let session = call(&gateway, [Step::say("all", voice(400)), interrupts]).await;
    assert_eq!(texts(&session, Role::Caller), ["Tell me all.", "Wait, stop."]);
    let agent = super::turns(&session, Role::Agent);
    assert!(agent[1].text.starts_with("All of it"), "{agent:?}");
    assert!(!agent[1].cut.is_empty() || !agent[1].never_sent.is_empty(), "it was stopped: {agent:?}");
    assert_eq!(agent[2].text, "Sorry.");
    // Who hangs up in mid-sentence has been heard.
    let mut script = redial::simulate::Script::new("+14155550124", "+18005550199");
    script.steps = vec![Step::say("last", voice(600)), Step::HangUp(redial::simulate::HangUp::Normal)];
    let report = gateway.simulator().call(script).await.unwrap();
    let session = gateway.session(&report.call_sid).await;
    assert_eq!(texts(&session, Role::Caller), ["Tell me all."]);
}
