//! Hands that do as they are told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use redial_call::Effect;
use serde_json::json;
use tokio::time::sleep;

use crate::tools::{NoTools, ToolFailure, ToolRun, ToolSpec, Toolbox};

/// Tools that answer with fixed words, and note each run.
#[derive(Debug, Clone, Default)]
pub struct ScriptedTools {
    specs: Vec<ToolSpec>,
    tools: Vec<Tool>,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Clone)]
struct Tool {
    answer: Result<String, ToolFailure>,
    delay: Duration,
}

#[derive(Debug, Default)]
struct Log {
    begun: Vec<ToolRun>,
    ended: Vec<ToolRun>,
}

impl ScriptedTools {
    /// With one more tool, which answers after `delay`.
    #[must_use]
    pub fn with(mut self, name: &str, effect: Effect, delay: Duration, answer: Result<&str, &str>) -> Self {
        let parameters = json!({"type": "object"});
        self.specs.push(ToolSpec { name: name.to_owned(), description: name.to_owned(), parameters, effect });
        let answer = answer.map(str::to_owned).map_err(|why| ToolFailure(why.to_owned()));
        self.tools.push(Tool { answer, delay });
        self
    }

    /// The runs that have begun so far, oldest first.
    pub fn begun(&self) -> Vec<ToolRun> {
        self.lock().begun.clone()
    }

    /// The runs that have come to their end; those that were dropped have not.
    pub fn ended(&self) -> Vec<ToolRun> {
        self.lock().ended.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Toolbox for ScriptedTools {
    fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    fn run(&self, run: ToolRun) -> BoxFuture<'static, Result<String, ToolFailure>> {
        let Some(place) = self.specs.iter().position(|spec| spec.name == run.name) else { return NoTools.run(run) };
        let (Tool { answer, delay }, log) = (self.tools[place].clone(), self.clone());
        log.lock().begun.push(run.clone());
        async move {
            sleep(delay).await;
            log.lock().ended.push(run);
            answer
        }
        .boxed()
    }
}
