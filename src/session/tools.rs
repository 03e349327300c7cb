//! The tools that run for a call. What only looks goes with the call; what changes the world goes on to its end.

use std::collections::HashMap;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use redial_call::{Effect, ToolCallId, ToolOutcome, ToolRequest};
use redial_provider::tools::{ToolFailure, ToolRun, ToolSpec, Toolbox};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::task::TaskTracker;

/// The longest answer of a tool that is kept, in bytes: history goes to the model whole, and is kept with the call.
const MAX_RESULT_BYTES: usize = 8192;

/// A call's tools. There are at most as many runs as the core allows in a turn, and those of earlier turns that are not over.
pub(super) struct RunningTools {
    toolbox: Arc<dyn Toolbox>,
    /// Waited for at shutdown.
    tasks: TaskTracker,
    runs: JoinSet<(ToolCallId, ToolOutcome)>,
    /// The runs that may be dropped.
    looks: HashMap<ToolCallId, AbortHandle>,
}

impl RunningTools {
    pub(super) fn new(toolbox: Arc<dyn Toolbox>, tasks: TaskTracker) -> Self {
        Self { toolbox, tasks, runs: JoinSet::new(), looks: HashMap::new() }
    }

    /// What there is, for the agent.
    pub(super) fn specs(&self) -> &[ToolSpec] {
        self.toolbox.specs()
    }

    /// What the agent wants, with what running it means. Whether it changes the world is the toolbox's to say, not the model's; a tool
    /// that there is not only looks, and fails.
    pub(super) fn request(&self, name: String, arguments: String) -> ToolRequest {
        let spec = self.specs().iter().find(|spec| spec.name == name);
        let effect = spec.map_or(Effect::ReadOnly, |spec| spec.effect);
        ToolRequest { name, arguments, effect }
    }

    /// Must be called on a tokio runtime.
    pub(super) fn run(&mut self, run: ToolRun) {
        let call = run.call;
        let ToolRequest { name, effect, .. } = self.request(run.name.clone(), String::new());
        let work = AssertUnwindSafe(self.toolbox.run(run)).catch_unwind();
        let handle = self.runs.spawn(self.tasks.track_future(async move {
            let (outcome, label) = match work.await {
                Ok(Ok(result)) => (ToolOutcome::Done { result: shortened(result) }, "done"),
                Ok(Err(ToolFailure(reason))) => (ToolOutcome::Failed { reason: shortened(reason) }, "failed"),
                Err(_) => (ToolOutcome::Failed { reason: "the tool broke".to_owned() }, "panicked"),
            };
            metrics::counter!("redial_tool_runs_total", "outcome" => label).increment(1);
            tracing::info!(tool = name, turn = call.turn.0, index = call.index, outcome = label, "a tool has returned");
            (call, outcome)
        }));
        if effect == Effect::ReadOnly {
            self.looks.insert(call, handle);
        }
    }

    /// Drops a run that only looks.
    pub(super) fn cancel(&mut self, call: ToolCallId) {
        if let Some(run) = self.looks.remove(&call) {
            run.abort();
        }
    }

    /// The next tool that has returned.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub(super) async fn next(&mut self) -> (ToolCallId, ToolOutcome) {
        loop {
            match self.runs.join_next().await {
                Some(Ok((call, outcome))) => {
                    self.looks.remove(&call);
                    return (call, outcome);
                }
                Some(Err(_)) => (), // it was cancelled
                None => pending().await,
            }
        }
    }
}

impl Drop for RunningTools {
    fn drop(&mut self) {
        for run in self.looks.values() {
            run.abort();
        }
        self.runs.detach_all();
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_RESULT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_RESULT_BYTES));
        text.push_str(" […]");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::BoxFuture;
    use redial_call::TurnId;
    use redial_memory::session_id::SessionId;
    use redial_provider::scripted::ScriptedTools;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    fn run(name: &str, index: u32) -> ToolRun {
        let call = ToolCallId { turn: TurnId(3), index };
        ToolRun { session_id: SessionId::named("CA1"), call, name: name.to_owned(), arguments: "{}".to_owned() }
    }

    fn tools() -> ScriptedTools {
        ScriptedTools::default().with("hours", Effect::ReadOnly, SOON, Ok("9 to 5")).with(
            "book",
            Effect::SideEffect,
            SOON,
            Ok("booked"),
        )
    }

    fn running(tools: &ScriptedTools) -> (RunningTools, TaskTracker) {
        let tasks = TaskTracker::new();
        (RunningTools::new(Arc::new(tools.clone()), tasks.clone()), tasks)
    }

    #[tokio::test(start_paused = true)]
    async fn each_run_returns_once() {
        let (mut running, _) = running(&tools());
        running.run(run("hours", 0));
        running.run(run("none such", 1));
        let failed = running.next().await;
        assert!(matches!(failed, (ToolCallId { index: 1, .. }, ToolOutcome::Failed { .. })), "{failed:?}");
        let done = running.next().await;
        assert_eq!(done.1, ToolOutcome::Done { result: "9 to 5".to_owned() });
        assert!(timeout(HOUR, running.next()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_looks_can_be_dropped_and_what_changes_the_world_cannot() {
        let tools = tools();
        let (mut running, _) = running(&tools);
        running.run(run("hours", 0));
        running.run(run("book", 1));
        running.cancel(run("hours", 0).call);
        running.cancel(run("book", 1).call);
        assert_eq!(running.next().await.1, ToolOutcome::Done { result: "booked".to_owned() });
        assert!(timeout(HOUR, running.next()).await.is_err());
        assert_eq!(tools.ended(), [run("book", 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_call_is_over_what_changes_the_world_goes_on_and_is_waited_for() {
        let tools = tools();
        let (mut running, tasks) = running(&tools);
        running.run(run("hours", 0));
        running.run(run("book", 1));
        drop(running);
        tasks.close();
        tasks.wait().await;
        assert_eq!(tools.ended(), [run("book", 1)]);
    }

    #[tokio::test]
    async fn a_tool_that_panics_has_failed_and_a_long_answer_is_cut() {
        struct Odd;
        impl Toolbox for Odd {
            fn specs(&self) -> &[ToolSpec] {
                &[]
            }
            fn run(&self, run: ToolRun) -> BoxFuture<'static, Result<String, ToolFailure>> {
                Box::pin(async move {
                    assert_ne!(run.name, "breaks", "as it does");
                    Ok("é".repeat(MAX_RESULT_BYTES))
                })
            }
        }
        let mut running = RunningTools::new(Arc::new(Odd), TaskTracker::new());
        running.run(run("breaks", 0));
        assert_eq!(running.next().await.1, ToolOutcome::Failed { reason: "the tool broke".to_owned() });
        running.run(run("talks", 1));
        let (_, ToolOutcome::Done { result }) = running.next().await else { panic!("it answered") };
        assert_eq!(result, format!("{} […]", "é".repeat(MAX_RESULT_BYTES / 2)));
    }
}
