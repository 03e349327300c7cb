//! Live calls and their finished turns, as rows.

use redial_identity::{Caller, PhoneHash, UserId, is_id};
use redial_memory::merge_copies::{merge_copies, merge_turns};
use redial_memory::model::{LATEST_MS, Message, SessionDoc};
use redial_memory::session_id::SessionId;
use rusqlite::{Row, params};

use super::dead::{self, Aside, AsideCall, DAMAGED};
use super::open_call::{OpenCall, time};
use super::{outbox, sealed};
use crate::sqlite::{Rows, cells};
use crate::store::MemoryError;

/// Notes a call as kept by `instance`.
///
/// What is kept under this id is closed first if it is another caller's, or if `call` does not go on with it: its turns are
/// numbered from 1 again.
pub(super) fn begin(rows: &Rows<'_>, call: &OpenCall, instance: &str) -> Result<(), MemoryError> {
    let other = |kept: &Kept| kept.call.caller.hash != call.caller.hash || !goes_on(&kept.call, call);
    let mut known = None;
    match read(rows, &call.session_id)? {
        Some(kept) if other(&kept) => {
            end(rows, &kept.call.caller.clone(), &kept.call.interrupted(), &kept.instance)?;
        }
        // The names of its parameters stay: whoever takes a call up may not know them.
        Some(kept) => known = Some(kept.call.parameters),
        None => (),
    }
    let parameters = known.as_ref().unwrap_or(&call.parameters);
    put(rows, &call.session_id, &call.caller, call.started_at, parameters, instance)?;
    for message in &call.turns {
        turn(rows, &call.session_id, message)?;
    }
    Ok(())
}

/// Whether `call` goes on with what is kept: it has all those turns, or is the same call noted a second time.
fn goes_on(open: &OpenCall, call: &OpenCall) -> bool {
    let place = |message: &Message| (message.turn.id, message.turn.start_ms);
    let has = |turn: &Message| call.turns.iter().any(|known| place(known) == place(turn));
    open.started_at == call.started_at && (call.turns.is_empty() || open.turns.iter().all(has))
}

/// Notes who the caller is. A row that is damaged stays so, and is put aside with what is said until the call is over.
pub(super) fn found(rows: &Rows<'_>, session_id: &SessionId, caller: &Caller) -> Result<(), MemoryError> {
    if let Some(Head { started_at, parameters, instance, .. }) = head_of(rows, session_id)?.and_then(Stored::sound) {
        put(rows, session_id, caller, started_at, &parameters, &instance)?;
    }
    rows.change("UPDATE log SET uid = ?2 WHERE sid = ?1", params![session_id.as_str(), caller.user_id.as_str()])?;
    Ok(())
}

/// Notes that a call's words are written to a log as well.
pub(super) fn logged(rows: &Rows<'_>, session_id: &SessionId, caller: &Caller) -> Result<(), MemoryError> {
    rows.change(
        "INSERT OR REPLACE INTO log (sid, uid) VALUES (?1, ?2)",
        params![session_id.as_str(), caller.user_id.as_str()],
    )?;
    Ok(())
}

/// Keeps a turn of an open call. A call that is not open was closed, or its caller erased: nothing is kept then.
pub(super) fn turn(rows: &Rows<'_>, session_id: &SessionId, message: &Message) -> Result<(), MemoryError> {
    let doc = serde_json::to_string(message)
        .map_err(|_| MemoryError::Refused("the turn cannot be written as JSON".to_owned()))?;
    let (row, crc) = (row_of(rows, session_id, message)?, i64::from(crc32fast::hash(doc.as_bytes())));
    rows.change(
        "INSERT OR REPLACE INTO turn (sid, id, doc, crc, sum) SELECT ?1, ?2, ?3, ?4, ?5
         WHERE EXISTS (SELECT 1 FROM call WHERE sid = ?1)",
        params![session_id.as_str(), row, doc, crc, sum_of_turn(session_id.as_str().as_bytes(), row, crc)],
    )?;
    Ok(())
}

/// The number of a turn's row: that of the turn. Two instances may have given one number to different turns; the row of
/// the second one has its start in the upper half of its number.
fn row_of(rows: &Rows<'_>, session_id: &SessionId, message: &Message) -> Result<i64, MemoryError> {
    let (id, start_ms) = (i64::from(message.turn.id.0), message.turn.start_ms);
    let sql = "SELECT doc FROM turn WHERE sid = ?1 AND id = ?2";
    let kept = rows.one(sql, params![session_id.as_str(), id], |row| Ok(cells::bytes(row, 0)?.unwrap_or_default()))?;
    let is_it = |doc: Vec<u8>| serde_json::from_slice(&doc).is_ok_and(|kept: Message| kept.turn.start_ms == start_ms);
    if kept.is_none_or(is_it) {
        return Ok(id);
    }
    Ok((i64::try_from(start_ms).unwrap_or(i64::MAX).min(i64::from(i32::MAX)) << 32) | id)
}

/// An open call, with what was said in it. It stays with whoever has it until somebody begins it: a stream that is asked
/// for may never come.
pub(super) fn open_call(rows: &Rows<'_>, session_id: &SessionId) -> Result<Option<OpenCall>, MemoryError> {
    Ok(read(rows, session_id)?.map(|kept| kept.call))
}

/// The instances that keep calls, as their names stand there.
pub(super) fn instances(rows: &Rows<'_>) -> Result<Vec<Vec<u8>>, MemoryError> {
    rows.all("SELECT DISTINCT instance FROM call", [], |row| Ok(cells::bytes(row, 0)?.unwrap_or_default()))
}

/// Closes the calls that a dead instance has left: the session is what was said until then. A call whose row is damaged
/// is put aside, with what was said in it.
pub(super) fn close_all_of(rows: &Rows<'_>, instance: &[u8]) -> Result<Vec<SessionId>, MemoryError> {
    let calls = rows.all(&format!("{CALL} WHERE CAST(instance AS BLOB) = ?1"), params![instance], Stored::read)?;
    let mut closed = Vec::new();
    for stored in calls {
        let Some(Kept { call, instance }) = kept(rows, stored)? else { continue };
        closed.push(call.session_id.clone());
        end(rows, &call.caller.clone(), &call.interrupted(), &instance)?;
    }
    Ok(closed)
}

/// Puts turns aside that belong to no call: a damaged disk has changed the call's id, in their rows or in the call's.
pub(super) fn put_strays_aside(rows: &Rows<'_>) -> Result<(), MemoryError> {
    let sql = format!("{TURN} WHERE NOT EXISTS (SELECT 1 FROM call WHERE call.sid = turn.sid) ORDER BY sid, id");
    let mut strays: Vec<StoredTurn> = rows.all(&sql, [], StoredTurn::read)?;
    while let Some(first) = strays.first() {
        let session_id = first.session_id.clone();
        let (of_one_call, others) = strays.into_iter().partition(|turn| turn.session_id == session_id);
        strays = others;
        let mut turns = Vec::new();
        for turn in of_one_call {
            let is_sound = turn.message().is_some();
            if is_sound {
                turns.push(dead::document(turn.doc));
            } else {
                dead::put_turn_aside(rows, &session_id, b"", turn.id, &turn.doc)?;
            }
        }
        if !turns.is_empty() {
            dead::tell("a call in the journal", &session_id);
            let call = AsideCall { started: None, parameters: String::new(), instance: String::new(), turns };
            put_call_aside(rows, b"", None, &session_id, &call)?;
        }
    }
    Ok(())
}

/// Ends a call of `instance` and queues its session, with all turns that are kept of it.
///
/// A call under this id that another instance keeps, or that began at another time, stays open; `session` is queued all the
/// same.
pub(super) fn close(rows: &Rows<'_>, caller: &Caller, session: &SessionDoc, instance: &str) -> Result<(), MemoryError> {
    let same = |kept: &Kept| {
        let Kept { call, instance: keeper } = kept;
        keeper == instance && (call.started_at, &call.caller.hash) == (session.started_at, &caller.hash)
    };
    match read(rows, &session.session_id)?.filter(same) {
        Some(Kept { call, .. }) => {
            let conversation_history = merge_copies(session, &call.interrupted()).conversation_history;
            end(rows, caller, &SessionDoc { conversation_history, ..session.clone() }, instance)
        }
        None => outbox::queue_session(rows, caller, session, Some(instance)),
    }
}

/// True while a call of this id goes on here.
pub(super) fn is_open(rows: &Rows<'_>, session_id: &SessionId) -> Result<bool, MemoryError> {
    Ok(rows.one("SELECT 1 FROM call WHERE sid = ?1", params![session_id.as_str()], |_| Ok(()))?.is_some())
}

/// Makes the calls of a user another one's.
pub(super) fn rename(rows: &Rows<'_>, from: &UserId, into: &UserId) -> Result<(), MemoryError> {
    for stored in rows.all(&format!("{CALL} WHERE uid = ?1"), params![from.as_str()], Stored::read)? {
        // A damaged one stays what it is.
        let Some(Head { session_id, caller, started_at, parameters, instance }) = stored.sound() else { continue };
        let caller = Caller { user_id: into.clone(), ..caller };
        put(rows, &session_id, &caller, started_at, &parameters, &instance)?;
    }
    Ok(())
}

/// Whose an open call is, as its row has it; nothing when there is none.
pub(super) fn user_of(rows: &Rows<'_>, session_id: &SessionId) -> Result<Vec<u8>, MemoryError> {
    Ok(head_of(rows, session_id)?.map(|stored| stored.uid).unwrap_or_default())
}

/// Ends a call and queues its session, in the one transaction that `rows` is.
fn end(rows: &Rows<'_>, caller: &Caller, session: &SessionDoc, instance: &str) -> Result<(), MemoryError> {
    rows.change("DELETE FROM turn WHERE sid = ?1", params![session.session_id.as_str()])?;
    rows.change("DELETE FROM call WHERE sid = ?1", params![session.session_id.as_str()])?;
    outbox::queue_session(rows, caller, session, Some(instance))
}

/// Writes the row of a call, in the place of the one that is there.
fn put(
    rows: &Rows<'_>,
    session_id: &SessionId,
    caller: &Caller,
    started_at: u64,
    parameters: &[String],
    instance: &str,
) -> Result<(), MemoryError> {
    let parameters = serde_json::to_string(parameters).unwrap_or_default();
    let started = i64::try_from(started_at)
        .ok()
        .filter(|_| started_at <= LATEST_MS)
        .ok_or_else(|| MemoryError::Refused("the call began at a time that no call can have".to_owned()))?;
    let (uid, hash) = (caller.user_id.as_str(), caller.hash.as_ref().map(PhoneHash::as_str));
    let (hash_bytes, sid_bytes) = (hash.map(str::as_bytes), session_id.as_str().as_bytes());
    let sum = sum_of_call(sid_bytes, uid.as_bytes(), hash_bytes, started, parameters.as_bytes(), instance.as_bytes());
    rows.change(
        "INSERT OR REPLACE INTO call (sid, uid, hash, started, parameters, instance, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![session_id.as_str(), uid, hash, started, parameters, instance, sum],
    )?;
    Ok(())
}

/// A call as it is kept.
struct Kept {
    call: OpenCall,
    instance: String,
}

/// What the row of a call says.
struct Head {
    session_id: SessionId,
    caller: Caller,
    started_at: u64,
    parameters: Vec<String>,
    instance: String,
}

const CALL: &str = "SELECT sid, uid, hash, started, parameters, instance, sum FROM call";

/// The row of a call as it is, before it is believed.
struct Stored {
    session_id: Vec<u8>,
    uid: Vec<u8>,
    hash: Option<Vec<u8>>,
    started: Option<i64>,
    parameters: Vec<u8>,
    instance: Vec<u8>,
    /// `None`: an earlier version wrote it.
    sum: Option<i64>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes = |column| Ok::<_, rusqlite::Error>(cells::bytes(row, column)?.unwrap_or_default());
        Ok(Self {
            session_id: bytes(0)?,
            uid: bytes(1)?,
            hash: cells::bytes(row, 2)?,
            started: cells::whole(row, 3)?,
            parameters: bytes(4)?,
            instance: bytes(5)?,
            sum: cells::whole(row, 6)?,
        })
    }

    /// What it says; `None`: it is damaged.
    fn sound(self) -> Option<Head> {
        let Self { session_id, uid, hash, started, parameters, instance, sum } = &self;
        let started = (*started)?;
        if sum.is_some_and(|sum| sum != sum_of_call(session_id, uid, hash.as_deref(), started, parameters, instance)) {
            return None;
        }
        let hash = match hash {
            None => None,
            Some(hash) => Some(PhoneHash::parse(str::from_utf8(hash).ok()?).ok()?),
        };
        Some(Head {
            session_id: str::from_utf8(&self.session_id).ok()?.parse().ok()?,
            caller: Caller { user_id: UserId::parse(str::from_utf8(&self.uid).ok()?).ok()?, hash },
            started_at: time(started)?,
            parameters: serde_json::from_slice(&self.parameters).ok()?,
            instance: String::from_utf8(self.instance).ok().filter(|instance| is_id(instance))?,
        })
    }
}

fn sum_of_call(
    session_id: &[u8],
    uid: &[u8],
    hash: Option<&[u8]>,
    started: i64,
    parameters: &[u8],
    instance: &[u8],
) -> i64 {
    let started = started.to_be_bytes();
    sealed::sum([Some(session_id), Some(uid), hash, Some(&started[..]), Some(parameters), Some(instance)])
}

fn head_of(rows: &Rows<'_>, session_id: &SessionId) -> Result<Option<Stored>, MemoryError> {
    rows.one(&format!("{CALL} WHERE sid = ?1"), params![session_id.as_str()], Stored::read)
}

/// A call and its turns; one whose row is damaged is put aside, and is not there.
fn read(rows: &Rows<'_>, session_id: &SessionId) -> Result<Option<Kept>, MemoryError> {
    match head_of(rows, session_id)? {
        Some(stored) => kept(rows, stored),
        None => Ok(None),
    }
}

fn kept(rows: &Rows<'_>, stored: Stored) -> Result<Option<Kept>, MemoryError> {
    let Stored { session_id, uid, hash, started, parameters, instance, .. } = &stored;
    let aside = AsideCall {
        started: *started,
        parameters: cells::readable(parameters.clone()),
        instance: cells::readable(instance.clone()),
        turns: Vec::new(),
    };
    let (sid_bytes, uid, hash) = (session_id.clone(), uid.clone(), hash.clone());
    let Some(Head { session_id, caller, started_at, parameters, instance }) = stored.sound() else {
        dead::tell("a call in the journal", &sid_bytes);
        let mut stored = turns_of(rows, &sid_bytes)?;
        stored.sort_by_key(|turn| turn.id);
        let turns = stored.into_iter().map(|turn| dead::document(turn.doc)).collect();
        put_call_aside(rows, &uid, hash.as_deref(), &sid_bytes, &AsideCall { turns, ..aside })?;
        return Ok(None);
    };
    let turns = turns(rows, &session_id, &uid)?;
    Ok(Some(Kept {
        call: OpenCall { session_id, caller, started_at, parameters, turns, summary: String::new() },
        instance,
    }))
}

/// Puts a call aside with its turns.
fn put_call_aside(
    rows: &Rows<'_>,
    uid: &[u8],
    hash: Option<&[u8]>,
    session_id: &[u8],
    call: &AsideCall,
) -> Result<(), MemoryError> {
    let body =
        serde_json::to_vec(call).map_err(|_| MemoryError::Refused("the call cannot be written as JSON".to_owned()))?;
    dead::put_aside(rows, &Aside { kind: "call", uid, hash, session_id, body: &body, reason: DAMAGED })?;
    rows.change("DELETE FROM turn WHERE CAST(sid AS BLOB) = ?1", params![session_id])?;
    rows.change("DELETE FROM call WHERE CAST(sid AS BLOB) = ?1", params![session_id])?;
    Ok(())
}

const TURN: &str = "SELECT sid, id, doc, crc, sum FROM turn";

/// The row of a turn as it is, before it is believed.
struct StoredTurn {
    session_id: Vec<u8>,
    id: Option<i64>,
    doc: Vec<u8>,
    crc: Option<i64>,
    /// `None`: an earlier version wrote it.
    sum: Option<i64>,
}

impl StoredTurn {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            session_id: cells::bytes(row, 0)?.unwrap_or_default(),
            id: cells::whole(row, 1)?,
            doc: cells::bytes(row, 2)?.unwrap_or_default(),
            crc: cells::whole(row, 3)?,
            sum: cells::whole(row, 4)?,
        })
    }

    /// The turn; `None`: the row is damaged.
    fn message(&self) -> Option<Message> {
        let (id, crc) = (self.id?, self.crc?);
        let is_sound = i64::from(crc32fast::hash(&self.doc)) == crc
            && self.sum.is_none_or(|sum| sum == sum_of_turn(&self.session_id, id, crc));
        is_sound.then(|| serde_json::from_slice(&self.doc).ok()).flatten()
    }
}

/// The words are in it by way of their own checksum.
fn sum_of_turn(session_id: &[u8], id: i64, crc: i64) -> i64 {
    sealed::sum([Some(session_id), Some(&id.to_be_bytes()[..]), Some(&crc.to_be_bytes()[..])])
}

fn turns_of(rows: &Rows<'_>, session_id: &[u8]) -> Result<Vec<StoredTurn>, MemoryError> {
    match str::from_utf8(session_id) {
        Ok(session_id) => {
            rows.all(&format!("{TURN} WHERE sid = ?1 ORDER BY id"), params![session_id], StoredTurn::read)
        }
        Err(_) => rows.all(&format!("{TURN} WHERE CAST(sid AS BLOB) = ?1"), params![session_id], StoredTurn::read),
    }
}

/// The turns of a call, without those whose rows are damaged: these are put aside, and said.
fn turns(rows: &Rows<'_>, session_id: &SessionId, uid: &[u8]) -> Result<Vec<Message>, MemoryError> {
    let stored = turns_of(rows, session_id.as_str().as_bytes())?;
    let mut turns = Vec::with_capacity(stored.len());
    for turn in stored {
        match turn.message() {
            Some(message) => turns.push(message),
            None => dead::put_turn_aside(rows, session_id.as_str().as_bytes(), uid, turn.id, &turn.doc)?,
        }
    }
    // In their order, which is not that of the rows where two instances have numbered turns alike.
    Ok(merge_turns(&turns, &[]))
}
