//! All that is here of a user, as rows: deleted, or made another user's.

use std::time::Duration;

use redial_identity::{Caller, UserId};
use redial_memory::session_id::SessionId;
use rusqlite::params;

use super::entry::Kind;
use super::entry_row::{HEAD, Head, seal};
use super::journal;
use super::outbox::queue;
use crate::directory::ERASED_FOR;
use crate::rules::expiry;
use crate::sqlite::{Rows, cells};
use crate::store::MemoryError;

/// What [`Spool::forget`](super::Spool::forget) took away on this instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Live calls' journals.
    pub calls: u64,
    /// Journaled turns.
    pub turns: u64,
    /// Entries that waited, were delivered lately, or were dead.
    pub entries: u64,
    /// Sessions whose call logs are now deleted.
    pub logs: Vec<SessionId>,
}

/// The users of whom something is here.
pub(super) fn users(rows: &Rows<'_>) -> Result<Vec<UserId>, MemoryError> {
    let sql = "SELECT uid FROM outbox WHERE kind NOT LIKE 'erase%'
               UNION SELECT uid FROM call UNION SELECT uid FROM dead UNION SELECT uid FROM log";
    let uids = rows.all(sql, [], |row| cells::bytes(row, 0))?;
    let uids = uids.iter().flatten().filter_map(|uid| str::from_utf8(uid).ok());
    Ok(uids.filter_map(|uid| UserId::parse(uid).ok()).collect())
}

/// Deletes everything of a user; what is written of them later is not kept. `tell`: their erasure in store and archive is
/// queued as well.
pub(super) fn forget(rows: &mut Rows<'_>, user: &UserId, tell: bool) -> Result<Forgotten, MemoryError> {
    let uid = user.as_str();
    let turns = rows.change("DELETE FROM turn WHERE sid IN (SELECT sid FROM call WHERE uid = ?1)", params![uid])?;
    let calls = rows.change("DELETE FROM call WHERE uid = ?1", params![uid])?;
    let queued = rows.change("DELETE FROM outbox WHERE uid = ?1 AND kind NOT LIKE 'erase%'", params![uid])?;
    // Told by somebody else, erasures of our own that are still to be delivered, or delivered again, stay. One by number
    // may be about others as well.
    if tell {
        rows.change("DELETE FROM outbox WHERE uid = ?1 AND kind IN ('erase', 'erase_archived')", params![uid])?;
    }
    let dead = rows.change("DELETE FROM dead WHERE uid = ?1", params![uid])?;
    let logs = logs_of(rows, user)?;
    rows.change(
        "INSERT OR REPLACE INTO gone (uid, expires) VALUES (?1, ?2)",
        params![uid, expiry(rows.now, Some(ERASED_FOR))],
    )?;
    rows.leave_no_log();
    if tell {
        let caller = Caller { user_id: user.clone(), hash: None };
        queue(rows, Kind::Erase, &caller, None, "")?;
        queue(rows, Kind::EraseArchived, &caller, None, "")?;
    }
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Ok(Forgotten { calls: count(calls), turns: count(turns), entries: count(queued + dead), logs })
}

/// Makes what is here of a user that of another one, into whom they were merged.
pub(super) fn rename(rows: &Rows<'_>, from: &UserId, into: &UserId) -> Result<(), MemoryError> {
    journal::rename(rows, from, into)?;
    let users = params![from.as_str(), into.as_str()];
    for table in ["log", "dead"] {
        rows.change(&format!("UPDATE {table} SET uid = ?2 WHERE uid = ?1"), users)?;
    }
    // An erasure that was asked for stays about whom it was; a damaged entry stays what it is.
    let sql = format!("{HEAD} FROM outbox WHERE uid = ?1 AND kind NOT LIKE 'erase%'");
    for head in rows.all(&sql, params![from.as_str()], Head::read)?.into_iter().filter(Head::is_sealed) {
        // The lane's first letter says what kind it is of.
        rows.change(
            "UPDATE outbox SET uid = ?2, lane = substr(lane, 1, 2) || ?2 WHERE seq = ?1",
            params![head.seq, into.as_str()],
        )?;
        seal(rows, head.seq)?;
    }
    Ok(())
}

/// The sessions of a user of which there are call logs.
pub(super) fn logs_of(rows: &Rows<'_>, user: &UserId) -> Result<Vec<SessionId>, MemoryError> {
    let session_ids =
        rows.all("SELECT sid FROM log WHERE uid = ?1", params![user.as_str()], |row| cells::session_id(row, 0))?;
    Ok(session_ids.into_iter().flatten().collect())
}

/// Nothing that waits of a user is tried before `hold` has passed.
pub(super) fn hold(rows: &Rows<'_>, user: &UserId, hold: Duration) -> Result<(), MemoryError> {
    let sql = "UPDATE outbox SET next_at = ?2 WHERE uid = ?1 AND delivered IS NULL";
    rows.change(sql, params![user.as_str(), if hold.is_zero() { 0 } else { expiry(rows.now, Some(hold)) }])?;
    Ok(())
}

/// Notes that call logs are deleted.
pub(super) fn logs_deleted(rows: &Rows<'_>, session_ids: &[SessionId]) -> Result<(), MemoryError> {
    for session_id in session_ids {
        rows.change("DELETE FROM log WHERE sid = ?1", params![session_id.as_str()])?;
    }
    if !session_ids.is_empty() {
        rows.leave_no_log();
    }
    Ok(())
}
