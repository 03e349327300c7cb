//! The outbox, as rows: entries that wait, were delivered, or are dead.

use std::error::Error;
use std::time::Duration;

use rusqlite::{Row, params};
use tracing::error;

use super::super::directory::ERASED_FOR;
use super::super::hang_up::LONGEST_PAUSE_MS;
use super::super::model::Session;
use super::super::rules::{Records as _, expiry};
use super::super::sqlite::Rows;
use super::super::store::MemoryError;
use super::drain::SUMMARY_PATIENCE;
use super::{Forgotten, OpenCall, mark};
use crate::identity::{Caller, PhoneHash, UserId};

/// The body of an erasure of somebody who was erased before: where the store knows that, nothing is to be done.
pub(super) const ERASED_BEFORE: &str = "before";

/// Copies of one call that are looked at: one for each time that its stream broke, which is a few.
const MOST_COPIES: i64 = 32;

/// What an entry asks of whom it is delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Write a finished session, and fold it into the caller's profile.
    Session,
    /// Erase a user.
    Erase,
    /// Erase whomever a number leads to; the body holds its older hashes.
    EraseNumber,
    /// Let a model write a better summary of a session that is written.
    Summary,
    /// Offer a session that is written to the archive.
    Archive,
    /// Erase a user in the archive.
    EraseArchived,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Session, Self::Erase, Self::EraseNumber, Self::Summary, Self::Archive, Self::EraseArchived];

    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Erase => "erase",
            Self::EraseNumber => "erase_number",
            Self::Summary => "summary",
            Self::Archive => "archive",
            Self::EraseArchived => "erase_archived",
        }
    }

    /// A slow model or archive keeps no session waiting: they have lanes of their own.
    const fn lane(self) -> char {
        match self {
            Self::Session | Self::Erase | Self::EraseNumber => 's',
            Self::Summary => 'm',
            Self::Archive | Self::EraseArchived => 'a',
        }
    }
}

/// An entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number; later entries have higher ones.
    pub seq: i64,
    /// What is to be done.
    pub kind: Kind,
    /// Whose it is.
    pub caller: Caller,
    /// The session; empty for an erasure.
    pub sid: String,
    /// The session as JSON; of an erasure by number the older hashes, of another one empty, or why it is queued.
    pub body: String,
    /// Failed attempts so far.
    pub tries: u32,
    /// Not before this, Unix ms.
    pub next_at: u64,
    /// The instance that had the call, if it is known.
    pub instance: Option<String>,
    /// True once what follows from its delivery is queued.
    pub followed: bool,
}

/// An entry that cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Its number.
    pub seq: i64,
    /// What was to be done; `turn` for a turn whose row was damaged.
    pub kind: String,
    /// Whose it is.
    pub user_id: String,
    /// The session.
    pub sid: String,
    /// The session as JSON.
    pub body: String,
    /// Why, and the way out.
    pub reason: String,
    /// Since when, Unix ms.
    pub parked_at: u64,
}

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
    session: &Session,
    instance: &str,
) -> Result<(), MemoryError> {
    if rows.is_gone(&caller.user_id)? {
        return Ok(());
    }
    let body = serde_json::to_string(session)
        .map_err(|_| MemoryError::Refused("the session cannot be written as JSON".to_owned()))?;
    let same = "SELECT 1 FROM outbox WHERE sid = ?1 AND kind = 'session' AND crc = ?2 AND body = ?3";
    let crc = crc32fast::hash(body.as_bytes());
    if rows.one(same, params![session.chat_id, crc, body], |_| Ok(()))?.is_some() {
        return Ok(()); // written again after an answer that was lost
    }
    queue(rows, Kind::Session, caller, &session.chat_id, &body)?;
    rows.change(
        "UPDATE outbox SET instance = ?2 WHERE seq = ?1",
        params![rows.connection.last_insert_rowid(), instance],
    )?;
    Ok(())
}

/// Queues an entry.
pub(super) fn queue(rows: &Rows<'_>, kind: Kind, caller: &Caller, sid: &str, body: &str) -> Result<(), MemoryError> {
    let uid = caller.user_id.as_str();
    rows.change(
        "INSERT INTO outbox (lane, kind, uid, hash, sid, body, crc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            format!("{}:{uid}", kind.lane()),
            kind.as_str(),
            uid,
            caller.hash.as_ref().map(PhoneHash::as_str),
            sid,
            body,
            crc32fast::hash(body.as_bytes())
        ],
    )?;
    Ok(())
}

/// The first entries of their lanes that are due, erasures before all else, then those that were never tried. Damaged
/// ones are put aside.
///
/// In the order of an index each, so that the first few cost the same however many wait behind them.
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

/// The clock was set while the process ran, by so many ms: what waits waits as long as it would have, and what was
/// delivered is kept as long.
pub(super) fn follow_clock(rows: &Rows<'_>, jump_ms: i64) -> Result<(), MemoryError> {
    for sql in [
        "UPDATE outbox SET next_at = max(next_at + ?1, 0) WHERE delivered IS NULL AND next_at > 0",
        "UPDATE outbox SET delivered = max(delivered + ?1, 0) WHERE delivered IS NOT NULL",
    ] {
        rows.change(sql, params![jump_ms])?;
    }
    Ok(())
}

/// What is to wait longer than any pause does so because the clock was set back while no process ran: it is due. For the
/// same reason nothing was delivered later than now.
pub(super) fn catch_up_with_clock(rows: &Rows<'_>) -> Result<(), MemoryError> {
    rows.change(
        "UPDATE outbox SET next_at = 0 WHERE delivered IS NULL
         AND next_at > ?1 + CASE kind WHEN 'summary' THEN ?2 ELSE ?3 END",
        params![rows.now, LONGEST_PAUSE_MS * SUMMARY_PATIENCE, LONGEST_PAUSE_MS],
    )?;
    rows.change("UPDATE outbox SET delivered = ?1 WHERE delivered > ?1", params![rows.now])?;
    Ok(())
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
    Ok(rows.one(sql, params![rows.now], |row| row.get(0))?.flatten())
}

/// Who takes a delivery, as it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taker {
    /// The server.
    pub(super) server: String,
    /// How often one has forgotten.
    pub(super) generation: u64,
}

/// Notes a delivery, and what follows from it. `taker`: the server that took it, if it may forget and the entry stays for
/// the replay window; when another one answers by now, or it has forgotten, the entry goes there once more.
pub(super) fn delivered(
    rows: &Rows<'_>,
    entry: &Entry,
    taker: Option<&Taker>,
    follow_ups: &[Kind],
) -> Result<(), MemoryError> {
    if entry.kind == Kind::Session {
        let uid = entry.caller.user_id.as_str();
        rows.change("UPDATE log SET uid = ?2 WHERE sid = ?1 AND uid <> ?2", params![entry.sid, uid])?;
    }
    let known = match taker {
        None => rows.change("DELETE FROM outbox WHERE seq = ?1", params![entry.seq])?,
        Some(Taker { server: taken_by, generation })
            if server(rows)?.as_ref() == Some(taken_by) && mark::generation(rows)? == *generation =>
        {
            // As the user's whom it was delivered to.
            let uid = entry.caller.user_id.as_str();
            rows.change(
                "UPDATE outbox SET delivered = ?2, uid = ?3, lane = ?4 WHERE seq = ?1",
                params![entry.seq, rows.now, uid, format!("{}:{uid}", entry.kind.lane())],
            )?
        }
        Some(_) => rows.change("UPDATE outbox SET tries = 0, next_at = 0 WHERE seq = ?1", params![entry.seq])?,
    };
    if known > 0 && !follow_ups.is_empty() {
        rows.change("UPDATE outbox SET followed = 1 WHERE seq = ?1", params![entry.seq])?;
        for kind in follow_ups {
            queue(rows, *kind, &entry.caller, &entry.sid, &entry.body)?;
        }
    }
    Ok(())
}

/// Notes a failed attempt; the next one is not before `next_at`.
pub(super) fn failed(rows: &Rows<'_>, seq: i64, next_at: u64) -> Result<(), MemoryError> {
    rows.change("UPDATE outbox SET tries = tries + 1, next_at = ?2 WHERE seq = ?1", params![seq, next_at])?;
    Ok(())
}

/// Puts an entry aside that no retry would deliver.
pub(super) fn park(rows: &Rows<'_>, seq: i64, reason: &str) -> Result<(), MemoryError> {
    rows.change(
        "INSERT OR REPLACE INTO dead (seq, kind, uid, hash, sid, body, reason, parked)
         SELECT seq, kind, uid, hash, sid, body, ?2, ?3 FROM outbox WHERE seq = ?1",
        params![seq, reason, rows.now],
    )?;
    rows.change("DELETE FROM outbox WHERE seq = ?1", params![seq])?;
    Ok(())
}

/// Puts a turn aside whose row is damaged.
pub(super) fn put_aside_turn(rows: &Rows<'_>, sid: &str, uid: &str, doc: &str) -> Result<(), MemoryError> {
    metrics::counter!("redial_damaged_rows_total").increment(1);
    error!(session.id = sid, "a turn in the journal is damaged and is put aside; see `redial memory dead`");
    rows.change(
        "INSERT INTO dead (seq, kind, uid, sid, body, reason, parked)
         VALUES ((SELECT min(0, coalesce(min(seq), 0)) - 1 FROM dead), 'turn', ?1, ?2, ?3, ?4, ?5)",
        params![uid, sid, doc, "its checksum does not fit: the disk has changed it; check the disk", rows.now],
    )?;
    Ok(())
}

/// Entries that cannot be delivered.
pub(super) fn dead(rows: &Rows<'_>, limit: usize) -> Result<Vec<Dead>, MemoryError> {
    let sql = "SELECT seq, kind, uid, sid, body, reason, parked FROM dead ORDER BY parked, seq LIMIT ?1";
    rows.all(sql, params![as_limit(limit)], |row| {
        Ok(Dead {
            seq: row.get(0)?,
            kind: row.get(1)?,
            user_id: row.get(2)?,
            sid: row.get(3)?,
            body: row.get(4)?,
            reason: row.get(5)?,
            parked_at: row.get(6)?,
        })
    })
}

/// Queues a dead entry again.
pub(super) fn retry_dead(rows: &Rows<'_>, seq: i64) -> Result<bool, MemoryError> {
    let sql = "SELECT kind, uid, hash, sid, body FROM dead WHERE seq = ?1";
    let row = rows.one(sql, params![seq], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, Option<String>>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, String>(4)?,
        ))
    })?;
    let Some((kind, uid, hash, sid, body)) = row else { return Ok(false) };
    let Some(kind) = Kind::ALL.into_iter().find(|known| known.as_str() == kind) else {
        return Err(MemoryError::Refused("a damaged turn belongs to no queue; read it, then drop it".to_owned()));
    };
    queue(rows, kind, &caller(rows, &uid, hash)?, &sid, &body)?;
    drop_dead(rows, seq)
}

/// Throws a dead entry away.
pub(super) fn drop_dead(rows: &Rows<'_>, seq: i64) -> Result<bool, MemoryError> {
    Ok(rows.change("DELETE FROM dead WHERE seq = ?1", params![seq])? > 0)
}

/// What the copies of a session hold, newest first, for a call that goes on. Some are from before it was with another
/// instance, or were delivered.
pub(super) fn copies(rows: &Rows<'_>, sid: &str) -> Result<Vec<OpenCall>, MemoryError> {
    let sql = format!("{ENTRY} FROM outbox WHERE sid = ?1 AND kind = 'session' ORDER BY seq DESC LIMIT ?2");
    let mut copies = Vec::new();
    for stored in rows.all(&sql, params![sid, MOST_COPIES], Stored::read)? {
        // What is damaged is put aside when its turn comes.
        let Ok(entry) = stored.into_entry(rows) else { continue };
        let Ok(session) = serde_json::from_str::<Session>(&entry.body) else { continue };
        copies.push(OpenCall {
            sid: sid.to_owned(),
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

/// Sends everything again that was delivered within the replay window.
pub(super) fn replay(rows: &Rows<'_>) -> Result<usize, MemoryError> {
    rows.change("UPDATE outbox SET delivered = NULL, tries = 0, next_at = 0 WHERE delivered IS NOT NULL", [])
}

/// Queues the erasure of everybody who was erased lately, unless it is queued: a server that has forgotten may have them
/// again.
pub(super) fn erase_again(rows: &Rows<'_>) -> Result<usize, MemoryError> {
    let sql = "SELECT uid FROM gone WHERE expires > ?1 AND NOT EXISTS
               (SELECT 1 FROM outbox WHERE outbox.uid = gone.uid AND kind = 'erase')";
    let gone: Vec<String> = rows.all(sql, params![rows.now], |row| row.get(0))?;
    for uid in &gone {
        // What somebody has written there that is no id keeps no other from being erased.
        let Ok(user_id) = UserId::parse(uid) else { continue };
        queue(rows, Kind::Erase, &Caller { user_id, hash: None }, "", ERASED_BEFORE)?;
    }
    Ok(gone.len())
}

/// Lets everything that waits be tried at once.
pub(super) fn hurry(rows: &Rows<'_>) -> Result<(), MemoryError> {
    rows.change("UPDATE outbox SET next_at = 0 WHERE delivered IS NULL AND next_at > 0", [])?;
    Ok(())
}

/// Deletes what was delivered before a time, Unix ms.
pub(super) fn sweep(rows: &Rows<'_>, before: u64) -> Result<usize, MemoryError> {
    rows.change("DELETE FROM outbox WHERE delivered IS NOT NULL AND delivered < ?1", params![before])
}

/// The server that took the deliveries so far.
pub(super) fn server(rows: &Rows<'_>) -> Result<Option<String>, MemoryError> {
    rows.one("SELECT id FROM server", [], |row| row.get(0))
}

/// Notes the server that takes the deliveries from now on.
pub(super) fn set_server(rows: &Rows<'_>, id: &str) -> Result<(), MemoryError> {
    rows.change("INSERT OR REPLACE INTO server (one, id) VALUES (1, ?1)", params![id])?;
    Ok(())
}

/// The users of whom something is here.
pub(super) fn users(rows: &Rows<'_>) -> Result<Vec<UserId>, MemoryError> {
    let sql = "SELECT uid FROM outbox WHERE kind NOT LIKE 'erase%'
               UNION SELECT uid FROM call UNION SELECT uid FROM dead UNION SELECT uid FROM log";
    let uids: Vec<String> = rows.all(sql, [], |row| row.get(0))?;
    Ok(uids.iter().filter_map(|uid| UserId::parse(uid).ok()).collect())
}

/// Deletes everything of a user, and keeps more of it from coming. `tell`: the store and the archive are to erase them
/// as well.
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
    let logs = rows.all("SELECT sid FROM log WHERE uid = ?1", params![uid], |row| row.get(0))?;
    rows.change(
        "INSERT OR REPLACE INTO gone (uid, expires) VALUES (?1, ?2)",
        params![uid, expiry(rows.now, Some(ERASED_FOR))],
    )?;
    rows.leave_no_log();
    if tell {
        let caller = Caller { user_id: user.clone(), hash: None };
        queue(rows, Kind::Erase, &caller, "", "")?;
        queue(rows, Kind::EraseArchived, &caller, "", "")?;
    }
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Ok(Forgotten { calls: count(calls), turns: count(turns), entries: count(queued + dead), logs })
}

/// Makes what is here of a user another one's, who has absorbed them.
pub(super) fn rename(rows: &Rows<'_>, from: &UserId, into: &UserId) -> Result<(), MemoryError> {
    let users = params![from.as_str(), into.as_str()];
    for table in ["call", "log", "dead"] {
        rows.change(&format!("UPDATE {table} SET uid = ?2 WHERE uid = ?1"), users)?;
    }
    // The lane's first letter says what kind it is of. An erasure that was asked for stays about whom it was.
    rows.change(
        "UPDATE outbox SET uid = ?2, lane = substr(lane, 1, 2) || ?2
         WHERE uid = ?1 AND kind NOT LIKE 'erase%'",
        users,
    )?;
    Ok(())
}

/// Deletes the copies of a session, delivered or not.
pub(super) fn drop_session(rows: &Rows<'_>, sid: &str) -> Result<(), MemoryError> {
    rows.change("DELETE FROM outbox WHERE sid = ?1", params![sid])?;
    rows.change("DELETE FROM dead WHERE sid = ?1", params![sid])?;
    rows.leave_no_log();
    Ok(())
}

/// Queues the erasure of whomever a number leads to.
pub(super) fn erase_number(rows: &Rows<'_>, caller: &Caller, older: &[PhoneHash]) -> Result<(), MemoryError> {
    let older: Vec<&str> = older.iter().map(PhoneHash::as_str).collect();
    queue(rows, Kind::EraseNumber, caller, "", &serde_json::json!(older).to_string())
}

/// Lets what waits of a user wait that long.
pub(super) fn hold(rows: &Rows<'_>, user: &UserId, hold: Duration) -> Result<(), MemoryError> {
    let sql = "UPDATE outbox SET next_at = ?2 WHERE uid = ?1 AND delivered IS NULL";
    rows.change(sql, params![user.as_str(), if hold.is_zero() { 0 } else { expiry(rows.now, Some(hold)) }])?;
    Ok(())
}

/// Notes that call logs are deleted.
pub(super) fn logs_deleted(rows: &Rows<'_>, sids: &[String]) -> Result<(), MemoryError> {
    for sid in sids {
        rows.change("DELETE FROM log WHERE sid = ?1", params![sid])?;
    }
    if !sids.is_empty() {
        rows.leave_no_log();
    }
    Ok(())
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

/// A caller as stored.
pub(super) fn caller(rows: &Rows<'_>, uid: &str, hash: Option<String>) -> Result<Caller, MemoryError> {
    let user_id = rows.user_id(uid)?;
    Ok(Caller { user_id, hash: hash.and_then(|hash| PhoneHash::parse(&hash).ok()) })
}

const ENTRY: &str = "SELECT seq, kind, uid, hash, sid, body, crc, tries, next_at, instance, followed";

/// A row as it is, before it is believed.
struct Stored {
    seq: i64,
    kind: String,
    uid: String,
    hash: Option<String>,
    sid: String,
    body: String,
    crc: u32,
    tries: u32,
    next_at: u64,
    instance: Option<String>,
    followed: bool,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            kind: row.get(1)?,
            uid: row.get(2)?,
            hash: row.get(3)?,
            sid: row.get(4)?,
            body: row.get(5)?,
            crc: row.get(6)?,
            tries: row.get(7)?,
            next_at: row.get(8)?,
            instance: row.get(9)?,
            followed: row.get(10)?,
        })
    }

    fn into_entry(self, rows: &Rows<'_>) -> Result<Entry, MemoryError> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == self.kind);
        let sound = crc32fast::hash(self.body.as_bytes()) == self.crc;
        let Some(kind) = kind.filter(|_| sound) else {
            let reason = "its checksum does not fit: the disk has changed it; check the disk";
            return Err(MemoryError::WrongShape { key: self.seq.to_string(), advice: reason.to_owned() });
        };
        let caller = caller(rows, &self.uid, self.hash)?;
        let Self { seq, sid, body, tries, next_at, instance, followed, .. } = self;
        Ok(Entry { seq, kind, caller, sid, body, tries, next_at, instance, followed })
    }
}

/// Reads entries with a query that has the time and a limit as its parameters.
fn entries(rows: &Rows<'_>, sql: &str, limit: usize) -> Result<Vec<Entry>, MemoryError> {
    let stored = rows.all(sql, params![rows.now, as_limit(limit)], Stored::read)?;
    let mut entries = Vec::with_capacity(stored.len());
    for row in stored {
        let seq = row.seq;
        match row.into_entry(rows) {
            Ok(entry) => entries.push(entry),
            Err(fault) => {
                metrics::counter!("redial_damaged_rows_total").increment(1);
                error!(seq, error = &fault as &dyn Error, "an entry of the outbox is damaged and is put aside");
                park(rows, seq, &fault.to_string())?;
            }
        }
    }
    Ok(entries)
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
