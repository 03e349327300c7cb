//! The built-in agent behind any other: it answers when the other one fails before it has said anything.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, Delta, Prompt};

use super::builtin::BuiltIn;

/// An agent that does not fail at the start of an answer.
pub struct WithBuiltIn {
    first: Arc<dyn Agent>,
}

impl WithBuiltIn {
    /// Puts the built-in agent behind this one.
    pub fn new(first: Arc<dyn Agent>) -> Self {
        Self { first }
    }
}

impl Agent for WithBuiltIn {
    fn reply(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>> {
        let answer = self.first.reply(prompt.clone());
        stream::once(async move { BuiltIn::unless_it_speaks(answer, prompt).await }).flatten().boxed()
    }
}

impl BuiltIn {
    /// The answer, if it begins with words; else the built-in one. A failure after the first words is passed on: what was
    /// said cannot be taken back.
    async fn unless_it_speaks(
        mut answer: BoxStream<'static, Result<Delta, ProviderError>>,
        prompt: Prompt,
    ) -> BoxStream<'static, Result<Delta, ProviderError>> {
        match answer.next().await {
            Some(Ok(first)) => stream::once(async move { Ok(first) }).chain(answer).boxed(),
            Some(Err(error)) => {
                metrics::counter!("redial_agent_fallbacks_total").increment(1);
                tracing::warn!(%error, "the built-in agent takes over");
                Self.reply(prompt)
            }
            None => {
                metrics::counter!("redial_agent_fallbacks_total").increment(1);
                tracing::warn!("the agent said nothing; the built-in agent takes over");
                Self.reply(prompt)
            }
        }
    }
}
