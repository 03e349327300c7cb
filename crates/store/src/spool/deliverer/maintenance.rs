//! What is done every few seconds beside the deliveries: the disk is looked at, old entries go, and so does what is here of
//! callers who were erased elsewhere.

use std::error::Error;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::super::user::{self, Forgotten};
use super::super::{PATIENCE, mark, outbox, pauses};
use super::Deliverer;
use crate::store::{MemoryError, ServerId};

/// How often the outbox is swept and erasures elsewhere are looked for.
const CHORES_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked whether the data directory is there, and whether the server has forgotten.
const LOOK_AROUND_EVERY: Duration = Duration::from_secs(2);

/// A clock that is off by less than this was not set: the disk was slow.
const JUMP_MS: u64 = 10_000;

/// Share of the file's greatest size at which an alarm is raised.
const ALARM_AT: f64 = 0.8;

impl Deliverer {
    /// Looks around, sweeps, and looks for erasures elsewhere.
    pub(super) async fn maintain(&self, stop: &CancellationToken) {
        let (mut chores_at, mut marked_at) = (Instant::now(), None);
        loop {
            if let Some(home) = &self.spool.home {
                home.look();
            }
            if Instant::now() >= chores_at {
                self.chores().await;
                chores_at = Instant::now() + CHORES_EVERY;
            }
            if let Err(error) = self.look_at_mark(&mut marked_at).await {
                debug!(error = &error as &dyn Error, "whether the store's server has forgotten cannot be found out");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(LOOK_AROUND_EVERY) => (),
            }
        }
    }

    /// What is done every few seconds.
    async fn chores(&self) {
        if let Err(error) = self.sweep().await {
            warn!(error = &error as &dyn Error, "the outbox cannot be swept");
        }
        if let Err(error) = self.forget_the_erased().await {
            warn!(error = &error as &dyn Error, "whether callers were erased elsewhere cannot be found out");
        }
    }

    /// Keeps nothing of callers whom another process has erased in the store.
    async fn forget_the_erased(&self) -> Result<(), MemoryError> {
        let mut users = self.spool.database.ask(PATIENCE, |rows| user::users(rows)).await?;
        users.extend(self.sinks.live.users());
        if users.is_empty() || self.sinks.store.server().borrow().is_none() {
            return Ok(());
        }
        for user in self.sinks.store.erased_among(&users).await? {
            self.sinks.live.forget(&user);
            match self.spool.purge(&user, None).await {
                Ok(Forgotten { calls, turns, entries, logs }) => {
                    let call_logs = logs.len();
                    info!(calls, turns, entries, call_logs, "a caller was erased elsewhere; nothing is kept here");
                }
                // The others' go all the same, and this one's the next time.
                Err(error) => warn!(error = &error as &dyn Error, "what is left of an erased caller cannot be deleted"),
            }
        }
        Ok(())
    }

    /// Deletes what was delivered before the replay window, but only while the server that took it answers: it may come back
    /// as another one that has nothing of it. A file that is too large lets go of all that was delivered.
    ///
    /// The window is counted in time that has passed; a clock that was set is followed.
    async fn sweep(&self) -> Result<(), MemoryError> {
        let clock = Arc::clone(&self.clock);
        let answers = self.sinks.store.server().borrow().clone().map(|ServerId(id)| id);
        let (replay, max) = (self.spool.settings.replay, self.spool.settings.max_bytes);
        let window = u64::try_from(replay.as_millis()).unwrap_or(u64::MAX);
        let figures = self
            .spool
            .database
            .ask(PATIENCE, move |rows| {
                let seen = (rows.now, Instant::now());
                // Here, so that it is followed once, whether or not the answer is waited for. Nobody panics while it is locked.
                let before = clock.lock().unwrap_or_else(PoisonError::into_inner).replace(seen);
                if let Some(jump_ms) = before.and_then(|before| jump(before, seen)) {
                    warn!(
                        jump_ms,
                        "the clock was set; what waits and what was delivered go by the time that has passed"
                    );
                    pauses::follow_clock(rows, jump_ms)?;
                }
                pauses::catch_up_with_clock(rows)?;
                // What another one took is sent to this one first.
                if answers.is_some() && mark::server(rows)? == answers {
                    outbox::sweep(rows, rows.now.saturating_sub(window))?;
                }
                let figures = outbox::figures(rows)?;
                if figures.bytes > max {
                    outbox::sweep(rows, u64::MAX >> 1)?;
                }
                Ok(figures)
            })
            .await?;
        metrics::gauge!("redial_outbox_waiting").set(figures.waiting as f64);
        metrics::gauge!("redial_outbox_dead").set(figures.dead as f64);
        metrics::gauge!("redial_spool_bytes").set(figures.bytes as f64);
        if figures.bytes as f64 > max as f64 * ALARM_AT {
            error!(
                bytes = figures.bytes,
                limit_bytes = max,
                waiting = figures.waiting,
                "the outbox is filling up: nothing is dropped, but the store must come back or the disk will be full"
            );
        }
        Ok(())
    }
}

/// By how many ms the clock was set between two looks at it, if it was.
fn jump(before: (u64, Instant), now: (u64, Instant)) -> Option<i64> {
    let passed = u64::try_from(now.1.saturating_duration_since(before.1).as_millis()).ok()?;
    let expected = before.0.saturating_add(passed);
    if now.0.abs_diff(expected) < JUMP_MS {
        return None;
    }
    i64::try_from(now.0).ok()?.checked_sub(i64::try_from(expected).ok()?)
}
