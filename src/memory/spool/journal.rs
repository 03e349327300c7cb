//! Live calls and their finished turns, as rows.

use std::time::{Duration, UNIX_EPOCH};

use rusqlite::params;

use super::super::model::{Message, Metadata, SCHEMA_VERSION, Session};
use super::super::sqlite::Rows;
use super::super::store::MemoryError;
use super::super::unite::{unite, unite_turns};
use super::outbox;
use crate::identity::{Caller, PhoneHash};

/// A call that was begun, with what was said in it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The session's id: the call's.
    pub sid: String,
    /// Whose call, as far as is known.
    pub caller: Caller,
    /// When the call began, Unix ms.
    pub started_at: u64,
    /// Names of the start event's custom parameters.
    pub parameters: Vec<String>,
    /// Finished turns, oldest first.
    pub turns: Vec<Message>,
    /// What was said before these, where only the newest were found; else empty.
    pub summary: String,
}

/// Nobody waits longer than this for a stream to come back.
const LONGEST_GAP_MS: u64 = 300_000;

impl OpenCall {
    /// How long the call has lasted at a time, Unix ms. A clock that was set meanwhile is not believed: it has lasted until
    /// the last turn ended, and the gap after it is no longer than anybody would wait.
    pub(crate) fn lasted(&self, now: u64) -> Duration {
        let last_turn = self.turns.iter().map(|message| message.turn.end_ms).max().unwrap_or(0);
        let by_the_clock = now.saturating_sub(self.started_at);
        Duration::from_millis(by_the_clock.clamp(last_turn, last_turn.saturating_add(LONGEST_GAP_MS)))
    }
}

/// Notes a call as kept by `instance`. What another caller has said under this id is closed first, as theirs; and so is
/// what this one has said, when the call goes on without it: its turns are numbered from 1 again.
pub(super) fn begin(rows: &Rows<'_>, call: &OpenCall, instance: &str) -> Result<(), MemoryError> {
    let other = |kept: &Kept| kept.call.caller.hash != call.caller.hash || !goes_on(&kept.call, call);
    if let Some(Kept { call, instance }) = read(rows, &call.sid)?.filter(other) {
        end(rows, &call.caller.clone(), &interrupted(call), &instance)?;
    }
    let parameters = serde_json::to_string(&call.parameters).unwrap_or_default();
    rows.change(
        "INSERT INTO call (sid, uid, hash, started, parameters, instance) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (sid) DO UPDATE SET uid = excluded.uid, hash = excluded.hash, instance = excluded.instance",
        params![
            call.sid,
            call.caller.user_id.as_str(),
            call.caller.hash.as_ref().map(PhoneHash::as_str),
            call.started_at,
            parameters,
            instance
        ],
    )?;
    for message in &call.turns {
        turn(rows, &call.sid, message)?;
    }
    Ok(())
}

/// Whether `call` has all that is kept of it, or is the same one noted twice, with turns since.
fn goes_on(open: &OpenCall, call: &OpenCall) -> bool {
    let place = |message: &Message| (message.turn.id, message.turn.start_ms);
    let has = |turn: &Message| call.turns.iter().any(|known| place(known) == place(turn));
    open.started_at == call.started_at && (call.turns.is_empty() || open.turns.iter().all(has))
}

/// Notes who the caller is.
pub(super) fn found(rows: &Rows<'_>, sid: &str, caller: &Caller) -> Result<(), MemoryError> {
    let hash = caller.hash.as_ref().map(PhoneHash::as_str);
    rows.change("UPDATE call SET uid = ?2, hash = ?3 WHERE sid = ?1", params![sid, caller.user_id.as_str(), hash])?;
    rows.change("UPDATE log SET uid = ?2 WHERE sid = ?1", params![sid, caller.user_id.as_str()])?;
    Ok(())
}

/// Notes that a call's words are written to a log as well.
pub(super) fn logged(rows: &Rows<'_>, sid: &str, caller: &Caller) -> Result<(), MemoryError> {
    rows.change("INSERT OR REPLACE INTO log (sid, uid) VALUES (?1, ?2)", params![sid, caller.user_id.as_str()])?;
    Ok(())
}

/// Keeps a turn of an open call. A call that is not open was closed, or its caller erased: nothing is kept then.
pub(super) fn turn(rows: &Rows<'_>, sid: &str, message: &Message) -> Result<(), MemoryError> {
    let doc = serde_json::to_string(message)
        .map_err(|_| MemoryError::Refused("the turn cannot be written as JSON".to_owned()))?;
    rows.change(
        "INSERT OR REPLACE INTO turn (sid, id, doc, crc) SELECT ?1, ?2, ?3, ?4
         WHERE EXISTS (SELECT 1 FROM call WHERE sid = ?1)",
        params![sid, row_of(rows, sid, message)?, doc, crc32fast::hash(doc.as_bytes())],
    )?;
    Ok(())
}

/// The number of a turn's row: its own; where another turn has that, as two instances may have given one number to
/// different turns, with the time when it was said before it.
fn row_of(rows: &Rows<'_>, sid: &str, message: &Message) -> Result<i64, MemoryError> {
    let (id, start_ms) = (i64::from(message.turn.id.0), message.turn.start_ms);
    let sql = "SELECT doc FROM turn WHERE sid = ?1 AND id = ?2";
    let kept = rows.one(sql, params![sid, id], |row| Ok(row.get_ref(0)?.as_bytes().unwrap_or_default().to_vec()))?;
    let is_it = |doc: Vec<u8>| serde_json::from_slice(&doc).is_ok_and(|kept: Message| kept.turn.start_ms == start_ms);
    if kept.is_none_or(is_it) {
        return Ok(id);
    }
    Ok((i64::try_from(start_ms).unwrap_or(i64::MAX).min(i64::from(i32::MAX)) << 32) | id)
}

/// An open call, with what was said in it. It stays with whoever has it until somebody begins it: a stream that is asked
/// for may never come.
pub(super) fn open_call(rows: &Rows<'_>, sid: &str) -> Result<Option<OpenCall>, MemoryError> {
    Ok(read(rows, sid)?.map(|kept| kept.call))
}

/// The instances that keep calls.
pub(super) fn instances(rows: &Rows<'_>) -> Result<Vec<String>, MemoryError> {
    rows.all("SELECT DISTINCT instance FROM call", [], |row| row.get(0))
}

/// Closes the calls that a dead instance has left: the session is what was said until then.
pub(super) fn close_all_of(rows: &Rows<'_>, instance: &str) -> Result<Vec<String>, MemoryError> {
    let sids: Vec<String> =
        rows.all("SELECT sid FROM call WHERE instance = ?1", params![instance], |row| row.get(0))?;
    for sid in &sids {
        if let Some(Kept { call, instance }) = read(rows, sid)? {
            end(rows, &call.caller.clone(), &interrupted(call), &instance)?;
        }
    }
    Ok(sids)
}

/// Ends a call of `instance` and queues its session, with all that is kept of it. One that goes on under this id, with
/// another instance or from another beginning, stays open; what was said in this one is queued all the same.
pub(super) fn close(rows: &Rows<'_>, caller: &Caller, session: &Session, instance: &str) -> Result<(), MemoryError> {
    let same = |kept: &Kept| {
        let Kept { call, instance: keeper } = kept;
        keeper == instance && (call.started_at, &call.caller.hash) == (session.started_at, &caller.hash)
    };
    match read(rows, &session.chat_id)?.filter(same) {
        Some(Kept { call, .. }) => {
            let conversation_history = unite(session, &interrupted(call)).conversation_history;
            end(rows, caller, &Session { conversation_history, ..session.clone() }, instance)
        }
        None => outbox::queue_session(rows, caller, session, instance),
    }
}

/// True while a call of this id goes on here.
pub(super) fn is_open(rows: &Rows<'_>, sid: &str) -> Result<bool, MemoryError> {
    Ok(rows.one("SELECT 1 FROM call WHERE sid = ?1", params![sid], |_| Ok(()))?.is_some())
}

/// Ends a call and queues its session, in the one transaction that `rows` is.
fn end(rows: &Rows<'_>, caller: &Caller, session: &Session, instance: &str) -> Result<(), MemoryError> {
    rows.change("DELETE FROM turn WHERE sid = ?1", params![session.chat_id])?;
    rows.change("DELETE FROM call WHERE sid = ?1", params![session.chat_id])?;
    outbox::queue_session(rows, caller, session, instance)
}

/// A call as it is kept.
struct Kept {
    call: OpenCall,
    instance: String,
}

fn read(rows: &Rows<'_>, sid: &str) -> Result<Option<Kept>, MemoryError> {
    let sql = "SELECT uid, hash, started, parameters, instance FROM call WHERE sid = ?1";
    let call = rows.one(sql, params![sid], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, Option<String>>(1)?,
            row.get::<_, u64>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, String>(4)?,
        ))
    })?;
    let Some((uid, hash, started_at, parameters, instance)) = call else { return Ok(None) };
    let caller = outbox::caller(rows, &uid, hash)?;
    let parameters = serde_json::from_str(&parameters).unwrap_or_default();
    let (sid, turns, summary) = (sid.to_owned(), turns(rows, sid, &uid)?, String::new());
    let call = OpenCall { sid, caller, started_at, parameters, turns, summary };
    Ok(Some(Kept { call, instance }))
}

/// The turns of a call, without those whose rows are damaged: these are put aside, and said.
fn turns(rows: &Rows<'_>, sid: &str, uid: &str) -> Result<Vec<Message>, MemoryError> {
    let sql = "SELECT id, doc, crc FROM turn WHERE sid = ?1 ORDER BY id";
    let stored = rows
        .all(sql, params![sid], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?)))?;
    let mut turns = Vec::with_capacity(stored.len());
    for (id, doc, crc) in stored {
        let message = (crc32fast::hash(doc.as_bytes()) == crc).then(|| serde_json::from_str(&doc).ok()).flatten();
        match message {
            Some(message) => turns.push(message),
            None => {
                outbox::put_aside_turn(rows, sid, uid, &doc)?;
                rows.change("DELETE FROM turn WHERE sid = ?1 AND id = ?2", params![sid, id])?;
            }
        }
    }
    // In their order, which is not that of the rows where two instances have numbered turns alike.
    Ok(unite_turns(&turns, &[]))
}

fn interrupted(call: OpenCall) -> Session {
    let lasted = call.turns.iter().map(|message| message.turn.end_ms).max().unwrap_or(0);
    let ended_at = call.started_at.saturating_add(lasted);
    let end = UNIX_EPOCH.checked_add(Duration::from_millis(ended_at)).unwrap_or(UNIX_EPOCH);
    Session {
        chat_id: call.sid,
        conversation_history: call.turns,
        last_update: humantime::format_rfc3339_millis(end).to_string(),
        metadata: Metadata { last_event_type: "none".to_owned(), payload_keys: call.parameters },
        v: SCHEMA_VERSION,
        user_id: call.caller.user_id.as_str().to_owned(),
        started_at: call.started_at,
        ended_at,
        end_reason: "gateway_restart".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use redial_call::{Role, Turn, TurnId, Via};

    use super::*;
    use crate::identity::UserId;

    #[test]
    fn a_call_that_goes_on_after_the_clock_was_set_has_lasted_as_long_as_it_has() {
        const STARTED: u64 = 1_763_690_000_000;
        let turn = Turn {
            id: TurnId(1),
            role: Role::Caller,
            via: Via::Voice,
            text: "Hello".to_owned(),
            cut: String::new(),
            never_sent: String::new(),
            start_ms: 59_000,
            end_ms: 60_000,
        };
        let caller = Caller { user_id: UserId::parse("u_a").unwrap(), hash: None };
        let (sid, parameters, summary) = ("CA1".to_owned(), Vec::new(), String::new());
        let turns = vec![Message { turn }];
        let call = OpenCall { sid, caller, started_at: STARTED, parameters, turns, summary };
        let lasted_s = |clock_ms| call.lasted(STARTED.saturating_add_signed(clock_ms)).as_secs();
        assert_eq!(lasted_s(75_000), 75);
        assert_eq!(lasted_s(75_000 - 3_600_000), 60, "not before what was said");
        assert_eq!(lasted_s(75_000 + 3_600_000), 360, "not so long that the call would have to end");
    }
}
