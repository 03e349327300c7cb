//! The connection without a thread: an answer from another thread would come at a time that no simulation could repeat.

use std::path::PathBuf;
use std::time::Duration;

use redial_supervision::jitter;
use rusqlite::Connection;
use tokio::sync::Mutex;

use super::super::clock::Clock;
use super::super::store::MemoryError;
use super::rows::Rows;
use super::worker::{DbThread, LOG_ROWS, request, stopped};

/// Runs requests on the thread of whoever asks, one after the other, in the order in which they are made.
pub(super) struct Inline {
    thread: Mutex<DbThread>,
    /// The longest that a request takes, as tokio's clock has it.
    slowest: Duration,
}

impl Inline {
    /// On a connection that was swept just now.
    pub(super) fn start(connection: Connection, path: PathBuf, clock: Clock, slowest: Duration) -> Self {
        Self { thread: Mutex::new(DbThread::new(connection, path, clock)), slowest }
    }

    /// As the thread does, but a request that is dropped may not have run.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Rows<'_>) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let (job, answer) = request(work);
        let mut db = self.thread.lock().await;
        self.pause().await;
        db.run(vec![job]);
        db.move_log_from(LOG_ROWS);
        db.sweep_if_due();
        // Whoever asked may die in between: then it is on the disk, and nobody knows.
        self.pause().await;
        answer.await.map_err(|_| stopped())?
    }

    /// A repeatable share of half the longest time.
    async fn pause(&self) {
        if !self.slowest.is_zero() {
            tokio::time::sleep(self.slowest.mul_f64(jitter::share() / 2.0)).await;
        }
    }
}
