//! The built-in agent: an answering service that takes a message in a few turns. It needs no model, and takes over in
//! mid-call when a model fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use redial_call::{Act, Part, Role, Turn, TurnId, Via};
use redial_memory::greeting::{GreetingLevel, sayable_name};
use redial_memory::talk::{Evidence, Talk};
use redial_provider::ProviderError;
use redial_provider::agent::{Agent, AgentContext, AgentSession, Delta, Finish, Prompt};
use redial_provider::meaning::Embed;

use crate::responder::{Answer, Responder};
use crate::understanding::understand;

/// So many turns of the caller's are understood at once, the latest: more only wait where this agent takes over from one that does
/// not say what it understood. A turn of ours has room for 32 acts, and each is one of them.
const UNDERSTOOD_AT_ONCE: usize = 8;

/// The agent that needs no model of language, only a small net that knows what sentences mean. The same context and prompt always
/// give the same answer.
#[derive(Clone)]
pub struct BuiltIn {
    embed: Arc<dyn Embed>,
}

impl BuiltIn {
    /// The agent over that net.
    pub fn new(embed: Arc<dyn Embed>) -> Self {
        Self { embed }
    }
}

impl Agent for BuiltIn {
    fn open(&self, context: AgentContext) -> Box<dyn AgentSession> {
        Box::new(self.desk(context))
    }
}

impl BuiltIn {
    pub(crate) fn desk(&self, context: AgentContext) -> Desk {
        Desk { context: Arc::new(context), embed: Arc::clone(&self.embed) }
    }
}

/// The built-in agent in one call.
#[derive(Clone)]
pub(crate) struct Desk {
    context: Arc<AgentContext>,
    embed: Arc<dyn Embed>,
}

impl AgentSession for Desk {
    fn reply(&mut self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ProviderError>> {
        let desk = self.clone();
        stream::once(async move { desk.answer(&prompt).await }).flat_map(|deltas| stream::iter(deltas).map(Ok)).boxed()
    }
}

impl Desk {
    async fn answer(&self, prompt: &Prompt) -> Vec<Delta> {
        // A caller greeted as a stranger is one, whatever is stored under the number.
        let known_as =
            (self.context.level > GreetingLevel::Neutral).then(|| sayable_name(&self.context.profile)).flatten();
        let understood = self.understand(&prompt.history, known_as.as_deref()).await;
        let talk = Talk::of(&prompt.history, Evidence::Acts, &understood);
        let Answer { text, acts } = Responder::new(talk, known_as.as_deref(), &self.context, prompt).answer();
        let understood = understood.into_iter().map(|(turn, parts)| Act::Understood { turn, parts });
        let before = understood.map(Delta::Act);
        let after = acts.into_iter().map(Delta::Act);
        before.chain([Delta::Text(text)]).chain(after).chain([Delta::End(Finish::Done)]).collect()
    }

    /// What was said since an agent last told what it took turns for.
    async fn understand(&self, history: &[Turn], known_as: Option<&str>) -> BTreeMap<TurnId, Vec<Part>> {
        let told = |id: TurnId| {
            let mut acts = history.iter().flat_map(|turn| &turn.acts);
            acts.any(|act| matches!(act, Act::Understood { turn, .. } if *turn == id))
        };
        let speaks = |turn: &Turn| turn.role == Role::Caller && turn.via == Via::Voice && !turn.text.trim().is_empty();
        let new = history.iter().enumerate().filter(|(_, turn)| speaks(turn) && !told(turn.id));
        let latest: Vec<(usize, &Turn)> = new.rev().take(UNDERSTOOD_AT_ONCE).collect();
        let mut understood = BTreeMap::new();
        for (at, turn) in latest.into_iter().rev() {
            let before = Talk::of(&history[..at], Evidence::Acts, &understood);
            let parts = understand(&turn.text, before.asked.as_ref(), known_as, self.embed.as_ref()).await;
            understood.insert(turn.id, parts);
        }
        understood
    }
}
