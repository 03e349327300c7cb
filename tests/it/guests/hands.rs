//! A mind that uses tools of both kinds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redial::simulate::{HangUp, Script, Step};
use redial_call::{Act, Effect, Role, ToolOutcome, Turn};
use redial_provider::agent::{Cue, Delta, Finish, Usage};
use redial_provider::scripted::{ScriptedAgent, ScriptedTools};

use super::{FROM, call, setup, texts, turns};
use crate::support::gateway::{TestGateway, audio};

const SOON: Duration = Duration::from_millis(100);
const ASKED: &str = "Please book a visit.";

fn tool(name: &str, arguments: &str) -> Delta {
    Delta::ToolCall { name: name.to_owned(), arguments: arguments.to_owned() }
}

fn text(text: impl Into<String>) -> Delta {
    Delta::Text(text.into())
}

/// What came of the tools of a turn, in the order in which they returned.
fn outcomes(turn: &Turn) -> Vec<&ToolOutcome> {
    turn.acts
        .iter()
        .filter_map(|act| if let Act::ToolReturned { outcome, .. } = act { Some(outcome) } else { None })
        .collect()
}

fn calls(turn: &Turn) -> Vec<(&str, &str)> {
    let acts = turn.acts.iter();
    acts.filter_map(|act| {
        if let Act::ToolCalled { name, arguments, .. } = act { Some((&**name, &**arguments)) } else { None }
    })
    .collect()
}

/// Books when it is asked to, after a look at the hours, and tells what came of it.
fn clerk() -> ScriptedAgent {
    ScriptedAgent::new(|context, prompt| {
        if prompt.cue == Cue::Tools {
            let results: Vec<String> = outcomes(prompt.history.last().expect("its own turn"))
                .into_iter()
                .map(|outcome| match outcome {
                    ToolOutcome::Done { result } => result.clone(),
                    ToolOutcome::Failed { reason } => format!("not done, {reason}"),
                    other => format!("{other:?}"),
                })
                .collect();
            return vec![text(format!("So {}.", results.join(" and "))), Delta::Act(Act::EndCall)];
        }
        assert_eq!(context.tools.len(), 2, "it is told of its tools");
        let cost = Usage { input_tokens: 40, output_tokens: 5 };
        vec![
            text("One moment."),
            tool("hours", r#"{"day":"Friday"}"#),
            tool("book", r#"{"at":"Friday"}"#),
            Delta::Usage(cost),
            Delta::End(Finish::Done),
        ]
    })
}

fn tools() -> ScriptedTools {
    ScriptedTools::default().with("hours", Effect::ReadOnly, SOON, Ok("open at nine")).with(
        "book",
        Effect::SideEffect,
        SOON * 2,
        Ok("booked"),
    )
}

async fn gateway(agent: ScriptedAgent, tools: &ScriptedTools, hears: &[&str]) -> TestGateway {
    let mut setup = setup(hears).var("DEAD_AIR", "silence");
    setup.providers.agent = Arc::new(agent);
    setup.providers.tools = Arc::new(tools.clone());
    setup.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_call_of_an_agent_with_acts_and_both_kinds_of_tools() {
    let tools = tools();
    let gateway = gateway(clerk(), &tools, &[ASKED]).await;
    let script = Script::new(FROM, "+18005550199").with_steps([Step::say("book", audio("hibari_appt").unwrap())]);
    let report = gateway.simulator().call(script).await.unwrap();
    let session = gateway.session(&report.call_sid).await;
    assert_eq!(session.end_reason, "agent_hung_up", "by an act of the answer after the tools: {session:?}");
    let answer = turns(&session, Role::Agent)[1];
    assert_eq!(answer.text, "One moment. So open at nine and booked.");
    assert_eq!(calls(answer), [("hours", r#"{"day":"Friday"}"#), ("book", r#"{"at":"Friday"}"#)]);
    assert_eq!(outcomes(answer).len(), 2);
    assert!(answer.acts.contains(&Act::EndCall), "{:?}", answer.acts);
    // Each ran once, and a server would know the effect again.
    let runs = tools.begun();
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["hours", "book"]);
    assert_eq!(runs[1].idempotency_key(), format!("{}.{}.1", session.session_id, answer.id.0));
    let metrics = reqwest::get(gateway.operators_url("/metrics")).await.unwrap().text().await.unwrap();
    for line in [
        "redial_tool_runs_total{outcome=\"done\"} 2",
        "redial_tokens_total{what=\"input\"} 40",
        "redial_tokens_total{what=\"output\"} 5",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_does_not_undo_what_was_begun() {
    let agent = ScriptedAgent::new(|_, _| vec![tool("hours", "{}"), tool("book", "{}")]);
    // Long after the caller has gone, however slow this machine is.
    let late = Duration::from_secs(7);
    let tools = ScriptedTools::default().with("hours", Effect::ReadOnly, late, Ok("open at nine")).with(
        "book",
        Effect::SideEffect,
        late,
        Ok("booked"),
    );
    let gateway = gateway(agent, &tools, &[ASKED]).await;
    let mut script = Script::new(FROM, "+18005550199");
    script.steps = vec![Step::say("book", audio("hibari_appt").unwrap()), Step::Wait(Duration::from_secs(5))];
    script.steps.push(Step::HangUp(HangUp::Normal));
    let report = gateway.simulator().call(script).await.unwrap();
    let session = gateway.session(&report.call_sid).await;
    let answer = turns(&session, Role::Agent)[1];
    assert_eq!((answer.text.as_str(), calls(answer).len()), ("", 2), "{answer:?}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while tools.ended().is_empty() {
        assert!(Instant::now() < deadline, "the effect goes on to its end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ended: Vec<String> = tools.ended().into_iter().map(|run| run.name).collect();
    assert_eq!(ended, ["book"], "what only looks was dropped");
    assert_eq!(tools.begun().len(), 2, "and nothing ran again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_there_is_not_and_one_that_fails_are_told_to_the_agent() {
    let agent = ScriptedAgent::new(|_, prompt| {
        if prompt.cue == Cue::Tools {
            let failed = outcomes(prompt.history.last().unwrap())
                .into_iter()
                .filter(|outcome| matches!(outcome, ToolOutcome::Failed { .. }))
                .count();
            return vec![text(format!("{failed} of them failed."))];
        }
        vec![tool("no such tool", "{}"), tool("book", "{}")]
    });
    let tools = ScriptedTools::default().with("book", Effect::SideEffect, SOON, Err("all is taken"));
    let gateway = gateway(agent, &tools, &[ASKED]).await;
    let session = call(&gateway, [Step::say("book", audio("hibari_appt").unwrap())]).await;
    assert_eq!(texts(&session, Role::Agent)[1], "2 of them failed.");
    let answer = turns(&session, Role::Agent)[1];
    let reasons = outcomes(answer).into_iter().filter(|outcome| {
        matches!(outcome, ToolOutcome::Failed { reason } if reason.contains("all is taken") || reason.contains("no such tool"))
    });
    assert_eq!(reasons.count(), 2, "{answer:?}");
}
