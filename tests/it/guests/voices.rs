//! A voice that tells where its words are.

use std::sync::Arc;
use std::time::Duration;

use redial::simulate::Step;
use redial_call::Role;
use redial_provider::scripted::{ScriptedAgent, ScriptedTts};

use super::{call, setup, turns};
use crate::support::gateway::audio;

/// A sentence whose voice is silent for long after the first word.
const SLOW: &str = "Well then these are all of the hours on which we are open this week";

async fn heard(voice: ScriptedTts) -> String {
    let mut setup = setup(&["Tell me your hours.", "Stop, that is enough."]);
    setup.providers.tts = Arc::new(voice);
    setup.providers.agent = Arc::new(ScriptedAgent::new(|_, prompt| {
        let turns = prompt.history.iter().filter(|turn| turn.role == Role::Caller).count();
        vec![redial_provider::agent::Delta::Text(if turns == 1 { SLOW.to_owned() } else { "Sorry.".to_owned() })]
    }));
    let gateway = setup.start().await;
    let interrupts = Step::Interrupt {
        after: Duration::from_millis(1500),
        label: "stop".to_owned(),
        ulaw: audio("hibari_name").unwrap(),
    };
    let session = call(&gateway, [Step::say("hours", audio("hibari_appt").unwrap()), interrupts]).await;
    let turn = turns(&session, Role::Agent)[1];
    assert!(SLOW.starts_with(&turn.text), "{turn:?}");
    turn.text.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_with_a_voice_that_tells_where_its_words_are() {
    let voice = ScriptedTts::new().per_char_ms(20).pausing(Duration::from_secs(4));
    let (told, guessed) = tokio::join!(heard(voice.clone().telling_words()), heard(voice));
    assert_eq!(told, "Well", "the caller heard one word, and then nothing");
    assert!(guessed.len() > "Well".len(), "without the times it would be guessed: {guessed}");
}
