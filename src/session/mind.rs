//! One call's mind: opened for who calls, and asked for one answer at a time.

use std::future::pending;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use redial_call::{ReplyEnd, TurnId};
use redial_language::sentences::Sentences;
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, AgentContext, AgentSession, Delta, Prompt};

use crate::calls::Lookup;

/// One call's mind, and the answer that it is giving.
pub(super) struct Mind {
    agent: Arc<dyn Agent>,
    /// Opened once it is known who calls, or needed.
    session: Option<Box<dyn AgentSession>>,
    context: AgentContext,
    pub(super) reply: Option<Reply>,
}

/// An answer under way.
pub(super) struct Reply {
    pub(super) turn: TurnId,
    deltas: BoxStream<'static, Result<Delta, ProviderError>>,
    pub(super) sentences: Sentences,
    pub(super) end: ReplyEnd,
}

impl Mind {
    pub(super) fn new(agent: Arc<dyn Agent>, context: AgentContext) -> Self {
        Self { agent, session: None, context, reply: None }
    }

    /// It is known who calls. A mind that was opened before, for a stranger, is not theirs: the history is not its own either.
    pub(super) fn know(&mut self, found: &Lookup) {
        if let Some(known) = &found.known {
            self.context.profile = known.profile.clone();
        }
        self.context.level = found.level;
        self.context.emergency.clone_from(&found.emergency);
        self.session = None;
    }

    /// Opens it before it is needed.
    pub(super) fn warm(&mut self) {
        self.session.get_or_insert_with(|| self.agent.open(self.context.clone()));
    }

    /// What is remembered of the caller, as far as is known.
    pub(super) const fn context(&self) -> &AgentContext {
        &self.context
    }

    /// The caller was erased: nothing of them is known any more.
    pub(super) fn forget(&mut self) {
        let (tools, emergency) = (Arc::clone(&self.context.tools), self.context.emergency.clone());
        self.context = AgentContext { tools, emergency, ..AgentContext::default() };
        self.session = None;
    }

    pub(super) fn ask(&mut self, turn: TurnId, prompt: Prompt) {
        let session = self.session.get_or_insert_with(|| self.agent.open(self.context.clone()));
        let deltas = session.reply(prompt);
        self.reply = Some(Reply { turn, deltas, sentences: Sentences::default(), end: ReplyEnd::Listen });
    }

    /// Drops the answer of this turn.
    pub(super) fn cancel(&mut self, turn: TurnId) {
        if self.reply.as_ref().is_some_and(|reply| reply.turn == turn) {
            self.reply = None;
        }
    }

    /// The next piece of the answer. `None`: it has ended, whole or not.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Delta, ProviderError>> {
        match &mut self.reply {
            Some(reply) => reply.deltas.next().await,
            None => pending().await,
        }
    }
}
