//! Whether the store's server still has what it took. Each outbox leaves a mark there that grows with its deliveries: when
//! it is gone, or lower than it was, the server was emptied or went back to a snapshot, though it may be the same process
//! with the same run id all the while.

use rusqlite::params;
use uuid::Uuid;

use crate::sqlite::{Rows, cells};
use crate::store::{Mark, MemoryError};

/// The mark, as far as it is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Of this outbox, for ever.
    pub(super) name: String,
    value: u64,
    expected: bool,
}

impl Known {
    /// Whether what was found at the server means that it has forgotten.
    pub(super) fn is_contradicted_by(&self, found: Mark) -> bool {
        let has_less = match found {
            Mark::None => false,
            Mark::Missing => true,
            Mark::At(found) => found < self.value,
        };
        self.expected && has_less
    }

    pub(super) fn next(&self) -> u64 {
        self.value.saturating_add(1)
    }
}

/// What is known; a name is made at first.
pub(super) fn read(rows: &Rows<'_>) -> Result<Known, MemoryError> {
    rows.change(
        "INSERT OR IGNORE INTO mark (one, name, value, expected, generation) VALUES (1, ?1, 0, 0, 0)",
        params![Uuid::new_v4().simple().to_string()],
    )?;
    let known = rows.one("SELECT name, value, expected FROM mark", [], |row| {
        Ok(Known { name: row.get(0)?, value: row.get(1)?, expected: row.get(2)? })
    })?;
    known.ok_or_else(|| rows.damaged("the mark of the outbox is missing"))
}

/// Notes a mark that the server has by now.
pub(super) fn is_at(rows: &Rows<'_>, value: u64) -> Result<(), MemoryError> {
    rows.change("UPDATE mark SET value = ?1, expected = 1", params![value]).map(drop)
}

/// How often the server has forgotten: a delivery that began before counts for nothing after.
pub(super) fn generation(rows: &Rows<'_>) -> Result<u64, MemoryError> {
    Ok(rows.one("SELECT generation FROM mark", [], |row| row.get(0))?.unwrap_or(0))
}

/// The server that took the deliveries so far.
pub(super) fn server(rows: &Rows<'_>) -> Result<Option<String>, MemoryError> {
    // One that cannot be read is another one: what was delivered lately is sent again.
    let id = rows.one("SELECT id FROM server", [], |row| cells::bytes(row, 0))?.flatten();
    Ok(id.map(cells::readable))
}

/// Notes the server that takes the deliveries from now on.
pub(super) fn set_server(rows: &Rows<'_>, id: &str) -> Result<(), MemoryError> {
    rows.change("INSERT OR REPLACE INTO server (one, id) VALUES (1, ?1)", params![id])?;
    Ok(())
}
