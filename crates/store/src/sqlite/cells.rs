//! Values of a row as they are: a bad disk, or somebody's hand, may have made anything of them, and one such value must
//! not fail the query that finds all others.

use redial_memory::session_id::SessionId;
use rusqlite::Row;
use rusqlite::types::ValueRef;

/// The bytes of a value of any type; `None`: NULL.
pub(crate) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
        ValueRef::Integer(number) => Some(number.to_string().into_bytes()),
        ValueRef::Real(number) => Some(number.to_string().into_bytes()),
    })
}

/// The id of a session; `None`: something else.
pub(crate) fn session_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<SessionId>> {
    Ok(bytes(row, column)?.and_then(|bytes| str::from_utf8(&bytes).ok()?.parse().ok()))
}

/// The most rows that a query answers with, as SQLite takes it.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A whole number; `None`: something else.
pub(crate) fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    })
}

/// Bytes for a person to read: text as it is, all else in hex.
pub(crate) fn readable(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|none| format!("hex:{}", hex::encode(none.as_bytes())))
}
