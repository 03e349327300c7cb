//! What the agent is told of turns that it is not shown any more: a summary of the running call, made anew beside it.

use redial_call::Turn;
use redial_memory::rolling::Rolling;
use tokio::task::JoinHandle;

use super::task::finished;

/// The summary of one running call.
pub(super) struct Summary {
    rolling: Rolling,
    /// The next one, being made.
    making: Option<JoinHandle<Rolling>>,
}

impl Summary {
    /// `before`: what was said before the turns that are known.
    pub(super) const fn new(before: String) -> Self {
        Self { rolling: Rolling { text: before, through: None }, making: None }
    }

    pub(super) fn text(&self) -> &str {
        &self.rolling.text
    }

    /// Has it made anew when it is due, one at a time.
    pub(super) fn look_at(&mut self, turns: &[Turn], max_messages: usize) {
        if self.making.is_none() && self.rolling.is_due(turns, max_messages) {
            let (rolling, turns) = (self.rolling.clone(), turns.to_vec());
            self.making = Some(tokio::task::spawn_blocking(move || rolling.next(&turns)));
        }
    }

    /// Waits for the one that is being made; `None`: it panicked.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub(super) async fn next(&mut self) -> Option<Rolling> {
        finished(&mut self.making).await
    }

    pub(super) fn renew(&mut self, rolling: Rolling) {
        self.rolling = std::mem::take(&mut self.rolling).newer(rolling);
    }
}
