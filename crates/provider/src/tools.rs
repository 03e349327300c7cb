//! Hands: what an agent may do beside talking.

use futures_util::future::BoxFuture;
use redial_call::{Effect, ToolCallId};
use redial_memory::session_id::SessionId;

/// The tools of an agent. Shared by all its calls.
pub trait Toolbox: Send + Sync {
    /// What there is.
    fn specs(&self) -> &[ToolSpec];

    /// Runs a tool. What only looks is dropped when its answer is not wanted any more; what changes the world is always polled to
    /// its end.
    fn run(&self, run: ToolRun) -> BoxFuture<'static, Result<String, ToolFailure>>;
}

/// A tool, as a model is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name, unique in a toolbox.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON schema of its arguments, an object.
    pub parameters: serde_json::Value,
    /// What running it means.
    pub effect: Effect,
}

/// One run of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRun {
    /// The session's id.
    pub session_id: SessionId,
    /// Which call of it.
    pub call: ToolCallId,
    /// The tool's name.
    pub name: String,
    /// A JSON object, as the model wrote it.
    pub arguments: String,
}

impl ToolRun {
    /// The same for every attempt at this run, and for no other one: what a server needs to do it once.
    pub fn idempotency_key(&self) -> String {
        format!("{}.{}.{}", self.session_id, self.call.turn.0, self.call.index)
    }
}

/// Why a tool did not do what it was asked, in words for the agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ToolFailure(pub String);

/// The toolbox of an agent that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTools;

impl Toolbox for NoTools {
    fn specs(&self) -> &[ToolSpec] {
        &[]
    }

    fn run(&self, run: ToolRun) -> BoxFuture<'static, Result<String, ToolFailure>> {
        Box::pin(std::future::ready(Err(ToolFailure(format!("there is no tool called {}", run.name)))))
    }
}
