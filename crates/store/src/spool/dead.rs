//! What cannot be delivered, or read, as rows: put aside with the reason and its bytes as they are, until somebody decides.

use redial_memory::session_id::SessionId;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::error;

use crate::sqlite::{Rows, cells};
use crate::store::MemoryError;

/// Why a row is not believed.
pub(super) const DAMAGED: &str = "its checksum does not fit: the disk has changed it; check the disk, read the entry, then \
                                  retry it as it is, or drop it";

/// An entry that cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Its number.
    pub seq: i64,
    /// What was to be done; `turn` and `call` for rows of the journal.
    pub kind: String,
    /// Whose it is. What is no text is shown in hex, as `hex:…`, here and in the next two.
    pub user_id: String,
    /// The session.
    pub session_id: String,
    /// The session as JSON; for a row that was damaged, what is there.
    pub body: String,
    /// Why, and the way out.
    pub reason: String,
    /// Since when, Unix ms.
    pub parked_at: u64,
}

/// A number for a row that has none in the outbox, or whose number is taken: an earlier one is not written over.
const FREE: &str = "(SELECT min(0, coalesce(min(seq), 0)) - 1 FROM dead)";

/// Puts an entry of the outbox aside, as it is.
pub(super) fn park(rows: &Rows<'_>, seq: i64, reason: &str) -> Result<(), MemoryError> {
    rows.change(
        &format!(
            "INSERT INTO dead (seq, kind, uid, hash, sid, body, reason, parked)
             SELECT iif(EXISTS (SELECT 1 FROM dead WHERE seq = ?1), {FREE}, seq), kind, uid, hash, sid, body, ?2, ?3
             FROM outbox WHERE seq = ?1"
        ),
        params![seq, reason, rows.now],
    )?;
    rows.change("DELETE FROM outbox WHERE seq = ?1", params![seq])?;
    Ok(())
}

/// Something that is put aside without having been in the outbox.
pub(super) struct Aside<'a> {
    pub(super) kind: &'a str,
    pub(super) uid: &'a [u8],
    pub(super) hash: Option<&'a [u8]>,
    pub(super) session_id: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) reason: &'a str,
}

/// Puts something aside; its texts are kept byte by byte, whether they are text or not.
pub(super) fn put_aside(rows: &Rows<'_>, aside: &Aside<'_>) -> Result<(), MemoryError> {
    let Aside { kind, uid, hash, session_id, body, reason } = aside;
    rows.change(
        &format!(
            "INSERT INTO dead (seq, kind, uid, hash, sid, body, reason, parked)
             VALUES ({FREE}, ?1, CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS TEXT), CAST(?5 AS TEXT), ?6, ?7)"
        ),
        params![kind, uid, hash, session_id, body, reason, rows.now],
    )?;
    Ok(())
}

/// Counts and tells a row that is not believed.
pub(super) fn tell(what: &str, session_id: &[u8]) {
    metrics::counter!("redial_damaged_rows_total").increment(1);
    // Only what is an id for certain is written to a log.
    let session_id = str::from_utf8(session_id).ok().and_then(|id| id.parse::<SessionId>().ok());
    error!(
        call.sid = session_id.as_ref().map_or("?", SessionId::as_str),
        "{what} is damaged and is put aside; see `redial memory dead`"
    );
}

/// A call of the journal, put aside with all that was said in it.
#[derive(Serialize, Deserialize)]
pub(super) struct AsideCall {
    /// Unix ms, if it is a number at all.
    pub(super) started: Option<i64>,
    pub(super) parameters: String,
    pub(super) instance: String,
    /// Each as its row has it: JSON, or what is left of it.
    pub(super) turns: Vec<Value>,
}

/// A document for a person to read: JSON where it is, else text, else hex.
pub(super) fn document(bytes: Vec<u8>) -> Value {
    serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(cells::readable(bytes)))
}

const COLUMNS: &str = "SELECT seq, kind, uid, sid, body, reason, parked FROM dead";

fn read(row: &Row<'_>) -> rusqlite::Result<Dead> {
    let text = |column| cells::bytes(row, column).map(|bytes| cells::readable(bytes.unwrap_or_default()));
    Ok(Dead {
        seq: cells::whole(row, 0)?.unwrap_or_default(),
        kind: text(1)?,
        user_id: text(2)?,
        session_id: text(3)?,
        body: text(4)?,
        reason: text(5)?,
        parked_at: cells::whole(row, 6)?.and_then(|at| u64::try_from(at).ok()).unwrap_or_default(),
    })
}

/// Entries that cannot be delivered, oldest first.
pub(super) fn list(rows: &Rows<'_>, limit: usize) -> Result<Vec<Dead>, MemoryError> {
    rows.all(&format!("{COLUMNS} ORDER BY parked, seq LIMIT ?1"), params![cells::limit(limit)], read)
}

/// One of them.
pub(super) fn one(rows: &Rows<'_>, seq: i64) -> Result<Option<Dead>, MemoryError> {
    rows.one(&format!("{COLUMNS} WHERE seq = ?1"), params![seq], read)
}

/// Throws a dead entry away.
pub(super) fn drop_one(rows: &Rows<'_>, seq: i64) -> Result<bool, MemoryError> {
    Ok(rows.change("DELETE FROM dead WHERE seq = ?1", params![seq])? > 0)
}

/// Puts a turn aside that its call goes on without.
pub(super) fn put_turn_aside(
    rows: &Rows<'_>,
    session_id: &[u8],
    uid: &[u8],
    id: Option<i64>,
    doc: &[u8],
) -> Result<(), MemoryError> {
    tell("a turn in the journal", session_id);
    put_aside(rows, &Aside { kind: "turn", uid, hash: None, session_id, body: doc, reason: DAMAGED })?;
    rows.change("DELETE FROM turn WHERE CAST(sid AS BLOB) = ?1 AND id IS ?2", params![session_id, id])?;
    Ok(())
}
