//! Minds.

use futures_util::StreamExt as _;
use redial_call::{Act, Cue, Role, ToolCallId, ToolOutcome, Turn, TurnId, Via};
use redial_memory::greeting::GreetingLevel;
use redial_memory::model::{Confidence, Name, Profile};
use tokio::time::timeout;

use super::PATIENCE;
use crate::agent::{Agent, AgentContext, AgentSession, Delta, Prompt};

/// A name that no agent says by itself.
const NAME: &str = "Zebulon";

/// All of it.
pub async fn check(agent: &dyn Agent) {
    every_answer_ends_once_and_says_or_does_something(agent).await;
    an_answer_that_is_dropped_leaves_the_next_whole(agent).await;
    an_answer_after_tools_goes_on(agent).await;
    nobody_hears_what_another_call_knows(agent).await;
}

fn turn(id: u32, role: Role, text: &str) -> Turn {
    Turn {
        id: TurnId(id),
        role,
        via: Via::Voice,
        text: text.to_owned(),
        cut: String::new(),
        never_sent: String::new(),
        acts: Vec::new(),
        start_ms: u64::from(id) * 1000,
        end_ms: u64::from(id) * 1000 + 900,
    }
}

/// Talks of growing length, each with the cue for its answer.
fn prompts() -> Vec<Prompt> {
    let said = [
        (Role::Agent, "Hello. How can I help you?"),
        (Role::Caller, "I would like to move my appointment to Friday."),
        (Role::Agent, "I've noted that. May I have your name?"),
        (Role::Caller, ""),
    ];
    let turns: Vec<Turn> = (1..).zip(said).map(|(id, (role, text))| turn(id, role, text)).collect();
    let prompt = |turns: &[Turn], cue| Prompt { before: String::new(), history: turns.to_vec(), cue };
    vec![prompt(&turns[..2], Cue::Answer), prompt(&turns, Cue::Unclear)]
}

async fn answer(session: &mut dyn AgentSession, prompt: Prompt) -> Vec<Delta> {
    let whole = async {
        let mut deltas = session.reply(prompt);
        let mut answer = Vec::new();
        while let Some(delta) = deltas.next().await {
            answer.push(delta.expect("it answers"));
        }
        answer
    };
    timeout(PATIENCE, whole).await.expect("its answer ends")
}

fn look_at(answer: &[Delta]) {
    let ends = answer.iter().filter(|delta| matches!(delta, Delta::End(_))).count();
    assert!(
        ends == 1 && matches!(answer.last(), Some(Delta::End(_))),
        "the last delta, and no other, is the end: {answer:?}"
    );
    let says = answer.iter().any(|delta| match delta {
        Delta::Text(text) => !text.trim().is_empty(),
        Delta::Act(_) | Delta::ToolCall { .. } => true,
        Delta::Usage(_) | Delta::End(_) => false,
    });
    assert!(says, "it says or does something: {answer:?}");
    let notes = answer.iter().any(|delta| matches!(delta, Delta::Act(act) if !act.is_spoken()));
    assert!(!notes, "what is noted of tools is the call's to say: {answer:?}");
}

async fn every_answer_ends_once_and_says_or_does_something(agent: &dyn Agent) {
    let mut session = agent.open(AgentContext::default());
    for prompt in prompts() {
        look_at(&answer(session.as_mut(), prompt).await);
    }
}

async fn an_answer_that_is_dropped_leaves_the_next_whole(agent: &dyn Agent) {
    let mut session = agent.open(AgentContext::default());
    let mut deltas = session.reply(prompts().remove(0));
    timeout(PATIENCE, deltas.next()).await.expect("it begins").expect("with something").expect("that is no failure");
    drop(deltas);
    drop(session.reply(prompts().remove(0))); // before it began
    look_at(&answer(session.as_mut(), prompts().remove(0)).await);
}

async fn an_answer_after_tools_goes_on(agent: &dyn Agent) {
    let mut history = prompts().remove(0).history;
    let call = ToolCallId { turn: TurnId(3), index: 0 };
    let (name, arguments) = ("hours".to_owned(), "{}".to_owned());
    let outcome = ToolOutcome::Done { result: "9 to 5".to_owned() };
    let mut own = turn(3, Role::Agent, "One moment.");
    own.acts = vec![Act::ToolCalled { call, name, arguments }, Act::ToolReturned { call, outcome }];
    history.push(own);
    let prompt = Prompt { before: String::new(), history, cue: Cue::Tools };
    look_at(&answer(agent.open(AgentContext::default()).as_mut(), prompt).await);
}

async fn nobody_hears_what_another_call_knows(agent: &dyn Agent) {
    let name =
        Name { say: NAME.to_owned(), src: "CA1#2".to_owned(), conf: Confidence::Confirmed, at: 0, changed: false };
    let profile = Profile { name: Some(name), ..Profile::default() };
    let known = AgentContext { profile, level: GreetingLevel::Hint, ..AgentContext::default() };
    let (mut theirs, mut other) = (agent.open(known), agent.open(AgentContext::default()));
    for prompt in prompts() {
        let (a, b) = tokio::join!(answer(theirs.as_mut(), prompt.clone()), answer(other.as_mut(), prompt));
        look_at(&a);
        let told = b.iter().any(|delta| matches!(delta, Delta::Text(text) if text.contains(NAME)));
        assert!(!told, "it tells one caller of another: {b:?}");
    }
}
