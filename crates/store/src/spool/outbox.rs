//! The outbox, as rows: entries that wait, or were delivered.

use redial_identity::{Caller, PhoneHash};
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use rusqlite::params;

use super::entry::{Entry, Kind};
use super::entry_row::{ENTRY, Stored, head_of, seal};
use super::open_call::OpenCall;
use super::{dead, mark};
use crate::rules::Records as _;
use crate::sqlite::{Rows, cells};
use crate::store::MemoryError;

/// Copies of one call that are looked at: one for each time that its stream broke, which is a few.
const MOST_COPIES: i64 = 32;

/// How much the outbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolFigures {
    /// Calls in the journal.
    pub open_calls: u64,
    /// Entries to be delivered.
    pub waiting: u64,
    /// Entries that were, kept for the replay window.
    pub delivered: u64,
    /// Entries that cannot be.
    pub dead: u64,
    /// Bytes of the file that are in use; where callers are remembered in the same file, that is counted too.
    pub bytes: u64,
}

/// Queues a finished session of a call that `instance` had, unless its user was erased, or the same one waits already.
pub(super) fn queue_session(
    rows: &Rows<'_>,
    caller: &Caller,
    session: &SessionDoc,
    instance: Option<&str>,
) -> Result<(), MemoryError> {
    if rows.is_gone(&caller.user_id)? {
        return Ok(());
    }
    let body = serde_json::to_string(session)
        .map_err(|_| MemoryError::Refused("the session cannot be written as JSON".to_owned()))?;
    let same = "SELECT 1 FROM outbox WHERE sid = ?1 AND kind = 'session' AND crc = ?2 AND body = ?3";
    let crc = crc32fast::hash(body.as_bytes());
    if rows.one(same, params![session.session_id.as_str(), crc, body], |_| Ok(()))?.is_some() {
        return Ok(()); // written again after an answer that was lost
    }
    insert(rows, Kind::Session, caller, Some(&session.session_id), &body, instance)
}

/// Queues an entry.
pub(super) fn queue(
    rows: &Rows<'_>,
    kind: Kind,
    caller: &Caller,
    session_id: Option<&SessionId>,
    body: &str,
) -> Result<(), MemoryError> {
    insert(rows, kind, caller, session_id, body, None)
}

fn insert(
    rows: &Rows<'_>,
    kind: Kind,
    caller: &Caller,
    session_id: Option<&SessionId>,
    body: &str,
    instance: Option<&str>,
) -> Result<(), MemoryError> {
    let uid = caller.user_id.as_str();
    let hash = caller.hash.as_ref().map(PhoneHash::as_str);
    let session_id = session_id.map_or("", SessionId::as_str);
    rows.change(
        "INSERT INTO outbox (lane, kind, uid, hash, sid, body, crc, instance) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            kind.lane_of(uid),
            kind.as_str(),
            uid,
            hash,
            session_id,
            body,
            crc32fast::hash(body.as_bytes()),
            instance
        ],
    )?;
    seal(rows, rows.connection.last_insert_rowid())
}

/// The entries that are due and first in their lanes: erasures before all else, then those that were never tried. Damaged
/// ones are put aside.
///
/// Each of the two queries goes along an index, so that it costs the same however many entries wait.
pub(super) fn due(rows: &Rows<'_>, limit: usize) -> Result<Vec<Entry>, MemoryError> {
    let first_of_lanes = |which: &str, order: &str| {
        format!(
            "{ENTRY} FROM outbox o WHERE delivered IS NULL AND {which} AND next_at <= ?1 AND NOT EXISTS
               (SELECT 1 FROM outbox b WHERE b.lane = o.lane AND b.delivered IS NULL AND b.seq < o.seq)
             ORDER BY {order} LIMIT ?2"
        )
    };
    let mut due = entries(rows, &first_of_lanes("kind = 'erase'", "seq"), limit)?;
    let room = limit.saturating_sub(due.len());
    due.extend(entries(rows, &first_of_lanes("kind <> 'erase'", "next_at, seq"), room)?);
    Ok(due)
}

/// All entries that wait.
pub(super) fn waiting(rows: &Rows<'_>, limit: usize) -> Result<Vec<Entry>, MemoryError> {
    entries(
        rows,
        &format!("{ENTRY} FROM outbox WHERE delivered IS NULL AND ?1 IS NOT NULL ORDER BY seq LIMIT ?2"),
        limit,
    )
}

/// When the next entry is due, Unix ms.
pub(super) fn next_due(rows: &Rows<'_>) -> Result<Option<u64>, MemoryError> {
    let sql = "SELECT min(next_at) FROM outbox o WHERE delivered IS NULL AND next_at > ?1";
    Ok(rows.one(sql, params![rows.now], |row| cells::whole(row, 0))?.flatten().and_then(|at| u64::try_from(at).ok()))
}

/// Who takes a delivery, as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taker {
    /// The server.
    pub(super) server: String,
    /// How often one has forgotten.
    pub(super) generation: u64,
}

/// Notes a delivery, and queues what follows from it.
///
/// `taker`: the server that took the entry; `None`: no server can forget it, and it is deleted. Otherwise it is kept for the
/// replay window, and delivered once more if another server answers by now, or if this one has forgotten meanwhile.
pub(super) fn delivered(
    rows: &Rows<'_>,
    entry: &Entry,
    taker: Option<&Taker>,
    follow_ups: &[Kind],
) -> Result<(), MemoryError> {
    if let (Kind::Session, Some(session_id)) = (entry.kind, &entry.session_id) {
        let uid = entry.caller.user_id.as_str();
        rows.change("UPDATE log SET uid = ?2 WHERE sid = ?1 AND uid <> ?2", params![session_id.as_str(), uid])?;
    }
    let is_sound = head_of(rows, entry.seq)?.is_some_and(|head| head.is_sealed());
    let known = match taker {
        None => rows.change("DELETE FROM outbox WHERE seq = ?1", params![entry.seq])?,
        Some(Taker { server: taken_by, generation })
            if mark::server(rows)?.as_ref() == Some(taken_by) && mark::generation(rows)? == *generation =>
        {
            // As the user's whom it was delivered to.
            let uid = entry.caller.user_id.as_str();
            rows.change(
                "UPDATE outbox SET delivered = ?2, uid = ?3, lane = ?4 WHERE seq = ?1",
                params![entry.seq, rows.now, uid, entry.kind.lane_of(uid)],
            )?
        }
        Some(_) => rows.change("UPDATE outbox SET tries = 0, next_at = 0 WHERE seq = ?1", params![entry.seq])?,
    };
    if known > 0 && !follow_ups.is_empty() {
        rows.change("UPDATE outbox SET followed = 1 WHERE seq = ?1", params![entry.seq])?;
        for kind in follow_ups {
            queue(rows, *kind, &entry.caller, entry.session_id.as_ref(), &entry.body)?;
        }
    }
    // What has changed under way stays seen.
    if is_sound { seal(rows, entry.seq) } else { Ok(()) }
}

/// Notes a failed attempt; the next one is not before `next_at`.
pub(super) fn failed(rows: &Rows<'_>, seq: i64, next_at: u64) -> Result<(), MemoryError> {
    rows.change("UPDATE outbox SET tries = tries + 1, next_at = ?2 WHERE seq = ?1", params![seq, next_at])?;
    Ok(())
}

/// The copies of a session, newest first, as calls that can go on. Delivered ones are among them.
pub(super) fn copies(rows: &Rows<'_>, session_id: &SessionId) -> Result<Vec<OpenCall>, MemoryError> {
    let sql = format!("{ENTRY} FROM outbox WHERE sid = ?1 AND kind = 'session' ORDER BY seq DESC LIMIT ?2");
    let mut copies = Vec::new();
    for stored in rows.all(&sql, params![session_id.as_str(), MOST_COPIES], Stored::read)? {
        // What is damaged is put aside when its turn comes.
        let Some(entry) = stored.into_entry() else { continue };
        let Ok(session) = serde_json::from_str::<SessionDoc>(&entry.body) else { continue };
        copies.push(OpenCall {
            session_id: session_id.clone(),
            caller: entry.caller,
            started_at: session.started_at,
            parameters: session.metadata.payload_keys,
            turns: session.conversation_history,
            summary: String::new(),
        });
    }
    Ok(copies)
}

/// Sessions and erasures that wait.
pub(super) fn pending_sessions(rows: &Rows<'_>) -> Result<u64, MemoryError> {
    let sql = "SELECT count(*) FROM outbox WHERE delivered IS NULL AND kind IN ('session', 'erase', 'erase_number')";
    Ok(rows.one(sql, [], |row| row.get(0))?.unwrap_or(0))
}

/// Lets everything that waits be tried at once.
pub(super) fn make_due(rows: &Rows<'_>) -> Result<(), MemoryError> {
    rows.change("UPDATE outbox SET next_at = 0 WHERE delivered IS NULL AND next_at > 0", [])?;
    Ok(())
}

/// Deletes what was delivered before a time, Unix ms.
pub(super) fn sweep(rows: &Rows<'_>, before: u64) -> Result<usize, MemoryError> {
    rows.change("DELETE FROM outbox WHERE delivered IS NOT NULL AND delivered < ?1", params![before])
}

/// Deletes the copies of a session, delivered or not.
pub(super) fn drop_session(rows: &Rows<'_>, session_id: &SessionId) -> Result<(), MemoryError> {
    rows.change("DELETE FROM outbox WHERE sid = ?1", params![session_id.as_str()])?;
    rows.change("DELETE FROM dead WHERE sid = ?1", params![session_id.as_str()])?;
    rows.leave_no_log();
    Ok(())
}

/// Queues the erasure of whomever a number leads to.
pub(super) fn erase_number(rows: &Rows<'_>, caller: &Caller, older: &[PhoneHash]) -> Result<(), MemoryError> {
    let older: Vec<&str> = older.iter().map(PhoneHash::as_str).collect();
    queue(rows, Kind::EraseNumber, caller, None, &serde_json::json!(older).to_string())
}

/// How much there is.
pub(super) fn figures(rows: &Rows<'_>) -> Result<SpoolFigures, MemoryError> {
    let sql = "SELECT (SELECT count(*) FROM call),
                      (SELECT count(*) FROM outbox WHERE delivered IS NULL),
                      (SELECT count(*) FROM outbox WHERE delivered IS NOT NULL),
                      (SELECT count(*) FROM dead),
                      (SELECT (page_count - freelist_count) * page_size
                       FROM pragma_page_count, pragma_freelist_count, pragma_page_size)";
    let figures = rows.one(sql, [], |row| {
        Ok(SpoolFigures {
            open_calls: row.get(0)?,
            waiting: row.get(1)?,
            delivered: row.get(2)?,
            dead: row.get(3)?,
            bytes: row.get(4)?,
        })
    })?;
    Ok(figures.unwrap_or_default())
}

/// Reads entries with a query that has the time and a limit as its parameters. Those that are damaged are put aside, and
/// what waited behind them is looked for at once.
fn entries(rows: &Rows<'_>, sql: &str, limit: usize) -> Result<Vec<Entry>, MemoryError> {
    loop {
        let stored = rows.all(sql, params![rows.now, cells::limit(limit)], Stored::read)?;
        let (mut entries, mut damaged) = (Vec::with_capacity(stored.len()), false);
        for row in stored {
            let (seq, session_id) = (row.head.seq, row.head.session_id.clone());
            match row.into_entry() {
                Some(entry) => entries.push(entry),
                None => {
                    dead::tell("an entry of the outbox", &session_id);
                    dead::park(rows, seq, dead::DAMAGED)?;
                    damaged = true;
                }
            }
        }
        if !damaged {
            return Ok(entries);
        }
    }
}
