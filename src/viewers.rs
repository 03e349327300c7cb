//! Who watches live calls: whatever happens in any of them, as it happens.

use std::time::Duration;

use redial_call::{Action, Event};
use redial_memory::session_id::SessionId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// What waits for the slowest viewer: some seconds of a few hundred calls. Who falls further behind misses the oldest of it.
const QUEUE: usize = 4096;

/// The way from all calls to all viewers. A call never waits for one.
#[derive(Debug, Clone)]
pub(crate) struct Viewers(broadcast::Sender<Seen>);

impl Default for Viewers {
    fn default() -> Self {
        Self(broadcast::Sender::new(QUEUE))
    }
}

impl Viewers {
    pub(crate) fn watch(&self) -> View {
        View(self.0.subscribe())
    }

    /// Shows what happens in a call, if anybody watches.
    pub(crate) fn show(&self, seen: impl FnOnce() -> Seen) {
        if self.0.receiver_count() > 0 {
            // Nobody may have stayed to see it.
            let _ = self.0.send(seen());
        }
    }
}

/// Something that happened in a live call. Holds what the caller says: for eyes that may see it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The session's id.
    pub session_id: SessionId,
    /// Since the call began.
    pub at: Duration,
    /// What it was.
    pub what: What,
}

/// What happens in a call.
#[derive(Debug, Clone)]
pub enum What {
    /// The core was told of it.
    Event(Event),
    /// The core wanted it done.
    Action(Action),
    /// The caller was erased. Nothing more of the call is shown, and what was shown of it is not to be kept.
    Forgotten,
}

/// All live calls, seen by one viewer.
#[derive(Debug)]
pub struct View(broadcast::Receiver<Seen>);

/// What a viewer sees next.
#[derive(Debug, Clone)]
pub enum Look {
    /// This happened.
    Seen(Box<Seen>),
    /// The viewer was too slow for so many things.
    Missed(u64),
}

impl View {
    /// The next thing to be seen. `None`: the gateway has stopped.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub async fn next(&mut self) -> Option<Look> {
        match self.0.recv().await {
            Ok(seen) => Some(Look::Seen(Box::new(seen))),
            Err(RecvError::Lagged(missed)) => Some(Look::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
