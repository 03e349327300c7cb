//! A server that has forgotten is found out by the mark that was left there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::super::{PATIENCE, mark, replay};
use super::Deliverer;
use crate::store::{Mark, MemoryError, ServerId};

/// A mark that does not move is renewed this often, so that it never expires.
const MARK_AGAIN: Duration = Duration::from_secs(3600);

impl Deliverer {
    /// Compares the mark at the server with the one that was left there; leaves a new one after deliveries. `marked_at`: when
    /// that was done last.
    pub(super) async fn look_at_mark(&self, marked_at: &mut Option<Instant>) -> Result<(), MemoryError> {
        let Some(ServerId(server)) = self.sinks.store.server().borrow().clone() else { return Ok(()) };
        // One that is another than before has been told all again, or is about to.
        let known = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let is_known = mark::server(rows)?.is_none_or(|known| known == server);
                is_known.then(|| mark::read(rows)).transpose()
            })
            .await?;
        let Some(known) = known else { return Ok(()) };
        let found = self.sinks.store.mark(&known.name).await?;
        if found == Mark::None {
            return Ok(());
        }
        let has_forgotten = known.is_contradicted_by(found);
        if has_forgotten {
            // On the disk before the next mark hides it.
            let entries = self.spool.database.ask(PATIENCE, |rows| replay::forgotten(rows)).await?;
            let mark_is_there = found != Mark::Missing;
            warn!(entries, mark_is_there, "the store has forgotten: what was delivered lately is sent again");
            self.spool.wake.notify_one();
        }
        let is_old = marked_at.is_none_or(|at| at.elapsed() > MARK_AGAIN);
        if self.has_news.swap(false, Ordering::Relaxed) || has_forgotten || found == Mark::Missing || is_old {
            let next = known.next();
            let marked = async {
                self.sinks.store.set_mark(&known.name, next).await?;
                self.spool.database.ask(PATIENCE, move |rows| mark::is_at(rows, next)).await
            };
            if let Err(error) = marked.await {
                self.has_news.store(true, Ordering::Relaxed);
                return Err(error);
            }
            *marked_at = Some(Instant::now());
        }
        Ok(())
    }
}
