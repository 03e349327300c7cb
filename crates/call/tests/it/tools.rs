//! Acts and tools: what the agent is shown of them, and what is on record when.

use std::time::Duration;

use redial_call::{
    Act, Action, Call, Cue, Effect, Event, ReplyEnd, Settings, ToolCallId, ToolOutcome, ToolRequest, Turn, TurnId,
    UtteranceId, VoiceQuality,
};

/// A call and what it did, in order.
struct Sim {
    call: Call,
    now: Duration,
    actions: Vec<Action>,
}

impl Sim {
    /// A call in which the caller has asked for a table, as turn 2; the answer is turn 3.
    fn asked() -> Self {
        let mut sim = Self { call: Call::new(Settings::default()), now: Duration::ZERO, actions: Vec::new() };
        let greeting = TurnId(1);
        sim.at(0, Event::Greeting { text: "Hello.".into(), acts: Vec::new() });
        sim.at(1, Event::Started);
        sim.at(1, Event::Synthesized { turn: greeting, size_bytes: 800 });
        sim.at(1, Event::SentenceDone { turn: greeting });
        sim.at(3000, Event::SpeechStarted);
        sim.at(1000, Event::SpeechStopped { quality: VoiceQuality::Clear, late: false });
        sim.at(200, Event::Transcript { utterance: UtteranceId(1), text: "Book me a table for Friday.".into() });
        sim.at(500, Event::Stood { ms: 0 });
        assert!(sim.actions.contains(&Action::Think { turn: TurnId(3), cue: Cue::Answer }));
        sim
    }

    /// So many ms later this happens.
    fn at(&mut self, later_ms: u64, event: Event) {
        self.now += Duration::from_millis(later_ms);
        self.call.handle(self.now, event);
        self.actions.extend(std::iter::from_fn(|| self.call.poll_action()));
    }

    fn call_tool(&mut self, effect: Effect) {
        let call = ToolRequest { name: "book".into(), arguments: "{}".into(), effect };
        self.at(10, Event::ToolCall { turn: TurnId(3), call });
        self.at(10, Event::ReplyDone { turn: TurnId(3), end: ReplyEnd::Tools });
    }

    fn told(&self, id: u32) -> Vec<&Turn> {
        let told = self.actions.iter().filter_map(|action| match action {
            Action::TurnDone(turn) if turn.id.0 == id => Some(turn),
            _ => None,
        });
        told.collect()
    }
}

const CALL: ToolCallId = ToolCallId { turn: TurnId(3), index: 0 };

fn done() -> ToolOutcome {
    ToolOutcome::Done { result: "ok".into() }
}

#[test]
fn a_side_effect_is_on_record_before_it_runs() {
    let mut sim = Sim::asked();
    sim.call_tool(Effect::SideEffect);
    let told = sim.actions.iter().position(|action| matches!(action, Action::TurnDone(turn) if turn.id.0 == 3));
    let run = sim.actions.iter().position(|action| matches!(action, Action::RunTool { call: CALL, .. }));
    assert!(told.unwrap() < run.unwrap());
    assert!(matches!(sim.told(3)[0].acts[..], [Act::ToolCalled { call: CALL, .. }]));
}

#[test]
fn a_turn_that_is_told_again_is_known_by_its_beginning() {
    let mut sim = Sim::asked();
    sim.call_tool(Effect::SideEffect);
    sim.at(300, Event::ToolReturned { call: CALL, outcome: done() });
    sim.at(300, Event::ReplyText { turn: TurnId(3), text: "It is booked.".into() });
    sim.at(10, Event::ReplyDone { turn: TurnId(3), end: ReplyEnd::Listen });
    sim.at(300, Event::Synthesized { turn: TurnId(3), size_bytes: 800 });
    sim.at(10, Event::SentenceDone { turn: TurnId(3) });
    sim.at(3000, Event::Stood { ms: 0 });
    let told = sim.told(3);
    assert_eq!(told.last().unwrap().text, "It is booked.");
    assert_eq!(told.len(), 3, "when it began, when it returned, when it was heard");
    assert!(told.iter().all(|turn| turn.start_ms == told[0].start_ms));
    assert_eq!(sim.call.turns().iter().filter(|turn| turn.id.0 == 3).count(), 1);
}

#[test]
fn the_agent_is_shown_its_own_turn_where_it_goes_on_from_what_it_looked_up() {
    let mut sim = Sim::asked();
    sim.call_tool(Effect::ReadOnly);
    assert_eq!(sim.call.history().last().unwrap().id, TurnId(2));
    sim.at(300, Event::ToolReturned { call: CALL, outcome: done() });
    assert_eq!(sim.actions.last(), Some(&Action::Think { turn: TurnId(3), cue: Cue::Tools }));
    let history = sim.call.history();
    let acts = &history.last().unwrap().acts;
    assert!(matches!(acts[..], [Act::ToolCalled { .. }, Act::ToolReturned { .. }]), "{acts:?}");
    assert!(sim.told(3).is_empty(), "it is no turn yet");
    // The caller goes on: it never was.
    sim.at(100, Event::SpeechStarted);
    sim.at(1000, Event::Stood { ms: 0 });
    assert_eq!(sim.call.history().last().unwrap().id, TurnId(2));
    assert_eq!(sim.call.turns().len(), 2);
}

#[test]
fn notes_of_tools_are_the_calls_own() {
    let mut sim = Sim::asked();
    let act = Act::ToolReturned { call: CALL, outcome: done() };
    sim.at(10, Event::ReplyAct { turn: TurnId(3), act });
    sim.at(10, Event::ReplyAct { turn: TurnId(3), act: Act::EndCall });
    sim.at(10, Event::ReplyDone { turn: TurnId(3), end: ReplyEnd::Listen });
    assert_eq!(sim.told(3)[0].acts, [Act::EndCall]);
    assert_eq!(sim.actions.last(), Some(&Action::HangUp));
}

#[test]
fn what_an_agent_calls_without_end_is_answered_without_running() {
    let mut sim = Sim::asked();
    for n in 0..1000 {
        let arguments = format!("{{\"n\":{n}}}");
        let call = ToolRequest { name: "book".into(), arguments, effect: Effect::SideEffect };
        sim.at(1, Event::ToolCall { turn: TurnId(3), call });
    }
    let run = sim.actions.iter().filter(|action| matches!(action, Action::RunTool { .. })).count();
    assert_eq!(run, 16);
    assert!(sim.call.turns().last().unwrap().acts.len() <= 64);
}

#[test]
fn arguments_without_end_are_not_kept_and_run_nothing() {
    for (name, arguments, runs) in [
        ("book", "x".repeat(8192), true),
        ("book", "x".repeat(8193), false),
        (&*"é".repeat(65), "{}".to_owned(), false),
    ] {
        let mut sim = Sim::asked();
        let call = ToolRequest { name: name.to_owned(), arguments, effect: Effect::SideEffect };
        sim.at(10, Event::ToolCall { turn: TurnId(3), call });
        sim.at(10, Event::ReplyDone { turn: TurnId(3), end: ReplyEnd::Tools });
        assert_eq!(sim.actions.iter().any(|action| matches!(action, Action::RunTool { .. })), runs, "{name}");
        let history = sim.call.history();
        let acts = &history.last().unwrap().acts;
        let bytes = serde_json::to_vec(acts).unwrap().len();
        assert!(bytes < 9000, "{bytes} bytes are kept");
        let failed =
            acts.iter().any(|act| matches!(act, Act::ToolReturned { outcome: ToolOutcome::Failed { .. }, .. }));
        assert_eq!(failed, !runs, "{acts:?}");
    }
}

#[test]
fn an_answer_without_end_is_stopped_and_what_was_said_of_it_counts() {
    let mut sim = Sim::asked();
    let turn = TurnId(3);
    let sentence = "This goes on and on, as if nobody had anything else to do. ".repeat(10);
    for _ in 0..200 {
        sim.at(1, Event::ReplyText { turn, text: sentence.clone() });
    }
    let cancels = sim.actions.iter().filter(|action| **action == Action::CancelReply { turn }).count();
    assert_eq!(cancels, 1);
    sim.at(1, Event::Synthesized { turn, size_bytes: 8000 });
    sim.at(2000, Event::SpeechStarted);
    sim.at(900, Event::Partial { utterance: UtteranceId(2), text: "please stop talking now".into() });
    let kept = sim.told(3).last().copied().expect("it was cut short").clone();
    assert!(!kept.text.is_empty() && kept.text.len() + kept.cut.len() + kept.never_sent.len() <= 17_000, "{kept:?}");
}

#[test]
fn a_turn_without_acts_is_written_as_it_was_before_there_were_any() {
    let json = r#"{"id":1,"role":"user","via":"voice","text":"Hello","start_ms":1,"end_ms":2}"#;
    let turn: Turn = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&turn).unwrap(), json);
}
