//! The records as rows of one transaction.

use std::cell::Cell;
use std::path::Path;

use redial_identity::{PhoneHash, UserId};
use redial_memory::digest::SessionDigest;
use redial_memory::session_id::SessionId;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::super::rules::{Marker, Records, SessionRecord, UserRecord};
use super::super::store::MemoryError;
use super::file;

/// The rows as of `now`, within the transaction that `connection` is in.
pub(crate) struct Rows<'a> {
    pub(crate) connection: &'a Connection,
    /// Unix ms.
    pub(crate) now: u64,
    /// For errors.
    pub(crate) path: &'a Path,
    /// Set when the log is to be emptied once the transaction is on the disk.
    pub(super) empties_log: &'a Cell<bool>,
}

impl Rows<'_> {
    /// Checks that the file can be read.
    pub(super) fn answers(&self) -> Result<(), MemoryError> {
        self.one("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map(|_| ())
    }

    /// Has the log emptied before anybody in this transaction is answered: what was deleted would stay readable there.
    pub(crate) fn leave_no_log(&self) {
        self.empties_log.set(true);
    }

    /// The first row of an answer.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, MemoryError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, read).optional())
            .map_err(|error| file::failed_since(self.path, &error))
    }

    /// All rows of an answer.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, MemoryError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, read)?.collect())
            .map_err(|error| file::failed_since(self.path, &error))
    }

    /// Writes.
    pub(super) fn write(&self, sql: &str, params: impl Params) -> Result<(), MemoryError> {
        self.change(sql, params).map(drop)
    }

    /// Writes, and answers how many rows that touched.
    pub(crate) fn change(&self, sql: &str, params: impl Params) -> Result<usize, MemoryError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(|error| file::failed_since(self.path, &error))
    }

    /// A user id that was stored; somebody may have edited the file.
    pub(crate) fn user_id(&self, text: &str) -> Result<UserId, MemoryError> {
        UserId::parse(text).map_err(|_| self.damaged("a user id in it is not an id"))
    }

    pub(crate) fn damaged(&self, what: &str) -> MemoryError {
        MemoryError::WrongShape { key: self.path.display().to_string(), advice: format!("{what}; restore a backup") }
    }
}

impl Records for Rows<'_> {
    fn is_gone(&self, user: &UserId) -> Result<bool, MemoryError> {
        let sql = "SELECT 1 FROM gone WHERE uid = ?1 AND expires > ?2";
        Ok(self.one(sql, params![user.as_str(), self.now], |_| Ok(()))?.is_some())
    }

    fn user_of(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        let sql = "SELECT uid FROM phone WHERE hash = ?1 AND expires > ?2";
        let uid = self.one(sql, params![hash.as_str(), self.now], |row| row.get::<_, String>(0))?;
        uid.map(|uid| self.user_id(&uid)).transpose()
    }

    fn put_mapping(&mut self, hash: &PhoneHash, user: &UserId, expires_at: u64) -> Result<(), MemoryError> {
        let sql = "INSERT INTO phone (hash, uid, expires) VALUES (?1, ?2, ?3)
                   ON CONFLICT (hash) DO UPDATE SET uid = excluded.uid, expires = excluded.expires";
        self.write(sql, params![hash.as_str(), user.as_str(), expires_at])
    }

    fn user(&self, user: &UserId) -> Result<Option<UserRecord>, MemoryError> {
        let sql = "SELECT v, rev, doc, calls, last FROM user WHERE uid = ?1 AND expires > ?2";
        self.one(sql, params![user.as_str(), self.now], |row| {
            Ok(UserRecord {
                v: row.get(0)?,
                revision: row.get(1)?,
                profile: row.get(2)?,
                calls: row.get(3)?,
                last_call_at: row.get(4)?,
            })
        })
    }

    fn put_user(&mut self, user: &UserId, record: &UserRecord, expires_at: u64) -> Result<(), MemoryError> {
        let sql = "INSERT INTO user (uid, v, rev, doc, calls, last, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (uid) DO UPDATE SET v = excluded.v, rev = excluded.rev, doc = excluded.doc,
                   calls = excluded.calls, last = excluded.last, expires = excluded.expires";
        let UserRecord { v, revision, profile, calls, last_call_at } = record;
        self.write(sql, params![user.as_str(), v, revision, profile, calls, last_call_at, expires_at])
    }

    fn keep_user(&mut self, user: &UserId, expires_at: u64) -> Result<(), MemoryError> {
        self.write("UPDATE user SET expires = ?2 WHERE uid = ?1", params![user.as_str(), expires_at])
    }

    fn put_index_entry(&mut self, user: &UserId, session_id: &SessionId, ended_at: u64) -> Result<(), MemoryError> {
        let sql = "INSERT INTO seen (uid, sid, ended) VALUES (?1, ?2, ?3)
                   ON CONFLICT (uid, sid) DO UPDATE SET ended = excluded.ended";
        self.write(sql, params![user.as_str(), session_id.as_str(), ended_at])
    }

    fn trim_index(&mut self, user: &UserId, keep: usize) -> Result<(), MemoryError> {
        let sql = "DELETE FROM seen WHERE uid = ?1
                   AND sid IN (SELECT sid FROM seen WHERE uid = ?1 ORDER BY ended DESC, sid DESC LIMIT -1 OFFSET ?2)
                   AND sid NOT IN (SELECT sid FROM session WHERE sid = seen.sid AND expires > ?3)";
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.write(sql, params![user.as_str(), keep, self.now])
    }

    fn clear_index(&mut self, user: &UserId) -> Result<(), MemoryError> {
        self.write("DELETE FROM seen WHERE uid = ?1", params![user.as_str()])
    }

    fn session(&self, session_id: &SessionId) -> Result<Option<SessionRecord>, MemoryError> {
        let sql = "SELECT uid, doc, ended FROM session WHERE sid = ?1 AND expires > ?2";
        let row = self.one(sql, params![session_id.as_str(), self.now], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
        })?;
        row.map(|(uid, document, ended_at)| Ok(SessionRecord { user_id: self.user_id(&uid)?, document, ended_at }))
            .transpose()
    }

    fn put_session(
        &mut self,
        session_id: &SessionId,
        record: &SessionRecord,
        expires_at: u64,
    ) -> Result<(), MemoryError> {
        let sql = "INSERT INTO session (sid, uid, doc, ended, expires) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (sid) DO UPDATE SET uid = excluded.uid, doc = excluded.doc, ended = excluded.ended,
                   expires = excluded.expires";
        let SessionRecord { user_id, document, ended_at } = record;
        self.write(sql, params![session_id.as_str(), user_id.as_str(), document, ended_at, expires_at])
    }

    fn marker(&self, session_id: &SessionId) -> Result<Option<Marker>, MemoryError> {
        let sql = "SELECT digest, turns, merged FROM done WHERE sid = ?1 AND expires > ?2";
        self.one(sql, params![session_id.as_str(), self.now], |row| {
            Ok(Marker { digest: SessionDigest::from_bytes(row.get(0)?), turns: row.get(1)?, merged: row.get(2)? })
        })
    }

    fn put_marker(&mut self, session_id: &SessionId, marker: &Marker, expires_at: u64) -> Result<(), MemoryError> {
        let sql = "INSERT INTO done (sid, digest, turns, merged, expires) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (sid) DO UPDATE SET digest = excluded.digest, turns = excluded.turns,
                   merged = excluded.merged, expires = excluded.expires";
        let Marker { digest, turns, merged } = marker;
        self.write(sql, params![session_id.as_str(), digest.as_bytes(), turns, merged, expires_at])
    }
}
