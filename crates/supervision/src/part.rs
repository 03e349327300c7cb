//! Something that must not end, and how it does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;

/// Deaths in a row after which a part counts as one that cannot be kept up. It is still started again.
const FAILING_AFTER: u32 = 3;
/// A part that has run for so long since its last death is well again.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// The pauses before a part is started again.
const RESTARTS: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(5));

/// A thread or a task that is to run until it is stopped.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    name: &'static str,
    is_vital: bool,
}

impl Part {
    /// A part without which no calls may be taken. `name` is its label in metrics and logs.
    pub const fn vital(name: &'static str) -> Self {
        Self { name, is_vital: true }
    }

    /// A part that callers would not miss.
    pub const fn helpful(name: &'static str) -> Self {
        Self { name, is_vital: false }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// How a part does. Clones are of the same part.
#[derive(Debug, Clone)]
pub struct Condition {
    part: Part,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    restarts: Backoff,
    /// `None`: it has died, and is not started again yet.
    running_since: Option<Instant>,
}

impl Condition {
    /// A part that is about to start.
    pub fn of(part: Part) -> Self {
        let state = State { restarts: RESTARTS, running_since: None };
        Self { part, state: Arc::new(Mutex::new(state)) }
    }

    /// Its part.
    pub const fn part(&self) -> Part {
        self.part
    }

    /// The part is vital and does not stay up: it died three times in a row, and has not run for ten seconds since.
    pub fn is_failing(&self) -> bool {
        let state = self.lock();
        self.part.is_vital && state.restarts.failures() >= FAILING_AFTER && !state.is_well()
    }

    pub(crate) fn started(&self) {
        self.lock().running_since = Some(Instant::now());
    }

    /// Counts a death. Answers how long to wait before the part is started again.
    pub(crate) fn died(&self, of: &str) -> Duration {
        let pause = {
            let mut state = self.lock();
            if state.is_well() {
                state.restarts.succeeded();
            }
            state.running_since = None;
            state.restarts.failed()
        };
        let part = self.part.name;
        metrics::counter!("redial_restarts_total", "part" => part).increment(1);
        tracing::error!(part, error = of, "a part of this program has died and is started again");
        pause
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is of one value.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_well(&self) -> bool {
        self.running_since.is_some_and(|since| since.elapsed() >= WELL_AFTER)
    }
}
