//! A mind that answers as it is told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;

use super::failure;
use crate::ProviderError;
use crate::agent::{Agent, AgentContext, AgentSession, Delta, Finish, Prompt};

type Answers = dyn Fn(&AgentContext, &Prompt) -> Vec<Delta> + Send + Sync;

/// Answers what a function makes of the question.
#[derive(Clone)]
pub struct ScriptedAgent {
    answers: Arc<Answers>,
    delay: Duration,
    breaks_off: bool,
}

impl ScriptedAgent {
    /// Answers with what `answers` gives, each piece at once, and with [`Delta::End`] behind it unless that is its own last.
    pub fn new(answers: impl Fn(&AgentContext, &Prompt) -> Vec<Delta> + Send + Sync + 'static) -> Self {
        Self { answers: Arc::new(answers), delay: Duration::ZERO, breaks_off: false }
    }

    /// Answers everything with the same words.
    pub fn saying(text: &str) -> Self {
        let text = text.to_owned();
        Self::new(move |_, _| vec![Delta::Text(text.clone())])
    }

    /// Takes `delay` before each piece.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Fails where the answer would end.
    #[must_use]
    pub fn breaking_off(self) -> Self {
        Self { breaks_off: true, ..self }
    }
}

impl Agent for ScriptedAgent {
    fn open(&self, context: AgentContext) -> Box<dyn AgentSession> {
        Box::new(Session { agent: self.clone(), context })
    }
}

struct Session {
    agent: ScriptedAgent,
    context: AgentContext,
}

impl AgentSession for Session {
    fn reply(&mut self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>> {
        let mut deltas: Vec<_> = (self.agent.answers)(&self.context, &prompt).into_iter().map(Ok).collect();
        if self.agent.breaks_off {
            deltas.push(Err(failure()));
        } else if !matches!(deltas.last(), Some(Ok(Delta::End(_)))) {
            deltas.push(Ok(Delta::End(Finish::Done)));
        }
        let delay = self.agent.delay;
        let late = move |delta| async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            delta
        };
        stream::iter(deltas).then(late).boxed()
    }
}
