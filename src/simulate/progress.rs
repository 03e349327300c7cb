//! What happens on a simulated call, told while it goes on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something that happens on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A stream is open.
    Connected,
    /// The agent is heard, after a pause or for the first time.
    AgentSpeaks,
    /// The caller has said this, or was cut off in it.
    CallerSaid(&'a str),
}

/// Told what happens, and when it did since the call was placed. Called from the task of the call: it must not wait.
#[derive(Clone)]
pub struct Watcher(Arc<dyn Fn(Duration, Progress<'_>) + Send + Sync>);

impl Watcher {
    /// A watcher that calls this.
    pub fn new(watch: impl Fn(Duration, Progress<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(watch))
    }

    pub(super) fn tell(&self, at: Duration, progress: Progress<'_>) {
        (self.0)(at, progress);
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
