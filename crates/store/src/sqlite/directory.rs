//! The operators' side of the SQLite store.
//!
//! After an erasure the log is emptied before the answer: what is deleted is overwritten in the database, but would stay
//! readable in the log until the next checkpoint.

use async_trait::async_trait;
use redial_identity::{PhoneHash, UserId};
use redial_memory::model::Profile;
use redial_memory::session_id::SessionId;
use rusqlite::{Row, params};

use super::super::directory::local::{self, DirectoryRecords};
use super::super::directory::{Directory, Erased, Figures, Listing, Page, ProfileChange, SessionEntry, UserEntry};
use super::super::rules::{NEVER, Records, SessionRecord};
use super::super::store::MemoryError;
use super::rows::Rows;
use super::{OTHERS_WITHIN, SqliteStore, cells};

impl SqliteStore {
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Rows<'_>) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        self.database.ask(OTHERS_WITHIN, work).await
    }
}

#[async_trait]
impl Directory for SqliteStore {
    async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        let hash = hash.clone();
        self.ask(move |rows| rows.user_of(&hash)).await
    }

    async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
        let (settings, hash, user) = (self.settings.clone(), hash.clone(), user.cloned());
        self.ask(move |rows| local::assign(rows, &settings, rows.now, &hash, user.as_ref())).await
    }

    async fn numbers(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        let user = user.clone();
        self.ask(move |rows| rows.numbers_of(&user)).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserEntry>, MemoryError> {
        let user = user.clone();
        self.ask(move |rows| local::user(rows, rows.now, &user)).await
    }

    async fn users(&self, page: Page) -> Result<Listing<UserId>, MemoryError> {
        self.ask(move |rows| local::users(rows, &page)).await
    }

    async fn sessions(&self, page: Page) -> Result<Listing<SessionId>, MemoryError> {
        self.ask(move |rows| local::sessions(rows, &page)).await
    }

    async fn session_entry(&self, session_id: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
        let session_id = session_id.clone();
        self.ask(move |rows| local::session_entry(rows, rows.now, &session_id)).await
    }

    async fn clear_session(&self, session_id: &SessionId) -> Result<bool, MemoryError> {
        let session_id = session_id.clone();
        self.ask(move |rows| {
            rows.leave_no_log();
            local::clear_session(rows, &session_id)
        })
        .await
    }

    async fn change_profile(
        &self,
        user: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        let (user, document) = (user.clone(), local::profile_document(profile)?);
        self.ask(move |rows| local::change_profile(rows, &user, base_revision, &document)).await
    }

    async fn merge_users(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base_revision: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        local::check_two(absorbed, into)?;
        let (absorbed, into, document) = (absorbed.clone(), into.clone(), local::profile_document(profile)?);
        self.ask(move |rows| local::merge_users(rows, &absorbed, &into, base_revision, &document)).await
    }

    async fn erase(&self, user: &UserId) -> Result<Erased, MemoryError> {
        let user = user.clone();
        self.ask(move |rows| {
            rows.leave_no_log();
            local::erase(rows, rows.now, &user)
        })
        .await
    }

    async fn erased_among(&self, users: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
        let users = users.to_vec();
        self.ask(move |rows| local::erased_among(rows, &users)).await
    }

    async fn figures(&self) -> Result<Figures, MemoryError> {
        let users_are_kept = self.settings.profile_ttl.is_none();
        self.ask(move |rows| rows.figures(users_are_kept)).await
    }

    async fn clear(&self) -> Result<u64, MemoryError> {
        self.ask(|rows| {
            rows.leave_no_log();
            rows.clear()
        })
        .await
    }
}

impl Rows<'_> {
    fn figures(&self, users_are_kept: bool) -> Result<Figures, MemoryError> {
        let alive = |table: &str| self.number(&format!("SELECT count(*) FROM {table} WHERE expires > {}", self.now));
        let kept = |table: &str| self.number(&format!("SELECT count(*) FROM {table} WHERE expires = {NEVER}"));
        let of_users = if users_are_kept { 0 } else { kept("phone")? + kept("user")? };
        Ok(Figures {
            users: alive("user")?,
            numbers: alive("phone")?,
            sessions: alive("session")?,
            without_ttl: of_users + kept("session")? + kept("done")? + kept("gone")?,
            bytes: Some(self.number("PRAGMA page_count")?.saturating_mul(self.number("PRAGMA page_size")?)),
        })
    }

    fn number(&self, sql: &str) -> Result<u64, MemoryError> {
        Ok(self.one(sql, [], |row| row.get(0))?.unwrap_or(0))
    }
}

impl DirectoryRecords for Rows<'_> {
    fn numbers_of(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        let sql = "SELECT hash FROM phone WHERE uid = ?1 AND expires > ?2";
        let hashes = self.all(sql, params![user.as_str(), self.now], first_text)?;
        // One that is damaged leads nobody here any more, and keeps nobody from the others.
        Ok(hashes.iter().filter_map(|hash| PhoneHash::parse(hash).ok()).collect())
    }

    fn remove_mapping(&mut self, hash: &PhoneHash) -> Result<(), MemoryError> {
        self.write("DELETE FROM phone WHERE hash = ?1", params![hash.as_str()])
    }

    fn hand_numbers_over(&mut self, from: &UserId, to: &UserId) -> Result<(), MemoryError> {
        self.write("UPDATE phone SET uid = ?2 WHERE uid = ?1", params![from.as_str(), to.as_str()])
    }

    fn user_expires_at(&self, user: &UserId) -> Result<Option<u64>, MemoryError> {
        let sql = "SELECT expires FROM user WHERE uid = ?1 AND expires > ?2";
        self.one(sql, params![user.as_str(), self.now], |row| row.get(0))
    }

    fn index_of(&self, user: &UserId) -> Result<Vec<(SessionId, u64)>, MemoryError> {
        let sql = "SELECT sid, ended FROM seen WHERE uid = ?1 ORDER BY ended DESC, sid DESC";
        let index = self.all(sql, params![user.as_str()], |row| {
            Ok((
                cells::session_id(row, 0)?,
                cells::whole(row, 1)?.and_then(|ended| u64::try_from(ended).ok()).unwrap_or_default(),
            ))
        })?;
        Ok(index.into_iter().filter_map(|(session_id, ended)| Some((session_id?, ended))).collect())
    }

    fn users_after(&self, after: &str, limit: usize) -> Result<Vec<UserId>, MemoryError> {
        let sql = "SELECT uid FROM user WHERE uid > ?1 AND expires > ?2 ORDER BY uid LIMIT ?3";
        let users = self.all(sql, params![after, self.now, to_i64(limit)], first_text)?;
        Ok(users.iter().filter_map(|user| UserId::parse(user).ok()).collect())
    }

    fn sessions_after(&self, after: &str, limit: usize) -> Result<Vec<SessionId>, MemoryError> {
        let sql = "SELECT sid FROM session WHERE sid > ?1 AND expires > ?2 ORDER BY sid LIMIT ?3";
        // One that is damaged is listed too: a page that lacks one would be taken for the last.
        self.all(sql, params![after, self.now, to_i64(limit)], |row| Ok(SessionId::named(&first_text(row)?)))
    }

    fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionId>, MemoryError> {
        let sql = "SELECT sid FROM session WHERE uid = ?1";
        let session_ids = self.all(sql, params![user.as_str()], |row| cells::session_id(row, 0))?;
        Ok(session_ids.into_iter().flatten().collect())
    }

    fn replace_session(&mut self, session_id: &SessionId, record: &SessionRecord) -> Result<(), MemoryError> {
        let SessionRecord { user_id, document, ended_at } = record;
        let sql = "UPDATE session SET uid = ?2, doc = ?3, ended = ?4 WHERE sid = ?1";
        self.write(sql, params![session_id.as_str(), user_id.as_str(), document, ended_at])
    }

    fn session_expires_at(&self, session_id: &SessionId) -> Result<Option<u64>, MemoryError> {
        self.one(
            "SELECT expires FROM session WHERE sid = ?1 AND expires > ?2",
            params![session_id.as_str(), self.now],
            |row| row.get(0),
        )
    }

    fn remove_session(&mut self, session_id: &SessionId) -> Result<(), MemoryError> {
        self.write("DELETE FROM session WHERE sid = ?1", params![session_id.as_str()])
    }

    fn remove_index_entry(&mut self, user: &UserId, session_id: &SessionId) -> Result<(), MemoryError> {
        self.write("DELETE FROM seen WHERE uid = ?1 AND sid = ?2", params![user.as_str(), session_id.as_str()])
    }

    fn remove_marker(&mut self, session_id: &SessionId) -> Result<(), MemoryError> {
        self.write("DELETE FROM done WHERE sid = ?1", params![session_id.as_str()])
    }

    fn remove_user(&mut self, user: &UserId) -> Result<(), MemoryError> {
        for table in ["phone", "user", "seen", "session"] {
            self.write(&format!("DELETE FROM {table} WHERE uid = ?1"), params![user.as_str()])?;
        }
        Ok(())
    }

    fn put_gone(&mut self, user: &UserId, expires_at: u64) -> Result<(), MemoryError> {
        let sql = "INSERT INTO gone (uid, expires) VALUES (?1, ?2)
                   ON CONFLICT (uid) DO UPDATE SET expires = excluded.expires";
        self.write(sql, params![user.as_str(), expires_at])
    }

    fn clear(&mut self) -> Result<u64, MemoryError> {
        let mut rows = 0;
        for table in ["phone", "user", "seen", "session", "done"] {
            rows += self.number(&format!("SELECT count(*) FROM {table}"))?;
            self.write(&format!("DELETE FROM {table}"), [])?;
        }
        Ok(rows)
    }
}

/// A text; one that is damaged is shown as what it is, and is no id.
fn first_text(row: &Row<'_>) -> rusqlite::Result<String> {
    Ok(cells::readable(cells::bytes(row, 0)?.unwrap_or_default()))
}

fn to_i64(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
