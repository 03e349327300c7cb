//! What was delivered lately goes out again: the store's server has forgotten it, or is another one.

use redial_identity::{Caller, UserId};
use rusqlite::params;

use super::entry::Kind;
use super::outbox::queue;
use crate::sqlite::Rows;
use crate::store::MemoryError;

/// The body of an erasure of somebody who was erased before: where the store knows that, nothing is to be done.
pub(super) const ERASED_BEFORE: &str = "before";

/// Queues all again that was delivered within the replay window, and the erasure of everybody who was erased lately: the
/// server has forgotten, or is another one. Answers how many entries that are. No mark is expected there until the next
/// one is left.
pub(super) fn forgotten(rows: &Rows<'_>) -> Result<usize, MemoryError> {
    rows.change("UPDATE mark SET expected = 0, generation = generation + 1", [])?;
    let replayed = replay(rows)?;
    Ok(replayed + erase_again(rows)?)
}

/// Sends everything again that was delivered within the replay window.
fn replay(rows: &Rows<'_>) -> Result<usize, MemoryError> {
    rows.change("UPDATE outbox SET delivered = NULL, tries = 0, next_at = 0 WHERE delivered IS NOT NULL", [])
}

/// Queues the erasure of everybody who was erased lately, unless it is queued: a server that has forgotten may have them
/// again.
fn erase_again(rows: &Rows<'_>) -> Result<usize, MemoryError> {
    let sql = "SELECT uid FROM gone WHERE expires > ?1 AND NOT EXISTS
               (SELECT 1 FROM outbox WHERE outbox.uid = gone.uid AND kind = 'erase')";
    let gone: Vec<String> = rows.all(sql, params![rows.now], |row| row.get(0))?;
    for uid in &gone {
        // What somebody has written there that is no id keeps no other from being erased.
        let Ok(user_id) = UserId::parse(uid) else { continue };
        queue(rows, Kind::Erase, &Caller { user_id, hash: None }, None, ERASED_BEFORE)?;
    }
    Ok(gone.len())
}
