//! What the gateway's file says about its outbox, read beside the running gateway.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

/// Counts of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Outbox {
    /// Calls in the journal.
    pub(crate) open: u64,
    /// Entries to be delivered.
    pub(crate) waiting: u64,
    /// Entries put aside.
    pub(crate) dead: u64,
}

impl Outbox {
    pub(crate) fn of(data_dir: &Path) -> Self {
        let sql = "SELECT (SELECT count(*) FROM call), (SELECT count(*) FROM outbox WHERE delivered IS NULL),
                          (SELECT count(*) FROM dead)";
        open(data_dir)
            .query_row(sql, [], |row| Ok(Self { open: row.get(0)?, waiting: row.get(1)?, dead: row.get(2)? }))
            .unwrap()
    }

    /// The sum of two gateways'.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { open: self.open + other.open, waiting: self.waiting + other.waiting, dead: self.dead + other.dead }
    }

    /// When the first delivery after a time was acknowledged; both Unix ms.
    pub(crate) fn first_delivery_since(data_dir: &Path, since: u64) -> Option<u64> {
        let sql = "SELECT min(delivered) FROM outbox WHERE delivered >= ?1";
        open(data_dir).query_row(sql, params![since], |row| row.get(0)).unwrap()
    }
}

fn open(data_dir: &Path) -> Connection {
    Connection::open_with_flags(data_dir.join("redial.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}
