//! The built-in agent behind any other: it answers when the other one fails before it has said or done anything.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, AgentContext, AgentSession, Delta, Prompt};

use super::builtin::{BuiltIn, Desk};

/// An agent that does not fail at the start of an answer.
pub struct WithBuiltIn {
    first: Arc<dyn Agent>,
    built_in: BuiltIn,
}

impl WithBuiltIn {
    /// Puts the built-in agent behind this one.
    pub fn new(first: Arc<dyn Agent>, built_in: BuiltIn) -> Self {
        Self { first, built_in }
    }
}

impl Agent for WithBuiltIn {
    fn open(&self, context: AgentContext) -> Box<dyn AgentSession> {
        Box::new(Both { first: self.first.open(context.clone()), desk: self.built_in.desk(context) })
    }
}

struct Both {
    first: Box<dyn AgentSession>,
    desk: Desk,
}

impl AgentSession for Both {
    fn reply(&mut self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>> {
        let answer = self.first.reply(prompt.clone());
        let desk = self.desk.clone();
        stream::once(unless_it_speaks(answer, desk, prompt)).flatten().boxed()
    }
}

/// The answer, if it says or does something; else the built-in one. A failure after that is passed on: what was said cannot be taken
/// back.
async fn unless_it_speaks(
    mut answer: BoxStream<'static, Result<Delta, ProviderError>>,
    mut desk: Desk,
    prompt: Prompt,
) -> BoxStream<'static, Result<Delta, ProviderError>> {
    let mut before = Vec::new();
    loop {
        match answer.next().await {
            Some(Ok(usage @ Delta::Usage(_))) => before.push(Ok(usage)),
            Some(Ok(Delta::Text(text))) if text.trim().is_empty() => (), // none of it is said
            Some(Ok(first @ (Delta::Text(_) | Delta::Act(_) | Delta::ToolCall { .. }))) => {
                before.push(Ok(first));
                return stream::iter(before).chain(answer).boxed();
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "the built-in agent takes over");
                break;
            }
            Some(Ok(Delta::End(_))) | None => {
                tracing::warn!("the agent said nothing; the built-in agent takes over");
                break;
            }
        }
    }
    metrics::counter!("redial_agent_fallbacks_total").increment(1);
    stream::iter(before).chain(desk.reply(prompt)).boxed()
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use futures_util::{FutureExt as _, TryStreamExt as _};
    use redial_call::Cue;
    use redial_provider::agent::{Finish, Usage};
    use redial_provider::conformance;
    use redial_provider::meaning::Embed;
    use redial_provider::scripted::ScriptedAgent;

    use super::*;

    /// A net that never answers.
    struct Broken;

    impl Embed for Broken {
        fn embed(&self, _: Vec<String>) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ProviderError>> {
            async { Err(ProviderError::Overloaded) }.boxed()
        }
    }

    fn built_in() -> BuiltIn {
        BuiltIn::new(Arc::new(Broken))
    }

    async fn answer(first: ScriptedAgent) -> Vec<Delta> {
        let prompt = Prompt { before: String::new(), history: Vec::new(), cue: Cue::Answer };
        let agent = WithBuiltIn::new(Arc::new(first), built_in());
        agent.open(AgentContext::default()).reply(prompt).try_collect().await.expect("no failure")
    }

    fn says_something(deltas: &[Delta]) -> bool {
        let text = deltas.iter().any(|delta| matches!(delta, Delta::Text(text) if !text.is_empty()));
        text && matches!(deltas.last(), Some(Delta::End(Finish::Done)))
    }

    #[tokio::test]
    async fn the_built_in_agent_alone_and_behind_another_does_what_every_agent_does() {
        conformance::agent::check(&built_in()).await;
        for first in [ScriptedAgent::saying("Hello."), ScriptedAgent::new(|_, _| Vec::new()).breaking_off()] {
            conformance::agent::check(&WithBuiltIn::new(Arc::new(first), built_in())).await;
        }
    }

    #[tokio::test]
    async fn who_says_something_answers_alone() {
        let said = answer(ScriptedAgent::saying("Hello.")).await;
        assert_eq!(said, [Delta::Text("Hello.".to_owned()), Delta::End(Finish::Done)]);
        let call = Delta::ToolCall { name: "hours".to_owned(), arguments: "{}".to_owned() };
        let calls = call.clone();
        let called = answer(ScriptedAgent::new(move |_, _| vec![calls.clone()])).await;
        assert_eq!(called, [call, Delta::End(Finish::Done)], "a call of a tool is something");
    }

    #[tokio::test]
    async fn who_says_nothing_or_fails_is_covered_and_what_it_cost_is_still_told() {
        let usage = Delta::Usage(Usage { input_tokens: 7, output_tokens: 0 });
        let cost = usage.clone();
        let refused = ScriptedAgent::new(move |_, _| {
            vec![Delta::Text(" ".to_owned()), cost.clone(), Delta::End(Finish::Refused)]
        });
        let said = answer(refused.clone()).await;
        assert_eq!(said[0], usage);
        assert!(says_something(&said), "{said:?}");
        for broken in [ScriptedAgent::new(|_, _| Vec::new()), ScriptedAgent::new(|_, _| Vec::new()).breaking_off()] {
            let said = answer(broken).await;
            assert!(says_something(&said), "{said:?}");
        }
    }

    #[tokio::test]
    async fn a_failure_in_mid_answer_is_passed_on() {
        let agent = WithBuiltIn::new(Arc::new(ScriptedAgent::saying("Hello.").breaking_off()), built_in());
        let prompt = Prompt { before: String::new(), history: Vec::new(), cue: Cue::Answer };
        let all: Vec<_> = agent.open(AgentContext::default()).reply(prompt).collect().await;
        assert!(matches!(&all[..], [Ok(Delta::Text(_)), Err(_)]), "{all:?}");
    }
}
