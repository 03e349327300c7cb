//! What the disk does not take goes to the store at once.

use std::error::Error;
use std::sync::Arc;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::super::disk_bypass::Finished;
use super::super::pauses::PAUSES;
use super::Deliverer;
use crate::store::MemoryError;

impl Deliverer {
    /// Delivers what the disk does not take. Beside the rest, which waits for the disk.
    pub(super) async fn deliver_disk_bypass(self: &Arc<Self>, stop: &CancellationToken) {
        let mut queue = self.spool.disk_bypass.queue().await;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(finished) = queue.recv() => {
                    tokio::spawn(Arc::clone(self).carry_disk_bypass(finished));
                }
            }
        }
    }

    /// Tries until the store has the session, or nobody waits for it any more. What follows from a delivery is queued
    /// when the disk has taken the session and it is delivered once more.
    async fn carry_disk_bypass(self: Arc<Self>, finished: Finished) {
        let Finished { caller, session, mut stored } = finished;
        let mut backoff = PAUSES;
        let delivery = async {
            loop {
                match self.deliver_session(caller.clone(), session.clone(), Some(self.spool.instance())).await {
                    Ok(_) => return Ok(()),
                    Err(MemoryError::Unavailable { .. }) => {
                        sleep(backoff.failed()).await;
                    }
                    Err(final_error) => return Err(final_error),
                }
            }
        };
        let delivered = tokio::select! {
            delivered = delivery => delivered,
            () = stored.closed() => return,
        };
        match delivered {
            Ok(()) => _ = stored.send(()),
            Err(error) => error!(
                call.sid = session.session_id.as_str(),
                error = &error as &dyn Error,
                "the store does not take a finished call; it is held until the disk does"
            ),
        }
    }
}
