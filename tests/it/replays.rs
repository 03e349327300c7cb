//! Recorded calls in the carrier's own JSON, over a real socket: each beside a snapshot of what was kept of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use redial::simulate::{Replayed, replay};
use redial_call::Role;
use redial_memory::model::SessionDoc;
use serde_json::Value;

use crate::support::gateway::{Setup, audio};
use crate::support::meaning;

/// One test a recording, so that they run at the same time.
macro_rules! recordings {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                insta::assert_snapshot!(stringify!($name), live(stringify!($name)).await);
            }
        )*

        #[test]
        fn every_recording_has_a_test() {
            let mut files: Vec<String> = std::fs::read_dir("fixtures/calls")
                .unwrap()
                .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .filter(|name| name != "README")
                .collect();
            files.sort();
            let mut tested = vec![$(stringify!($name)),*];
            tested.sort_unstable();
            assert_eq!(files, tested);
        }
    };
}

recordings! {
    barge_in_mid_greeting
    close_without_stop
    dtmf
    duplicate_start
    hang_up_mid_word
    keypad_look_alike
    marks_at_once
    marks_never
    media_before_start
    numbers_not_strings
    out_of_order_sequence
    ragged_payloads
    short_call
    silent_caller
    status_first
    stop_right_after_start
    stop_without_close
    unknown_events
    withheld_caller
}

async fn live(name: &str) -> String {
    let text = std::fs::read_to_string(format!("fixtures/calls/{name}.ndjson")).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let transcripts: Vec<&str> =
        header["transcripts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    meaning::load();
    let gateway = Setup::hearing(transcripts).start().await;
    let replayed = replay(&gateway.simulator(), &text, audio).await.unwrap();
    let session = gateway.session(&replayed.call_sid).await;
    gateway.idle().await;
    assert!(replayed.warnings.is_empty(), "the carrier would complain: {:?}", replayed.warnings);
    outcome(&replayed, &session)
}

/// What a person would ask about a call, without the times that differ between runs.
fn outcome(replayed: &Replayed, session: &SessionDoc) -> String {
    let mut out = format!("ended: {} ({})\n", session.end_reason, session.metadata.last_event_type);
    let identity = if session.user_id.starts_with("anon_") { "nobody" } else { "a number" };
    writeln!(out, "caller: {identity}").unwrap();
    let mut agent_heard = false;
    for message in &session.conversation_history {
        let turn = &message.turn;
        if turn.role == Role::Agent && turn.text.is_empty() {
            continue; // whether a first syllable left for a caller who had gone is a race
        }
        agent_heard |= turn.role == Role::Agent;
        let who = match turn.role {
            Role::Caller => "caller",
            Role::Agent => "agent",
        };
        // Where exactly a sentence is cut depends on the machine's speed; that it is cut does not.
        if turn.cut.is_empty() && turn.never_sent.is_empty() {
            writeln!(out, "{who}: {}", turn.text).unwrap();
        } else {
            let whole = [&turn.text, &turn.cut, &turn.never_sent].map(|part| part.trim()).join(" ");
            writeln!(out, "{who}, not heard to the end: {}", whole.trim()).unwrap();
        }
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, message) in &replayed.received {
        *kinds.entry(message["event"].as_str().unwrap()).or_default() += 1;
    }
    writeln!(out, "clear: {}", kinds.get("clear").copied().unwrap_or(0)).unwrap();
    if agent_heard {
        assert!(kinds.contains_key("media") && kinds.contains_key("mark"), "{kinds:?}");
    }
    out
}
