//! The deliveries under way.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};
use tracing::error;

/// The deliveries under way.
#[derive(Default)]
pub(super) struct InFlight {
    tasks: JoinSet<()>,
    seqs: HashMap<Id, i64>,
}

impl InFlight {
    pub(super) fn start(&mut self, seq: i64, delivery: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(delivery);
        self.seqs.insert(task.id(), seq);
    }

    pub(super) fn count(&self) -> usize {
        self.seqs.len()
    }

    pub(super) fn has(&self, seq: i64) -> bool {
        self.seqs.values().any(|started| *started == seq)
    }

    /// Waits for one to end; for ever when there is none. Answers the number of one that died without noting anything.
    pub(super) async fn one_ended(&mut self) -> Option<i64> {
        match self.tasks.join_next_with_id().await {
            Some(Ok((task, ()))) => {
                self.seqs.remove(&task);
                None
            }
            Some(Err(error)) => {
                error!(%error, "a delivery died; it is tried again");
                self.seqs.remove(&error.id())
            }
            None => std::future::pending().await,
        }
    }

    pub(super) async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}
