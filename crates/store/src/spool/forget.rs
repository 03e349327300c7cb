//! Whoever is forgotten goes from this disk at once, and store and archive are told.

use std::time::Duration;

use redial_identity::{Caller, PhoneHash, UserId};

use super::user::{self, Forgotten};
use super::{PATIENCE, Spool, call_logs, outbox};
use crate::store::MemoryError;

impl Spool {
    /// Deletes what this instance holds of a user: journal, outbox, call logs; and queues the erasure in store and
    /// archive. On the disk when it answers, so that a crash does not undo it. Nothing of this user is queued again for
    /// 30 days.
    ///
    /// # Errors
    /// When the file cannot be used, or a call log not be deleted.
    pub async fn forget(&self, user: &UserId) -> Result<Forgotten, MemoryError> {
        self.forget_later_elsewhere(user, Duration::ZERO).await
    }

    /// The same, and store and archive are told not before `hold` has passed: for whoever erases there at once, wants to
    /// know what there was, and may die meanwhile.
    ///
    /// # Errors
    /// As for [`Spool::forget`].
    pub async fn forget_later_elsewhere(&self, user: &UserId, hold: Duration) -> Result<Forgotten, MemoryError> {
        let forgotten = self.purge(user, Some(hold)).await?;
        self.wake.notify_one();
        Ok(forgotten)
    }

    /// The same for a user whom somebody else has erased in the store. `tell`: store and archive do not know yet, and are
    /// told after this.
    pub(super) async fn purge(&self, user: &UserId, tell: Option<Duration>) -> Result<Forgotten, MemoryError> {
        let user = user.clone();
        let forgotten = self
            .database
            .ask(PATIENCE, move |rows| {
                let forgotten = user::forget(rows, &user, tell.is_some())?;
                if let Some(hold) = tell {
                    user::hold(rows, &user, hold)?;
                }
                Ok(forgotten)
            })
            .await?;
        let Some(data_dir) = &self.data_dir else { return Ok(forgotten) };
        let (mut deleted, mut failed) = (Vec::new(), None);
        for session_id in &forgotten.logs {
            match call_logs::delete(data_dir, session_id).await {
                Ok(()) => deleted.push(session_id.clone()),
                Err(error) => failed = Some(error), // its row stays, and so the next look at who was erased tries again
            }
        }
        self.database.ask(PATIENCE, move |rows| user::logs_deleted(rows, &deleted)).await?;
        failed.map_or(Ok(forgotten), Err)
    }

    /// Makes what this instance holds of a user that of another one, who has absorbed them.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn rename(&self, from: &UserId, into: &UserId) -> Result<(), MemoryError> {
        self.writer.flushed(PATIENCE).await;
        let (from, into) = (from.clone(), into.clone());
        self.database.ask(PATIENCE, move |rows| user::rename(rows, &from, &into)).await
    }

    /// Queues the erasure of whomever a number leads to, for a store that does not answer now. On the disk when it answers;
    /// nobody is erased before the store has told who it is.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn forget_number(&self, caller: &Caller, older: &[PhoneHash]) -> Result<(), MemoryError> {
        let (caller, older) = (caller.clone(), older.to_vec());
        self.database.ask(PATIENCE, move |rows| outbox::erase_number(rows, &caller, &older)).await?;
        self.wake.notify_one();
        Ok(())
    }
}
