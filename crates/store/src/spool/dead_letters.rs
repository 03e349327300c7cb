//! What cannot be delivered, for whoever decides about it.

use super::dead::{self, Dead};
use super::{PATIENCE, Spool, retry};
use crate::store::MemoryError;

impl Spool {
    /// The entries that cannot be delivered, oldest first.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn dead(&self, limit: usize) -> Result<Vec<Dead>, MemoryError> {
        self.database.ask(PATIENCE, move |rows| dead::list(rows, limit)).await
    }

    /// One of the entries that cannot be delivered.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn dead_entry(&self, seq: i64) -> Result<Option<Dead>, MemoryError> {
        self.database.ask(PATIENCE, move |rows| dead::one(rows, seq)).await
    }

    /// Puts a dead entry back into the queue. False: there is none of this number.
    ///
    /// # Errors
    /// [`MemoryError::Refused`] when it is damaged beyond what could be delivered, or a turn. When the file cannot be used.
    pub async fn retry_dead(&self, seq: i64) -> Result<bool, MemoryError> {
        let retried = self.database.ask(PATIENCE, move |rows| retry::retry(rows, seq)).await?;
        self.wake.notify_one();
        Ok(retried)
    }

    /// Throws a dead entry away. False: there is none of this number.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn drop_dead(&self, seq: i64) -> Result<bool, MemoryError> {
        self.database.ask(PATIENCE, move |rows| dead::drop_one(rows, seq)).await
    }
}
